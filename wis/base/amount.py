"""Amounts: the number of edges that `remove` or `keep` means.

`remove` is the amount to remove: an `int` counts edges, a `float` in [0, 1] is a fraction of the m
edges, and a `str` is either (``"50%"``, ``"0.5"``, ``"120"``). `keep` is the amount to keep, and
exactly one of the two is given. A fraction f gives round-half-even(f·m). It is computed from the
decimal number that was written, so that 0.3, ``"0.3"``, ``"30%"`` and ``keep=0.7`` agree.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import SupportsIndex

from wis.errors import OptionError, echo

Amount = SupportsIndex | float | str

AUTO = re.compile(r"auto(?::(.+))?", re.ASCII)
AUTO_BUDGET = "5min"

_NUMBER = re.compile(r"[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)


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
