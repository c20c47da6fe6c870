"""Products with sparse matrices give what the networks' own message passing does, gradients too."""

from __future__ import annotations

import pytest
import torch
from graphs import planted, quick
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import edge_index_of, small_graphs

from wis.graph import UndirectedGraph
from wis.models import available_models, build_model
from wis.models.operators import Messages
from wis.training import sparse
from wis.training.edge_masks import masked_logits
from wis.training.engine import FullBatch
from wis.training.problem import make_problem
from wis.training.sparse import Arcs, Pattern, SparseMatrix, SparseProducts, as_operand

MODELS = sorted(available_models())


def engine_of(data, config):
    return FullBatch(make_problem(data, config), config)


def by_messages(data, config):
    """An engine that calls the network as a user would."""
    engine = engine_of(data, config)
    x = data.x.to(engine.problem.x.dtype)
    engine.forward = lambda: engine.network(x, data.edge_index)
    return engine


def run(engine, num_epochs):
    return [engine.epoch(number + 1) for number in range(num_epochs)]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Training


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("depth", [1, 3])
def test_epochs_are_those_of_message_passing(model, is_sparse, depth):
    data, config = planted(sparse=is_sparse), quick(model, depth=depth, seed=3)
    data.edge_index = torch.cat([data.edge_index, torch.tensor([[0, 5], [0, 7]])], dim=1)
    fast, slow = engine_of(data, config), by_messages(data, config)
    for a, b in zip(run(fast, 8), run(slow, 8), strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-7)
        assert (a.correct, a.finite) == (b.correct, True)
    expected = slow.network.state_dict()
    for name, value in fast.network.state_dict().items():
        # biases before a batch normalisation have no gradient but rounding errors
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_arcs_may_lead_one_way_and_repeat(model):
    data = planted()
    data.edge_index = data.edge_index[:, ::2].repeat(1, 2)
    fast, slow = engine_of(data, quick(model)), by_messages(data, quick(model))
    for a, b in zip(run(fast, 5), run(slow, 5), strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-7)
        assert a.correct == b.correct


@pytest.mark.parametrize("model", MODELS)
def test_a_restored_engine_goes_on_bit_for_bit(model):
    config = quick(model, dtype="float32")
    first, second = engine_of(planted(), config), engine_of(planted(), config)
    run(first, 3)
    second.restore(first.state())
    assert [first.epoch(number) for number in (4, 5)] == [second.epoch(4), second.epoch(5)]


def test_a_network_without_modes_is_evaluated_by_the_forward_pass_of_the_next_step(monkeypatch):
    calls = []
    original = SparseProducts.normalised
    monkeypatch.setattr(
        SparseProducts, "normalised", lambda *given: calls.append(0) or original(*given)
    )
    run(engine_of(planted(), quick("gcn", depth=1)), 5)
    assert len(calls) == 6


def test_features_are_kept_sparse_where_that_is_cheaper():
    layouts = {s: make_problem(planted(sparse=s), quick()).x.layout for s in (False, True)}
    assert layouts == {False: torch.strided, True: torch.sparse_csr}


def test_the_product_with_dense_features_is_taken_once():
    x = random(3, 4)
    arcs = Arcs(torch.tensor([[0, 1, 2], [1, 0, 1]]), 3)
    ones = torch.ones(3, dtype=torch.float64)
    fixed, other = SparseProducts(arcs, ones, features=x), SparseProducts(arcs, ones)
    weight = random(2, 4, seed=1)
    torch.testing.assert_close(fixed.normalised(x, weight), other.normalised(x, weight))
    assert "_normalised_features" in vars(fixed)
    assert "_normalised_features" not in vars(other)


# Products


