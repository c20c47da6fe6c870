"""Sweeps: rows are complete, unique, repeatable, and survive whatever stops them."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import forked
import pytest
import torch
from backend_cases import die
from sweep_cases import COSTS, same_rows, toy_graph, toy_recipe

import wis
from wis.errors import DivergedError, GraphFormatError, OptionError, UnknownNameError
from wis.experiments import Backend, RunOptions, accuracy, backends, read_results, run_sweep
from wis.experiments.accuracy import plan_rows
from wis.experiments.inputs import Source, _loaded, order_specs
from wis.experiments.recipe import recipe_of
from wis.experiments.settings import MethodSpec, ModelSpec
from wis.training import TrainConfig, train_many

HERE = Backend(own_process=False)
"""What sweeps do is the same in processes of their own, which are tried in `test_own_process`."""


def options_in(folder, name="runs.jsonl", **changes):
    return RunOptions(folder / name, orders=folder / "orders", **{"backend": HERE, **changes})


def rows_of(options):
    return read_results([options.results])[0]


def test_a_sweep_has_one_row_for_each_method_percentage_model_and_seed(toy_file, tmp_path):
    recipe = toy_recipe(toy_file, models="gcn,gin", remove="0%,30%,60%,100%")
    status = run_sweep(recipe, options_in(tmp_path))
    assert (status.done, status.total, status.new, status.failed) == (32, 32, 32, 0)
    rows = rows_of(options_in(tmp_path))
    cells = {(r["model"], r["label"], r["percent_removed"], r["seed"]) for r in rows}
    assert len(cells) == len(rows) == 32
    assert len({row["key"] for row in rows}) == 32


def test_keys_of_rows_are_those_of_older_versions():
    """A new setting of training must not change them, or finished rows would be trained again."""
    recipe = recipe_of("karate", models="gcn", methods="random", remove="0%,50%", max_epochs=3)
    # from version 0.2.0
    assert recipe.hash == "e719a5e816fc4606c9d083d231fd21d81d5aaa20c1fdacbf5bf5f35481d3082c"
    assert [(row.key[:16], row.run_key[:16]) for row in plan_rows(recipe, Source("karate"))] == [
        ("3dd294e996580100", "8840ca350c383da4"),
        ("22d11f42df0e30d7", "3051b366f93f1dd9"),
    ]


def test_a_row_is_what_sparsify_and_train_give(toy_file, tmp_path):
    run_sweep(toy_recipe(toy_file), options_in(tmp_path))
    data, config = toy_graph(), TrainConfig(max_epochs=4, width=8)
    for row in rows_of(options_in(tmp_path)):
        share = row["percent_removed"] / 100
        graphs = [
            wis.sparsify(data, remove=share, method=row["method"], seed=seed) for seed in (0, 1)
        ]
        if row["method"] == "wis" or share in (0, 1):
            graphs = [graphs[0]] * 2
        record = train_many(graphs, config, [0, 1])[row["seed"]]
        for name in ("test_accuracy", "val_accuracy", "last_loss", "num_edges", "fingerprint"):
            assert row[name] == getattr(record, name), name


def test_a_row_has_everything_needed_to_repeat_it(toy_file, tmp_path):
    recipe = toy_recipe(toy_file)
    run_sweep(recipe, options_in(tmp_path))
    rows, recipes = read_results([tmp_path / "runs.jsonl"])
    assert recipes[recipe.hash]["settings"] == json.loads(json.dumps(recipe.as_dict()))
    row = next(row for row in rows if row["label"] == "random" and row["percent_removed"] == 50)
    for name in ("recipe_hash", "versions", "config", "data_digest", "threads"):
        assert row[name], name
    assert row["versions"]["torch"] == torch.__version__
    assert row["config"]["seed"] == row["seed"] == row["order_seed"]
    assert row["seconds"] > 0
    assert row["order_seconds"] > 0
    assert row["num_epochs"] == 4
    assert {"git_revision", "peak_memory_bytes", "system", "processor"} <= set(row)


def test_with_nothing_or_all_removed_methods_share_their_runs(toy_file, tmp_path):
    run_sweep(toy_recipe(toy_file), options_in(tmp_path))
    by_cell = {}
    for row in rows_of(options_in(tmp_path)):
        by_cell.setdefault((row["percent_removed"], row["seed"]), []).append(row)
    for (percentage, _), rows in by_cell.items():
        assert len(rows) == 2
        runs = {row["run_key"] for row in rows}
        assert len(runs) == (2 if percentage == 50 else 1)
        if percentage != 50:
            assert rows[0]["test_accuracy"] == rows[1]["test_accuracy"]


def test_a_method_added_later_takes_over_the_runs_that_it_shares(toy_file, tmp_path, monkeypatch):
    run_sweep(toy_recipe(toy_file, methods="wis"), options_in(tmp_path, backend=HERE))
    trained = []
    real = accuracy.train_runs

    def noted(job):
        trained.append(len(job.runs))
        return real(job)

    monkeypatch.setattr(accuracy, "train_runs", noted)
    status = run_sweep(toy_recipe(toy_file), options_in(tmp_path, backend=HERE))
    assert status.new == 6
    assert trained == [2]  # both seeds of random at 50 %, as one
    assert status.done == status.total


def test_a_finished_sweep_is_not_run_again(toy_file, tmp_path, monkeypatch):
    options = options_in(tmp_path)
    run_sweep(toy_recipe(toy_file), options)
    before = options.results.read_bytes()
    monkeypatch.setattr("wis.experiments.backends.do_job", None)
    assert run_sweep(toy_recipe(toy_file), options).new == 0
    assert options.results.read_bytes() == before


def test_rows_are_the_same_bit_for_bit_in_one_process_and_in_two(toy_file, tmp_path):
    recipe = toy_recipe(toy_file, seeds="3", max_epochs=30)
    one, two = options_in(tmp_path, "one"), options_in(tmp_path, "two")
    run_sweep(recipe, one)
    run_sweep(
        recipe, replace(two, backend=Backend(jobs=2, own_process=False), orders=tmp_path / "others")
    )
    assert same_rows(rows_of(one)) == same_rows(rows_of(two))


def test_seeds_of_one_job_agree_with_seeds_by_themselves(toy_file, tmp_path):
    recipe = toy_recipe(toy_file, seeds="3", max_epochs=20)
    run_sweep(recipe, options_in(tmp_path, "many"))
    run_sweep(recipe.changed(seeds_per_run=1), options_in(tmp_path, "single"))
    many, single = (
        {row["key"]: row for row in rows_of(options_in(tmp_path, name))}
        for name in ("many", "single")
    )
    assert many.keys() == single.keys()
    for key, row in many.items():
        assert row["last_loss"] == single[key]["last_loss"]


def test_an_order_is_computed_once_and_a_damaged_one_again(toy_file, tmp_path, monkeypatch):
    computed = []
    real = accuracy.compute_order

    def counted(ordering, device):
        computed.append(ordering.spec.method)
        return real(ordering, device)

    monkeypatch.setattr(accuracy, "compute_order", counted)
    first = toy_recipe(toy_file, remove="20%,40%")
    run_sweep(first, options_in(tmp_path, backend=HERE))
    assert sorted(computed) == ["random", "random", "wis"]
    run_sweep(toy_recipe(toy_file, remove="20%,60%"), options_in(tmp_path, backend=HERE))
    assert len(computed) == 3
    for path in (tmp_path / "orders").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    run_sweep(toy_recipe(toy_file, remove="80%"), options_in(tmp_path, backend=HERE))
    assert len(computed) == 6


@pytest.mark.parametrize(
    ("method", "options", "num_orders"),
    [("wis", {}, 1), ("wis", {"epsilon": 0.5}, 3), ("random", {}, 3), ("jaccard", {}, 3)],
)
def test_seeds_share_an_order_only_where_the_options_leave_nothing_to_chance(
    method, options, num_orders
):
    graph = wis.UndirectedGraph.from_any(toy_graph())
    model = ModelSpec("gcn", {})
    specs = order_specs(
        graph, "digest", MethodSpec.of(method, options), model, dict.fromkeys(range(3))
    )
    assert len({spec.key for spec in specs.values()}) == num_orders


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("scores", {"scores": "strength"}),
        ("disparity", {"edge_weight": "strength"}),
        ("spectral", {"edge_weight": "strength"}),
    ],
)
def test_orders_by_other_numbers_of_the_edges_are_kept_apart(method, options):
    data, specs = toy_graph(), []
    graph, row = wis.UndirectedGraph.from_any(data), MethodSpec.of(method, options)
    for factor in (1, 1, 2):
        data.strength = factor * (1 + data.edge_index.sum(dim=0))
        specs += order_specs(graph, "digest", row, ModelSpec("gcn", {}), {0: None}, data).values()
    assert specs[0].key == specs[1].key != specs[2].key
    digests = [value for name, value in specs[0].options.items() if name.endswith("_digest")]
    assert [len(digest) for digest in digests] == [32]


def test_a_sweep_ranks_by_an_edge_attribute_of_the_graph(tmp_path):
    recipe = toy_recipe("karate", methods="scores:scores=edge_weight", remove="50%", seeds="1")
    assert run_sweep(recipe, options_in(tmp_path, backend=HERE)).done == 1
    (path,) = (tmp_path / "orders").glob("*.npz")
    expected = wis.removal_order(wis.datasets.load("karate"), scores="edge_weight")
    assert torch.equal(wis.RemovalOrder.load(path).edges, expected.edges)


def test_a_failed_run_is_a_row_with_its_error_and_stops_nothing(toy_file, tmp_path):
    recipe = toy_recipe(toy_file, methods="wis,random,gwis:partitions=nowhere.json")
    options = options_in(tmp_path)
    status = run_sweep(recipe, options)
    assert (status.done, status.failed) == (18, 2)
    failed = [row for row in rows_of(options) if row["status"] == "failed"]
    assert {(row["method"], row["percent_removed"]) for row in failed} == {("gwis", 50)}
    assert all("nowhere.json" in row["error"] for row in failed)
    assert run_sweep(recipe, options).new == 0
    again = run_sweep(recipe, replace(options, retry_failed=True))
    assert (again.done, again.failed) == (18, 2)


def test_a_seed_that_diverges_spoils_no_other(tmp_path):
    data = toy_graph()
    torch.save(data, tmp_path / "graph.pt")
    real = accuracy.train_runs

    def bad(job):
        if any(run.seed == 1 for run in job.runs):
            raise ValueError("seed 1 is bad")
        return real(job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accuracy, "train_runs", bad)
        recipe = toy_recipe(tmp_path / "graph.pt", seeds="3", remove="50%")
        status = run_sweep(recipe, options_in(tmp_path, backend=HERE))
    assert (status.done, status.failed) == (6, 2)
    failed = [row for row in rows_of(options_in(tmp_path)) if row["status"] == "failed"]
    assert {row["seed"] for row in failed} == {1}
    assert "ValueError: seed 1 is bad (in bad, line" in failed[0]["error"]
    status = run_sweep(recipe, options_in(tmp_path, retry_failed=True))
    assert (status.done, status.failed, status.new) == (6, 0, 2)


def test_seeds_beside_one_that_diverges_are_trained_once(tmp_path, monkeypatch):
    torch.save(toy_graph(), tmp_path / "graph.pt")
    real, seeds = accuracy.train, []

    def train(data, config, **options):
        seeds.append(config.seed)
        if config.seed == 1:
            raise DivergedError("seed 1, epoch 3: the loss is not finite")
        return real(data, config, **options)

    monkeypatch.setattr(accuracy, "train", train)
    recipe = toy_recipe(tmp_path / "graph.pt", methods="wis", seeds="3", remove="50%")
    status = run_sweep(recipe, options_in(tmp_path, backend=HERE))
    assert (status.done, status.failed, sorted(seeds)) == (3, 1, [0, 1, 2])
    (failed,) = (row for row in rows_of(options_in(tmp_path)) if row["status"] == "failed")
    assert failed["error"] == "DivergedError: seed 1, epoch 3: the loss is not finite"


def test_a_job_that_kills_its_process_is_reported_and_the_rest_is_done():
    work = [backends.Job(None, (str(k),), (None,)) for k in range(5, 11)]
    done = list(Backend(jobs=2).stream(iter(work), die))
    outcomes = {part["key"]: part for _, parts in done for part in parts}
    assert sorted(outcomes, key=int) == ["5", "6", "7", "8", "9", "10"]
    assert [key for key, part in outcomes.items() if part["error"]] == ["7"]
    assert "died twice" in outcomes["7"]["error"]


SCRIPT = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from sweep_cases import toy_recipe
from wis.experiments import Backend, RunOptions, run_sweep
folder, processes, last = Path({folder!r}), {processes}, {last}

def report(status):
    if status.new >= last:
        os.kill(os.getpid(), signal.SIGKILL)

recipe = toy_recipe({graph!r}, **{settings})
(folder / f"ready-{{os.getpid()}}").touch()
while len(list(folder.glob("ready-*"))) < processes:  # start together, whatever imports take
    time.sleep(0.01)
here = Backend(own_process={processes} == 1)
options = RunOptions(folder / "shared", here, orders=folder / "orders", report=report)
run_sweep(recipe, options)
"""
SETTINGS = {"seeds": "2", "remove": "0%:100%:20%", "max_epochs": 10}


