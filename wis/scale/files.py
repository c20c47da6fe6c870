"""Folders of edge files, one row for each arc, read batch by batch.

The files are Parquet, text with or without compression, or archives of numpy, on any file system
that fsspec knows.
A folder with a file of another kind is refused. Files that other programs leave beside their data
are skipped: their names begin with ``_`` or ``.`` or end in ``.crc``.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from wis.base.source import ending_of
from wis.base.tables import GUESS, TableOptions, named_endpoints, whole_numbers
from wis.errors import GraphFileError, GraphFormatError, echo
from wis.io.dialects import HEAD_LINES
from wis.io.headers import TextLayout, choose_columns
from wis.io.parquet import stated_num_nodes
from wis.io.two_sided import Kinds, kinds_of
from wis.scale import archives, texts
from wis.scale.storage import opening, pyarrow, reading

ROWS_AT_A_TIME = 1 << 20
PARQUET = ".parquet"
COMPRESSED = (".gz", ".bz2", ".xz")
KINDS = (
    f"{PARQUET}, {archives.ENDING}, {', '.join(texts.ENDINGS)}, the latter also with "
    f"{', '.join(COMPRESSED)}"
)
END_BYTES = 1 << 16
LOGS = {"_delta_log": "a Delta table", ".hoodie": "a Hudi table"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EdgeFiles:
    """The edge files of a folder, by name."""

    root: str  # the folder, or the one file, as it was given
    paths: tuple[str, ...]  # path of each file on its file system
    names: tuple[str, ...]  # name of each file below the folder
    # The size of each file, its time of change if the file system keeps one, and a digest of its
    # last bytes, where Parquet stores row counts and statistics
    stamps: tuple[tuple[int, str, str], ...]
    ends: tuple[str, str]  # names of the two columns of endpoints
    # The layout of each text file, None for Parquet and archives
    layouts: tuple[TextLayout | None, ...]
    # The ending of the format of all files; None to use the ending of each file
    format: str | None = None
    # Names of the columns of endpoints and the two kinds of vertices that these names suggest; None
    # for one kind
    kinds: Kinds | None = None
    # The number of vertices stated in Parquet files; None if it is not stated
    num_nodes: int | None = None

    @classmethod
    def of(cls, root: str, options: TableOptions = GUESS, ending: str | None = None) -> EdgeFiles:
        """List a folder, or one file, and look at the head of each file.

        `ending` is that of the format of all files; None takes the ending of each file.
        """
        pyarrow()
        fs, path = url_to_fs(root)
        found = _found(root, ending)
        heads = [_Head.of(fs, name, ending or ending_of(Path(name)), options) for name in found]
        for name, head in zip(found, heads, strict=True):
            if head.columns != heads[0].columns:
                raise GraphFormatError(
                    f"{name}: has columns {_listed(head.columns)}, but {next(iter(found))} has "
                    f"{_listed(heads[0].columns)}; expected the same in all files"
                )
        for note in dict.fromkeys(note for head in heads for note in head.notes):
            _log.info("%s: %s", root, note)
        names = tuple(_relative(name, path) for name in found)
        _check_names(root, names, heads[0].columns)
        return cls(
            root,
            tuple(found),
            names,
            tuple(_stamp(fs, name, details) for name, details in found.items()),
            heads[0].ends,
            tuple(head.layout for head in heads),
            ending,
            heads[0].kinds if options.bipartite is None else None,
            max((head.num_nodes for head in heads if head.num_nodes is not None), default=None),
        )

    def check_unchanged(self) -> None:
        """Raise `GraphFormatError` if a file has changed, appeared or disappeared."""
        fs, path = url_to_fs(self.root)
        found = _found(self.root, self.format)
        now = {_relative(name, path): _stamp(fs, name, found[name]) for name in found}
        before = dict(zip(self.names, self.stamps, strict=True))
        changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if changed:
            raise GraphFormatError(
                f"{self.root}: {changed[0]} has changed while it was read; nothing was written. "
                "Run again when no program writes to the folder"
            )

    def pairs(self, index: int, *, as_names: bool = False) -> Iterator[tuple[Any, Any]]:
        """The two columns of ids of a file, batch by batch: int64 arrays, or pyarrow's texts.

        With `as_names`, integers of text files are names and keep their spelling.
        """
        path, layout = self.paths[index], self.layouts[index]
        with self._opened(index) as file:
            if self._is_archive(index):
                yield from archives.pairs(file, path, ROWS_AT_A_TIME)
                return
            if layout is not None:
                named = as_names or not layout.numbered
                for found, _, _ in texts.columns(file, path, layout, as_names=named):
                    yield texts.arrow_ids(found.ends[0]), texts.arrow_ids(found.ends[1])
                return
            row = 0
            for batch in _parquet_batches(file, list(self.ends)):
                first, second = (batch.column(end) for end in self.ends)
                yield (
                    _ids(first, self.ends[0], path, row),
                    _ids(second, self.ends[1], path, row),
                )
                row += batch.num_rows

    def batches(self, index: int, schema: Any, *, as_names: bool = False) -> Iterator[Any]:
        """The record batches of a file, in order; `schema` is the result of `EdgeFiles.schema`."""
        path, layout = self.paths[index], self.layouts[index]
        with self._opened(index) as file:
            if self._is_archive(index):
                for ends in archives.pairs(file, path, ROWS_AT_A_TIME):
                    yield pyarrow().record_batch(list(ends), schema=schema)
            elif layout is None:
                yield from _parquet_batches(file, None)
            else:
                named = as_names or not layout.numbered
                yield from texts.batches(file, path, layout, schema, as_names=named)

    def schema(self, index: int, *, as_names: bool = False) -> Any:
        """The columns of a file and their types."""
        path, layout = self.paths[index], self.layouts[index]
        if self._is_archive(index):
            pa = pyarrow()
            return pa.schema([(end, pa.int64()) for end in archives.ENDS])
        with self._opened(index) as file:
            if layout is None:
                return pyarrow().parquet.ParquetFile(file).schema_arrow
            named = as_names or not layout.numbered
            return texts.schema_of(file, path, layout, as_names=named)

    def _is_archive(self, index: int) -> bool:
        return (self.format or _ending(self.paths[index])) == archives.ENDING

    @contextlib.contextmanager
    def _opened(self, index: int) -> Iterator[Any]:
        path = self.paths[index]
        is_parquet = self.layouts[index] is None and not self._is_archive(index)
        errors = reading if is_parquet else opening
        with errors(path), url_to_fs(self.root)[0].open(path, "rb") as file:
            yield file


def _parquet_batches(file: Any, columns: list[str] | None) -> Iterator[Any]:
    table = pyarrow().parquet.ParquetFile(file)
    yield from table.iter_batches(ROWS_AT_A_TIME, columns=columns, use_threads=False)


@dataclass(frozen=True)
class _Head:
    """The columns and endpoints of a file, found in its first rows (and Parquet's metadata)."""

    columns: tuple[str, ...]
    ends: tuple[str, str]
    layout: TextLayout | None
    notes: tuple[str, ...]
    kinds: Kinds | None
    num_nodes: int | None = None

    @classmethod
    def of(cls, fs: Any, path: str, ending: str, options: TableOptions) -> _Head:
        if ending == PARQUET:
            with reading(path), fs.open(path, "rb") as file:
                return cls._of_parquet(file, path, options)
        if ending == archives.ENDING:
            with opening(path), fs.open(path, "rb") as file:
                size = archives.stated_size(file, path)
            return cls(archives.ENDS, archives.ENDS, None, (), None, size)
        with opening(path), fs.open(path, "rb") as file:
            head = texts.head_of(file, path, ending, options)
        columns = _checked(texts.column_names(head.layout), path)
        first, second = head.layout.endpoints
        return cls(columns, (columns[first], columns[second]), head.layout, head.notes, head.kinds)

    @classmethod
    def _of_parquet(cls, file: Any, path: str, options: TableOptions) -> _Head:
        table = pyarrow().parquet.ParquetFile(file)
        columns = _checked(list(map(str, table.schema_arrow.names)), path)
        batch = next(table.iter_batches(HEAD_LINES, use_threads=False), None)
        rows = [] if batch is None else batch.to_pylist()
        head = [["" if value is None else str(value) for value in row.values()] for row in rows]
        choice = choose_columns(columns, head, path, options)
        ends = (columns[choice.endpoints[0]], columns[choice.endpoints[1]])
        kinds = kinds_of(ends)
        stated = stated_num_nodes(table.schema_arrow)
        return cls(columns, ends, None, choice.notes, kinds and (ends, kinds), stated)


def _checked(columns: list[str], path: str) -> tuple[str, ...]:
    """Check that there are two or more columns with different names."""
    if len(columns) < 2:
        raise GraphFormatError(f"{path}: {len(columns)} columns; expected two with the endpoints")
    for place, name in enumerate(columns):
        if name in columns[:place]:
            raise GraphFormatError(f"{path}: two columns are called {echo(repr(name))}; rename one")
    return tuple(columns)


def _found(root: str, ending: str | None) -> dict[str, Any]:
    """The edge files of a folder, sorted, each with the details that its file system gives."""
    with opening(root):
        fs, path = url_to_fs(root)
        fs.invalidate_cache()
        if not fs.exists(path):
            raise GraphFileError(f"{root}: no such folder; expected one with edge files")
        details = fs.find(path, detail=True)
    found, left_out = {}, []
    for name in sorted(details):
        parts = PurePosixPath(_relative(name, path)).parts
        for part in parts:
            if part in LOGS:
                raise GraphFormatError(
                    f"{root}: is {LOGS[part]}, whose log lists the valid files; export it as "
                    "plain Parquet first"
                )
        if any(part.startswith((".", "_")) for part in parts) or name.endswith(".crc"):
            left_out += [_relative(name, path)] if _is_edge_file(name, None) else []
        elif _is_edge_file(name, ending):
            found[name] = details[name]
        else:
            raise GraphFormatError(
                f"{root}: holds {echo(_relative(name, path))}, which is not an edge file; "
                f"expected files that end in {KINDS}. Move it away, put _ before its name, or "
                "give the format of all files with --format"
            )
    if not found:
        raise GraphFileError(f"{root}: holds no edge files; expected files that end in {KINDS}")
    if left_out:
        _log.info(
            "%s: skipped %s, since names that begin with _ or . do not count as data",
            root,
            echo(", ".join(left_out)),
        )
    return found


def _is_edge_file(path: str, ending: str | None) -> bool:
    return (ending or _ending(path)) in (PARQUET, archives.ENDING) or (
        (ending or ending_of(Path(path))) in texts.ENDINGS
    )


def _ending(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _relative(path: str, root: str) -> str:
    if path.rstrip("/") == root.rstrip("/"):
        return PurePosixPath(path).name
    return path[len(root.rstrip("/")) + 1 :]


def _check_names(root: str, names: tuple[str, ...], columns: tuple[str, ...]) -> None:
    """Raise if two outputs would have one name, or if a folder's name is a column of endpoints."""
    for name in names:
        if f"{name}{PARQUET}" in names and _ending(name) != PARQUET:
            raise GraphFormatError(
                f"{root}: {echo(name)} and {echo(name + PARQUET)} would be written to one file; "
                "rename one"
            )
        keys = [part.partition("=")[0] for part in PurePosixPath(name).parts[:-1] if "=" in part]
        ends = named_endpoints([*columns, *keys])
        if ends is not None and max(ends) >= len(columns):
            raise GraphFormatError(
                f"{root}: the path of {echo(name)} holds the column "
                f"{echo(([*columns, *keys])[max(ends)])}; expected both endpoints inside the files"
            )


def _listed(columns: tuple[str, ...]) -> str:
    return echo(", ".join(columns))


def _stamp(fs: Any, path: str, details: Any) -> tuple[int, str, str]:
    size = int(details["size"])
    with opening(path), fs.open(path, "rb") as file:
        file.seek(max(0, size - END_BYTES))
        digest = hashlib.sha256(file.read(END_BYTES)).hexdigest()[:16]
    return size, _changed(fs, path, details), digest


def _changed(fs: Any, path: str, details: Any) -> str:
    """The time of the last change of a file, or its version; empty if neither is known."""
    if isinstance(fs, LocalFileSystem):
        with opening(path):
            return str(os.stat(path).st_mtime_ns)
    keys = ("ETag", "etag", "generation", "mtime", "LastModified", "last_modified", "updated",
            "created")  # fmt: skip
    return str(next((details[key] for key in keys if details.get(key)), ""))


def _ids(column: Any, name: str, path: str, first_row: int) -> Any:
    pa = pyarrow()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        row = first_row + column.is_null().to_pylist().index(True) + 1
        raise GraphFormatError(
            f"{path} row {row}: vertex id in column {echo(repr(name))} is missing; every edge "
            "needs two endpoints"
        )
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.large_string())
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = whole_numbers(column.to_numpy(zero_copy_only=False))
        if values is not None:
            return values
    raise GraphFormatError(
        f"{path}: column {echo(repr(name))} holds {column.type}; expected text, or integers below "
        "2^63"
    )
