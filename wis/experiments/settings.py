"""Settings of recipes: reading a TOML file, and parsing amounts and seeds as people write them.

A recipe holds texts, numbers, truth values, lists and tables. TOML knows more, such as dates and
integers of any size. No setting can be a date, so `read_settings` refuses one where it is read.

An amount means the same as in `wis sparsify`: ``"50%"``, ``0.5`` (a fraction) or ``"50 edges"``; on
the command line ``50`` is short for 50 edges. Older recipes wrote percentages as bare numbers, so a
recipe with a bare number is refused, and the error shows both spellings.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from wis.base.checks import MAX_SEED, as_integer
from wis.errors import GraphFileError, OptionError, RecipeError, echo

DEEPEST = 16
LARGEST = 2**63 - 1
LONGEST_BYTES = 10 * 2**20
MOST_AMOUNTS = 10_001
MOST_SEEDS = 100_000
EDGES = re.compile(r"(\d+) *edges?", re.ASCII)
NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
LONGEST_NUMBER = 40
"""Characters of a number; a longer one is slow to parse and no sensible amount."""
EXPECTED = "expected amounts such as 0%:100%:10% or 0%,25%,50%, fractions, or 50 edges"
PLAIN = "a recipe has texts, numbers, truth values, lists and tables of them"


def read_settings(path: Path) -> dict[str, Any]:
    """Read a recipe file of any kind.

    Raises:
        GraphFileError: The file cannot be read.
        RecipeError: The file is not TOML, has no kind, or holds a value that no setting can have.
    """
    try:
        settings = tomllib.loads(_text(path))
    except RecursionError:
        raise RecipeError(f"{path}: nested too deeply; {PLAIN}") from None
    except ValueError as error:  # bad TOML, or an integer of thousands of digits
        raise RecipeError(f"{path}: is not TOML: {echo(str(error), 200)}") from None
    try:
        check_plain(settings)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
    if not isinstance(settings.get("kind"), str):
        raise RecipeError(
            f'{path}: the key kind is missing; expected text such as kind = "accuracy"'
        )
    return settings


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LONGEST_BYTES:
            raise RecipeError(f"{path}: is no recipe; it has more than {LONGEST_BYTES:,} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise GraphFileError(f"{echo(str(path))}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: is not text; expected a recipe in TOML") from None
    except ValueError as error:  # a name with a NUL
        raise GraphFileError(f"{echo(str(path))}: cannot be read: {error}") from None


def check_plain(settings: Mapping[str, Any]) -> None:
    """Raise `RecipeError` for a date, an integer of more than 64 bits, or too deep a nesting.

    >>> check_plain({"seeds": [0, 1], "models": [{"name": "gcn"}]})
    """
    for name, value, depth in _walk(settings):
        if depth > DEEPEST:
            raise RecipeError(f"{name} is nested too deeply; {PLAIN}")
        if isinstance(value, (bool, str, float, list, tuple, Mapping, type(None))):
            continue
        if not isinstance(value, int):
            found = f"{echo(str(value))}, a {type(value).__name__}"
            raise RecipeError(f"{name} is {found}; {PLAIN}")
        if not -LARGEST <= value <= LARGEST:
            # Python refuses to print an integer of more than 4,300 digits
            bits = value.bit_length()
            found = echo(str(value)) if bits < 1000 else f"of {bits} bits"
            raise RecipeError(f"{name} is {found}; expected an integer below 2^63")


def _walk(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Top-level name, value and depth of each value, without recursion."""
    waiting = [(echo(str(name), 60), value, 1) for name, value in settings.items()]
    while waiting:
        name, value, depth = waiting.pop()
        yield name, value, depth
        inner = value.values() if isinstance(value, Mapping) else value
        if depth <= DEEPEST and isinstance(value, (Mapping, list, tuple)):
            waiting += [(name, each, depth + 1) for each in inner]


