"""Relaxed 1-WIS on a Dask cluster: the partitions of the edges, and who sums what.

Dask's dataframes bring all rows of an edge into one partition and drop the repeats; its scheduler
runs the tasks, on a cluster that is there or on processes of this machine, and runs those of a lost
worker again. The tasks of a phase are those of `wis.scale.rounds`, their sums are added up in a
tree. The driver keeps arrays over the vertices alone, and up to `block` edges where few are left to
settle. The numbering of names is made by the driver (`wis.scale.vertices`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fsspec.core import url_to_fs
from numpy.typing import NDArray

from wis.base.amount import Amount, num_edges_to_remove
from wis.base.checks import checked_factor
from wis.base.progress import progress_bar
from wis.scale import rounds
from wis.scale.clients import client_of, one_line_errors
from wis.scale.files import EdgeFiles
from wis.scale.homes import assigned
from wis.scale.output import kept_rows, write_kept
from wis.scale.phases import Phase, hashes_of, num_phases, saved_phases
from wis.scale.rounds import Reaches, Shard
from wis.scale.shards import write_shards
from wis.scale.storage import is_local, save_array
from wis.scale.taking import Taking
from wis.scale.target import OutputFolder
from wis.scale.thresholds import Levels
from wis.scale.vertices import Vertices

if TYPE_CHECKING:
    from wis.scale.run import Job, Numbers

Ints = NDArray[np.int64]
FAN_IN = 8
PATIENCE = 16
"""Rounds without any edge settled after which the rest is settled by the driver, be it large."""


def run_on_cluster(
    job: Job,
    remove: Amount | None,
    keep: Amount | None,
    scheduler_address: str | None,
    num_workers: int | None,
) -> Numbers:
    """All of it, on the cluster at an address or on one of this machine."""
    with client_of(scheduler_address, num_workers) as client, one_line_errors():
        noted = job.folder.open()
        if noted is None:
            noted = _prepare(client, job, remove, keep)
            job.folder.note(**noted)
        peeling = _Peeling.open(client, job, noted)
        resumed = peeling.phases
        with progress_bar("remove edges", noted["N"], show=job.progress) as report:
            peeling.peel(noted["N"], report)
        kept = _write(client, job, Vertices(noted["n"], noted["names"]), peeling.phases)
    return (noted["n"], noted["m"], noted["N"], noted["rows"], kept, peeling.phases, resumed)


# Preparation


def _prepare(client: Any, job: Job, remove: Amount | None, keep: Amount | None) -> dict[str, Any]:
    """Write the shards; returns what is to be noted."""
    names = Path(job.folder.path) if is_local(job.folder.url) else None
    vertices, rows = job.look_at_ids(names)
    sizes = write_shards(client, job, vertices, rows)
    job.files.check_unchanged()
    num_edges = sum(sizes)
    count = num_edges_to_remove(num_edges, remove=remove, keep=keep)
    return {
        "n": vertices.num_nodes,
        "m": num_edges,
        "rows": rows,
        "N": count,
        "names": vertices.names,
        "shards": len(sizes),
    }


# Phases


@dataclass
class _Peeling:
    """The driver of the phases.

    Attributes:
        client: The cluster.
        folder: The work folder.
        shards: The partitions, as before the first phase.
        seed: Seed of the priorities.
        block: Edges that the driver settles itself.
        degree: int64 [n], current degrees.
        levels: Edges by level.
        phases: Phases finished.
        num_removed: Edges removed so far.
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
        """Count degrees and levels; finished phases are taken into account."""
        folder, n = job.folder.url, noted["n"]
        shards = [Shard(folder, number, job.seed, n, 0) for number in range(noted["shards"])]
        factor = checked_factor(job.epsilon)
        self = cls(
            client, folder, shards, job.seed, job.block, np.zeros(n, np.int64),
            Levels.of_counts(np.zeros(1, np.int64), factor), 0, 0, None,
        )  # fmt: skip
        original = self._sum(rounds.count_degrees).astype(np.int64)
        save_array(f"{folder}/degrees.npy", original)
        self.levels = Levels.of_counts(
            self._sum(rounds.count_levels, f"{folder}/degrees.npy"), factor
        )
        self.phases = num_phases(folder)
        self.degree = original
        if self.phases:
            finished = Phase.load(folder, self.phases - 1)
            self.num_removed, self.last = finished.num_removed, finished.threshold
            self.degree = self._sum(rounds.count_degrees).astype(np.int64)
        return self

    def peel(self, count: int, progress: Callable[[int], None]) -> None:
        """Carry the peeling on until `count` edges are removed."""
        while self.num_removed < count:
            self.last = self.levels.next_threshold(self.last, self.num_removed)
            assert self.last is not None  # as long as edges are left
            phase, self.degree = self._phase(self.last)
            if phase.num_removed > count:
                phase = self._cut_short(phase, count - self.num_removed)
            phase.save(self.folder)
            self.phases, self.num_removed = self.phases + 1, phase.num_removed
            progress(self.num_removed)

    def _phase(self, t: int) -> tuple[Phase, Ints]:
        """A phase carried to its end, not yet written, and the degrees after it."""
        taking = Taking.begin(self.degree, t)
        kinds = f"{self.folder}/kinds-{self.phases:05d}.npy"
        with self._shown(kinds, taking.kind):
            if self.levels.num_live(t, self.num_removed) <= self.block:
                self._settle(taking, kinds, 1, rounds.CLASSES - 1, None)
            else:
                self._class_by_class(taking, kinds)
        after = taking.degree_after()
        removed = self.num_removed + int(self.degree.sum() - after.sum()) // 2
        return taking.phase(self.phases, t, removed, None), after

    def _class_by_class(self, taking: Taking, kinds: str) -> None:
        """The classes of a phase by rounds if they are large, several together if they are not."""
        sizes = self._sum(rounds.count_classes, kinds)
        for lowest, highest in _groups(sizes, self.block):
            if lowest == highest and sizes[lowest] > self.block:
                self._rounds(taking, kinds, lowest)
            else:
                self._settle(taking, kinds, lowest, highest, None)

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
        self, taking: Taking, kinds: str, lowest: int, highest: int, arrays: str | None
    ) -> None:
        """Match the live edges of some classes here."""
        parts = self._map(rounds.live_edges, kinds, lowest, highest, arrays)
        u, v = np.concatenate(self.client.gather(parts), axis=1).astype(np.int64)
        kind = np.maximum(taking.kind[u], taking.kind[v])
        order = np.lexsort((hashes_of(u, v, self.seed), 64 - kind))
        u, v, kind = u[order], v[order], kind[order]
        taken = taking.match(u, v)
        u, v = u[taken], v[taken]
        taking.note_cuts(u, v, kind[taken], hashes_of(u, v, self.seed))

    def _rounds(self, taking: Taking, kinds: str, number: int) -> None:
        """Settle the edges of a class by sums; the last `block` of them here."""
        before = taking.budget.numpy().copy()
        reaches = Reaches.begin(before)
        least, patience, turn = None, PATIENCE, 0
        while True:
            arrays = f"{self.folder}/round-{self.phases:05d}-{number:02d}-{turn:03d}.npy"
            with self._shown(arrays, reaches.arrays()):
                taken, live, upto = self._sum(rounds.tally, kinds, number, arrays).astype(np.int64)
            num_live = int(live.sum()) // 2
            patience = PATIENCE if least is None or num_live < least else patience - 1
            if num_live <= self.block or not patience:
                break
            least = num_live
            reaches.learn(taken, live, upto)
            turn += 1
        taking.budget -= _tensor(taken)
        taking.note_reaches(number, taken > 0, reaches.reach)
        if num_live:
            tail = Reaches(before, reaches.reach, reaches.bound, reaches.guess, reaches.within)
            tail.bound = np.where((taken >= before) & (tail.bound > tail.reach), tail.reach,
                                  tail.bound)  # fmt: skip
            with self._shown(arrays, tail.arrays()):
                self._settle(taking, kinds, number, number, arrays)

    def _cut_short(self, phase: Phase, most: int) -> Phase:
        """The same phase up to its `most`-th edge by priority."""
        folder = f"{self.folder}/candidate"
        fs, path = url_to_fs(folder)
        fs.makedirs(path, exist_ok=True)
        phase.save(folder)
        limit, most = self._limit(folder, phase.number, most)
        fs.rm(path, recursive=True)
        return replace(phase, num_removed=self.num_removed + most, limit=limit)

    def _limit(self, folder: str, phase: int, most: int) -> tuple[tuple[int, int], int]:
        """Class and hash of the `most`-th edge that a phase takes; and `most`."""
        rank = most
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
        return (number, first - 2**63), most

    def _map(self, task: Any, *arguments: Any) -> list[Any]:
        """A task for each shard, with the phases that are finished now, where it is remembered."""
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
        """The sum of a task's arrays over all shards, added up in a tree."""
        parts = self._map(task, *arguments)
        while len(parts) > 1:
            groups = [parts[i : i + FAN_IN] for i in range(0, len(parts), FAN_IN)]
            parts = [self.client.submit(rounds.add, group, pure=False) for group in groups]
        return parts[0].result()


