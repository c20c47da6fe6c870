"""Settings of recipes: read a TOML file, check methods and models, parse amounts and seeds.

A recipe holds texts, numbers, truth values, lists and tables. TOML has more types, such as dates
and integers of any size; `read_settings` refuses them.

Amounts are written as for `wis sparsify`: ``"50%"``, ``0.5`` (a fraction) or ``"50 edges"``; on the
command line ``50`` means 50 edges. Older recipes wrote percentages as bare numbers. A recipe with a
bare number is refused, and the error shows both ways to write it.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wis.base.checks import MAX_SEED, as_integer, check_options, num_edges_to_remove
from wis.errors import GraphFileError, OptionError, RecipeError, echo
from wis.methods import get_method

if TYPE_CHECKING:
    from wis.training import TrainConfig

NOT_IN_A_MODEL = ("model", "seed", "device", "task", "keep_curve")
DEEPEST = 16
LARGEST = 2**63 - 1
LONGEST_BYTES = 10 * 2**20
MOST_AMOUNTS = 10_001
MOST_SEEDS = 100_000
EDGES = re.compile(r"(\d+) *edges?", re.ASCII)
NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
LONGEST_NUMBER = 40
"""The most characters of a number; a longer number is slow to parse and never meant."""
EXPECTED = "expected amounts such as 0%:100%:10% or 0%,25%,50%, fractions, or 50 edges"
PLAIN = "a recipe has texts, numbers, truth values, lists and tables of them"


def read_settings(path: Path) -> dict[str, Any]:
    """Read a recipe file of any kind."""
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
    """Raise `RecipeError` for dates, integers of more than 64 bits and too many nested levels.

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
    """Yield top-level name, value and depth of each value, without recursion."""
    waiting = [(echo(str(name), 60), value, 1) for name, value in settings.items()]
    while waiting:
        name, value, depth = waiting.pop()
        yield name, value, depth
        inner = value.values() if isinstance(value, Mapping) else value
        if depth <= DEEPEST and isinstance(value, (Mapping, list, tuple)):
            waiting += [(name, each, depth + 1) for each in inner]


_REQUIRED = object()
_TYPE_NAMES = {str: "text", int: "an integer", list: "a list"}


def take(rest: dict[str, Any], key: str, kind: Any, default: Any = _REQUIRED) -> Any:
    """Remove a key from the settings and return its value, after checking its type or types."""
    value = rest.pop(key, default)
    if value is _REQUIRED:
        raise RecipeError(f"the key {key!r} is missing")
    if value is not default and (isinstance(value, bool) or not isinstance(value, kind)):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(_TYPE_NAMES[each] for each in kinds)
        raise RecipeError(f"{key} is {echo(repr(value))}; expected {expected}")
    return value


def named_table(kind: str, table: Any) -> tuple[str, dict[str, Any]]:
    """Split a table into its name and its other keys."""
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise RecipeError(f"a table [[{kind}]] needs a name; found {echo(repr(table))}")
    return table["name"], {key: value for key, value in table.items() if key != "name"}


@dataclass(frozen=True)
class MethodSpec:
    """A method with its options, which is a line of the figure.

    Attributes:
        name: A name of `wis.available_methods`.
        options: Options of the method that differ from its defaults.
        label: The name of the line, unique in a recipe.
    """

    name: str
    options: Mapping[str, Any]
    label: str

    @classmethod
    def of(cls, name: str, options: Mapping[str, Any], label: str | None = None) -> MethodSpec:
        """Check the names of a method and its options. The default label is made of them.

        Raises:
            UnknownNameError: The method does not exist.
            OptionError: The method does not have one of the options.

        >>> MethodSpec.of("wis", {"walk_length": 2, "batch_size": 100}).label
        '2-WIS (batch_size=100)'
        """
        method = get_method(name)
        check_options(f"method {method.name!r}", options, method.options)
        return cls(method.name, dict(options), label or _default_label(method.name, options))

    def as_dict(self) -> dict[str, Any]:
        """The method as a table of a recipe."""
        return {"name": self.name, "label": self.label, **self.options}


def _default_label(name: str, options: Mapping[str, Any]) -> str:
    rest = dict(options)
    title = f"{rest.pop('walk_length', 1)}-WIS" if name == "wis" else name
    listed = ", ".join(f"{key}={value}" for key, value in rest.items())
    return f"{title} ({listed})" if listed else title


