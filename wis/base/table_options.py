"""Options of edge lists and edge tables; each replaces a guess."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from wis.errors import OptionError, echo

Column = str | int
_ENDPOINTS = (
    ("source", "target"), ("source", "destination"), ("source", "dest"), ("src", "dst"),
    ("src", "dest"), ("src", "tgt"), ("src", "target"), ("from", "to"), ("1", "2"),
    ("start", "end"), ("head", "tail"), ("citing", "cited"), ("subject", "object"),
    ("follower", "followee"), ("follower", "followed"), ("sender", "receiver"),
    ("sender", "recipient"), ("caller", "callee"), ("origin", "destination"), ("parent", "child"),
    ("u", "v"), ("i", "j"),
)  # fmt: skip


@dataclass(frozen=True)
class TableOptions:
    """How to read a table of edges; the reader guesses each option that is None.

    Attributes:
        source: The column of the first endpoint: its name, or its number counted from 1. If a name
            is a number, the name counts.
        target: The column of the second endpoint.
        weight: The column of the weights, which become `edge_weight`.
        header: Whether the first line names the columns.
        delimiter: The mark between columns, or a word for it such as ``tab``.
        bipartite: Whether the two endpoints are of two kinds, each with ids of its own.
        is_checked: Whether the caller looks each edge up in a graph; a doubtful first line is then
            read as an edge, since the caller finds out if it is a header.
    """

    source: Column | None = None
    target: Column | None = None
    weight: Column | None = None
    header: bool | None = None
    delimiter: str | None = None
    bipartite: bool | None = None
    is_checked: bool = False

    def given(self) -> list[str]:
        """Names of the options that were given."""
        names = [field.name for field in fields(self) if field.name != "is_checked"]
        return [name for name in names if getattr(self, name) is not None]

    def position(self, option: str, header: Sequence[str] | None, width: int, where: str) -> int:
        """Position of the column that an option names; `OptionError` if there is none."""
        wanted = getattr(self, option)
        names = list(header or ())
        if isinstance(wanted, str) and names.count(wanted) == 1:
            return names.index(wanted)
        number = _number(wanted)
        if number is not None and 1 <= number <= width and wanted not in names:
            return number - 1
        known = ", ".join(echo(name, 40) for name in names if name)
        there_are = f"columns {known}" if known else f"{width} columns without names"
        expected = f"a number from 1 to {width}" + (", or a name" if known else "")
        raise OptionError(
            f"{option} is {echo(wanted)!r}, but {where} has {echo(there_are, 400)}; expected "
            f"{expected}"
        )


GUESS = TableOptions()


def _number(wanted: Column) -> int | None:
    if isinstance(wanted, bool):
        return None
    if isinstance(wanted, int):
        return wanted
    is_short = wanted.isascii() and wanted.isdigit() and len(wanted) < 10
    return int(wanted) if is_short else None


def named_endpoints(header: Sequence[str]) -> tuple[int, int] | None:
    """Positions of the two columns with the names of endpoints, None if there are none."""
    plain = [_plain(name) for name in header]
    for source, target in _ENDPOINTS:
        if source in plain and target in plain:
            return plain.index(source), plain.index(target)
    return None


def _plain(name: str) -> str:
    """A name in the spelling of `_ENDPOINTS`: ``from`` for ``FromNodeId``; empty for a number."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    if not re.search("[a-z]", letters):
        return ""
    return re.sub(r"node|vertex|id", "", letters)
