"""Common neighbours against sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import canonical_edges, neighbours
from score_oracles import common_neighbours
from strategies import Graph, large_graphs, small_graphs

from wis.graph import triangles
from wis.graph.triangles import lowest_common_neighbours, num_common_neighbours


def assert_counts_are_right(graph: Graph) -> None:
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    array = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    found = num_common_neighbours(array, num_nodes)
    assert found.tolist() == common_neighbours(num_nodes, edges)


@pytest.mark.parametrize("entries", [1, 1 << 22], ids=["one by one", "at once"])
def test_common_neighbours_of_small_graphs_are_those_of_sets(monkeypatch, entries):
    monkeypatch.setattr(triangles, "ENTRIES_AT_A_TIME", entries)

    @given(graph=small_graphs())
    def check(graph):
        assert_counts_are_right(graph)

    check()


@pytest.mark.parametrize("entries", [500, 1 << 22], ids=["in parts", "at once"])
def test_common_neighbours_of_larger_graphs_are_those_of_sets(monkeypatch, entries):
    monkeypatch.setattr(triangles, "ENTRIES_AT_A_TIME", entries)

    @given(graph=large_graphs())
    @settings(max_examples=6)
    def check(graph):
        assert_counts_are_right(graph)

    check()


def test_share_of_the_work_rises_to_one(monkeypatch):
    monkeypatch.setattr(triangles, "ENTRIES_AT_A_TIME", 20)
    edges = np.array([(u, v) for u in range(12) for v in range(u + 1, 12)]).T
    shares: list[float] = []
    num_common_neighbours(edges, 12, report=shares.append)
    assert len(shares) > 3
    assert shares == sorted(shares)
    assert shares[-1] == 1


@given(graph=small_graphs(), data=st.data())
def test_lowest_common_neighbour_is_that_of_sets_ties_to_the_smallest_vertex(graph, data):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    value = data.draw(st.lists(st.integers(0, 3), min_size=num_nodes, max_size=num_nodes))
    around = neighbours(num_nodes, edges)
    expected = [
        min((around[u] & around[v]) - {u, v}, key=lambda w: (value[w], w), default=num_nodes)
        for u, v in edges
    ]
    array = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    found = lowest_common_neighbours(array, np.array(value, dtype=np.int64))
    assert found.tolist() == expected
