"""Product networks: against the formulas, their gradients, training, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from theory_cases import Case, cases, typed_graphs
from theory_oracles import product_network
from torch_geometric.data import Data, HeteroData

from wis.datasets import load
from wis.errors import GraphFormatError, OptionError
from wis.theory.product_gnn import ProductGNN
from wis.theory.typed_graph import LOOP, TypedGraph

PATH = TypedGraph.from_any(torch.tensor([[0, 1], [1, 2]]), 3)


def network(case: Case, *, out_dim=1, seed=0, **options) -> ProductGNN:
    return ProductGNN(
        case.in_dim,
        case.width,
        case.depth,
        out_dim,
        num_types=case.graph.num_types,
        task="graph" if case.target is None else "vertex",
        seed=seed,
        **options,
    )


def features(num_nodes, in_dim, *, seed=0, batch=()):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn((*batch, num_nodes, in_dim), generator=draw, dtype=torch.float64)


@given(case=cases(), seed=st.integers(0, 99))
def test_output_is_that_of_equations_5_3_5_4_and_d_1(case: Case, seed):
    gnn = network(case, out_dim=2, seed=seed)
    x = features(case.graph.num_nodes, case.in_dim, seed=seed)
    with torch.no_grad():
        found = gnn(x, case.graph, target=case.target).numpy()
    weights = [weight.detach().numpy() for weight in gnn.weights]
    output = gnn.output.detach().numpy()
    n = case.graph.num_nodes
    expected = product_network(n, case.arcs, weights, output, x.numpy(), case.target)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-300)


def test_path_by_hand():
    # width 1, weights 2, 3 and 5: h_0 = 2a · 2b, and so on; f = 5 · h_0 · h_1 · h_2 for depth 1
    gnn = ProductGNN(1, 1, 1)
    with torch.no_grad():
        gnn.weights[0].fill_(2)
        gnn.output.fill_(5)
        x = torch.tensor([[1.0], [3.0], [7.0]], dtype=torch.float64)
        found = gnn(x, PATH)
    h = (2 * 1 * 2 * 3, 2 * 1 * 2 * 3 * 2 * 7, 2 * 3 * 2 * 7)
    assert float(found) == 5 * h[0] * h[1] * h[2]


def test_zero_factors_give_zero_and_a_finite_gradient():
    gnn = ProductGNN(2, 2, 2)
    x = torch.tensor([[0.0, 0.0], [1.0, 2.0], [1.0, 1.0]], dtype=torch.float64)
    value = gnn(x.requires_grad_(), PATH)
    value.sum().backward()
    assert float(value.detach()) == 0
    assert torch.isfinite(x.grad).all()


@settings(max_examples=12)
@given(case=cases(max_num_nodes=4, max_depth=2, max_width=2))
def test_gradients_are_those_of_finite_differences(case: Case):
    gnn = network(case)
    x = features(case.graph.num_nodes, case.in_dim).requires_grad_()
    parameters = tuple(gnn.parameters())

    def function(*values):
        return torch.func.functional_call(
            gnn,
            dict(zip(dict(gnn.named_parameters()), values[1:], strict=True)),
            (values[0], case.graph),
            {"target": case.target},
        )

    assert torch.autograd.gradcheck(function, (x, *parameters), atol=1e-4, rtol=1e-3)


def test_direct_gradient_through_one_zero_factor_is_the_product_of_the_others():
    gnn = ProductGNN(1, 1, 1, task="vertex")
    with torch.no_grad():
        gnn.weights[0].fill_(1)
        gnn.output.fill_(1)
    x = torch.tensor([[0.0], [3.0], [5.0]], dtype=torch.float64, requires_grad=True)
    gnn(x, PATH, target=1).sum().backward()
    assert x.grad.flatten().tolist() == [15, 0, 0]


def test_leading_dimensions_are_separate_inputs():
    gnn = ProductGNN(2, 3, 2, 2)
    x = features(3, 2, batch=(4, 5))
    with torch.no_grad():
        together = gnn(x, PATH)
        assert together.shape == (4, 5, 2)
        torch.testing.assert_close(together[2, 3], gnn(x[2, 3], PATH))


def test_calibrated_factors_are_around_one():
    graph = TypedGraph.from_any(load("karate"))
    x = features(34, 5)
    gnn = ProductGNN(5, 8, 2, task="vertex").calibrate_(x, graph)
    with torch.no_grad():
        logs = gnn(x, graph).abs().log()
    assert abs(float(logs.mean())) < 1e-6


def test_weights_near_one_keep_features_near_one_in_range():
    graph = TypedGraph.from_any(load("karate"))
    x = 1 + 0.05 * features(34, 6)
    with torch.no_grad():
        logs = ProductGNN(6, 16, 2, task="vertex")(x, graph).abs().log()
    assert float(logs.abs().max()) < 40


def test_network_learns_a_product_over_neighbourhoods_and_generalises():
    """Vertex prediction end to end: the product of the first of three features over N(t)."""
    graph = TypedGraph.from_any(torch.tensor([[0, 1, 2, 2, 3], [1, 2, 0, 3, 4]]))
    x = 1 + 0.3 * features(5, 3, batch=(60,))
    rows = [graph.in_neighbours[vertex] for vertex in range(5)]
    truth = torch.stack([x[:, row, 0].prod(dim=1) for row in rows], dim=1)
    seen, unseen = slice(0, 40), slice(40, 60)
    gnn = ProductGNN(3, 3, 1, task="vertex", seed=1)
    optimizer = torch.optim.Adam(gnn.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (gnn(x[seen], graph)[..., 0] - truth[seen]).square().mean()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        error = (gnn(x[unseen], graph)[..., 0] - truth[unseen]).square().mean()
    assert float(error) < 0.01 * float(truth.var())


@given(graph=typed_graphs(directed=False), seed=st.integers(0, 9))
def test_an_undirected_graph_is_the_directed_one_with_all_reverses(graph, seed):
    arcs, types = graph.edge_index, graph.types[graph.arcs[0] != graph.arcs[1]]
    loops = graph.arcs[0] == graph.arcs[1]
    data = Data(
        edge_index=torch.cat([arcs, graph.arcs[:, loops]], dim=1),
        edge_type=torch.cat([types, graph.types[loops]]),
        num_nodes=graph.num_nodes,
    )
    directed = TypedGraph.from_any(data, directed=True)
    assert torch.equal(directed.arcs, graph.arcs)
    kinds = torch.unique(graph.types, return_inverse=True)[1]
    assert torch.equal(directed.types, kinds)


def test_self_loops_have_a_type_of_their_own_only_where_there_are_types():
    edges = torch.tensor([[0, 1], [1, 2]])
    assert TypedGraph.from_any(edges).type_names == ("edge",)
    typed = TypedGraph.from_any(Data(edge_index=edges, edge_type=torch.tensor([7, 4]), num_nodes=3))
    assert typed.type_names == ("4", "7", LOOP)
    given = torch.tensor([[0, 0, 1, 2], [0, 1, 1, 2]])
    own = Data(edge_index=given, edge_type=torch.tensor([0, 1, 0, 1]), num_nodes=3)
    graph = TypedGraph.from_any(own, directed=True)
    assert graph.type_names == ("0", "1")
    # arcs by head, then tail: 0->0, 0->1, 1->1, 2->2
    assert graph.types.tolist() == [0, 1, 0, 1]


def test_edge_types_of_a_hetero_graph_are_types():
    data = HeteroData()
    data["a"].num_nodes, data["b"].num_nodes = 2, 1
    data["a", "to", "b"].edge_index = torch.tensor([[0, 1], [0, 0]])
    data["b", "back", "a"].edge_index = torch.tensor([[0], [1]])
    graph = TypedGraph.from_any(data)
    arcs = dict(zip(map(tuple, graph.arcs.T.tolist()), graph.types.tolist(), strict=True))
    assert graph.type_names == ("a__to__b", "b__back__a", LOOP)
    assert arcs == {(0, 0): 2, (2, 0): 0, (1, 1): 2, (2, 1): 1, (0, 2): 0, (1, 2): 0, (2, 2): 2}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ProductGNN(0, 1, 1), OptionError, "in_dim is 0; expected an integer"),
        (lambda: ProductGNN(1, 1, 1.5), OptionError, "depth is 1.5"),
        (lambda: ProductGNN(1, 1, 1, task="node"), OptionError, "task is 'node'; expected"),
        (
            lambda: ProductGNN(2, 1, 1)(torch.ones(3, 3), PATH),
            GraphFormatError,
            r"x has shape \[3, 3\]; expected \[..., 3, 2\]",
        ),
        (
            lambda: ProductGNN(2, 1, 1)(torch.ones(3, 2), PATH, target=1),
            OptionError,
            "target is for vertex prediction",
        ),
        (
            lambda: ProductGNN(2, 1, 1, task="vertex")(torch.ones(3, 2), PATH, target=3),
            OptionError,
            "target is 3, which is not a vertex id",
        ),
        (
            lambda: ProductGNN(2, 1, 1)(
                torch.ones(2, 2),
                TypedGraph.from_any(
                    Data(
                        edge_index=torch.tensor([[0], [1]]),
                        edge_type=torch.tensor([0]),
                        num_nodes=2,
                    )
                ),
            ),
            GraphFormatError,
            r"2 edge types \(0, self-loop\), but the network was made for 1: pass num_types=2",
        ),
        (
            lambda: TypedGraph.from_any(
                Data(
                    edge_index=torch.tensor([[0, 0], [1, 1]]),
                    edge_type=torch.tensor([0, 3]),
                    num_nodes=2,
                )
            ),
            GraphFormatError,
            "the arc from 0 to 1 has the types 0 and 3",
        ),
        (lambda: TypedGraph.from_any(PATH, directed=True), OptionError, "read as undirected"),
    ],
)
def test_impossible_arguments_are_one_clear_line(call, error, message):
    with pytest.raises(error, match=message):
        call()
