"""The file of results: JSON lines, appended to under a lock, each row at most once.

A line is an object with a ``type``, which comes first: ``run`` for a row, ``recipe`` for the recipe
of rows (once for each hash). Rows of runs that were trained as one form a group: they are written
by one call, synced before they count, and say their places in the group (``written``).

A process that is killed while it writes leaves a torn last line and perhaps half a group; an editor
can do the same. Whatever is a whole line stays and is shown. A torn last line is left out, and the
next append cuts it off, provided that it begins like a line of ours. Groups that lack rows are
named in a warning, and the next sweep runs them again as one and writes them anew, so that what it
ends with does not depend on when it was killed.

Several processes may append to one file: each reads, under the lock ``FILE.lock``, what the others
have written since, and leaves out rows that are there already.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from wis.base.atomic import check_writable
from wis.errors import GraphFileError, ResultsError, UnknownNameError
from wis.experiments.rows import DONE, FAILED, Row, kind_of_row, name_of_recipe, parse_row

__all__ = ["DONE", "FAILED", "ResultsFile", "Row", "kind_of_row", "read_results", "rows_of_recipe"]

ACCURACY, TABLE5_1, FACTORIZATION = "accuracy", "table5_1", "factorization"
"""Kinds of rows; one that does not say its `kind` is of the first."""
START = b'{"type": "'

_log = logging.getLogger(__name__)


class ResultsFile:
    """Rows by their keys, and the file that they are in.

    Attributes:
        path: The file; it need not exist yet.
        rows: Rows by key: the last of each key, or the last that is done.
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
    def incomplete(self) -> set[str]:
        """Keys of rows whose group lacks others: what was trained as one is not all there."""
        return self._lacking | {str(row["key"]) for row in self._group if "key" in row}

    def refresh(self) -> None:
        """Read what has been written since the last time.

        Raises:
            GraphFileError: The file cannot be read.
            ResultsError: A line that is whole is not a row.
        """
        try:
            with self.path.open("rb") as file:
                self._read(file)
        except FileNotFoundError:
            return
        except OSError as error:
            raise GraphFileError(f"{self.path}: cannot be read: {error.strerror}") from None

    def warn(self) -> None:
        """Log what a hand or a kill has done to the file, if anything."""
        number = len(self.incomplete)
        if number:
            _log.warning(
                "%s: %d rows are of groups that lack others; they are shown, and the same "
                "`wis bench run` runs these groups again",
                self.path,
                number,
            )
        if self._torn:
            _log.warning("%s: the last line is torn and left out", self.path)

    def _read(self, file: BinaryIO) -> None:
        """Take in all lines that are whole, from where the last reading ended."""
        if file.seek(0, os.SEEK_END) < self._read_to:  # another file lies there now
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
                    raise self._not_a_row(error) from None
                self._take(row)
            self._line += is_ended
            self._read_to += len(line)
            self._lacks_newline = not is_ended

    def _not_a_row(self, error: ValueError) -> ResultsError:
        return ResultsError(
            f"{self.path} line {self._line + 1}: not a row of results: {error}; expected what "
            "`wis bench run` writes. Delete that line (its run will be done again), or give "
            "another file"
        )

    def _take(self, row: Row) -> None:
        if row["type"] == "recipe":
            self.recipes[row["recipe_hash"]] = row
        elif row["type"] == "run":
            known = self.rows.get(row["key"])
            if known is None or known["status"] == FAILED or row["status"] == DONE:
                self.rows[row["key"]] = row
        self._place(row)

    def _place(self, row: Row) -> None:
        """Note whether the group of a row is all there."""
        index, number = row.get("written", (0, 1))
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
        """Make sure that the rows read so far are of one kind, so that no file mixes two.

        Raises:
            ResultsError: One is of another.
        """
        others = {kind_of_row(row) for row in self.rows.values()} - {kind}
        if others:
            raise ResultsError(
                f"{self.path}: has rows of the kind {min(others)!r} and this experiment is of the "
                f"kind {kind!r}; give another file (--results)"
            )

    def append(self, rows: Sequence[Row]) -> list[Row]:
        """Add rows that were made together; those that are there already are left out.

        A row that is done takes the place of one that failed, and a group that is whole that of
        one that lacks rows.

        Returns:
            The rows that were written.

        Raises:
            GraphFileError: The file cannot be written.
            ResultsError: It is damaged.
        """
        return self._write(lambda: [row for row in rows if self._is_new(row)])

    def _is_new(self, row: Row) -> bool:
        known = self.rows.get(row["key"])
        if known is None or (known["status"] == FAILED and row["status"] == DONE):
            return True
        return row["key"] in self.incomplete and row["status"] == known["status"]

    def append_recipe(self, recipe_hash: str, name: str, settings: Mapping[str, Any]) -> None:
        """Add a recipe, unless it is there."""
        row = {"type": "recipe", "recipe_hash": recipe_hash, "name": name, "settings": settings}
        self._write(lambda: [] if recipe_hash in self.recipes else [row])

    def _write(self, choose: Callable[[], list[Row]]) -> list[Row]:
        from filelock import FileLock

        check_writable(self.path, force=True)
        try:
            with FileLock(f"{self.path}.lock"), self.path.open("a+b") as file:
                self._read(file)
                self._check_is_ours()
                chosen = choose()
                if chosen:
                    self._append(file, _as_one(chosen))
        except GraphFileError:
            raise
        except OSError as error:
            raise GraphFileError(f"{self.path}: cannot be written: {error.strerror}") from None
        return chosen

    def _check_is_ours(self) -> None:
        """The torn end, which is about to be cut off, begins like a line of ours."""
        begin = self._torn[: len(START)]
        if START.startswith(begin) or not self._torn.strip(b"\0"):  # zeros: a power failure
            return
        if self._read_to == 0:
            raise ResultsError(
                f"{self.path}: is no file of results; it is left as it is. Give another file"
            )
        raise ResultsError(
            f"{self.path} line {self._line + 1}: not a row of results, nor a part of one; it is "
            "left as it is. Delete that line, or give another file"
        )

    def _append(self, file: BinaryIO, rows: Sequence[Row]) -> None:
        """Write whole lines after the last whole line; nobody else is writing."""
        text = b"".join(_as_line(row) for row in rows)
        file.truncate(self._read_to)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + text if self._lacks_newline else text)
        file.flush()
        os.fsync(file.fileno())
        self._read(file)


def _as_one(rows: Sequence[Row]) -> list[Row]:
    """Number the rows of one write, so that a reader can tell whether all are there."""
    return [{**row, "written": [index, len(rows)]} for index, row in enumerate(rows)]


def _as_line(row: Row) -> bytes:
    """The fields of a row, by name, but the type before all others."""
    ordered = {"type": row["type"], **dict(sorted(row.items()))}
    return json.dumps(ordered).encode() + b"\n"


def rows_of_recipe(rows: Iterable[Row], recipe: str | None) -> list[Row]:
    """Rows of one recipe.

    Args:
        rows: Rows of results.
        recipe: Its name, or how its hash begins; None takes all rows.

    Raises:
        UnknownNameError: No row is of that recipe.
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


def read_results(paths: Iterable[str | Path]) -> tuple[list[Row], dict[str, Row]]:
    """All rows of some files, and the recipes in them by hash.

    Where a row is in several files, one that is done wins.

    Raises:
        GraphFileError: A file does not exist or cannot be read.
        ResultsError: It is no file of results, or there are no rows.
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
