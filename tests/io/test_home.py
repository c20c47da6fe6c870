"""A leading ~ is the home folder, in quotes and in Python too, wherever a path is given."""

import os
from pathlib import Path

import pytest

import wis
from wis import UndirectedGraph, datasets
from wis.base.checks import user_path
from wis.graph.partitions import resolve_partitions
from wis.io import read_graph, read_pairs, write_graph
from wis_cli.main import run


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(folder))
    yield folder
    assert os.listdir() == [], "no folder of the name ~"


def test_in_python(home):
    data = datasets.load("karate")
    assert write_graph(data, "~/a.pt") == home / "a.pt"
    file = read_graph("~/a.pt")
    assert file.data.num_nodes == 34
    order = wis.removal_order(data)
    assert order.save("~/a.order.npz") == home / "a.order.npz"
    assert wis.RemovalOrder.load("~/a.order.npz").num_edges == 78
    (home / "pairs.csv").write_text("0,1\n")
    assert read_pairs("~/pairs.csv", file).tolist() == [[0], [1]]
    (home / "parts.json").write_text("[[0, 1]]")
    assert len(resolve_partitions("~/parts.json", UndirectedGraph.from_any(data))) == 1
    assert user_path("a~/b") == Path("a~/b")


@pytest.mark.parametrize(
    ("command", "written"),
    [
        (["sparsify", "karate", "--remove", "1", "-o", "~/a.pt"], "a.pt"),
        (["sparsify", "karate", "--remove", "1", "-o", "~/a.pt", "--save-order=~/o.npz"], "o.npz"),
        (["sparsify", "~/g.csv", "--remove", "1"], "g-sparse.csv"),
        (["sparsify", "~/g.csv", "--protect", "~/p.csv", "--remove", "1", "-o", "~/b.pt"], "b.pt"),
        (["walk-index", "karate", "--subset", "@~/p.txt", "--walk-length", "1"], None),
        (["order", "~/g.csv", "-o", "~/o.npz"], "o.npz"),
        (["sparsify", "karate", "--remove", "1", "-o", "~/a.pt", "--plot", "~/a.png"], "a.png"),
    ],
)
def test_on_the_command_line(command, written, home, capsys):
    (home / "g.csv").write_text("0,1\n1,2\n")
    (home / "p.csv").write_text("0,1\n")
    (home / "p.txt").write_text("0\n1\n")
    assert run(command) == 0, capsys.readouterr().err
    assert written is None or (home / written).exists()


def test_an_error_names_the_file_itself(home, capsys):
    assert run(["inspect", "~/none.csv"]) == 1
    assert f"{home}/none.csv: no such file" in capsys.readouterr().err
