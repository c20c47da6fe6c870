"""Tensor networks of Equations (D.6) and (D.7): structure, size, contraction, refusals."""

from __future__ import annotations

import sys
from collections import Counter

import networkx as nx
import opt_einsum
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from theory_cases import Case, cases
from theory_oracles import tree, walks

from wis.datasets import load
from wis.errors import (
    GraphFormatError,
    MissingDependencyError,
    OptionError,
    OutputExistsError,
    UnknownNameError,
)
from wis.show.theory_pictures import draw_tensor_network, save_figure
from wis.theory.product_gnn import ProductGNN
from wis.theory.tensor_network import build_tensor_network, network_size
from wis.theory.typed_graph import TypedGraph

TRIANGLE_WITH_TAIL = TypedGraph.from_any(torch.tensor([[0, 1, 2, 2], [1, 2, 0, 3]]))


def built(case: Case):
    return build_tensor_network(
        case.graph, case.depth, width=case.width, in_dim=case.in_dim, target=case.target
    )


def network_and_features(case: Case, seed: int):
    task = "graph" if case.target is None else "vertex"
    gnn = ProductGNN(
        case.in_dim,
        case.width,
        case.depth,
        2,
        num_types=case.graph.num_types,
        task=task,
        seed=seed,
    )
    draw = torch.Generator().manual_seed(seed)
    shape = case.graph.num_nodes, case.in_dim
    return gnn, torch.randn(shape, generator=draw, dtype=torch.float64)


@given(case=cases(max_num_nodes=4, max_num_arcs=6), seed=st.integers(0, 99))
def test_proposition_10_contraction_gives_the_output_of_the_network(case: Case, seed):
    gnn, x = network_and_features(case, seed)
    with torch.no_grad():
        expected = gnn(x, case.graph, target=case.target)
        for output in (0, 1):
            found = built(case).contract(gnn, x, output=output)
            torch.testing.assert_close(found, expected[output], rtol=1e-9, atol=1e-300)


def contract_with_deltas(network, gnn, x):
    """Equation (D.6) or (D.7) word by word: each delta-tensor is an array."""
    operands = []
    for node, legs in zip(network.nodes, network.legs_of, strict=True):
        if node.kind in ("delta", "delta_out"):
            array = torch.zeros((gnn.width,) * len(legs), dtype=x.dtype)
            array[(torch.arange(gnn.width),) * len(legs)] = 1
        else:
            array = network._array(node, gnn, x, 0)
        operands += [array, legs]
    return opt_einsum.contract(*operands, (), optimize="greedy")


@given(case=cases(max_num_nodes=3, max_num_arcs=3, max_depth=2, max_width=2))
def test_explicit_delta_tensors_give_the_same(case: Case):
    gnn, x = network_and_features(case, 0)
    network = built(case)
    with torch.no_grad():
        torch.testing.assert_close(
            contract_with_deltas(network, gnn, x),
            network.contract(gnn, x),
            rtol=1e-9,
            atol=1e-300,
        )


@given(case=cases(max_num_nodes=4, max_num_arcs=6))
def test_numbers_of_copies_are_numbers_of_walks(case: Case):
    """Appendix D.3.3.1: rho_L({i}), rho_{L-l+1}({i}) and rho_{L-l}({i}) for x, W^(l) and delta."""
    counts = Counter((node.kind, node.layer, node.vertex) for node in built(case).nodes)
    n, arcs, depth = case.graph.num_nodes, case.arcs, case.depth

    def rho(length, vertex):
        return walks(n, arcs, length, [vertex], case.target)

    expected = Counter({("W_out", None, None): 1})
    if case.target is None:
        expected["delta_out", None, None] = 1
    for i in range(n):
        expected["x", None, i] = rho(depth, i)
        for layer in range(1, depth + 1):
            expected["W", layer, i] = rho(depth - layer + 1, i)
            expected["delta", layer, i] = rho(depth - layer, i)
    assert counts == +expected
    size = network_size(case.graph, depth, target=case.target)
    assert size.num_features == sum(counts[key] for key in counts if key[0] == "x")
    assert size.num_weights == sum(counts[key] for key in counts if key[0][0] == "W")
    assert size.num_nodes == counts.total()


@given(case=cases(max_num_nodes=4, max_num_arcs=5))
def test_network_is_the_unrolled_computation(case: Case):
    network = built(case)
    graph = network.to_networkx()
    assert nx.is_tree(graph)
    assert graph.number_of_edges() == len(network.legs)
    legs, _ = tree(case.graph.num_nodes, case.arcs, case.depth, case.target)
    expected = nx.Graph(legs)
    for node in expected:
        expected.nodes[node]["what"] = what_of_oracle(node)
    for index, node in enumerate(network.nodes):
        graph.nodes[index]["what"] = (node.kind.removesuffix("_out"), node.layer, node.vertex)
    assert nx.is_isomorphic(
        graph, expected, node_match=lambda one, other: one["what"] == other["what"]
    )


def what_of_oracle(node):
    if node in (("W_out",), ("delta", "output")):
        return node[0].removesuffix("_out"), None, None
    return ("x", None, node[1]) if node[0] == "x" else node[:3]