@dataclass(frozen=True)
class ModelSpec:
    """A network and its training.

    Attributes:
        name: A name of `wis.models.available_models`.
        settings: Fields of `wis.training.TrainConfig` that differ from its defaults.
        task: The task of the recipe.
    """

    name: str
    settings: Mapping[str, Any]
    task: str = "vertex"

    def config(self) -> TrainConfig:
        """The configuration of the training.

        Raises:
            UnknownNameError: The model does not exist.
            OptionError: A setting does not exist or has an impossible value.
        """
        from wis.training import TrainConfig

        known = [one.name for one in fields(TrainConfig) if one.name not in NOT_IN_A_MODEL]
        for setting in self.settings:
            if setting not in known:
                found = f"model {echo(repr(self.name))} has no setting {echo(repr(setting))}"
                raise OptionError(f"{found}; settings: {', '.join(known)}")
        return TrainConfig(model=self.name, task=self.task, **self.settings)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, Any]:
        """The model as a table of a recipe."""
        return {"name": self.name, **self.settings}


@dataclass(frozen=True)
class Amounts:
    """Amounts of edges to remove, in two units."""

    percentages: tuple[float, ...] = ()  # percentages in [0, 100], ascending
    edges: tuple[int, ...] = ()  # numbers of edges, at least 1, ascending


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
        given: A range (from, to, step) of percentages or fractions, items separated by commas, or a
            list of items.
        bare_edges: Read ``50`` as 50 edges, as `wis sparsify` does. A range of bare numbers is
            always refused, because older versions read it as percentages.

    Raises:
        OptionError: An item is not an amount, or is a bare number with two possible meanings.

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
    """Parse a fraction of the edges, or a number of edges; 0 edges become the fraction 0."""
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
    """Return the digits of a number without its percent sign; None if it is not a number."""
    body = text.strip().removesuffix("%").rstrip()
    return body if NUMBER.fullmatch(body) and len(body) <= LONGEST_NUMBER else None


def _split(text: str) -> list[Any]:
    """Split a list at its commas, or compute the fractions of a range."""
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
    """Write amounts as in a recipe, such as ``50%`` and ``7 edges``."""
    return [
        *(repr(percentage).removesuffix(".0") + "%" for percentage in amounts.percentages),
        *(f"{count} edges" for count in amounts.edges),
    ]


def parse_seeds(given: int | str | Sequence[Any]) -> tuple[int, ...]:
    """Parse a number of seeds (0, 1, ...), a text such as ``"0,3,5"``, or a list.

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


@dataclass(frozen=True)
class Cut:
    """An amount of edges to remove from a certain graph."""

    key: Mapping[str, float | int]  # the amount as it enters the keys of rows
    percentage: float  # the percentage of the edges to remove
    remove: str  # the amount as in a recipe, ``50%`` or ``50 edges``
    num_removed: int  # the number of edges to remove
    num_edges: int  # the number of edges of the whole graph

    @property
    def extreme(self) -> Literal["full", "empty"] | None:
        """``"full"`` or ``"empty"`` if the cut removes no edge or all, and so needs no order."""
        if self.num_removed == 0:
            return "full"
        return "empty" if self.num_removed == self.num_edges else None


def cuts_of(amounts: Amounts, sizes: Sequence[int]) -> list[Cut]:
    """Apply amounts to graphs with these numbers of edges, each by itself."""
    num_edges, cuts = sum(sizes), []
    for percentage, text in zip(
        amounts.percentages, spelt(Amounts(amounts.percentages)), strict=True
    ):
        removed = sum(num_edges_to_remove(size, remove=text) for size in sizes)
        cuts.append(Cut({"percentage": percentage}, percentage, text, removed, num_edges))
    if amounts.edges and len(sizes) != 1:
        raise OptionError("a number of edges is for a single graph; give percentages to remove")
    for count in amounts.edges:
        removed = num_edges_to_remove(num_edges, remove=count)
        share = 100 * removed / num_edges
        cuts.append(Cut({"edges": count}, share, f"{count} edges", removed, num_edges))
    for one, other in itertools.combinations(cuts, 2):
        if one.percentage == other.percentage:
            raise OptionError(f"{one.remove} and {other.remove} are the same on this graph")
    return cuts
