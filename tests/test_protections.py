"""Protected edges stay, every other one goes at its turn, and the rest is the method's order."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import canonical_edges, protected_order
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from strategies import Graph, as_pairs, edge_index_of, large_graphs, small_graphs

import wis
from wis.errors import OptionError, ProtectionError, WisError
from wis.graph import UndirectedGraph
from wis.protections import Protections, pairs_of
from wis.testing import ODD_GRAPHS, assert_nested, odd_graph

each_method = pytest.mark.parametrize("method", wis.available_methods())
each_odd_graph = pytest.mark.parametrize("name", ODD_GRAPHS)

COMBINATIONS = [
    {"keep_connected": connected, "min_degree": degree, "share": share}
    for connected, degree, share in itertools.product((False, True), (0, 1, 2, 3, 6), (0.0, 0.2))
    if connected or degree or share
]


def graph_of(graph: Graph) -> UndirectedGraph:
    return UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])


def some_edges(graph: UndirectedGraph, share: float, rng: random.Random) -> list[tuple[int, int]]:
    """A share of the edges, either endpoint first."""
    chosen = [pair for pair in as_pairs(graph.edges) if rng.random() < share]
    return [pair if rng.random() < 0.5 else pair[::-1] for pair in chosen]


@st.composite
def trees_stars_cliques(draw: st.DrawFn) -> Graph:
    """Graphs in pieces, each of them a tree, a star, a clique, a cycle or a ladder."""
    rng, arcs, size = random.Random(draw(st.integers(0, 10**6))), [], 0
    for _ in range(draw(st.integers(1, 5))):
        n = rng.randint(1, 24)
        kind = draw(st.sampled_from(["tree", "star", "clique", "cycle", "ladder"]))
        piece = {
            "tree": [(v, rng.randrange(v)) for v in range(1, n)],
            "star": [(0, v) for v in range(1, n)],
            "clique": list(itertools.combinations(range(min(n, 12)), 2)),
            "cycle": [(v, (v + 1) % n) for v in range(n)],
            "ladder": [(v, v + s) for v in range(n) for s in (1, 2) if v + s < n],
        }[kind]
        arcs += [(size + u, size + v) for u, v in piece]
        size += n + rng.randint(0, 1)
    return size, arcs


def assert_is_the_literal_order(graph, keep_connected, min_degree, share, rng, ranking):
    canonical = graph_of(graph)
    pairs = some_edges(canonical, share, rng)
    protections = Protections.of(
        canonical, keep_connected=keep_connected, min_degree=min_degree, protect=pairs
    )
    order = list(range(canonical.num_edges))
    if ranking == "shuffled":
        rng.shuffle(order)
    edges = as_pairs(canonical.edges)
    found = protections.removable(canonical, torch.tensor(order, dtype=torch.int64))
    expected = protected_order(
        canonical.num_nodes,
        [edges[i] for i in order],
        keep_connected=keep_connected,
        min_degree=min_degree,
        protect=pairs,
    )
    assert [edges[i] for i in found.tolist()] == expected


each_combination = pytest.mark.parametrize(
    "combination", COMBINATIONS, ids=lambda c: "-".join(map(str, c.values()))
)
rankings = st.sampled_from(["shuffled", "by id"])


@each_combination
@given(graph=small_graphs(), seed=st.integers(0, 10**6), ranking=rankings)
@settings(max_examples=60)
def test_small_graphs_follow_the_literal_rule(combination, graph, seed, ranking):
    assert_is_the_literal_order(graph, **combination, rng=random.Random(seed), ranking=ranking)


@each_combination
@given(graph=trees_stars_cliques(), seed=st.integers(0, 10**6), ranking=rankings)
@settings(max_examples=30)
def test_pieces_follow_the_literal_rule(combination, graph, seed, ranking):
    assert_is_the_literal_order(graph, **combination, rng=random.Random(seed), ranking=ranking)


@each_combination
@given(graph=large_graphs(), seed=st.integers(0, 10**6), ranking=rankings)
@settings(max_examples=4, deadline=None)
def test_large_graphs_follow_the_literal_rule(combination, graph, seed, ranking):
    assert_is_the_literal_order(graph, **combination, rng=random.Random(seed), ranking=ranking)
