"""`wis verify`: how many steps are checked, and what the line says of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from wis.order import RemovalOrder
from wis_cli.main import run

GRAPH = "barabasi-albert:n=100,degree=3,seed=1"


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def made(*options):
    assert run(["order", GRAPH, "-o", "order.npz", *options]) == 0


def line_of(capsys, *options, exit_code=0):
    capsys.readouterr()
    assert run(["verify", GRAPH, "order.npz", *options]) == exit_code
    return capsys.readouterr().err


def record_of(capsys, *options):
    capsys.readouterr()
    assert run(["verify", GRAPH, "order.npz", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_sample_and_all_steps_say_how_many_steps_were_checked(capsys):
    made("--walk-length", "2")
    m = len(RemovalOrder.load("order.npz"))
    assert m > 256
    line = line_of(capsys)
    assert f"a sample of 32 of {m} steps is greedy" in line
    assert f"Not covered: the other {m - 32} steps" in line
    assert f"a sample of 7 of {m} steps is greedy" in line_of(capsys, "--sample", "7")
    assert "drawn with seed 5" in line_of(capsys, "--sample", "7", "--seed", "5")
    whole = line_of(capsys, "--all-steps")
    assert f"all {m} steps are greedy" in whole
    assert "Not covered" not in whole
    record = record_of(capsys, "--sample", "9", "--seed", "3")
    assert (record["num_checked"], record["num_steps"], record["sample_seed"]) == (9, m, 3)
    assert record["not_covered"]
    assert record["certifies_nothing"] is None


@pytest.mark.parametrize(
    "options", [("--all-steps", "--sample", "3"), ("--sample", "0"), ("--sample", "x")]
)
def test_impossible_samples_are_usage_errors(options, capsys):
    made()
    line_of(capsys, *options, exit_code=2)


@pytest.mark.parametrize(
    ("options", "nothing"),
    [
        (("--batch-size", "1000"), "batch_size=1000 puts all"),
        (("--epsilon", "100"), "under epsilon=100 any edge may go"),
        (("--batch-size", "1000", "--walk-length", "2"), "batch_size=1000 puts all"),
    ],
)
def test_options_that_certify_nothing_are_named(options, nothing, capsys):
    made(*options)
    assert f"certifies nothing about greediness: {nothing}" in line_of(capsys, "--all-steps")
    assert nothing in record_of(capsys)["certifies_nothing"]
    order = RemovalOrder.load("order.npz")
    shuffled = order.edges[:, np.random.default_rng(0).permutation(len(order))]
    RemovalOrder(shuffled, order.num_nodes, order.num_edges, order.provenance).save("order.npz")
    assert "step 1 " in line_of(capsys, "--all-steps", exit_code=1)


def test_order_of_arcs_is_checked_at_a_sample_too(capsys):
    made("--directed", "--walk-length", "3")
    assert "of arcs" in line_of(capsys, "--sample", "2")


CANNOT_BE_COUNTED = [("wis", 61), ("wis", 1000), ("wis", 10**30), ("gwis", 1001), ("gwis", 10**30)]


@pytest.mark.parametrize(("method", "length"), CANNOT_BE_COUNTED)
@pytest.mark.parametrize("flags", [(), ("--directed",)])
def test_a_walk_length_that_cannot_be_counted_is_one_line(method, length, flags, capsys):
    words = ["order", "karate", "--method", method, f"--walk-length={length}", "-o", "x", *flags]
    code = run(words)
    line = capsys.readouterr().err
    assert (code, line.count("\n")) == (2, 1)
    assert "walk" in line


@pytest.mark.parametrize("method", ["wis", "gwis"])
def test_an_order_that_claims_such_a_walk_length_is_one_line(method, capsys):
    made("--method", method, "--walk-length", "2", "--count", "3")
    order = RemovalOrder.load("order.npz")
    options = {**order.provenance.options, "walk_length": 10**30}
    replace(order, provenance=replace(order.provenance, options=options)).save("order.npz")
    line = line_of(capsys, exit_code=2)
    assert line.count("\n") == 1
    assert "walk_length" in line
