"""Weights of drawn edges: unbiased, of every form of graph, saved with the order, or refused."""

from __future__ import annotations

import collections
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data, HeteroData

import wis
from wis import datasets
from wis.errors import GraphFormatError, OptionError
from wis.methods.draws import Draws
from wis.testing import assert_same_data, odd_graph
from wis.transforms import Sparsify
from wis_cli.main import run

RATES = np.array([0.1, 0.4, 1.0, 1.0, 2.5, 0.02])
METHODS = {"spectral": {}, "goku": {}, "dspar": {"sample": True}}
each_method = pytest.mark.parametrize("method", METHODS)


def last_removed(draws, keep):
    """The edges that a cut removes which keeps so many."""
    removed = np.ones(draws.rate.size, dtype=bool)
    removed[np.argsort(draws.arrival)[:keep]] = False
    return removed


def drawn_one_by_one(rates, keep, rng):
    """Draw with replacement until another edge than the first `keep` comes; count / (Q p)."""
    counts = collections.Counter()
    while True:
        (edge,) = rng.choices(range(len(rates)), rates)
        if len(counts) == keep and edge not in counts:
            total, drawn = sum(rates), sum(counts.values())
            return {e: count / (drawn * rates[e] / total) for e, count in counts.items()}
        counts[edge] += 1


@pytest.mark.parametrize("keep", [1, 3, 5])
def test_weights_are_distributed_as_those_of_draws_one_by_one(keep):
    repeats, rng = 6000, random.Random(1)
    found = np.zeros((2, repeats, RATES.size))
    for seed in range(repeats):
        draws = Draws.of(RATES, seed)
        found[0, seed] = draws.weights(last_removed(draws, keep))
        for edge, weight in drawn_one_by_one(RATES.tolist(), keep, rng).items():
            found[1, seed, edge] = weight
    spread = found.std(axis=1) / np.sqrt(repeats)
    kept = (found > 0).mean(axis=1)
    assert (np.abs(kept[0] - kept[1]) < 5 * np.sqrt(0.5 / repeats)).all()
    assert (np.abs(found.mean(axis=1)[0] - found.mean(axis=1)[1]) < 5 * spread.sum(axis=0)).all()
    assert (np.abs(found.mean(axis=1) - 1) < 5 * spread + 1e-12).all()


@each_method
def test_the_mean_of_the_laplacian_is_that_of_the_whole_graph_and_not_without_weights(method):
    data = datasets.load("karate")
    data = Data(edge_index=data.edge_index, x=data.x, num_nodes=34)
    x = torch.sin(torch.arange(34.0))
    forms = np.zeros((400, 2))
    whole = float((x[data.edge_index[0]] - x[data.edge_index[1]]).square().sum())
    for seed in range(400):
        options = {"method": method, "seed": seed, "remove": "60%", **METHODS[method]}
        cut = wis.sparsify(data, reweight=True, **options)
        squares = (x[cut.edge_index[0]] - x[cut.edge_index[1]]).square()
        forms[seed] = float((cut.edge_weight * squares).sum()), float(squares.sum())
    mean, error = forms.mean(axis=0) / whole, forms.std(axis=0) / whole / 20
    assert abs(mean[0] - 1) < 4 * error[0] < 0.2
    assert mean[1] < 0.6


@given(
    rates=st.lists(st.floats(1e-200, 1e100), min_size=1, max_size=8),
    keep=st.integers(0, 8),
    seed=st.integers(0, 50),
)
@settings(max_examples=60)
def test_weights_are_finite_and_positive_for_kept_edges_alone(rates, keep, seed):
    draws = Draws.of(np.array(rates), seed)
    removed = last_removed(draws, keep)
    weights = draws.weights(removed)
    assert np.isfinite(weights).all()
    assert ((weights > 0) == ~removed).all()
    if not removed.any():
        assert (weights == 1).all()
    elif not removed.all():
        share = draws.rate / draws.rate.sum()
        assert np.isclose((weights * share).sum(), 1)  # the counts sum to Q


@each_method
def test_weights_multiply_those_that_arcs_have_and_leave_loops_alone(method):
    karate = datasets.load("karate")
    loops = torch.tensor([[0, 3], [0, 3]])
    plain = Data(edge_index=torch.cat([karate.edge_index, loops], dim=1), x=karate.x, num_nodes=34)
    options = {"method": method, "remove": 30, "reweight": True, **METHODS[method]}
    factor = wis.sparsify(plain, **options).edge_weight
    assert factor.dtype == torch.float32
    assert factor[-2:].tolist() == [1, 1]
    for weight in (torch.arange(158) % 5, torch.rand(158, dtype=torch.float64), torch.ones(158, 1)):
        data = plain.clone()
        data.edge_weight = weight
        before = data.clone()
        cut = wis.sparsify(data, **options)
        assert_same_data(data, before)
        left = wis.sparsify(data, **{**options, "reweight": False}).edge_weight
        assert cut.edge_weight.shape == left.shape
        assert cut.edge_weight.dtype == (
            weight.dtype if weight.is_floating_point() else factor.dtype
        )
        expected = factor * left.view(-1)
        torch.testing.assert_close(cut.edge_weight.view(-1).double(), expected.double())


