"""Relaxed 1-WIS over edges on disk, with memory for the n degrees and one block of edges.

`scan_edges` writes each edge of the input once, sorted by hash. It distributes the rows over
buckets by the first bits of the hash, so that all duplicates of an edge are in one bucket. Then it
sorts each bucket and drops duplicates. So the position of an edge is its priority within a class
(`wis.methods.one_wis.relaxed_rule`). The number of each row goes along, in the same order: from it
the rows that stay are marked at the end.

`Stream` runs the phases. If the edges that take part fit into a block, they stay in memory for as
many phases as possible. Most phases are of this kind, since early phases concern few edges.
Otherwise a pass over the edges writes the positions of those that take part into one file per
class. These files are read from the highest class down, block by block, and the budgets carry over
from block to block. The result is that of reading the edges one by one.

A memory-mapped file with two bytes per edge marks the phase that removed the edge. After a kill
only the phases that were written count (`wis.scale.phases`): the marks of later phases are deleted,
and degrees are counted again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.base.arrays import stable_argsort, where
from wis.base.checks import checked_factor
from wis.base.progress import Progress, progress_bar
from wis.errors import OptionError
from wis.methods.one_wis.relaxed_rule import both, degree_class, edge_class, hash_order, match
from wis.scale.job import Job
from wis.scale.phases import Levels, Phase, hashes_of, num_phases
from wis.scale.storage import FIRSTS, REMOVED, ROWS, SOURCES, STAYS, TARGETS, work_file, writing
from wis.scale.vertices import Vertices

Ints = NDArray[np.int64]
Vertex = np.uint32
MAX_BUCKETS = 1 << 9
MOST_OF_A_WORD = 1 << 32
MOST_PHASES = 2**16 - 2


def run_here(job: Job) -> tuple[dict[str, Any], int, int, int]:
    """Sparsify on this machine.

    Returns:
        The facts of `Job.noted`, the rows kept, the phases, and the phases of an earlier run.
    """
    folder = Path(job.folder.path)
    noted = job.noted(lambda vertices, rows: scan_edges(job, vertices, rows))
    vertices = Vertices(noted["n"], noted["names"])
    factor = checked_factor(job.epsilon)
    state = Stream.open(folder, noted["n"], noted["m"], job.seed, factor, job.block)
    resumed = state.num_finished
    with progress_bar("remove edges", noted["N"], show=job.progress) as report:
        phases = state.peel(noted["N"], report)
    stays = state.rows_that_stay(noted["rows"])
    del state  # the memory of degrees and marks
    job.files.check_unchanged()
    job.target.begin()
    done = 0
    with progress_bar("write edges", noted["rows"], show=job.progress) as report:
        for index, rows in enumerate(noted["rows_of"]):
            job.write_rows(index, vertices, stays[done : done + rows])
            done += rows
            report(done)
    job.finish(done, noted["rows"])
    return noted, int(np.count_nonzero(stays)), phases, resumed


def scan_edges(job: Job, vertices: Vertices, num_rows: int) -> dict[str, Any]:
    """Write the edges of a folder to `SOURCES` and `TARGETS`, raw uint32, by rising hash.

    The rows of these edges go to `ROWS`, by rising hash, and to `FIRSTS` whether each is the first
    one of its edge.

    Returns the number ``m`` of edges, and the number of rows of each file, ``rows_of``. Cost: one
    pass over the files; 12 bytes of disk per row and 8 per edge, and 5 per row that stay.
    """
    folder = Path(job.folder.path)
    bits = max(0, (2 * num_rows // max(job.block, 1)).bit_length())
    num_buckets = min(1 << bits, MAX_BUCKETS)
    words = _words(num_rows)
    paths = [Path(work_file(folder, "bucket", number)) for number in range(num_buckets)]
    rows_of = [0] * len(job.files.paths)
    with (
        progress_bar("read edges", num_rows, show=job.progress) as report,
        writing(str(folder)),
        contextlib.ExitStack() as stack,
    ):
        buckets = [stack.enter_context(path.open("wb")) for path in paths]
        for index in range(len(rows_of)):
            for a, b in job.files.pairs(index, as_names=vertices.texts):
                a, b = vertices.number(a), vertices.number(b)
                proper = np.flatnonzero(a != b)
                u, v = np.minimum(a, b)[proper], np.maximum(a, b)[proper]
                row = proper + sum(rows_of)
                columns = [u, v, *(row >> 32 * word for word in range(words))]
                records = np.stack(columns, axis=1, dtype=Vertex, casting="unsafe")
                _fill_buckets(records, hashes_of(u, v, job.seed), buckets)
                rows_of[index] += len(a)
                report(sum(rows_of))
    num_edges = 0
    with writing(str(folder)), contextlib.ExitStack() as stack:
        names = (SOURCES, TARGETS, FIRSTS, ROWS)
        files = [stack.enter_context((folder / name).open("wb")) for name in names]
        for path in paths:
            records = np.fromfile(path, Vertex).reshape(-1, 2 + words)
            order, first = _by_hash(records, job.seed)
            records = records[order]
            for file, ends in zip(files, records[first, :2].T, strict=False):
                file.write(np.ascontiguousarray(ends).data)
            files[2].write(first.data)
            files[3].write(np.ascontiguousarray(records[:, 2:]).data)
            num_edges += int(np.count_nonzero(first))
            path.unlink()
    return {"m": num_edges, "rows_of": rows_of}


def _words(num_rows: int) -> int:
    """The number of 32-bit words of a row's number."""
    return 1 if num_rows <= MOST_OF_A_WORD else 2


