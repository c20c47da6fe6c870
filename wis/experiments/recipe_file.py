"""Recipe files: TOML of texts, numbers, truth values, lists and tables, and nothing else.

TOML knows more: dates, integers of any size, tables within tables without end. None of it can stand
for a setting, and each would fail somewhere later, so it is refused where it is read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wis.errors import GraphFileError, RecipeError, echo

DEEPEST = 16
LARGEST = 2**63 - 1
LONGEST_BYTES = 10 * 2**20


def read_settings(path: Path) -> dict[str, Any]:
    """The content of a recipe file of any kind.

    Raises:
        GraphFileError: It cannot be read.
        RecipeError: It is not TOML, has no kind, or a value that no setting can have.
    """
    try:
        settings = tomllib.loads(_text(path))
    except RecursionError:
        raise RecipeError(f"{path}: nested too deeply; {_EXPECTED}") from None
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


_EXPECTED = "a recipe has texts, numbers, truth values, lists and tables of them"


def check_plain(settings: Mapping[str, Any]) -> None:
    """Make sure that all values are of the kinds that a setting can have.

    Raises:
        RecipeError: One is a date, an integer of more than 64 bits, or nested too deeply.
    """
    for name, value, depth in _walk(settings):
        if depth > DEEPEST:
            raise RecipeError(f"{name} is nested too deeply; {_EXPECTED}")
        if isinstance(value, (bool, str, float, list, tuple, Mapping, type(None))):
            continue
        if not isinstance(value, int):
            what = f"{echo(str(value))}, a {type(value).__name__}"
            raise RecipeError(f"{name} is {what}; {_EXPECTED}")
        if not -LARGEST <= value <= LARGEST:
            raise RecipeError(f"{name} is {_digits(value)}; expected an integer below 2^63")


def _digits(value: int) -> str:
    """An integer that may have more digits than Python prints."""
    return echo(str(value)) if value.bit_length() < 1000 else f"of {value.bit_length()} bits"


def _walk(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Top-level name, value and depth of everything, without recursion."""
    waiting = [(echo(str(name), 60), value, 1) for name, value in settings.items()]
    while waiting:
        name, value, depth = waiting.pop()
        yield name, value, depth
        if depth > DEEPEST:
            continue
        if isinstance(value, Mapping):
            waiting += [(name, each, depth + 1) for each in value.values()]
        elif isinstance(value, (list, tuple)):
            waiting += [(name, each, depth + 1) for each in value]
