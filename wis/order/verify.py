"""Certificates: check whether a removal order obeys the greedy rule of its method.

The rule leaves ties open, so many orders are right. A certificate accepts all of them, and names
the first wrong step of any other. It uses the order alone, not the code that made it. If a check of
every step would take long, a certificate checks a sample of the steps unless all are asked for.
Some options weaken the rule. In batches (``batch_size`` above 1) an edge is compared by the graph
at the beginning of its batch, and with ``epsilon`` it may be below the best by that factor. The
method fixes the order within a batch or a phase, so that is checked too. `Verified` names what was
checked and what was not.

A protected order (`wis.order.protections`) is checked among the edges that may go at each step,
which are found from the order itself (`wis.methods.last_steps`). Where the method has no rule, the
order is computed again, with the method, options, seed and protections of its provenance, and must
be the same at every step. So are orders of ``wis`` and ``gwis`` of an earlier wis, which passed
over the protected edges of an order of the whole graph.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from wis.base.checks import check_options, usual_defaults
from wis.base.progress import progress_bar
from wis.errors import NotGreedyError, OptionError, OrderMismatchError
from wis.graph import CanonicalGraph
from wis.graph.holders import opened
from wis.methods import Method, available_methods, get_method
from wis.methods.certificates import Checked, StepChoice
from wis.methods.last_steps import last_steps
from wis.methods.registry import SHARED, plain_options
from wis.order import RemovalOrder

Check = Literal["certificate", "recomputation"]


@dataclass(frozen=True)
class Verified:
    """The result of a check: which steps are right, and what was not checked.

    Attributes:
        num_steps: Length of the order.
        num_checked: Steps that were checked.
        recomputed: Whether the order was compared with the same one computed again, instead of
            being checked against the greedy rule.
        rule: The property that the checked steps have: ``"greedy"``, or the weaker property that
            the options of the order allow.
        seed: Seed of the sample of steps; None if all were checked.
        method: The method that has this rule.
        options: The options of the check.
        not_covered: What was not checked, a phrase for each.
        certifies_nothing: Why the options leave no greedy choice to check, such as a batch of all
            edges; empty if they leave one.
    """

    num_steps: int
    num_checked: int
    recomputed: bool = False
    rule: str = "greedy"
    seed: int | None = None
    method: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    not_covered: tuple[str, ...] = ()
    certifies_nothing: str = ""

    @property
    def check(self) -> Check:
        """``"certificate"``, or ``"recomputation"``."""
        return "recomputation" if self.recomputed else "certificate"

    @property
    def is_complete(self) -> bool:
        """Whether every step was checked, not only a sample."""
        return self.num_checked == self.num_steps

    def __str__(self) -> str:
        if self.recomputed:
            return f"all {self.num_steps} steps are the same when computed again"
        if self.is_complete:
            return f"all {self.num_steps} steps are {self.rule}"
        return f"a sample of {self.num_checked} of {self.num_steps} steps is {self.rule}"

    @property
    def limits(self) -> str:
        """The limits of the check in a sentence or two; empty if there are none."""
        parts = []
        if self.certifies_nothing:
            parts.append(f"This certifies nothing about greediness: {self.certifies_nothing}.")
        if self.not_covered:
            parts.append(f"Not covered: {'; '.join(self.not_covered)}.")
        return " ".join(parts)


@usual_defaults()
def verify_order(
    data: Any,
    order: RemovalOrder,
    method: str | None = None,
    *,
    walk_length: int | None = None,
    num_nodes: int | None = None,
    all_steps: bool = False,
    sample: int | None = None,
    seed: int = 0,
    progress: bool | None = None,
    vertex_data: Any = None,
    **options: Any,
) -> Verified:
    """Check the steps of an order against the greedy rule of its method; ties may go either way.

    For 1-WIS (``walk_length=1`` in an undirected graph) every step is checked, with any batch size
    and epsilon. For longer walks, directed graphs and ``gwis`` a long order is checked at a sample
    of its steps, unless `all_steps` is given. Protected orders are checked so, too, among the edges
    that may go; those of a method without a rule are computed again and compared. The order itself
    states whether it lists edges or arcs.

    >>> import wis
    >>> data = wis.datasets.load("karate")
    >>> order = wis.removal_order(data, walk_length=2)
    >>> str(wis.verify_order(data, order, all_steps=True))
    'all 78 steps are greedy'

    Args:
        data: The graph that the order was made for, in any form (see `wis.removal_order`).
        order: The order; it may have been stopped early.
        method: The method whose rule is checked; the one that made the order if not given.
        walk_length: Length of the walks that the rule counts; the order's own if not given.
        num_nodes: Number of vertices, for a bare `edge_index` only; the order's own if not given.
        all_steps: Check every step, even if that takes long.
        sample: Number of steps to check, drawn at random; the first and the last step are among
            them (for ``gwis`` only the first). If neither this nor `all_steps` is given, an order
            of at most 256 steps is checked at all steps, and a longer one at 32 (for ``gwis`` at as
            many as take 40,000 tuples of walk indices).
        seed: Seed of the sample.
        progress: Show a bar always (true), never (false), or if it takes long, with a line every
            minute where stderr is no terminal (None).
        vertex_data: Object with the attributes and names of vertices; `data` if not given.
        **options: Further options of the method that differ from the order's own, or that the order
            cannot record, such as `partitions` that were given as a list.

    Returns:
        The number of steps that were checked, the options, and what the check does not cover.

    Raises:
        NotGreedyError: A step takes an edge although a better one is left, or contradicts the
            batches or phases of the options, or differs from the order computed again. The message
            names the first such step among those checked.
        OrderMismatchError: The order was made for another graph, or does not list edges of it, each
            once.
        OptionError: The method has no certificate, or none for this `walk_length`; an option is
            impossible, or its meaning has changed since the order was made; or the method did not
            make this protected order.
        UnknownNameError: There is no such method.

    Cost: see the certificate of the method, for 1-WIS `wis.methods.one_wis.certificate`; that of
    the whole order for one that is computed again.
    """
    if not isinstance(order, RemovalOrder):
        raise OptionError(
            f"order is a {type(order).__name__}; expected a RemovalOrder: make one with "
            f"wis.removal_order(...), or read a file with wis.RemovalOrder.load(path)"
        )
    chosen = get_method(order.provenance.method if method is None else method)
    protected = bool(order.provenance.protections)
    if chosen.verify is None and not protected:
        known = ", ".join(name for name in available_methods() if get_method(name).verify)
        raise OptionError(
            f"method {chosen.name!r} has no certificate; methods that have one: {known}"
        )
    if walk_length is not None:
        options["walk_length"] = walk_length
    held = opened(data, num_nodes, usual=order.num_nodes)
    graph = order.graph_of(held, num_nodes)
    order.check_made_for(graph)
    chosen.check_takes(graph)
    ids = _edge_ids(graph, order)
    source = held if vertex_data is None else opened(vertex_data)
    choice = StepChoice(all_steps, sample, seed)
    arguments, record = _arguments(chosen, graph, source, order, options)
    made = order.provenance
    if protected:
        _check_own(chosen, arguments, record, order)
    if protected and made.guarded == chosen.guards and _serves_protections(chosen):
        whole = len(order) == made.num_removable
        last = last_steps(graph, ids, **asdict(made.protections), is_complete=whole)
        arguments = {**arguments, "last": last}
    elif protected:
        _compare(graph, order, ids.cpu(), _made_again(graph, order, chosen, arguments, progress))
        return Verified(
            len(order),
            len(order),
            recomputed=True,
            method=chosen.name,
            options=record,
            not_covered=_of_recomputation(order, chosen, graph),
        )
    assert chosen.verify is not None
    with progress_bar(f"{chosen.name} certificate", len(order), show=progress) as report:
        found = chosen.verify(
            graph,
            ids,
            progress=report,
            seed=seed,
            choice=choice,
            made_with=_seed_of_own(order, chosen, options),
            **arguments,
        )
    verified = _verified(found, order, chosen, record, choice)
    if not protected:
        return verified
    comma = "" if verified.rule == "greedy" else ","
    return replace(verified, rule=f"{verified.rule}{comma} among the edges that may go")


def _verified(
    found: Checked | int | None,
    order: RemovalOrder,
    method: Method,
    record: dict[str, Any],
    choice: StepChoice,
) -> Verified:
    if not isinstance(found, Checked):
        found = Checked(len(order) if found is None else found)
    missing = found.not_covered
    others = len(order) - found.num_checked
    if others:
        drawn = (
            f"the sample was drawn with seed {choice.seed}; all_steps=True or --all-steps checks"
        )
        missing = (f"the other {others} steps ({drawn} every one)", *missing)
    return Verified(
        len(order),
        found.num_checked,
        rule=found.rule,
        seed=choice.seed if others else None,
        method=method.name,
        options=record,
        not_covered=missing,
        certifies_nothing=found.certifies_nothing,
    )


def _serves_protections(method: Method) -> bool:
    """Whether the method has a certificate for protected orders."""
    return method.verify is not None and "last" in inspect.signature(method.verify).parameters


def _of_recomputation(
    order: RemovalOrder, method: Method, graph: CanonicalGraph
) -> tuple[str, ...]:
    """What the comparison with the order computed again does not cover."""
    missing = "whether the method is right: it was run again with the same code"
    made = order.provenance
    if made.guarded or not method.guards:
        return (missing,)
    earlier = (
        f"the choice among the edges that may go: wis {made.versions.get('wis')} made this order, "
        f"which passed over protected edges of an order of the whole graph; compute a new one"
    )
    return missing, earlier


def _seed_of_own(order: RemovalOrder, method: Method, given: Mapping[str, Any]) -> int | None:
    """The seed that the order was made with, None unless by this method with these options."""
    made = order.provenance
    if made.method != method.name or any(made.options.get(name) != given[name] for name in given):
        return None
    return made.seed or 0


def _check_own(
    method: Method, arguments: dict[str, Any], record: dict[str, Any], order: RemovalOrder
) -> None:
    made_by = order.provenance.method, dict(order.provenance.options)
    same = {name: record.get(name) for name in made_by[1]}  # what is not recorded does not matter
    if (method.name, same) != made_by:
        raise OptionError(
            f"the order is protected ({order.provenance.protections.describe(order.noun)}), so it "
            f"can only be checked against what made it: method {made_by[0]!r} with options "
            f"{made_by[1]}"
        )
    for name in arguments.keys() - method.options.keys() - set(SHARED):
        raise OptionError(f"method {method.name!r} has no option {name!r}; was it of another wis?")


def _made_again(
    graph: CanonicalGraph,
    order: RemovalOrder,
    method: Method,
    arguments: dict[str, Any],
    progress: bool | None,
) -> Tensor:
    """The edge ids of the order as its provenance says; the options were resolved already."""
    seed = order.provenance.seed or 0
    with progress_bar(f"{method.name} order", graph.num_edges, show=progress) as report:
        m, protections = graph.num_edges, order.provenance.protections
        if order.provenance.guarded:
            arguments = {**arguments, "guard": protections.guard(graph)}
        ids, _ = method.ranked(graph, count=m, seed=seed, progress=report, **arguments)
    return ids.cpu() if order.provenance.guarded else protections.removable(graph, ids)


def _compare(graph: CanonicalGraph, order: RemovalOrder, found: Tensor, again: Tensor) -> None:
    """Raise `NotGreedyError` at the first step that differs."""
    shared = min(found.numel(), again.numel())
    differs = (found[:shared] != again[:shared]).nonzero().view(-1)
    if differs.numel() == 0 and found.numel() <= again.numel():
        return
    step = int(differs[0]) if differs.numel() else shared
    u, v = order.edges[:, step].tolist()
    instead = f"no {order.noun} can go any more"
    if step < again.numel():
        instead = f"{order.noun} {tuple(graph.edges[:, int(again[step])].tolist())} goes"
    provenance = order.provenance
    raise NotGreedyError(
        f"step {step + 1} of {len(order)} removes {order.noun} ({u}, {v}); computed again by "
        f"{provenance.method} with {provenance.protections.describe(order.noun)}, {instead} there",
        step=step,
        edge=(u, v),
    )


def _arguments(
    method: Method, graph: CanonicalGraph, data: Any, order: RemovalOrder, given: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of the method, and the options that it records.

    The order's options where it was made by this method, its defaults otherwise.
    """
    made = order.provenance
    check_options(f"method {method.name!r}", given, method.options)
    recorded = dict(made.options) if made.method == method.name else {}
    options = {**method.options, **recorded, **plain_options(given)}
    return method.prepare(graph, data, options, made.seed or 0)


def _edge_ids(graph: CanonicalGraph, order: RemovalOrder) -> Tensor:
    ids = graph.edge_ids(order.edges.to(graph.device))
    if ids.numel() and int(ids.min()) < 0:
        step = int((ids < 0).nonzero()[0])
        edge = tuple(order.edges[:, step].tolist())
        raise OrderMismatchError(
            f"step {step + 1} removes {edge}, which is no {order.noun} of the graph"
        )
    if ids.numel() and int(torch.bincount(ids).max()) > 1:
        raise OrderMismatchError(f"the order removes an {order.noun} twice; compute a new one")
    return ids
