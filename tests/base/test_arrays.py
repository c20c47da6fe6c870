import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wis.base import arrays
from wis.base.arrays import rank_in_run, searchsorted, select, sort_in_place, stable_argsort, where

LISTS = st.lists(st.integers(0, 6), max_size=40)


@given(LISTS)
def test_stable_argsort_keeps_equal_keys_in_their_old_order(keys):
    expected = sorted(range(len(keys)), key=keys.__getitem__)
    assert stable_argsort(torch.tensor(keys, dtype=torch.int64)).tolist() == expected


def test_stable_argsort_is_right_where_key_and_position_do_not_fit_into_one_integer():
    keys = torch.tensor([2**62, 5, 2**62, 5, 2**63 - 1])
    assert stable_argsort(keys).tolist() == [1, 3, 0, 2, 4]


@given(LISTS)
def test_rank_in_run_counts_from_zero_within_each_run(rows):
    expected = []
    for position, row in enumerate(rows):
        runs_on = position > 0 and rows[position - 1] == row
        expected.append(expected[-1] + 1 if runs_on else 0)
    assert rank_in_run(torch.tensor(rows, dtype=torch.int64)).tolist() == expected


@pytest.mark.parametrize("many", [1, arrays.MANY])  # with 1, it sorts the keys first
@given(values=LISTS, keys=LISTS)
def test_searchsorted_finds_the_first_position_that_is_not_below(many, values, keys):
    ordered = sort_in_place(torch.tensor(values, dtype=torch.int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "MANY", many)
        found = searchsorted(ordered, torch.tensor(keys, dtype=torch.int64)).tolist()
    assert found == [sum(value < key for value in values) for key in keys]


@given(st.lists(st.booleans(), max_size=40))
def test_where_and_select_are_those_of_a_mask(mask):
    values = torch.arange(len(mask), dtype=torch.int32) * 3
    chosen = [place for place, is_true in enumerate(mask) if is_true]
    assert where(torch.tensor(mask, dtype=torch.bool)).tolist() == chosen
    found = select(values, torch.tensor(mask, dtype=torch.bool))
    assert (found.dtype, found.tolist()) == (torch.int32, [3 * place for place in chosen])
