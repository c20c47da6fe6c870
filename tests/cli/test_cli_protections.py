"""`--keep-connected`, `--min-degree` and `--protect`: the Python API, and edges read from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import wis
from wis.datasets import load
from wis.graph import UndirectedGraph
from wis.io import read_graph, read_pairs, write_graph
from wis_cli.main import run


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def result(capsys, *args):
    """Run, expect success; return the JSON object and the line on stderr."""
    assert run([*args, "--json"]) == 0
    out, err = capsys.readouterr()
    return json.loads(out), err


def failure(capsys, *args):
    """Run, expect bad data; return the line on stderr."""
    before = sorted(Path().iterdir())
    assert run(list(args)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert sorted(Path().iterdir()) == before
    return err


def test_sparsify_is_the_python_api_and_tells_the_protections(capsys):
    Path("stay.txt").write_text("0 1\n33 32\n")
    flags = ["--keep-connected", "--min-degree", "2", "--protect", "stay.txt"]
    record, err = result(capsys, "sparsify", "karate", "--remove", "30", *flags)
    data = load("karate")
    protections = {"keep_connected": True, "min_degree": 2, "protect": [(0, 1), (32, 33)]}
    expected = wis.sparsify(data, remove=30, **protections)
    assert torch.equal(read_graph("karate-sparse.pt").data.edge_index, expected.edge_index)
    num_removable = len(wis.removal_order(data, **protections))
    assert record["protections"] == {
        "keep_connected": True,
        "min_degree": 2,
        "num_protected": 2,
        "num_removable": num_removable,
    }
    told = f" with keep_connected, min_degree=2, 2 protected edges ({num_removable} can go) in "
    assert told in err


def test_order_saves_what_can_go_and_is_cut_and_verified_like_any_other(capsys):
    record, err = result(capsys, "order", "karate", "-o", "order.npz", "--keep-connected")
    # by hand: 34 vertices in one component, so that 33 of 78 edges stay
    assert (record["num_ranked"], record["num_edges"]) == (45, 78)
    assert record["protections"]["num_removable"] == 45
    assert err.startswith("karate: ranked 45 of 78 edges by wis with keep_connected (45 can go) in")
    cut, _ = result(capsys, "sparsify", "karate", "--order", "order.npz", "--remove", "45")
    assert cut["protections"]["keep_connected"]
    graph = UndirectedGraph.from_any(read_graph("karate-sparse.pt").data)
    assert (graph.num_edges, int(graph.degree.min())) == (33, 1)
    verified, err = result(capsys, "verify", "karate", "order.npz")
    assert (verified["greedy"], verified["check"]) == (True, "certificate")
    assert err.startswith(
        "order.npz: all 45 steps are greedy among the edges that may go for wis ("
    )
    assert "with keep_connected; " in err


def test_verify_of_an_unprotected_order_is_a_certificate(capsys):
    result(capsys, "order", "karate", "-o", "order.npz")
    assert result(capsys, "verify", "karate", "order.npz")[0]["check"] == "certificate"


def test_save_order_saves_what_can_go(capsys):
    args = ["sparsify", "karate", "--remove", "1", "--save-order", "order.npz", "--keep-connected"]
    assert run(args) == 0
    assert len(wis.RemovalOrder.load("order.npz")) == 45


def test_more_than_can_go_is_one_line_with_the_number(capsys):
    args = ["sparsify", "karate", "--remove", "46", "--keep-connected"]
    told = "only 45 of 78 edges can go with keep_connected; 46 were asked for"
    assert told in failure(capsys, *args)
    assert told in failure(capsys, *args, "--save-order", "order.npz")
    assert told in failure(
        capsys, "order", "karate", "-o", "o.npz", "--count", "46", "--keep-connected"
    )
    run(["order", "karate", "-o", "order.npz", "--keep-connected"])
    capsys.readouterr()
    assert told in failure(capsys, "sparsify", "karate", "--order", "order.npz", "--remove", "46")


def test_names_of_an_embedded_graph_and_of_a_file_are_found(capsys):
    Path("stay.csv").write_text("Javert,Valjean\nFantine,Valjean\n")
    write_graph(load("les-miserables"), "lesmis.tsv", dropped=[])
    for name in ("les-miserables", "lesmis.tsv"):
        out = f"{name}.order.npz"
        result(capsys, "order", name, "--protect", "stay.csv", "-o", out)
        assert len(wis.RemovalOrder.load(out)) == 252


def test_relabelled_numbers_are_names(capsys):
    Path("far.csv").write_text("1000000,7\n7,9\n9,1000000\n")
    Path("stay.csv").write_text("9,1000000\n7,1000000\n")
    args = ["order", "far.csv", "--relabel", "--protect", "stay.csv", "-o", "order.npz"]
    result(capsys, *args)
    # by hand: the vertices are 0 = 7, 1 = 9, 2 = 1000000
    assert wis.RemovalOrder.load("order.npz").edges.tolist() == [[0], [1]]


@pytest.mark.parametrize(
    "name", ["stay.csv", "stay.txt.gz", "stay.mtx", "stay.pt", "stay.edgelist"]
)
def test_protected_edges_come_in_any_format(name, capsys):
    data = load("karate")
    listed = data.clone()
    listed.edge_index, listed.edge_weight = data.edge_index[:, :4], data.edge_weight[:4]
    write_graph(listed, name, dropped=[])
    pairs = read_pairs(name, read_graph(name).with_data(data))
    assert pairs.T.sort().values.unique(dim=0).tolist() == (
        data.edge_index[:, :4].T.sort().values.unique(dim=0).tolist()
    )
    result(capsys, "order", "karate", "--protect", name, "-o", "order.npz")
    assert len(wis.RemovalOrder.load("order.npz")) == 74


@pytest.mark.parametrize(
    ("graph", "text", "words"),
    [
        ("karate", "0 1\n0 33\n", "stay.txt: 0 - 33 is no edge of the graph"),
        ("karate", "0 34\n", "the graph has no vertex '34'; its 34 vertices are numbered from 0"),
        ("karate", "0 -1\n", "the graph has no vertex '-1'"),
        ("karate", "Anna Bob\n", "the graph has no vertex 'Anna'"),
        ("les-miserables", "Javert Myriel\n", "stay.txt: Javert - Myriel is no edge of the graph"),
        (
            "les-miserables",
            "0 1\n",
            "the graph has no vertex '0'; its 77 vertices have names, such",
        ),
        ("karate", "0\n", "one column"),
    ],
)
def test_pairs_that_do_not_fit_are_one_line(graph, text, words, capsys):
    Path("stay.txt").write_text(text)
    line = failure(capsys, "sparsify", graph, "--remove", "1", "--protect", "stay.txt")
    assert words in line


def test_matrix_larger_than_the_graph_is_refused(capsys):
    data = load("karate")
    data.edge_index = torch.tensor([[0, 40], [1, 41]])
    data.num_nodes = 50
    del data.x, data.y, data.edge_weight
    write_graph(data, "stay.npz", dropped=[])
    line = failure(capsys, "sparsify", "karate", "--remove", "1", "--protect", "stay.npz")
    assert "stay.npz: 40 - 41 is no edge of the graph" in line


def test_both_inputs_cannot_be_standard_input(capsys):
    assert run(["order", "-", "--protect", "-", "-o", "order.npz"]) == 2
    assert "cannot both be standard input" in capsys.readouterr().err
