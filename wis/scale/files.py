"""Folders of edge files, one row for each arc: read batch by batch, and written in the same parts.

Parquet and csv, on any file system that fsspec knows. pyarrow does the reading and writing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import numpy as np
from fsspec.core import url_to_fs
from numpy.typing import NDArray

from wis.errors import (
    GraphFileError,
    GraphFormatError,
    MissingDependencyError,
    OutputExistsError,
)
from wis.io.source import parsing
from wis.io.text_columns import whole_numbers
from wis.io.text_layout import is_header, named_endpoints

ROWS_AT_A_TIME = 1 << 20
CSV_BLOCK_BYTES = 1 << 24
ENDINGS = {".parquet": ",", ".csv": ",", ".tsv": "\t"}
KINDS = ", ".join(ENDINGS)
HEAD_BYTES = 1 << 16
REPLACEABLE = (".parquet", ".crc")
"""Endings of what a folder may hold to be replaced."""


def pyarrow() -> Any:
    """The package, or the line that says how to get it.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        raise MissingDependencyError(
            "folders of edge files need pyarrow: pip install 'wis-sparsify[tables]'"
        ) from None
    return pa


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn what goes wrong while a file is read into one line that names it.

    Raises:
        GraphFileError: It cannot be read.
        GraphFormatError: It is damaged.
    """
    try:
        with parsing(Path(path), "an edge file of the kind that its ending says"):
            try:
                yield
            except FileNotFoundError:
                raise GraphFileError(f"{path}: no such file") from None
            except PermissionError as error:
                raise GraphFileError(f"{path}: cannot be read: {error.strerror}") from None
    except GraphFormatError as error:
        text = str(error)
        raise GraphFormatError(text if path in text else f"{path}: {text}") from None


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn what goes wrong while a file is written, a full disk for one, into one line.

    Raises:
        GraphFileError: It cannot be written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, GraphFileError):
            raise
        reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
        raise GraphFileError(f"{path}: cannot be written: {reason}") from None


@dataclass(frozen=True)
class EdgeFiles:
    """The edge files of a folder, by name.

    Attributes:
        root: The folder, or the one file, as it was given.
        paths: Path of each file on its file system.
        names: Its name below the folder.
        stamps: Its bytes, and when it was last changed as far as the file system tells.
        ends: Names of the two columns of endpoints.
    """

    root: str
    paths: tuple[str, ...]
    names: tuple[str, ...]
    stamps: tuple[tuple[int, str], ...]
    ends: tuple[str, str]

    @classmethod
    def of(cls, root: str) -> EdgeFiles:
        """List a folder and look at the head of each file.

        Raises:
            GraphFileError: There is no such folder, or no edge file in it.
            GraphFormatError: A file is damaged, or its columns are not those of the others.
        """
        pyarrow()
        with reading(root):
            fs, path = url_to_fs(root)
            if not fs.exists(path):
                raise GraphFileError(f"{root}: no such folder; expected one with edge files")
            details = fs.find(path, detail=True)
        found = sorted(name for name in details if _is_edge_file(name, path))
        if not found:
            raise GraphFileError(f"{root}: holds no edge files; expected files that end in {KINDS}")
        heads = [_Head.of(fs, name) for name in found]
        for name, head in zip(found, heads, strict=True):
            if head.columns != heads[0].columns:
                raise GraphFormatError(
                    f"{name}: has columns {', '.join(head.columns)}, but {found[0]} has "
                    f"{', '.join(heads[0].columns)}; expected the same in all files"
                )
        first, second = named_endpoints(heads[0].columns) or (0, 1)
        return cls(
            root,
            tuple(found),
            tuple(_relative(name, path) for name in found),
            tuple(_stamp(details[name]) for name in found),
            (heads[0].columns[first], heads[0].columns[second]),
        )

    def batches(self, index: int, *, ends_only: bool = False) -> Iterator[Any]:
        """The record batches of a file, in order.

        Args:
            index: Which file.
            ends_only: Leave all columns but the endpoints out.
        """
        fs, _ = url_to_fs(self.root)
        path = self.paths[index]
        columns = list(self.ends) if ends_only else None
        with reading(path), fs.open(path, "rb") as file:
            if _ending(path) == ".parquet":
                table = pyarrow().parquet.ParquetFile(file)
                yield from table.iter_batches(ROWS_AT_A_TIME, columns=columns, use_threads=False)
            else:
                yield from _csv(file, path, columns)

    def schema(self, index: int) -> Any:
        """The columns of a file and their types."""
        fs, _ = url_to_fs(self.root)
        path = self.paths[index]
        with reading(path), fs.open(path, "rb") as file:
            if _ending(path) == ".parquet":
                return pyarrow().parquet.ParquetFile(file).schema_arrow
            return _csv(file, path, None).schema

    def pairs(self, index: int) -> Iterator[tuple[Any, Any]]:
        """The two columns of ids of a file, batch by batch: int64 arrays, or pyarrow's texts."""
        row = 0
        for batch in self.batches(index, ends_only=True):
            yield (
                _ids(batch.column(self.ends[0]), self.ends[0], self.paths[index], row),
                _ids(batch.column(self.ends[1]), self.ends[1], self.paths[index], row),
            )
            row += batch.num_rows


