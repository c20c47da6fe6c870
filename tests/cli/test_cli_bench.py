"""`wis bench`: sweeps, tables, figures and reports from the command line."""

from __future__ import annotations

import json
import re
import shlex

import click
import pytest
import torch

from wis.base.checks import num_edges_to_remove
from wis.datasets import load
from wis.experiments import read_results, sweep
from wis.experiments.sweep import available_recipes
from wis.measure.latency import Load
from wis_cli import output
from wis_cli.framework import cli
from wis_cli.main import run

BENCH = cli.commands["bench"]
NAMES = sorted(BENCH.commands)
QUICK = ["--dataset", "digits", "--remove", "0%,50%", "--epochs", "2", "--methods", "wis,random"]


def wis_bench(*args):
    return run(["bench", *map(str, args)])


def test_every_command_explains_itself_and_has_an_example(capsys):
    assert NAMES == ["export", "list", "plot", "report", "run", "serve", "table"]
    for name in NAMES:
        assert wis_bench(name, "--help") == 0
        text = capsys.readouterr().out
        assert all(example in text for example in BENCH.commands[name].examples), name
        for option in BENCH.commands[name].params:
            assert isinstance(option, click.Argument) or option.help, (name, option.name)


@pytest.fixture
def quick_recipe(tmp_path, monkeypatch):
    """The recipe of the examples at a size that takes seconds, and few calls of each server."""
    text = available_recipes()["one_minute"].read_text()
    few = ('"70%", "80%", "90%", ', "")
    for long, quick in (few, ("n=2000", "n=200"), ("seeds = 5", "seeds = 2"), ("= 300", "= 2")):
        assert text.count(long) == 1
        text = text.replace(long, quick)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "one_minute.toml").write_text(text)
    monkeypatch.setattr(sweep, "recipe_folders", lambda: [tmp_path / "recipes"])
    sizes, _, _, *others = Load.__init__.__defaults__
    monkeypatch.setattr(Load.__init__, "__defaults__", (sizes, 5, 20, *others))


@pytest.mark.usefixtures("quick_recipe")
def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("list", "run", "table", "plot", "export", "report", "serve"):
        for example in BENCH.commands[name].examples:
            alone = example.replace("--jobs 2", "--jobs 1")  # two are tried in test_cli_plugins
            assert run(shlex.split(alone)[1:]) == 0, capsys.readouterr().err
    made = {path.name for path in tmp_path.iterdir()}
    assert {"minute.jsonl", "minute.png", "costs.svg", "rows.csv", "rows.parquet"} <= made
    assert (tmp_path / "report.html").read_text().count("<table") >= 3


def test_a_sweep_says_what_it_did_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output, "LINE_EVERY_S", float("inf"))  # a busy machine takes longer
    assert wis_bench("run", *QUICK, "--json") == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["done"], told["total"], told["new"], told["failed"]) == (4, 4, 4, 0)
    assert err.startswith("runs.jsonl: 4 of 4 runs, 4 of them new, ")
    assert err.count("\n") == 1
    assert wis_bench("run", *QUICK, "--seeds", "2") == 0
    assert "8 of 8 runs, 4 of them new" in capsys.readouterr().err
    rows, _ = read_results(["runs.jsonl"])
    assert {row["config"]["max_epochs"] for row in rows} == {2}


def test_a_user_s_own_graph_goes_in_place_of_a_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    graph = load("digits")
    torch.save(graph, "graph.pt")
    options = ["--remove", "100%", "--epochs", "1", "--methods", "random"]
    assert wis_bench("run", "--dataset", "graph.pt", *options) == 0
    (row,) = read_results(["runs.jsonl"])[0]
    assert (row["dataset"], row["num_edges"]) == ("graph.pt", 0)


