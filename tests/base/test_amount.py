"""The ways in which people say how much to remove."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wis.base.checks import num_edges_to_remove
from wis.errors import OptionError


@pytest.mark.parametrize(
    ("remove", "expected"),
    [
        (0, 0),
        (1, 1),
        (10, 10),
        (0.0, 0),
        (1.0, 10),
        (0.5, 5),
        (0.25, 2),  # 2.5, half to even
        (0.35, 4),  # 3.5, half to even, although the float is below 0.35
        ("50%", 5),
        (" 50 % ", 5),
        ("100%", 10),
        ("0.5", 5),
        ("1.0", 10),
        ("1", 1),
        ("1e-1", 1),
        (".5", 5),
        ("7", 7),
        (np.int64(3), 3),
        (np.float32(0.5), 5),
        (np.float64(0.3), 3),
        (torch.tensor(4), 4),
    ],
)
def test_amount_of_ten_edges(remove, expected):
    assert num_edges_to_remove(10, remove=remove) == expected
    assert num_edges_to_remove(10, keep=remove) in {10 - expected, 10 - expected - 1}


@given(st.integers(0, 10**7), st.integers(0, 1000))
def test_all_spellings_of_a_fraction_agree(num_edges, per_mille):
    exact = Fraction(per_mille, 1000)
    text = str(Decimal(per_mille) / 1000)
    expected = round(exact * num_edges)
    for remove in (float(text), f"{Decimal(per_mille) / 10}%"):
        assert num_edges_to_remove(num_edges, remove=remove) == expected
    kept = str(1 - Decimal(text))
    if "." in kept:
        assert num_edges_to_remove(num_edges, keep=float(kept)) == expected
        assert num_edges_to_remove(num_edges, keep=kept) == expected


@given(st.integers(0, 10**7), st.data())
def test_whole_numbers_count_edges(num_edges, data):
    count = data.draw(st.integers(0, num_edges))
    assert num_edges_to_remove(num_edges, remove=count) == count
    assert num_edges_to_remove(num_edges, remove=str(count)) == count
    assert num_edges_to_remove(num_edges, keep=count) == num_edges - count


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        (-1, "cannot be negative"),
        (11, "the graph has 10 edges"),
        ("11", "the graph has 10 edges"),
        (1.5, r"in \[0, 1\]; a number of edges is an integer"),
        (2.0, r"in \[0, 1\]"),
        (-0.1, r"in \[0, 1\]"),
        ("150%", "between 0% and 100%"),
        ("-5%", "between 0% and 100%"),
        ("1.5", r"in \[0, 1\]"),
        ("half", "expected a number of edges"),
        ("", "expected a number of edges"),
        ("%", "expected a number of edges"),
        ("5%%", "expected a number of edges"),
        ("nan", "expected a number of edges"),
        (float("nan"), "remove is nan"),
        (float("inf"), "remove is inf"),
        (True, "remove is True"),
        (np.True_, "remove is True"),
        (torch.tensor(True), "remove is True"),
        ([0.5], "remove is a list"),
        (None, "exactly one of remove and keep; neither"),
    ],
)
def test_impossible_amount_is_refused_in_one_line(remove, message):
    with pytest.raises(OptionError, match=message) as error:
        num_edges_to_remove(10, remove=remove)
    assert "\n" not in str(error.value)
    if remove is not None:
        renamed = re.sub("^remove", "keep", str(error.value))
        with pytest.raises(OptionError, match=re.escape(renamed)):
            num_edges_to_remove(10, keep=remove)


def test_remove_and_keep_exclude_each_other():
    with pytest.raises(OptionError, match="both were"):
        num_edges_to_remove(10, remove=3, keep=7)


def test_graph_without_edges_has_none_to_remove():
    assert num_edges_to_remove(0, remove="100%") == num_edges_to_remove(0, keep=0) == 0
