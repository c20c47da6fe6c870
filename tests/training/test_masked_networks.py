"""Fast masked forward passes against the networks' own message passing, gradients included."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import edge_index_of, small_graphs

from wis.graph import UndirectedGraph
from wis.models import build_model
from wis.training.masked_networks import (
    FORWARD,
    SymmetricGraph,
    looped_product,
    masked_logits,
    plain_product,
)
from wis.training.operations import Operator
from wis.training.sparse import csr_of_dense

MODELS = ["gat", "gcn", "gin", "resgcn"]


def case(graph, seed, *, scale=1.0):
    """Edges, features, masks with some exact zeros, in float64."""
    num_nodes, arcs = graph
    canonical = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    generator = torch.Generator().manual_seed(seed)
    x = scale * torch.randn(num_nodes, 3, generator=generator, dtype=torch.float64)
    mask = torch.rand(canonical.num_edges, generator=generator, dtype=torch.float64) * 1.5
    mask[::4] = 0
    return canonical.edges, x, mask.requires_grad_()


def graph_of(edges, num_nodes):
    return SymmetricGraph.of(edges, num_nodes, torch.float64)


graphs = small_graphs().filter(lambda graph: graph[0] > 1)


@given(graph=graphs, seed=st.integers(0, 99))
def test_products_are_those_of_the_dense_matrix(graph, seed):
    edges, x, mask = case(graph, seed)
    diagonal = torch.rand(len(x), dtype=torch.float64)
    dense = torch.zeros(len(x), len(x), dtype=torch.float64)
    for (u, v), weight in zip(edges.T.tolist(), mask.tolist(), strict=True):
        dense[u, v] = dense[v, u] = weight
    symmetric = graph_of(edges, len(x))
    torch.testing.assert_close(plain_product(symmetric, mask, x).detach(), dense @ x)
    looped = looped_product(symmetric, mask, diagonal, x).detach()
    torch.testing.assert_close(looped, dense @ x + diagonal[:, None] * x)


@given(graph=graphs, seed=st.integers(0, 99))
@settings(max_examples=25)
def test_gradients_of_products_are_those_of_finite_differences(graph, seed):
    edges, x, mask = case(graph, seed)
    symmetric = graph_of(edges, len(x))
    diagonal = torch.rand(len(x), dtype=torch.float64, requires_grad=True)
    x.requires_grad_()
    torch.autograd.gradcheck(
        lambda mask, diagonal, x: looped_product(symmetric, mask, diagonal, x), (mask, diagonal, x)
    )
    torch.autograd.gradcheck(lambda mask, x: plain_product(symmetric, mask, x), (mask, x))


@pytest.mark.parametrize("model", MODELS)
@given(
    graph=graphs.filter(lambda graph: graph[0] > 1), seed=st.integers(0, 99), sparse=st.booleans()
)
@settings(max_examples=25)
def test_logits_and_all_gradients_are_those_of_message_passing(model, graph, seed, sparse):
    edges, x, mask = case(graph, seed)
    network = build_model(model, 3, 2, depth=2, width=4, seed=seed, dtype=torch.float64)
    features = Operator.of(csr_of_dense(x)) if sparse else x
    arcs = torch.cat([edges, edges.flip(0)], dim=1)
    fast = masked_logits(network, graph_of(edges, len(x)), features, mask)
    slow = network(x, arcs, torch.cat([mask, mask]))
    torch.testing.assert_close(fast, slow)
    inputs = [mask, *network.parameters()]
    found, expected = (
        torch.autograd.grad(logits.square().sum(), inputs, materialize_grads=True)
        for logits in (fast, slow)
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_every_model_but_gat_has_a_faster_way():
    networks = {name: type(build_model(name, 2, 2, width=4)) for name in MODELS}
    assert {name for name, kind in networks.items() if kind in FORWARD} == set(MODELS) - {"gat"}


def test_resgcn_does_not_overflow_where_embeddings_are_huge():
    ring = torch.arange(6)
    edges = torch.stack([ring[:-1], ring[1:]])
    mask = torch.ones(5, requires_grad=True)
    network = build_model("resgcn", 3, 2, depth=2, width=4, seed=0)
    x = 1e4 * torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    logits = masked_logits(network, SymmetricGraph.of(edges, 6), x, mask)
    assert torch.isfinite(logits).all()
    (gradient,) = torch.autograd.grad(logits.square().sum(), mask)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("model", MODELS)
def test_an_edge_with_a_mask_of_zero_is_no_edge(model):
    ring = torch.arange(6)
    edges = torch.stack([ring[:-1], ring[1:]])
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    network = build_model(model, 3, 2, depth=2, width=4, seed=0)
    mask = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0])
    masked = masked_logits(network, SymmetricGraph.of(edges, 6), x, mask)
    kept = edges[:, mask > 0]
    without = masked_logits(network, SymmetricGraph.of(kept, 6), x, mask[mask > 0])
    torch.testing.assert_close(masked, without)
