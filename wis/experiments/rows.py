"""One line of a file of results: what it has to be, and how its fields are read safely.

A file of results lies about for years, is edited by hand, cut, joined and sent around. So a line is
taken as a row when its object names a key and a status; what the rest is made of is looked at where
it is used, and a row that lacks something is named by its key and the field.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wis.errors import ResultsError, echo

Row = dict[str, Any]
DONE, FAILED = "done", "failed"
DEEPEST = 16
"""Levels of objects and lists; a sweep writes four, and a plain recipe some more."""

KINDS: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "integer": (int,),
    "object": (dict,),
}


def parse_row(line: bytes) -> Row:
    """The object of a line.

    Raises:
        ValueError: It is no row; the message says why.
    """
    try:
        row = json.loads(line)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        raise ValueError("it is no JSON object") from None
    if not isinstance(row, dict):
        raise ValueError("it is no JSON object")
    if line.count(b"{") + line.count(b"[") > DEEPEST and depth_of(row) > DEEPEST:
        raise ValueError("it is nested too deeply")
    needed = {"run": ("key", "status"), "recipe": ("recipe_hash",)}.get(str(row.get("type")), ())
    for name in ("type", *needed):
        if not isinstance(row.get(name), str):
            raise ValueError(f"it has no text {name!r}")
    if row["type"] == "run" and row["status"] not in (DONE, FAILED):
        raise ValueError(f"its status is {echo(row['status'])}, neither {DONE!r} nor {FAILED!r}")
    if not _is_place(row.get("written", [0, 1])):
        raise ValueError("its field 'written' is no place in a group")
    return _without_surrogates(row) if b"\\u" in line or b"\xed" in line else row


def _is_place(written: Any) -> bool:
    """Whether it is [index, number of rows], as `append` writes it."""
    if not isinstance(written, list) or len(written) != 2:
        return False
    if not all(isinstance(part, int) and not isinstance(part, bool) for part in written):
        return False
    index, number = written
    return bool(0 <= index < number)


def depth_of(value: Any) -> int:
    """Levels of objects and lists within each other, none of which is entered by recursion."""
    depth, level = 0, [value]
    while level:
        inner = [each for each in level if isinstance(each, (Mapping, list, tuple))]
        depth += bool(inner)
        level = [
            part
            for each in inner
            for part in (each.values() if isinstance(each, Mapping) else each)
        ]
    return depth


def _without_surrogates(row: Row) -> Row:
    """The row with U+FFFD for half a surrogate pair, which no file and no terminal takes."""
    text = json.dumps(row, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        row = json.loads(text)
    return row


def kind_of_row(row: Row) -> str:
    """Kind of experiment that a row is of."""
    return str(row.get("kind", "accuracy"))


def name_of_recipe(row: Row) -> str:
    """The name of a row's recipe, for people."""
    return echo(str(row.get("recipe", "unnamed")))


def check_fields(row: Row, fields: Mapping[str, str]) -> None:
    """Make sure that a row has what a table or a figure is made of.

    Args:
        row: A row.
        fields: What is needed: a name of `KINDS` by the name of the field, a dot between the name
            of an object and that of a field in it.

    Raises:
        ResultsError: A field is missing or of another kind.
    """
    for name, kind in fields.items():
        value: Any = row
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if is_kind(value, kind):
            continue
        found = f"no {name}" if value is None else f"{echo(repr(value))} for {name}"
        raise ResultsError(
            f"the row with key {echo(row['key'], 60)} has {found}; expected {_article(kind)}. "
            "Choose other rows by --recipe, or delete that line"
        )


def is_kind(value: Any, kind: str) -> bool:
    """Whether a value is of a kind of `KINDS`; numbers are finite."""
    if isinstance(value, bool) or not isinstance(value, KINDS[kind]):
        return False
    try:
        return not isinstance(value, (int, float)) or math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def number_in(row: Row, *names: str) -> float | None:
    """A finite number of a row, found under the first of some names within each other, or None."""
    value: Any = row
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return float(value) if is_kind(value, "number") else None


def texts_of(rows: Sequence[Row], *names: str) -> list[str]:
    """What rows say under some names within each other, ``unknown`` where they say nothing."""
    found = []
    for row in rows:
        value: Any = row
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        found.append("unknown" if value is None else echo(str(value)))
    return found


def reasons(rows: Iterable[Row], most: int = 3) -> tuple[str, ...]:
    """Why rows failed: for each of the first different errors, a row that has it and how many do.

    Args:
        rows: Rows of any kind of experiment.
        most: How many errors are told.
    """
    by_error: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("status") == FAILED:
            by_error.setdefault(str(row.get("error")), []).append(row)
    told = []
    for error, some in list(by_error.items())[:most]:
        more = f" (and {len(some) - 1} more)" if len(some) > 1 else ""
        told.append(f"{_place_of(some[0])}{more}: {echo(error, 400)}")
    if len(by_error) > most:
        told.append(f"and {len(by_error) - most} other reasons, in the rows' `error`")
    return tuple(told)


def _place_of(row: Row) -> str:
    """Where a row stands in its experiment, as far as it says so."""
    names = ("experiment", "label", "remove", "model", "partition")
    parts = [echo(str(row[name]), 60) for name in names if row.get(name) is not None]
    return ", ".join([*parts, f"seed {row.get('seed')}"])
