"""Get the raw files of a data set, whole or not at all, and never wait forever.

The loaders of PyG and ogb can download by themselves, but PyG's does not check certificates, leaves
half a file behind when it is interrupted and waits as long as a silent network pleases; ogb's asks
questions on standard input. So files are put in place here, before a loader is called.
"""

from __future__ import annotations

import http.client
import logging
import os
import queue
import shutil
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path
from typing import Any

from wis.datasets.raw_files import RawFiles
from wis.datasets.roots import OFFLINE_VARIABLE, is_offline
from wis.errors import MissingDataError, WisError
from wis.io.atomic import atomic_write
from wis.progress import progress_bar

ANSWER_S = 20.0
"""How long to wait for the next bytes of a server; twice that for its first answer."""

CHUNK_BYTES = 1 << 20

_log = logging.getLogger(__name__)


def ensure(name: str, files: RawFiles, root: Path) -> None:
    """Download those files of a data set that are missing.

    Args:
        name: The data set, for messages.
        files: What it consists of.
        root: The data root.

    Raises:
        MissingDataError: Files are missing and cannot be downloaded; it says which, and where to
            put them.
    """
    if not files.missing(root):
        return
    try:
        _download(name, files, root)
        reason = "the archive does not hold them"
    except (OSError, http.client.HTTPException, zipfile.BadZipFile, zlib.error) as error:
        reason = _reason(error)
    missing = files.missing(root)  # another process may have put them there meanwhile
    if missing:
        raise MissingDataError(
            f"{name}: {len(missing)} of {len(files.names)} files are missing and "
            f"cannot be downloaded ({reason}). {files.instruction(root)}; or choose the folder "
            "that data sets lie in by --data-root (root=, WIS_DATA_ROOT)"
        )


def _download(name: str, files: RawFiles, root: Path) -> None:
    if is_offline():
        raise OSError(f"{OFFLINE_VARIABLE} is set")
    folder = root / files.folder
    size = "" if files.size_mb is None else f"about {files.size_mb:g} MB "
    _log.info("%s: downloading %sto %s", name, size, folder)
    if files.archive is not None:
        _download_archive(files.urls[0], files.archive, folder)
        return
    for path, url in zip(files.paths(root), files.urls, strict=True):
        if not path.is_file():
            save(url, path)


def _download_archive(url: str, top: str, folder: Path) -> None:
    """Unpack beside the folder, then move what it lacks into it, each file in one step."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".wis-") as scratch:
        archive = Path(scratch) / "archive.zip"
        save(url, archive)
        with zipfile.ZipFile(archive) as content:
            content.extractall(scratch)  # keeps every path inside the folder
        for source in sorted((Path(scratch) / top).rglob("*")):
            target = folder / source.relative_to(Path(scratch) / top)
            if source.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(source, target)


def save(url: str, path: Path) -> None:
    """Download one file, with a progress bar on a terminal.

    Args:
        url: Its address.
        path: Where it goes, in a folder that is made if need be; appears when it is complete.

    Raises:
        OSError: The server does not answer or refuses, the connection breaks off, or the file
            cannot be written.
    """
    with _open(url) as response:
        path.parent.mkdir(parents=True, exist_ok=True)
        total = int(response.headers.get("Content-Length") or 0)
        free = shutil.disk_usage(path.parent).free
        if total > free:
            raise OSError(f"{url} has {total} bytes, {path.parent} has room for {free}")
        with (
            atomic_write(path, force=True) as file,
            progress_bar(path.name, total, unit="bytes") as progress,
        ):
            done = 0
            while chunk := response.read(CHUNK_BYTES):
                done += file.write(chunk)
                progress(done)
            if total and done != total:
                raise OSError(f"{url} broke off after {done} of {total} bytes")


def _open(url: str) -> Any:
    """Connect in a thread that can be left behind: looking up a name heeds no time limit."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def connect() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=ANSWER_S))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        answer = answers.get(timeout=2 * ANSWER_S)
    except queue.Empty:
        raise TimeoutError(f"{url} did not answer within {2 * ANSWER_S:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()  # it holds the answer, and with it the connection
        return f"{error.url} answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"no network: {getattr(error.reason, 'strerror', None) or error.reason}"
    if isinstance(error, WisError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
