"""Percentages and seeds from the ways in which people write them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from wis.errors import OptionError


def check_integers(what: str, values: Iterable[Any], low: int) -> None:
    """Raise `OptionError` unless all values are integers of at least `low`."""
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise OptionError(f"{what}: {value!r}; expected integers of at least {low}")


def parse_percentages(given: str | Sequence[Any]) -> tuple[float, ...]:
    """Percentages from ``"0:100:5"``, ``"0,25,50"`` or a list of numbers.

    Returns:
        Numbers in [0, 100], ascending.

    Raises:
        OptionError: They are no such thing.
    """
    items = _range_or_list(given) if isinstance(given, str) else list(given)
    try:
        numbers = [float(str(item).strip().rstrip("%")) for item in items]
    except ValueError:
        numbers = [math.nan]
    if not numbers or not all(0 <= number <= 100 for number in numbers):
        raise OptionError(
            f"remove is {given!r}; expected percentages in [0, 100], as in 0:100:10 or 0,25,50"
        )
    return tuple(sorted(numbers))


def _range_or_list(text: str) -> list[Any]:
    if ":" not in text:
        return text.split(",")
    try:
        low, high, step = map(float, text.replace("%", "").split(":"))
    except ValueError:
        return []
    if not (step > 0 and 0 <= low <= high <= 100):
        return []
    return [round(low + index * step, 9) for index in range(int((high - low) / step + 1e-9) + 1)]


def parse_seeds(given: int | str | Sequence[Any]) -> tuple[int, ...]:
    """Seeds from a number of them (0, 1, ...), ``"0,3,5"`` or a list.

    Raises:
        OptionError: They are no such thing.
    """
    try:
        if isinstance(given, str):
            given = [int(item) for item in given.split(",")] if "," in given else int(given)
        seeds = tuple(range(given)) if isinstance(given, int) else tuple(given)
    except (ValueError, TypeError):
        seeds = ()
    if not seeds:
        raise OptionError(
            f"seeds is {given!r}; expected a number of seeds, or a list such as 0,1,5"
        )
    check_integers("seeds", seeds, 0)
    return seeds