def dense_and_pattern(num_rows, num_columns, seed=0):
    kept = random(num_rows, num_columns, seed=seed) > 0.3
    kept[-1] = False
    rows, columns = kept.nonzero(as_tuple=True)
    shuffled = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    rows, columns = rows[shuffled], columns[shuffled]
    values = random(len(rows), seed=seed + 1)
    dense = torch.zeros(num_rows, num_columns, dtype=torch.float64)
    dense[rows, columns] = values
    pattern, order = Pattern.of(rows, columns, (num_rows, num_columns))
    return dense, pattern, values[order]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sparse_products_are_dense_ones(dtype):
    dense, pattern, values = dense_and_pattern(6, 9)
    other = random(9, 4, seed=2).to(dtype)
    torch.testing.assert_close(
        SparseMatrix(pattern, values.to(dtype)).times(other), dense.to(dtype) @ other
    )


def test_gradients_of_products_are_those_of_finite_differences():
    _, pattern, values = dense_and_pattern(5, 4)
    h = random(4, 3, seed=3).requires_grad_()

    def product(values, h):
        return SparseMatrix(pattern, values).times(h)

    assert torch.autograd.gradcheck(product, (values.requires_grad_(), h))


def test_entries_are_put_into_the_order_of_the_transpose_once(monkeypatch):
    dense, pattern, values = dense_and_pattern(5, 4)
    matrix, h, used = SparseMatrix(pattern, values), random(4, 3).requires_grad_(), []
    times = type(pattern.rows).times
    monkeypatch.setattr(
        type(pattern.rows), "times", lambda *given: used.append(given[1]) or times(*given)
    )
    for _ in range(2):
        (gradient,) = torch.autograd.grad(matrix.times(h).sum(), h)
        torch.testing.assert_close(gradient, dense.sum(dim=0).unsqueeze(1).expand(4, 3))
    assert used[1] is used[3]


def test_repeated_entries_add_up_and_no_entries_give_zero():
    index = torch.tensor([1, 1, 0])
    pattern, order = Pattern.of(index, index, (3, 3))
    product = SparseMatrix(pattern, torch.tensor([1.0, 2.0, 5.0])[order]).times(torch.eye(3))
    assert product.tolist() == [[5, 0, 0], [0, 3, 0], [0, 0, 0]]
    empty, _ = Pattern.of(index[:0], index[:0], (2, 3))
    assert torch.equal(
        SparseMatrix(empty, torch.empty(0)).times(torch.ones(3, 4)), torch.zeros(2, 4)
    )


def softmax_case(scale=1.0):
    arcs = torch.tensor([[0, 1, 2, 2, 3, 4, 0], [1, 0, 0, 3, 4, 3, 3]])  # none ends at 2
    weights = (random(7).abs() + 0.1).requires_grad_()
    return arcs, weights, (scale * random(5, 3, seed=4)).requires_grad_()


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_the_softmax_mean_has_the_right_gradients(temperature):
    arcs, weights, z = softmax_case()

    def mean(z, weights):
        return SparseProducts(Arcs(arcs, 5), weights).softmax_mean(z, temperature)

    assert torch.autograd.gradcheck(mean, (z, weights))
    torch.testing.assert_close(
        mean(z, weights), Messages(arcs, weights, 5).softmax_mean(z, temperature)
    )


@pytest.mark.parametrize("has_own", [False, True])
def test_the_fixed_softmax_mean_is_that_of_message_passing(has_own):
    arcs, _, z = softmax_case()
    v, own = z.detach().relu().requires_grad_(), z if has_own else None
    ones = torch.ones(7, dtype=torch.float64)
    fast, slow = SparseProducts(Arcs(arcs, 5), ones), Messages(arcs, ones, 5)
    found, expected = (graph.add_fixed_softmax_mean(v, 0.7, own) for graph in (fast, slow))
    torch.testing.assert_close(found, expected)
    inputs = [v, z] if has_own else [v]
    gradients = (torch.autograd.grad(out.sin().sum(), inputs) for out in (found, expected))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("factor", [1.0, 300.0])
