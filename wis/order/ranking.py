"""A ranking: a method with its options, and the edges that it must not remove.

`Ranking` holds everything except the graph that determines the order of the edges. It is checked
once and can then be applied to any number of graphs. `Provenance` records what it came to on one.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wis.base.checks import check_limits, checked_device, checked_integer, checked_seed
from wis.base.progress import progress_bar
from wis.base.version import VERSION
from wis.graph import CanonicalGraph, UndirectedGraph, canonical_graph
from wis.methods import get_method
from wis.methods.registry import plain_options
from wis.order.cut import Cut, Ranked, no_weights
from wis.order.protections import Pairs, Protections, pairs_of

if TYPE_CHECKING:
    from wis.methods import Method

NOTHING = Protections()


def _versions() -> dict[str, str]:
    return {
        "wis": VERSION,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


@dataclass(frozen=True)
class Provenance:
    """Everything needed to compute an order again.

    Attributes:
        method: Name in the table of methods.
        options: Its options as they were resolved, such as the engine that ``"auto"`` stood for.
        seed: The seed of its randomness, None for a method without any.
        fingerprint: `CanonicalGraph.fingerprint` of the graph.
        versions: Versions of wis, torch, numpy and Python.
        protections: What had to stay (see `wis.order.protections`).
        num_removable: Number of edges that can go with these protections, None without any.
        directed: Whether the edges are arcs (see `wis.DirectedGraph`).
        guarded: Whether the method chose among the edges that may go; if not, it ranked all edges,
            and those that the protections keep were passed over.
    """

    method: str
    options: Mapping[str, Any]
    seed: int | None
    fingerprint: str
    versions: Mapping[str, str] = field(default_factory=lambda: dict(_versions()))
    protections: Protections = field(default_factory=Protections)
    num_removable: int | None = None
    directed: bool = False
    guarded: bool = False


@dataclass(frozen=True, eq=False)
class Ranking:
    """How the edges of graphs are ordered for removal.

    Attributes:
        method: A name of `wis.available_methods`.
        options: Options of the method that were given.
        directed: Whether each distinct arc is an edge of its own.
        seed: Seed of the method's randomness; 0 if None.
        device: Device to compute on; that of the graph if None.
        keep_connected: Remove no edge whose loss would disconnect its component.
        min_degree: Leave every vertex at least so many neighbours.
        protect: Pairs of vertices whose edges stay, or None.

    >>> import wis
    >>> from wis.order.ranking import Ranking
    >>> graph = wis.UndirectedGraph.from_any(wis.datasets.load("karate"))
    >>> Ranking("random", seed=1).made(graph, count=3)[0].ids.shape
    torch.Size([3])
    """

    method: str = "wis"
    options: Mapping[str, Any] = field(default_factory=dict)
    directed: bool = False
    seed: int | None = None
    device: torch.device | str | None = None
    keep_connected: bool = False
    min_degree: int = 0
    protect: Pairs | None = None

    def __post_init__(self) -> None:
        """Raise `UnknownNameError` or `OptionError` for values that no graph allows."""
        check_limits(self.keep_connected, self.min_degree)
        given, known = plain_options(self.options), get_method(self.method).options
        in_order = [*(name for name in known if name in given), *(given.keys() - known.keys())]
        plain = {
            "method": self.chosen.name,
            "options": {name: given[name] for name in in_order},
            "seed": None if self.seed is None else checked_seed(self.seed),
            "protect": None if self.protect is None else pairs_of(self.protect),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @property
    def chosen(self) -> Method:
        """The method's row in the table."""
        return get_method(self.method)

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether this is exact 1-WIS by the usual engine, of undirected graphs, unprotected."""
        options = {**self.chosen.options, **self.options}
        wanted = {"walk_length": 1, "epsilon": 0, "batch_size": 1}
        return (
            self.method == "wis"
            and all(type(options[name]) is not bool for name in wanted)
            and all(options[name] == value for name, value in wanted.items())
            and options["engine"] in ("auto", "bitset")
            and not (self.directed or self.keep_connected or self.min_degree)
            and self.protect is None
            and self.device is None
        )

    def check(self) -> None:
        """Raise `OptionError` unless the options can be resolved, tried on an empty graph."""
        empty = canonical_graph(UndirectedGraph.empty(), directed=self.directed)
        self.chosen.resolved_options(empty, self.options)

    def graph(self, data: Any, num_nodes: int | None = None) -> CanonicalGraph:
        """The canonical graph of `data`, directed if the ranking is."""
        return canonical_graph(data, num_nodes, directed=self.directed)

    def made(
        self,
        graph: CanonicalGraph,
        data: Any = None,
        *,
        count: int | None = None,
        progress: bool | None = None,
    ) -> tuple[Ranked, Provenance]:
        """The edges of a graph in the order of their removal, and how they were ranked.

        Args:
            graph: The graph.
            data: Object with the attributes and names of vertices.
            count: Length of the order; all edges that can be removed if not given.
            progress: Show a bar always (true), never (false), or if it takes long, then with a line
                every minute where stderr is no terminal (None).

        Raises:
            OptionError: An option is impossible, or the method does not take directed graphs.
            ProtectionError: A protected pair is not an edge, or fewer than `count` edges can go.
        """
        if count is not None:
            count = checked_integer("count", count, 0, graph.num_edges)
        ranked, record = self.ranked(graph, data, count=count, progress=progress)
        return ranked, Provenance(
            method=self.method,
            options=record,
            seed=checked_seed(self.seed) if self.chosen.is_seeded(record) else None,
            fingerprint=graph.fingerprint,
            protections=ranked.protections,
            num_removable=ranked.num_removable,
            directed=graph.directed,
            guarded=ranked.num_removable is not None and self.chosen.guards,
        )

    def ranked(
        self, graph: CanonicalGraph, data: Any, *, count: int | None, progress: bool | None
    ) -> tuple[Ranked, dict[str, Any]]:
        """The edge ids in the order of their removal, and the options to record; see `made`."""
        method, protections = self.chosen, self._protections(graph, data)
        options = method.resolved_options(graph, self.options)
        total = graph.num_edges if count is None else count
        seed = checked_seed(self.seed)
        there = graph if self.device is None else graph.to(checked_device(self.device))
        protected = protections is not NOTHING
        to_rank = graph.num_edges if protected else total  # some of them will be protected
        arguments, record = method.prepare(graph, data, options, seed)
        record = {name: value for name, value in record.items() if name != "checkpoint"}
        guarded = protected and method.guards
        if guarded:
            arguments = {**arguments, "guard": protections.guard(graph)}
        with progress_bar(f"{method.name} order", to_rank, show=progress) as report:
            ids, draws = method.ranked(
                there, count=to_rank, seed=seed, progress=report, **arguments
            )
        if not protected:
            weight = record.get("edge_weight") or "edge_weight"
            return Ranked(graph, ids.to(graph.device), protections, None, draws, weight), record
        ids = ids if guarded else protections.removable(graph, ids)
        num_removable = ids.numel()
        total = num_removable if count is None else total
        protections.check_enough(total, num_removable, graph.num_edges, graph.noun)
        ids = ids[:total].to(graph.device)
        return Ranked(graph, ids, protections, num_removable), record

    def check_weights(self, cut: Cut) -> None:
        """Raise `OptionError` if a cut asks for weights that its order will not have."""
        protections = self.keep_connected or self.min_degree or self.protect is not None
        if cut.reweight and (protections or not self.chosen.draws_with(self.options)):
            raise no_weights(protections, self.method)

    def _protections(self, graph: CanonicalGraph, data: Any) -> Protections:
        if not (self.keep_connected or self.min_degree) and self.protect is None:
            return NOTHING
        protections = Protections.of(
            graph,
            keep_connected=self.keep_connected,
            min_degree=self.min_degree,
            protect=self.protect,
            data=data,
        )
        return protections or NOTHING


def sparsified(
    data: Any, graph: CanonicalGraph, ranking: Ranking, cut: Cut, *, progress: bool | None = None
) -> Any:
    """Order the edges of a graph and cut it, as `wis.sparsify` does.

    `graph` is the canonical form of `data`, the graph as the user gave it, perhaps `opened`
    (`wis.graph.holders`).
    """
    count = cut.length_needed(graph, data)
    ranking.check_weights(cut)
    ranked, _ = ranking.ranked(graph, data, count=count, progress=progress)
    return cut.apply(ranked, data)
