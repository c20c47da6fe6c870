"""A cut: the amount to remove, and the edges of a graph that it removes.

A cut makes a sparser graph from a graph, the order of its edges and an amount. `wis.sparsify`, the
transforms, `RemovalOrder.apply` and the command line all use it.

A cut may remove the same fraction of each type of edges (`wis.graph.edge_types`). For a fraction f,
the first round-half-even(f·k) edges of a class of k edges go. A number N of edges is apportioned to
the classes in proportion to their sizes by largest remainders, ties to the class whose types come
first, so that N edges go in all.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from wis.base.checks import (
    Amount,
    amounts_per_class,
    checked_amount,
    checked_choice,
    checked_names,
    num_edges_of,
    plain_amount,
)
from wis.errors import OptionError, ProtectionError, counted, echo
from wis.graph import CanonicalGraph
from wis.graph.cut import drop_edges
from wis.graph.parts import check_lengths
from wis.methods.registry import METHODS
from wis.order.protections import Protections

if TYPE_CHECKING:
    from wis.graph.edge_types import EdgeClasses
    from wis.methods.draws import Draws

GraphT = TypeVar("GraphT")
"""A graph in any form that wis takes (`wis.graph.holders`); the sparser graph has the same form."""

SMALL = 1000
"""Above so many edges, attributes are checked before the order is computed, not only in the cut."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """The edges of a graph in the order of their removal.

    Attributes:
        graph: The graph.
        ids: int64 tensor of shape [k]: edge ids, first removed first.
        protections: The protections of the order.
        num_removable: Number of edges that can go with these protections, None without any.
        draws: The draws that the order comes from; None if there are none, or some edges are
            protected.
        weight: Name of the attribute of the arcs that their weights multiply.
    """

    graph: CanonicalGraph
    ids: Tensor
    protections: Protections
    num_removable: int | None = None
    draws: Draws | None = None
    weight: str = "edge_weight"


def check_covers(
    count: int,
    length: int,
    num_edges: int,
    noun: str,
    protections: Protections,
    num_removable: int | None,
) -> None:
    """Raise unless an order of `length` edges of a graph holds `count` edges.

    Raises:
        ProtectionError: The protections do not allow so many.
        OptionError: The order was stopped early.
    """
    if num_removable is not None:
        protections.check_enough(count, num_removable, num_edges, noun)
    if count > length:
        raise OptionError(
            f"the cut needs {counted(count, noun)}, but the order was stopped after "
            f"{length} of {num_edges}; compute it without count"
        )


@dataclass(frozen=True)
class Cut:
    """The amount to remove, and how to choose the edges.

    Attributes:
        remove: The amount to remove (see `wis.base.checks`), or None if `keep` is given.
        keep: The amount to keep.
        per_type: Take the same fraction of the edges of each type; the name of an attribute of the
            arcs takes the types from that.
        edge_attrs: Attributes that are edge-level whatever their length suggests.
        reweight: Give the kept edges the weights of `wis.methods.draws`.

    >>> import wis
    >>> from wis.order.cut import Cut
    >>> Cut("50%").num_edges(wis.UndirectedGraph.from_any(wis.datasets.load("karate")))
    39
    """

    remove: Amount | None = None
    keep: Amount | None = None
    per_type: bool | str = False
    edge_attrs: Iterable[str] = ()
    reweight: bool = False

    def __post_init__(self) -> None:
        """Raise `OptionError` for values that are impossible for every graph."""
        checked_amount(self.remove, self.keep)
        checked_choice("reweight", self.reweight, (False, True))
        if self.reweight and self.per_type:
            raise OptionError("reweight is for a cut of all edges alike; leave out per_type")
        plain = {
            "remove": plain_amount(self.remove),
            "keep": plain_amount(self.keep),
            "per_type": _checked_per_type(self.per_type),
            "edge_attrs": checked_names(self.edge_attrs),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @functools.cached_property
    def _amount(self) -> tuple[str, Amount, int | Fraction]:
        return checked_amount(self.remove, self.keep)

    @property
    def is_plain(self) -> bool:
        """Whether neither types nor names of attributes nor weights matter."""
        return not (self.per_type or self.edge_attrs or self.reweight)

    def num_edges(self, graph: CanonicalGraph) -> int:
        """Number of edges to remove.

        Raises:
            OptionError: The graph has fewer edges.
        """
        return self.num_edges_of(graph.num_edges, graph.noun)

    def num_edges_of(self, num_edges: int, noun: str = "edge") -> int:
        """Number of edges to remove from a graph with `num_edges` edges."""
        return num_edges_of(self._amount, num_edges, noun)

    def length_needed(self, graph: CanonicalGraph, data: Any) -> int | None:
        """The length of the order that this cut needs, None for the whole; checks `data` first.

        Raises:
            OptionError: The amount is impossible, or `per_type` is given for a graph without types.
            GraphFormatError: An attribute has another length than its name says, or cannot be cut.
        """
        if graph.num_edges > SMALL:
            check_lengths(data, to_be_cut=True, edge_attrs=self.edge_attrs)
        count = self.num_edges(graph)
        if not self.per_type:
            return count
        self._classes(data, graph)
        return None

    def removed(self, ranked: Ranked, data: Any = None) -> Tensor:
        """The edges that go, bool of shape [m] by edge id.

        Args:
            ranked: The order.
            data: The object that its graph was made from; needed for `per_type` only.

        Raises:
            OptionError: The amount is impossible, the order was stopped early, or `per_type` is
                given for a graph without types.
            ProtectionError: The protections of the order do not allow so many.
        """
        if self.per_type:
            ids = ranked.ids[self._steps_by_type(ranked, data).to(ranked.ids.device)]
        else:
            graph, count = ranked.graph, self.num_edges(ranked.graph)
            made = ranked.ids.numel(), graph.num_edges, graph.noun
            check_covers(count, *made, ranked.protections, ranked.num_removable)
            ids = ranked.ids[:count]
        removed = torch.zeros(ranked.graph.num_edges, dtype=torch.bool, device=ids.device)
        removed[ids] = True
        return removed

    def apply(self, ranked: Ranked, data: Any) -> Any:
        """The sparser graph, in the form of `data`, which is not changed."""
        removed = self.removed(ranked, data)
        if self.reweight:
            from wis.graph.edge_weights import reweighted

            if ranked.draws is None:
                raise no_weights(ranked.protections)
            factor = ranked.draws.weights(removed.cpu().numpy())
            data = reweighted(data, ranked.graph, factor, ranked.weight)
        return drop_edges(data, ranked.graph, removed, edge_attrs=self.edge_attrs)

    def _classes(self, data: Any, graph: CanonicalGraph) -> EdgeClasses:
        from wis.graph.edge_types import EDGE_TYPE, EdgeClasses

        named = self.per_type if isinstance(self.per_type, str) else EDGE_TYPE
        return EdgeClasses.of(data, graph, named)

    def _steps_by_type(self, ranked: Ranked, data: Any) -> Tensor:
        """Positions in the order that go, int64 on the CPU: the first of each class of edges."""
        classes = self._classes(data, ranked.graph)
        quota = amounts_per_class(classes.sizes, remove=self.remove, keep=self.keep)
        of_step = classes.of_edge[ranked.ids.cpu()]
        listed = torch.bincount(of_step, minlength=len(quota)).tolist()
        for index, (wanted, found) in enumerate(zip(quota, listed, strict=True)):
            if wanted > found:
                raise _too_few(ranked, classes, index, wanted, found)
        by_class = torch.argsort(of_step, stable=True)
        taken, start = [], 0
        for wanted, found in zip(quota, listed, strict=True):
            taken.append(by_class[start : start + wanted])
            start += found
        return torch.cat([*taken, by_class[:0]])


def no_weights(protections: object = None, method: str = "") -> OptionError:
    """The error for weights of an order that has none."""
    if protections:
        return OptionError(
            "reweight does not go with protected edges: the chance that one stays is not known"
        )
    rows = [METHODS[name] for name in sorted(METHODS)]
    names = [
        f"{row.name} with {row.reweights}=true" if row.reweights else row.name
        for row in rows
        if row.reweights is not None
    ]
    who = f"method {method!r}" if method else "the order, which holds no draws,"
    return OptionError(f"{who} has no weights; methods that have some: {', '.join(names)}")


def _too_few(
    ranked: Ranked, classes: EdgeClasses, index: int, wanted: int, found: int
) -> OptionError | ProtectionError:
    noun, name = ranked.graph.noun, classes.name(index)
    length, protections = ranked.ids.numel(), ranked.protections
    if protections and length == ranked.num_removable:
        return ProtectionError(
            f"only {found} of {counted(classes.sizes[index], noun)} of type {name} can go with "
            f"{protections.describe(noun)}; {wanted} would have to: remove fewer, or protect less"
        )
    return OptionError(
        f"the cut needs {counted(wanted, noun)} of type {name}, but the order was stopped after "
        f"{length} of {counted(ranked.graph.num_edges, noun)}, {found} of them of this type; "
        f"compute it without count"
    )


def _checked_per_type(per_type: bool | str | None) -> bool | str:
    """Whether edge types count, or the name of the attribute that holds them.

    Raises:
        OptionError: The value is neither a truth value nor a name.
    """
    if per_type is None or isinstance(per_type, (bool, np.bool_)):
        return bool(per_type)
    if not isinstance(per_type, str) or not per_type:
        raise OptionError(
            f"per_type is {echo(per_type)!r}; expected True, False, or the name of an attribute "
            f"of the arcs"
        )
    return per_type