def test_a_bare_number_is_one_of_edges_as_for_sparsify_and_a_line_says_so(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    options = ["--dataset", "digits", "--methods", "random", "--epochs", "1"]
    assert wis_bench("run", *options, "--remove", "50, 0.25") == 0
    assert "Note: --remove 50, 0.25 is 50 edges; a percentage is written as 50%" in (
        capsys.readouterr().err
    )
    removed = {row["remove"]: row for row in read_results(["runs.jsonl"])[0]}
    assert removed.keys() == {"50 edges", "25%"}
    assert removed["50 edges"]["num_removed"] == 50
    m = removed["25%"]["num_edges_before"]
    assert removed["25%"]["num_removed"] == num_edges_to_remove(m, remove=0.25)
    assert wis_bench("table", "runs.jsonl") == 0


def test_a_dry_run_counts_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert wis_bench("run", *QUICK, "--dry-run", "--json", "--orders", "orders") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["num_rows"], facts["num_trainings"], facts["num_orders"]) == (4, 3, 2)
    assert list(tmp_path.iterdir()) == []
    predicted = facts["forecast"]
    assert set(predicted["orders"]) == {"1-WIS", "random"}
    stages = [order["seconds"] * order["num"] for order in predicted["orders"].values()]
    assert predicted["orders_s"] == pytest.approx(sum(stages))
    assert predicted["total_s"] == predicted["orders_s"] + predicted["training_s"] > 0
    assert predicted["networks"]["gcn"]["from_rows"] == 0
    assert "estimate" in predicted["basis"]
    assert wis_bench("run", *QUICK, "--dry-run", "--orders", "orders") == 0
    assert "predicted time: " in capsys.readouterr().out


def test_a_dry_run_with_an_unknown_device_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert wis_bench("run", *QUICK, "--dry-run", "--devices", "x", "--orders", "orders") == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("Error: device 'x' cannot be used")


