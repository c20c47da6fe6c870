"""Checks of arguments."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from wis.base import checks
from wis.errors import OptionError


@pytest.mark.parametrize("value", [3, np.int32(3), torch.tensor(3)])
def test_integers_of_any_library_become_python_ones(value):
    assert type(checks.checked_integer("depth", value, 1, 3)) is int


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), 2.0, "2", None, 0, 2**63])
def test_what_is_not_an_integer_in_range_is_named(value):
    with pytest.raises(OptionError, match=r"^depth is .{1,90}; expected an integer from 1 to 9$"):
        checks.checked_integer("depth", value, 1, 9)


@pytest.mark.parametrize("value", [True, math.nan, math.inf, 2.0**70, "1", None, -1, 1.5])
def test_what_is_not_a_finite_number_in_range_is_named(value):
    with pytest.raises(OptionError, match=r"^rate is .{1,90}; expected a share$"):
        checks.checked_number("rate", value, 0, 1, expected="a share")


def test_a_seed_is_any_integer_of_63_bits():
    assert checks.checked_seed(None) == 0
    assert checks.checked_seed(2**63 - 1) == 2**63 - 1
    with pytest.raises(OptionError, match=r"seed is -1; expected an integer from 0 to 2\^63 - 1"):
        checks.checked_seed(-1)


def test_epsilon_is_the_decimal_number_that_was_written():
    assert checks.checked_factor(0.1) == checks.checked_factor(np.float64(0.1)) == Fraction(11, 10)


def test_a_choice_lists_the_known_values():
    with pytest.raises(OptionError, match="task is 'edge'; expected 'vertex' or 'graph'"):
        checks.checked_choice("task", "edge", ("vertex", "graph"))
    with pytest.raises(OptionError, match="size is 4; expected one of 1, 2, 3"):
        checks.checked_choice("size", 4, (1, 2, 3))


@pytest.mark.parametrize("device", ["nowhere", "cpu:x", 3.5])
def test_a_device_that_is_not_there_is_named(device):
    with pytest.raises(OptionError, match=f"device '{device}' cannot be used here: "):
        checks.checked_device(device)
