"""Walk counts, boundaries and walk indices against the thesis' definitions, at any size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import (
    arcs_with_loops,
    boundary,
    canonical_edges,
    directed_boundary,
    incoming_neighbours,
    neighbours,
    num_walks,
    shared_outgoing_neighbours,
    walk_index_of_vertex,
    walks_one_by_one,
)
from strategies import edge_index_of, large_graphs, rearranged, small_graphs
from torch_geometric.data import Data, HeteroData

import wis
from wis.errors import GraphFormatError, OptionError
from wis.graph import walks
from wis.testing import both_ways, odd_graph

INT64_MAX = 2**63 - 1


@st.composite
def graphs_with_a_subset(draw, graphs):
    num_nodes, arcs = draw(graphs.filter(lambda graph: graph[0] > 0))
    subset = draw(st.sets(st.integers(0, num_nodes - 1), min_size=1))
    return num_nodes, arcs, subset, draw(st.integers(0, num_nodes - 1))


def ending_anywhere(adjacent, length, sources):
    """rho_l(C, V) of the oracle, in Python integers; the walks to each vertex in one pass."""
    ending_at = [int(vertex in sources) for vertex in range(len(adjacent))]
    for _ in range(length):
        ending_at = [sum(ending_at[i] for i in adjacent[j]) for j in range(len(adjacent))]
    return sum(ending_at)


def two_cliques(size):
    """Figure 5.2: two cliques, vertices 0 ... size - 1 and the rest, joined by one edge."""
    first, second = range(size), range(size, 2 * size)
    edges = [*itertools.combinations(first, 2), *itertools.combinations(second, 2)]
    return Data(edge_index=edge_index_of(both_ways([*edges, (0, size)])), num_nodes=2 * size)


# Against the oracles


@given(graphs_with_a_subset(small_graphs()), st.integers(0, 6))
@settings(max_examples=200)
def test_walk_index_is_that_of_definition_11(drawn, length):
    num_nodes, arcs, subset, t = drawn
    adjacent = neighbours(num_nodes, canonical_edges(arcs))
    starts = boundary(adjacent, subset)
    data = Data(edge_index=edge_index_of(arcs), num_nodes=num_nodes)
    assert walks.boundary(data, subset).tolist() == sorted(starts)
    assert wis.walk_index(data, subset, length, target=t) == num_walks(adjacent, length, starts, t)
    assert wis.walk_index(data, subset, length) == sum(
        num_walks(adjacent, length, starts, end) for end in range(num_nodes)
    )


@given(graphs_with_a_subset(large_graphs()), st.integers(0, 40))
@settings(max_examples=25)
def test_walk_index_is_exact_on_larger_graphs_and_past_int64(drawn, length):
    num_nodes, arcs, subset, t = drawn
    edge_index = edge_index_of(arcs)
    adjacent = neighbours(num_nodes, canonical_edges(arcs))
    starts = boundary(adjacent, subset)
    found = wis.walk_index(edge_index, subset, length, num_nodes=num_nodes)
    assert found == ending_anywhere(adjacent, length, starts)
    found = wis.walk_index(edge_index, subset, length, target=t, num_nodes=num_nodes)
    assert found == num_walks(adjacent, length, starts, t)


@given(graphs_with_a_subset(small_graphs(max_num_nodes=6)), st.integers(0, 4))
@settings(max_examples=200)
def test_directed_walk_index_is_that_of_appendix_d_2(drawn, length):
    num_nodes, arcs, subset, t = drawn
    edges = arcs_with_loops(num_nodes, arcs)
    starts = directed_boundary(num_nodes, edges, subset)
    assert starts == shared_outgoing_neighbours(num_nodes, edges, subset)
    every_walk = walks_one_by_one(edges, length, starts)
    data = Data(edge_index=edge_index_of(arcs), num_nodes=num_nodes)
    assert walks.boundary(data, subset, directed=True).tolist() == sorted(starts)
    assert wis.walk_index(data, subset, length, directed=True) == len(every_walk)
    assert wis.walk_index(data, subset, length, target=t, directed=True) == sum(
        walk[-1] == t for walk in every_walk
    )


@given(graphs_with_a_subset(large_graphs()), st.integers(0, 40))
@settings(max_examples=25)
def test_directed_walk_index_is_exact_on_larger_graphs_and_past_int64(drawn, length):
    num_nodes, arcs, subset, t = drawn
    edges = arcs_with_loops(num_nodes, arcs)
    n_in = incoming_neighbours(num_nodes, edges)
    starts = directed_boundary(num_nodes, edges, subset)
    data = Data(edge_index=edge_index_of(arcs), num_nodes=num_nodes)
    found = wis.walk_index(data, subset, length, directed=True)
    assert found == ending_anywhere(n_in, length, starts)
    found = wis.walk_index(data, subset, length, target=t, directed=True)
    assert found == num_walks(n_in, length, starts, t)


@given(graphs_with_a_subset(small_graphs()), st.integers(0, 12))
def test_walk_index_of_a_vertex_is_a_diagonal_entry_of_a_power(drawn, length):
    # design: of a non-isolated t, WI_{l,t}({t}) = (A^{l+1})_tt, A holding all self-loops
    num_nodes, arcs, _, t = drawn
    edges = canonical_edges(arcs)
    adjacency = np.eye(num_nodes, dtype=object)
    for u, v in edges:
        adjacency[u, v] = adjacency[v, u] = 1
    found = wis.walk_index(edge_index_of(arcs), [t], length, target=t, num_nodes=num_nodes)
    assert found == walk_index_of_vertex(neighbours(num_nodes, edges), length, t)
    isolated = not any(t in edge for edge in edges)
    assert found == (0 if isolated else np.linalg.matrix_power(adjacency, length + 1)[t, t])


@given(graphs_with_a_subset(small_graphs()), st.integers(0, 5))
def test_both_directions_of_every_edge_make_a_directed_graph_undirected(drawn, length):
    num_nodes, arcs, subset, t = drawn
    graph = Data(edge_index=edge_index_of(both_ways(arcs)), num_nodes=num_nodes)
    for target in (None, t):
        found = wis.walk_index(graph, subset, length, target=target, directed=True)
        assert found == wis.walk_index(graph, subset, length, target=target)


@given(st.data())
def test_neither_order_nor_repeats_of_arcs_matter(draw):
    num_nodes, arcs, subset, t = draw.draw(graphs_with_a_subset(small_graphs()))
    other = edge_index_of(draw.draw(rearranged(arcs)))
    graph = edge_index_of(arcs)
    for options in ({}, {"target": t}):
        found = wis.walk_index(other, subset, 3, num_nodes=num_nodes, **options)
        assert found == wis.walk_index(graph, subset, 3, num_nodes=num_nodes, **options)


@given(graphs_with_a_subset(small_graphs()), st.integers(0, 4), st.booleans())
def test_a_walk_is_one_from_each_source_to_each_target(drawn, length, directed):
    # Section 5.2.1: rho_l(I, J) is the sum of rho_l({i}, {j}) over i in I, j in J
    num_nodes, arcs, subset, t = drawn
    options = {"directed": directed, "num_nodes": num_nodes}
    graph, targets = edge_index_of(arcs), {t, num_nodes - 1}
    found = walks.num_walks(graph, length, sources=subset, targets=targets, **options)
    assert found == sum(
        walks.num_walks(graph, length, sources=[i], targets=[j], **options)
        for i in subset
        for j in targets
    )


# By hand


@pytest.mark.parametrize(
    ("subset", "num_boundary", "anywhere", "inside", "at_the_bridge"),
    [
        # I_1, one clique: the boundary is the bridge's ends a, b. Vertices have 16 neighbours,
        # themselves included, a and b 17. From a, two steps: the neighbours' neighbours, 15 * 16
        # inside the clique and 17 each for a and b, 274; 2 * 274 in all. To an inner t: from a over
        # its 16 common neighbours with a, from b over a; to a: over its 17, from b over a and b.
        (range(16), 2, 548, 17, 19),
        # I_2, half of each clique: everything is on the boundary. Walks of two steps are pairs of
        # neighbours of the middle vertex: 30 * 16^2 + 2 * 17^2. To an inner t: 15 * 16 + 17; to a:
        # the 274 above.
        ([*range(8), *range(16, 24)], 32, 8258, 257, 274),
    ],
    ids=["I_1", "I_2"],
)
def test_partitions_of_figure_5_2(subset, num_boundary, anywhere, inside, at_the_bridge):
    data = two_cliques(16)  # 16 vertices each, as in the experiment of Section 5.4.3
    assert wis.walk_index(data, subset, 0) == num_boundary
    assert wis.walk_index(data, subset, 2) == anywhere
    assert wis.walk_index(data, subset, 2, target=5) == inside
    assert wis.walk_index(data, subset, 2, target=0) == at_the_bridge


def test_directed_boundary_holds_heads_and_not_tails():
    # by hand, 0 -> 1 -> 2 with I = {0}: only vertex 1 is entered from the other side. Walks of two
    # steps from it: 1 1 1, 1 1 2, 1 2 2; none returns to 0.
    graph = edge_index_of([(0, 1), (1, 2)])
    assert walks.boundary(graph, [0], directed=True).tolist() == [1]
    assert walks.boundary(graph, [0]).tolist() == [0, 1]
    assert wis.walk_index(graph, [0], 2, directed=True) == 3
    assert wis.walk_index(graph, [0], 2, target=2, directed=True) == 2
    assert wis.walk_index(graph, [0], 9, target=0, directed=True) == 0


def test_directed_walks_go_nowhere_from_a_boundary_of_sinks():
    # Appendix D.2: such a boundary has one walk of each length for each of its vertices
    graph = edge_index_of([(0, 1), (0, 2), (0, 3)])
    assert [wis.walk_index(graph, [0], length, directed=True) for length in (0, 1, 50)] == [3] * 3


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("length", [62, 63, 64, 65, 200, 5000])
def test_counts_pass_2_to_the_63_exactly(length, directed):
    # by hand: one edge with both loops doubles the number of walks with every step, from 2 on
    graph = edge_index_of([(0, 1), (1, 0)])
    found = wis.walk_index(graph, [0], length, directed=directed)
    assert type(found) is int
    assert found == 2 ** (length + 1)
    assert wis.walk_index(graph, [0], length, target=1, directed=directed) == 2**length
    assert (found > INT64_MAX) == (length >= 62)


def test_counts_of_a_dense_graph_pass_2_to_the_63_exactly():
    # by hand: in a clique with all loops each of k vertices is reached from k others
    data = odd_graph("clique")
    assert wis.walk_index(data, [0], 40) == 9**41
    assert wis.walk_index(data, [0], 40, target=3) == 9**40


@pytest.mark.parametrize("directed", [False, True])
def test_the_partition_of_everything_from_nothing_has_no_boundary(directed):
    data = odd_graph("power-law")
    everything = torch.arange(data.num_nodes)
    assert wis.walk_index(data, everything, 3, directed=directed) == 0
    assert wis.walk_index(data, everything, 3, target=0, directed=directed) == 0
    assert walks.boundary(data, everything, directed=directed).numel() == 0
    assert walks.boundary(data, [], directed=directed).numel() == 0
    assert walks.num_walks(data, 3, sources=[], directed=directed) == 0


@pytest.mark.parametrize("directed", [False, True])
def test_isolated_vertices_have_no_boundary_but_walk_on_the_spot(directed):
    data = odd_graph("isolated-vertices")
    assert wis.walk_index(data, [0, 1, 8], 4, directed=directed) == 0
    assert walks.num_walks(data, 4, sources=[0], directed=directed) == 1
    assert walks.num_walks(data, 7, sources=[0, 8], targets=[8], directed=directed) == 1


@pytest.mark.parametrize("directed", [False, True])
def test_graph_without_vertices_has_no_walks(directed):
    data = odd_graph("empty")
    assert walks.num_walks(data, 0, directed=directed) == 0
    assert walks.num_walks(data, 3, directed=directed) == 0
    assert walks.boundary(data, [], directed=directed).tolist() == []
    with pytest.raises(OptionError, match="the graph has no vertices"):
        wis.walk_index(data, [0], 1, directed=directed)


def test_loops_of_the_data_count_once_like_those_that_are_not_there():
    # by hand: path 0 - 1, I = {0}; both vertices on the boundary, two steps from each of them
    for loops in ([], [(0, 0)], [(0, 0), (0, 0), (1, 1)]):
        graph = edge_index_of([(0, 1), *loops])
        assert wis.walk_index(graph, [0], 1) == 4
        assert wis.walk_index(graph, [0], 1, directed=True) == 1


# What is taken and what is refused


@pytest.mark.parametrize(
    "subset",
    [
        [0, 3, 5],
        (5, 3, 0),
        {0, 3, 5},
        iter([0, 3, 5]),
        np.array([5, 0, 3], dtype=np.uint8),
        np.array([0, 3, 5]).tolist(),
        list(np.array([0, 3, 5])),
        torch.tensor([3, 0, 5], dtype=torch.int32),
        list(torch.tensor([3, 0, 5])),
    ],
    ids=lambda subset: type(subset).__name__,
)
def test_subset_may_be_any_collection_of_integers_in_any_order(subset):
    data = odd_graph("path")
    # by hand, path 0 ... 6: all of 0 ... 6 are on the boundary; 3 * 7 - 2 steps
    assert wis.walk_index(data, subset=subset, length=1) == 19
    assert wis.walk_index(data, [0], np.int64(1), target=torch.tensor(0)) == 2


@pytest.mark.parametrize(
    ("subset", "message"),
    [
        ([], "subset is empty"),
        (torch.tensor([]), "subset is empty"),
        ([0, 7], "subset holds 7, which is not a vertex id; ids run from 0 to 6"),
        ([-1], "subset holds -1, "),
        ([2**70], "ids run from 0 to 6"),
        (np.array([2**64 - 1], dtype=np.uint64), f"holds {2**64 - 1}"),
        (torch.tensor([0, 9]), "subset holds 9, "),
        ([3, 0, 3], "subset holds vertex 3 more than once"),
        (np.array([3, 0, 3]), "subset holds vertex 3 more than once"),
        ([1.0], "subset holds 1.0, "),
        ([True, False], "subset holds True, "),
        ([np.True_], "which is not a vertex id"),
        ([torch.tensor(True)], "which is not a vertex id"),
        (["0"], "subset holds '0', "),
        ("0,3", "subset holds"),
        ([None], "subset holds None, "),
        ([np.zeros((3, 3))], "which is not a vertex id"),
        (torch.tensor([True, False]), "dtype torch.bool"),
        (torch.tensor([1.0], dtype=torch.bfloat16), "dtype torch.bfloat16"),
        (np.array([0.5]), "dtype float64"),
        (np.array(["0"]), "expected integer vertex ids"),
        (torch.tensor([[0, 1]]), r"shape \[1, 2\]"),
        (torch.tensor(3), r"shape \[\]"),
        (3, "subset is 3; expected a list"),
    ],
)
@pytest.mark.parametrize("directed", [False, True])
def test_impossible_subset_is_refused_in_one_line(subset, message, directed):
    with pytest.raises(OptionError, match=message) as error:
        wis.walk_index(odd_graph("path"), subset, 2, directed=directed)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("length", [-1, 1.0, 2.5, True, "2", None, np.float64(2)])
def test_impossible_length_is_refused(length):
    with pytest.raises(OptionError, match=r"length is .*; expected an integer from 0 on"):
        wis.walk_index(odd_graph("path"), [0], length)
    with pytest.raises(OptionError, match="length is"):
        walks.num_walks(odd_graph("path"), length)


@pytest.mark.parametrize("target", [7, -1, 1.0, True, "0", [0]])
def test_impossible_target_is_refused(target):
    with pytest.raises(OptionError, match=r"target is .*; ids run from 0 to 6"):
        wis.walk_index(odd_graph("path"), [0], 1, target=target)


def test_impossible_graph_is_refused():
    with pytest.raises(GraphFormatError, match="expected a PyG Data"):
        wis.walk_index([[0], [1]], [0], 1)
    with pytest.raises(GraphFormatError, match="num_nodes"):
        wis.walk_index(torch.tensor([[0], [5]]), [0], 1, num_nodes=3)
    with pytest.raises(OptionError, match="num_nodes is for a bare edge_index"):
        wis.walk_index(odd_graph("path"), [0], 1, num_nodes=3)


def test_graph_of_edges_alone_has_no_directed_walks():
    graph = wis.UndirectedGraph(3, edge_index_of([(0, 1), (1, 2)]))
    assert wis.walk_index(graph, [0], 1) == 5  # by hand, path 0 - 1 - 2: from 0 two, from 1 three
    with pytest.raises(OptionError, match="edges only and its arcs are needed"):
        wis.walk_index(graph, [0], 1, directed=True)
    assert walks.num_walks(wis.UndirectedGraph(3, graph.edges[:, :0]), 4, directed=True) == 3


def test_hetero_graph_is_the_union_of_its_edge_types():
    # vertices: papers 0, 1, authors 2, 3, 4; the arcs of "likes" repeat some of "writes"
    data = HeteroData()
    data["paper"].num_nodes, data["author"].num_nodes = 2, 3
    data["author", "writes", "paper"].edge_index = edge_index_of([(0, 0), (1, 0), (1, 1)])
    data["author", "likes", "paper"].edge_index = edge_index_of([(1, 1), (2, 1)])
    data["paper", "rev_writes", "author"].edge_index = edge_index_of([(0, 0)])
    data["paper", "cites", "paper"].edge_index = edge_index_of([(1, 0)])
    union = edge_index_of([(2, 0), (3, 0), (3, 1), (4, 1), (0, 2), (1, 0)])
    for directed, length in itertools.product([False, True], range(4)):
        for target in (None, 0, 4):
            options = {"target": target, "directed": directed}
            found = wis.walk_index(data, [0, 3], length, **options)
            assert found == wis.walk_index(union, [0, 3], length, num_nodes=5, **options)


def test_nothing_is_changed_and_the_boundary_can_be_written_to():
    data = odd_graph("power-law")
    subset, edge_index = torch.tensor([5, 2, 9]), data.edge_index.clone()
    graph = wis.UndirectedGraph.from_any(data)
    edges = graph.edges.clone()
    for directed in (False, True):
        wis.walk_index(graph, subset, 3, directed=directed)
        found = walks.boundary(graph, subset, directed=directed)
        assert found.dtype == torch.int64
        found.zero_()
    assert torch.equal(data.edge_index, edge_index)
    assert torch.equal(graph.edges, edges)
    assert subset.tolist() == [5, 2, 9]