def test_a_dry_run_says_that_other_kinds_have_no_forecast(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for recipe, rows, kind in (
        ("smoke_table5_1", 12, "table5_1"),
        ("smoke_factorization", 2, "factorization"),
    ):
        assert wis_bench("run", recipe, "--dry-run") == 0
        line = f"{rows} rows missing; there is no forecast of time for the kind {kind}"
        assert capsys.readouterr().out.splitlines()[-1] == line
        assert wis_bench("run", recipe, "--dry-run", "--json") == 0
        facts = json.loads(capsys.readouterr().out)
        assert (facts["num_rows_missing"], facts["forecast"]) == (rows, None)


def test_a_forecast_takes_the_epochs_of_finished_rows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert wis_bench("run", *QUICK) == 0
    capsys.readouterr()
    assert wis_bench("run", *QUICK, "--seeds", "2", "--dry-run", "--json") == 0
    network = json.loads(capsys.readouterr().out)["forecast"]["networks"]["gcn"]
    rows = [row["num_epochs"] for row in read_results(["runs.jsonl"])[0]]
    assert network["from_rows"] == len(rows) == 4
    assert network["epochs"] == sum(rows) / 4


def test_failed_runs_are_counted_their_reason_is_told_and_the_exit_code_is_1(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert wis_bench("run", *QUICK, "--devices", "cuda:9", "--json") == 1
    out, err = capsys.readouterr()
    reason = (
        r"1-WIS, 0%, gcn, seed 0 \(and \d more\): OptionError: device 'cuda:9' cannot be used here"
    )
    assert "4 failed" in err
    assert re.search(f"^failed: {reason}", err, re.M)
    assert "--retry-failed does the failed runs again" in err
    assert any(re.match(reason, told) for told in json.loads(out)["failures"])
    assert wis_bench("run", *QUICK) == 1  # they are still there
    assert wis_bench("run", *QUICK, "--retry-failed") == 0
    assert "4 of 4 runs, 4 of them new, " in capsys.readouterr().err


def test_links_and_graphs_are_tasks(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for task, name, metric in (("link", "karate", "AUC"), ("graph", "motifs:graphs=30,n=4", "acc")):
        sizes = ["--task", task, "--remove", "50%", "--epochs", "2", "--results", f"{task}.jsonl"]
        assert wis_bench("run", "--dataset", name, *sizes) == 0
        assert wis_bench("table", f"{task}.jsonl") == 0
        assert f"test {metric}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "words", "code"),
    [
        ([], "Give a RECIPE (`wis bench list`) or --dataset", 2),
        (["one_minut"], "Did you mean 'one_minute'", 2),
        (["nowhere.toml"], "nowhere.toml: cannot be read", 1),
        ([*QUICK, "--seeds", "x"], "seeds is 'x'", 2),
        ([*QUICK, "--remove", "120%"], "expected amounts such as", 2),
        ([*QUICK, "--remove", "0:100:10"], "write '0%:100%:10%' for percentages", 2),
        ([*QUICK, "--split", "3"], "split is 3, but the masks of the graph hold one split", 2),
        ([*QUICK, "--split", "1", "--split-seed", "1"], "split and split_seed are both given", 2),
        ([*QUICK, "--jobs", "0"], "jobs is 0", 2),
        ([*QUICK, "--backend", "mpi"], "expected one of local, dask, ray, slurm", 2),
        ([*QUICK, "--results", "nowhere/r.jsonl"], "there is no folder", 1),
        (["--dataset", "no.pt"], "no.pt: no such file", 2),
        (["--dataset", "rmat:scale=4,edges=20"], "has no x", 1),
    ],
)
def test_what_a_user_can_get_wrong_is_one_line(args, words, code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert wis_bench("run", *args) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


def test_progress_on_a_pipe_is_a_line_now_and_then_with_the_time_left(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output, "LINE_EVERY_S", 0.0)
    assert wis_bench("run", *QUICK) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "starting: 0 of 4 runs"
    assert any("of 4 runs, about 0 s left" in line for line in lines)


def test_tables_take_several_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert wis_bench("run", *QUICK, "--results", "a") == 0
    assert wis_bench("run", *QUICK, "--seeds", "1,2", "--results", "b") == 0
    capsys.readouterr()
    assert wis_bench("table", "a", "b", "--format", "markdown") == 0
    assert "over 3 seeds" in capsys.readouterr().out
    assert wis_bench("table", "a", "--baseline", "ugs") == 2
    assert "unknown method of these results 'ugs'" in capsys.readouterr().err


def test_table_5_1_runs_from_its_recipe_and_is_printed_beside_the_thesis(tmp_path, capsys):
    results = tmp_path / "t51.jsonl"
    command = ["run", "smoke_table5_1", "--seeds", 1, "--models", "gcn", "--epochs", 2]
    assert wis_bench(*command, "--results", results) == 0
    ran = capsys.readouterr()
    assert "WI_2 = 548" in ran.out
    assert "81.4 ± 2.0" in ran.out
    assert "2 of 2 runs, 2 of them new" in ran.err
    assert wis_bench("table", results) == 0
    assert capsys.readouterr().out == ran.out
    assert wis_bench(*command, "--results", results, "--dry-run", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["num_rows"], facts["num_rows_missing"]) == (2, 0)
    assert wis_bench(*command, "--results", results) == 0
    assert "0 of them new" in capsys.readouterr().err
    assert wis_bench("export", results, "-o", tmp_path / "rows.csv") == 0
    assert (tmp_path / "rows.csv").read_text().count("\n") == 3
    capsys.readouterr()
    for more in (
        ["plot", results, "-o", tmp_path / "page.png"],
        ["table", results, "--format", "latex"],
    ):
        assert wis_bench(*more) == 1
        err = capsys.readouterr().err
        assert "rows of Table 5.1" in err
        assert err.count("\n") == 1
    assert wis_bench("report", results, "-o", tmp_path / "page.html") == 0
    page = (tmp_path / "page.html").read_text()
    assert "81.4 ± 2.0" in page
    assert "A GCN fits the training pairs better where the essential partition has a high" in page
    assert wis_bench("table", results, "--claims", "--format", "csv") == 0
    assert capsys.readouterr().out.count("cannot tell,Table 5.1") == 2  # one seed
    assert wis_bench(*command[:-1], 1, "--results", results) == 0  # other epochs: a table of these
    assert "gcn 1" in capsys.readouterr().out
    assert wis_bench("table", results) == 2
    assert "select those of one by --recipe" in capsys.readouterr().err
    assert wis_bench("run", *QUICK, "--results", results) == 1
    assert "give another file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--remove", "50%"], "--remove does not apply to Table 5.1"),
        (["--devices", "cpu,cpu"], "runs on one device"),
        (["--models", "gcn,foo"], "unknown model of Table 5.1 'foo'"),
        (["--models", "foo", "--dry-run"], "unknown model of Table 5.1 'foo'"),
    ],
)
def test_what_table_5_1_has_no_use_for_is_refused(tmp_path, capsys, more, said):
    results = tmp_path / "t.jsonl"
    assert wis_bench("run", "smoke_table5_1", *more, "--results", results) == 2
    assert said in capsys.readouterr().err