def _fill_buckets(records: NDArray[Vertex], hashes: Ints, buckets: Sequence[BinaryIO]) -> None:
    """Append rows to the buckets of the first bits of their hashes."""
    bits = len(buckets).bit_length() - 1
    by_bits = (hashes >> (64 - bits)) + (len(buckets) >> 1) if bits else np.zeros_like(hashes)
    number = by_bits.astype(np.uint8 if bits <= 8 else np.uint16)
    records = records[np.argsort(number, kind="stable")]
    ends = np.cumsum(np.bincount(number, minlength=len(buckets)))
    begin = 0
    for bucket, end in zip(buckets, ends.tolist(), strict=True):
        if end > begin:
            bucket.write(records[begin:end].data)
        begin = end


def _by_hash(records: NDArray[Vertex], seed: int) -> tuple[Ints, NDArray[np.bool_]]:
    """The order of rows by hash, and which of them so ordered is the first row of its edge."""
    hashes = hashes_of(records[:, 0], records[:, 1], seed)
    order = hash_order(torch.from_numpy(hashes)).numpy()
    hashes = hashes[order]
    return order, np.append(True, hashes[1:] != hashes[:-1])[: hashes.size]


@dataclass
class Stream:
    """Edges on disk, and the state of the phases."""

    folder: Path  # the folder of the run
    seed: int  # seed of the priorities
    block: int  # largest number of edges in memory
    u: NDArray[Any]  # [m], the smaller vertex of each edge, memory-mapped
    v: NDArray[Any]  # [m], the larger vertex
    # [m], 1 + the number of the phase that took each edge, else 0; memory-mapped
    gone_in: NDArray[Any]
    degree: Ints  # int64 [n], current degrees
    levels: Levels  # number of edges of each level
    num_removed: int = 0  # number of edges removed so far
    num_finished: int = 0  # number of phases that an earlier run finished
    window: _Window | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        num_nodes: int,
        num_edges: int,
        seed: int,
        factor: Fraction,
        block: int,
    ) -> Stream:
        """Open scanned edges, and count the degrees after the finished phases."""
        u, v = (_mapped(folder / name, num_edges, Vertex, "r") for name in (SOURCES, TARGETS))
        gone_in = _marks(folder / REMOVED, num_edges, np.uint16(0))
        finished = num_phases(str(folder))
        degree = np.zeros(num_nodes, np.int64)
        original = np.zeros(num_nodes, np.int64)
        for part in _blocks(num_edges, block):
            marks = gone_in[part]
            marks[marks > finished] = 0
            _count(original, u[part], v[part])
            if finished:
                left = marks == 0
                _count(degree, u[part][left], v[part][left])
        if not finished:
            degree[:] = original
        counts = np.zeros(int(original.max(initial=0)) + 1, np.int64)
        for part in _blocks(num_edges, block):
            level = np.minimum(original[u[part]], original[v[part]])
            counts += np.bincount(level, minlength=counts.size)
        removed = Phase.load(str(folder), finished - 1).num_removed if finished else 0
        levels = Levels.of_counts(counts, factor)
        return cls(folder, seed, block, u, v, gone_in, degree, levels, removed, finished)

    def peel(self, count: int, progress: Progress) -> int:
        """Run phases until `count` edges are removed; returns the number of all phases."""
        number = num_phases(str(self.folder))
        last = Phase.load(str(self.folder), number - 1).threshold if number else None
        while self.num_removed < count:
            last = self.levels.next_threshold(last, self.num_removed)
            assert last is not None  # since edges are left
            if number > MOST_PHASES:
                raise OptionError(f"epsilon is too small: more than {MOST_PHASES} phases")
            phase = self._phase(number, last, count - self.num_removed)
            self.gone_in.flush()  # type: ignore[attr-defined]
            phase.save(str(self.folder))
            number += 1
            progress(self.num_removed)
        return number

    def _phase(self, number: int, t: int, most: int) -> Phase:
        """Run a phase, but take no more than `most` edges."""
        if self.levels.num_live(t, self.num_removed) <= self.block:
            if self.window is None or t < self.window.lowest:
                lowest = self.levels.lowest_with(self.block, self.num_removed)
                self.window = self._load_window(lowest)
            positions = self.window.peel(t, most)
            self.gone_in[positions] = number + 1
            self.num_removed += positions.size
            self.degree[self.window.vertices] = self.window.degree
        else:
            self.window = None
            self._class_by_class(number, t, most)
        return Phase.without_cuts(number, t, self.num_removed)

    def _load_window(self, lowest: int) -> _Window:
        """The edges left between vertices of degree `lowest` or more."""
        inside = self.degree >= lowest
        found = [np.empty(0, np.int64)]
        found += [part.start + live for part, live in self._live(inside)]
        return _Window.of(self, lowest, np.concatenate(found))

    def _live(self, inside: NDArray[np.bool_]) -> Iterator[tuple[slice, Ints]]:
        """Yield, block by block, the places of the edges left whose ends are both inside."""
        for part in _blocks(self.u.size, self.block):
            live = np.flatnonzero(self.gone_in[part] == 0)
            for ends in (self.u[part], self.v[part]):
                live = live[inside[ends[live]]]
            yield part, live

    def _class_by_class(self, number: int, t: int, most: int) -> None:
        """Run a phase with more edges than a block; the budgets carry over between blocks."""
        inside = self.degree >= t
        vertices = np.flatnonzero(inside)
        budget = torch.from_numpy(self.degree[vertices] - (t - 1))
        kind = np.zeros(inside.size, np.uint8)
        kind[vertices] = degree_class(torch.from_numpy(self.degree[vertices])).numpy()
        label = self.labels(vertices)
        with contextlib.ExitStack() as stack, writing(str(self.folder)):
            paths = [Path(work_file(self.folder, "class", number)) for number in range(64)]
            for path in paths:
                stack.callback(path.unlink, missing_ok=True)
            self._distribute(inside, kind, paths)
            for path in reversed([path for path in paths if path.exists()]):
                for part in _blocks(path.stat().st_size // 8, self.block):
                    size = part.stop - part.start
                    positions = np.fromfile(path, np.int64, size, offset=8 * part.start)
                    goes = match(self.ends(positions, label), budget).numpy()
                    taken = positions[goes][:most]
                    self.gone_in[taken] = number + 1
                    self.num_removed += taken.size
                    most -= taken.size
        self.degree[vertices] = budget.numpy() + (t - 1)

    def labels(self, vertices: Ints) -> NDArray[Any]:
        """The place of each vertex among these, and any number for the others: [n]."""
        label = np.empty(self.degree.size, np.int32 if vertices.size < 1 << 31 else np.int64)
        label[vertices] = np.arange(vertices.size)
        return label

    def ends(self, positions: Ints, label: NDArray[Any]) -> Tensor:
        """The labels of the ends of edges, [k, 2]."""
        ends = np.empty((positions.size, 2), label.dtype)
        for column, vertices in enumerate((self.u, self.v)):
            ends[:, column] = label[vertices[positions]]
        return torch.from_numpy(ends)

    def _distribute(
        self, inside: NDArray[np.bool_], kind: NDArray[np.uint8], paths: list[Path]
    ) -> None:
        """Write the positions of the edges that take part into one file per class."""
        with contextlib.ExitStack() as stack:
            files: dict[int, Any] = {}
            for part, live in self._live(inside):
                kinds = np.maximum(kind[self.u[part][live]], kind[self.v[part][live]])
                for number in np.flatnonzero(np.bincount(kinds)).tolist():
                    if number not in files:
                        files[number] = stack.enter_context(paths[number].open("wb"))
                    (live[kinds == number] + part.start).tofile(files[number])

    def rows_that_stay(self, num_rows: int) -> NDArray[Any]:
        """Mark the rows that stay, those of edges that are left and loops: bool, mapped."""
        stays = _marks(self.folder / STAYS, num_rows, np.True_)
        size = self.u.size and (self.folder / FIRSTS).stat().st_size
        words = _words(num_rows)
        firsts = _mapped(self.folder / FIRSTS, size, np.bool_, "r")
        rows = _mapped(self.folder / ROWS, size * words, Vertex, "r").reshape(-1, words)
        edge = -1
        for part in _blocks(size, self.block):
            edges = np.cumsum(firsts[part]) + edge
            edge = int(edges[-1])
            gone = np.flatnonzero(self.gone_in[edges] != 0)
            numbers = rows[part][gone].astype(np.int64) << 32 * np.arange(words)
            stays[numbers.sum(axis=1)] = False
        return stays


@dataclass
class _Window:
    """The edges left between vertices of degree `lowest` or more, in memory."""

    lowest: int  # the least degree
    vertices: Ints  # int64 [w], these vertices
    degree: Ints  # int64 [w], their current degrees
    positions: Ints  # int64 [k], the positions of the edges, ascending
    ends: Tensor  # [k, 2], their ends as places in `vertices`

    @classmethod
    def of(cls, state: Stream, lowest: int, positions: Ints) -> _Window:
        """Load edges."""
        vertices = np.flatnonzero(state.degree >= lowest)
        ends = state.ends(positions, state.labels(vertices))
        return cls(lowest, vertices, state.degree[vertices], positions, ends)

    def peel(self, t: int, most: int) -> Ints:
        """Run a phase: remove up to `most` edges and return their positions."""
        degree = torch.from_numpy(self.degree)
        part = where(both(degree >= t, self.ends))
        ends = self.ends if part.numel() == len(self.ends) else self.ends.index_select(0, part)
        kinds = edge_class(degree_class(degree), ends)
        budget = (degree - (t - 1)).clamp_(min=0)
        goes = where(match(ends, budget, kinds))
        if goes.numel() > most:
            goes = goes[stable_argsort(64 - kinds[goes].long())[:most]]
        gone = torch.zeros(self.positions.size, dtype=torch.bool, device="cpu")
        gone[part[goes]] = True
        self.degree = torch.where(degree >= t, budget + (t - 1), degree).numpy()
        positions: Ints = self.positions[gone.numpy()]
        left = where(~gone)
        self.positions, self.ends = self.positions[left.numpy()], self.ends.index_select(0, left)
        return positions


def _blocks(size: int, block: int) -> Iterator[slice]:
    return (slice(begin, min(begin + block, size)) for begin in range(0, size, block))


def _count(degree: Ints, u: NDArray[Any], v: NDArray[Any]) -> None:
    for ends in (u, v):
        degree += np.bincount(ends, minlength=degree.size)


def _mapped(path: Path, size: int, kind: Any, mode: Any) -> NDArray[Any]:
    if size == 0:
        return np.zeros(0, kind)  # an empty file cannot be mapped
    return np.memmap(path, kind, mode, shape=(size,))


def _marks(path: Path, size: int, mark: Any) -> NDArray[Any]:
    """Map marks; they are written first, so that the disk cannot run full later."""
    if not path.exists() or path.stat().st_size != size * mark.itemsize:
        with writing(str(path)), path.open("wb") as file:
            for part in _blocks(size, 1 << 24):
                np.full(part.stop - part.start, mark).tofile(file)
    return _mapped(path, size, mark.dtype, "r+")
