"""`wis theory`: examples, numbers against the library, pictures, refusals."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import click
import networkx as nx
import pytest

import wis
from wis.datasets import load
from wis.theory.bounds import SeparationBounds
from wis.theory.figure5_2 import figure5_2
from wis.theory.generic_rank import RankProblem
from wis.theory.typed_graph import TypedGraph
from wis_cli.main import run
from wis_cli.output import emit_json
from wis_cli.theory import theory

TOY = Path(__file__).parents[2] / "datasets" / "toy" / "friends.csv"
OWN = ("bounds", "separation-rank", "tensor-network", "figure5_2", "preserved", "influence")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(TOY, tmp_path / "friends.csv")


def output_json(capsys, *args):
    assert run(["theory", *args, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_json_has_null_for_infinity_and_nan(capsys):
    emit_json({"log": -math.inf, "shares": [(math.nan, 1.5)]})
    assert json.loads(capsys.readouterr().out) == {"log": None, "shares": [[None, 1.5]]}


def error_line(capsys, *args, exit_code=2):
    assert run(["theory", *args]) == exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    return err


def test_theory_alone_prints_its_help(capsys):
    assert run(["theory"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert all(f"  {name} " in out for name in OWN)
    assert "..." not in out.split("Commands:")[1]


@pytest.mark.parametrize("name", OWN)
def test_every_command_explains_itself(name, capsys):
    command = theory.commands[name]
    assert command.help.strip().splitlines()[0].endswith(".")
    assert all(option.help for option in command.params if isinstance(option, click.Option))
    assert run(["theory", name, "--help"]) == 0
    text = capsys.readouterr().out
    assert all(example in text for example in command.examples)


@pytest.mark.parametrize("options", [[], ["--target", "9"], ["--directed"]])
def test_bounds_are_those_of_the_library(options, capsys):
    args = [
        "bounds",
        "karate",
        "--subset",
        "3,0,1",
        "--depth",
        "3",
        "--width",
        "5",
        "--in-dim",
        "2",
    ]
    record = output_json(capsys, *args, *options)
    graph = TypedGraph.from_any(load("karate"), directed="--directed" in options)
    target = 9 if "--target" in options else None
    expected = SeparationBounds(graph, [0, 1, 3], 3, 5, in_dim=2, target=target)
    assert record["subset"] == [0, 1, 3]
    assert record["directed"] == graph.directed
    assert record["upper"]["exponent"] == expected.upper.exponent
    assert record["cut"]["num_hidden_legs"] == expected.cut.num_hidden_legs
    assert math.isclose(record["lower"]["log"], expected.lower.log)
    assert run(["theory", *args, *options]) == 0
    out, err = capsys.readouterr()
    assert f"exponent {expected.upper.exponent}, walk index {expected.walk_index}" in out
    assert all(source in out for source in expected.sources.values())
    number = "10" if "--directed" in options else "7"
    assert f"Theorem {number}, Equation" in expected.sources["upper"]
    assert f"{len(expected.boundary)} vertices on the boundary" in err


def test_bounds_beyond_floats_are_no_number_in_json_but_exact_exponents(capsys):
    line = error_line(capsys, "bounds", "karate", "--subset", "0", "--depth", "900")
    assert "too many to weigh; take a smaller depth" in line


def test_separation_rank_is_that_of_the_library(capsys):
    args = ["separation-rank", "friends.csv", "--subset", "Ada", "--depth", "2", "--width", "2"]
    record = output_json(capsys, *args, "--target", "Bela", "--seed", "3")
    graph = TypedGraph.from_any(wis.UndirectedGraph.from_any(read_friends()))
    expected = RankProblem(SeparationBounds(graph, [0], 2, 2, target=1), seed=3).rank()
    assert record["rank"] == expected.rank
    assert record["is_lower_bound_only"] is False
    assert record["lower_bound"] <= record["log_rank"] <= record["cut_bound"] + 1e-9
    assert record["state"] == "proven"
    assert record["lower"]["count"] <= record["rank"] == record["upper"]["count"]
    assert record["forecast"]["bytes"] >= 0
    whole = ["separation-rank", "karate", "--subset", "0,1,2,3", "--depth", "2", "--width", "2"]
    found = output_json(capsys, *whole)
    assert (found["state"], found["is_lower_bound_only"]) == ("interval", True)
    assert found["lower"]["log"] <= found["log_rank"] < found["upper"]["log"]
    assert run(["theory", *whole]) == 0
    out, err = capsys.readouterr()
    assert out == f">= {found['rank']}\n"
    assert f"between {found['rank']:,} and {found['upper']['count']:,}, with" in err
    assert f"logarithm in [{found['log_rank']:.6g}, {found['upper']['log']:.6g}]" in err
    assert ".;" not in err


def test_a_relu_network_of_rank_1_is_said_not_to_depend_on_the_subset(capsys):
    args = ["theory", "separation-rank", "friends.csv", "--subset", "Ada", "--depth", "1"]
    args += ["--templates", "3", "--width", "2", "--max-side", "27"]
    said = {}
    for model in ("gin", "product-float64"):
        for seed in range(6):
            assert run([*args, "--model", model, "--seed", str(seed)]) == 0
            out, err = capsys.readouterr()
            said[model, seed] = out.split()[-1] == "1", "inactive ReLUs" in err
    assert {note for (model, _), (one, note) in said.items() if model != "gin"} == {False}
    assert all(one == note for (model, _), (one, note) in said.items() if model == "gin")
    assert {note for _, note in said.values()} == {True, False}


def test_figure_5_2_at_the_size_of_table_5_1_is_an_interval_or_proven(capsys):
    args = ["figure5_2", "--clique", "16", "--depth", "3", "--width", "16"]
    rows = output_json(capsys, *args)["partitions"]
    assert [row["measured"]["state"] for row in rows] == ["interval"] * 2 + ["proven"] * 2
    assert run(["theory", *args]) == 0
    out, err = capsys.readouterr()
    assert "113.455 to 153.744" in out
    assert "I1, graph: an interval. A matrix that settles it has more rows than fit" in err


def test_what_would_take_hours_is_refused_unless_forced(capsys, monkeypatch):
    from wis.theory import forecasts

    args = ["figure5_2", "--clique", "3", "--depth", "3", "--width", "3"]
    line = error_line(capsys, *args, "--max-side", "200000")
    assert "this would take at most about" in line
    assert "--force-size" in line
    monkeypatch.setattr(forecasts, "LONGEST_S", 0.0)
    small = ["figure5_2", "--clique", "3"]
    assert "--force-size" in error_line(capsys, *small)
    assert run(["theory", *small, "--force-size"]) == 0
    capsys.readouterr()
    small = ["separation-rank", "friends.csv", "--subset", "Ada", "--depth", "1", "--model", "gin"]
    assert "--force-size" in error_line(capsys, *small, "--templates", "2")


def read_friends():
    from wis.io import read_graph

    return read_graph("friends.csv").data


@pytest.mark.parametrize("model", ["product-float64", "gcn", "gin"])
def test_models_in_float64_give_a_spectrum_and_say_what_it_is(model, capsys):
    args = [
        "separation-rank",
        "friends.csv",
        "--subset",
        "Ada,Bela",
        "--depth",
        "1",
        "--width",
        "3",
    ]
    args += ["--model", model, "--max-side", "16", "--templates", "3", "--json"]
    args += ["--plot", "s.png"] if model == "gin" else []
    assert run(["theory", *args]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    spectrum = record["spectrum"]
    assert record["num_rows"] == 9
    assert record["rank"] == sum(value > record["rtol"] for value in spectrum)
    assert model != "gin" or Path("s.png").stat().st_size > 5000
    kind = "a numerical rank" if model == "product-float64" else "an empirical estimate (ReLU)"
    assert kind in err


def test_tensor_network_is_counted_contracted_drawn_and_written(capsys):
    args = ["tensor-network", "friends.csv", "--depth", "2", "--target", "Ada", "--width", "2"]
    args += ["--subset", "Ada,Bela", "--contract", "--plot", "n.svg", "-o", "n.graphml"]
    record = output_json(capsys, *args)
    assert math.isclose(record["contraction"], record["output_of_network"], rel_tol=1e-9)
    assert nx.read_graphml("n.graphml").number_of_nodes() == record["nodes"]
    assert record["legs"] == record["nodes"] - 1
    assert Path("n.svg").exists()
    graph = TypedGraph.from_any(read_friends())
    cut = SeparationBounds(graph, [0, 1], 2, 2, target=0).cut
    assert math.isclose(record["log_of_least_cut"], cut.log_weight)


def test_counts_of_very_many_digits_are_rounded_in_the_table_only(capsys):
    args = ["tensor-network", "friends.csv", "--depth", "60"]
    exact = output_json(capsys, *args)["nodes"]
    assert exact > 10**24
    assert run(["theory", *args]) == 0
    shown = capsys.readouterr().out.splitlines()[0].split()
    assert shown[1].startswith("~")
    assert math.isclose(float(shown[1][1:]), exact, rel_tol=1e-3)


def test_the_witness_of_the_lower_bound_has_the_rank_of_its_multiset_coefficient(capsys):
    args = ["bounds", "friends.csv", "--subset", "Ada", "--depth", "2", "--width", "2", "--witness"]
    record = output_json(capsys, *args)
    assert math.isclose(math.log(record["witness_rank"]), record["lower"]["multiset_log"])
    assert run(["theory", *args]) == 0
    assert f"has rank {record['witness_rank']}" in capsys.readouterr().err


def test_figure_5_2_prints_both_partitions_for_both_tasks(capsys):
    assert run(["theory", "figure5_2", "--clique", "2", "--plot", "f.png"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    rows = figure5_2(2, 2, 2)
    assert [line[0] for line in lines] == ["I1", "I2", "I1", "I2"]
    assert lines[0][2:4] == [str(rows[0].bounds.walk_index), str(rows[0].measured.rank)]
    assert Path("f.png").stat().st_size > 10_000
    record = output_json(capsys, "figure5_2", "--clique", "3", "--max-side", "20")
    assert record["partitions"][1]["measured"]["is_lower_bound_only"] is True
    assert record["partitions"][1]["measured"]["rank"] == 20


def test_preserved_compares_saved_orders_or_the_four_methods(capsys):
    wis.removal_order(read_friends(), walk_length=2).save("mine.order.npz")
    args = ["preserved", "friends.csv", "--max-partitions", "2", "--depth", "2"]
    record = output_json(capsys, *args, "--order", "mine.order.npz", "--plot", "p.png")
    assert {row["method"] for row in record["rows"]} == {"mine.order"}
    assert len(record["rows"]) == 11
    assert record["num_partitions"] == 2
    assert Path("p.png").stat().st_size > 10_000
    rows = output_json(capsys, *args)["rows"]
    assert {row["method"] for row in rows} == {"1-WIS", "2-WIS", "random", "spectral"}
    twice = [row for row in rows if row["method"] == "2-WIS"]
    assert [row["cut"] for row in twice] == [row["cut"] for row in record["rows"]]


def test_preserved_draws_partitions_by_the_seed_and_leaves_out_what_takes_no_arcs(capsys):
    args = ["preserved", "karate", "--depth", "1", "--directed", "--max-partitions", "3"]
    assert run(["theory", *args, "--json"]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert record["partitions"] == "3 of 34 singletons"
    assert {row["method"] for row in record["rows"]} == {"1-WIS", "2-WIS", "random"}
    assert "Note: 3 of 34 partitions are sampled" in err
    assert "Note: spectral is left out: it does not accept directed graphs" in err


def test_preserved_measures_all_partitions_and_shows_that_wis_keeps_the_smallest(capsys):
    record = output_json(capsys, "preserved", "karate")
    assert (record["partitions"], record["num_partitions"]) == ("singletons", 34)
    half = {row["method"]: row for row in record["rows"] if row["fraction"] == 0.5}
    assert half["2-WIS"]["walk_index"] > half["1-WIS"]["walk_index"] > half["random"]["walk_index"]
    assert half["1-WIS"]["smallest_walk_index"] == half["2-WIS"]["smallest_walk_index"] == 1
    assert half["random"]["smallest_walk_index"] == half["spectral"]["smallest_walk_index"] == 0


def test_the_table_of_a_sample_says_so(capsys):
    assert run(["theory", "preserved", "karate", "--depth", "1", "--max-partitions", "10"]) == 0
    out, err = capsys.readouterr()
    assert "karate: 10 partitions drawn at random (10 of 34 singletons), depth 1" in err
    lines = out.splitlines()
    assert "SAMPLE" in lines[0]
    assert all(line.split()[3] == "10/34" for line in lines[1:])


def test_preserved_has_no_shares_of_nothing(capsys):
    wis.removal_order(read_friends()).save("mine.npz")
    args = ["preserved", "friends.csv", "--depth", "1", "--width", "1", "--order", "mine.npz"]
    assert output_json(capsys, *args)["rows"][0]["cut"] is None
    assert run(["theory", *args]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-2:] == ["-", "-"]


def test_preserved_refuses_before_it_computes_orders(capsys, monkeypatch):
    monkeypatch.setattr(wis, "removal_order", None)
    line = error_line(capsys, "preserved", "friends.csv", "--depth", str(10**9))
    assert "times the longest allowed" in line


def test_preserved_takes_no_directed_orders_among_others(capsys):
    for directed in (False, True):
        order = wis.removal_order(load("karate"), directed=directed)
        order.save(f"{directed}.npz")
    args = ["preserved", "karate", "--order", "False.npz", "--order", "True.npz"]
    assert "some of the orders are of directed graphs" in error_line(capsys, *args)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["bounds", "karate", "--subset", "0,99", "--depth", "2"], "no vertex '99'"),
        (["bounds", "karate", "--subset", "0,0", "--depth", "2"], "given twice"),
        (["bounds", "karate", "--subset", "0", "--depth", "0"], "0 is not in the range x>=1"),
        (["bounds", "karate", "--subset", "0", "--depth", "2", "--target", "x"], "--target: no"),
        (["bounds", "karate", "--depth", "2"], "Missing option '--subset'"),
        (["bounds", "-", "--subset", "@-", "--depth", "2"], "cannot both be standard input"),
        (["bounds", "karatee", "--subset", "0", "--depth", "2"], "Did you mean 'karate'?"),
        (
            ["bounds", "karate", "--subset", "0", "--depth", "2", "--admissible", "chain"],
            "the graph is not a chain",
        ),
        (
            ["bounds", "karate", "--subset", "0", "--depth", "2", "--plot", "x.gif"],
            "unknown picture format '.gif'",
        ),
        (
            ["separation-rank", "karate", "--subset", "0", "--depth", "2", "--model", "gat"],
            "'gat' is not one of",
        ),
        (
            ["tensor-network", "karate", "--depth", "4", "--contract"],
            "would have 204968 nodes, more than max_nodes = 20000",
        ),
        (["tensor-network", "karate", "--depth", "1", "-o", "x.txt"], "is saved as .graphml"),
        (["figure5_2", "--clique", "1"], "1 is not in the range x>=2"),
        (["figure5_2", "--target", "6"], "target is 6, which is not a vertex id"),
        (["preserved", "karate", "--partitions", "nothing"], "unknown"),
        (["preserved", "karate", "--order", "x.npz", "--directed"], "is for computed orders"),
    ],
)
def test_bad_usage_is_one_line(args, message, capsys):
    assert message in error_line(capsys, *args)


def test_nothing_is_overwritten_and_missing_orders_are_named(capsys):
    Path("x.png").write_text("mine")
    args = ["bounds", "karate", "--subset", "0", "--depth", "2", "--plot", "x.png"]
    assert "--force" in error_line(capsys, *args, exit_code=1)
    assert Path("x.png").read_text() == "mine"
    line = error_line(capsys, "preserved", "karate", "--order", "gone.npz", exit_code=1)
    assert "gone.npz: no such file" in line


def test_numbers_that_no_memory_holds_are_one_line_and_exit_code_2(capsys):
    command = "theory separation-rank karate --subset 0,1 --depth 2 --width 10000000 --model gcn"
    assert run(command.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert line.startswith("Error: there is not enough memory")


def test_influence_gives_rows_a_verdict_and_a_picture_and_goes_on_where_it_stopped(capsys):
    small = ("--seeds", "1", "--epochs", "2", "--samples", "4", "--rows", "rows.jsonl")
    found = output_json(capsys, "influence", "karate", *small, "--plot", "influence.svg")
    assert Path("influence.svg").stat().st_size > 1000
    assert len(found["rows"]) == 1 + 6 * 3
    assert found["num_groups"] == 3
    whole, *cuts = found["rows"]
    assert (whole["method"], whole["walk_index"]) == ("whole graph", 1.0)
    assert all(0 <= row["walk_index"] < 1 for row in cuts)
    lines = Path("rows.jsonl").read_text().splitlines()
    Path("rows.jsonl").write_text("\n".join(lines[:7]) + "\n")
    assert output_json(capsys, "influence", "karate", *small) == found
    assert Path("rows.jsonl").read_text().splitlines() == lines
    (claim,) = found["claims"]
    assert (claim["name"], claim["state"]) == ("influence-follows", found["verdict"])
    assert run(["bench", "table", "rows.jsonl"]) == 0
    assert capsys.readouterr().out.startswith("influence on karate")
    old = ("type", "kind", "recipe", "key", "status")
    bare = [{k: v for k, v in json.loads(line).items() if k not in old} for line in lines]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in bare))
    assert output_json(capsys, "influence", "karate", *small) == found
    Path("rows.jsonl").write_text("{}\n")
    error = error_line(capsys, "influence", "karate", "--rows", "rows.jsonl", exit_code=1)
    assert "rows.jsonl line 1 is no row" in error