def test_a_factorization_recipe_draws_the_figure_of_each_run(tmp_path):
    recipe = tmp_path / "tiny.toml"
    sizes = "shape = [4, 4, 4]\nnum_observations = 30\nmax_steps = 40\n"
    recipe.write_text(
        'kind = "factorization"\nexperiment = "figB_2"\nsize = "quick"\nseeds = 1\n[settings]\n'
        + sizes
    )
    assert wis_bench("run", recipe, "--results", tmp_path / "rows.jsonl") == 0
    written = {path.name for path in (tmp_path / "rows" / "figB_2-seed0").iterdir()}
    assert written == {"rows.jsonl", "verdict.txt", "curves.npz", "figure.png"}


QUICK_SERVE = [
    "karate",
    "--epochs",
    "2",
    "--batch-sizes",
    "1,8",
    "--depth",
    "2",
    "--methods",
    "wis",
]


def test_serving_gives_a_table_a_picture_and_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = [*QUICK_SERVE, "--remove", "0%,50%,100%", "--plot", "front.svg"]
    assert wis_bench("serve", *given) == 0
    out, err = capsys.readouterr()
    assert "runs.jsonl: 3 of 3 runs, 3 of them new, " in err
    assert out.startswith("karate, gcn (test accuracy)\n")
    assert "karate, gcn: the highest speed-up within a loss, by edges read" in out
    assert (tmp_path / "front.svg").stat().st_size > 0
    assert wis_bench("serve", *given) == 1
    assert "front.svg" in capsys.readouterr().err
    assert wis_bench("serve", *given, "--force", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["done"], told["new"]) == (3, 0)
    labels = [(line["label"], line["percent_removed"]) for line in told["lines"]]
    assert labels == [("full", 0), ("1-WIS", 50), ("no edges", 100)]
    assert told["lines"][2]["speedup"]["edges_read"] is None  # nothing is read
    assert {one["kind"] for one in told["best"]} == set(told["lines"][0]["speedup"])
    for metric in ("test", "validation"):
        assert (
            wis_bench("table", "runs.jsonl", "--metric", {"test": "test"}.get(metric, "val")) == 0
        )
        assert f"karate, gcn ({metric} accuracy)" in capsys.readouterr().out
    assert wis_bench("plot", "runs.jsonl", "-o", "again.svg") == 0
    assert wis_bench("plot", "runs.jsonl", "--costs", "-o", "costs.svg") == 0


def test_serving_refuses_what_it_cannot_do_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for given, code, words in (
        (["one_minute"], 2, "one_minute is of the kind accuracy; use wis bench run"),
        (["karate", "--no-train", "--plot", "p.png"], 2, "--plot draws accuracies"),
        (["karate", "--batch-sizes", "1,x"], 2, "batch_sizes is 'x'"),
        (["karate", "--plot", "front.txt"], 2, "unknown picture format '.txt'"),
        (["nosuchgraph"], 2, "nosuchgraph: no such file"),
        (["nosuchfile.toml"], 1, "nosuchfile.toml: cannot be read"),
        (["rmat:scale=5,edges=60", "--methods", "random"], 1, "has no x"),
    ):
        assert wis_bench("serve", *given, "--results", "no.jsonl") == code
        err = capsys.readouterr().err
        assert words in err
        assert "Traceback" not in err
    assert not (tmp_path / "no.jsonl").exists()
