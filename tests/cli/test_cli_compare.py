"""`wis compare`: two graphs from files or by name, matched by vertex."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wis_cli.main import run


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def sparsified(graph, out, *options):
    assert run(["sparsify", graph, "--remove", "50%", "-o", out, *options]) == 0


def test_the_table_goes_to_stdout_and_the_account_to_stderr(capsys):
    sparsified("karate", "half.pt")
    capsys.readouterr()
    assert run(["compare", "karate", "half.pt", "--plot", "half.png"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("34 vertices, undirected")
    assert ["edges", "78", "39", "-50.0%"] in [line.split() for line in out.splitlines()]
    assert err.startswith("karate and half.pt: compared in ")
    assert len(err.splitlines()) == 1
    assert Path("half.png").read_bytes().startswith(b"\x89PNG")


def test_json_is_one_object_with_the_settings(capsys):
    sparsified("karate", "half.pt", "--directed")
    capsys.readouterr()
    options = ["--directed", "--widths", "34,16,2", "--walk-lengths", "3", "--seed", "7"]
    assert run(["compare", "karate", "half.pt", "--json", *options]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["before_graph"], record["after_graph"]) == ("karate", "half.pt")
    assert record["settings"] == {
        "seed": 7, "sample": 1000, "walk_lengths": [3], "widths": [34, 16, 2],
    }  # fmt: skip
    assert record["after"]["edges"]["value"] == 78
    assert record["after"]["multiply_adds_layer_2"]["value"] == 34 * 16 * 2 + (78 + 34) * 2


def test_names_match_vertices_whatever_their_order_and_isolated_ones_are_found_again(capsys):
    Path("before.csv").write_text("a,b\nc,d\na,c\ne,a\n")
    Path("after.csv").write_text("d,c\nc,a\n")
    assert run(["compare", "before.csv", "after.csv", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["num_nodes"] == 5
    assert record["after"]["isolated"]["value"] == 2


def test_a_list_of_numbers_has_the_vertices_of_the_graph_before(capsys):
    Path("before.csv").write_text("0,1\n1,2\n2,3\n")
    Path("after.csv").write_text("0,1\n")
    assert run(["compare", "before.csv", "after.csv", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["num_nodes"], record["after"]["isolated"]["value"]) == (4, 2)


@pytest.mark.parametrize(
    ("args", "words", "code"),
    [
        (["karate", "les-miserables"], "34 vertices and the one after 77", 1),
        (["before.csv", "other.csv"], "has a vertex 'z' that before.csv lacks", 1),
        (["karate", "nothing"], "unknown graph 'nothing'", 2),
        (["karate", "karate", "--widths", "a,b"], "expected integers with commas", 2),
        (["karate", "karate", "--widths", "64"], "at least 2 integers", 2),
        (["karate", "karate", "--sample", "3"], "x>=10", 2),
        (["karate", "karate", "--plot", "x.bmp"], "unknown picture format", 2),
        (["karate", "karate", "--plot", "there.png"], "exists; pass --force", 1),
    ],
)
def test_bad_input_is_one_line(args, words, code, capsys):
    Path("before.csv").write_text("a,b\nb,c\n")
    Path("other.csv").write_text("a,z\n")
    Path("there.png").write_text("")
    assert run(["compare", *args]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1
