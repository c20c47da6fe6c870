"""The file of results: JSON lines, appended to under a lock, each row at most once.

A line is an object with a ``type``, which comes first: ``run`` for a row, ``recipe`` for the recipe
of rows (once for each hash). Rows of runs that were trained as one are written by one call and
synced before they count. A process that is killed while it writes leaves a torn end: the next one
to append cuts it off, together with the rows that were to be written by the same call, which are
then run again as one. So what a resumed sweep ends with does not depend on when it was killed. An
end that no whole line precedes, and that does not begin as ours do, is somebody else's file, which
is left alone.

Several processes may append to one file: each reads, under the lock ``FILE.lock``, what the others
have written since, and leaves out rows that are there already.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from wis.errors import GraphFileError, ResultsError, UnknownNameError
from wis.io.atomic import check_writable

Row = dict[str, Any]
DONE, FAILED = "done", "failed"
ACCURACY, TABLE5_1, FACTORIZATION = "accuracy", "table5_1", "factorization"
"""Kinds of rows; one that does not say its `kind` is of the first."""
START = b'{"type": "'


class ResultsFile:
    """Rows by their keys, and the file that they are in.

    Attributes:
        path: The file; it need not exist yet.
        rows: Rows by key, the last of each key.
        recipes: Recipes by hash.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.rows: dict[str, Row] = {}
        self.recipes: dict[str, Row] = {}
        self._read_to = 0
        self._line = 0

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

    def _read(self, file: BinaryIO) -> None:
        """Take in all writes that are whole, from where the last reading ended."""
        if file.seek(0, os.SEEK_END) < self._read_to:  # another file lies there now
            self.rows, self.recipes, self._read_to, self._line = {}, {}, 0, 0
        file.seek(self._read_to)
        pending: list[tuple[int, Row]] = []
        for line in file:
            if not line.endswith(b"\n"):
                return
            row = _parse(line, f"{self.path} line {self._line + len(pending) + 1}")
            pending.append((len(line), row))
            index, number = row.get("written", (0, 1))
            if index + 1 == number:
                self._line += len(pending)
                self._read_to += sum(length for length, _ in pending)
                for _, complete in pending:
                    self._take(complete)
                pending = []

    def _take(self, row: Row) -> None:
        if row["type"] == "recipe":
            self.recipes[row["recipe_hash"]] = row
        elif row["type"] == "run":
            self.rows[row["key"]] = row

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

        A row that is done takes the place of one that failed.

        Returns:
            The rows that were written.

        Raises:
            GraphFileError: The file cannot be written.
            ResultsError: It is damaged.
        """
        return self._write(lambda: [row for row in rows if self._is_new(row)])

    def _is_new(self, row: Row) -> bool:
        known = self.rows.get(row["key"])
        return known is None or (known["status"] == FAILED and row["status"] == DONE)

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
                self._check_is_ours(file)
                file.truncate(self._read_to)  # nobody else is writing: what is left is torn
                chosen = choose()
                if chosen:
                    self._append(file, _as_one(chosen))
        except GraphFileError:
            raise
        except OSError as error:
            raise GraphFileError(f"{self.path}: cannot be written: {error.strerror}") from None
        return chosen

    def _check_is_ours(self, file: BinaryIO) -> None:
        """What is about to be cut off follows a row of ours, or begins like one."""
        file.seek(self._read_to)
        begin = file.read(len(START))
        if self._read_to == 0 and not START.startswith(begin):
            raise ResultsError(
                f"{self.path}: is no file of results; it is left as it is. Give another file"
            )

    def _append(self, file: BinaryIO, rows: Sequence[Row]) -> None:
        text = b"".join(_as_line(row) for row in rows)
        file.seek(0, os.SEEK_END)
        file.write(text)
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


def kind_of_row(row: Row) -> str:
    """Kind of experiment that a row is of."""
    return str(row.get("kind", ACCURACY))


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
    chosen = [r for r in given if r["recipe"] == recipe or r["recipe_hash"].startswith(recipe)]
    if not recipe or not chosen:
        known = {row["recipe"] for row in given}
        raise UnknownNameError.among("recipe of these results", recipe, known)
    return chosen


def _parse(line: bytes, where: str) -> Row:
    try:
        row = json.loads(line)
        needed = {"run": ("key", "status"), "recipe": ("recipe_hash",)}.get(row["type"], ())
        index, number = row.get("written", (0, 1))
        if not (all(name in row for name in needed) and 0 <= index < number):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ResultsError(
            f"{where}: not a row of results; expected what `wis bench run` writes. Take the line "
            "out, or give another file"
        ) from None
    return dict(row)


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
        recipes.update(results.recipes)
        for key, row in results.rows.items():
            if key not in rows or rows[key]["status"] == FAILED:
                rows[key] = row
    if not rows:
        raise ResultsError(f"{', '.join(map(str, paths))}: there are no rows in it yet")
    return list(rows.values()), recipes
