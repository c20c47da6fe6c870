"""The commands that only look: `wis inspect`, `verify`, `methods`, `datasets`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

import wis
from wis.datasets import available_datasets, load
from wis.methods.registry import METHODS, register
from wis.order import RemovalOrder
from wis_cli.main import run

TOY = Path(__file__).parents[2] / "datasets" / "toy" / "friends.csv"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def output_json(capsys, *args, exit_code=0):
    assert run([*args, "--json"]) == exit_code
    return json.loads(capsys.readouterr().out)


def test_inspect_prints_the_facts(capsys):
    assert run(["inspect", "karate"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "edges              78" in out.splitlines()


def test_inspect_prints_the_facts_as_json(capsys):
    record = output_json(capsys, "inspect", "les-miserables")
    assert (record["input"], record["num_nodes"], record["num_edges"]) == (
        "les-miserables",
        77,
        254,
    )
    assert record["direction"] == "undirected"
    assert record["memory_bytes"] > 0


def test_inspect_reads_files(capsys):
    shutil.copy(TOY, "friends.csv")
    record = output_json(capsys, "inspect", "friends.csv")
    assert (record["num_nodes"], record["num_edges"]) == (10, 14)


def test_num_nodes_is_handed_to_the_reader(capsys):
    Path("two.csv").write_text("0,1\n1,2\n")
    assert output_json(capsys, "inspect", "two.csv", "--num-nodes", "5")["num_isolated"] == 2


@pytest.mark.parametrize(
    ("given", "written"), [("x", "x.npz"), ("x.order", "x.order.npz"), ("x.npz", "x.npz")]
)
def test_ending_of_an_order_is_added_where_it_is_missing(given, written, capsys):
    assert run(["order", "karate", "-o", given, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err.endswith(f"-> {written}\n")
    assert json.loads(out)["output"] == written
    assert [path.name for path in Path().iterdir()] == [written]
    assert run(["order", "karate", "-o", given]) == 1  # it exists, under that name
    assert run(["sparsify", "karate", "--remove", "1", "--save-order", "y", "-o", "z.pt"]) == 0
    assert Path("y.npz").exists()


def test_order_is_not_saved_as_a_graph(capsys):
    assert run(["order", "karate", "-o", "x.csv"]) == 2
    assert "an order is saved as .npz; got 'x.csv'" in capsys.readouterr().err


def test_verify_accepts_what_order_made(capsys):
    run(["order", "karate", "-o", "order.npz"])
    capsys.readouterr()
    assert run(["verify", "karate", "order.npz"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("order.npz: all 78 steps are greedy for wis (")


def test_verify_names_the_first_step_that_is_not_greedy(capsys):
    data = load("karate")
    order = wis.removal_order(data)
    edges = order.edges.flip(1)
    RemovalOrder(edges, order.num_nodes, order.num_edges, order.provenance).save("order.npz")
    assert run(["verify", "karate", "order.npz"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    record = output_json(capsys, "verify", "karate", "order.npz", exit_code=1)
    assert (record["greedy"], record["first_bad_step"]) == (False, 0)
    assert record["first_bad_edge"] == edges[:, 0].tolist()


def test_verify_reports_as_json(capsys):
    run(["order", "karate", "-o", "order.npz", "--count", "9"])
    capsys.readouterr()
    record = output_json(capsys, "verify", "karate", "order.npz")
    assert (record["greedy"], record["num_steps"], record["num_edges"]) == (True, 9, 78)
    assert record["num_checked"] == 9
    assert (record["method"], record["first_bad_step"]) == ("wis", None)


def test_verify_finds_the_partitions_of_an_order_again(capsys):
    args = ["--method", "gwis", "--partitions", "communities", "--walk-length", "2", "--seed", "4"]
    run(["order", "karate", "-o", "order.npz", "--count", "20", *args, "--option", "argmax=sum"])
    capsys.readouterr()
    assert run(["verify", "karate", "order.npz"]) == 0
    assert "all 20 steps are greedy for gwis (argmax=sum" in capsys.readouterr().err
    assert run(["verify", "karate", "order.npz", "--partitions", "balls"]) == 2
    assert "not those that the order was made for" in capsys.readouterr().err


def test_verify_says_that_it_checked_a_sample(capsys, monkeypatch):
    from wis.methods.k_wis import general_certificate

    monkeypatch.setattr(general_certificate, "MAX_CANDIDATES", 300)
    run(["order", "karate", "-o", "order.npz", "--method", "gwis", "--partitions", "cuts"])
    capsys.readouterr()
    record = output_json(capsys, "verify", "karate", "order.npz", "--seed", "2")
    assert record["greedy"]
    assert 0 < record["num_checked"] < record["num_steps"] == 78
    assert run(["verify", "karate", "order.npz"]) == 0
    assert "order.npz: a sample of " in capsys.readouterr().err


def test_verify_refuses_an_order_of_another_graph_and_a_method_without_certificate(capsys):
    run(["order", "karate", "-o", "order.npz"])
    run(["order", "karate", "-o", "random.npz", "--method", "random"])
    capsys.readouterr()
    assert run(["verify", "les-miserables", "order.npz"]) == 1
    assert "compute a new order" in capsys.readouterr().err
    assert run(["verify", "karate", "random.npz"]) == 2
    assert "no certificate" in capsys.readouterr().err


def test_methods_are_those_of_the_table(capsys):
    record = output_json(capsys, "methods")
    assert record["methods"].keys() == wis.available_methods().keys()
    assert record["methods"]["random"]["uses_seed"]
    assert run(["methods"]) == 0
    out = capsys.readouterr().out
    assert all(name in out and line in out for name, line in wis.available_methods().items())


def test_a_method_registered_later_is_on_the_command_line(capsys):
    with METHODS.restored():

        @register("by-id", summary="edges in the order of their ids")
        def by_id(graph, *, count, seed, progress, backwards=False):
            ids = torch.arange(graph.num_edges)
            return (ids.flip(0) if backwards else ids)[:count]

        assert "backwards" in output_json(capsys, "methods")["methods"]["by-id"]["options"]
        args = ["order", "karate", "-o", "order.npz", "--method", "by-id"]
        record = output_json(capsys, *args, "--option", "backwards=true")
    assert record["options"] == {"backwards": True}
    assert wis.RemovalOrder.load("order.npz").edges[:, 0].tolist() == [32, 33]
    assert "by-id" not in wis.available_methods()


def test_datasets_are_those_of_the_table(capsys):
    record = output_json(capsys, "datasets")
    assert list(record["datasets"]) == [dataset.name for dataset in available_datasets()]
    assert run(["datasets"]) == 0
    out = capsys.readouterr().out
    assert all(dataset.spec in out for dataset in available_datasets())
