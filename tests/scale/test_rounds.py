"""The rounds of the Dask engine, on a cluster that is none: tasks run where they are submitted."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections import Counter

import dask
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scale_folders import notes_expected, notes_left, power_law_arcs, write_folder
from strategies import large_graphs, small_graphs

from wis.errors import MissingDependencyError
from wis.scale import cluster, rounds, sparsify_files
from wis.scale.cluster import assigned
from wis.scale.phases import Phase
from wis.scale.rounds import Reaches

ARCS = power_law_arcs(200, 2000)
fresh = settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
)


class Done:
    """A future that is there."""

    def __init__(self, value):
        self.value = value

    def result(self):
        return self.value


class HereAndNow:
    """What the driver uses of a client."""

    def __init__(self, num_workers):
        self.num_workers = num_workers

    def submit(self, task, *arguments, pure, workers=None, allow_other_workers=False):
        assert workers is None or (workers in self.nthreads() and allow_other_workers)
        rounds._REMEMBERED.clear()  # whatever worker it is, it remembers nothing
        return Done(task(*map(_value, arguments)))

    def gather(self, futures):
        return [future.result() for future in futures]

    def compute(self, parts):
        return [Done(part) for part in dask.compute(*parts, scheduler="sync")]

    def scheduler_info(self):
        return {"workers": dict.fromkeys(range(self.num_workers))}

    def nthreads(self):
        return {f"worker {number}": 1 for number in range(self.num_workers)}


def _value(argument):
    return [part.value for part in argument] if isinstance(argument, list) else argument


@contextlib.contextmanager
def cluster_of(num_workers):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            cluster, "client_of", lambda *_: contextlib.nullcontext(HereAndNow(num_workers))
        )
        yield


@given(
    st.one_of(small_graphs(), large_graphs()),
    st.sampled_from([3, 40, 100_000]),
    st.integers(1, 3),
    st.sampled_from(["13%", "50%", "100%"]),
    st.sampled_from([0.1, 0.7]),
    st.integers(0, 3),
)
@fresh
def test_partitions_lose_what_the_graph_in_memory_loses(
    tmp_path_factory, graph, block, num_files, remove, epsilon, seed
):
    num_nodes, arcs = graph
    folder = tmp_path_factory.mktemp("folder")
    source = write_folder(folder / "in", arcs, num_files=num_files)
    options = {"remove": remove, "epsilon": epsilon, "seed": seed}
    block = max(block, len(arcs) // 40)
    with cluster_of(num_files):
        sparsify_files(
            source,
            folder / "out",
            engine="dask",
            block=block,
            num_nodes=num_nodes,
            progress=False,
            **options,
        )
    assert notes_left(folder / "out") == notes_expected(num_nodes, arcs, num_files, **options)
    assert {path.name for path in folder.iterdir()} == {"in", "out"}


def test_small_blocks_are_settled_by_sums(tmp_path, monkeypatch):
    calls = []
    tally = rounds.tally
    monkeypatch.setattr(rounds, "tally", lambda *a: calls.append(a[2]) or tally(*a))
    source = write_folder(tmp_path / "in", ARCS)
    options = {"remove": "50%", "epsilon": 0.5}
    with cluster_of(1):
        sparsify_files(source, tmp_path / "out", engine="dask", block=20, progress=False, **options)
    assert len(calls) > 50
    assert notes_left(tmp_path / "out") == notes_expected(200, ARCS, 3, **options)


def test_a_run_that_was_interrupted_goes_on_from_the_last_finished_phase(tmp_path, monkeypatch):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    save = Phase.save

    def save_or_stop(self, folder):
        if self.number == 3:
            raise KeyboardInterrupt
        save(self, folder)

    options = {"remove": "60%", "epsilon": 0.1, "engine": "dask", "progress": False}
    with cluster_of(2):
        with monkeypatch.context() as patch:
            patch.setattr(Phase, "save", save_or_stop)
            with pytest.raises(KeyboardInterrupt):
                sparsify_files(source, output, **options)
        assert (tmp_path / "out.wis-work").exists()
        result = sparsify_files(source, output, **options)
    assert result.num_phases_resumed == 3
    assert notes_left(output) == notes_expected(200, ARCS, 3, remove="60%", epsilon=0.1)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def test_names_are_numbered_before_they_are_sent_round(tmp_path):
    source = write_folder(tmp_path / "in", ARCS, name=lambda v: f"v{v:04d}")
    with cluster_of(2):
        result = sparsify_files(
            source, tmp_path / "out", remove="50%", engine="dask", progress=False
        )
    shutil.rmtree(source)
    plain = write_folder(tmp_path / "in", ARCS, name=lambda v: f"v{v:04d}")
    sparsify_files(plain, tmp_path / "streamed", remove="50%", progress=False)
    assert result.num_nodes == len({v for arc in ARCS for v in arc})
    assert notes_left(tmp_path / "out") == notes_left(tmp_path / "streamed")


def test_texts_that_look_like_numbers_stay_apart_on_workers_too(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("source,target\n007,7\n7,8\n")
    (tmp_path / "in" / "b.csv").write_text("source,target\n8,9\n007,9\n")
    with cluster_of(2):
        result = sparsify_files(
            *(tmp_path / "in", tmp_path / "out"),
            remove=0,
            relabel=True,
            engine="dask",
            progress=False,
        )
    assert (result.num_nodes, result.num_edges, result.num_rows_kept) == (4, 4, 4)
    table = pq.read_table(tmp_path / "out" / "a.csv.parquet")
    assert table.to_pydict() == {"source": ["007", "7"], "target": ["7", "8"]}


def test_a_reach_goes_as_far_as_the_budget_is_sure_to_go():
    reaches = Reaches.begin(np.array([0, 2, 1, 5]))
    assert reaches.bound.tolist() == [rounds.LOWEST, *[rounds.HIGHEST] * 3]
    live = np.array([3, 4, 1, 9])
    reaches.learn(np.zeros(4, np.int64), live, np.zeros(4, np.int64))
    assert reaches.reach[2] == rounds.HIGHEST  # one edge, which the budget allows
    assert reaches.guess[0] == rounds.LOWEST  # no budget, nothing to guess
    guess = reaches.guess.copy()
    assert (guess[[1, 3]] > rounds.LOWEST).all()
    reaches.learn(np.zeros(4, np.int64), live, np.array([0, 3, 1, 4]))
    assert reaches.reach[1] == rounds.LOWEST  # three edges up to the guess, a budget of two
    assert reaches.guess[1] < guess[1]
    assert reaches.reach[3] == guess[3]  # four edges, a budget of five
    reaches.learn(np.array([0, 0, 1, 5]), np.array([3, 4, 0, 4]), np.array([0, 1, 1, 9]))
    assert reaches.bound[3] == guess[3]  # five are taken: what is beyond is dead
    assert reaches.bound[1] == rounds.HIGHEST


def test_without_dask_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    source = write_folder(tmp_path / "in", ARCS)
    with pytest.raises(MissingDependencyError, match=r"wis-sparsify\[dask\]"):
        sparsify_files(source, tmp_path / "out", remove=1, engine="dask", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@given(st.integers(0, 20), st.lists(st.sets(st.sampled_from("abcdef")), min_size=1, max_size=6))
def test_shards_stay_with_their_workers_and_are_shared_evenly(num_shards, turns):
    homes, before = {}, set()
    for workers in turns:
        found = assigned(homes, workers, num_shards)
        if not workers:
            assert found == {}
            continue
        assert sorted(found) == list(range(num_shards))
        held = Counter(dict.fromkeys(workers, 0))
        held.update(found.values())
        assert set(held) == workers
        assert max(held.values()) - min(held.values()) <= 1
        if workers == before:
            assert found == homes
        most = -(-num_shards // len(workers))
        moved = [s for s, home in homes.items() if home in workers and found[s] != home]
        had = Counter(homes.values())
        assert len(moved) <= sum(max(had[worker] - most + 1, 0) for worker in workers)
        homes, before = found, workers
