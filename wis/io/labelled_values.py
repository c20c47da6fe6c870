"""Texts of attributes to values of their declared types, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html.entities import html5
from typing import Any

from wis.errors import GraphFormatError, echo
from wis.io.labelled import Column, Columns

_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
_ENTITY = re.compile("&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]*);")
_LARGEST = 2**63
_EXACT = 2**53  # beyond it a float64 skips integers


def without_entities(text: str) -> str:
    """A text with the characters that HTML's entities in it stand for; unknown ones stay.

    >>> without_entities("R&D &#233; &lt;")
    'R&D é <'
    """
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    name = found[1]
    if not name.startswith("#"):
        return html5.get(f"{name};", found[0])
    number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    is_character = 0 < number <= 0x10FFFF and not 0xD800 <= number < 0xE000
    return chr(number) if is_character else found[0]


def integer(text: str) -> int:
    """An integer, also one that is spelt with a point: 3.0."""
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    if not number.is_integer():
        raise ValueError
    return int(number)


def real(text: str) -> float:
    """A number; ``INF``, ``NaN`` and C's hexadecimal spelling (graph-tool's) are known."""
    text = text.strip()
    if "_" in text:
        raise ValueError
    return float.fromhex(text) if "0x" in text.lower() else float(text)


def truth(text: str) -> bool:
    """A truth value."""
    known = {"true": True, "false": False, "1": True, "0": False}
    return known[text.strip().lower()]


CONVERTERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("int", "integer", "long", "short", "byte", "biginteger"), integer),
    **dict.fromkeys(("float", "double", "bigdecimal"), real),
    **dict.fromkeys(("boolean", "bool"), truth),
}
"""For each declared type how its texts are read; texts of other types stay texts."""


def convert(column: Column, kind: str, name: str, place_of: Callable[[int], str]) -> None:
    """Turn the texts of a column into what its declared type says; blank numbers are missing.

    Raises:
        GraphFormatError: A text is none of that type.
    """
    read = CONVERTERS.get(kind.lower())
    if read is None:
        return
    rows, values = [], []
    for row, text in zip(column.rows, column.values, strict=True):
        if not text.strip():
            continue
        try:
            values.append(read(text))
        except (ValueError, KeyError, OverflowError):
            raise GraphFormatError(
                f"{place_of(row)}: '{echo(text)}' is the value of '{echo(name)}', whose declared "
                f"type is {echo(kind)}"
            ) from None
        rows.append(row)
    column.rows, column.values = rows, values


def kind_of(values: Sequence[Any]) -> str:
    """The type that all values have: boolean, integer, real, text, or other."""
    kinds = set(map(type, values))
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        small = all(-_LARGEST <= value < _LARGEST for value in values)
        return "integer" if small else "other"
    if kinds <= {int, float}:
        exact = all(type(value) is float or abs(value) <= _EXACT for value in values)
        return "real" if exact else "other"
    return "text" if kinds == {str} else "other"


def spelt(value: Any, kind: str) -> str:
    """A value as XML Schema spells it."""
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "real":
        number = float(value)
        if number != number:
            return "NaN"
        if number in (float("inf"), float("-inf")):
            return "INF" if number > 0 else "-INF"
        return repr(number)
    return str(value)


def typed_columns(columns: Columns, what: str, dropped: list[str]) -> list[tuple[str, str, Column]]:
    """Name, type and column of all that have one type; the others are noted.

    Args:
        columns: The columns.
        what: ``"vertex"`` or ``"edge"``.
        dropped: Gets a phrase for each column that is left out.
    """
    typed = []
    for name, column in columns.items():
        kind = kind_of(column.values)
        if kind == "other":
            dropped.append(f"{what} attribute '{name}'")
        else:
            typed.append((name, kind, column))
    return typed
