"""Folders of edge files, one row for each arc: read batch by batch.

Parquet, and text with or without compression, on any file system that fsspec knows. Every file of a
folder counts: what is no edge file is named and refused, except what other programs leave beside
their data, which begins with ``_`` or ``.`` or ends in ``.crc``.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from wis.errors import GraphFileError, GraphFormatError, echo
from wis.io.text_columns import whole_numbers
from wis.io.text_layout import TextLayout, named_endpoints
from wis.scale import texts
from wis.scale.storage import pyarrow, reading

ROWS_AT_A_TIME = 1 << 20
PARQUET = ".parquet"
COMPRESSED = (".gz", ".bz2", ".xz")
KINDS = f"{PARQUET}, {', '.join(texts.ENDINGS)}, the latter also with {', '.join(COMPRESSED)}"
END_BYTES = 1 << 16
LOGS = {"_delta_log": "a Delta table", ".hoodie": "a Hudi table"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EdgeFiles:
    """The edge files of a folder, by name.

    Attributes:
        root: The folder, or the one file, as it was given.
        paths: Path of each file on its file system.
        names: Its name below the folder.
        stamps: For each file its bytes, when it was last changed as far as the file system tells,
            and a digest of its end, which holds the row counts and statistics of Parquet.
        ends: Names of the two columns of endpoints.
        layouts: How each text is written down, None for Parquet.
    """

    root: str
    paths: tuple[str, ...]
    names: tuple[str, ...]
    stamps: tuple[tuple[int, str, str], ...]
    ends: tuple[str, str]
    layouts: tuple[TextLayout | None, ...]

    @classmethod
    def of(cls, root: str) -> EdgeFiles:
        """List a folder and look at the head of each file.

        Raises:
            GraphFileError: There is no such folder, or no edge file in it.
            GraphFormatError: A file is damaged or no edge file, or its columns are not those of
                the others.
        """
        pyarrow()
        fs, path = url_to_fs(root)
        found = _found(root)
        heads = [_Head.of(fs, name) for name in found]
        for name, head in zip(found, heads, strict=True):
            if head.columns != heads[0].columns:
                raise GraphFormatError(
                    f"{name}: has columns {_listed(head.columns)}, but {next(iter(found))} has "
                    f"{_listed(heads[0].columns)}; expected the same in all files"
                )
        names = tuple(_relative(name, path) for name in found)
        _check_names(root, names, heads[0].columns)
        return cls(
            root,
            tuple(found),
            names,
            tuple(_stamp(fs, name, details) for name, details in found.items()),
            heads[0].ends,
            tuple(head.layout for head in heads),
        )

    def check_unchanged(self) -> None:
        """Look at the files again.

        Raises:
            GraphFormatError: One has changed, or come, or gone.
        """
        fs, path = url_to_fs(self.root)
        found = _found(self.root)
        now = {_relative(name, path): _stamp(fs, name, found[name]) for name in found}
        before = dict(zip(self.names, self.stamps, strict=True))
        changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if changed:
            raise GraphFormatError(
                f"{self.root}: {changed[0]} has changed while it was read; nothing was written. "
                "Run it again when the folder is at rest"
            )

    def pairs(self, index: int, *, as_names: bool = False) -> Iterator[tuple[Any, Any]]:
        """The two columns of ids of a file, batch by batch: int64 arrays, or pyarrow's texts.

        Args:
            index: Which file.
            as_names: Take integers of text files as they are spelt.
        """
        fs, _ = url_to_fs(self.root)
        path, layout = self.paths[index], self.layouts[index]
        with reading(path), fs.open(path, "rb") as file:
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
        """The record batches of a file, in order, of the schema that `schema` gave."""
        fs, _ = url_to_fs(self.root)
        path, layout = self.paths[index], self.layouts[index]
        with reading(path), fs.open(path, "rb") as file:
            if layout is None:
                yield from _parquet_batches(file, None)
            else:
                named = as_names or not layout.numbered
                yield from texts.batches(file, path, layout, schema, as_names=named)

    def schema(self, index: int, *, as_names: bool = False) -> Any:
        """The columns of a file and their types."""
        fs, _ = url_to_fs(self.root)
        path, layout = self.paths[index], self.layouts[index]
        with reading(path), fs.open(path, "rb") as file:
            if layout is None:
                return pyarrow().parquet.ParquetFile(file).schema_arrow
            named = as_names or not layout.numbered
            return texts.schema_of(file, path, layout, as_names=named)


def _parquet_batches(file: Any, columns: list[str] | None) -> Iterator[Any]:
    table = pyarrow().parquet.ParquetFile(file)
    yield from table.iter_batches(ROWS_AT_A_TIME, columns=columns, use_threads=False)


@dataclass(frozen=True)
class _Head:
    """What the beginning of a text, or the end of a Parquet file, says."""

    columns: tuple[str, ...]
    ends: tuple[str, str]
    layout: TextLayout | None

    @classmethod
    def of(cls, fs: Any, path: str) -> _Head:
        layout = None
        with reading(path), fs.open(path, "rb") as file:
            if _ending(path) == PARQUET:
                columns = tuple(pyarrow().parquet.ParquetFile(file).schema_arrow.names)
            else:
                layout = texts.layout_of(file, path)
                columns = tuple(texts.column_names(layout))
        if len(columns) < 2:
            raise GraphFormatError(
                f"{path}: {len(columns)} columns; expected two with the endpoints"
            )
        for place, name in enumerate(columns):
            if name in columns[:place]:
                raise GraphFormatError(
                    f"{path}: two columns are called {echo(repr(name))}; rename one"
                )
        places = named_endpoints(columns) or (0, 1) if layout is None else layout.endpoints
        return cls(columns, (columns[places[0]], columns[places[1]]), layout)


# Which files there are


def _found(root: str) -> dict[str, Any]:
    """The edge files of a folder in order, each with what the file system says of it."""
    with reading(root):
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
                    f"{root}: is {LOGS[part]}, whose log says which files count; write it out as "
                    "plain Parquet first"
                )
        if any(part.startswith((".", "_")) for part in parts) or name.endswith(".crc"):
            left_out += [_relative(name, path)] if _is_edge_file(name) else []
        elif _is_edge_file(name):
            found[name] = details[name]
        else:
            raise GraphFormatError(
                f"{root}: holds {echo(_relative(name, path))}, which is no edge file; expected "
                f"files that end in {KINDS}. Move it away, or let its name begin with _"
            )
    if not found:
        raise GraphFileError(f"{root}: holds no edge files; expected files that end in {KINDS}")
    if left_out:
        _log.info(
            "%s: left out %s, as names with _ or . at the beginning are no data",
            root,
            echo(", ".join(left_out)),
        )
    return found


def _is_edge_file(path: str) -> bool:
    return _ending(path) == PARQUET or texts.ending(path) in texts.ENDINGS


def _ending(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _relative(path: str, root: str) -> str:
    if path.rstrip("/") == root.rstrip("/"):
        return PurePosixPath(path).name
    return path[len(root.rstrip("/")) + 1 :]


def _check_names(root: str, names: tuple[str, ...], columns: tuple[str, ...]) -> None:
    """Raise if two files would be written to one, or a folder's name holds an endpoint."""
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
                f"{root}: the folders say the column {echo(([*columns, *keys])[max(ends)])} of "
                f"{echo(name)}; expected both endpoints inside the files"
            )


def _listed(columns: tuple[str, ...]) -> str:
    return echo(", ".join(columns))


def _stamp(fs: Any, path: str, details: Any) -> tuple[int, str, str]:
    size = int(details["size"])
    with reading(path), fs.open(path, "rb") as file:
        file.seek(max(0, size - END_BYTES))
        digest = hashlib.sha256(file.read(END_BYTES)).hexdigest()[:16]
    return size, _changed(fs, path, details), digest


def _changed(fs: Any, path: str, details: Any) -> str:
    """When a file was last changed, as exactly as its file system tells."""
    if isinstance(fs, LocalFileSystem):
        with reading(path):
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
