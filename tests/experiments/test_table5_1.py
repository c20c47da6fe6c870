"""Table 5.1: recipes, rows, resumption and the printed table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import wis.theory.table5_1.table5_1 as table5_1
from wis.errors import (
    DivergedError,
    GraphFileError,
    OptionError,
    RecipeError,
    ResultsError,
    UnknownNameError,
)
from wis.experiments import Backend, RunOptions, run_recipe
from wis.experiments.results import ResultsFile, read_results
from wis.experiments.settings import read_settings
from wis.theory.table5_1.table5_1 import LEARNING_RATES, Table51, Table51Plan
from wis.theory.table5_1.table5_1_text import format_table

HERE = Backend(own_process=False)
RECIPES = Path(__file__).parents[2] / "benchmarks" / "recipes"
TINY = Table51(
    images="digits", models=("gcn", "gin"), seeds=(0, 1), num_train=40, num_test=20, max_epochs=2
)


def rows_in(path):
    return read_results([path])[0]


def read_table(path):
    return Table51.from_mapping(read_settings(path))


def run_table(table, path, *, retry_failed=False):
    """The rows of a table, in the order seed, partition, model."""
    options = RunOptions(path, HERE, (table.device,), retry_failed=retry_failed)
    run_recipe("table5_1", table.as_dict(), options)
    rows = {row["key"]: row for row in rows_in(path)}
    return [rows[row.key] for row in Table51Plan(table, "table5_1", options).rows]


def test_the_recipe_of_the_thesis_is_what_the_defaults_are():
    assert read_table(RECIPES / "thesis_table5_1.toml") == Table51()


def test_the_defaults_are_those_of_appendix_d_6_2_1():
    table = Table51()
    assert (table.num_train, table.num_test, len(table.seeds)) == (10_000, 2_000, 5)
    runs = {model: table.train_config(model, 3) for model in table.models}
    assert set(runs) == {"gcn", "gat", "gin"}
    for model, config in runs.items():
        assert (config.depth, config.width, config.task, config.seed) == (3, 16, "graph", 3)
        assert (config.max_epochs, config.patience, config.weight_decay) == (10_000, 1_000, 0)
        assert config.learning_rate == LEARNING_RATES[model]
    assert runs["gat"].model_options == {"heads": 4}
    assert runs["gin"].model_options == {"train_eps": False, "own": 1}


def test_the_smoke_recipe_runs_offline_and_gives_a_row_for_each_run(tmp_path):
    recipe = read_table(RECIPES / "smoke_table5_1.toml")
    recipe = replace(recipe, max_epochs=1, num_train=20, num_test=10)
    rows = run_table(recipe, tmp_path / "rows.jsonl")
    assert len(rows) == len({row["key"] for row in rows}) == 12
    assert {row["walk_index"] for row in rows if row["partition"] == "low"} == {548}
    assert {row["walk_index"] for row in rows if row["partition"] == "high"} == {8258}
    assert rows_in(tmp_path / "rows.jsonl") == json.loads(json.dumps(rows))
    for row in rows:
        for name in ("recipe_hash", "versions", "config", "device", "threads", "finished_at"):
            assert row[name], name


def test_finished_rows_are_not_computed_again_and_unfinished_ones_are(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    rows = run_table(TINY, path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:6]) + lines[6][:40])  # killed while writing the sixth row
    trained = []
    train = table5_1.train_shared
    monkeypatch.setattr(
        table5_1,
        "train_shared",
        lambda *args, **kwargs: trained.append(args[3]) or train(*args, **kwargs),
    )
    again = run_table(TINY, path)
    assert len(trained) == 3
    assert [row["key"] for row in again] == [row["key"] for row in rows]
    assert format_table(again) == format_table(rows)
    trained.clear()
    assert len(run_table(TINY, path)) == 8
    assert not trained


def test_progress_tells_how_many_rows_are_there(tmp_path):
    seen = []
    options = RunOptions(tmp_path / "rows.jsonl", HERE, report=seen.append)
    once = run_recipe("tiny", replace(TINY, seeds=(0,)).as_dict(), options)
    assert [(status.done, status.total, status.new) for status in seen] == [
        (count, 4, count) for count in range(5)
    ]
    assert (once.done, once.total, once.new, once.failed) == (4, 4, 4, 0)
    seen.clear()
    run_recipe("tiny", replace(TINY, seeds=(0, 1)).as_dict(), options)
    done = [status.done for status in seen]
    assert (done[0], done[-1]) == (4, 8)


def test_rows_are_on_the_disk_as_soon_as_they_are_reported(tmp_path):
    path = tmp_path / "rows.jsonl"
    seen = []

    def watch(status):
        if status.done:
            assert len(rows_in(path)) == status.done
            seen.append(status.done)

    run_recipe("tiny", TINY.as_dict(), RunOptions(path, HERE, report=watch))
    assert seen == list(range(1, 9))


def test_two_that_run_at_the_same_time_share_the_work(tmp_path):
    path = tmp_path / "rows.jsonl"
    other = []

    def run_the_rest(status):
        if status.done == 2 and not other:
            other.append(run_recipe("tiny", TINY.as_dict(), RunOptions(path, HERE)))

    one = run_recipe("tiny", TINY.as_dict(), RunOptions(path, HERE, report=run_the_rest))
    assert (one.new, other[0].new) == (2, 6)
    assert one.done == other[0].done == 8
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["type"] for line in lines] == ["recipe", *["run"] * 8]


def test_rows_are_the_same_in_one_process_and_in_two(tmp_path):
    costs = ("seconds", "cpu_seconds", "finished_at", "peak_memory_bytes", "written")
    rows = []
    for jobs in (1, 2):
        options = RunOptions(tmp_path / f"{jobs}.jsonl", Backend(jobs=jobs, own_process=jobs == 1))
        assert run_recipe("tiny", TINY.as_dict(), options).new == 8
        rows.append({row["key"]: row for row in rows_in(options.results)})
    for key, row in rows[0].items():
        assert {name for name in row if row[name] != rows[1][key][name]} <= set(costs)
        assert row["peak_memory_bytes"] > 2**20


def test_a_run_that_fails_is_a_row_that_says_why_and_the_rest_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    small = replace(TINY, seeds=(0,))
    train = table5_1.train_shared

    def bad(structure, training, test, config, **kwargs):
        if config.model == "gin":
            raise DivergedError("the loss is not finite")
        return train(structure, training, test, config, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(table5_1, "train_shared", bad)
        rows = run_table(small, path)
    assert [row["status"] for row in rows] == ["done", "failed", "done", "failed"]
    assert {row["error"] for row in rows} == {None, "DivergedError: the loss is not finite"}
    assert format_table(rows).splitlines()[-1].split() == ["failed", "2"]
    assert run_table(small, path) == rows_in(path)
    again = run_table(small, path, retry_failed=True)
    assert {row["status"] for row in again} == {"done"}


def test_a_device_that_is_not_there_stops_before_anything_runs(tmp_path):
    with pytest.raises(OptionError, match="cuda:7"):
        run_table(replace(TINY, device="cuda:7"), tmp_path / "rows.jsonl")
    assert not (tmp_path / "rows.jsonl").exists()


def test_a_file_of_sweeps_is_no_place_for_its_rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    ResultsFile(path).append([{"type": "run", "key": "1", "status": "done"}])
    with pytest.raises(ResultsError, match=r"of the kind 'accuracy' .* give another file"):
        run_table(TINY, path)


def test_another_configuration_is_another_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    small = replace(TINY, models=("gcn",), seeds=(0,))
    for table in (small, replace(small, max_epochs=3), replace(small, data_seed=1)):
        run_table(table, path)
    assert len(rows_in(path)) == 6


def row(model, partition, seed, train, test, **changes):
    return {
        "kind": "table5_1", "status": "done", "recipe": "mine", "recipe_hash": "0123456789",
        "model": model, "partition": partition, "seed": seed,
        "images": "digits", "num_train": 4, "num_test": 2, "data_seed": 0, "walk_index": 7,
        "train_accuracy": train, "test_accuracy": test, "best_train_accuracy": 1.0,
        "test_accuracy_at_best": 0.25, "num_epochs": 10 + seed,
        "config": {"depth": 3, "width": 16, "seed": seed}, **changes,
    }  # fmt: skip


def test_the_table_gives_means_and_deviations_beside_the_thesis():
    rows = [
        row("gcn", "low", 0, 0.70, 0.50),
        row("gcn", "low", 1, 0.72, 0.54),
        row("gcn", "high", 0, 0.80, 0.60),
    ]
    # deviations of a sample of two: |a - b| / sqrt(2)
    assert format_table(rows).splitlines() == [
        "                     low walk index  high walk index",
        "                     WI_2 = 7        WI_2 = 7",
        "GCN  train acc. (%)  71.0 ± 1.4      80.0",
        "       thesis        70.4 ± 1.7      81.4 ± 2.0",
        "     test acc. (%)   52.0 ± 2.8      60.0",
        "       thesis        52.7 ± 1.9      66.2 ± 1.1",
        "     epochs          gcn 10-11       gcn 10",
    ]


def test_rows_of_models_with_another_patience_make_one_table():
    gcn, gat = row("gcn", "low", 0, 0.7, 0.5), row("gat", "low", 0, 0.8, 0.5)
    gat["config"] = {**gat["config"], "patience": 200}
    assert "80.0" in format_table([gcn, gat])


def test_the_settled_recipe_differs_from_the_thesis_in_its_stopping_rule_only():
    settled = read_table(RECIPES / "settled_table5_1.toml")
    assert settled == replace(Table51(), min_delta=0.005)
    assert settled.hash != Table51().hash


def test_a_choice_of_models_and_seeds_does_not_make_another_experiment():
    assert replace(TINY, models=("gin",), seeds=(3,), partitions=("low",)).hash == TINY.hash
    assert replace(TINY, patience=3).hash != TINY.hash


def test_rows_that_do_not_belong_together_make_no_table():
    one = row("gcn", "low", 0, 0.7, 0.5)
    with pytest.raises(OptionError, match=r"by --recipe, .*: mine \(01234567\)"):
        format_table([one, {**one, "seed": 1, "num_train": 5}])
    with pytest.raises(OptionError, match="different experiments"):  # one seed twice
        format_table([one, {**one, "config": {**one["config"], "max_epochs": 5}}])
    with pytest.raises(OptionError, match="no finished rows"):
        format_table([])
    with pytest.raises(OptionError, match="kind 'sweep'"):
        format_table([{**one, "kind": "sweep"}])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"partitions": ("low", "middle")}, "'low' or 'high'"),
        ({"seeds": ()}, "seeds is"),
        ({"seeds": (1, 1)}, "repeats an entry"),
        ({"seeds": (-1,)}, "seed is -1"),
        ({"models": "gcn"}, "models is 'gcn'"),
        ({"max_epochs": 0}, "max_epochs is 0"),
        ({"max_epochs": {"gcn": 5}}, "a number for each of"),
        ({"data_seed": -2}, "data_seed: -2; expected integers of at least 0"),
        ({"num_train": True}, "num_train: True"),
        ({"seeds": ([0],)}, "seed is"),
        ({"images": 3}, "images is 3"),
        ({"width": 18}, "divisor of the width"),
    ],
)
def test_impossible_values_are_refused_before_anything_runs(changes, message):
    with pytest.raises(OptionError, match=message):
        Table51(**changes)


@pytest.mark.parametrize("model", ["resgcn", ["gcn"]])
def test_a_model_without_a_shared_form_is_refused(model):
    with pytest.raises(UnknownNameError, match="gat, gcn, gin"):
        Table51(models=(model,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "sweep"', "expected 'table5_1'"),
        ('kind = "table5_1"\nepochs = 3', "unknown entry 'epochs'; known: images"),
        ("kind = ", "is not TOML"),
        ('kind = "table5_1"\nnum_train = 0', "num_train: 0"),
    ],
)
def test_a_bad_recipe_is_refused(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises((OptionError, RecipeError), match=message):
        read_table(path)


def test_a_missing_recipe_is_one_line(tmp_path):
    with pytest.raises(GraphFileError, match=r"none\.toml"):
        read_table(tmp_path / "none.toml")
