"""Keyword options of methods, and the error for an option that does not exist."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wis.errors import OptionError, echo
from wis.methods import Method

NAMED = ("walk_length", "epsilon", "batch_size", "engine", "scores")
"""Options of methods that `wis.sparsify` and the like have as parameters of their own."""

MEANT: Mapping[str, str] = {
    **dict.fromkeys(("p", "ratio", "fraction", "rate", "amount", "prune", "sparsity"), "remove"),
    **dict.fromkeys(("drop", "num_removed", "remove_ratio", "percent"), "remove"),
    **dict.fromkeys(("keep_ratio", "retain", "num_kept"), "keep"),
    **dict.fromkeys(("k", "length", "num_steps", "steps"), "walk_length"),
    **dict.fromkeys(("algorithm", "name", "mode"), "method"),
    **dict.fromkeys(("random_state", "rng", "generator"), "seed"),
    **dict.fromkeys(("undirected", "direction"), "directed"),
    **dict.fromkeys(("depth", "num_layers", "layers", "L"), "walk_length (depth - 1)"),
}
"""Names that options have in other libraries, and their names here."""

WEIGHTS = ("weights", "weight", "edge_weight", "edge_weights")
"""Names under which callers may look for weights of walks."""


def named_options(**named: Any) -> dict[str, Any]:
    """The options that were given, without those that are None."""
    return {name: value for name, value in named.items() if value is not None}


def method_named(method: str | None, scores: Any) -> str:
    """The method of a call: by default ``"scores"`` if scores are given, else ``"wis"``."""
    return method or ("wis" if scores is None else "scores")


def refuse_weights(method: Method, option: str) -> None:
    """Raise `OptionError` if an option would give weights to walks."""
    if option in WEIGHTS and method.name in ("wis", "gwis"):
        raise OptionError(
            f"method {method.name!r} takes no {option}: walk indices count walks, and are not "
            f"defined for weights; take the method 'weight', 'disparity' or another weighted one, "
            f"or rank by scores of your own"
        )


def check_keywords(
    caller: Callable[..., Any],
    method: Method,
    given: Iterable[str],
    *,
    name: str | None = None,
    without: Iterable[str] = (),
) -> None:
    """Raise unless the extra keywords of a call are options of its method.

    Args:
        caller: The function that was called, with ``**options``.
        method: The method that the options are for.
        given: Names of the extra keywords.
        name: The name of the function in the error; its own name if not given.
        without: Parameters of the function that callers cannot give.

    Raises:
        OptionError: A keyword is unknown; the message lists the known ones and the closest.
    """
    unknown = [keyword for keyword in given if keyword not in method.options]
    if not unknown:
        return
    refuse_weights(method, unknown[0])
    keyword_only = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = inspect.signature(caller).parameters.values()
    own = [parameter.name for parameter in parameters if parameter.kind in keyword_only]
    own = [word for word in own if word not in ("self", "data", *without, *NAMED)]
    known = list(dict.fromkeys([*own, *method.options]))
    close = difflib.get_close_matches(unknown[0], known, n=1)
    meant = MEANT.get(unknown[0]) or (close[0] if close else None)
    if meant is not None and meant.partition(" ")[0] not in known:
        meant = None
    hint = f" Did you mean {meant}?" if meant else ""
    raise OptionError(
        f"{name or caller.__name__} has no option {echo(unknown[0])!r} with the method "
        f"{method.name!r}; known: {', '.join(known)}.{hint}"
    )
