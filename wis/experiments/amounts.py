"""Amounts to remove, and seeds, from the ways in which people write them.

An amount means what it means to `wis sparsify`: ``"50%"``, ``0.5`` (a fraction) or ``"50 edges"``,
for which the command line takes ``50``. Older recipes wrote percentages as bare numbers, so a bare
number that is no fraction is refused in a recipe, with both spellings of what it may mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from wis.base.checks import MAX_SEED, as_integer
from wis.errors import OptionError, echo

MOST_AMOUNTS = 10_001
MOST_SEEDS = 100_000
EDGES = re.compile(r"(\d+) *edges?", re.ASCII)
NUMBER = re.compile(r"\d+\.?\d*([eE][+-]?\d{1,3})?|\.\d+([eE][+-]?\d{1,3})?", re.ASCII)
EXPECTED = "expected amounts such as 0%:100%:10% or 0%,25%,50%, fractions, or 50 edges"


@dataclass(frozen=True)
class Amounts:
    """How much to remove, in two units.

    Attributes:
        percentages: In [0, 100], ascending.
        edges: Numbers of edges, ascending; at least 1.
    """

    percentages: tuple[float, ...] = ()
    edges: tuple[int, ...] = ()


def check_integers(what: str, values: Iterable[Any], low: int) -> None:
    """Raise `OptionError` unless all values are integers of at least `low`, of 64 bits."""
    for value in values:
        if (number := as_integer(value)) is None or not low <= number <= MAX_SEED:
            raise OptionError(
                f"{what}: {echo(repr(value))}; expected integers of at least {low}, below 2^63"
            )


def parse_amounts(given: str | Sequence[Any], *, bare_edges: bool = False) -> Amounts:
    """Amounts from ``"0%:100%:5%"``, ``"0%,25%,50%"``, ``"0.5"``, ``"50 edges"`` or a list of such.

    Args:
        given: A range (from, to, step) of percentages or fractions, items with commas, or a list.
        bare_edges: Take ``50`` for 50 edges, as `wis sparsify` does. A range of bare numbers is
            refused all the same: it used to be one of percentages.

    Raises:
        OptionError: They are no such thing, or a bare number may mean two things.
    """
    items = _range_or_list(given) if isinstance(given, str) else list(given)
    found = [_amount(item, bare_edges=bare_edges) for item in items]
    if not found or len(found) > MOST_AMOUNTS:
        raise _refusal(given)
    return Amounts(
        tuple(sorted(float(100 * each) for each in found if isinstance(each, Fraction))),
        tuple(sorted(each for each in found if isinstance(each, int))),
    )


def _refusal(given: Any) -> OptionError:
    shown = given if isinstance(given, str) else repr(given)
    return OptionError(f"remove is {echo(shown)!r}; {EXPECTED}")


def _amount(item: Any, *, bare_edges: bool) -> Fraction | int:
    """A fraction, or a number of edges of at least 1; no edges are no fraction of them."""
    if isinstance(item, Fraction):
        return item
    if isinstance(item, bool) or not isinstance(item, (str, int, float)):
        raise _refusal(item)
    text = (item if isinstance(item, str) else repr(item)).strip()
    edges = EDGES.fullmatch(text)
    if edges is not None or (bare_edges and re.fullmatch(r"\d+", text, re.ASCII)):
        count = _integer(edges.group(1) if edges is not None else text)
        return count or Fraction(0)
    body = text.removesuffix("%").rstrip()
    if not NUMBER.fullmatch(body) or len(body) > 40:
        raise _refusal(item)
    number = Fraction(body)
    if text.endswith("%"):
        number /= 100
    elif number and (number > 1 or body.isdecimal()):
        raise _bare(item, body)
    if number > 1:
        raise _refusal(item)
    return number


def _integer(digits: str) -> int:
    if len(digits) > 18:
        raise OptionError(f"remove is {echo(digits)} edges, more than any graph has")
    return int(digits)


def _bare(item: Any, body: str) -> OptionError:
    edges = f", or '{body} edges' for a number of edges" if body.isdecimal() else ""
    return OptionError(
        f"remove has the bare number {echo(str(item))}; write '{echo(body)}%' for a percentage"
        f"{edges}"
    )


def _range_or_list(text: str) -> list[Any]:
    if ":" not in text:
        return [part.strip() for part in text.split(",")]
    parts = [part.strip() for part in text.split(":")]
    bodies = [part.removesuffix("%").rstrip() for part in parts]
    if len(parts) != 3 or not all(NUMBER.fullmatch(b) and len(b) <= 40 for b in bodies):
        raise _refusal(text)
    low, high, step = map(Fraction, bodies)
    sign = "%" if any(part.endswith("%") for part in parts) else ""
    if not sign and high > 1:
        raise OptionError(
            f"remove is {echo(text)!r}, a range of bare numbers; write "
            f"'{':'.join(f'{body}%' for body in bodies)}' for percentages, or list numbers of "
            "edges, such as '10 edges,20 edges'"
        )
    if not (step > 0 and low <= high <= (100 if sign else 1)) or (high - low) / step > MOST_AMOUNTS:
        raise _refusal(text)
    unit = 100 if sign else 1
    return [(low + k * step) / unit for k in range(int((high - low) / step) + 1)]


def spelt(amounts: Amounts) -> list[str]:
    """Amounts as a recipe has them."""
    return [
        *(repr(percentage).removesuffix(".0") + "%" for percentage in amounts.percentages),
        *(f"{count} edges" for count in amounts.edges),
    ]


def parse_seeds(given: int | str | Sequence[Any]) -> tuple[int, ...]:
    """Seeds from a number of them (0, 1, ...), ``"0,3,5"`` or a list.

    Raises:
        OptionError: They are no such thing.
    """
    try:
        if isinstance(given, str):
            given = [int(item) for item in given.split(",")] if "," in given else int(given)
        listed = range(min(given, MOST_SEEDS + 1)) if isinstance(given, int) else given
        seeds = tuple(listed)
    except (ValueError, TypeError):
        seeds = ()
    if not 0 < len(seeds) <= MOST_SEEDS:
        raise OptionError(
            f"seeds is {echo(repr(given))}; expected a number of seeds (at most {MOST_SEEDS:,}), "
            "or a list such as 0,1,5"
        )
    check_integers("seeds", seeds, 0)
    return seeds
