"""`wis sparsify` and `wis order` with UGS, which needs more than a graph."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

import wis
from wis.datasets import load
from wis.io import read_graph
from wis_cli.main import run

TOY = Path(__file__).parents[2] / "datasets" / "toy" / "friends.csv"
QUICK = {"epochs_per_round": 2, "round_fraction": 0.5, "width": 8, "depth": 2}
FLAGS = ["--method", "ugs", *(f"--option={name}={value}" for name, value in QUICK.items())]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def names():
    return sorted(path.name for path in Path().iterdir())


def line_of_failure(capsys, args, exit_code):
    """Run, expect that exit code, one line on stderr and no new file; return the line."""
    before = names()
    assert run(args) == exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert names() == before
    return err


def test_sparsify_is_that_of_the_python_api_and_tells_all_options(capsys):
    args = ["--remove", "40%", "--seed", "3", "--option", "l1=0.5", "--json"]
    assert run(["sparsify", "digits:neighbors=3", *args, *FLAGS]) == 0
    record = json.loads(capsys.readouterr().out)
    data = load("digits:neighbors=3")
    order = wis.removal_order(data, "ugs", seed=3, l1=0.5, **QUICK)
    assert record["options"] == dict(order.provenance.options)
    assert {"l1": 0.5, "model": "gcn", "learning_rate": 1e-3}.items() <= record["options"].items()
    found = read_graph("digits-neighbors-3-sparse.pt").data
    assert torch.equal(found.edge_index, order.apply(data, remove="40%").edge_index)


def test_order_keeps_its_checkpoint_and_goes_on_from_it(capsys):
    args = ["order", "digits:neighbors=3", *FLAGS, "--option", "checkpoint=ugs.checkpoint"]
    assert run([*args, "--count", "10", "-o", "short.npz"]) == 0
    assert run([*args, "-o", "whole.npz"]) == 0
    assert names() == ["short.npz", "ugs.checkpoint", "whole.npz"]
    short, whole = wis.RemovalOrder.load("short.npz"), wis.RemovalOrder.load("whole.npz")
    assert (len(short), len(whole)) == (10, whole.num_edges)
    assert torch.equal(whole.edges[:, :10], short.edges)
    again = ["--option", "l1=0.5", "--force", "-o", "whole.npz"]
    capsys.readouterr()
    line = line_of_failure(capsys, [*args, *again], 1)
    assert "ugs.checkpoint: is the checkpoint of a run with another configuration" in line


def test_a_graph_without_what_ugs_needs_is_refused(capsys):
    shutil.copy(TOY, "friends.csv")
    line = line_of_failure(capsys, ["sparsify", "friends.csv", "--remove", "1", *FLAGS], 1)
    assert "method 'ugs' trains a network, so it needs data.x, which is missing" in line
    line = line_of_failure(capsys, ["sparsify", "karate", "--remove", "1", *FLAGS], 1)
    assert "needs data.train_mask, which is missing" in line


def test_impossible_options_are_bad_usage(capsys):
    args = ["sparsify", "digits", "--remove", "1", "--method", "ugs", "--option"]
    line = line_of_failure(capsys, [*args, "epochs_per_round=many"], 2)
    assert "epochs_per_round is 'many'; expected an integer, 1 or more" in line


def test_methods_says_what_ugs_needs(capsys):
    assert run(["methods"]) == 0
    assert "needs x, y, train_mask and val_mask" in " ".join(capsys.readouterr().out.split())
