"""Measures of one graph, against networkx and against words."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import edge_index_of, large_graphs, small_graphs
from torch_geometric.data import Data

from wis import walk_index
from wis.errors import OptionError
from wis.graph import DirectedGraph, UndirectedGraph
from wis.measure import Settings, graph_profile
from wis.measure.clustering import clustering_measures
from wis.measure.topology import Topology, eccentricity
from wis.measure.walk_indices import walk_index_measure


def as_data(graph) -> Data:
    num_nodes, arcs = graph
    return Data(edge_index=edge_index_of(arcs), num_nodes=num_nodes)


def as_networkx(graph, kind=nx.Graph):
    num_nodes, arcs = graph
    made = kind()
    made.add_nodes_from(range(num_nodes))
    made.add_edges_from((u, v) for u, v in arcs if u != v)
    return made


def mean(values) -> float | None:
    values = list(values)
    return sum(values) / len(values) if values else None


@settings(max_examples=20)
@given(graph=st.one_of(small_graphs(), large_graphs()))
def test_measures_are_those_of_networkx(graph):
    found = {name: m.value for name, m in graph_profile(as_data(graph)).measures.items()}
    nxg = as_networkx(graph)
    degrees = dict(nxg.degree())
    parts = sorted(nx.connected_components(nxg), key=lambda part: (-len(part), min(part)))
    assert found["edges"] == nxg.number_of_edges()
    assert found["mean_degree"] == pytest.approx(mean(degrees.values()) or 0)
    assert found["max_degree"] == max(degrees.values(), default=0)
    assert found["isolated"] == nx.number_of_isolates(nxg)
    assert found["components"] == len(parts)
    assert found["largest_component"] == len(parts[0] if parts else [])
    wedges = sum(d * (d - 1) // 2 for d in degrees.values())
    assert found["transitivity"] == (pytest.approx(nx.transitivity(nxg)) if wedges else None)
    clustering = nx.clustering(nxg, [v for v, d in degrees.items() if d > 1])
    expected = mean(clustering.values())
    assert found["average_clustering"] == (
        expected if expected is None else pytest.approx(expected)
    )
    if parts and len(parts[0]) > 1:
        largest = nxg.subgraph(parts[0])
        assert found["diameter"] == nx.diameter(largest)
        eigenvalues = np.sort(nx.normalized_laplacian_spectrum(largest))
        assert found["spectral_gap"] == pytest.approx(float(eigenvalues[1]), abs=1e-8)
        radius = np.abs(nx.adjacency_spectrum(nxg)).max()
        assert found["spectral_radius"] == pytest.approx(radius, abs=1e-6)
    else:
        assert (found["diameter"], found["spectral_gap"]) == (0, None)


@settings(max_examples=20)
@given(graph=small_graphs())
def test_directed_measures_are_those_of_networkx(graph):
    found = graph_profile(as_data(graph), directed=True).measures
    nxg = as_networkx(graph, nx.DiGraph)
    strong = [len(part) for part in nx.strongly_connected_components(nxg)]
    assert found["edges"].value == nxg.number_of_edges()
    assert found["max_degree"].value == max((d for _, d in nxg.in_degree()), default=0)
    assert found["strong_components"].value == len(strong)
    assert found["largest_strong_component"].value == max(strong, default=0)
    assert found["components"].value == nx.number_weakly_connected_components(nxg)


@settings(max_examples=20)
@given(graph=small_graphs(), directed=st.booleans())
def test_walk_indices_are_those_of_definition_11(graph, directed):
    data = as_data(graph)
    measures = graph_profile(data, Settings(walk_lengths=(1, 2, 3)), directed=directed).measures
    for length in (1, 2, 3):
        indices = [
            walk_index(data, [t], length, target=t, directed=directed) for t in range(graph[0])
        ]
        expected = sum(math.log(index) for index in indices if index)
        assert measures[f"log_walk_index_{length}"].value == pytest.approx(expected)


@pytest.mark.parametrize("kind", [UndirectedGraph, DirectedGraph])
def test_sampled_walk_indices_are_near_the_exact_ones_and_say_so(kind):
    generator = torch.Generator().manual_seed(0)
    graph = kind.from_any(torch.randint(600, (2, 4_000), generator=generator), 600)
    exact = walk_index_measure(graph, 3, None, 0, 10)
    sampled = walk_index_measure(graph, 3, None, 0, 300, exact_work=0)
    assert exact.is_exact
    assert sampled.note == "from 300 sampled vertices"
    assert 0 < sampled.error < 0.05 * exact.value
    assert abs(sampled.value - exact.value) < 4 * sampled.error


def test_sampled_clustering_is_near_the_exact_one_and_says_so():
    nxg = nx.powerlaw_cluster_graph(800, 6, 0.7, seed=3)
    topology = Topology.of(UndirectedGraph.from_any(edge_index_of(list(nxg.edges))))
    triangles, exact = clustering_measures(topology, 0, 10)
    none, sampled = clustering_measures(topology, 0, 400, exact_work=0)
    assert none is None
    assert triangles.tolist() == list(nx.triangles(nxg).values())
    for name, measure in sampled.items():
        assert measure.note == "from 8,000 sampled paths"
        assert abs(measure.value - exact[name].value) < 4 * measure.error < 0.1


@settings(max_examples=20)
@given(graph=st.one_of(small_graphs(), large_graphs()), seed=st.integers(0, 100))
def test_a_search_finds_the_eccentricity_and_a_farthest_vertex(graph, seed):
    if not graph[0]:
        return
    start = seed % graph[0]
    distances = nx.single_source_shortest_path_length(as_networkx(graph), start)
    topology = Topology.of(UndirectedGraph.from_any(as_data(graph)))
    reach, farthest = eccentricity(topology.adjacency, start)
    assert reach == max(distances.values())
    assert distances[farthest] == reach


def test_a_long_diameter_is_bounded_from_both_sides():
    path = torch.arange(4_000)
    topology = Topology.of(UndirectedGraph.from_any(torch.stack([path[:-1], path[1:]])))
    measure = topology.diameter(0)
    assert measure.value == 3_999  # a double sweep is exact on trees
    assert "between 3999 and" in measure.note


def test_large_graphs_get_their_eigenvalues_from_lanczos():
    nxg = nx.random_regular_graph(4, 700, seed=0)
    measures = graph_profile(as_data((700, list(nxg.edges)))).measures
    assert measures["spectral_radius"].value == pytest.approx(4, rel=1e-4)
    gap = np.sort(nx.normalized_laplacian_spectrum(nxg))[1]
    assert measures["spectral_gap"].value == pytest.approx(float(gap), rel=1e-2)
    assert "Lanczos" in measures["spectral_gap"].note


def test_homophily_counts_edges_between_labelled_vertices():
    data = Data(edge_index=torch.tensor([[0, 1, 2, 0], [1, 2, 3, 4]]), num_nodes=5)
    data.y = torch.tensor([0, 0, 1, -1, 0])
    measures = graph_profile(data).measures
    # labelled edges 0-1 and 0-4 are within a class, 1-2 is not; vertices: 1, 1/2, 0, 1
    assert measures["edge_homophily"].value == pytest.approx(2 / 3)
    assert "node_homophily" in measures
    assert "edge_homophily" not in graph_profile(data.edge_index).measures


def test_costs_count_arcs_without_loops_and_one_loop_for_each_vertex():
    data = Data(edge_index=torch.tensor([[0, 1, 1, 1], [1, 0, 0, 1]]), num_nodes=3)
    measures = graph_profile(data, Settings(widths=(5, 7, 2))).measures
    assert measures["messages"].value == 3
    assert measures["multiply_adds_layer_1"].value == 3 * 5 * 7 + (3 + 3) * 7
    assert measures["multiply_adds_layer_2"].value == 3 * 7 * 2 + (3 + 3) * 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"sample": 3}, "sample is 3"),
        ({"walk_lengths": (0,)}, "walk_lengths is"),
        ({"widths": (64,)}, "at least 2 integers"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(OptionError, match=message):
        Settings(**changes)