def started(folder, graph, processes, last):
    """Processes that run one sweep into one file at the same time, each until it added `last`."""
    code = SCRIPT.format(
        tests=str(Path(__file__).parent),
        folder=str(folder),
        graph=str(graph),
        settings=SETTINGS,
        processes=processes,
        last=last,
    )
    return [forked.Process(code) for _ in range(processes)]


def test_a_sweep_that_is_killed_goes_on_and_ends_with_the_same_rows(toy_file, tmp_path):
    (process,) = started(tmp_path, toy_file, processes=1, last=8)
    with process:
        assert process.wait(timeout=120) == -signal.SIGKILL
    results = tmp_path / "shared"
    at_kill = results.read_bytes().count(b"\n") - 1
    recipe = toy_recipe(toy_file, **SETTINGS)
    assert 8 <= at_kill < recipe.num_runs
    with results.open("ab") as file:
        file.write(b'{"type": "run", "key": "torn')
    status = run_sweep(recipe, options_in(tmp_path, "shared"))
    assert status.done == status.total == recipe.num_runs
    assert status.new == recipe.num_runs - at_kill
    run_sweep(recipe, options_in(tmp_path, "whole"))
    assert same_rows(rows_of(options_in(tmp_path, "shared"))) == same_rows(
        rows_of(options_in(tmp_path, "whole"))
    )


