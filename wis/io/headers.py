"""Whether the first line names the columns, and which names are those of endpoints.

A line is a header if it names two endpoints (``source,target``, ``src,dst``, ``from,to``, ...), or
if it differs in kind from all lines below it, such as a text over integers. A line of texts over
texts may be a header or an edge; so may single letters (``u,v``). Then the whole file decides: a
first line whose ids occur again below is an edge, unless its names are known ones. If the ids do
not occur again, the list is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

_ENDPOINTS = (
    ("source", "target"), ("source", "destination"), ("source", "dest"), ("src", "dst"),
    ("src", "dest"), ("src", "tgt"), ("src", "target"), ("from", "to"), ("1", "2"),
    ("start", "end"), ("head", "tail"), ("citing", "cited"), ("subject", "object"),
    ("follower", "followee"), ("follower", "followed"), ("sender", "receiver"),
    ("sender", "recipient"), ("caller", "callee"), ("origin", "destination"), ("parent", "child"),
    ("u", "v"), ("i", "j"),
)  # fmt: skip
_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "-", "?", "\\n"))
_BOOLEANS = frozenset(("true", "false"))
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?(?:[ T].*)?|\d\d?[./]\d\d?[./]\d{2,4}(?: .*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")


class Kind(Enum):
    """The kinds of fields."""

    MISSING = "missing"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXT = "text"


class Verdict(Enum):
    """The kinds of first lines."""

    HEADER = "header"
    EDGE = "edge"
    DOUBTFUL = "doubtful"


def kind_of(field: str) -> Kind:
    """The kind of one field."""
    text = field.strip().lower()
    if text in _MISSING:
        return Kind.MISSING
    if is_number(text) or _DECIMAL_COMMA.fullmatch(text):
        return Kind.NUMBER
    if text in _BOOLEANS:
        return Kind.BOOLEAN
    return Kind.DATE if _DATE.fullmatch(text) else Kind.TEXT


def kind_of_column(fields: Sequence[str]) -> Kind:
    """The kind that all fields of a column share, missing ones left out; else text."""
    kinds = {kind_of(field) for field in fields} - {Kind.MISSING}
    if not kinds:
        return Kind.MISSING
    return kinds.pop() if len(kinds) == 1 else Kind.TEXT


def verdict(first: Sequence[str], rows: Sequence[Sequence[str]]) -> Verdict:
    """Whether the first line names the columns; `rows` are the next ones, each as long as it."""
    named = named_endpoints(first)
    ends = named or (0, 1)
    below = {row[end] for row in rows for end in ends}
    recurs = any(first[end] in below for end in ends)
    columns = [[row[place] for row in rows] for place in range(len(first))]
    differs = [_differs(name, column) for name, column in zip(first, columns, strict=True)]
    if named is not None:
        is_word = any(len(first[end]) > 1 for end in named)
        if not rows or any(differs) or (is_word and not recurs):
            return Verdict.HEADER
        return Verdict.DOUBTFUL if is_word or not recurs else Verdict.EDGE
    if any(kind_of(name) is Kind.NUMBER for name in first):
        odd = any(differs[:2]) and not recurs
        return Verdict.DOUBTFUL if odd else Verdict.EDGE
    if any(differs) and not recurs:
        return Verdict.HEADER
    return Verdict.EDGE if recurs else Verdict.DOUBTFUL


def _differs(name: str, column: Sequence[str]) -> bool:
    """Whether a text stands over a column of another kind."""
    if kind_of(name) is not Kind.TEXT:
        return False
    return kind_of_column(column) not in (Kind.TEXT, Kind.MISSING)


def named_endpoints(header: Sequence[str]) -> tuple[int, int] | None:
    """Positions of the two columns whose names say that they are endpoints."""
    plain = [_plain(name) for name in header]
    for source, target in _ENDPOINTS:
        if source in plain and target in plain:
            return plain.index(source), plain.index(target)
    return None


def _plain(name: str) -> str:
    """``FromNodeId``, ``from_id`` and ``from`` are the same; a bare number is not a name."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    if not re.search("[a-z]", letters):
        return ""
    return re.sub(r"node|vertex|id", "", letters)


def is_number(text: str) -> bool:
    """Whether a field is written as a number, also a negative one, a fraction or NaN."""
    try:
        float(text)
    except ValueError:
        return not text.strip()
    return True
