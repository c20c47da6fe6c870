"""Names, options and look-up of the methods; see `wis.methods` for the idea."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from wis.base.checks import check_options
from wis.base.registry import Registry, plain_name
from wis.errors import OptionError, echo

if TYPE_CHECKING:
    from torch import Tensor

    from wis.graph import CanonicalGraph
    from wis.methods.certificates import Checked
    from wis.methods.draws import Draws


OrderMethod: TypeAlias = "Callable[..., Tensor | tuple[Tensor, Draws]]"
"""``method(graph, *, count, seed, progress, **options) -> edge_ids``.

- `graph` is an `UndirectedGraph`, or a `DirectedGraph` if the method is registered for these too.
  It lies on the device where the method should compute.
- `count` is the number of edges to order, 0 to m.
- `seed` is for random methods.
- `progress` is a function to call with the number of edges that are done (`wis.base.progress`).
- `data`, for a method that has such a parameter, is the object that its `prepare` returned.
- `guard`, for a method that has such a parameter, is the `wis.methods.guard.Guard` of the edges
  that may go, or None. Such a method makes each choice among these, and its result is shorter
  if no more may go. Others rank all edges, and those that a protection keeps are passed over.
- Further keyword-only parameters are the options of the method.

The method returns an int64 tensor of shape [count] on the graph's device: distinct edge ids, first
removed first. A method that samples edges may return a pair of them and of its draws
(`wis.methods.draws`), from which weights of the kept edges follow.
"""

Resolver = Callable[[Any, dict[str, Any]], dict[str, Any]]
Preparer = Callable[[Any, Any, dict[str, Any], int], tuple[dict[str, Any], dict[str, Any]]]
Certificate: TypeAlias = "Callable[..., Checked | int | None]"
"""``check(graph, edge_ids, *, progress, seed, choice, made_with, **options) -> Checked``.

It raises `NotGreedyError`, or returns a `Checked` (`wis.methods.certificates`), or the number of
greedy steps, or None if all steps are greedy. `choice` says which steps to check; `seed` is for a
sample of them. `made_with` is the seed of the order if this method made it with these options, and
None otherwise. Only orders with such a seed can be checked for ties and other details beyond the
rule. A certificate can take arguments that it does not need as `**options`. One with a parameter
`last` serves protected orders, too: int64 [m], the last step at which each edge may go, -1 if it
never may; None if nothing is protected. Protected orders of other methods are computed again.
"""

SHARED = ("count", "seed", "progress", "data", "guard")
OF_EDGES = ("edge_weight", "scores")
"""Options that name an attribute of the arcs."""


def as_given(
    graph: Any, data: Any, options: dict[str, Any], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The `prepare` of a method that needs the edges alone."""
    return options, options


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        name: The name, in lower case with hyphens.
        summary: One line for `wis methods`.
        order: The function.
        uses_seed: Whether the method is random.
        seeded_by: Options that make a deterministic method random if they are given.
        options: The options of the method and their defaults.
        resolve: Checks the options for a graph, and replaces a choice such as ``engine="auto"`` by
            the engine that it means. The provenance records the result.
        prepare: Turns options that name a part of the user's data, such as ``partitions``, into
            arguments of the function. It gets the graph, the object that the graph was made from,
            the resolved options and the seed. It returns the options for the function, and those to
            record.
        verify: The certificate that `wis.verify_order` uses, None if the method has none.
        supports_directed: Whether the function, `resolve`, `prepare` and `verify` take a
            `DirectedGraph` too, whose edges are arcs.
        needs: Attributes that the user's data must have, such as ``("x", "y")``, or for
            ``"edge_weight"`` the one that the option of that name names; `prepare` reads them.
        guards: Whether the function takes a `guard` and makes its choices among the edges that may
            go.
        reweights: None if the method draws no edges, so that they have no weights; else an empty
            text, or the option with which it draws, such as ``"sample"``.
    """

    name: str
    summary: str
    order: OrderMethod
    uses_seed: bool
    options: Mapping[str, Any]
    resolve: Resolver
    prepare: Preparer
    verify: Certificate | None
    supports_directed: bool
    needs: tuple[str, ...]
    seeded_by: tuple[str, ...] = ()
    reweights: str | None = None
    guards: bool = False

    def ranked(self, graph: CanonicalGraph, **arguments: Any) -> tuple[Tensor, Draws | None]:
        """The result of `order`, with None where there are no draws."""
        made = self.order(graph, **arguments)
        return made if isinstance(made, tuple) else (made, None)

    def draws_with(self, options: Mapping[str, Any]) -> bool:
        """Whether an order with these options comes from draws."""
        needed = self.reweights
        return needed is not None and (not needed or bool(options.get(needed)))

    @property
    def reads_data(self) -> bool:
        """Whether the method looks at more than the edges: attributes or names of vertices."""
        return self.prepare is not as_given

    def is_seeded(self, options: Mapping[str, Any]) -> bool:
        """Whether the seed matters to an order with these resolved options."""
        return self.uses_seed or any(options.get(name) for name in self.seeded_by)

    def resolved_options(self, graph: CanonicalGraph, given: Mapping[str, Any]) -> dict[str, Any]:
        """The defaults updated by `given`, checked.

        Raises:
            OptionError: The method has no such option, or its value is impossible, or the graph is
                directed and the method is for undirected ones.
        """
        self.check_takes(graph)
        check_options(f"method {self.name!r}", given, self.options)
        return self.resolve(graph, {**self.options, **plain_options(given)})

    def check_takes(self, graph: CanonicalGraph) -> None:
        """Raise `OptionError` if the graph is directed and the method is for undirected ones."""
        if graph.directed and not self.supports_directed:
            known = ", ".join(name for name in sorted(METHODS) if METHODS[name].supports_directed)
            raise OptionError(
                f"method {self.name!r} is for undirected graphs; methods that take directed ones: "
                f"{known}"
            )


def plain_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options with Python's numbers in place of numpy's."""
    return {name: value.item() if _is_scalar(value) else value for name, value in given.items()}


