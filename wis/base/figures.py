"""Files of pictures: their formats, and writing them, each whole or not at all.

matplotlib is imported when it is needed and only through its figure objects, so that no window
opens and no global state changes.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from wis.base.atomic import atomic_write
from wis.base.figure_text import silent_about_glyphs
from wis.base.source import user_path
from wis.errors import MissingDependencyError, UnknownNameError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}

LARGEST_PIXELS = 60_000


def check_can_plot(path: str | Path) -> None:
    """Check, before anything is computed, that a picture can be made.

    Raises:
        UnknownNameError: No picture format has that ending.
        MissingDependencyError: matplotlib is not installed.
    """
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise UnknownNameError.among("picture format", ending or str(path), FORMATS)
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise MissingDependencyError.of("a picture needs matplotlib", "plot") from None


def save_figure(figure: Figure, path: str | Path, *, force: bool = False, dpi: int = 150) -> Path:
    """Write a picture; whole or not at all.

    Raises:
        UnknownNameError: No picture format has that ending.
        MissingDependencyError: matplotlib is not installed.
        OutputExistsError: There is a file, and `force` is not set.
        GraphFileError: It cannot be written.
    """
    path = user_path(path)
    check_can_plot(path)
    dpi = max(20, min(dpi, int(LARGEST_PIXELS / max(figure.get_size_inches()))))
    with atomic_write(path, force=force) as file, silent_about_glyphs():
        figure.savefig(file, format=FORMATS[path.suffix.lower()], dpi=dpi, facecolor="white")
    return path


def svg_of(figure: Figure) -> str:
    """The figure as an SVG element with text as paths, to be put into a page."""
    buffer = io.BytesIO()
    with silent_about_glyphs():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue().decode()
    return text[text.index("<svg") :]
