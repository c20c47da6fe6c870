"""Weights of edges from an attribute of the arcs, for methods that use them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.errors import GraphFormatError, OptionError, echo
from wis.graph import UndirectedGraph
from wis.graph.cut import edge_attribute_names
from wis.graph.stores import edge_stores


def edge_weights(graph: UndirectedGraph, data: Any, name: str) -> NDArray[np.float64]:
    """One weight for each edge, from an attribute with one number for each arc.

    Args:
        graph: The canonical edges of `data`.
        data: A `Data`, or a `HeteroData` all edge types of which hold the attribute.
        name: The attribute; shape [num_arcs] or [num_arcs, 1].

    Returns:
        float64 [m] by edge id. Weights of self-loops are not used.

    Raises:
        OptionError: `data` has no such attribute.
        GraphFormatError: It is not one real number for each arc, or two arcs of an edge differ.
    """
    if not hasattr(data, "edge_stores"):
        raise OptionError(
            f"edge_weight={name!r} names an attribute; a bare edge_index has none: pass a Data"
        )
    weight = np.full(graph.num_edges, np.nan)
    for store, edge in zip(edge_stores(data), graph.arc_to_edge, strict=True):
        value = _one_number_per_arc(store, name, edge.numel())
        proper = edge.cpu().numpy() >= 0
        ids, given = edge.cpu().numpy()[proper], value[proper]
        unknown = np.flatnonzero(proper & np.isnan(value))
        if unknown.size:
            raise GraphFormatError(f"{name} is nan at arc {unknown[0]}; expected a number")
        new = np.isnan(weight[ids])
        weight[ids[new]] = given[new]
        differs = np.flatnonzero(weight[ids] != given)
        if differs.size:
            u, v = graph.edges[:, int(ids[differs[0]])].tolist()
            raise GraphFormatError(
                f"{name} differs between the arcs of edge ({u}, {v}); an edge has one weight: make "
                f"them equal first, for example with to_undirected(..., reduce='mean')"
            )
    return weight


def _one_number_per_arc(store: Any, name: str, num_arcs: int) -> NDArray[np.float64]:
    value = store.get(name)
    if value is None:
        where = "" if store._key is None else f" of {store._key}"
        known = [key for key in edge_attribute_names(store) if key != "edge_index"]
        listed = echo(", ".join(known) or "none", 400)
        raise OptionError(
            f"the graph has no attribute {echo(name)!r}{where} to take edge weights from; those "
            f"of its arcs: {listed}"
        )
    if (
        not isinstance(value, Tensor)
        or value.is_complex()
        or value.shape[:1] != (num_arcs,)
        or value.numel() != num_arcs
    ):
        raise GraphFormatError(
            f"{echo(name)} is {_kind_of(value)}; expected one number for each of {num_arcs} arcs"
        )
    numbers: NDArray[np.float64] = value.detach().reshape(-1).to("cpu", torch.float64).numpy()
    return numbers


def _kind_of(value: Any) -> str:
    """A description of an attribute that does not hold one number for each arc."""
    if isinstance(value, Tensor):
        return f"{value.dtype}" if value.is_complex() else f"{list(value.shape)}"
    if isinstance(value, (list, tuple)) and any(isinstance(item, str) for item in value):
        return f"a {type(value).__name__} of texts"
    return f"a {type(value).__name__}"