@dataclass(frozen=True)
class Amounts:
    """Amounts of edges to remove, in two units.

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
    """Parse ``"0%:100%:5%"``, ``"0%,25%,50%"``, ``"0.5"``, ``"50 edges"`` or a list of such items.

    Args:
        given: A range (from, to, step) of percentages or fractions, items with commas, or a list.
        bare_edges: Take ``50`` for 50 edges, as `wis sparsify` does. A range of bare numbers is
            refused in any case: older versions read it as percentages.

    Raises:
        OptionError: An item is no amount, or a bare number may mean two things.

    >>> parse_amounts("0%:100%:50%").percentages
    (0.0, 50.0, 100.0)
    >>> parse_amounts("25%, 7 edges").edges
    (7,)
    """
    items = _split(given) if isinstance(given, str) else list(given)
    found = [_amount(item, bare_edges=bare_edges) for item in items]
    if not 0 < len(found) <= MOST_AMOUNTS:
        raise _refusal(given)
    return Amounts(
        tuple(sorted(float(100 * each) for each in found if isinstance(each, Fraction))),
        tuple(sorted(each for each in found if isinstance(each, int))),
    )


def _refusal(given: Any) -> OptionError:
    shown = given if isinstance(given, str) else repr(given)
    return OptionError(f"remove is {echo(shown)!r}; {EXPECTED}")


def _amount(item: Any, *, bare_edges: bool) -> Fraction | int:
    """A fraction of the edges, or a number of edges of at least 1; 0 edges are the fraction 0."""
    if isinstance(item, Fraction):
        return item
    if isinstance(item, bool) or not isinstance(item, (str, int, float)):
        raise _refusal(item)
    text = (item if isinstance(item, str) else repr(item)).strip()
    edges = EDGES.fullmatch(text)
    if edges is not None or (bare_edges and re.fullmatch(r"\d+", text, re.ASCII)):
        digits = edges.group(1) if edges is not None else text
        if len(digits) > 18:
            raise OptionError(f"remove is {echo(digits)} edges, more than any graph has")
        return int(digits) or Fraction(0)
    body = _number(text)
    if body is None:
        raise _refusal(item)
    number = Fraction(body)
    if text.endswith("%"):
        number /= 100
    elif number and (number > 1 or body.isdecimal()):
        counted = f", or '{body} edges' for a number of edges" if body.isdecimal() else ""
        raise OptionError(
            f"remove has the bare number {echo(str(item))}; write '{echo(body)}%' for a "
            f"percentage{counted}"
        )
    if number > 1:
        raise _refusal(item)
    return number


def _number(text: str) -> str | None:
    """The number before a percent sign, if there is one; None for anything else."""
    body = text.strip().removesuffix("%").rstrip()
    return body if NUMBER.fullmatch(body) and len(body) <= LONGEST_NUMBER else None


def _split(text: str) -> list[Any]:
    """The items of a list with commas, or the fractions of a range."""
    if ":" not in text:
        return [part.strip() for part in text.split(",")]
    parts = text.split(":")
    bodies = [body for part in parts if (body := _number(part)) is not None]
    if not len(parts) == len(bodies) == 3:
        raise _refusal(text)
    low, high, step = map(Fraction, bodies)
    unit = 100 if "%" in text else 1
    if unit == 1 and high > 1:
        raise OptionError(
            f"remove is {echo(text)!r}, a range of bare numbers; write "
            f"'{':'.join(f'{body}%' for body in bodies)}' for percentages, or list numbers of "
            "edges, such as '10 edges,20 edges'"
        )
    if not (step > 0 and low <= high <= unit) or (high - low) / step > MOST_AMOUNTS:
        raise _refusal(text)
    return [(low + k * step) / unit for k in range(int((high - low) / step) + 1)]


def spelt(amounts: Amounts) -> list[str]:
    """The amounts as texts of a recipe."""
    return [
        *(repr(percentage).removesuffix(".0") + "%" for percentage in amounts.percentages),
        *(f"{count} edges" for count in amounts.edges),
    ]


def parse_seeds(given: int | str | Sequence[Any]) -> tuple[int, ...]:
    """Seeds from a number of seeds (0, 1, ...), from ``"0,3,5"`` or from a list.

    Raises:
        OptionError: An item is no seed, or there are too many or none.

    >>> parse_seeds(3), parse_seeds("0,7")
    ((0, 1, 2), (0, 7))
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
