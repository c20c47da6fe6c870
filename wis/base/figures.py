"""Pictures: their files, each written whole or not at all, and the texts of the user in them.

matplotlib is imported when it is needed and only through its figure objects, so that no window
opens and no global state changes.

The name of a method or a file may hold dollars, which matplotlib takes for a formula, characters
that no font has, and hundreds of characters. `plain` and `fitted` make a text of it that is drawn
literally, on a given number of lines of a given width. A text that does not fit is cut in the
middle, since names mostly differ at their ends.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wis.base.atomic import atomic_write
from wis.base.checks import user_path
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


LONGEST_TEXT = 300


def plain(text: object, longest: int = 60) -> str:
    """A text of the user for a picture: on one line, of `longest` characters, cut in the middle.

    matplotlib reads a text between two dollars as a formula, and fails if it is not one; so each
    dollar is escaped.

    Example:
        >>> plain("a very long name of a graph", 16)
        'a very … a graph'
    """
    shown = "".join(c if c.isprintable() else "\ufffd" for c in str(text))
    if len(shown) > longest:
        head = (longest - 1) // 2
        shown = f"{shown[:head]}…{shown[head + 1 - longest :]}"
    return shown.replace("$", r"\$")


def text_width(text: str, size: float = 10) -> float:
    """Width of a line of text in inches, in the font of the pictures."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    with silent_about_glyphs():
        font = FontProperties(size=size)
        width, _, _ = text_to_path.get_text_width_height_descent(text, font, False)
    return float(width) / 72


def fitted(text: object, width: float, *, size: float = 10, lines: int = 1) -> str:
    """A text of the user on a few lines, cut in the middle so that it fits.

    Args:
        text: A name, a label, a file.
        width: Inches that a line may take.
        size: Of the font, in points.
        lines: The most lines.
    """
    whole = plain(text, LONGEST_TEXT).replace(r"\$", "$")
    low, high = 1, len(whole)  # the most characters that fit are found by bisection
    best = whole[:1]
    while low <= high:
        middle = (low + high) // 2
        found = _wrap(plain(whole, middle).replace(r"\$", "$"), width, size)
        if len(found) <= lines:
            best, low = "\n".join(found), middle + 1
        else:
            high = middle - 1
    return best.replace("$", r"\$")


@functools.lru_cache(maxsize=1024)  # figures write the same names many times
def _wrap(text: str, width: float, size: float) -> tuple[str, ...]:
    """Lines of at most a width, broken after blanks and signs if possible."""
    found, line = [], ""
    for word in re.findall(r"[^\s/_,:;=-]*[\s/_,:;=-]+|[^\s/_,:;=-]+", text):
        if text_width((line + word).rstrip(), size) <= width:
            line += word
            continue
        if line:
            found.append(line.rstrip())
        line = word
        while text_width(line.rstrip(), size) > width and len(line) > 1:
            cut = _characters_that_fit(line, width, size)
            found.append(line[:cut])
            line = line[cut:]
    return (*found, line.rstrip()) if line.strip() or not found else tuple(found)


def _characters_that_fit(line: str, width: float, size: float) -> int:
    """The most first characters of a line within a width; at least one."""
    ends = range(2, len(line))
    return 1 + bisect_right(ends, width, key=lambda end: text_width(line[:end], size))


@contextlib.contextmanager
def silent_about_glyphs() -> Iterator[None]:
    """Suppress the warning for a character that the font lacks; it is drawn as a box."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
