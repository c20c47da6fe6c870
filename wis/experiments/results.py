"""The file of results: JSON lines, appended under a lock, each row at most once.

The first field of each line is its ``type``: ``run`` for a row, ``recipe`` for a recipe (once for
each hash). Rows whose runs were trained together form a group. The group is written and synced to
the disk at once; each row holds its place in the group (``written``).

A process that is killed while it writes leaves a torn last line, and perhaps a part of a group.
Whole lines stay valid. A torn last line is ignored, and the next append cuts it off if it begins
like a line of this file. A warning gives the number of rows in groups that lack rows. The next
sweep runs these groups again, so that its rows do not depend on when an earlier sweep was killed.

A file whose name ends in ``.gz`` is read too. A sweep cannot append to it: unpack it first.

Several processes may append to one file. Each takes the lock ``FILE.lock``, reads the new lines of
the others, and leaves out rows that the file already has.

Files of results are kept for years, and people edit them. So a line counts as a row if it has a key
and a status; the other fields are checked where they are used (`check_fields`).
"""

from __future__ import annotations

import io
import json
import logging
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from wis.base.atomic import check_writable
from wis.base.source import read_bytes
from wis.errors import GraphFileError, ResultsError, UnknownNameError, echo

Row = dict[str, Any]
DONE, FAILED = "done", "failed"
ACCURACY, TABLE5_1, FACTORIZATION, SERVE = "accuracy", "table5_1", "factorization", "serve"
INFLUENCE = "influence"
"""Kinds of rows. A row without a `kind` is an accuracy row."""
START = b'{"type": "'
DEEPEST = 16
"""The most levels of objects and lists in a line; a sweep writes four."""
FIELD_TYPES: Mapping[str, tuple[type, ...]] = {
    "text": (str,), "number": (int, float), "integer": (int,), "object": (dict,),
}  # fmt: skip

_log = logging.getLogger(__name__)


