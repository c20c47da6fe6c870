"""The drawings of the algorithms, and pictures that an example of the gallery writes to a file."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst


def draw(script: Path, target: Path) -> None:
    """Run a script that leaves one figure of matplotlib, and save it unless it is up to date."""
    if target.exists() and target.stat().st_mtime > script.stat().st_mtime:
        return
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    runpy.run_path(str(script))
    target.parent.mkdir(parents=True, exist_ok=True)
    plt.savefig(target, metadata={"Date": None})
    plt.close("all")


def scrape_written_pictures(
    block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]
) -> str:
    """Take each new ``.png`` beside the example; sphinx-gallery calls this after every block."""
    names = []
    for picture in sorted(Path(block_vars["src_file"]).parent.glob("*.png")):
        target = next(block_vars["image_path_iterator"])
        shutil.move(picture, target)
        names.append(target)
    return figure_rst(names, gallery_conf["src_dir"]) if names else ""