def test_two_processes_on_one_file_leave_each_row_once(toy_file, tmp_path):
    one, other = started(tmp_path, toy_file, processes=2, last=1_000)
    with one, other:
        assert [process.wait(timeout=120) for process in (one, other)] == [0, 0]
    lines = [json.loads(line) for line in (tmp_path / "shared").read_text().splitlines()]
    keys = [line["key"] for line in lines if line["type"] == "run"]
    assert len(keys) == len(set(keys)) == toy_recipe(toy_file, **SETTINGS).num_runs
    assert sum(line["type"] == "recipe" for line in lines) == 1


def test_another_graph_in_the_file_is_another_sweep(tmp_path):
    path = tmp_path / "graph.pt"
    torch.save(toy_graph(seed=0), path)
    run_sweep(toy_recipe(path), options_in(tmp_path))
    torch.save(toy_graph(seed=1), path)
    _loaded.cache_clear()  # as in another process
    status = run_sweep(toy_recipe(path), options_in(tmp_path))
    assert (status.new, status.total) == (12, 12)


def test_a_graph_without_masks_gets_a_split_and_one_without_labels_a_clear_line(tmp_path):
    graph = toy_graph()
    for name in ("train_mask", "val_mask", "test_mask"):
        del graph[name]
    torch.save(graph, tmp_path / "unsplit.pt")
    assert run_sweep(toy_recipe(tmp_path / "unsplit.pt"), options_in(tmp_path)).failed == 0
    del graph.y
    torch.save(graph, tmp_path / "bare.pt")
    with pytest.raises(GraphFormatError, match=r"bare.pt: has no y; the task 'vertex' needs"):
        run_sweep(toy_recipe(tmp_path / "bare.pt"), options_in(tmp_path))
    with pytest.raises(UnknownNameError, match=r"nowhere.pt: no such file"):
        run_sweep(toy_recipe(tmp_path / "nowhere.pt"), options_in(tmp_path))


