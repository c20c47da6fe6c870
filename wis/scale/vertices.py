"""Number the vertices of a folder of edge files from 0 to n - 1; the names are sorted on disk.

The rules are those of `wis.io.columns`, so that a folder gives the same graph as its edges in
memory. Names are numbered by a sorted list of ids on disk, which is made by an external sort:
sorted runs of distinct ids are cut at common splitters and merged range by range. A block of edges
looks up its ids in one range after the other.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.errors import GraphFormatError, OptionError
from wis.graph import MAX_NUM_NODES
from wis.io.columns import WITHOUT_0, check_ids, check_num_names, count_vertices
from wis.io.two_sided import refuse_merging
from wis.scale.files import EdgeFiles
from wis.scale.storage import IDS, pyarrow, work_file, writing

_log = logging.getLogger(__name__)
Ints = NDArray[np.int64]
IDS_IN_MEMORY = 1 << 22
"""Number of ids of a run and, about, of a range, 32 MB of integers; more ids make fewer runs."""
SAMPLE = 256
"""One of 256 ids of a run is a candidate splitter: few to sort, but enough for even ranges."""


@dataclass(frozen=True)
class Vertices:
    """The map from ids to vertices."""

    num_nodes: int  # number n of vertices
    names: str | None = None  # file of the sorted ids; None if the ids are the vertices

    def number(self, ids: Any) -> Ints:
        """Vertices of a column of ids: int64 array or pyarrow's texts -> int64 [k]."""
        if self.names is None:
            return np.asarray(ids)
        return self._names.positions(ids)

    @property
    def texts(self) -> bool:
        """Whether the names are texts, so that integers among them keep their spelling."""
        return self.names is not None and self._names.holds_texts

    @functools.cached_property
    def _names(self) -> _Names:
        assert self.names is not None
        return _Names(self.names)


MapFiles = Callable[..., list[Any]]


def map_here(task: Callable[..., Any], items: Iterable[Any], *arguments: Any) -> list[Any]:
    """Run a task for each item, one after the other."""
    return [task(item, *arguments) for item in items]


def look_at_ids(
    files: EdgeFiles,
    folder: Path | None,
    map_files: MapFiles = map_here,
    *,
    relabel: bool,
    num_nodes: int | None,
) -> tuple[Vertices, int]:
    """Find the vertices of a folder, in one pass over its ids (two for mixed names).

    Args:
        files: The edge files.
        folder: The folder for the sorted ids of names; None if names are impossible.
        map_files: Runs a task for each file; names are sorted in this process.
        relabel: Treat integers as names.
        num_nodes: Number of vertices; the largest id + 1 if not given.

    Returns:
        The vertices, and the number of rows.
    """
    stated = None if relabel else files.num_nodes
    if stated is not None and num_nodes not in (None, stated):
        raise OptionError(f"num_nodes is {num_nodes}, but {files.root} says {stated}; leave it out")
    num_nodes = num_nodes if stated is None else stated
    ranges = [] if relabel else map_files(_range_of, range(len(files.paths)), files, num_nodes)
    if relabel or None in ranges:
        num_names = None if stated is not None else num_nodes
        try:
            vertices, rows = _numbered(files, folder, relabel, num_names, as_names=False)
        except (GraphFormatError, _Texts):
            if not relabel:
                raise
            # Some id is not an integer, so all ids are names and keep their spelling.
            vertices, rows = _numbered(files, folder, True, num_names, as_names=True)
    else:
        lows, highs, sizes = zip(*ranges, strict=True)
        rows = sum(sizes)
        size = count_vertices(max(highs), rows, num_nodes, files.root, lambda: files.root)
        if rows and min(lows) > 0 and num_nodes is None:
            _log.info("%s: %s", files.root, WITHOUT_0)
        vertices = Vertices(size)
    if files.kinds is not None:
        _refuse_merging(files, vertices)
    return vertices, rows


def _refuse_merging(files: EdgeFiles, vertices: Vertices) -> None:
    """Raise if the columns probably hold two kinds of vertices, but share ids."""
    assert files.kinds is not None
    is_end = [np.zeros(vertices.num_nodes, np.bool_) for _ in range(2)]
    for index in range(len(files.paths)):
        for ends in files.pairs(index, as_names=vertices.texts):
            for there, ids in zip(is_end, ends, strict=True):
                there[vertices.number(ids)] = True
    refuse_merging(*files.kinds, map(np.flatnonzero, is_end), files.root)


class _Texts(Exception):
    """Some ids are texts."""


def _range_of(index: int, files: EdgeFiles, num_nodes: int | None) -> tuple[int, int, int] | None:
    """The smallest and the largest id of a file, and its rows; None if some ids are texts."""
    smallest, largest, rows = MAX_NUM_NODES, -1, 0
    for ends in files.pairs(index):
        if len(ends[0]):
            if not all(isinstance(end, np.ndarray) for end in ends):
                return None
            low, high = check_ids(ends, num_nodes, functools.partial(_place, files.paths[index]))
            smallest, largest = min(smallest, low), max(largest, high)
            rows += len(ends[0])
    return smallest, largest, rows


def _numbered(
    files: EdgeFiles, folder: Path | None, relabel: bool, num_names: int | None, *, as_names: bool
) -> tuple[Vertices, int]:
    """Sort the names on disk; return the vertices and the number of rows."""
    runs, rows = _Runs(folder), 0
    for index, path in enumerate(files.paths):
        for ends in files.pairs(index, as_names=as_names):
            if not len(ends[0]):
                continue
            rows += len(ends[0])
            texts = [not isinstance(end, np.ndarray) for end in ends]
            if relabel and any(texts) and not as_names:
                raise _Texts
            if not relabel and not any(texts):
                raise _mixed(path)
            runs.add([_as_column(end, text=as_names or any(texts)) for end in ends], path)
    if runs.kind is None:
        return Vertices(0), rows
    names, count = runs.merge()
    check_num_names(count, num_names, files.root)
    return Vertices(count, names), rows