class ResultsFile:
    """Rows by their keys, and the file that holds them.

    Attributes:
        path: The file; it need not exist yet.
        rows: For each key, its last row that is done, or else its last row.
        recipes: Recipes by hash.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._forget()

    def _forget(self) -> None:
        self.rows: dict[str, Row] = {}
        self.recipes: dict[str, Row] = {}
        self._lacking: set[str] = set()
        self._group: list[Row] = []
        self._read_to = 0
        self._line = 0
        self._torn = b""
        self._lacks_newline = False

    @property
    def is_packed(self) -> bool:
        """Whether the file is compressed (``.gz``); such a file is only read."""
        return self.path.suffix == ".gz"

    @property
    def incomplete(self) -> set[str]:
        """The keys of rows whose group lacks other rows."""
        return self._lacking | {str(row["key"]) for row in self._group if "key" in row}

    def refresh(self) -> None:
        """Read the lines that were written since the last call."""
        try:
            with io.BytesIO(read_bytes(self.path)) if self.is_packed else self.path.open("rb") as f:
                self._read(f)
        except FileNotFoundError:
            return
        except OSError as error:
            raise GraphFileError(f"{self.path}: cannot be read: {error.strerror}") from None

    def warn(self) -> None:
        """Log whether groups lack rows or the last line is torn."""
        if number := len(self.incomplete):
            _log.warning(
                "%s: %d rows are of groups that lack others; they are shown, and the same "
                "`wis bench run` runs these groups again",
                self.path,
                number,
            )
        if self._torn:
            _log.warning("%s: the last line is torn and left out", self.path)

    def _read(self, file: BinaryIO) -> None:
        """Read all whole lines that follow the last one that was read."""
        if file.seek(0, os.SEEK_END) < self._read_to:  # the file was replaced by a shorter one
            self._forget()
        file.seek(self._read_to)
        self._torn = b""
        for line in file:
            is_ended = line.endswith(b"\n")
            if line.strip():
                try:
                    row = parse_row(line)
                except ValueError as error:
                    if not is_ended:
                        self._torn = line
                        return
                    raise ResultsError(
                        f"{self.path} line {self._line + 1}: not a row of results: {error}; "
                        "expected what `wis bench run` writes. Delete that line (its run will be "
                        "done again), or give another file"
                    ) from None
                self._take(row)
            self._line += is_ended
            self._read_to += len(line)
            self._lacks_newline = not is_ended

    def _take(self, row: Row) -> None:
        if row["type"] == "recipe":
            self.recipes[row["recipe_hash"]] = row
        elif row["type"] == "run":
            known = self.rows.get(row["key"])
            if known is None or known["status"] == FAILED or row["status"] == DONE:
                self.rows[row["key"]] = row
        self._place(row)

    def _place(self, row: Row) -> None:
        """Record whether the group of a row is complete."""
        index, number = row.get("written", (0, 1))
        # A group that another line interrupts stays incomplete.
        if self._group and (len(self._group), self._group[0]["written"][1]) != (index, number):
            self._lacking |= self.incomplete
            self._group = []
        if index != len(self._group):
            self._lacking |= {row["key"]} if "key" in row else set()
            return
        self._group.append(row)
        if index + 1 == number:
            self._lacking -= {each["key"] for each in self._group if "key" in each}
            self._group = []

    def check_kind(self, kind: str) -> None:
        """Raise `ResultsError` if a row of the file is of another kind of experiment."""
        others = {kind_of_row(row) for row in self.rows.values()} - {kind}
        if others:
            raise ResultsError(
                f"{self.path}: has rows of the kind {min(others)!r} and this experiment is of the "
                f"kind {kind!r}; give another file (--results)"
            )

    def append(self, rows: Sequence[Row]) -> list[Row]:
        """Write the rows of a group, except those that the file already has; return these rows.

        A row that is done replaces one that failed. A complete group replaces an incomplete one.
        """
        return self._write(lambda: [row for row in rows if self._is_new(row)])

    def _is_new(self, row: Row) -> bool:
        known = self.rows.get(row["key"])
        if known is None or (known["status"] == FAILED and row["status"] == DONE):
            return True
        return row["key"] in self.incomplete and row["status"] == known["status"]

    def append_recipe(self, recipe_hash: str, name: str, settings: Mapping[str, Any]) -> None:
        """Write a recipe, unless the file has it."""
        row = {"type": "recipe", "recipe_hash": recipe_hash, "name": name, "settings": settings}
        self._write(lambda: [] if recipe_hash in self.recipes else [row])

    def _write(self, choose: Callable[[], list[Row]]) -> list[Row]:
        from filelock import FileLock

        if self.is_packed:
            raise GraphFileError(
                f"{self.path}: is compressed, so no rows can be appended to it; unpack it by "
                "gunzip, and give the file that it makes (--results)"
            )
        check_writable(self.path, force=True)
        try:
            with FileLock(f"{self.path}.lock"), self.path.open("a+b") as file:
                self._read(file)
                self._check_torn_line()
                chosen = choose()
                if chosen:
                    self._append(file, chosen)
        except OSError as error:
            raise GraphFileError(f"{self.path}: cannot be written: {error.strerror}") from None
        return chosen

    def _check_torn_line(self) -> None:
        """Refuse to cut off a torn last line that does not begin like a line of this file."""
        begin = self._torn[: len(START)]
        if START.startswith(begin) or not self._torn.strip(b"\0"):  # a power failure leaves zeros
            return
        wrong, remedy = ": is no file of results", "Give"
        if self._read_to:
            wrong = f" line {self._line + 1}: not a row of results, nor a part of one"
            remedy = "Delete that line, or give"
        raise ResultsError(f"{self.path}{wrong}; it is left as it is. {remedy} another file")

    def _append(self, file: BinaryIO, rows: Sequence[Row]) -> None:
        """Write lines after the last whole line. The caller holds the lock."""
        placed = [{**row, "written": [index, len(rows)]} for index, row in enumerate(rows)]
        ordered = ({"type": row["type"], **dict(sorted(row.items()))} for row in placed)
        text = b"".join(json.dumps(row).encode() + b"\n" for row in ordered)
        file.truncate(self._read_to)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + text if self._lacks_newline else text)
        file.flush()
        os.fsync(file.fileno())
        self._read(file)


def read_results(paths: Iterable[str | Path]) -> tuple[list[Row], dict[str, Row]]:
    """Read all rows of some files, and their recipes by hash.

    If several files have a row with the same key, a row that is done is preferred.

    Raises:
        GraphFileError: A file does not exist or cannot be read.
        ResultsError: A file is not a file of results, or there are no rows.

    >>> from wis.experiments import Backend, Recipe, RunOptions, run_sweep
    >>> recipe = Recipe.from_settings("tiny", {
    ...     "kind": "accuracy", "dataset": "karate", "remove": ["50%"], "seeds": 1,
    ...     "models": [{"name": "gcn", "max_epochs": 1}], "methods": [{"name": "random"}]})
    >>> options = RunOptions(Path("read.jsonl"), backend=Backend(own_process=False))
    >>> _ = run_sweep(recipe, options)
    >>> rows, recipes = read_results(["read.jsonl"])
    >>> len(rows), rows[0]["num_removed"], len(recipes)
    (1, 39, 1)
    """
    rows: dict[str, Row] = {}
    recipes: dict[str, Row] = {}
    for path in paths:
        if not Path(path).exists():
            raise GraphFileError(f"{path}: no such file; `wis bench run` writes one")
        results = ResultsFile(path)
        results.refresh()
        results.warn()
        recipes.update(results.recipes)
        for key, row in results.rows.items():
            if key not in rows or rows[key]["status"] == FAILED:
                rows[key] = row
    if not rows:
        raise ResultsError(f"{', '.join(map(str, paths))}: there are no rows in it yet")
    return list(rows.values()), recipes


def rows_of_recipe(rows: Iterable[Row], recipe: str | None) -> list[Row]:
    """Select the rows of a recipe, its name or the beginning of its hash; None selects all rows.

    >>> rows_of_recipe([{"key": "1", "recipe": "a"}, {"key": "2", "recipe": "b"}], "b")
    [{'key': '2', 'recipe': 'b'}]
    """
    given = list(rows)
    if recipe is None:
        return given
    chosen = [
        row
        for row in given
        if recipe == row.get("recipe") or str(row.get("recipe_hash", "")).startswith(recipe)
    ]
    if not recipe or not chosen:
        known = {name_of_recipe(row) for row in given}
        raise UnknownNameError.among("recipe of these results", recipe, known)
    return chosen


def parse_row(line: bytes) -> Row:
    """Parse a line; raise `ValueError` with the reason if it is not a row."""
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
    """Return whether the value is [index, number of rows], as `append` writes it."""
    is_pair = isinstance(written, list) and [type(part) for part in written] == [int, int]
    return is_pair and 0 <= written[0] < written[1]


def depth_of(value: Any) -> int:
    """Count the nested levels of objects and lists, without recursion."""
    depth, level = 0, [value]
    while level:
        inner = [each for each in level if isinstance(each, (Mapping, list, tuple))]
        depth += bool(inner)
        parts = (each.values() if isinstance(each, Mapping) else each for each in inner)
        level = [value for each in parts for value in each]
    return depth


def _without_surrogates(row: Row) -> Row:
    """Replace lone surrogates by U+FFFD, since they cannot be written to a file or terminal."""
    text = json.dumps(row, ensure_ascii=False).encode("utf-16", "surrogatepass")
    replaced: Row = json.loads(text.decode("utf-16", "replace"))
    return replaced


def kind_of_row(row: Row) -> str:
    """Return the kind of experiment of a row."""
    return str(row.get("kind", ACCURACY))


def name_of_recipe(row: Row) -> str:
    """Return the name of a row's recipe, for messages."""
    return echo(str(row.get("recipe", "unnamed")))


