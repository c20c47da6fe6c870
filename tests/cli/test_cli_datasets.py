"""Data sets on the command line: a name instead of a file, and what `wis datasets` tells."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import click
import pytest
import torch
from raw_datasets import MINIATURES

from wis.datasets import available_datasets, find, load
from wis.io import read_graph
from wis_cli.graphs import complete_dataset
from wis_cli.main import run

FETCH = Path(__file__).parents[2] / "datasets" / "fetch.py"


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WIS_DATA_ROOT", raising=False)
    monkeypatch.setenv("WIS_CACHE_DIR", str(tmp_path / "cache"))
    MINIATURES["chameleon"](tmp_path / "data")
    return tmp_path / "data"


def json_of(capsys, *args):
    assert run([*args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def error_of(capsys, *args, exit_code):
    assert run(list(args)) == exit_code
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert "Traceback" not in captured.err
    return lines[0]


def test_a_data_set_can_be_inspected_and_sparsified_by_its_name(capsys, root):
    data = load("chameleon", root=root)
    facts = json_of(capsys, "inspect", "chameleon", "--data-root", str(root))
    assert (facts["num_nodes"], facts["num_edges"]) == (40, data.num_edges // 2)
    args = ["sparsify", "chameleon", "--remove", "50%", "--method", "random"]
    record = json_of(capsys, *args, "--data-root", str(root))
    sparse = read_graph("chameleon-sparse.pt").data
    assert sparse.num_edges == 2 * record["num_edges_after"]
    assert torch.equal(sparse.x, data.x)
    assert torch.equal(sparse.val_mask, data.val_mask)


def test_the_data_root_may_come_from_the_environment(capsys, root, monkeypatch):
    monkeypatch.setenv("WIS_DATA_ROOT", str(root))
    facts = json_of(capsys, "inspect", "chameleon:split=public,seed=3")
    assert facts["num_nodes"] == 40


@pytest.mark.parametrize(
    "command",
    [
        ["order", "chameleon", "-o", "c.npz"],
        ["walk-index", "chameleon", "--subset", "0,3", "--walk-length", "2"],
    ],
)
def test_every_command_that_takes_a_graph_takes_a_data_set(command, root):
    assert run([*command, "--data-root", str(root)]) == 0


def test_an_order_of_a_data_set_can_be_verified(root):
    assert run(["order", "chameleon", "-o", "c.npz", "--data-root", str(root)]) == 0
    assert run(["verify", "chameleon", "c.npz", "--data-root", str(root)]) == 0


def test_a_folder_of_the_same_name_does_not_hide_a_data_set_but_a_file_does(capsys, root):
    Path("chameleon").mkdir()
    facts = json_of(capsys, "inspect", "chameleon", "--data-root", str(root))
    assert facts["num_nodes"] == 40
    Path("karate").write_text("not a graph")
    assert "karate" in error_of(capsys, "inspect", "karate", exit_code=1)


def test_missing_files_are_one_line_and_exit_code_1(capsys, root):
    line = error_of(capsys, "inspect", "dblp", "--data-root", str(root), exit_code=1)
    assert "Put dblp.npz from https://" in line
    assert f"into {root / 'CitationFull/dblp/raw'}" in line
    assert "--data-root" in line


def test_a_damaged_file_is_one_line_and_exit_code_1(capsys, root):
    path = root / "WikipediaNetwork/chameleon/geom_gcn/raw/out1_graph_edges.txt"
    path.write_text("node_id\tnode_id\n0\tone\n")
    line = error_of(capsys, "inspect", "chameleon", "--data-root", str(root), exit_code=1)
    assert "damaged or not in the expected format" in line


def test_a_data_root_is_of_no_use_for_a_file(capsys):
    Path("g.csv").write_text("0,1\n")
    line = error_of(capsys, "inspect", "g.csv", "--data-root", ".", exit_code=2)
    assert "--data-root is for data sets; 'g.csv' is a file." in line


def test_options_for_reading_files_are_refused_for_a_data_set(capsys, root):
    args = ["inspect", "chameleon", "--num-nodes", "50", "--data-root", str(root)]
    assert "--num-nodes is for files" in error_of(capsys, *args, exit_code=2)


def test_a_closest_name_is_offered(capsys):
    assert "Did you mean 'citeseer'?" in error_of(capsys, "inspect", "citeser", exit_code=2)


def test_the_list_says_what_is_there_and_how_large_it_is(capsys, root):
    (root / "WikipediaNetwork/squirrel/geom_gcn/raw").mkdir(parents=True)
    (root / "WikipediaNetwork/squirrel/geom_gcn/raw/out1_graph_edges.txt").touch()
    assert run(["datasets", "--data-root", str(root)]) == 0
    captured = capsys.readouterr()
    rows = [line for line in captured.out.splitlines()[1:] if not line.startswith(" ")]
    lines = {row.split()[0]: row for row in rows}
    assert set(lines) == {dataset.name for dataset in available_datasets()}
    assert "  yes " in lines["chameleon"]
    assert "  in part " in lines["squirrel"]
    assert "  no " in lines["cora"]
    assert "  built in " in lines["karate"]
    assert "2,277" in lines["chameleon"]
    assert "31,371" in lines["chameleon"]
    assert str(root) in captured.err


def test_the_list_as_json_has_sizes_sources_and_missing_files(capsys, root):
    record = json_of(capsys, "datasets", "--data-root", str(root))
    assert record["data_root"] == str(root)
    rows = record["datasets"]
    assert rows["chameleon"]["present"] is True
    assert rows["chameleon"]["table_d1"] == [2277, 31396]
    assert rows["karate"]["present"] is True
    assert rows["karate"]["folder"] is None
    cora = rows["cora"]
    assert (cora["present"], cora["num_nodes"], cora["num_edges"]) == (False, 2708, 5278)
    assert cora["source"] == "PyG Planetoid"
    assert len(cora["missing"]) == len(cora["urls"]) == 8
    assert cora["missing"][0] == str(root / "Planetoid/Cora/raw/ind.cora.x")


@pytest.mark.parametrize("name", [dataset.name for dataset in available_datasets("no data root")])
def test_one_data_set_is_described_with_the_files_it_lacks(name, capsys, root):
    assert run(["datasets", name, "--data-root", str(root)]) == 0
    out = capsys.readouterr().out
    dataset = find(name)
    assert dataset.spec in out
    assert dataset.summary in out
    for path in dataset.missing(root):
        assert f"missing: {path}\n" in out
    if dataset.files is not None:
        assert dataset.files.licence in out
        assert dataset.files.origin in out
    assert ("Table D.1" in out) == (dataset.table_d1 is not None)


def test_an_unknown_name_lists_the_known_ones(capsys):
    assert "known: actor, amazon-ratings, " in error_of(capsys, "datasets", "nothing", exit_code=2)


def test_names_are_completed():
    context = click.Context(click.Command("datasets"))
    names = complete_dataset(context, click.Argument(["name"]), "c")
    assert names == ["cora", "chameleon", "computers", "citeseer", "csbm"]


def fetch(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["fetch.py", *args])
    with pytest.raises(SystemExit) as done:
        runpy.run_path(str(FETCH), run_name="__main__")
    return done.value.code


def test_the_script_fetches_what_is_missing_and_says_what_it_could_not(capsys, monkeypatch, root):
    assert fetch(monkeypatch, "chameleon", "karate", "--data-root", str(root)) == 0
    assert f"chameleon: 12 files below {root}" in capsys.readouterr().out
    assert fetch(monkeypatch, "--all", "--data-root", str(root)) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [f"chameleon: 12 files below {root}"]
    assert len(captured.err.splitlines()) == len(MINIATURES) - 1
    assert fetch(monkeypatch, "nothing") == 2
    assert fetch(monkeypatch) == 2