def test_devices_are_given_to_jobs_in_turn_and_are_no_part_of_a_row_s_key(toy_file, tmp_path):
    seen = []

    def watch(self, handed_over, work=None):
        for job in handed_over:
            seen.append(job.device)
            yield job, backends.do_job(replace(job, device="cpu"))

    recipe = toy_recipe(toy_file, methods="random", seeds="1", remove="20%,40%,60%")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Backend, "stream", watch)
        run_sweep(recipe, options_in(tmp_path, devices=("cuda:0", "cuda:1")))
    assert seen == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]  # an order, three trainings
    assert run_sweep(recipe, options_in(tmp_path)).new == 0


def test_a_device_that_is_not_there_fails_its_rows_in_one_line(toy_file, tmp_path):
    recipe = toy_recipe(toy_file, methods="wis", remove="0")
    run_sweep(recipe, options_in(tmp_path, devices=("cuda:7",)))
    errors = {row["error"] for row in rows_of(options_in(tmp_path))}
    assert len(errors) == 1
    assert "cuda:7" in errors.pop()


def test_an_impossible_option_of_a_method_stops_before_anything_runs(toy_file, tmp_path):
    with pytest.raises(OptionError, match="walk_length"):
        run_sweep(toy_recipe(toy_file, methods="wis:walk_length=0"), options_in(tmp_path))
    assert not (tmp_path / "runs.jsonl").exists()


def test_what_may_differ_between_runs_is_nothing_but_costs(toy_file, tmp_path):
    run_sweep(toy_recipe(toy_file), options_in(tmp_path, "a"))
    run_sweep(toy_recipe(toy_file), options_in(tmp_path, "b"))
    a, b = rows_of(options_in(tmp_path, "a")), rows_of(options_in(tmp_path, "b"))
    assert same_rows(a) == same_rows(b)
    assert all(name in a[0] for name in COSTS)
