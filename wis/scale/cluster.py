"""Relaxed 1-WIS on a Dask cluster.

Dask's dataframes move all rows of an edge into one partition and drop duplicates. Dask's scheduler
runs the tasks of `wis.scale.rounds` and repeats the tasks of a lost worker. The sums of the tasks
are added up in a tree. The driver holds arrays over the vertices, and up to `block` edges once few
are left to settle. It also numbers the names (`wis.scale.vertices`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from fsspec.core import url_to_fs
from numpy.typing import NDArray

from wis.base.checks import checked_factor
from wis.base.progress import progress_bar
from wis.scale import rounds
from wis.scale.clients import client_of, one_line_errors
from wis.scale.job import Job, proper_ends
from wis.scale.phases import Levels, Phase, RunningPhase, hashes_of, num_phases
from wis.scale.rounds import Reaches, Shard
from wis.scale.storage import CANDIDATE, DEGREES, save_array, work_file
from wis.scale.vertices import Vertices

Ints = NDArray[np.int64]
FAN_IN = 8
"""Arrays that one task adds up: a larger number makes fewer tasks that need more memory."""
SHARD_EDGES = 1 << 22
"""Largest number of rows of a shard, 32 MB of edges; small graphs get four shards per worker."""
PATIENCE = 16
"""Rounds without any edge settled after which the driver settles the rest, however large it is."""


def run_on_cluster(
    job: Job, scheduler_address: str | None, num_workers: int | None
) -> tuple[dict[str, Any], int, int, int]:
    """Sparsify on the cluster at an address, or on a new cluster on this machine.

    Returns:
        The facts of `Job.noted`, the rows kept, the phases, and the phases of an earlier run.
    """
    with client_of(scheduler_address, num_workers) as client, one_line_errors():
        noted = job.noted(lambda vertices, rows: _write_shards(client, job, vertices, rows))
        peeling = _Peeling.open(client, job, noted)
        resumed = peeling.phases
        with progress_bar("remove edges", noted["N"], show=job.progress) as report:
            peeling.peel(noted["N"], report)
        job.files.check_unchanged()
        job.target.begin()
        plain = replace(job, still_alone=Job.still_alone)  # workers cannot get the check of locks
        vertices = noted["n"], noted["names"]
        tasks = [
            client.submit(_write_file, plain, index, vertices, peeling.phases, pure=False)
            for index in range(len(job.files.paths))
        ]
        kept = sum(client.gather(tasks))
        job.finish()
    return noted, kept, peeling.phases, resumed


def _write_file(job: Job, index: int, vertices: tuple[int, str | None], phases: int) -> int:
    return job.write_file(index, Vertices(*vertices), phases)[0]


# Shards


def _write_shards(client: Any, job: Job, vertices: Vertices, rows: int) -> dict[str, int]:
    """Write each edge once, in arrays of shape [2, k]; return the counts ``m`` and ``shards``."""
    import dask
    import dask.dataframe as dd
    import pandas as pd

    meta = pd.DataFrame({"u": np.zeros(0, np.uint32), "v": np.zeros(0, np.uint32)})
    workers = len(client.scheduler_info()["workers"]) or 1
    num_shards = max(1, min(-(-rows // SHARD_EDGES), 4096), min(4 * workers, rows // 1000))
    frame = dd.from_map(
        _edges_of_file,
        range(len(job.files.paths)),
        files=job.files,
        num_nodes=vertices.num_nodes,
        names=vertices.names,
        meta=meta,
    )
    if len(job.files.paths) > 1 or num_shards > 1:
        frame = frame.drop_duplicates(split_out=num_shards)
    write = dask.delayed(_write_shard)
    parts = [write(part, job.folder.url, number) for number, part in enumerate(frame.to_delayed())]
    sizes = client.gather(client.compute(parts))
    return {"m": sum(sizes), "shards": len(sizes)}


def _edges_of_file(index: int, *, files: Any, num_nodes: int, names: str | None) -> Any:
    """The edges of one file, each once, as a dataframe."""
    import pandas as pd

    vertices = Vertices(num_nodes, names)
    parts = [np.zeros((2, 0), np.uint32)]
    for a, b in files.pairs(index, as_names=vertices.texts):
        ends = proper_ends(vertices.number(a), vertices.number(b))
        parts.append(np.stack(ends).astype(np.uint32))
    u, v = np.concatenate(parts, axis=1)
    return pd.DataFrame({"u": u, "v": v}).drop_duplicates()


def _write_shard(part: Any, folder: str, number: int) -> int:
    edges = part[["u", "v"]].to_numpy(np.uint32).T
    save_array(work_file(folder, "edges", number), np.ascontiguousarray(edges))
    return int(edges.shape[1])


# Phases


@dataclass
class _Peeling:
    """The driver of the phases.

    Attributes:
        client: The cluster.
        folder: The folder of the run.
        shards: The partitions before the first phase.
        seed: Seed of the priorities.
        block: Largest number of edges that the driver settles itself.
        degree: int64 [n], current degrees.
        levels: Number of edges of each level.
        phases: Number of finished phases.
        num_removed: Number of edges removed so far.
        last: The threshold of the last phase.
        homes: The worker of each shard.
    """

    client: Any
    folder: str
    shards: list[Shard]
    seed: int
    block: int
    degree: Ints
    levels: Levels
    phases: int
    num_removed: int
    last: int | None
    homes: dict[int, str] = field(default_factory=dict)

    @classmethod
    def open(cls, client: Any, job: Job, noted: dict[str, Any]) -> _Peeling:
        """Count degrees and levels; count degrees again if an earlier run finished phases."""
        folder, n = job.folder.url, noted["n"]
        shards = [Shard(folder, number, job.seed, n, 0) for number in range(noted["shards"])]
        factor = checked_factor(job.epsilon)
        no_levels = Levels.of_counts(np.zeros(1, np.int64), factor)
        degree = np.zeros(n, np.int64)
        self = cls(client, folder, shards, job.seed, job.block, degree, no_levels, 0, 0, None)
        original = self._sum(rounds.count_degrees).astype(np.int64)
        degrees = f"{folder}/{DEGREES}"
        save_array(degrees, original)
        self.levels = Levels.of_counts(self._sum(rounds.count_levels, degrees), factor)
        self.phases = num_phases(folder)
        self.degree = original
        if self.phases:
            finished = Phase.load(folder, self.phases - 1)
            self.num_removed, self.last = finished.num_removed, finished.threshold
            self.degree = self._sum(rounds.count_degrees).astype(np.int64)
        return self

    def peel(self, count: int, progress: Callable[[int], None]) -> None:
        """Run phases until `count` edges are removed."""
        while self.num_removed < count:
            self.last = self.levels.next_threshold(self.last, self.num_removed)
            assert self.last is not None  # since edges are left
            phase, self.degree = self._phase(self.last)
            if phase.num_removed > count:
                phase = self._cut_short(phase, count - self.num_removed)
            phase.save(self.folder)
            self.phases, self.num_removed = self.phases + 1, phase.num_removed
            progress(self.num_removed)

    def _phase(self, t: int) -> tuple[Phase, Ints]:
        """Run a whole phase without writing it; return it and the degrees after it."""
        running = RunningPhase.begin(self.degree, t)
        kinds = work_file(self.folder, "kinds", self.phases)
        with self._shown(kinds, running.kind):
            if self.levels.num_live(t, self.num_removed) <= self.block:
                self._settle(running, kinds, 1, rounds.CLASSES - 1, None)
            else:
                self._class_by_class(running, kinds)
        after = running.degree_after()
        removed = self.num_removed + int(self.degree.sum() - after.sum()) // 2
        return running.finished(self.phases, t, removed, None), after

    def _class_by_class(self, running: RunningPhase, kinds: str) -> None:
        """Settle large classes by rounds, and groups of small classes in the driver."""
        sizes = self._sum(rounds.count_classes, kinds)
        for lowest, highest in _groups(sizes, self.block):
            if lowest == highest and sizes[lowest] > self.block:
                self._rounds(running, kinds, lowest)
            else:
                self._settle(running, kinds, lowest, highest, None)

    @contextlib.contextmanager
    def _shown(self, path: str, array: NDArray[Any]) -> Iterator[None]:
        """Let the workers see an array for the duration of a block."""
        save_array(path, array)
        try:
            yield
        finally:
            fs, there = url_to_fs(path)
            fs.rm(there)

    def _settle(
        self, running: RunningPhase, kinds: str, lowest: int, highest: int, arrays: str | None
    ) -> None:
        """Match the live edges of some classes in the driver."""
        parts = self._map(rounds.live_edges, kinds, lowest, highest, arrays)
        u, v = np.concatenate(self.client.gather(parts), axis=1).astype(np.int64)
        kind = np.maximum(running.kind[u], running.kind[v])
        order = np.lexsort((hashes_of(u, v, self.seed), 64 - kind))
        u, v, kind = u[order], v[order], kind[order]
        taken = running.match(u, v)
        u, v = u[taken], v[taken]
        running.note_cuts(u, v, kind[taken], hashes_of(u, v, self.seed))

    def _rounds(self, running: RunningPhase, kinds: str, number: int) -> None:
        """Settle the edges of a class by sums; match the last `block` edges in the driver."""
        before = running.budget.numpy().copy()
        reaches = Reaches.begin(before)
        least, patience, turn = None, PATIENCE, 0
        while True:
            arrays = work_file(self.folder, "round", self.phases, number, turn)
            with self._shown(arrays, reaches.arrays()):
                taken, live, upto = self._sum(rounds.tally, kinds, number, arrays).astype(np.int64)
            num_live = int(live.sum()) // 2
            # Stop when the rest fits into a block, or when rounds no longer settle edges.
            patience = PATIENCE if least is None or num_live < least else patience - 1
            if num_live <= self.block or not patience:
                break
            least = num_live
            reaches.learn(taken, live, upto)
            turn += 1
        # Charge the taken edges to the budgets; a vertex that lost some has its reach as its cut.
        running.budget -= torch.from_numpy(taken)
        running.note_reaches(number, taken > 0, reaches.reach)
        if num_live:
            # Match the remaining live edges in the driver.
            tail = Reaches(before, reaches.reach, reaches.bound, reaches.guess, reaches.within)
            tail.bound = np.where((taken >= before) & (tail.bound > tail.reach), tail.reach,
                                  tail.bound)  # fmt: skip
            with self._shown(arrays, tail.arrays()):
                self._settle(running, kinds, number, number, arrays)

    def _cut_short(self, phase: Phase, most: int) -> Phase:
        """End a phase at its `most`-th edge by priority.

        Counts of the edges that the phase takes give first the class of that edge, then its hash,
        16 bits at a time.
        """
        folder = f"{self.folder}/{CANDIDATE}"
        fs, path = url_to_fs(folder)
        fs.makedirs(path, exist_ok=True)
        phase.save(folder)
        limit = self._limit(folder, phase.number, most)
        fs.rm(path, recursive=True)
        return replace(phase, num_removed=self.num_removed + most, limit=limit)

    def _limit(self, folder: str, phase: int, rank: int) -> tuple[int, int]:
        """Find the class and the hash of the `rank`-th edge that a phase takes."""
        counts = self._sum(rounds.count_taken, folder, phase, None, 0, 0)
        number = rounds.CLASSES - 1
        while rank > counts[number]:
            rank -= int(counts[number])
            number -= 1
        first = 0
        for bits in range(0, 64, rounds.PLACES_BITS):
            ends = self._sum(rounds.count_taken, folder, phase, number, first, bits).cumsum()
            digit = int(np.searchsorted(ends, rank))
            rank -= int(ends[digit - 1]) if digit else 0
            first = (first << rounds.PLACES_BITS) | digit
        return number, first - 2**63

    def _map(self, task: Any, *arguments: Any) -> list[Any]:
        """Run a task for each shard, on the worker that remembers the shard."""
        self.homes = assigned(self.homes, self.client.nthreads(), len(self.shards))
        return [
            self.client.submit(
                task,
                replace(shard, phases=self.phases),
                *arguments,
                pure=False,
                workers=self.homes.get(shard.number),
                allow_other_workers=bool(self.homes),
            )
            for shard in self.shards
        ]

    def _sum(self, task: Any, *arguments: Any) -> Any:
        """Sum the arrays of a task over all shards."""
        parts = self._map(task, *arguments)
        while len(parts) > 1:
            groups = [parts[i : i + FAN_IN] for i in range(0, len(parts), FAN_IN)]
            parts = [self.client.submit(rounds.add, group, pure=False) for group in groups]
        return parts[0].result()


def _groups(sizes: Ints, most: int) -> Iterator[tuple[int, int]]:
    """Ranges of classes from the highest down, each of at most `most` edges or of one class."""
    group: list[int] = []
    for number in reversed(np.flatnonzero(sizes).tolist()):
        if group and int(sizes[[*group, number]].sum()) > most:
            yield group[-1], group[0]
            group = []
        group.append(number)
    if group:
        yield group[-1], group[0]


def assigned(homes: Mapping[int, str], workers: Iterable[str], num_shards: int) -> dict[int, str]:
    """Assign each shard to a worker, and keep the assignment so far where possible.

    A worker remembers the remaining edges of its shards, so a move of a shard costs memory on both
    workers and time on the new one. Shards move only from lost workers, and from workers with more
    than an even share.

    Args:
        homes: The assignment so far.
        workers: The current workers.
        num_shards: Number of shards, numbered from 0.

    Returns:
        The worker of each shard; empty without workers. The loads of two workers differ by at most
        one shard.

    >>> assigned({0: "a", 1: "a"}, ["a", "b"], 2)
    {0: 'a', 1: 'b'}
    """
    held: dict[str, list[int]] = {worker: [] for worker in sorted(workers)}
    if not held:
        return {}
    fewest, spare = divmod(num_shards, len(held))
    for shard, worker in sorted(homes.items()):
        if worker not in held or len(held[worker]) > fewest:
            continue
        if len(held[worker]) == fewest:
            if not spare:
                continue
            spare -= 1
        held[worker].append(shard)
    settled = {shard for shards in held.values() for shard in shards}
    for shard in range(num_shards):
        if shard not in settled:
            held[min(held, key=lambda worker: len(held[worker]))].append(shard)
    return {shard: worker for worker, shards in held.items() for shard in shards}