def _tensor(array: Ints) -> Any:
    import torch

    return torch.from_numpy(array)


def _groups(sizes: Ints, most: int) -> Iterator[tuple[int, int]]:
    """Classes from the highest down, as many together as have no more than `most` edges."""
    group: list[int] = []
    for number in reversed(np.flatnonzero(sizes).tolist()):
        if group and int(sizes[[*group, number]].sum()) > most:
            yield group[-1], group[0]
            group = []
        group.append(number)
    if group:
        yield group[-1], group[0]


# Output


def _write(client: Any, job: Job, vertices: Vertices, phases: int) -> int:
    """Write the output, a task for each file; returns the number of rows kept."""
    job.files.check_unchanged()
    job.target.begin()
    kept = [
        client.submit(
            _write_file,
            job.files,
            index,
            (vertices.num_nodes, vertices.names),
            job.folder.url,
            phases,
            job.seed,
            job.block,
            job.target,
            pure=False,
        )
        for index in range(len(job.files.paths))
    ]
    total = sum(client.gather(kept))
    job.finish()
    return int(total)


def _write_file(
    files: EdgeFiles,
    index: int,
    meaning: tuple[int, str | None],
    folder: str,
    phases: int,
    seed: int,
    block: int,
    target: OutputFolder,
) -> int:
    vertices = Vertices(*meaning)
    mask = kept_rows(
        files,
        index,
        vertices,
        lambda: saved_phases(folder, phases),
        seed=seed,
        block=block,
    )
    write_kept(files, index, mask, target, as_names=vertices.texts)
    return int(np.count_nonzero(mask))
