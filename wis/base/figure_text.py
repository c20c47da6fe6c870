"""Names and labels of the user in a picture: never a formula, never wider than their place.

The name of a method or a file may hold dollars, which matplotlib takes for a formula, characters
that no font has, and hundreds of characters. This module makes a text of it that is drawn
literally, on a given number of lines of a given width. A text that does not fit is cut in the
middle, since names mostly differ at their ends.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator

LONGEST_TEXT = 300


def plain(text: object, longest: int = 60) -> str:
    """A text of the user for a picture: on one line, a long one cut in the middle.

    matplotlib reads a text between two dollars as a formula, and fails if it is not one; so each
    dollar is escaped.

    Args:
        text: A name, a label, a file.
        longest: Characters that are shown.

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


def _wrap(text: str, width: float, size: float) -> list[str]:
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
            cut = next(k for k in range(len(line), 0, -1) if k == 1 or _fits(line[:k], width, size))
            found.append(line[:cut])
            line = line[cut:]
    return [*found, line.rstrip()] if line.strip() or not found else found


def _fits(text: str, width: float, size: float) -> bool:
    return text_width(text, size) <= width


@contextlib.contextmanager
def silent_about_glyphs() -> Iterator[None]:
    """Suppress the warning for a character that the font lacks; it is drawn as a box."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
