"""per_type: the same fraction of each class of edges, a class being the types that arcs have."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import as_pairs, edge_index_of
from torch_geometric.data import Data, HeteroData

import wis
from wis.base.checks import amounts_per_class
from wis.errors import GraphFormatError, OptionError, ProtectionError
from wis.graph import canonical_graph
from wis.graph.edge_types import EdgeClasses
from wis.testing import assert_nested, odd_graph
from wis.transforms import Sparsify, WalkIndexSparsification


@st.composite
def typed_graphs(draw, max_num_arcs=30):
    num_nodes = draw(st.integers(1, 7))
    vertex = st.integers(0, num_nodes - 1)
    rows = draw(st.lists(st.tuples(vertex, vertex, st.integers(0, 3)), max_size=max_num_arcs))
    data = Data(edge_index=edge_index_of([row[:2] for row in rows]), num_nodes=num_nodes)
    data.edge_type = torch.tensor([7 * row[2] for row in rows], dtype=torch.int64)
    return data


def classes_of(data, directed):
    """The set of types of each edge, by a plain loop."""
    types = defaultdict(set)
    for (u, v), kind in zip(as_pairs(data.edge_index), data.edge_type.tolist(), strict=True):
        if u != v:
            types[(u, v) if directed else (min(u, v), max(u, v))].add(kind)
    return {edge: tuple(sorted(kinds)) for edge, kinds in types.items()}


@given(data=typed_graphs(), directed=st.booleans())
def test_class_of_an_edge_is_the_set_of_types_of_its_arcs(data, directed):
    graph = canonical_graph(data, directed=directed)
    expected = classes_of(data, directed)
    classes = EdgeClasses.of(data, graph)
    found = [classes.types[k] for k in classes.of_edge.tolist()]
    assert found == [tuple(map(str, expected[edge])) for edge in as_pairs(graph.edges)]
    numbers = [tuple(map(int, types)) for types in classes.types]
    assert numbers == sorted(set(expected.values()))
    assert sum(classes.sizes) == graph.num_edges


@given(
    data=typed_graphs(),
    directed=st.booleans(),
    method=st.sampled_from(["wis", "random"]),
    share=st.sampled_from(["0%", "30%", "50%", "100%"]),
)
def test_the_first_edges_of_each_class_go_a_rounded_fraction_of_it(data, directed, method, share):
    order = wis.removal_order(data, method, directed=directed)
    kinds = classes_of(data, directed)
    quota = {
        kind: round(Fraction(share[:-1]) / 100 * size)
        for kind, size in Counter(kinds.values()).items()
    }
    gone = set()
    for edge in as_pairs(order.edges):
        if quota[kinds[edge]]:
            quota[kinds[edge]] -= 1
            gone.add(edge)
    kept = [
        (u, v)
        for u, v in as_pairs(data.edge_index)
        if u == v or ((u, v) if directed else (min(u, v), max(u, v))) not in gone
    ]
    cut = wis.sparsify(data, remove=share, method=method, directed=directed, per_type=True)
    assert as_pairs(cut.edge_index) == kept
    assert cut.edge_type.numel() == len(kept)
    again = order.apply(data, remove=share, per_type=True)
    assert torch.equal(again.edge_index, cut.edge_index)


@given(sizes=st.lists(st.integers(0, 40), max_size=6), data=st.data())
def test_a_number_of_edges_is_apportioned_by_largest_remainders(sizes, data):
    total = sum(sizes)
    number = data.draw(st.integers(0, total))
    found = amounts_per_class(sizes, remove=number)
    assert sum(found) == number
    assert found == amounts_per_class(sizes, keep=total - number)
    shares = [Fraction(number * size, total) if total else Fraction(0) for size in sizes]
    assert all(abs(n - share) < 1 for n, share in zip(found, shares, strict=True))
    rest = [share - int(share) for share in shares]
    up = [r for r, n, share in zip(rest, found, shares, strict=True) if n > int(share)]
    down = [r for r, n, share in zip(rest, found, shares, strict=True) if n == int(share)]
    assert not up or not down or min(up) >= max(down)
    assert all(n <= size for n, size in zip(found, sizes, strict=True))


def test_ties_of_remainders_go_to_the_first_class():
    assert amounts_per_class([3, 3, 3], remove=4) == [2, 1, 1]
    assert amounts_per_class([1, 1, 2], remove="50%") == [0, 0, 1]  # half to even: 0.5 is 0


@given(data=typed_graphs(max_num_arcs=60))
@settings(max_examples=20)
def test_cuts_at_rising_fractions_are_nested(data):
    order = wis.removal_order(data)
    shares = (0.0, 0.1, 0.25, 0.5, 0.9, 1.0)
    assert_nested([data, *(order.apply(data, remove=f, per_type=True) for f in shares)])


def hetero():
    """Ten edges of a type and its reverse, and four of another type."""
    data = HeteroData()
    data["a"].num_nodes = data["b"].num_nodes = 10
    there = torch.stack([torch.arange(10), torch.arange(10).roll(3)])
    data["a", "to", "b"].edge_index = there
    data["a", "to", "b"].edge_attr = torch.arange(10)
    data["b", "rev_to", "a"].edge_index = there.flip(0)
    data["a", "likes", "a"].edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])
    return data


def test_a_type_and_its_reverse_stay_in_step_and_lose_what_the_others_lose():
    cut = wis.sparsify(hetero(), remove=0.5, per_type=True, walk_length=2)
    to, back, likes = (cut[kind].edge_index for kind in cut.edge_types)
    assert [part.size(1) for part in (to, back, likes)] == [5, 5, 2]
    assert torch.equal(to, back.flip(0))
    assert torch.equal(hetero()["a", "to", "b"].edge_index[:, cut["a", "to", "b"].edge_attr], to)


def test_arcs_of_a_type_and_of_its_reverse_are_classes_of_their_own_if_directed():
    cut = wis.sparsify(hetero(), remove="30%", per_type=True, directed=True)
    assert [cut[kind].edge_index.size(1) for kind in cut.edge_types] == [7, 7, 3]


def test_transforms_take_it_too():
    expected = wis.sparsify(hetero(), remove=6, per_type=True)
    for kind in (Sparsify, WalkIndexSparsification):
        transform = kind(remove=6, per_type=True)
        assert "per_type=True" in repr(transform)
        cut = transform(hetero())
        for name in cut.edge_types:
            assert torch.equal(cut[name].edge_index, expected[name].edge_index)


def test_protected_edges_stay_and_each_class_loses_its_part():
    data = odd_graph("random-dense")
    data.edge_type = (data.edge_index.sum(dim=0) % 2).long()
    order = wis.removal_order(data, keep_connected=True, min_degree=2)
    cut = order.apply(data, remove=0.5, per_type=True)
    graph, left = wis.UndirectedGraph.from_any(data), wis.UndirectedGraph.from_any(cut)
    assert int(left.degree.min()) >= 2
    sizes = EdgeClasses.of(data, graph).sizes
    assert EdgeClasses.of(cut, left).sizes == [size - round(size / 2) for size in sizes]
    with pytest.raises(ProtectionError, match="of type 0 can go with keep_connected, min_degree=2"):
        order.apply(data, remove=1.0, per_type=True)


def test_an_order_that_stops_too_early_for_some_class_is_refused():
    data = hetero()
    order = wis.removal_order(data, count=3)
    with pytest.raises(OptionError, match=r"needs \d edges of type .* stopped after 3 of 14"):
        order.apply(data, remove=0.5, per_type=True)


@pytest.mark.parametrize("graph", [odd_graph("path"), odd_graph("path").edge_index])
def test_a_graph_without_types_is_refused(graph):
    with pytest.raises(OptionError, match="per_type needs edge types"):
        wis.sparsify(graph, remove=1, per_type=True)


@pytest.mark.parametrize("values", [torch.zeros(3).long(), torch.zeros(12), [0] * 11])
def test_types_that_are_no_integer_for_each_arc_are_refused(values):
    data = odd_graph("path")  # 12 arcs
    data.edge_type = values
    with pytest.raises(GraphFormatError, match="edge_type is"):
        wis.sparsify(data, remove=1, per_type=True)


def test_graphs_without_edges_have_nothing_to_lose():
    data = Data(edge_index=torch.tensor([[0], [0]]), edge_type=torch.tensor([5]), num_nodes=2)
    assert wis.sparsify(data, remove="50%", per_type=True).num_edges == 1
    assert wis.sparsify(HeteroData(), remove="50%", per_type=True).edge_types == []


@pytest.mark.parametrize("per_type", [3, "", ["edge_type"]])
def test_per_type_that_is_no_name_is_refused(per_type):
    data = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), edge_type=torch.tensor([0, 1]))
    order = wis.removal_order(data)
    for cut in (functools.partial(wis.sparsify, data), functools.partial(order.apply, data)):
        with pytest.raises(OptionError, match="the name of an attribute of the arcs"):
            cut(remove=1, per_type=per_type)


@pytest.mark.parametrize("form", [np.array, list, tuple, lambda kinds: np.array(kinds, np.int32)])
def test_integers_of_an_array_or_a_list_are_types_as_those_of_a_tensor_are(form):
    pairs = torch.combinations(torch.arange(8)).T.contiguous()
    kinds = (pairs.sum(dim=0) % 3).tolist()
    data = Data(edge_index=pairs, num_nodes=8, edge_type=torch.tensor(kinds))
    other = Data(edge_index=pairs, num_nodes=8, edge_type=form(kinds))
    expected = wis.sparsify(data, remove=0.5, per_type=True).edge_index
    assert torch.equal(wis.sparsify(other, remove=0.5, per_type=True).edge_index, expected)
