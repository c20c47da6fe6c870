"""Layouts: finite, repeatable, components apart from each other."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch

from wis.graph import UndirectedGraph
from wis.show.layout import _pack, vertex_positions


def graph_of(network):
    arcs = torch.tensor(list(network.edges), dtype=torch.int64).reshape(-1, 2).t()
    return UndirectedGraph.from_arcs([arcs], network.number_of_nodes())


@pytest.mark.parametrize(
    "network",
    [nx.empty_graph(0), nx.empty_graph(7), nx.path_graph(2), nx.star_graph(9), nx.cycle_graph(30)],
    ids=["no vertex", "no edge", "one edge", "star", "cycle"],
)
def test_every_vertex_has_its_own_finite_place(network):
    position = vertex_positions(graph_of(network), seed=0)
    assert position.shape == (network.number_of_nodes(), 2)
    assert np.isfinite(position).all()
    assert len(np.unique(position.round(6), axis=0)) == len(position)


def test_a_seed_gives_the_same_layout():
    graph = graph_of(nx.karate_club_graph())
    assert np.array_equal(vertex_positions(graph, seed=1), vertex_positions(graph, seed=1))


def test_components_do_not_overlap():
    network = nx.disjoint_union_all([nx.complete_graph(k) for k in (9, 4, 4, 2, 1, 1)])
    position = vertex_positions(graph_of(network), seed=0)
    boxes = [
        (position[sorted(part)].min(axis=0), position[sorted(part)].max(axis=0))
        for part in nx.connected_components(network)
    ]
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[i + 1 :]:
            assert (high < other_low).any() or (other_high < low).any()


def test_packed_squares_stay_apart():
    sides = [5.0, 3.0, 3.0, 1.0, 1.0, 0.5]
    corners = _pack(sides)
    for i, (a, side) in enumerate(zip(corners, sides, strict=True)):
        for b, other in zip(corners[i + 1 :], sides[i + 1 :], strict=True):
            assert (a + side <= b).any() or (b + other <= a).any()
