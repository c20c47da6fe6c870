"""Relaxed 1-WIS over edges on disk: O(n) of memory for degrees, and one block of edges.

The edges lie on disk in the order of their hashes (`wis.scale.scan`). While those that take part
in the coming phases fit into a block, they are held in memory for as many phases as they do; the
first phases concern few edges, so that most are of this kind. Otherwise a pass over the edges
distributes the positions of those that take part over files, one for each class, and these are gone
through by falling class, block by block, with budgets carried on: the outcome is the same, since it
is that of going through the edges one by one.

A byte pair for each edge says in which phase it went, in a file that is memory-mapped. After a kill
the phases that were finished and written count (`wis.scale.phases`), the marks of later ones are
taken back, and degrees are counted anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.base.progress import Progress
from wis.errors import OptionError
from wis.scale.phases import Phase, hashes_of, num_phases
from wis.scale.scan import SOURCES, TARGETS, Vertex
from wis.scale.storage import writing
from wis.scale.taking import Taking
from wis.scale.thresholds import Levels

Ints = NDArray[np.int64]
REMOVED = "removed.bin"
MOST_PHASES = 2**16 - 2


@dataclass
class Stream:
    """Edges on disk and how far their peeling has come.

    Attributes:
        folder: Where they lie.
        seed: Seed of the priorities.
        block: Edges to hold in memory.
        u: [m], the smaller vertex of each edge, memory-mapped.
        v: [m], the larger one.
        gone_in: [m], the number of the phase that took each edge, + 1; memory-mapped.
        degree: int64 [n], current degrees.
        levels: Edges by level.
        num_removed: Edges removed so far.
        num_finished: Phases that were finished when it was opened.
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
        *,
        seed: int,
        factor: Fraction,
        block: int,
    ) -> Stream:
        """Look at scanned edges, and at the phases that are finished already."""
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
        """Carry the peeling on until `count` edges are removed; returns the number of phases."""
        number = num_phases(str(self.folder))
        last = Phase.load(str(self.folder), number - 1).threshold if number else None
        while self.num_removed < count:
            last = self.levels.next_threshold(last, self.num_removed)
            assert last is not None  # as long as edges are left
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
        taking = Taking.begin(self.degree, t)
        limit = None
        for positions, kinds in self._by_priority(t, taking.kind):
            u, v = self.u[positions].astype(np.int64), self.v[positions].astype(np.int64)
            taken = np.flatnonzero(taking.match(u, v))[:most]
            most -= taken.size
            self.gone_in[positions[taken]] = number + 1
            self.num_removed += taken.size
            places = hashes_of(u[taken], v[taken], self.seed)
            taking.note_cuts(u[taken], v[taken], kinds[taken], places)
            if most == 0:
                limit = (int(kinds[taken[-1]]), int(places[-1]))
                break
        if self.window is not None:
            self.window.forget_removed(self.gone_in)
        self.degree = taking.degree_after()
        return taking.phase(number, t, self.num_removed, limit)

    def _by_priority(self, t: int, kind: NDArray[np.uint8]) -> Iterator[tuple[Ints, Any]]:
        """Positions and classes of the edges that take part, by falling priority, in blocks."""
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
            paths = [self.folder / f"class-{number:02d}.bin" for number in range(64)]
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
        """Positions of the edges that take part, into one file for each class."""
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
        """Positions of those that take part at threshold t."""
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
    """The marks, made if there are none: written out, so that no disk can run full under them."""
    if not path.exists() or path.stat().st_size != 2 * size:
        with writing(str(path)), path.open("wb") as file:
            for part in _blocks(size, 1 << 24):
                np.zeros(part.stop - part.start, np.uint16).tofile(file)
    return _mapped(path, size, np.uint16, "r+")
