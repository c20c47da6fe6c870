"""The rounds of the clusters, on an engine that runs tasks where they are."""

from __future__ import annotations

import contextlib
import pickle
import shutil
import sys
import tracemalloc
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scale_folders import notes_expected, notes_left, power_law_arcs, write_folder
from strategies import large_graphs, small_graphs

from wis.errors import MissingDependencyError
from wis.scale import clients, cluster, rounds, shards, sparsify_files
from wis.scale.clients import assigned
from wis.scale.output import OutputFolder
from wis.scale.phases import Phase

ARCS = power_law_arcs(200, 2000)
fresh = settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
)


class HereAndNow:
    """An engine that runs tasks where they are; its workers may forget all, as lost ones do."""

    def __init__(self, num_tasks, forgets=False):
        self.num_tasks, self.forgets = num_tasks, forgets
        self.calls = Counter()

    def map(self, task, items, *arguments, stay=False):
        self.calls[task.__name__] += 1
        results = []
        for item in items:
            if self.forgets:
                shards._REMEMBERED.clear()
                vars(shards._LOCAL).clear()
            given = pickle.loads(pickle.dumps((item, *arguments)))
            results.append(pickle.loads(pickle.dumps(task(*given))))
        return results


@contextlib.contextmanager
def cluster_of(num_tasks, forgets=False):
    engine = HereAndNow(num_tasks, forgets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "dask_engine", lambda *_: contextlib.nullcontext(engine))
        yield engine


@given(
    st.one_of(small_graphs(), large_graphs()),
    st.sampled_from([3, 40, 100_000]),
    st.integers(1, 3),
    st.sampled_from(["13%", "50%", "100%"]),
    st.sampled_from([0.1, 0.7]),
    st.integers(0, 3),
    st.booleans(),
)
@fresh
def test_shards_lose_what_the_graph_in_memory_loses(
    tmp_path_factory, graph, block, num_files, remove, epsilon, seed, forgets
):
    num_nodes, arcs = graph
    folder = tmp_path_factory.mktemp("folder")
    source = write_folder(folder / "in", arcs, num_files=num_files)
    options = {"remove": remove, "epsilon": epsilon, "seed": seed}
    with cluster_of(num_files, forgets), several_shards(5):
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


@contextlib.contextmanager
def several_shards(most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "num_shards_of", lambda rows, _: min(most, 1 + rows // 10))
        patch.setattr(shards, "PIECE_ROWS", 64)
        yield


@pytest.mark.parametrize("block", [1, 20, 300, 10**6])
def test_the_rounds_of_a_phase_are_few_and_the_driver_holds_a_block(tmp_path, monkeypatch, block):
    held = []
    fetch = cluster._Peeling._fetch

    def noted(*arguments):
        edges, losses = fetch(*arguments)
        held.append(edges.u.size)
        return edges, losses

    monkeypatch.setattr(cluster._Peeling, "_fetch", noted)
    source = write_folder(tmp_path / "in", ARCS)
    options = {"remove": "50%", "epsilon": 0.5}
    with cluster_of(2) as engine, several_shards(7):
        result = sparsify_files(
            source, tmp_path / "out", engine="dask", block=block, progress=False, **options
        )
    assert notes_left(tmp_path / "out") == notes_expected(200, ARCS, 3, **options)
    assert max(held) <= block
    if block == 10**6:  # all edges are fetched once
        assert (engine.calls["rest"], engine.calls["advance"]) == (1, 0)
    assert engine.calls["advance"] <= 12 * result.num_phases


def test_a_round_sends_only_the_vertices_whose_cut_moved(tmp_path, monkeypatch):
    sent = []
    advance = rounds.advance

    def noted(group, phases, t, turn):
        cuts, num_live = advance(group, phases, t, turn)
        sent.append((phases, turn, cuts))
        return cuts, num_live

    monkeypatch.setattr(rounds, "advance", noted)
    source = write_folder(tmp_path / "in", ARCS)
    with cluster_of(1), several_shards(3):
        sparsify_files(source, tmp_path / "out", remove="50%", engine="dask", block=1,
                       progress=False)  # fmt: skip
    last = {}
    for phases, turn, cuts in sent:
        for cut in cuts.tolist():
            if turn:
                assert last.get((phases, cut[0])) != cut
            last[phases, cut[0]] = cut
    first = sum(cuts.size for _, turn, cuts in sent if turn == 0)
    assert 0 < sum(cuts.size for *_, cuts in sent) < 3 * first


def test_a_worker_that_lives_on_takes_no_edges_of_an_older_input(tmp_path):
    options = {"remove": "50%", "epsilon": 0.1}
    with cluster_of(2):
        for arcs in (ARCS, ARCS[: len(ARCS) // 2], [(v, 199 - u) for u, v in ARCS]):
            shutil.rmtree(tmp_path / "in", ignore_errors=True)
            source = write_folder(tmp_path / "in", arcs)
            sparsify_files(source, tmp_path / "out", engine="dask", num_nodes=200, force=True,
                           progress=False, **options)  # fmt: skip
            assert notes_left(tmp_path / "out") == notes_expected(200, arcs, 3, **options)


def test_what_a_lost_worker_left_of_an_output_file_does_not_appear(tmp_path, monkeypatch):
    write = OutputFolder.write

    def write_twice(self, name, batches, schema):
        with pytest.raises(RuntimeError):
            write(self, name, _lost(schema), schema)
        write(self, name, batches, schema)

    monkeypatch.setattr(OutputFolder, "write", write_twice)
    source = write_folder(tmp_path / "in", ARCS)
    options = {"remove": "50%", "epsilon": 0.1}
    with cluster_of(1):
        sparsify_files(source, tmp_path / "out", engine="dask", progress=False, **options)
    assert notes_left(tmp_path / "out") == notes_expected(200, ARCS, 3, **options)
    assert len(list((tmp_path / "out").iterdir())) == 3


def _lost(schema):
    yield pa.RecordBatch.from_pylist([], schema=schema)
    raise RuntimeError


def test_repeated_rows_take_no_memory_beyond_the_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "PIECE_ROWS", 20_000)
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 30, (2, 400_000))  # 870 pairs, each some 460 times
    table = pa.table({"source": pairs[0], "target": pairs[1]})
    pq.write_table(table, tmp_path / "in" / "a.parquet", row_group_size=10_000)
    peaks = {}
    for task in (shards.cut_file, shards.merge_pieces):

        def traced(*arguments, task=task):
            tracemalloc.start()
            result = task(*arguments)
            peaks[task.__name__] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return result

        traced.__name__ = task.__name__
        monkeypatch.setattr(cluster, task.__name__, traced)
    monkeypatch.setattr("wis.scale.files.ROWS_AT_A_TIME", 1000)
    with cluster_of(1):
        result = sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, engine="dask",
                                progress=False)  # fmt: skip
    assert result.num_edges == 30 * 29 // 2
    fixed = 500_000  # pyarrow's and fsspec's objects
    assert peaks["cut_file"] < 80 * 21_000 + fixed
    assert peaks["merge_pieces"] < 80 * (20_000 + 11_000 + 870) + fixed


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
