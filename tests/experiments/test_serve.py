"""Serving sweeps: rows, their costs, and the conclusions from them."""

from __future__ import annotations

import math

import pytest
import torch
from rows import made_row
from sweep_cases import toy_graph, toy_recipe
from torch_geometric.utils import to_undirected

from wis.datasets import generators
from wis.errors import GraphFormatError, OptionError, RecipeError, ResultsError
from wis.experiments import Backend, RunOptions, read_results, run_recipe, run_sweep
from wis.experiments.serve import load_of
from wis.experiments.serve_summary import best_speedups, lines_of, summary_text
from wis.experiments.summary import panels_of
from wis.experiments.sweep import preview
from wis.measure.serving import edges_read
from wis.show.sweep_plots import plot_serving

KINDS = ["all", "full_1", "sampled_1", "full_8", "sampled_8"]


def settings_of(path, *, serve=None, **changes):
    quick = {"batch_sizes": [1, 8], "repeats": 5, "num_vertices": 40, "num_neighbors": 2}
    recipe = toy_recipe(path, **changes).as_dict()
    return {**recipe, "kind": "serve", "serve": {**quick, **(serve or {})}}


def options_of(tmp_path, name="serve.jsonl", **changes):
    given = {"orders": tmp_path / "orders", "backend": Backend(own_process=False), **changes}
    return RunOptions(tmp_path / name, **given)


def rows_in(options):
    return read_results([options.results])[0]


def test_rows_have_accuracy_and_costs_and_are_made_once(tmp_path, toy_file):
    settings, options = settings_of(toy_file), options_of(tmp_path)
    status = run_recipe("toy", settings, options)
    assert (status.done, status.failed) == (12, 0)
    assert "the highest speed-up within a loss, by edges read" in status.table
    assert run_recipe("toy", settings, options).new == 0
    whole = float(edges_read(toy_graph(), torch.arange(40), depth=3).double().mean())
    rows = rows_in(options)
    for row in rows:
        assert row["kind"] == "serve"
        assert list(row["serving"]) == ["edges_read", "multiply_adds", *KINDS]
        assert row["serving_whole"]["edges_read"] == whole
        assert row["serving"]["all"]["arcs"] == row["num_arcs"]
        assert row["batch_memory_bytes"] is None  # this process did other work before
        if row["num_removed"] == 0:
            assert row["serving"] == row["serving_whole"]
        else:
            assert row["serving"]["edges_read"] < whole
    assert len({row["run_key"] for row in rows}) == 8  # methods share no edges and all edges


def test_accuracies_are_those_of_an_accuracy_sweep(tmp_path, toy_file):
    served, trained = options_of(tmp_path), options_of(tmp_path, "accuracy.jsonl")
    run_recipe("toy", settings_of(toy_file), served)
    run_sweep(toy_recipe(toy_file), trained)
    one, other = (
        {(r["label"], r["remove"], r["seed"]): r["test_accuracy"] for r in rows_in(options)}
        for options in (served, trained)
    )
    assert one == other
    (panel,) = panels_of(rows_in(served))
    assert panel.labels == ["1-WIS", "random"]


def test_sampled_predictions_that_draw_everything_are_as_accurate_as_full_ones(tmp_path, toy_file):
    options = options_of(tmp_path)
    run_recipe("toy", settings_of(toy_file, serve={"num_neighbors": 40}, max_epochs=9), options)
    for row in rows_in(options):  # a GCN's degrees are those of drawn arcs, so 0 % may differ
        if row["num_removed"] == row["num_edges_before"]:
            assert row["sampled_test_accuracy"] == row["test_accuracy"]
        assert 0 <= row["sampled_test_accuracy"] <= 1


def test_another_load_and_another_device_make_other_rows(tmp_path, toy_file):
    settings = settings_of(toy_file)
    keys = [
        {row.key for row in plan.rows}
        for plan in (
            plan_of(settings, options_of(tmp_path)),
            plan_of(settings_of(toy_file, serve={"repeats": 6}), options_of(tmp_path)),
            plan_of(settings, options_of(tmp_path, devices=("cuda:1",))),
        )
    ]
    assert [len(one) for one in keys] == [12, 12, 12]
    assert not keys[0] & keys[1] | keys[0] & keys[2]
    same = plan_of(settings, options_of(tmp_path, devices=("cuda:0",)))
    assert {row.key for row in same.rows} == keys[2]


def plan_of(settings, options):
    from wis.experiments.serve import Serve

    return Serve().plan("toy", settings, options)


