"""Isolated vertices change no order and take next to no memory."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import edge_index_of, large_graphs, small_graphs

import wis
from wis.graph import DirectedGraph, UndirectedGraph

EACH = pytest.mark.parametrize(
    ("method", "options"),
    [
        *(("wis", {"walk_length": length}) for length in (1, 2, 3)),
        *(("wis", {"walk_length": length, "batch_size": 4}) for length in (1, 2, 3)),
        ("wis", {"engine": "rounds"}),
        ("wis", {"walk_length": 2, "engine": "dense"}),
        ("forest-fire", {"burnt_ratio": 2.0}),
    ],
)


@st.composite
def spread(draw, graphs):
    """A graph, and the same one whose vertices are put between isolated ones, in their order."""
    num_nodes, arcs = draw(graphs)
    total = num_nodes + draw(st.integers(0, 3 * len(arcs) + 5))
    places = sorted(draw(st.permutations(range(total)))[:num_nodes])
    return (num_nodes, arcs), (total, [(places[u], places[v]) for u, v in arcs])


@EACH
@pytest.mark.parametrize("kind", [UndirectedGraph, DirectedGraph])
@given(both=spread(small_graphs(max_num_nodes=7)))
@settings(max_examples=15)
def test_order_of_a_graph_is_that_without_its_isolated_vertices(kind, method, options, both):
    if kind is DirectedGraph and (method != "wis" or options.get("engine") == "rounds"):
        return
    graphs = [kind.from_any(edge_index_of(arcs), num_nodes) for num_nodes, arcs in both]
    orders = [g.edge_ids(wis.removal_order(g, method, **options).edges) for g in graphs]
    assert torch.equal(*orders)


@given(both=spread(large_graphs()))
@settings(max_examples=10)
def test_edges_keep_their_ids_and_their_ends_their_order(both):
    num_nodes, arcs = both[1]
    graph = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    left = graph.without_isolated()
    vertices = graph.edges.unique()
    if left is graph:
        assert num_nodes - vertices.numel() < max(graph.num_edges, 1)
        return
    assert left.num_nodes == vertices.numel()
    assert torch.equal(vertices[left.edges], graph.edges)


MEASURE = """
import json, resource, sys
import torch, wis
from wis.graph import DirectedGraph, UndirectedGraph

kind, method, options = json.loads(sys.argv[1])
unit = 1 if sys.platform == "darwin" else 1024
arcs = torch.stack([torch.arange(10), torch.arange(1, 11)])
small, large = ((UndirectedGraph, DirectedGraph)[kind].from_any(arcs, n) for n in (20, 10**6))

def peak_after_run(graph):
    order = wis.removal_order(graph, method, **options)
    if method == "wis":
        assert wis.verify_order(graph, order).is_complete
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

before = peak_after_run(small)
print((peak_after_run(large) - before) / 1e6)
"""


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("wis", {"walk_length": 1}),
        ("wis", {"walk_length": 2}),
        ("wis", {"walk_length": 3, "batch_size": 3}),
        ("wis", {"epsilon": 0.5}),
        ("forest-fire", {}),
        ("jaccard", {}),
    ],
)
def test_an_isolated_vertex_takes_at_most_42_bytes(directed, method, options):
    if directed and (method != "wis" or "epsilon" in options):
        return
    request = json.dumps([directed, method, options])
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, request],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert float(done.stdout) <= 42
