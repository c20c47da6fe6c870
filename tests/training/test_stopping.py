"""The stopping rule of Appendix D.6.2.2 on scripted accuracies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wis.training import EarlyStopping


def stopped_after(accuracies, *, num_samples=100, patience=3, min_delta=0.01):
    """Epochs until the rule says stop, None if it never does; and the rule."""
    rule = EarlyStopping(num_samples, patience, min_delta)
    for epoch, num_correct in enumerate(accuracies, start=1):
        if rule.update(num_correct):
            return epoch, rule
    return None, rule


def test_stops_after_patience_epochs_without_improvement():
    # 50 improves on nothing at epoch 1, 51 by 1 of 100 = 0.01 at epoch 2; then 3 epochs without
    epoch, rule = stopped_after([50, 51, 51, 40, 51, 99])
    assert epoch == 5
    assert (rule.best, rule.best_epoch) == (51, 2)


def test_an_improvement_just_below_the_threshold_does_not_count():
    # of 1000, 0.01 is 10: 509 is not enough after 500, 510 is
    assert stopped_after([500, 509, 509, 509], num_samples=1000)[0] == 4
    assert stopped_after([500, 509, 510, 510, 510, 510], num_samples=1000)[0] == 6


def test_slow_progress_counts_once_it_has_added_up():
    slow = list(range(500, 560, 4))  # 12 in 3 epochs: never 10 in one, always within patience
    assert stopped_after(slow, num_samples=1000)[0] is None


def test_the_best_epoch_needs_no_improvement_by_the_threshold():
    epoch, rule = stopped_after([500, 503, 501, 505], num_samples=1000)
    assert epoch == 4
    assert (rule.best, rule.best_epoch) == (505, 4)


def test_the_first_of_equally_good_epochs_is_the_best():
    assert stopped_after([7, 9, 8, 9, 9], patience=9)[1].best_epoch == 2


def test_the_first_epoch_counts_as_an_improvement_even_with_no_correct_prediction():
    assert stopped_after([0, 0, 0, 0])[0] == 4


def test_a_threshold_of_zero_asks_for_any_improvement():
    assert stopped_after([5, 5, 6, 6, 6, 6], min_delta=0.0)[0] == 6


@pytest.mark.parametrize("num_samples", [100, 300, 700, 900])
def test_rounding_never_decides(num_samples):
    # 0.01 * 700 is 7.000000000000001 in floats
    step = num_samples // 100
    assert (
        stopped_after([step * k for k in range(9)], num_samples=num_samples, patience=1)[0] is None
    )


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.05, 0.1, 0.2]),
)
def test_rule_equals_the_words_of_the_thesis(accuracies, patience, min_delta):
    """Literally: no epoch of the last `patience` reached the last reference plus the threshold."""
    needed = max(1, round(min_delta * 30 + 0.4999))
    expected, reference, reached = None, accuracies[0], 1
    for epoch, value in enumerate(accuracies, start=1):
        if epoch > 1 and value - reference >= needed:
            reference, reached = value, epoch
        if epoch - reached == patience:
            expected = epoch
            break
    found, rule = stopped_after(accuracies, num_samples=30, patience=patience, min_delta=min_delta)
    assert found == expected
    seen = accuracies[: rule.epoch]
    assert (rule.best, rule.best_epoch) == (max(seen), seen.index(max(seen)) + 1)


def test_state_goes_on_where_it_was():
    rule = EarlyStopping(100, 3, 0.01)
    for value in (5, 8, 7):
        rule.update(value)
    assert EarlyStopping(**rule.state()) == rule