def test_costs_alone_need_no_features_and_labels(tmp_path):
    path = tmp_path / "bare.pt"
    torch.save(generators.rmat(scale=6, edges=200), path)
    settings, stages = settings_of(path, serve={"train": False}, seeds="1"), set()
    options = options_of(tmp_path, report=lambda status: stages.add(status.doing))
    assert run_recipe("bare", settings, options).failed == 0
    assert "measuring" in stages
    assert "training" not in stages
    rows = rows_in(options)
    assert not any("test_accuracy" in row for row in rows)
    assert all(line["accuracy"] is None for line in lines_of(rows))
    assert "(costs alone)" in summary_text(rows)
    assert "within a loss" not in summary_text(rows)
    assert best_speedups(lines_of(rows)) == []
    with pytest.raises(ResultsError, match="nothing was trained"):
        plot_serving(lines_of(rows), tmp_path / "picture.png")
    with pytest.raises(GraphFormatError, match="has no x"):
        preview("bare", settings_of(path), options)


def test_counts_alone_take_their_accuracies_from_an_accuracy_sweep(tmp_path, toy_file):
    counted, trained = options_of(tmp_path), options_of(tmp_path, "accuracy.jsonl")
    settings = settings_of(toy_file, serve={"train": False, "batch_sizes": []})
    run_recipe("toy", settings, counted)
    run_sweep(toy_recipe(toy_file), trained)
    rows = rows_in(counted)
    assert [list(row["serving"]) for row in rows] == [["edges_read", "multiply_adds"]] * 12
    lines = lines_of([*rows, *rows_in(trained)])
    served = options_of(tmp_path, "served.jsonl")
    run_recipe("toy", settings_of(toy_file), served)
    names = ("label", "percent_removed", "accuracy", "loss", "num_seeds")
    assert [[line[name] for name in names] for line in lines] == [
        [line[name] for name in names] for line in lines_of(rows_in(served))
    ]
    reads = {row["label"]: row["serving"]["edges_read"] for row in rows if row["remove"] == "50%"}
    assert line_at(lines, "1-WIS", 50)["edges_read"] == reads["1-WIS"]
    assert "neighbour sampling" not in summary_text([*rows, *rows_in(trained)])
    picture = plot_serving(lines, tmp_path / "front.svg").read_text()
    assert "edges read by a prediction" in picture
    assert "milliseconds" not in picture
    others = [{**row, "dataset": "another"} for row in rows_in(trained)]
    with pytest.raises(ResultsError, match="no accuracy row has the graph"):
        lines_of([*rows, *others])


def test_a_process_of_its_own_measures_the_memory_of_a_batch(tmp_path, toy_file):
    options = options_of(tmp_path, backend=Backend())
    run_recipe("toy", settings_of(toy_file, methods="wis", remove="0%", seeds="1"), options)
    (row,) = rows_in(options)
    assert 0 <= row["batch_memory_bytes"] < 2**30


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"speed": 3}, "serve has the unknown key 'speed'; known: train, batch_sizes, repeats"),
        ({"train": 1}, "train is 1; expected true or false"),
        ({"batch_sizes": "1,2"}, "serve: batch_sizes is '1,2'; expected a list of integers"),
        ({"batch_sizes": [1, "x"]}, "serve: batch_sizes is 'x'"),
        ({"repeats": 0}, "serve: repeats is 0"),
    ],
)
def test_an_impossible_table_is_refused(table, message):
    with pytest.raises(RecipeError, match=message):
        load_of(table)


def served_row(label, percent, seed, accuracy, reads, seconds=(1.0, 1.0)):
    """A row on a graph of 100 edges whose predictions of one vertex read 800 arcs."""
    whole, cut = (
        {
            "edges_read": edges,
            "multiply_adds": 10 * edges,
            "full_1": {"num": 5, "mean_s": s, "median_s": s, "p95_s": 2 * s, "arcs": edges},
        }
        for edges, s in ((800, seconds[0]), (reads, seconds[1]))
    )
    removed = {"num_removed": int(percent), "num_edges_before": 100}
    costs = {"serving_whole": whole, "serving": cut, "batch_memory_bytes": 2**20}
    own = {"kind": "serve", "device": "cpu", "trained": True, "sampled_test_accuracy": accuracy}
    return made_row(label, percent, seed, accuracy, **removed, **costs, **own)


ROWS = [
    *(served_row(label, 0, s, 0.80 + s / 100, 800) for label in "ab" for s in (0, 1)),
    *(served_row("a", 50, s, 0.796 + s / 100, (100, 400)[s], (8.0, 1.0)) for s in (0, 1)),
    *(served_row("a", 75, s, 0.78 + s / 50, 80) for s in (0, 1)),
    *(served_row("b", 50, s, 0.79 + s / 100, 160) for s in (0, 1)),
    *(served_row("b", 100, s, 0.60, 0) for s in (0, 1)),
]


def test_rows_of_one_training_are_summarised_together_whatever_recipe_made_them():
    mixed = [{**row, "recipe_hash": str(place % 3)} for place, row in enumerate(ROWS)]
    assert lines_of(mixed) == lines_of(ROWS)


def line_at(lines, label, percent):
    return next(x for x in lines if (x["label"], x["percent_removed"]) == (label, percent))