def test_the_softmax_mean_is_that_of_the_formula_even_of_huge_values(factor):
    arcs, _, z = softmax_case(factor)
    ones = torch.ones(7, dtype=torch.float64)
    found = SparseProducts(Arcs(arcs, 5), ones).softmax_mean(z, 1.0).detach()
    values = z.detach().relu() + 1e-7
    for i in range(5):
        around = values[arcs[0, arcs[1] == i]]
        expected = (torch.softmax(around, dim=0) * around).sum(dim=0)
        torch.testing.assert_close(found[i], expected)


def test_the_softmax_mean_by_arcs_on_two_threads_is_the_same_every_time(monkeypatch):
    monkeypatch.setattr(sparse, "SAFE_EXPONENT", -1.0)
    sources, ends = (random(300, 300) > 0).nonzero(as_tuple=True)
    graph = SparseProducts(Arcs(torch.stack([sources, ends]), 300), torch.ones(len(ends)))
    z = (50 * random(300, 8, seed=1)).to(torch.float32).requires_grad_()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = [
            torch.autograd.grad(graph.softmax_mean(z, 1.0).sin().sum(), z)[0] for _ in range(5)
        ]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(gradient, found[0]) for gradient in found[1:])


# Masks of edges


def masked_case(graph, seed):
    """Arcs of the edges, features, masks of both signs with some exact zeros, in float64."""
    num_nodes, arcs = graph
    edges = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes).edges
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(num_nodes, 3, generator=generator, dtype=torch.float64)
    mask = torch.rand(edges.size(1), generator=generator, dtype=torch.float64) * 3 - 1.5
    mask[::4] = 0
    return both_ways(edges), x, mask.requires_grad_()


def both_ways(edges):
    return torch.cat([edges, edges.flip(0)], dim=1)


@pytest.mark.parametrize("model", MODELS)
@given(
    graph=small_graphs().filter(lambda graph: graph[0] > 1),
    seed=st.integers(0, 99),
    is_sparse=st.booleans(),
)
@settings(max_examples=25)
def test_masked_logits_and_gradients_are_those_of_message_passing(model, graph, seed, is_sparse):
    arcs, x, mask = masked_case(graph, seed)
    network = build_model(model, 3, 2, depth=2, width=4, seed=seed, dtype=torch.float64)
    features = as_operand(x.to_sparse_csr() if is_sparse else x)
    torch.manual_seed(seed)  # of dropout
    fast = masked_logits(network, Arcs(arcs, len(x)), features, mask)
    torch.manual_seed(seed)
    slow = network(x, arcs, torch.cat([mask, mask]).abs())
    torch.testing.assert_close(fast, slow)
    inputs = [mask, *network.parameters()]
    found, expected = (
        torch.autograd.grad(logits.square().sum(), inputs, materialize_grads=True)
        for logits in (fast, slow)
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def path_of_six():
    ring = torch.arange(6)
    return torch.stack([ring[:-1], ring[1:]])


def test_resgcn_does_not_overflow_where_embeddings_are_huge():
    mask = torch.ones(5, requires_grad=True)
    network = build_model("resgcn", 3, 2, depth=2, width=4, seed=0)
    x = 1e4 * torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    logits = masked_logits(network, Arcs(both_ways(path_of_six()), 6), x, mask)
    assert torch.isfinite(logits).all()
    (gradient,) = torch.autograd.grad(logits.square().sum(), mask)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("model", MODELS)
def test_an_edge_with_a_mask_of_zero_is_no_edge(model):
    edges = path_of_six()
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    options = {"variant": "layer-norm"} if model == "resgcn" else {}
    network = build_model(model, 3, 2, depth=2, width=4, seed=0, **options)
    mask = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0])
    masked = masked_logits(network, Arcs(both_ways(edges), 6), x, mask)
    left = both_ways(edges[:, mask > 0])
    without = masked_logits(network, Arcs(left, 6), x, mask[mask > 0])
    torch.testing.assert_close(masked, without)
