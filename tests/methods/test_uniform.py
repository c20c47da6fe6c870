"""Uniformly random removal."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
import torch
from strategies import as_pairs

import wis
from wis.errors import OptionError
from wis.testing import odd_graph


def test_all_orders_are_equally_likely():
    path = odd_graph("isolated-vertices")  # 4 edges, 24 orders
    draws = 24 * 50
    counts = Counter(
        tuple(as_pairs(wis.removal_order(path, "random", seed=seed).edges)) for seed in range(draws)
    )
    chi_squared = sum((count - 50) ** 2 / 50 for count in counts.values())
    assert len(counts) == len(list(itertools.permutations(range(4))))
    assert chi_squared < 49.7  # the 99.9 % quantile of chi-squared with 23 degrees of freedom


def test_seeds_give_different_orders_and_are_recorded():
    data = odd_graph("random-dense")
    orders = [wis.removal_order(data, "random", seed=seed) for seed in (0, 1)]
    assert not torch.equal(orders[0].edges, orders[1].edges)
    assert [order.provenance.seed for order in orders] == [0, 1]


def test_no_seed_means_seed_zero():
    data = odd_graph("random-dense")
    default, zero = wis.removal_order(data, "random"), wis.removal_order(data, "random", seed=0)
    assert torch.equal(default.edges, zero.edges)
    assert default.provenance.seed == 0


def test_global_random_state_is_neither_used_nor_changed():
    data = odd_graph("random-dense")
    torch.manual_seed(1)
    first = wis.removal_order(data, "random", seed=3)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = wis.removal_order(data, "random", seed=3)
    assert torch.equal(first.edges, second.edges)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0", 2**63])
def test_impossible_seed_is_refused(seed):
    with pytest.raises(OptionError, match="seed"):
        wis.removal_order(odd_graph("path"), "random", seed=seed)
