"""Classes of edges by their types, so that a cut can remove the same fraction of each class.

Walk indices count walks over all types together, since the bounds of Appendix D.2 do not depend on
types. A removal order may therefore begin with edges of one type, and a cut then takes most of
them. ``per_type`` cuts the same order class by class instead (`wis.order.cut`).

The class of an edge is the set of the types of its arcs. An edge type and its reverse are one class
where they hold the same edges, so both lose the same ones. Edges that several types share form a
class of their own, since such an edge can only go from all its types at once.

The order inside a class is that of the removal order. Cuts at rising fractions are nested. Cuts at
rising *numbers* of edges need not be: because of the largest remainders, one more edge in all can
mean one less of some class. Protections hold for cuts by type as well. It is an error if they leave
a class fewer removable edges than the cut needs.

Types are the edge types of a `HeteroData`, or the values of the attribute `edge_type` of a `Data`,
one integer or text for each arc, as in relational graph networks; or those of another attribute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.errors import GraphFormatError, OptionError
from wis.graph import CanonicalGraph
from wis.graph.holders import opened
from wis.graph.stores import edge_stores

EDGE_TYPE = "edge_type"


@dataclass(frozen=True)
class EdgeClasses:
    """The edges of a graph by the types of their arcs.

    Attributes:
        of_edge: int64 tensor of shape [m], on the CPU: the class of each edge.
        types: For each class the names of its types, ascending in the order of the types. Classes
            are sorted by them.
    """

    of_edge: Tensor
    types: tuple[tuple[str, ...], ...]

    @property
    def sizes(self) -> list[int]:
        """Number of edges of each class."""
        return torch.bincount(self.of_edge, minlength=len(self.types)).tolist()

    def name(self, index: int) -> str:
        """The name of a class in messages: its types joined by ``+``."""
        return " + ".join(self.types[index])

    @classmethod
    def of(cls, data: Any, graph: CanonicalGraph, attribute: str = EDGE_TYPE) -> EdgeClasses:
        """Find the classes.

        Args:
            data: A `HeteroData`, or a `Data` with an integer or a text for each arc.
            graph: Its canonical form. For a `DirectedGraph` the edges are arcs.
            attribute: The attribute of a `Data` that holds these types.

        Raises:
            OptionError: The graph has no edge types.
            GraphFormatError: The attribute is not one integer or text for each arc.

        Cost: one sort of the arcs, and one of the edges for each type that an edge can have.
        """
        types, names = types_of_arcs(data, graph, attribute)
        edge = torch.cat([ids.cpu() for ids in graph.arc_to_edge]) if graph.arcs else types
        proper = edge >= 0
        width = len(names) + 1
        pairs = torch.unique(edge[proper] * width + types[proper] + 1)
        return cls._from_pairs(pairs // width, pairs % width, graph.num_edges, names)

    @classmethod
    def _from_pairs(
        cls, edge: Tensor, kind: Tensor, num_edges: int, names: list[str]
    ) -> EdgeClasses:
        """From (edge, 1 + type), distinct and sorted: a refinement for each place in the sets."""
        size = torch.bincount(edge, minlength=num_edges)
        first = size.cumsum(0) - size
        of_edge = torch.zeros(num_edges, dtype=torch.int64, device="cpu")
        members = torch.zeros(
            (1, 0), dtype=torch.int64, device="cpu"
        )  # [classes, places], 0 past the end
        for place in range(int(size.max()) if num_edges else 0):
            here = torch.zeros(num_edges, dtype=torch.int64, device="cpu")
            held = size > place
            here[held] = kind[first[held] + place]
            keys, of_edge = torch.unique(of_edge * (len(names) + 1) + here, return_inverse=True)
            before, last = keys // (len(names) + 1), keys % (len(names) + 1)
            members = torch.cat([members[before], last[:, None]], dim=1)
        rows = members.tolist() if num_edges else []
        return cls(of_edge, tuple(tuple(names[i - 1] for i in row if i) for row in rows))


def types_of_arcs(
    data: Any, graph: CanonicalGraph, attribute: str = EDGE_TYPE
) -> tuple[Tensor, list[str]]:
    """The type of each arc, in the order of `graph.arcs`, and the names of the types.

    Args:
        data: A `HeteroData`, or a `Data` with an integer or a text for each arc.
        graph: Its canonical form.
        attribute: The attribute of a `Data` that holds them.

    Returns:
        int64 tensor of shape [num_arcs] on the CPU, positions in the list of names; and that list.

    Raises:
        OptionError: The graph has no edge types.
        GraphFormatError: The attribute is not one integer or text for each arc.
    """
    if hasattr(data, "edge_types"):
        stores = edge_stores(data)
        sizes = torch.tensor([arcs.size(1) for arcs in graph.arcs], dtype=torch.int64, device="cpu")
        types = torch.arange(len(stores), device="cpu").repeat_interleave(sizes)
        return types, ["__".join(store._key) for store in stores]
    data = opened(data)
    values = data.get(attribute) if hasattr(data, "edge_stores") else None
    if values is None:
        raise OptionError(
            f"per_type needs edge types: a HeteroData, or a Data with an integer or a text "
            f"{attribute} for each arc; this graph has neither"
        )
    values = _plain_types(values)
    if isinstance(values, (list, tuple)) and all(isinstance(value, str) for value in values):
        return _types_of_texts(values, graph, attribute)
    if (
        not isinstance(values, Tensor)
        or values.shape != (graph.num_arcs,)
        or values.is_floating_point()
        or values.is_complex()
    ):
        found = list(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise GraphFormatError(
            f"{attribute} is {found} of {getattr(values, 'dtype', 'no dtype')}; expected an "
            f"integer or a text for each of the {graph.num_arcs} arcs"
        )
    known, types = torch.unique(values.cpu().to(torch.int64), return_inverse=True)
    return types, [str(value) for value in known.tolist()]


def _plain_types(values: Any) -> Any:
    """Integers of an array or a list as a tensor, texts of an array as a list."""
    if isinstance(values, (list, tuple)) and all(isinstance(value, int) for value in values):
        values = np.asarray(values, dtype=None if len(values) else np.int64)
    if isinstance(values, np.ndarray) and values.dtype.kind in "ib":
        return torch.as_tensor(values.astype(np.int64), device="cpu")
    if isinstance(values, np.ndarray) and values.dtype.kind == "U":
        return values.tolist()
    return values


def _types_of_texts(
    values: Sequence[str], graph: CanonicalGraph, attribute: str
) -> tuple[Tensor, list[str]]:
    if len(values) != graph.num_arcs:
        raise GraphFormatError(
            f"{attribute} holds {len(values)} texts; expected one for each of {graph.num_arcs} arcs"
        )
    known = sorted(set(values))
    number = {value: i for i, value in enumerate(known)}
    types = torch.tensor([number[value] for value in values], dtype=torch.int64, device="cpu")
    return types, known