def _is_scalar(value: Any) -> bool:
    """Whether a value is a number of numpy's; numpy need not be imported to tell."""
    return type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()


def value_of(text: str) -> Any:
    """The truth value, None or number that an option spells; any other text as it is."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if re.fullmatch(r"[+-]?\d{1,19}", text, re.ASCII):
        return int(text)
    try:
        return float(text) if text.isascii() and "_" not in text else text
    except ValueError:
        return text


_BASELINES = "wis.methods.baselines"
METHODS: Registry[Method] = Registry(
    "method",
    homes={
        "wis": "wis.methods.walk_index",
        "gwis": "wis.methods.general",
        "disparity": f"{_BASELINES}.weighted",
        "dspar": f"{_BASELINES}.degree_scores",
        "edge-betweenness": f"{_BASELINES}.edge_betweenness",
        "forest-fire": f"{_BASELINES}.forest_fire",
        "forman": f"{_BASELINES}.similarity_scores",
        "goku": f"{_BASELINES}.spectral",
        "jaccard": f"{_BASELINES}.similarity_scores",
        "k-neighbor": f"{_BASELINES}.degree_scores",
        "local-degree": f"{_BASELINES}.degree_scores",
        "local-similarity": f"{_BASELINES}.similarity_scores",
        "maximum-spanning": f"{_BASELINES}.weighted",
        "metric-backbone": f"{_BASELINES}.weighted",
        "noise-corrected": f"{_BASELINES}.weighted",
        "proxy-delete": f"{_BASELINES}.spectral_gap",
        "random": f"{_BASELINES}.ranking",
        "scores": f"{_BASELINES}.ranking",
        "spectral": f"{_BASELINES}.spectral",
        "spectral-exact": f"{_BASELINES}.spectral",
        "teddy": f"{_BASELINES}.degree_scores",
        "ugs": f"{_BASELINES}.ugs",
        "weight": f"{_BASELINES}.weighted",
    },
    group="wis.methods",
)
"""The table of methods."""


def register(
    name: str,
    *,
    summary: str,
    uses_seed: bool = False,
    resolve: Resolver = lambda graph, options: options,
    prepare: Preparer = as_given,
    verify: Certificate | None = None,
    supports_directed: bool = False,
    needs: tuple[str, ...] = (),
    seeded_by: tuple[str, ...] = (),
    reweights: str | None = None,
) -> Callable[[OrderMethod], OrderMethod]:
    """Decorator that puts a function into the table of methods.

    Raises:
        ValueError: The name is taken.

    >>> import torch
    >>> @register("last-first", summary="edges by falling id")
    ... def last_first(graph, *, count, seed, progress):
    ...     return torch.arange(graph.num_edges, device=graph.device).flip(0)[:count]
    >>> get_method("last-first").summary
    'edges by falling id'
    """

    def add(order: OrderMethod) -> OrderMethod:
        parameters = list(inspect.signature(order).parameters.values())
        options = {
            parameter.name: parameter.default
            for parameter in parameters
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in SHARED
        }
        method = Method(
            plain_name(name),
            summary,
            order,
            uses_seed,
            options,
            resolve,
            prepare,
            verify,
            supports_directed,
            needs,
            seeded_by,
            reweights,
            any(parameter.name == "guard" for parameter in parameters),
        )
        METHODS.add(name, method, order)
        return order

    return add


def get_method(name: str) -> Method:
    """Look a method up.

    Raises:
        UnknownNameError: There is none of that name; the message lists those there are.

    >>> get_method("WIS").options["walk_length"]
    1
    """
    return METHODS[name]


def available_methods() -> dict[str, str]:
    """Names of all methods and one line about each, sorted by name.

    >>> available_methods()["random"]
    'edges in uniformly random order (the baseline)'
    """
    return {name: METHODS[name].summary for name in sorted(METHODS)}


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