@given(case=cases(max_num_nodes=4, max_num_arcs=5))
def test_legs_fill_the_modes_of_their_nodes_and_weigh_their_dimensions(case: Case):
    network = built(case)
    modes = [[] for _ in network.nodes]
    for leg in network.legs:
        for node, mode in leg.ends:
            modes[node].append(mode)
        at_feature = any(network.nodes[node].kind == "x" for node, _ in leg.ends)
        assert leg.weight == (case.in_dim if at_feature else case.width)
    for node, found in zip(network.nodes, modes, strict=True):
        order = {"x": 1, "W": 2, "W_out": 1}.get(node.kind)
        if node.kind == "delta":
            order = len(case.graph.in_neighbours[node.vertex]) + 1
        if node.kind == "delta_out":
            order = case.graph.num_nodes + 1
        # W^(o) is a row: its only leg is that of mode 2
        assert sorted(found) == ([2] if node.kind == "W_out" else list(range(1, order + 1)))


def test_size_is_predicted_where_nothing_could_be_built():
    karate = TypedGraph.from_any(load("karate"))
    degree = torch.bincount(karate.edge_index[0])
    assert network_size(karate, 2).num_features == int((degree + 1).square().sum()) == 1558
    assert network_size(karate, 60, target=3).num_nodes > 10**40
    with pytest.raises(OptionError, match="would have 204968 nodes, more than max_nodes = 20000"):
        build_tensor_network(karate, 4, width=2, in_dim=2)


def test_network_of_the_karate_club_contracts_to_the_output():
    graph = TypedGraph.from_any(load("karate"))
    network = build_tensor_network(graph, 2, width=3, in_dim=2, target=33)
    x = torch.rand(34, 2, dtype=torch.float64) + 0.5
    gnn = ProductGNN(2, 3, 2, task="vertex").calibrate_(x, graph)
    with torch.no_grad():
        expected = gnn(x, graph, target=33)[0]
        torch.testing.assert_close(network.contract(gnn, x), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("target", [None, 0])
def test_network_is_drawn_and_written(target, tmp_path):
    network = build_tensor_network(TRIANGLE_WITH_TAIL, 2, width=3, in_dim=2, target=target)
    figure = draw_tensor_network(network)
    axes = figure.axes[0]
    drawn = sum(len(points.get_offsets()) for points in axes.collections[1:])
    assert drawn == len(network.nodes)
    assert len(axes.collections[0].get_segments()) == len(network.legs)
    levels = [label.get_text() for label in axes.get_yticklabels()]
    assert levels[0] == "features $x$"
    assert len(levels) == 2 * 2 + 2 + (target is None)
    picture = save_figure(figure, tmp_path / "network.png")
    assert picture.stat().st_size > 10_000
    written = network.write_graphml(tmp_path / "network.graphml")
    again = nx.read_graphml(written)
    assert again.number_of_edges() == len(network.legs)
    with pytest.raises(OutputExistsError):
        network.write_graphml(written)
    with pytest.raises(OutputExistsError):
        save_figure(figure, picture)


def test_nothing_is_drawn_that_cannot_be_seen(tmp_path):
    network = build_tensor_network(
        TypedGraph.from_any(load("karate")), 2, width=2, in_dim=2, max_nodes=5000
    )
    with pytest.raises(OptionError, match="3532 nodes shows nothing; expected at most 1200"):
        draw_tensor_network(network)
    small = build_tensor_network(TRIANGLE_WITH_TAIL, 1, width=2, in_dim=2)
    with pytest.raises(UnknownNameError, match="picture format"):
        save_figure(draw_tensor_network(small), tmp_path / "network.jpeg")


def test_what_does_not_fit_is_refused(monkeypatch):
    network = build_tensor_network(TRIANGLE_WITH_TAIL, 2, width=3, in_dim=2)
    x = torch.ones(4, 2, dtype=torch.float64)
    with pytest.raises(GraphFormatError, match=r"x has shape \[4, 3\]; expected \[4, 2\]"):
        network.contract(ProductGNN(2, 3, 2), torch.ones(4, 3))
    with pytest.raises(GraphFormatError, match=r"has depth 2, in_dim 2, width 3; .* has depth 1"):
        network.contract(ProductGNN(2, 3, 1), x)
    with pytest.raises(GraphFormatError, match="has depth 2, in_dim 3, width 2"):
        build_tensor_network(TRIANGLE_WITH_TAIL, 2, width=2, in_dim=3).contract(
            ProductGNN(2, 3, 2), x
        )
    with pytest.raises(OptionError, match="output is 1; expected one of the product network's 1"):
        network.contract(ProductGNN(2, 3, 2), x, output=1)
    with pytest.raises(OptionError, match="has no vertices"):
        build_tensor_network(TypedGraph.from_any(torch.empty(2, 0).long()), 1, width=1, in_dim=1)
    monkeypatch.setitem(sys.modules, "opt_einsum", None)
    with pytest.raises(MissingDependencyError, match="pip install 'wis-sparsify"):
        network.contract(ProductGNN(2, 3, 2), x)