def test_conductances_of_another_name_are_the_weights_that_are_multiplied():
    data = datasets.load("karate")
    named = data.clone()
    named.edge_strength = named.edge_weight
    del named.edge_weight
    options = {"method": "spectral", "remove": "40%", "reweight": True}
    expected = wis.sparsify(data, edge_weight="edge_weight", **options).edge_weight
    assert torch.equal(
        wis.sparsify(named, edge_weight="edge_strength", **options).edge_weight, expected
    )


def test_each_type_of_edges_gets_its_weights():
    data = HeteroData()
    data["a"].num_nodes = 6
    pairs = torch.combinations(torch.arange(6)).T
    data["a", "one", "a"].edge_index, data["a", "two", "a"].edge_index = pairs[:, :8], pairs[:, 8:]
    cut = wis.sparsify(data, method="spectral", remove=7, reweight=True)
    sizes = [store.edge_weight.numel() for store in cut.edge_stores]
    assert sizes == [store.edge_index.size(1) for store in cut.edge_stores]
    assert sum(sizes) == 8


@each_method
def test_a_saved_order_gives_the_weights_of_the_call(method, tmp_path):
    data = datasets.load("karate")
    order = wis.removal_order(data, method, seed=3, **METHODS[method])
    again = wis.RemovalOrder.load(order.save(tmp_path / "karate"))
    for remove in ("0%", "35%", "100%"):
        options = {"remove": remove, "reweight": True}
        expected = wis.sparsify(data, method=method, seed=3, **options, **METHODS[method])
        assert_same_data(order.apply(data, **options), expected)
        assert_same_data(again.apply(data, **options), expected)
    transform = Sparsify("35%", method=method, seed=3, reweight=True, **METHODS[method])
    assert "reweight=True" in str(transform)
    assert_same_data(transform(data), order.apply(data, remove="35%", reweight=True))


@pytest.mark.parametrize(
    "change",
    [
        {"rate": np.ones(3)},
        {"rate": np.ones(78, dtype=np.float32)},
        {"arrival": np.full(78, np.nan)},
        {"arrival": np.zeros(78)},
        {"rate": None},
    ],
    ids=["short", "float32", "nan", "zero", "missing"],
)
def test_damaged_draws_of_an_order_file_are_refused(change, tmp_path):
    path = wis.removal_order(datasets.load("karate"), "spectral").save(tmp_path / "karate")
    with np.load(path) as file:
        arrays = {name: value for name, value in {**file, **change}.items() if value is not None}
    np.savez(path, **arrays)
    with pytest.raises(GraphFormatError, match="damaged order file"):
        wis.RemovalOrder.load(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"'wis' has no weights; methods .*: dspar with sample=true, goku, spectral$"),
        ({"method": "dspar"}, "'dspar' has no weights"),
        ({"method": "spectral", "keep_connected": True}, "protected edges"),
        ({"method": "spectral", "protect": [(0, 1)]}, "protected edges"),
        ({"method": "spectral", "per_type": True}, "leave out per_type"),
        (
            {"method": "spectral", "reweight": "often"},
            "reweight is 'often'; expected False or True",
        ),
    ],
)
def test_weights_that_do_not_exist_are_refused(options, message):
    data = datasets.load("karate")
    with pytest.raises(OptionError, match=message):
        wis.sparsify(data, remove="50%", **{"reweight": True, **options})


def test_a_bare_edge_index_and_an_order_without_draws_have_no_place_for_weights():
    data = odd_graph("clique")
    with pytest.raises(OptionError, match="pass a Data"):
        wis.sparsify(data.edge_index, remove=3, method="spectral", reweight=True)
    with pytest.raises(OptionError, match="holds no draws"):
        wis.removal_order(data).apply(data, remove=3, reweight=True)


def test_the_command_writes_a_column_of_weights(tmp_path, capsys):
    path, out = tmp_path / "edges.csv", tmp_path / "sparse.csv"
    path.write_text("from,to,note\na,b,x\nb,c,y\nc,a,z\nc,d,w\n")
    options = ["--method", "dspar", "--option", "sample=true", "--remove", "50%", "--reweight"]
    assert run(["sparsify", str(path), *options, "-o", str(out)]) == 0
    header, *rows = [line.split(",") for line in out.read_text().splitlines()]
    assert header == ["from", "to", "note", "weight"]
    data = Data(edge_index=torch.tensor([[0, 1, 2, 2], [1, 2, 0, 3]]), num_nodes=4)
    expected = wis.sparsify(data, method="dspar", sample=True, remove="50%", reweight=True)
    assert np.allclose([float(row[3]) for row in rows], expected.edge_weight)


@pytest.mark.parametrize(
    "options", [[], ["--method", "dspar"], ["--method", "spectral", "--min-degree", "1"]]
)
def test_the_command_refuses_weights_that_do_not_exist_before_it_writes(options, tmp_path, capsys):
    out = tmp_path / "out.pt"
    command = ["sparsify", "karate", "--remove", "50%", "--reweight", *options, "-o", str(out)]
    assert run(command) == 2
    assert "reweight" in (error := capsys.readouterr().err) or "has no weights" in error
    assert not out.exists()