def _place(path: str, _: int) -> str:
    return path


def _mixed(path: str) -> GraphFormatError:
    return GraphFormatError(
        f"{path}: ids are text in some places and numbers in others; expected one kind"
    )


def _as_column(ids: Any, *, text: bool) -> Any:
    pa = pyarrow()
    if isinstance(ids, np.ndarray):
        ids = pa.array(ids)
    return ids.cast(pa.large_string()) if text else ids


class _Runs:
    """Sorted runs of distinct ids on disk."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.kind: Any = None
        self.paths: list[str] = []
        self.sample: list[Any] = []
        self.waiting: list[Any] = []
        self.size = 0

    def add(self, columns: Sequence[Any], path: str) -> None:
        if self.folder is None:
            raise OptionError(
                f"{path}: names are numbered in the work folder, which must be on a file system of "
                "this machine; pass --work-dir"
            )
        for column in columns:
            if self.kind is not None and column.type != self.kind:
                raise _mixed(path)
            self.kind = column.type
            distinct = column.unique()
            self.waiting.append(distinct)
            self.size += len(distinct)
        if self.size >= IDS_IN_MEMORY:
            self._flush()

    def _flush(self) -> None:
        assert self.folder is not None
        run = _sorted_union(self.waiting)
        path = work_file(self.folder, "ids", len(self.paths))
        with _arrow_file(path, self.kind) as write:
            write(run)
        self.sample += run[::SAMPLE].to_pylist()
        self.paths.append(path)
        self.waiting, self.size = [], 0

    def merge(self) -> tuple[str, int]:
        """Merge the runs into one sorted file; return its path and the number of ids."""
        if self.waiting:
            self._flush()
        runs = [_mapped(path)[0] for path in self.paths]
        # All runs together hold about `IDS_IN_MEMORY` ids between two splitters.
        step = max(1, IDS_IN_MEMORY // (SAMPLE * max(len(runs), 1)))
        splitters = sorted(set(self.sample))[::step][1:]
        assert self.folder is not None
        path = str(self.folder / IDS)
        total = 0
        with _arrow_file(path, self.kind) as write:
            begins = [0] * len(runs)
            for splitter in [*splitters, None]:  # merge the ids below the splitter
                ends = [len(run) if splitter is None else _place_of(splitter, run) for run in runs]
                parts = [
                    run.slice(begin, end - begin)
                    for run, begin, end in zip(runs, begins, ends, strict=True)
                ]
                merged = _sorted_union(parts)
                total += len(merged)
                write(merged)
                begins = ends
        for run_path in self.paths:
            Path(run_path).unlink()
        return path, total


def _place_of(value: Any, column: Any, side: Callable[..., int] = bisect.bisect_left) -> int:
    """The place of a value in a sorted pyarrow array, by a function of `bisect`."""
    return side(range(len(column)), value, key=lambda at: column[at].as_py())


@contextlib.contextmanager
def _arrow_file(path: str, kind: Any) -> Iterator[Callable[[Any], None]]:
    """Yield a function that appends a batch to an Arrow file of one column."""
    pa = pyarrow()
    schema = pa.schema([("id", kind)])
    with writing(path), pa.ipc.new_file(path, schema) as file:
        yield lambda column: file.write(pa.record_batch([column], schema=schema))


def _sorted_union(columns: Sequence[Any]) -> Any:
    pa = pyarrow()
    together = pa.chunked_array(columns).combine_chunks() if columns else pa.array([])
    if isinstance(together, pa.ChunkedArray):  # `combine_chunks` keeps zero or several chunks
        together = pa.concat_arrays(together.chunks)
    distinct = together.unique()
    return distinct.take(pa.compute.sort_indices(distinct))


def _mapped(path: str) -> list[Any]:
    """The column of each batch of an Arrow file, memory-mapped."""
    pa = pyarrow()
    file = pa.ipc.open_file(pa.memory_map(path))
    return [file.get_batch(i).column(0) for i in range(file.num_record_batches)]


class _Names:
    """The sorted ids on disk."""

    def __init__(self, path: str) -> None:
        self.ranges = _mapped(path)
        self.holds_texts = bool(self.ranges) and self.ranges[0].type != pyarrow().int64()

    def positions(self, ids: Any) -> Ints:
        """The position of each id among the sorted ids."""
        pa = pyarrow()
        column = _as_column(ids, text=self.holds_texts)
        codes = column.dictionary_encode()
        wanted = codes.dictionary
        by_id = pa.compute.sort_indices(wanted)
        ordered = wanted.take(by_id)
        found = np.concatenate([*self._found(ordered), np.empty(0, np.int64)])
        position = np.empty(len(wanted), np.int64)
        position[by_id.to_numpy()] = found
        numbers: Ints = position[codes.indices.to_numpy()]
        return numbers

    def _found(self, ordered: Any) -> Iterator[Ints]:
        """Yield the positions of sorted ids, range by range."""
        begin = offset = 0
        for ids in self.ranges:
            last = ids[len(ids) - 1].as_py() if len(ids) else None
            end = begin if last is None else _place_of(last, ordered, bisect.bisect_right)
            part = ordered.slice(begin, end - begin)
            places = pyarrow().compute.index_in(part, value_set=ids)
            yield offset + places.to_numpy(zero_copy_only=False).astype(np.int64)
            begin, offset = end, offset + len(ids)
