"""Relaxed 1-WIS over edges on disk, with memory for the n degrees and one block of edges.

`scan_edges` writes each edge of the input once, sorted by hash. It distributes the rows over
buckets by the first bits of the hash, so that all duplicates of an edge are in one bucket. Then it
sorts each bucket and drops duplicates. So the position of an edge is its priority within a class
(`wis.methods.one_wis.relaxed_rule`).

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

from wis.base.checks import checked_factor
from wis.base.progress import Progress, progress_bar
from wis.errors import OptionError
from wis.methods.one_wis.relaxed_rule import hash_order
from wis.scale.job import Job, proper_ends
from wis.scale.phases import Levels, Phase, RunningPhase, hashes_of, num_phases
from wis.scale.storage import REMOVED, SOURCES, TARGETS, work_file, writing
from wis.scale.vertices import Vertices

Ints = NDArray[np.int64]
Vertex = np.uint32
MAX_BUCKETS = 1 << 9
MOST_PHASES = 2**16 - 2


def run_here(job: Job) -> tuple[dict[str, Any], int, int, int]:
    """Sparsify on this machine.

    Returns:
        The facts of `Job.noted`, the rows kept, the phases, and the phases of an earlier run.
    """
    folder = Path(job.folder.path)
    noted = job.noted(lambda vertices, rows: {"m": scan_edges(job, vertices, rows)})
    vertices = Vertices(noted["n"], noted["names"])
    factor = checked_factor(job.epsilon)
    state = Stream.open(folder, noted["n"], noted["m"], job.seed, factor, job.block)
    resumed = state.num_finished
    with progress_bar("remove edges", noted["N"], show=job.progress) as report:
        phases = state.peel(noted["N"], report)
    del state  # the memory of degrees and marks
    job.files.check_unchanged()
    job.target.begin()
    kept = done = 0
    with progress_bar("write edges", noted["rows"], show=job.progress) as report:
        for index in range(len(job.files.paths)):
            stays, rows = job.write_file(index, vertices, phases)
            kept, done = kept + stays, done + rows
            report(done)
    job.finish(done, noted["rows"])
    return noted, kept, phases, resumed


def scan_edges(job: Job, vertices: Vertices, num_rows: int) -> int:
    """Write the edges of a folder to `SOURCES` and `TARGETS`, raw uint32, by rising hash.

    Returns the number m of edges. Cost: one pass over the files; 8 bytes of disk per row and per
    edge.
    """
    folder = Path(job.folder.path)
    bits = max(0, (2 * num_rows // max(job.block, 1)).bit_length())
    num_buckets = min(1 << bits, MAX_BUCKETS)
    paths = [Path(work_file(folder, "bucket", number)) for number in range(num_buckets)]
    with (
        progress_bar("read edges", num_rows, show=job.progress) as report,
        contextlib.ExitStack() as stack,
        writing(str(folder)),
    ):
        buckets = [stack.enter_context(path.open("wb")) for path in paths]
        done = 0
        for index in range(len(job.files.paths)):
            for a, b in job.files.pairs(index, as_names=vertices.texts):
                u, v = proper_ends(vertices.number(a), vertices.number(b))
                _fill_buckets(u.astype(Vertex), v.astype(Vertex), job.seed, buckets)
                done += len(a)
                report(done)
    num_edges = 0
    with (
        writing(str(folder)),
        (folder / SOURCES).open("wb") as us,
        (folder / TARGETS).open("wb") as vs,
    ):
        for path in paths:
            ends = _distinct(np.fromfile(path, Vertex).reshape(-1, 2), job.seed)
            us.write(ends[0].data)
            vs.write(ends[1].data)
            num_edges += ends[0].size
            path.unlink()
    return num_edges


def _fill_buckets(
    u: NDArray[Vertex], v: NDArray[Vertex], seed: int, buckets: Sequence[BinaryIO]
) -> None:
    bits = len(buckets).bit_length() - 1
    rows = np.stack([u, v], axis=1)
    if bits == 0:
        buckets[0].write(rows.data)
        return
    number = (hashes_of(u, v, seed) >> (64 - bits)) + (len(buckets) >> 1)
    by_bucket = np.argsort(number.astype(np.uint16), kind="stable")
    rows = rows[by_bucket]
    ends = np.cumsum(np.bincount(number, minlength=len(buckets)))
    begin = 0
    for bucket, end in zip(buckets, ends.tolist(), strict=True):
        if end > begin:
            bucket.write(rows[begin:end].data)
        begin = end


def _distinct(rows: NDArray[Vertex], seed: int) -> tuple[NDArray[Vertex], NDArray[Vertex]]:
    """The distinct edges among rows, sorted by hash."""
    hashes = hashes_of(rows[:, 0], rows[:, 1], seed)
    order = hash_order(torch.from_numpy(hashes)).numpy()
    hashes, rows = hashes[order], rows[order]
    first = np.ones(hashes.size, np.bool_)
    first[1:] = hashes[1:] != hashes[:-1]
    rows = rows[first]
    return np.ascontiguousarray(rows[:, 0]), np.ascontiguousarray(rows[:, 1])


@dataclass
class Stream:
    """Edges on disk, and the state of the phases.

    Attributes:
        folder: The folder of the run.
        seed: Seed of the priorities.
        block: Largest number of edges in memory.
        u: [m], the smaller vertex of each edge, memory-mapped.
        v: [m], the larger vertex.
        gone_in: [m], 1 + the number of the phase that took each edge, else 0; memory-mapped.
        degree: int64 [n], current degrees.
        levels: Number of edges of each level.
        num_removed: Number of edges removed so far.
        num_finished: Number of phases that an earlier run finished.
    """

    folder: Path
    seed: int
    block: int
    u: NDArray[Any]
    v: NDArray[Any]
    gone_in: NDArray[Any]
    degree: Ints
    levels: Levels
    num_removed: int = 0
    num_finished: int = 0
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
        gone_in = _marks(folder / REMOVED, num_edges)
        finished = num_phases(str(folder))
        degree = np.zeros(num_nodes, np.int64)
        original = np.zeros(num_nodes, np.int64)
        for part in _blocks(num_edges, block):
            marks = gone_in[part]
            marks[marks > finished] = 0
            _count(original, u[part], v[part])
            left = marks == 0
            _count(degree, u[part][left], v[part][left])
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
        running = RunningPhase.begin(self.degree, t)
        limit = None
        # Match block by block in the order of priority; the budgets carry over.
        for positions, kinds in self._by_priority(t, running.kind):
            u, v = self.u[positions].astype(np.int64), self.v[positions].astype(np.int64)
            taken = np.flatnonzero(running.match(u, v))[:most]
            most -= taken.size
            self.gone_in[positions[taken]] = number + 1
            self.num_removed += taken.size
            places = hashes_of(u[taken], v[taken], self.seed)
            running.note_cuts(u[taken], v[taken], kinds[taken], places)
            if most == 0:  # the phase reached the amount
                limit = (int(kinds[taken[-1]]), int(places[-1]))
                break
        if self.window is not None:
            self.window.forget_removed(self.gone_in)
        self.degree = running.degree_after()
        return running.finished(number, t, self.num_removed, limit)

    def _by_priority(self, t: int, kind: NDArray[np.uint8]) -> Iterator[tuple[Ints, Any]]:
        """Yield blocks of positions and classes of the edges that take part, by priority."""
        if self.levels.num_live(t, self.num_removed) > self.block:
            self.window = None
            yield from self._class_by_class(kind)
            return
        if self.window is None or t < self.window.lowest:
            self.window = self._load_window()
        positions = self.window.at(self.degree, t)
        kinds = np.maximum(kind[self.u[positions]], kind[self.v[positions]])
        order = np.argsort(64 - kinds, kind="stable")
        if positions.size:
            yield positions[order], kinds[order]

    def _load_window(self) -> _Window:
        lowest = self.levels.lowest_with(self.block, self.num_removed)
        inside = self.degree >= lowest
        found = [np.empty(0, np.int64)]
        for part in _blocks(self.u.size, self.block):
            left = (self.gone_in[part] == 0) & inside[self.u[part]] & inside[self.v[part]]
            found.append(np.flatnonzero(left) + part.start)
        positions = np.concatenate(found)
        return _Window(lowest, positions, self.u[positions], self.v[positions])

    def _class_by_class(self, kind: NDArray[np.uint8]) -> Iterator[tuple[Ints, Any]]:
        with contextlib.ExitStack() as stack, writing(str(self.folder)):
            paths = [Path(work_file(self.folder, "class", number)) for number in range(64)]
            for path in paths:
                stack.callback(path.unlink, missing_ok=True)
            self._distribute(kind, paths)
            for number in reversed(range(64)):
                size = paths[number].stat().st_size // 8 if paths[number].exists() else 0
                for part in _blocks(size, self.block):
                    positions = np.fromfile(
                        paths[number], np.int64, part.stop - part.start, offset=8 * part.start
                    )
                    yield positions, np.full(positions.size, number, np.uint8)

    def _distribute(self, kind: NDArray[np.uint8], paths: list[Path]) -> None:
        """Write the positions of the edges that take part into one file per class."""
        with contextlib.ExitStack() as stack:
            files: dict[int, Any] = {}
            for part in _blocks(self.u.size, self.block):
                kinds_u, kinds_v = kind[self.u[part]], kind[self.v[part]]
                live = np.flatnonzero((self.gone_in[part] == 0) & (kinds_u > 0) & (kinds_v > 0))
                kinds = np.maximum(kinds_u[live], kinds_v[live])
                for number in np.flatnonzero(np.bincount(kinds)).tolist():
                    if number not in files:
                        files[number] = stack.enter_context(paths[number].open("wb"))
                    (live[kinds == number] + part.start).tofile(files[number])


@dataclass
class _Window:
    """The edges left between vertices of degree `lowest` or more, in memory."""

    lowest: int
    positions: Ints
    u: NDArray[Any]
    v: NDArray[Any]

    def at(self, degree: Ints, t: int) -> Ints:
        """Positions of the edges that take part at threshold t."""
        inside = degree >= t
        positions: Ints = self.positions[inside[self.u] & inside[self.v]]
        return positions

    def forget_removed(self, gone_in: NDArray[Any]) -> None:
        left = np.flatnonzero(gone_in[self.positions] == 0)
        self.positions, self.u, self.v = self.positions[left], self.u[left], self.v[left]


def _blocks(size: int, block: int) -> Iterator[slice]:
    return (slice(begin, min(begin + block, size)) for begin in range(0, size, block))


def _count(degree: Ints, u: NDArray[Any], v: NDArray[Any]) -> None:
    for ends in (u, v):
        degree += np.bincount(ends, minlength=degree.size)


def _mapped(path: Path, size: int, kind: Any, mode: Any) -> NDArray[Any]:
    if size == 0:
        return np.zeros(0, kind)  # an empty file cannot be mapped
    return np.memmap(path, kind, mode, shape=(size,))


def _marks(path: Path, size: int) -> NDArray[Any]:
    """Map the marks; zeros are written first, so that the disk cannot run full during a phase."""
    if not path.exists() or path.stat().st_size != 2 * size:
        with writing(str(path)), path.open("wb") as file:
            for part in _blocks(size, 1 << 24):
                np.zeros(part.stop - part.start, np.uint16).tofile(file)
    return _mapped(path, size, np.uint16, "r+")