@dataclass(frozen=True)
class _Head:
    """What the beginning of a file, or the end of a Parquet file, says."""

    columns: tuple[str, ...]

    @classmethod
    def of(cls, fs: Any, path: str) -> _Head:
        with reading(path), fs.open(path, "rb") as file:
            if _ending(path) == ".parquet":
                table = pyarrow().parquet.ParquetFile(file)
                columns = tuple(table.schema_arrow.names)
            else:
                columns = tuple(_csv_columns(file, path)[0])
        if len(columns) < 2:
            raise GraphFormatError(
                f"{path}: {len(columns)} columns; expected two with the endpoints"
            )
        for place, name in enumerate(columns):
            if name in columns[:place]:
                raise GraphFormatError(f"{path}: two columns are called {name!r}; rename one")
        return cls(columns)


def _csv_columns(file: Any, path: str) -> tuple[list[str], bool]:
    """Names of the columns, and whether the first line holds them."""
    head = file.read(HEAD_BYTES).decode("utf-8-sig", errors="replace").splitlines()
    file.seek(0)
    if not head:
        raise GraphFormatError(f"{path}: is empty; expected edges")
    rows = [line.split(ENDINGS[_ending(path)]) for line in head[:2]]
    fields = [[field.strip().strip('"') for field in row] for row in rows]
    if is_header(fields[0], fields[1] if len(fields) > 1 else None):
        return fields[0], True
    extra = [f"column_{i}" for i in range(2, len(fields[0]))]
    return ["source", "target", *extra][: len(fields[0])], False


def _csv(file: Any, path: str, columns: list[str] | None) -> Any:
    csv = pyarrow().csv
    names, has_header = _csv_columns(file, path)
    return csv.open_csv(
        file,
        read_options=csv.ReadOptions(
            block_size=CSV_BLOCK_BYTES,
            column_names=names,
            skip_rows=int(has_header),
            use_threads=False,
        ),
        parse_options=csv.ParseOptions(delimiter=ENDINGS[_ending(path)]),
        convert_options=csv.ConvertOptions(include_columns=columns),
    )


def _ids(column: Any, name: str, path: str, first_row: int) -> Any:
    pa = pyarrow()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        row = first_row + column.is_null().to_pylist().index(True) + 1
        raise GraphFormatError(
            f"{path} row {row}: vertex id in column {name!r} is missing; every edge needs two "
            "endpoints"
        )
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.large_string())
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = whole_numbers(column.to_numpy(zero_copy_only=False))
        if values is not None:
            return values
    raise GraphFormatError(
        f"{path}: column {name!r} holds {column.type}; expected text, or integers below 2^63"
    )


def _stamp(details: Any) -> tuple[int, str]:
    changed = (details.get(name) for name in ("mtime", "ETag", "LastModified", "last_modified"))
    return int(details["size"]), str(next((value for value in changed if value), ""))


