"""Stacked networks are the modules of `wis.models`, and their operations the plain formulas."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from graphs import planted, quick

from wis.training import operations
from wis.training.engine import ModuleEngine, StackedEngine
from wis.training.operations import (
    Operator,
    batch_norm_relu,
    propagate_bias_relu,
    softmax_aggregate,
)
from wis.training.problem import make_problem
from wis.training.sparse import block_diagonal, csr_matrix, csr_of_dense, sparse_product, transposed
from wis.training.stacked import STACKED

MODELS = sorted(STACKED)


def engines(data, config, seeds=(0,)):
    graphs = data if isinstance(data, list) else [data] * len(seeds)
    configs = [config.with_seed(seed) for seed in seeds]
    problem = make_problem(graphs, config)
    return StackedEngine(problem, configs), ModuleEngine(problem, configs)


def run(engine, num_epochs):
    return [engine.epoch(number + 1) for number in range(num_epochs)]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("depth", [1, 3])
def test_stacked_runs_equal_modules_epoch_by_epoch(model, sparse, depth):
    stacked, modules = engines(planted(sparse=sparse), quick(model, depth=depth), seeds=(3, 1))
    for a, b in zip(run(stacked, 8), run(modules, 8), strict=True):
        assert a.losses == pytest.approx(b.losses, rel=1e-7)
        assert a.correct == b.correct


@pytest.mark.parametrize("model", MODELS)
def test_parameters_after_some_epochs_are_those_of_the_modules(model):
    stacked, modules = engines(planted(), quick(model), seeds=(3, 1))
    run(stacked, 6)
    run(modules, 6)
    for position, module in enumerate(modules.modules):
        expected = module.state_dict()
        for name, value in stacked.network.state_of(position).items():
            # biases before a batch normalisation have no gradient but rounding errors
            torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_runs_may_have_graphs_and_splits_of_their_own(model, sparse):
    first = planted(sparse=sparse)
    second = first.clone()
    second.x, second.y = first.x, first.y
    second.edge_index = first.edge_index[:, ::2]  # directed, too
    second.train_mask, second.test_mask = first.train_mask, first.val_mask
    second.val_mask = first.test_mask
    stacked, modules = engines([first, second, first], quick(model), seeds=(0, 1, 2))
    for a, b in zip(run(stacked, 6), run(modules, 6), strict=True):
        assert a.losses == pytest.approx(b.losses, rel=1e-7)
        assert a.correct == b.correct


@pytest.mark.parametrize("model", MODELS)
def test_a_run_goes_on_alone_as_it_would_have_beside_others(model):
    config = quick(model)
    problem = make_problem([planted()] * 3, config)
    configs = [config.with_seed(seed) for seed in (5, 6, 7)]
    some, all_of_them = (StackedEngine(problem, configs) for _ in range(2))
    run(some, 4)
    run(all_of_them, 4)
    some.keep([2, 0])
    for a, b in zip(run(some, 4), run(all_of_them, 4), strict=True):
        assert a.losses == pytest.approx([b.losses[2], b.losses[0]], rel=1e-9)
        assert a.correct == [b.correct[2], b.correct[0]]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", [StackedEngine, ModuleEngine])
def test_a_restored_engine_goes_on_bit_for_bit(model, kind):
    config = quick(model, dtype="float32")
    problem = make_problem([planted()] * 2, config)
    configs = [config.with_seed(seed) for seed in (0, 1)]
    first, second = kind(problem, configs), kind(problem, configs)
    run(first, 3)
    second.restore(first.state())
    assert [first.epoch(number) for number in (4, 5)] == [second.epoch(4), second.epoch(5)]


def test_epsilon_of_gin_can_stay_zero():
    config = quick("gin", model_options={"train_eps": False})
    stacked, modules = engines(planted(), config)
    assert [a.losses for a in run(stacked, 4)] == [
        pytest.approx(b.losses, rel=1e-8) for b in run(modules, 4)
    ]
    assert float(stacked.network.buffers["layers.0.eps"]) == 0


def test_propagate_bias_relu_has_the_right_gradient():
    matrix = Operator.of(block_diagonal([csr_of_dense(random(5, 5).relu())] * 2))
    h, bias = random(2, 5, 3).requires_grad_(), random(2, 1, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: propagate_bias_relu(a, b, matrix), (h, bias))
    assert torch.autograd.gradcheck(lambda a, b: propagate_bias_relu(a, b, None), (h, bias))


def test_batch_norm_relu_is_torch_s():
    x = random(2, 7, 3).requires_grad_()
    scale, shift = (
        random(2, 1, 3, seed=1).requires_grad_(),
        random(2, 1, 3, seed=2).requires_grad_(),
    )
    bias = random(2, 1, 3, seed=3).requires_grad_()
    norms = [torch.nn.BatchNorm1d(3, dtype=torch.float64) for _ in range(2)]
    expected = []
    for norm, part, b, s, t in zip(norms, x, bias, scale, shift, strict=True):
        standard = norm(part + b)  # scale one and shift zero
        expected.append((standard * s + t).relu())
    out, mean, variance = batch_norm_relu(x, bias, scale, shift)
    torch.testing.assert_close(out, torch.stack(expected))
    torch.testing.assert_close(
        0.1 * mean.squeeze(1), torch.stack([norm.running_mean for norm in norms])
    )
    torch.testing.assert_close(
        0.9 + 0.1 * variance.squeeze(1) * 7 / 6, torch.stack([norm.running_var for norm in norms])
    )
    assert torch.autograd.gradcheck(lambda *a: batch_norm_relu(*a)[0], (x, bias, scale, shift))


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_softmax_aggregation_has_the_right_gradient(temperature):
    dense = random(5, 5).relu()
    dense[2] = 0  # no neighbours
    operator = Operator.of(csr_of_dense(dense))
    z = random(1, 5, 3, seed=4).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: softmax_aggregate(a, operator, temperature), (z,))


@pytest.mark.parametrize("factor", [1.0, 300.0])
def test_softmax_aggregation_by_products_is_that_by_arcs(factor, monkeypatch):
    dense = (random(6, 6) > 0).to(torch.float64)
    dense[1] = 0
    operator = Operator.of(csr_of_dense(dense))
    z = factor * random(1, 6, 3, seed=4)
    found = softmax_aggregate(z, operator, 1.0)
    assert torch.isfinite(found).all()
    if factor == 1.0:
        monkeypatch.setattr(operations, "SAFE_EXPONENT", -1.0)
        torch.testing.assert_close(found, softmax_aggregate(z, operator, 1.0))
    values = z[0].relu() + 1e-7
    for i in (0, 1, 5):
        around = dense[i].nonzero().view(-1)
        mean = (torch.softmax(values[around], dim=0) * values[around]).sum(dim=0)
        torch.testing.assert_close(found[0, i], z[0, i] + mean)


def test_softmax_aggregation_by_arcs_on_two_threads_is_the_same_every_time():
    operator = Operator.of(csr_of_dense((random(300, 300) > 0).to(torch.float32)))
    z = (50 * random(1, 300, 8, seed=1)).to(torch.float32).requires_grad_()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = [
            torch.autograd.grad(softmax_aggregate(z, operator, 1.0).sin().sum(), z)[0]
            for _ in range(5)
        ]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(gradient, found[0]) for gradient in found[1:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sparse_products_are_dense_ones(dtype):
    dense = (random(6, 9) * (random(6, 9, seed=1) > 0.8)).to(dtype)
    dense[3] = 0
    matrix, other = csr_of_dense(dense), random(9, 4, seed=2).to(dtype)
    torch.testing.assert_close(sparse_product(matrix, other), dense @ other)
    torch.testing.assert_close(
        sparse_product(transposed(matrix), dense), dense.T @ dense, check_stride=False
    )
    blocks = sparse_product(block_diagonal([matrix, matrix]), torch.cat([other, 2 * other]))
    torch.testing.assert_close(blocks, torch.cat([dense @ other, 2 * (dense @ other)]))


def test_repeated_entries_add_up_and_no_entries_give_zero():
    index = torch.tensor([1, 1, 0])
    matrix = csr_matrix(index, index, torch.tensor([1.0, 2.0, 5.0]), (3, 3))
    assert matrix.to_dense().tolist() == [[5, 0, 0], [0, 3, 0], [0, 0, 0]]
    empty = csr_of_dense(torch.zeros(2, 3))
    assert torch.equal(sparse_product(empty, torch.ones(3, 4)), torch.zeros(2, 4))


def test_a_symmetric_operator_is_kept_once():
    dense = random(4, 4)
    symmetric, other = Operator.of(csr_of_dense(dense + dense.T)), Operator.of(csr_of_dense(dense))
    assert symmetric.transpose is symmetric.matrix
    assert other.transpose is not other.matrix


def test_features_are_multiplied_by_the_adjacency_where_that_is_cheaper():
    dense, sparse = (
        engines(planted(dim=200, sparse=sparse), quick("gcn"))[0] for sparse in (False, True)
    )
    assert dense.network.first_operator is None
    assert sparse.network.first_operator is sparse.network.operator  # the product would fill up
    alone = planted(sparse=True)
    alone.edge_index = alone.edge_index[:, :0]
    (lonely, _) = engines(alone, quick("gcn"))
    assert lonely.network.first_operator is None


def test_features_are_kept_sparse_where_that_is_cheaper():
    layouts = {s: make_problem([planted(sparse=s)], quick()).x.layout for s in (False, True)}
    assert layouts == {False: torch.strided, True: torch.sparse_csr}


def test_every_stacked_model_has_a_field_for_each_option_of_its_module():
    """A new option of a model must not be ignored by its stacked twin."""
    from wis.models import get_model

    assert {name: sorted(get_model(name).options) for name in MODELS} == {
        "gcn": [],
        "gin": ["train_eps"],
        "resgcn": ["temperature"],
    }
    hot = dataclasses.replace(quick("resgcn"), model_options={"temperature": 3.0})
    assert engines(planted(), hot)[0].network.temperature == 3.0
