"""Pages of the site that are files of the repository, with their links bent to the site."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
    "datasets/README.md": "data_sets.md",
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def write_repository_pages(folder: Path) -> None:
    """Write each of `PAGES`; one that has not changed is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for source, name in PAGES.items():
        text = bent_links(ROOT / source, folder)
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def bent_links(source: Path, folder: Path) -> str:
    """The text of a file; links lead to pages of the site, or are plain text where it has none."""

    def bent(found: re.Match[str]) -> str:
        mark, label, address, anchor = found[1], found[2], found[3], found[4] or ""
        if not address or "://" in address or address.startswith("mailto:"):
            return found[0]
        target = (source.parent / address).resolve()
        place = target.relative_to(ROOT).as_posix()
        if place in PAGES:
            return f"{mark}[{label}]({PAGES[place]}{anchor})"
        if mark or place.startswith("docs/"):
            return f"{mark}[{label}]({os.path.relpath(target, folder)}{anchor})"
        return label

    return LINK.sub(bent, source.read_text(encoding="utf-8"))