def test_losses_are_paired_by_seed_and_speed_ups_are_geometric_means():
    lines = lines_of(ROWS[::-1])
    assert [line["percent_removed"] for line in lines] == [0, 50, 50, 75, 100]  # b, a, a
    lines = lines_of(ROWS)
    assert [(line["label"], line["percent_removed"]) for line in lines] == [
        *(("full", 0), ("a", 50), ("a", 75), ("b", 50), ("no edges", 100))
    ]
    half = line_at(lines, "a", 50)
    assert half["loss"] == pytest.approx(0.4)
    assert half["loss_low"] == pytest.approx(0.4) == half["loss_high"]
    assert half["speedup"]["edges_read"] == pytest.approx(math.sqrt(8 * 2))
    assert half["speedup"]["full_1"] == pytest.approx(8)
    assert (half["median_ms"]["full_1"], half["p95_ms"]["full_1"]) == (1000, 2000)
    wide = line_at(lines, "a", 75)  # losses of 2 and 1 points
    assert wide["loss"] == pytest.approx(1.5)
    assert wide["loss_high"] - wide["loss_low"] == pytest.approx(12.706, abs=1e-3)
    assert line_at(lines, "no edges", 100)["speedup"]["edges_read"] == math.inf


def test_the_front_holds_settings_that_nothing_cheaper_beats():
    named = {(x["label"], x["percent_removed"]) for x in lines_of(ROWS) if x["on_front"]}
    # b at 50 % reads 160 edges for 79.5 %, a at 50 % reads 250 for 80.1 %, a at 75 % 80 for 79.0 %
    assert named == {("full", 0), ("a", 50), ("a", 75), ("b", 50), ("no edges", 100)}
    worse = [*ROWS, *(served_row("c", 50, s, 0.78, 300) for s in (0, 1))]
    assert not line_at(lines_of(worse), "c", 50)["on_front"]


def test_the_best_speed_up_within_a_loss():
    best = best_speedups(lines_of(ROWS), losses=(0.0, 0.4, 1.0, 1.6))
    found = {(x["allowed_loss"], x["label"]): (x["percent_removed"], x["speedup"]) for x in best}
    assert found[0.0, "a"] == found[0.0, "b"] == (0, 1)
    assert found[0.4, "a"] == (50, pytest.approx(4))
    assert found[0.4, "b"] == (0, 1)
    assert found[1.0, "b"] == found[1.6, "b"] == (50, pytest.approx(5))
    assert found[1.6, "a"] == (75, pytest.approx(10))
    assert "4.0 x at 50 %, loss +0.40 [+0.40, +0.40]" in summary_text(ROWS)


def test_rows_that_are_not_finished_or_damaged(tmp_path):
    failed = {**ROWS[0], "status": "failed"}
    assert summary_text([failed]) is None
    with pytest.raises(ResultsError, match="no row is finished"):
        lines_of([failed])
    with pytest.raises(ResultsError, match="has no serving"):
        lines_of([{k: v for k, v in ROWS[0].items() if k != "serving"}])


@pytest.mark.parametrize("metric", ["test", "val"])
def test_the_picture_has_a_curve_for_each_method(tmp_path, metric):
    rows = [{**row, "val_accuracy": row["test_accuracy"]} for row in ROWS]
    path = plot_serving(lines_of(rows, metric=metric), tmp_path / "front.svg", metric=metric)
    text = path.read_text()
    for words in ("edges read by a prediction of one vertex", "a, 50 %", "b, 50 %", "no edges"):
        assert f"<!-- {words}" in text or words in text, words


def test_one_way_arcs_carry_messages_both_ways_if_the_recipe_says_so(tmp_path):
    one_way = toy_graph()
    one_way.edge_index = one_way.edge_index[:, one_way.edge_index[0] < one_way.edge_index[1]]
    one_way.edge_type = torch.zeros(one_way.num_edges)
    torch.save(one_way, tmp_path / "one_way.pt")
    both = toy_graph()
    both.edge_index = to_undirected(both.edge_index)  # sorted
    torch.save(both, tmp_path / "both.pt")
    settings = settings_of(tmp_path / "one_way.pt", serve={"train": False})
    plans = [
        plan_of({**settings, **more}, options_of(tmp_path))
        for more in ({}, {"undirected": True}, {"dataset": str(tmp_path / "both.pt")})
    ]
    directed, undirected, stored = ({row.key for row in plan.rows} for plan in plans)
    assert undirected == stored != directed
    assert plans[1].settings["undirected"] is True
    with pytest.raises(RecipeError, match="undirected is 1; expected true or false"):
        plan_of({**settings, "undirected": 1}, options_of(tmp_path))


def test_other_tasks_and_weights_are_refused(tmp_path, toy_file):
    settings = settings_of(toy_file)
    with pytest.raises(RecipeError, match="task is 'link'; predictions are timed for vertices"):
        plan_of({**settings, "task": "link"}, options_of(tmp_path))
    models = [{"name": "gcn", "edge_weight": True}]
    with pytest.raises(OptionError, match="timed without edge weights"):
        plan_of({**settings, "models": models}, options_of(tmp_path))
