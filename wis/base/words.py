"""Numbers with their nouns, for messages."""

from __future__ import annotations

_PLURALS = {"vertex": "vertices"}


def counted(number: int, noun: str, form: str = "d") -> str:
    """A number and what it counts.

    Args:
        number: The number.
        noun: The noun, in the singular.
        form: How the number is written, such as ``","``.

    >>> counted(1, "edge"), counted(3, "vertex"), counted(1200, "arc", ",")
    ('1 edge', '3 vertices', '1,200 arcs')
    """
    return f"{number:{form}} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a noun."""
    return _PLURALS.get(noun, f"{noun}s")
