"""The file of results: JSON lines, appended to under a lock, each row at most once.

A line is an object with a ``type``: ``run`` for a row, ``recipe`` for the recipe of rows (once for
each hash). Rows of runs that were trained as one are written by one call and synced before they
count. A process that is killed while it writes leaves a torn end: the next one to append cuts it
off, together with the rows that were to be written by the same call, which are then run again as
one. So what a resumed sweep ends with does not depend on when it was killed.

Several processes may append to one file: each reads, under the lock ``FILE.lock``, what the others
have written since, and leaves out rows that are there already.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from wis.errors import GraphFileError, ResultsError
from wis.io.atomic import check_writable

Row = dict[str, Any]
DONE, FAILED = "done", "failed"


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
                file.truncate(self._read_to)  # nobody else is writing: what is left is torn
                chosen = choose()
                if chosen:
                    self._append(file, _as_one(chosen))
        except GraphFileError:
            raise
        except OSError as error:
            raise GraphFileError(f"{self.path}: cannot be written: {error.strerror}") from None
        return chosen

    def _append(self, file: BinaryIO, rows: Sequence[Row]) -> None:
        text = b"".join(json.dumps(row, sort_keys=True).encode() + b"\n" for row in rows)
        file.seek(0, os.SEEK_END)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        self._read(file)


def _as_one(rows: Sequence[Row]) -> list[Row]:
    """Number the rows of one write, so that a reader can tell whether all are there."""
    return [{**row, "written": [index, len(rows)]} for index, row in enumerate(rows)]


def _parse(line: bytes, where: str) -> Row:
    try:
        row = json.loads(line)
        if row["type"] == "run":
            row["key"], row["status"]
            index, number = row.get("written", (0, 1))
            _ = 0 <= index < number
        elif row["type"] == "recipe":
            row["recipe_hash"]
    except (ValueError, TypeError, KeyError):
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
