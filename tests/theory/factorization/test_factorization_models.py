"""Models: end tensors against the formulas, gradients against autograd, networks as equals."""

from __future__ import annotations

import itertools
import math

import factorization_oracles as oracles
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wis.errors import OptionError
from wis.theory.factorization import (
    Completion,
    HierarchicalFactorization,
    Loss,
    MatrixFactorization,
    ModeTree,
    TensorFactorization,
    end_tensor,
    perfect_tree,
    shallow_tree,
)
from wis.theory.factorization.hierarchical import DeepConvolutionalNetwork
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.measures import matricization, matrix_rank
from wis.theory.factorization.tasks import Sensing, gaussian_sensing, rank_one_sensing

ODD_TREE = ModeTree(
    {(0, 3): ((3,), (0,)), (0, 1, 3): ((1,), (0, 3)), (0, 1, 2, 3): ((2,), (0, 1, 3))}
)
MODELS = [
    MatrixFactorization((4, 2, 5, 3)),
    MatrixFactorization.unconstrained(2, 5, 2),
    TensorFactorization((3, 2), 4),
    TensorFactorization((2, 3, 2), 5),
    TensorFactorization((2, 1, 3, 2, 2), 3),
    HierarchicalFactorization((2, 3, 2, 2), perfect_tree(4), 3),
    HierarchicalFactorization((2, 3, 2, 2), ODD_TREE, {(0, 3): 2, (0, 1, 3): 4, (0, 1, 2, 3): 3}),
    HierarchicalFactorization((2, 2, 3), shallow_tree(3), 2),
    HierarchicalFactorization((2,) * 9, perfect_tree(9, 3), 2),
]
LOSSES = [Loss("square"), Loss("half_square"), Loss("huber", 0.3)]


def drawn(model, batch=3, seed=0):
    return gaussian_weights(model, [1.0] * batch, range(seed, seed + batch))


def random_task(shape, loss, seed=0):
    generator = torch.Generator().manual_seed(seed)
    observed = torch.rand(1, *shape, generator=generator) < 0.7
    observed.view(-1)[0] = True
    return Completion(observed, torch.randn(1, *shape, generator=generator).double(), loss)


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_closed_form_gradients_are_those_of_autograd(model, loss):
    task, weights = random_task(model.shape, loss), drawn(model)
    end, saved = model.forward(weights)
    found = model.backward(saved, task.loss_and_gradient(end)[1])
    tracked = [weight.clone().requires_grad_() for weight in weights]
    task.loss_and_gradient(end_tensor(model, tracked))[0].sum().backward()
    for gradient, weight in zip(found, tracked, strict=True):
        torch.testing.assert_close(gradient, weight.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "model", [m for m in MODELS if isinstance(m, MatrixFactorization)], ids=str
)
def test_the_end_matrix_is_the_product_of_the_layers_and_the_linear_network_computes_it(model):
    weights = drawn(model, batch=1)
    product = torch.linalg.multi_dot([weight[0] for weight in weights][::-1])
    torch.testing.assert_close(end_tensor(model, weights)[0], product)
    inputs = torch.randn(6, model.shape[1], dtype=torch.float64)
    network = oracles.LinearNetwork([weight[0] for weight in weights])
    torch.testing.assert_close(network(inputs), inputs @ product.T)


@given(
    shape=st.lists(st.integers(1, 3), min_size=2, max_size=5),
    num_components=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=12, deadline=None)
def test_the_end_tensor_is_the_sum_of_its_components_and_the_shallow_network_computes_it(
    shape, num_components, seed
):
    model = TensorFactorization(tuple(shape), num_components)
    weights = drawn(model, batch=2, seed=seed)
    ends = end_tensor(model, weights)
    for element in range(2):
        own = [weight[element] for weight in weights]
        torch.testing.assert_close(ends[element], oracles.cp_end(own))
        network = oracles.ShallowConvolutionalNetwork(own)
        torch.testing.assert_close(oracles.tensor_of_network(network, shape), ends[element])
        norms = [oracles.outer([each[:, r] for each in own]).norm() for r in range(num_components)]
        torch.testing.assert_close(model.component_norms(weights)[element], torch.stack(norms))


HIERARCHICAL = [m for m in MODELS if isinstance(m, HierarchicalFactorization)]


@pytest.mark.parametrize("model", HIERARCHICAL, ids=str)
def test_the_hierarchical_end_tensor_is_that_of_equation_3_3_and_of_the_deep_network(model):
    weights = drawn(model, batch=2)
    ends = end_tensor(model, weights)
    for element in range(2):
        own = [weight[element] for weight in weights]
        torch.testing.assert_close(
            ends[element], oracles.hierarchical_end(model.tree, model.by_node(own))
        )
        network = DeepConvolutionalNetwork(model, own)
        torch.testing.assert_close(oracles.tensor_of_network(network, model.shape), ends[element])


