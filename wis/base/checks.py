"""Arguments of public functions: their values in the types that the code works with.

`checked_integer` and its kin take the name of an argument for the message, and return the checked
value or raise one clear error.

    >>> checked_integer("depth", 3, 1)
    3
    >>> checked_integer("depth", 2.5, 1)
    Traceback (most recent call last):
        ...
    wis.errors.OptionError: depth is 2.5; expected an integer, 1 or more

Amounts: `remove` is the amount to remove: an `int` counts edges, a `float` in [0, 1] is a fraction
of the m edges, and a `str` is either (``"50%"``, ``"0.5"``, ``"120"``). `keep` is the amount to
keep, and exactly one of the two is given. A fraction f gives round-half-even(f·m). It is computed
from the decimal number that was written, so that 0.3, ``"0.3"``, ``"30%"`` and ``keep=0.7`` agree.

`torch.set_default_device` and `torch.set_default_dtype` are arguments that nobody passes. Results
must not depend on them, so functions that call other libraries, or make modules, run under
`usual_defaults`. The code of wis names the device of each tensor that it makes.
"""

from __future__ import annotations

import math
import operator
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

from wis.errors import OptionError, echo

if TYPE_CHECKING:
    import torch

Amount = SupportsIndex | float | str

MAX_WALK_LENGTH = 1000  # networks have fewer layers; the limit guards against order files
TINY = math.ulp(0.0)  # the least number above 0
MAX_SEED = 2**63 - 1
DEFAULT_SEED = 0
EPSILON = "a number from 0 on, such as 0.1"
AUTO = re.compile(r"auto(?::(.+))?", re.ASCII)
AUTO_BUDGET = "5min"

