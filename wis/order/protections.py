"""Protections: edges that must stay, whatever the method.

- ``keep_connected``: no edge goes whose loss would disconnect its component;
- ``min_degree=d``: no vertex falls below d neighbours; one that has fewer loses none;
- ``protect``: the edges between these pairs of vertices stay.

``wis`` and ``gwis`` make their choice among the edges that may go: protected ones stay and count in
all walk indices, and an edge that a protection forbids at its turn is out of the choice from then
on (`wis.methods.guard`).

For any other method the edges are ranked as if nothing were protected, and wis visits them in that
order. If a protection forbids the removal of an edge at its turn, the edge is passed over and stays
for good; every other edge goes. The graph at that turn has the edges passed over so far and all
edges still to come. So the protected order is the method's order without the edges passed over.
That is right where scores do not depend on what goes before.

Either way it has k of the m edges, and it is an error to remove more than k.
Self-loops are not edges: they count for no degree and always stay. ``min_degree=1`` adds nothing to
``keep_connected``, since the only edge of a vertex is a bridge.

In a directed graph the edges are arcs. ``keep_connected`` keeps weak components: no arc goes whose
loss would disconnect the graph in which arcs are taken without direction, so an arc whose reverse
is still there is never a bridge. ``min_degree`` is about incoming arcs, from which a vertex of a
graph neural network gets messages (Equation D.1): an arc stays if its head would fall below d of
them. The tail does not matter. So ``min_degree=1`` adds something to ``keep_connected`` here: a
vertex of a connected graph may have outgoing arcs only. ``protect`` keeps arcs as given, not their
reverses.

How passing over is computed: let the weight of an edge be its turn, and let the edges that stay
for good outweigh all others. An edge is a bridge at its turn exactly if it belongs to the maximum
spanning forest (by scipy): it is then the lightest edge, so the forest would leave it out if it
were on a cycle. With ``min_degree`` moreover edges are passed over that the weights do not know of.
Then an edge of the forest is looked up at its turn.

Source: reverse deletion (Kruskal, Proc. AMS 7, 1956, construction A').
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.base.checks import check_limits
from wis.errors import OptionError, ProtectionError, counted, echo
from wis.graph import CanonicalGraph
from wis.graph.stores import called

if TYPE_CHECKING:
    from wis.methods.guard import Guard

Pairs: TypeAlias = Tensor | NDArray[Any] | Iterable[tuple[int, int]]
"""Pairs of vertices: an integer tensor or array of shape [2, k], or a collection of pairs."""


@dataclass(frozen=True)
class Protections:
    """The protections of one graph; false if there are none.

    Attributes:
        keep_connected: Whether components stay connected.
        min_degree: The degree d below which removals take no vertex; 0 for no limit.
        edge_ids: The edges that stay, ascending.
    """

    keep_connected: bool = False
    min_degree: int = 0
    edge_ids: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return self.keep_connected or self.min_degree > 0 or bool(self.edge_ids)

    @classmethod
    def of(
        cls,
        graph: CanonicalGraph,
        *,
        keep_connected: bool = False,
        min_degree: int = 0,
        protect: Pairs | None = None,
        data: Any = None,
    ) -> Protections:
        """The protections of a graph, checked.

        Args:
            graph: The graph.
            keep_connected: Never disconnect a component; in a directed graph, a weak one.
            min_degree: Leave every vertex at least so many neighbours; in a directed graph, so many
                incoming ones.
            protect: Pairs of vertices whose edges stay, in either order; in a directed graph (u, v)
                is the arc from u to v. In a `HeteroData` the ids are those of
                `CanonicalGraph`; pairs of a vertex with itself are ignored.
            data: The object of the graph, with the names of its vertices for errors.

        Raises:
            OptionError: A value has the wrong type.
            ProtectionError: A pair is not an edge of the graph.
        """
        check_limits(keep_connected, min_degree)
        ids = torch.unique(_edge_ids(graph, pairs_of(protect), data))
        return cls(bool(keep_connected), operator.index(min_degree), tuple(ids.tolist()))

    @classmethod
    def from_header(cls, header: Mapping[str, Any], num_edges: int) -> Protections:
        """Read the protections from the header of an order file.

        Raises:
            TypeError: The header is damaged.
            ValueError: A value is impossible for a graph of so many edges.
        """
        ids = header["edge_ids"]
        found = cls(**{**header, "edge_ids": tuple(ids)})
        check_limits(found.keep_connected, found.min_degree)
        if not all(isinstance(i, int) and 0 <= i < num_edges for i in ids):
            raise ValueError(f"protected edge ids must run from 0 to {num_edges - 1}")
        return found

    def describe(self, noun: str = "edge") -> str:
        """The protections in words, such as ``keep_connected, min_degree=2, 3 protected edges``."""
        number = len(self.edge_ids)
        parts = [
            "keep_connected" if self.keep_connected else "",
            f"min_degree={self.min_degree}" if self.min_degree else "",
            f"{number} protected {noun}{'s' if number > 1 else ''}" if number else "",
        ]
        return ", ".join(filter(None, parts))

    def check_enough(
        self, count: int, num_removable: int, num_edges: int, noun: str = "edge"
    ) -> None:
        """Raise `ProtectionError` if `count` exceeds the number of edges that can be removed."""
        if count > num_removable:
            asked = f"{count} {'was' if count == 1 else 'were'} asked for"
            raise ProtectionError(
                f"only {num_removable} of {counted(num_edges, noun)} can go with "
                f"{self.describe(noun)}; {asked}: remove fewer, or protect less"
            )

    def removable(self, graph: CanonicalGraph, order: Tensor) -> Tensor:
        """The edges of an order that can go, in that order.

        Args:
            graph: The graph.
            order: int64 tensor of shape [m]: all edge ids, first removed first.

        Returns:
            int64 tensor of shape [k] on the CPU.

        Cost: one spanning forest in compiled code for `keep_connected`, O(m log m); a loop in
        Python over the edges for `min_degree`; for both together moreover a search for each edge of
        the forest (`wis.methods.guard`).
        """
        ids = order.cpu().numpy()
        guard = self.guard(graph)
        bridge = guard.expect(ids[guard.open[ids]])
        stays = ~guard.open[ids]
        if self.min_degree > int(self.keep_connected and not graph.directed):
            stays = ~np.fromiter(map(guard.removes, ids.tolist()), dtype=bool, count=ids.size)
        else:
            stays[~stays] = bridge
        return torch.from_numpy(ids[~stays])

    def guard(self, graph: CanonicalGraph) -> Guard:
        """What tells a method the edges that may go."""
        from wis.methods.guard import Guard

        return Guard(graph, **asdict(self))


def pairs_of(protect: Pairs | None) -> Tensor:
    """Pairs in any form as an int64 tensor of shape [2, k] on the CPU.

    Raises:
        OptionError: They are not pairs of integers.
    """
    if protect is None:
        return torch.empty((2, 0), dtype=torch.int64, device="cpu")
    if isinstance(protect, Tensor):
        array = protect.detach().cpu().numpy()
    elif isinstance(protect, np.ndarray):
        array = protect
    else:
        array = _array_of_pairs(protect)
    if array.ndim != 2 or array.shape[0] != 2 or (array.size and array.dtype.kind not in "iu"):
        raise OptionError(
            f"protect has shape {list(array.shape)} and dtype {array.dtype}; expected vertex ids: "
            f"an integer tensor of shape [2, k], or a list of pairs"
        )
    return torch.from_numpy(array.astype(np.int64))


def _array_of_pairs(protect: Iterable[tuple[int, int]]) -> NDArray[Any]:
    try:
        array = np.array([tuple(pair) for pair in protect])
    except (TypeError, ValueError):
        raise OptionError(
            f"protect is a {type(protect).__name__} of something else than pairs; expected pairs "
            f"of vertex ids, as in [(0, 1), (2, 5)]"
        ) from None
    return array.T if array.size else array.reshape(2, 0)


def first_non_edge(graph: CanonicalGraph, pairs: Tensor) -> tuple[int, int] | None:
    """The first pair that is not an edge, None if there is none; pairs (u, u) are ignored."""
    pairs = pairs.to(graph.device)
    known = ((pairs >= 0) & (pairs < graph.num_nodes)).all(dim=0)
    ids = graph.edge_ids(torch.where(known, pairs, 0))
    wrong = (~known | ((ids < 0) & (pairs[0] != pairs[1]))).nonzero().view(-1)
    if wrong.numel() == 0:
        return None
    u, v = pairs[:, int(wrong[0])].tolist()
    return u, v


def _edge_ids(graph: CanonicalGraph, pairs: Tensor, data: Any) -> Tensor:
    if pairs.numel() == 0:  # saves the look-up table
        return torch.empty(0, dtype=torch.int64, device="cpu")
    wrong = first_non_edge(graph, pairs)
    if wrong is not None:
        raise ProtectionError(
            f"protect holds {echo(called(data, wrong))}, which is no {graph.noun} of the graph "
            f"of {counted(graph.num_nodes, 'vertex')} and {counted(graph.num_edges, graph.noun)}"
        )
    ids = graph.edge_ids(pairs.to(graph.device))
    return ids[ids >= 0]
