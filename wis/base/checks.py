"""Checks of arguments: the value in the type that the code works with, or one clear error.

Each function takes the name of the argument for the message, and returns the checked value.

    >>> checked_integer("depth", 3, 1)
    3
    >>> checked_integer("depth", 2.5, 1)
    Traceback (most recent call last):
        ...
    wis.errors.OptionError: depth is 2.5; expected an integer, 1 or more
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from wis.errors import OptionError, echo

if TYPE_CHECKING:
    import torch

MAX_WALK_LENGTH = 1000  # networks have fewer layers; the limit guards against order files
TINY = math.ulp(0.0)  # the least number above 0
MAX_SEED = 2**63 - 1
DEFAULT_SEED = 0
EPSILON = "a number from 0 on, such as 0.1"


def as_integer(value: Any) -> int | None:
    """A Python integer; None for texts, floats, True and False, of Python, numpy or torch."""
    if isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool"):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def is_number(value: Any) -> bool:
    """Whether a value is an integer or a float; True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def checked_integer(
    name: str, value: Any, least: int = 0, most: int | None = None, *, expected: str = ""
) -> int:
    """A Python integer from `least` to `most`.

    Raises:
        OptionError: It is not; `expected` replaces the description of the range in the message.
    """
    number = as_integer(value)
    if number is None or number < least or (most is not None and number > most):
        usual = f", {least} or more" if most is None else f" from {least} to {most}"
        raise OptionError(f"{name} is {shown(value)}; expected {expected or f'an integer{usual}'}")
    return number


def checked_number(
    name: str, value: Any, least: float = -math.inf, most: float = math.inf, *, expected: str
) -> float:
    """A finite number, as it was given, from `least` to `most`.

    Raises:
        OptionError: It is not; the message says what was `expected`.
    """
    finite = is_number(value) and abs(value) <= sys.float_info.max
    if not finite or not least <= value <= most:
        raise OptionError(f"{name} is {shown(value)}; expected {expected}")
    number: float = value
    return number


def checked_seed(seed: Any) -> int:
    """A seed as a Python integer; 0 for None.

    Raises:
        OptionError: It is not an integer from 0 to 2^63 - 1.
    """
    if seed is None:
        return DEFAULT_SEED
    return checked_integer("seed", seed, 0, MAX_SEED, expected="an integer from 0 to 2^63 - 1")


def checked_factor(epsilon: Any) -> Fraction:
    """The factor 1 + epsilon as the decimal number that was written, so that thresholds are exact.

    Raises:
        OptionError: `epsilon` is negative or not a finite number.
    """
    checked_number("epsilon", epsilon, 0, expected=EPSILON)
    # The repr of numpy's float is not a number; 0.1 of either type gives 1/10, not a float near it.
    return 1 + Fraction(repr(float(epsilon)))


def check_walk_length(value: Any, *, least: int) -> int:
    """The `walk_length` of a method: L - 1 for a network of depth L.

    Raises:
        OptionError: The value is not an integer from `least` to `MAX_WALK_LENGTH`.
    """
    expected = f"a number of steps, {least} to {MAX_WALK_LENGTH}"
    return checked_integer("walk_length", value, least, MAX_WALK_LENGTH, expected=expected)


def checked_choice(name: str, value: Any, known: Iterable[Any]) -> Any:
    """One of the known values, else an `OptionError` that lists them."""
    choices = tuple(known)
    if value not in choices:
        several = f"one of {', '.join(map(repr, choices))}"
        expected = several if len(choices) > 2 else " or ".join(map(repr, choices))
        raise OptionError(f"{name} is {shown(value)}; expected {expected}")
    return value


def check_options(who: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise `OptionError` for a name in `given` that is not one of the known options."""
    names = list(known)
    for name in given:
        if name not in names:
            listed = ", ".join(names) or "none"
            raise OptionError(f"{who} has no option {echo(repr(name))}; its options: {listed}")


def check_digest(what: str, found: str, made_for: Any) -> None:
    """Raise `OptionError` if a saved order was made for data of another digest; None passes."""
    if made_for not in (None, found):
        raise OptionError(
            f"{what} are not those that the order was made for: digest {found[:8]}, not "
            f"{echo(str(made_for)[:8])}"
        )


def checked_device(device: torch.device | str) -> torch.device:
    """A device on which a tensor can be made and read.

    Raises:
        OptionError: It cannot be used here; the message repeats torch's reason.
    """
    import torch

    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen).item()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OptionError(f"device {str(device)!r} cannot be used here: {reason}") from None
    return chosen


def shown(value: Any) -> str:
    """A value as an error message shows it: its `repr`, never long."""
    return echo(value if not isinstance(value, str) else repr(value))


def checked_names(edge_attrs: Iterable[str]) -> tuple[str, ...]:
    """Names of attributes as a tuple; a single text is one name.

    Raises `OptionError` if the argument is not a list of names.
    """
    if isinstance(edge_attrs, str):
        return (edge_attrs,)
    names = tuple(edge_attrs) if isinstance(edge_attrs, Iterable) else (None,)
    if not all(isinstance(name, str) for name in names):
        raise OptionError(
            f"edge_attrs is {echo(edge_attrs)}; expected names of attributes, such as ['weight']"
        )
    return names