def field_of(row: Row, name: str) -> Any:
    """Return a field, such as ``config.depth`` for a field of an object; None if it is missing."""
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def check_fields(row: Row, fields: Mapping[str, str]) -> None:
    """Raise `ResultsError` if a row lacks a field, or a field has another type.

    Args:
        row: A row.
        fields: Names for `field_of`, each with a type, which is a name of `FIELD_TYPES`.

    >>> check_fields({"key": "1", "config": {"depth": 3}}, {"config.depth": "integer"})
    """
    for name, kind in fields.items():
        value = field_of(row, name)
        if is_field(value, kind):
            continue
        found = f"no {name}" if value is None else f"{echo(repr(value))} for {name}"
        article = "an" if kind[0] in "aeiou" else "a"
        raise ResultsError(
            f"the row with key {echo(row['key'], 60)} has {found}; expected {article} {kind}. "
            "Choose other rows by --recipe, or delete that line"
        )


def is_field(value: Any, kind: str) -> bool:
    """Return whether a value has a type of `FIELD_TYPES`; numbers must be finite."""
    if isinstance(value, bool) or not isinstance(value, FIELD_TYPES[kind]):
        return False
    try:
        return not isinstance(value, (int, float)) or math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False


def number_in(row: Row, name: str) -> float | None:
    """Return the number in a field; None if it is missing, not a number or not finite."""
    value = field_of(row, name)
    return float(value) if is_field(value, "number") else None