@pytest.mark.parametrize("model", HIERARCHICAL[:3], ids=str)
def test_proposition_8_holds_for_inputs_that_are_not_one_hot(model):
    weights = drawn(model, batch=1)
    own = [weight[0] for weight in weights]
    inputs = [torch.randn(4, size, dtype=torch.float64) for size in model.shape]
    output = DeepConvolutionalNetwork(model, own)(inputs)
    for sample in range(4):
        product = oracles.outer([each[sample] for each in inputs])
        expected = (product * end_tensor(model, weights)[0]).sum()
        torch.testing.assert_close(output[sample], expected)


def test_proposition_9_separation_rank_of_the_network_is_the_rank_of_a_matricization():
    model = HierarchicalFactorization((3, 3, 3, 3), perfect_tree(4), 2)
    weights = drawn(model, batch=1)
    network = DeepConvolutionalNetwork(model, [weight[0] for weight in weights])
    end, found = end_tensor(model, weights)[0], oracles.tensor_of_network(network, model.shape)

    def separation_rank(modes):  # of a multilinear function
        return int(matrix_rank(matricization(found, modes)))

    for size in (1, 2, 3):
        for modes in itertools.combinations(range(4), size):
            assert separation_rank(modes) == int(matrix_rank(matricization(end, modes)))
    # two local components below the root; {0, 2} is no node and may have 2 * 2 * 2 * 2 / ... > 2
    assert separation_rank([0, 1]) == 2
    assert separation_rank([0, 2]) > 2


def test_a_shallow_tree_with_ones_at_the_root_is_a_tensor_factorization():
    hierarchical = HierarchicalFactorization((2, 3, 2), shallow_tree(3), 4)
    plain = TensorFactorization((2, 3, 2), 4)
    weights = drawn(plain, batch=2)
    by_node = {(mode,): weight for mode, weight in enumerate(weights)}
    by_node[(0, 1, 2)] = torch.ones(2, 4, 1, dtype=torch.float64)
    joined = [by_node[node] for node in hierarchical.nodes]
    torch.testing.assert_close(end_tensor(hierarchical, joined), end_tensor(plain, weights))


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 2, 3, 2)])
def test_measurements_as_products_are_those_written_out(shape, mean):
    both = torch.randn(3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    truth, end = both[:1], both[1:]
    task = rank_one_sensing(truth[0], 9, torch.Generator().manual_seed(2), mean=mean)
    generator = torch.Generator().manual_seed(2)
    vectors = [
        math.prod(shape) ** (-0.5 / len(shape))
        * torch.randn(9, dimension, dtype=torch.float64, generator=generator)
        for dimension in shape
    ]
    modes = "abcd"[: len(shape)]
    dense = torch.einsum(",".join(f"m{mode}" for mode in modes) + f"->m{modes}", *vectors)
    plain = Sensing(dense, dense.flatten(1) @ truth.flatten(), mean=mean)
    torch.testing.assert_close(task.values, plain.values)
    for ours, written_out in zip(
        task.loss_and_gradient(end), plain.loss_and_gradient(end), strict=True
    ):
        torch.testing.assert_close(ours, written_out, rtol=1e-12, atol=1e-12)
    assert task.select(torch.tensor([0])) is task
    assert [each.shape[0] for each in task.tensors()] == [9] * 3


def test_sensing_gradients_are_those_of_autograd():
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(2, 3, 2, dtype=torch.float64, generator=generator)
    task = gaussian_sensing(truth, 7, generator, loss=Loss("huber", 0.2))
    ends = torch.randn(3, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    losses, gradient = task.loss_and_gradient(ends)
    losses.sum().backward()
    torch.testing.assert_close(gradient, ends.grad)
    assert float(task.loss_and_gradient(truth[None])[0]) == pytest.approx(0)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_the_completion_loss_is_equation_2_1(loss):
    task = random_task((2, 3), loss)
    end = torch.randn(1, 2, 3, dtype=torch.float64)
    entries = {
        tuple(index.tolist()): float(task.values[0][tuple(index)])
        for index in torch.nonzero(task.observed[0])
    }
    expected = oracles.loss_of(end[0], entries, loss.kind, loss.transition)
    torch.testing.assert_close(task.loss_and_gradient(end)[0][0], expected)


def test_bad_models_are_refused_in_one_line():
    with pytest.raises(OptionError, match="power of the number of children"):
        perfect_tree(6)
    with pytest.raises(OptionError, match="two or more"):
        ModeTree({(0, 1): ((0, 1),)})
    with pytest.raises(OptionError, match="interior"):
        HierarchicalFactorization((2, 2), shallow_tree(2), {(0,): 1})
    with pytest.raises(OptionError, match="at least 1"):
        TensorFactorization((2, 2), 0)
    assert math.prod((8, 8, 8)) // 8 == TensorFactorization.unconstrained((8, 8, 8)).num_components
