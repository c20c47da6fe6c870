"""Measures against numpy and known answers; ground truths; tensor rank."""

from __future__ import annotations

import itertools
import math

import factorization_oracles as oracles
import numpy as np
import pytest
import torch

from wis.errors import NumericalError, OptionError
from wis.theory.factorization import draws, measures, perfect_tree
from wis.theory.factorization.draws import low_hierarchical_rank_tensor, low_rank_tensor
from wis.theory.factorization.measures import (
    cp_rank,
    distance_from_rank,
    effective_rank,
    hierarchical_rank,
    largest,
    matricization,
    matrix_rank,
    schatten_norm,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_effective_rank_is_the_exponential_of_the_entropy():
    assert float(effective_rank(torch.eye(3).double())) == pytest.approx(3)
    assert float(effective_rank(torch.diag(torch.tensor([5.0, 0.0])).double())) == pytest.approx(1)
    matrix = torch.randn(4, 3, generator=seeded()).double()
    assert float(effective_rank(matrix)) == pytest.approx(oracles.effective_rank(matrix.numpy()))


@pytest.mark.parametrize("p", [0.3, 0.5, 1, 2, 7, math.inf])
def test_schatten_norms_are_norms_of_singular_values(p):
    matrix = torch.randn(2, 4, 3, generator=seeded()).double()
    for found, each in zip(schatten_norm(matrix, p), matrix.numpy(), strict=True):
        values = np.linalg.svd(each, compute_uv=False)
        expected = values.max() if math.isinf(p) else (values**p).sum() ** (1 / p)
        assert float(found) == pytest.approx(expected)
    with pytest.raises(OptionError, match="positive"):
        schatten_norm(matrix, 0)


def test_distance_from_rank_is_that_of_the_best_approximation():
    matrix = torch.diag(torch.tensor([3.0, 2.0, 1.0])).double()
    distances = [float(distance_from_rank(matrix, rank)) for rank in range(4)]
    assert distances == pytest.approx([math.sqrt(14), math.sqrt(5), 1, 0])


def test_matricizations_have_the_singular_values_of_footnote_5():
    tensor = torch.randn(2, 3, 2, 2, generator=seeded()).double()
    for modes in ([0], [1, 3], [0, 2, 3]):
        expected = np.linalg.svd(oracles.matricized(tensor.numpy(), modes), compute_uv=False)
        found = torch.linalg.svdvals(matricization(tensor, modes)).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-12)
    with pytest.raises(OptionError, match="not all"):
        matricization(tensor, [0, 1, 2, 3])


def test_ground_truths_have_the_rank_and_norm_that_was_asked_for(monkeypatch):
    matrix = low_rank_tensor((9, 7), 3, 64.0, seeded())[0]
    assert int(matrix_rank(matrix)) == 3
    assert float(matrix.norm()) == pytest.approx(64)
    tree = perfect_tree(4)
    tensor = low_hierarchical_rank_tensor((4, 4, 4, 4), tree, 2, 1.0, seeded())
    assert set(hierarchical_rank(tensor, tree).values()) == {2}
    monkeypatch.setattr(draws, "ATTEMPTS", 20)
    with pytest.raises(NumericalError, match="smaller rank"):
        low_rank_tensor((2, 2, 2), 3, 1.0, seeded())


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("shape", [(5, 5, 5), (3, 4, 3, 3)])
def test_alternating_least_squares_finds_the_rank_of_tensors_of_known_rank(rank, shape):
    assert cp_rank(low_rank_tensor(shape, rank, 1.0, seeded(rank))[0]) == rank


def test_tensor_rank_can_exceed_every_matricization_and_the_zero_tensor_has_rank_zero():
    # Multiplication of complex numbers: real rank 3 (Gauss' three products), matricizations of 2.
    product = torch.tensor([[[1, 0], [0, -1]], [[0, 1], [1, 0]]], dtype=torch.float64)
    assert [int(matrix_rank(matricization(product, [mode]))) for mode in range(3)] == [2, 2, 2]
    assert cp_rank(product, max_rank=4, restarts=0) == 3
    assert cp_rank(torch.zeros(3, 3, 3).double()) == 0
    with pytest.raises(OptionError, match="not finite"):
        cp_rank(product * math.nan)
    with pytest.raises(OptionError, match="must be positive"):
        cp_rank(product, max_rank=0)


def test_the_search_for_a_tensor_rank_finds_the_first_that_fits_in_few_trials(monkeypatch):
    for true, most in itertools.product(range(1, 37), (None, 7)):
        tried = []

        def fits(tensor, rank, restarts, true=true, tried=tried):
            tried.append(rank)
            return rank >= true

        monkeypatch.setattr(measures, "_fits", fits)
        assert cp_rank(torch.ones(6, 6, 6).double(), max_rank=most) == min(true, most or 36)
        assert len(tried) == len(set(tried)) <= 2 * math.log2(true) + 2


def test_largest_sorts_and_pads():
    values = torch.tensor([[1.0, 3.0, 2.0]])
    assert largest(values, 2).tolist() == [[3, 2]]
    assert largest(values, 4).tolist() == [[3, 2, 1, 0]]