_NUMBER = re.compile(r"[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)


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


def check_limits(keep_connected: Any, min_degree: Any) -> None:
    """Raise `OptionError` if one of these protections is impossible for every graph."""
    if type(keep_connected).__name__ not in ("bool", "bool_"):  # of Python or of numpy
        raise OptionError(f"keep_connected is {keep_connected!r}; expected True or False")
    checked_integer("min_degree", min_degree, expected="a number of neighbours, 0 or up")


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


def user_path(path: str | Path) -> Path:
    """A path in which a leading ``~`` is the home folder, as in a shell.

    >>> user_path("~/graph.csv") == Path.home() / "graph.csv"
    True
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:  # there is no home folder
        return Path(path)


def num_edges_to_remove(
    num_edges: int, *, remove: Amount | None = None, keep: Amount | None = None, noun: str = "edge"
) -> int:
    """Turn `remove` or `keep` into a number of edges.

    Args:
        num_edges: Number m of undirected edges of the graph, without self-loops.
        remove: The amount to remove: edges (`int`), a fraction in [0, 1] (`float`), or a text.
        keep: The amount to keep, in the same forms.
        noun: The word for an edge in messages: ``"arc"`` in a directed graph.

    Returns:
        The number of edges to remove, in [0, m].

    Raises:
        OptionError: Both or neither are given, or the amount is not in range.

    >>> num_edges_to_remove(78, remove="30%"), num_edges_to_remove(78, keep=70)
    (23, 8)
    """
    return num_edges_of(checked_amount(remove, keep), num_edges, noun)


def auto_budget(remove: object) -> str | None:
    """The budget of ``remove="auto"``, or of ``"auto:40runs"``; None for another amount.

    >>> auto_budget("auto"), auto_budget("auto:40runs"), auto_budget("50%")
    ('5min', '40runs', None)
    """
    found = AUTO.fullmatch(remove.strip()) if isinstance(remove, str) else None
    return None if found is None else found[1] or AUTO_BUDGET


def num_edges_of(
    given: tuple[str, Amount, int | Fraction], num_edges: int, noun: str = "edge"
) -> int:
    """`num_edges_to_remove` for an amount that `checked_amount` returned."""
    name, value, amount = given
    if isinstance(amount, int):
        count = amount if name == "remove" else num_edges - amount
    else:
        count = round((amount if name == "remove" else 1 - amount) * num_edges)
    if not 0 <= count <= num_edges:
        raise OptionError(
            f"{name} is {_counted(value, noun)}, but the graph has {_counted(num_edges, noun)} "
            f"(self-loops and repeats do not count); give 0 to {num_edges}, or a percentage"
        )
    return count


def checked_amount(
    remove: Amount | None, keep: Amount | None
) -> tuple[str, Amount, int | Fraction]:
    """Which of the two was given, its value, and the amount: edges (int) or a fraction of them.

    Raises:
        OptionError: Both or neither are given, or no graph has such an amount.
    """
    if remove is not None and keep is None:
        return "remove", remove, _parse("remove", remove)
    if keep is not None and remove is None:
        return "keep", keep, _parse("keep", keep)
    found = "neither was" if remove is None else "both were"
    raise OptionError(f"give exactly one of remove and keep; {found} given")


def plain_amount(amount: Amount | None) -> int | float | str | None:
    """The amount with a plain Python number in place of one of numpy or torch."""
    if amount is None or isinstance(amount, str):
        return amount
    try:
        return operator.index(amount)  # type: ignore[arg-type]
    except TypeError:
        return float(amount)


def _counted(value: object, noun: str) -> str:
    """A number of edges in words, such as ``1 edge``."""
    return f"{echo(value)} {noun}{'' if echo(value) == '1' else 's'}"


def amounts_per_class(
    sizes: Sequence[int], *, remove: Amount | None = None, keep: Amount | None = None
) -> list[int]:
    """Turn `remove` or `keep` into a number of edges of each class of edges.

    Args:
        sizes: Number of edges of each class.
        remove: The amount to remove, as in `num_edges_to_remove`.
        keep: The amount to keep.

    Returns:
        The number of edges to remove from each class. For a fraction f it is
        round-half-even(f·size). A number N of edges is apportioned to the classes in proportion to
        their sizes: each class gets the whole part of its share. The edges that are left go one by
        one to the classes with the largest remainders; the first class wins a tie.

    Raises:
        OptionError: Both or neither are given, or the amount is not in range.
    """
    total = sum(sizes)
    count = num_edges_to_remove(total, remove=remove, keep=keep)
    if not isinstance(checked_amount(remove, keep)[2], int):
        return [num_edges_to_remove(size, remove=remove, keep=keep) for size in sizes]
    shares = [divmod(count * size, max(total, 1)) for size in sizes]
    amounts = [whole for whole, _ in shares]
    by_remainder = sorted(range(len(sizes)), key=lambda index: -shares[index][1])
    for index in by_remainder[: count - sum(amounts)]:
        amounts[index] += 1
    return amounts


def _parse(name: str, amount: Amount) -> int | Fraction:
    """The amount as an int, which counts edges, or as a Fraction of all edges."""
    if isinstance(amount, str):
        return _parse_text(name, amount.strip())
    if isinstance(amount, bool) or str(getattr(amount, "dtype", "")).endswith("bool"):
        raise OptionError(f"{name} is {amount}; expected a number of edges or a fraction")
    try:
        return _in_range(name, amount, operator.index(amount))  # type: ignore[arg-type]
    except TypeError:
        pass
    try:
        text = repr(float(amount))
    except (TypeError, ValueError):
        raise OptionError(
            f"{name} is a {type(amount).__name__}; expected an int (edges), a float in [0, 1] "
            f"or a text such as '50%'"
        ) from None
    if not _NUMBER.fullmatch(text):
        raise OptionError(f"{name} is {text}; expected a fraction in [0, 1]")
    return _in_range(name, amount, Fraction(text))


def _parse_text(name: str, text: str) -> int | Fraction:
    if auto_budget(text) is not None:
        raise OptionError(
            f"{name} is {echo(text)!r}, which only remove of wis.sparsify and of `wis sparsify` "
            "takes; wis.advise(data) finds an amount and a method for use elsewhere"
        )
    body = text.removesuffix("%").rstrip()
    if not _NUMBER.fullmatch(body):
        raise OptionError(
            f"{name} is {echo(text)!r}; expected a number of edges ('120'), a fraction ('0.5') "
            f"or a percentage ('50%')"
        )
    if text.endswith("%"):
        return _in_range(name, text, Fraction(body) / 100)
    if re.fullmatch(r"[+-]?\d+", body):
        return _in_range(name, text, int(body))
    return _in_range(name, text, Fraction(body))


def _in_range(name: str, given: Amount, value: int | Fraction) -> int | Fraction:
    if isinstance(value, int):
        if value < 0:
            raise OptionError(f"{name} is {echo(given)}; a number of edges cannot be negative")
    elif not 0 <= value <= 1:
        percent = isinstance(given, str) and given.endswith("%")
        limits = "between 0% and 100%" if percent else "in [0, 1]; a number of edges is an integer"
        raise OptionError(f"{name} is {echo(given)}; expected a fraction {limits}")
    return value


@contextmanager
def usual_defaults() -> Iterator[None]:
    """Inside a `with` block, or a function decorated by it: the device is the CPU, floats float32.

    It costs nothing if these are the defaults already. torch has one default dtype for the whole
    process: if the program set another one, its other threads see float32 during the call.
    """
    import torch

    dtype = torch.get_default_dtype()
    elsewhere = torch.get_default_device() != torch.device("cpu")
    if dtype != torch.float32:
        torch.set_default_dtype(torch.float32)
    try:
        if elsewhere:
            with torch.device("cpu"):
                yield
        else:
            yield
    finally:
        if dtype != torch.float32:
            torch.set_default_dtype(dtype)
