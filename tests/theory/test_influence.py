"""Influence is PyG's, the verdict is taken at equal amounts, and it can be that they disagree."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch_geometric.utils import k_hop_subgraph, total_influence

import wis
from wis.errors import OptionError
from wis.graph.partitions import resolve_partitions
from wis.theory.influence import (
    WHOLE,
    InfluenceRow,
    Settings,
    agreement,
    influence,
    kept,
    measured,
)
from wis.theory.preserved import preserved
from wis.training import TrainConfig, split_vertices, train_network

SETTINGS = Settings(depth=2, epochs=3, samples=34)


def a_network(depth):
    data = split_vertices(wis.datasets.load("karate"), seed=0)
    config = TrainConfig("gcn", depth, max_epochs=5)
    return data, train_network(data, config, progress=False)[1]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_influence_is_the_l1_norm_of_the_jacobian(depth):
    data, network = a_network(depth)
    jacobian = torch.autograd.functional.jacobian(lambda x: network(x, data.edge_index), data.x)
    expected = jacobian.abs().sum(dim=(1, 3))
    assert torch.allclose(influence(network, data, range(34)), expected, atol=1e-6)
    far = k_hop_subgraph(16, depth, data.edge_index)[0]
    assert set(influence(network, data, [16])[0].nonzero()[:, 0].tolist()) <= set(far.tolist())


def test_influence_by_hops_on_the_whole_graph_is_that_of_pyg(capsys):
    data = wis.datasets.load("karate")
    (row,) = (row for row in measured(data, "k", SETTINGS, seeds=[0], fractions=[]))
    network = train_network(split_vertices(data, seed=0), SETTINGS.config(0), progress=False)[1]
    # with a ball of the whole graph PyG's network sees all degrees, as ours does
    per_hop, _ = total_influence(network, data, max_hops=5, normalize=False, vectorize=False)
    assert np.allclose(row.by_hops, per_hop[:3], rtol=1e-4)
    assert row.long_range == pytest.approx(float(per_hop[2] / per_hop[0]), rel=1e-4)
    assert (row.method, row.walk_index) == (WHOLE, 1.0)


def test_walk_index_is_that_of_preserved_with_singletons():
    data = wis.datasets.load("karate")
    rows = [*measured(data, "k", SETTINGS, seeds=[0], fractions=[0.5])]
    order = wis.removal_order(data)
    singletons = resolve_partitions("singletons", order.graph_of(data))
    (expected,) = preserved(data, {"": order}, singletons, depth=2, width=2, fractions=[0.5])
    (row,) = (row for row in rows if row.method == "1-WIS")
    assert row.walk_index == pytest.approx(expected.walk_index)


def rows_of(influence_of, *, graphs=("a", "b"), noise=0.0):
    """Six methods; both numbers halve with each amount, whatever the methods do."""
    rng = np.random.default_rng(0)
    found = [InfluenceRow(g, WHOLE, 0.0, 0, 1.0, (1.0, 1.0, 1.0), 0.9, SETTINGS) for g in graphs]
    for graph in graphs:
        for level, fraction in enumerate((0.25, 0.5, 0.75), 1):
            for place in range(6):
                walks = (1 + 0.02 * place) / 2**level
                far = (1 + 0.02 * influence_of(place) + noise * rng.random()) / 2**level
                hops = (1.0, 1.0, far)
                found.append(
                    InfluenceRow(graph, f"m{place}", fraction, 0, walks, hops, 0.9, SETTINGS)
                )
    return found


def test_methods_that_keep_both_agree_and_those_that_trade_one_for_the_other_disagree():
    same, opposite = agreement(rows_of(lambda m: m)), agreement(rows_of(lambda m: -m))
    assert (same.verdict, same.correlation, same.num_groups) == ("agrees", pytest.approx(1), 6)
    assert (opposite.verdict, opposite.correlation) == ("disagrees", pytest.approx(-1))
    # the amounts alone make both numbers fall together
    assert opposite.overall > 0.7
    assert (same.low, same.high) == pytest.approx((1, 1))


def test_no_relation_is_no_agreement_and_few_rows_cannot_tell():
    assert agreement(rows_of(lambda m: 0, noise=1)).verdict != "agrees"
    one = [row for row in rows_of(lambda m: m, graphs=("a",)) if row.fraction in (0, 0.5)]
    assert agreement(one).verdict == "cannot tell"
    assert math.isnan(agreement(one).low)
    assert agreement([]).verdict == "cannot tell"
    assert agreement(rows_of(lambda m: 0)).num_groups == 0  # all methods keep the same


def test_shares_are_those_of_the_whole_graph_of_the_same_seed():
    rows = [
        InfluenceRow("a", method, fraction, seed, walks, (2.0, 0.0, far), 0.9, SETTINGS)
        for method, fraction, seed, walks, far in (
            (WHOLE, 0.0, 0, 1.0, 4.0),
            (WHOLE, 0.0, 1, 1.0, 8.0),
            ("m", 0.5, 0, 0.5, 2.0),
            ("m", 0.5, 1, 0.7, 2.0),
            ("m", 0.5, 2, 0.9, 9.0),
        )
    ]
    assert kept(rows)["a", "m", 0.5] == pytest.approx((0.6, 0.375, 0.125))


def test_rows_that_are_known_are_not_measured_again():
    data = wis.datasets.load("karate")
    rows = [*measured(data, "k", SETTINGS, seeds=[0], fractions=[0.5])]
    again = [*measured(data, "k", SETTINGS, seeds=[0], fractions=[0.5], known=rows[1:])]
    assert again == rows[:1]


def test_graphs_and_settings_without_a_long_range_are_refused():
    clique = wis.datasets.load("karate").clone()
    clique.edge_index = torch.combinations(torch.arange(34)).T
    with pytest.raises(OptionError, match="no vertex has another one 2 to 2 hops away"):
        next(measured(clique, "clique", SETTINGS))
    with pytest.raises(OptionError, match="depth is 1"):
        Settings(depth=1)
