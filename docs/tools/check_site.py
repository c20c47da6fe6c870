"""Check the built site: links, anchors, pictures, no address on the network, and no page too wide.

    python docs/tools/check_site.py docs/_build/html [--screenshots FOLDER]

Links are checked in the files. Pictures, widths and the search are checked in headless Chromium,
at the width of a desktop and of a phone, over ``file://``: the site needs no server.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTHS = {"desktop": 1280, "phone": 390}
FETCHED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src")}
LOOK_AT_PAGE = """(() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    widest: [...document.querySelectorAll('body *')].filter(
        e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    ).map(e => e.tagName + '.' + e.className).slice(0, 5),
    missing: [...document.images].filter(i => i.src && !i.naturalWidth).map(i => i.src),
}))()"""


class Page(HTMLParser):
    """The links, pictures and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = {"", "top"}
        self.links: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note ids, and everything that refers to something else."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append((tag, name, value))


def pages_of(root: Path) -> list[Path]:
    """The pages of the site; `_static` has templates of the theme, which are not pages."""
    return sorted(path for path in root.rglob("*.html") if "_static" not in path.parts)


def wrong_links(root: Path) -> Iterator[str]:
    """Links to files or anchors that are not there, and files that come from the network."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in pages_of(root)}
    for path, page in pages.items():
        here = path.relative_to(root)
        for tag, name, link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if (tag, name) in FETCHED and parts.scheme != "data":
                    yield f"{here}: fetches {link}"
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if not target.exists():
                yield f"{here}: no file for {link}"
            elif target.is_dir():
                yield f"{here}: {link} is a folder, which opens only on a server"
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{here}: no anchor for {link}"
    for sheet in root.rglob("*.css"):
        if "url(http" in sheet.read_text(encoding="utf-8", errors="replace").replace('"', ""):
            yield f"{sheet.relative_to(root)}: fetches from the network"


class Browser:
    """A page of headless Chromium, spoken to by the DevTools protocol."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.numbers = itertools.count(1)

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls) -> Any:
        """Start Chromium with a profile of its own, and end it."""
        from tornado.httpclient import AsyncHTTPClient
        from tornado.websocket import websocket_connect

        program = next(filter(None, map(shutil.which, BROWSERS)), None)
        if program is None:
            raise SystemExit(f"no browser found; looked for {', '.join(BROWSERS)}")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            options += ["--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
            process = subprocess.Popen(
                [program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                port = await _port(Path(profile), process)
                answer = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/json")
                pages = [page for page in json.loads(answer.body) if page["type"] == "page"]
                address = pages[0]["webSocketDebuggerUrl"]
                yield cls(await websocket_connect(address, max_message_size=2**27))
            finally:
                process.terminate()
                process.wait()

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        number = next(self.numbers)
        await self.connection.write_message(
            json.dumps({"id": number, "method": method, "params": params})
        )
        while True:
            message = json.loads(await self.connection.read_message())
            if message.get("id") == number:
                return dict(message.get("result", {}))

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript, waited for if it is a promise."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        return answer["result"].get("value")

    async def open(self, address: str, width: int, height: int = 900) -> None:
        """Open a page at a width and wait until all of it is loaded."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        await self.call("Page.navigate", url=address)
        loaded = f"location.href.split('#')[0] == {json.dumps(address.split('#')[0])}"
        for _ in range(200):
            if await self.evaluate(f"{loaded} && document.readyState == 'complete'"):
                # Pictures far down the page are loaded only when they are scrolled to.
                await self.evaluate(
                    "Promise.all([...document.images].map(i => (i.loading = 'eager',"
                    " i.complete || new Promise(r => {i.onload = i.onerror = r}))))"
                )
                return
            await asyncio.sleep(0.05)
        raise SystemExit(f"{address} was not loaded within ten seconds")


async def _port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    for _ in range(400):
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((profile / "DevToolsActivePort").read_text().split()[0])
        if process.poll() is not None:
            break
        await asyncio.sleep(0.05)
    raise SystemExit("the browser did not start")


async def wrong_pages(root: Path, screenshots: Path | None) -> list[str]:
    """What a reader would see wrong: missing pictures, pages wider than the screen, no search."""
    found = []
    async with Browser.start() as browser:
        for path in pages_of(root):
            for name, width in WIDTHS.items():
                await browser.open(path.as_uri(), width)
                seen = await browser.evaluate(LOOK_AT_PAGE)
                here = f"{path.relative_to(root)} ({name})"
                found += [f"{here}: missing picture {picture}" for picture in seen["missing"]]
                if seen["wide"] > 0:
                    found.append(f"{here}: {seen['wide']} pixels too wide: {seen['widest']}")
                if screenshots is not None:
                    place = "-".join(path.relative_to(root).with_suffix("").parts)
                    await _shoot(browser, screenshots / f"{place}-{name}.png")
        await browser.open(f"{(root / 'search.html').as_uri()}?q=sparsify", WIDTHS["desktop"])
        for _ in range(100):
            if await browser.evaluate("document.querySelectorAll('#search-results li').length"):
                break
            await asyncio.sleep(0.1)
        else:
            found.append("search.html: no result for sparsify within ten seconds")
    return found


async def _shoot(browser: Browser, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = await browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
    path.write_bytes(base64.b64decode(picture["data"]))


def main() -> int:
    """Run all checks; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--screenshots", type=Path)
    options = parser.parse_args()
    root = options.root.resolve()
    found = sorted(set(wrong_links(root)))
    found += asyncio.run(wrong_pages(root, options.screenshots))
    for line in found:
        print(line)
    pages = len(pages_of(root))
    print(f"{pages} pages, {len(found)} faults", file=sys.stderr)
    return 1 if found or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