def _ending(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _is_edge_file(path: str, root: str) -> bool:
    parts = PurePosixPath(_relative(path, root)).parts
    return _ending(path) in ENDINGS and not any(part.startswith((".", "_")) for part in parts)


def _relative(path: str, root: str) -> str:
    if path.rstrip("/") == root.rstrip("/"):
        return PurePosixPath(path).name
    return path[len(root.rstrip("/")) + 1 :]


@dataclass(frozen=True)
class OutputFolder:
    """A folder of Parquet files that appears under its name when all of them are there.

    Attributes:
        root: Where it shall be.
        force: Whether it may take the place of one that is there.
    """

    root: str
    force: bool

    @property
    def _partial(self) -> str:
        return f"{url_to_fs(self.root)[1].rstrip('/')}.wis-partial"

    def check(self) -> None:
        """Raise, before anything is computed, if it cannot be written.

        Raises:
            OutputExistsError: It is there and `force` is false, or it holds something else than
                Parquet files, which `force` would take away.
            GraphFileError: The folder above it is missing.
        """
        fs, path = url_to_fs(self.root)
        if fs.exists(path) and not self.force:
            raise OutputExistsError(f"{self.root} exists; pass --force to replace it")
        for found in fs.find(path) if fs.isdir(path) else ():
            name = PurePosixPath(found).name
            if _ending(name) not in REPLACEABLE and not name.startswith("_"):
                raise OutputExistsError(
                    f"{self.root} holds {_relative(found, path)}, which is no Parquet file; "
                    "--force replaces folders of Parquet files only, so give another one"
                )
        parent = path.rstrip("/").rpartition("/")[0]
        if is_local(self.root) and parent and not fs.isdir(parent):
            raise GraphFileError(f"{self.root}: there is no folder {parent}; make it first")

    def begin(self) -> None:
        """Make the folder that is renamed in the end, without what an earlier run left in it."""
        fs, _ = url_to_fs(self.root)
        self.discard()
        with writing(self.root):
            fs.makedirs(self._partial, exist_ok=True)

    def write(self, name: str, batches: Iterator[Any], schema: Any) -> None:
        """Write one file, of record batches of one schema; `name` is that of the file read."""
        fs, _ = url_to_fs(self.root)
        suffix = "" if _ending(name) == ".parquet" else ".parquet"
        path = f"{self._partial}/{name}{suffix}"
        with writing(path):
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            with (
                fs.open(path, "wb") as file,
                pyarrow().parquet.ParquetWriter(file, schema) as writer,
            ):
                for batch in batches:
                    writer.write_batch(batch)

    def finish(self) -> None:
        """Let it appear."""
        fs, path = url_to_fs(self.root)
        with writing(self.root):
            replaced = f"{path.rstrip('/')}.wis-replaced"
            if fs.exists(path):
                fs.mv(path, replaced, recursive=True)
            try:
                fs.mv(self._partial, path, recursive=True)
            except BaseException:
                if fs.exists(replaced):
                    fs.mv(replaced, path, recursive=True)
                raise
            if fs.exists(replaced):  # also that of a process that was killed right here
                fs.rm(replaced, recursive=True)

    def discard(self) -> None:
        """Take away what is not finished."""
        fs, _ = url_to_fs(self.root)
        with contextlib.suppress(FileNotFoundError):
            fs.rm(self._partial, recursive=True)


def check_file_system(url: str) -> None:
    """Raise if there is no way to the file system of a path.

    Raises:
        GraphFileError: fsspec knows no such kind, or cannot make it.
        MissingDependencyError: A package for it is not installed.
    """
    try:
        url_to_fs(url)
    except ImportError as error:
        raise MissingDependencyError(f"{url}: {error}") from None
    except ValueError as error:
        raise GraphFileError(f"{url}: {error}") from None


def is_local(url: str) -> bool:
    """Whether a path is one of this machine's file system."""
    return isinstance(url_to_fs(url)[0], fsspec.get_filesystem_class("file"))


def save_array(url: str, array: NDArray[Any]) -> None:
    """Write an array, whole or not at all."""
    fs, path = url_to_fs(url)
    temporary = f"{path}.tmp"
    with writing(url):
        with fs.open(temporary, "wb") as file:
            np.save(file, array)
        fs.mv(temporary, path)


def load_array(url: str) -> NDArray[Any]:
    """Read what `save_array` wrote: memory-mapped on a local file system."""
    fs, path = url_to_fs(url)
    with reading(url):
        if is_local(url):
            return np.asarray(np.load(path, mmap_mode="r"))
        with fs.open(path, "rb") as file:
            return np.asarray(np.load(file))
