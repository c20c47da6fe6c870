"""Relaxed 1-WIS on a cluster, whatever runs the tasks.

An `Engine` maps a task over items; Dask (`wis.scale.clients`) and Spark (`wis.scale.spark`) are
engines. All else is here, in the tasks (`wis.scale.shards`, `wis.scale.rounds`) and in files that
all workers see. A shard holds all edges of its vertices, so a sum by vertex needs one worker only.

The driver holds arrays over the vertices and at most `block` edges. It runs the phases whose edges
fit into a block without the workers, and as many as possible from the edges that it has fetched
once. In the other phases the workers settle edges in rounds, until the live edges fit into a block.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from fsspec.core import url_to_fs
from numpy.typing import NDArray

from wis.base.checks import checked_factor
from wis.base.progress import progress_bar
from wis.scale import rounds
from wis.scale.job import Job
from wis.scale.phases import Edges, Levels, Phase, RunningPhase, hashes_of, num_phases
from wis.scale.shards import Shard, cut_file, merge_pieces, num_shards_of
from wis.scale.storage import CANDIDATE, DEGREES, PIECES, save_array, work_file
from wis.scale.vertices import Vertices

Ints = NDArray[np.int64]
Result = TypeVar("Result")


class Engine(Protocol):
    """What runs tasks on workers. A task of a lost worker runs again."""

    @property
    def num_tasks(self) -> int:
        """The number of tasks that run at the same time."""

    def map(
        self,
        task: Callable[..., Result],
        items: Sequence[Any],
        *arguments: Any,
        stay: bool = False,
    ) -> list[Result]:
        """Run `task(item, *arguments)` for each item, and return the results in order.

        With `stay` an item goes where the item of this position went before, if possible: that
        worker remembers its shards.
        """


def run_on_cluster(job: Job, engine: Engine) -> tuple[dict[str, Any], int, int, int]:
    """Sparsify on a cluster.

    Returns:
        The facts of `Job.noted`, the rows kept, the phases, and the phases of an earlier run.
    """
    plain = replace(job, still_alone=Job.still_alone)  # workers cannot get the check of locks
    noted = job.noted(lambda vertices, rows: _write_shards(engine, plain, vertices, rows),
                      engine.map)  # fmt: skip
    peeling = _Peeling.open(engine, job, noted)
    resumed = peeling.phases
    with progress_bar("remove edges", noted["N"], show=job.progress) as report:
        peeling.peel(noted["N"], report)
    job.files.check_unchanged()
    job.target.begin()
    vertices = noted["n"], noted["names"]
    files = range(len(job.files.paths))
    kept = sum(engine.map(_write_file, files, plain, vertices, peeling.phases))
    job.finish()
    return noted, kept, peeling.phases, resumed


def _write_file(index: int, job: Job, vertices: tuple[int, str | None], phases: int) -> int:
    return job.write_file(index, Vertices(*vertices), phases)[0]


def _write_shards(engine: Engine, job: Job, vertices: Vertices, rows: int) -> dict[str, Any]:
    """Write the shards; return ``m``, the number of ``shards``, and their ``token``."""
    num_shards, folder = num_shards_of(rows, engine.num_tasks), job.folder.url
    numbers = vertices.num_nodes, vertices.names
    found = engine.map(cut_file, range(len(job.files.paths)), job, numbers, rows, num_shards)
    pieces = [np.zeros((0, num_shards + 3), np.int64), *(piece for file in found for piece in file)]
    save_array(f"{folder}/{PIECES}", np.vstack(pieces))
    sizes = engine.map(merge_pieces, range(num_shards), folder, job.seed)
    names = (work_file(folder, "piece", *piece[:2].tolist()) for piece in pieces[1:])
    _remove([f"{folder}/{PIECES}", *names])
    return {"m": sum(sizes), "shards": num_shards, "token": secrets.token_hex(8)}


def _remove(urls: Iterable[str]) -> None:
    for url in urls:
        fs, path = url_to_fs(url)
        fs.rm_file(path)


@dataclass
class _Peeling:
    """The driver of the phases."""

    engine: Engine
    folder: str  # the folder of the run
    shards: list[list[Shard]]  # the shards, in one list for each task that runs at the same time
    seed: int  # seed of the priorities
    block: int  # largest number of edges that the driver holds
    degree: Ints  # int64 [n], current degrees
    levels: Levels  # number of edges of each level
    phases: int = 0  # number of finished phases
    num_removed: int = 0  # number of edges removed so far
    last: int | None = None  # the threshold of the last phase
    # All edges left between vertices of degree `lowest` or more, if the driver has them
    window: Edges | None = None
    lowest: int = 0  # the lowest threshold for which the window suffices

    @classmethod
    def open(cls, engine: Engine, job: Job, noted: dict[str, Any]) -> _Peeling:
        """Count degrees and levels; count degrees again if an earlier run finished phases."""
        folder, count = job.folder.url, noted["shards"]
        tasks = min(engine.num_tasks, count)
        # A worker that takes over from another one remembers the shards of both.
        facts = job.seed, noted["n"], noted["token"], 2 * -(-count // tasks)
        shards = [Shard(folder, number, *facts) for number in range(count)]
        groups = [shards[first::tasks] for first in range(tasks)]
        factor = checked_factor(job.epsilon)
        no_levels = Levels.of_counts(np.zeros(1, np.int64), factor)
        degree = np.zeros(noted["n"], np.int64)
        self = cls(engine, folder, groups, job.seed, job.block, degree, no_levels)
        self._count_degrees()
        save_array(f"{folder}/{DEGREES}", self.degree.astype(np.uint32))
        counts = np.zeros(int(self.degree.max(initial=0)) + 1, np.int64)
        for found in self._map(rounds.count_levels, f"{folder}/{DEGREES}"):
            np.add.at(counts, found["key"], found["count"])
        self.levels = Levels.of_counts(counts, factor)
        self.phases = num_phases(folder)
        if self.phases:
            finished = Phase.load(folder, self.phases - 1)
            self.num_removed, self.last = finished.num_removed, finished.threshold
            self._count_degrees()
        return self

    def _count_degrees(self) -> None:
        self.degree = np.zeros_like(self.degree)
        for found in self._map(rounds.count_degrees):
            self.degree[found["key"]] = found["count"]

    def peel(self, count: int, progress: Callable[[int], None]) -> None:
        """Run phases until `count` edges are removed."""
        while self.num_removed < count:
            t = self.last = self.levels.next_threshold(self.last, self.num_removed)
            assert t is not None  # since edges are left
            running, most = RunningPhase.begin(self.degree, t), count - self.num_removed
            if self.levels.num_live(t, self.num_removed) <= self.block:
                phase = self._in_memory(running, t, most)
            else:
                phase = self._in_rounds(running, t, most)
            phase.save(self.folder)
            self.phases, self.num_removed = self.phases + 1, phase.num_removed
            progress(self.num_removed)

    def _in_memory(self, running: RunningPhase, t: int, most: int) -> Phase:
        """Run a phase in the driver."""
        if self.window is None or t < self.lowest:
            self.lowest = self.levels.lowest_with(self.block, self.num_removed)
            files = [self._begin(RunningPhase.begin(self.degree, self.lowest))]
            self.window, _ = self._fetch(self.lowest, 0)
            _remove(files)
        inside = (running.kind[self.window.u] > 0) & (running.kind[self.window.v] > 0)
        positions = np.flatnonzero(inside)
        taken, limit = self._match(running, self.window.select(positions), most)
        left = np.ones(inside.size, np.bool_)
        left[positions[taken]] = False
        self.window = self.window.select(left)
        running.lower_degrees()
        return running.finished(self.phases, self.num_removed + taken.size, limit)

    def _match(
        self, running: RunningPhase, edges: Edges, most: int
    ) -> tuple[Ints, tuple[int, int] | None]:
        """Take edges by priority, at most `most`; return positions, and the last of `most`."""
        kind = np.maximum(running.kind[edges.u], running.kind[edges.v])
        order = np.lexsort((edges.hash, 64 - kind))
        u, v = (end[order].astype(np.int64) for end in edges.ends)
        taken = np.flatnonzero(running.match(u, v))[:most]
        positions = order[taken]
        running.note_cuts(u[taken], v[taken], kind[positions], edges.hash[positions])
        if taken.size < most:
            return positions, None
        return positions, (int(kind[positions[-1]]), int(edges.hash[positions[-1]]))

    def _in_rounds(self, running: RunningPhase, t: int, most: int) -> Phase:
        """Run a phase in rounds of the workers; match the last `block` edges in the driver."""
        self.window = None
        files = [self._begin(running)]
        live = self.block + 1
        while live > self.block:
            cuts, counts = zip(*self._map(rounds.advance, t, len(files) - 1), strict=True)
            live = sum(counts)
            files.append(work_file(self.folder, "round", self.phases, len(files) - 1))
            save_array(files[-1], np.concatenate(cuts))
        edges, losses = self._fetch(t, len(files) - 1)
        _remove(files)
        running.charge(losses)
        self._match(running, edges, edges.u.size + 1)
        lost = running.lower_degrees()
        phase = running.finished(self.phases, self.num_removed + lost, None)
        return phase if lost <= most else self._cut_short(phase, most)

    def _begin(self, running: RunningPhase) -> str:
        """Let the workers see which vertices take part; return the file."""
        path = work_file(self.folder, "begin", self.phases)
        kinds = running.kind[running.vertices]
        save_array(path, rounds.record(rounds.BEGIN, running.vertices, kinds))
        return path

    def _fetch(self, t: int, turn: int) -> tuple[Edges, NDArray[Any]]:
        """The live edges after some rounds, and what vertices lost in them."""
        edges, losses = zip(*self._map(rounds.rest, t, turn), strict=True)
        u, v = np.concatenate(edges, axis=1)
        return Edges(u, v, hashes_of(u, v, self.seed)), np.concatenate(losses)

    def _cut_short(self, phase: Phase, most: int) -> Phase:
        """End a phase at its `most`-th edge by priority.

        Counts of the edges that the phase takes give first the class of that edge, then its hash,
        16 bits at a time.
        """
        folder = f"{self.folder}/{CANDIDATE}"
        fs, path = url_to_fs(folder)
        fs.makedirs(path, exist_ok=True)
        phase.save(folder)
        limit = self._limit(folder, most)
        fs.rm(path, recursive=True)
        return replace(phase, num_removed=self.num_removed + most, limit=limit)

    def _limit(self, folder: str, rank: int) -> tuple[int, int]:
        """Find the class and the hash of the `rank`-th edge that a phase takes."""
        counts = np.sum(self._map(rounds.count_taken, folder, None, 0, 0), axis=0)
        number = rounds.CLASSES - 1
        while rank > counts[number]:
            rank -= int(counts[number])
            number -= 1
        first = 0
        for bits in range(0, 64, rounds.PLACES_BITS):
            found = self._map(rounds.count_taken, folder, number, first, bits)
            ends = np.sum(found, axis=0).cumsum()
            digit = int(np.searchsorted(ends, rank))
            rank -= int(ends[digit - 1]) if digit else 0
            first = (first << rounds.PLACES_BITS) | digit
        return number, first - 2**63

    def _map(self, task: Callable[..., Result], *arguments: Any) -> list[Result]:
        """Run a task for each list of shards, after the finished phases."""
        return self.engine.map(task, self.shards, self.phases, *arguments, stay=True)
