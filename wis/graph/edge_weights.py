"""Numbers of edges, from an attribute of the arcs or as the user gives them.

A *weight* belongs to the edge: all its arcs must hold the same one. *Scores* may differ between the
arcs of an edge, as the masks of explainers do, and are combined, by their mean if not told
otherwise. `reweighted` writes weights.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.errors import GraphFormatError, OptionError, echo
from wis.graph import CanonicalGraph
from wis.graph.cut import edge_attribute_names
from wis.graph.holders import is_held
from wis.graph.stores import called, edge_stores, shown

Floats = NDArray[np.float64]
COMBINE = {"mean": np.add, "sum": np.add, "min": np.minimum, "max": np.maximum}
"""How the scores of the arcs of an edge become one."""


def weight_attribute(data: Any) -> str:
    """The attribute that holds the weights if none is named: `edge_weight`, else `edge_attr`.

    Raises:
        OptionError: No edge store has `edge_weight`, or `edge_attr` with a single column.
    """
    stores = edge_stores(data) if hasattr(data, "edge_stores") else []
    if any(store.get("edge_weight") is not None for store in stores):
        return "edge_weight"
    columns = [store.get("edge_attr") for store in stores]
    if any(isinstance(one, Tensor) and one.shape[1:].numel() == 1 for one in columns):
        return "edge_attr"
    raise OptionError(
        "the graph has no weights: no edge_weight, no edge_attr with a single column, and no "
        "attribute or column weight that all its arcs have; name the attribute of its arcs that "
        "holds them, edge_weight='NAME' or --option edge_weight=NAME"
    )


def edge_scores(graph: CanonicalGraph, data: Any, scores: Any, combine: str = "mean") -> Floats:
    """One score for each edge, from numbers in any form.

    >>> import torch, wis
    >>> arcs = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])  # edges 0-1 and 1-2
    >>> graph = wis.UndirectedGraph.from_any(arcs)
    >>> edge_scores(graph, arcs, torch.tensor([1.0, 3.0, 5.0, 5.0])).tolist()
    [2.0, 5.0]

    Args:
        graph: The canonical edges of `data`.
        data: The object that the graph was made from.
        scores: One of

            - the name of an attribute of the arcs; in a `HeteroData` every edge type has it;
            - a tensor, array or list with a number for each arc, in the order of `edge_index`; in a
              `HeteroData`, a dictionary of them by edge type, or one for the arcs of all types;
            - the same with a number for each edge, in the order of `graph.edges`. If there are as
              many arcs as edges, the numbers are those of the arcs;
            - a dictionary by pairs of vertices, as the centralities of networkx are; of an
              undirected graph the reverse of a pair will do;
            - a series of pandas; with the index of the table `data` its order does not matter;
            - a function that gets `data` and returns one of the above.
        combine: A key of `COMBINE`: how the arcs of an edge, repeats included, become one number.

    Returns:
        float64 [m] by edge id. Scores of self-loops are not used.

    Raises:
        OptionError: The attribute, or the entry of an edge type, is missing.
        GraphFormatError: The scores are not finite real numbers, or not as many as arcs or edges.
    """
    if callable(scores):
        scores = scores(data.origin if is_held(data) else data)
    if hasattr(scores, "iloc") and is_held(data) and hasattr(data.origin, "iloc"):
        scores = _in_order_of_rows(data.origin, scores)
    if isinstance(scores, Mapping) and not hasattr(data, "edge_types"):
        values = _scores_by_pair(graph, data, scores)
    elif isinstance(scores, (str, Mapping)):
        values = _scores_by_store(graph, data, scores)
    else:
        values = _real_numbers(scores)
    what = f"{echo(scores)}" if isinstance(scores, str) else "scores"
    if values.size == graph.num_arcs and graph.arcs:
        edge = torch.cat(graph.arc_to_edge).cpu().numpy()
        _check_finite(np.where(edge < 0, 0, values), what, "arc")
        return _combined(edge, values, graph.num_edges, combine)
    if values.size != graph.num_edges:
        raise GraphFormatError(
            f"{what} holds {values.size} numbers; expected one for each of {graph.num_arcs} arcs, "
            f"or one for each of {graph.num_edges} {graph.noun}s"
        )
    _check_finite(values, what, graph.noun)
    return values


def _in_order_of_rows(table: Any, scores: Any) -> Any:
    """A series by the labels of the table's rows, if it has those labels; else as it is."""
    is_same = scores.index.is_unique and set(scores.index) == set(table.index)
    return scores.loc[table.index] if is_same and table.index.is_unique else scores


def _scores_by_pair(graph: CanonicalGraph, data: Any, scores: Mapping[Any, Any]) -> Floats:
    """The numbers of all arcs from a mapping by pairs of vertices; 0 for self-loops."""
    names, found = called(data, range(graph.num_nodes)), []
    for u, v in torch.cat([arcs.cpu() for arcs in graph.arcs], dim=1).T.tolist():
        pair = (names[u], names[v])
        score = scores.get(pair, None if graph.directed else scores.get(pair[::-1]))
        if score is None and u != v:
            raise OptionError(
                f"scores has no entry for {echo(pair, 80)}; expected a number for each pair of "
                f"vertices with an {graph.noun}"
            )
        found.append(0 if score is None else score)
    return _real_numbers(found)


def _scores_by_store(graph: CanonicalGraph, data: Any, scores: str | Mapping[Any, Any]) -> Floats:
    """The numbers of all arcs, in the order of the edge stores."""
    if not hasattr(data, "edge_stores"):
        raise OptionError(
            f"scores={echo(scores)!r} names attributes; a bare edge_index has none: pass a Data"
        )
    parts = [np.zeros(0)]
    for store, arcs in zip(edge_stores(data), graph.arcs, strict=True):
        if isinstance(scores, str):
            parts.append(_one_number_per_arc(store, scores, arcs.size(1)))
            continue
        if store._key not in scores:
            known = ", ".join(map(str, scores)) or "none"
            raise OptionError(f"scores has no entry for {store._key}; its entries: {echo(known)}")
        part = _real_numbers(scores[store._key])
        if part.size != arcs.size(1):
            raise GraphFormatError(
                f"scores of {store._key} holds {part.size} numbers; expected one for each of "
                f"{arcs.size(1)} arcs"
            )
        parts.append(part)
    return np.concatenate(parts)


def _real_numbers(scores: Any) -> Floats:
    """A tensor, array or list of real numbers as float64 [k]."""
    values = scores.detach().cpu() if isinstance(scores, Tensor) else scores
    if isinstance(values, Tensor) and values.dtype == torch.bfloat16:  # unknown to numpy
        values = values.float()
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError):
        array = np.empty(0, dtype=object)
    long = [size for size in array.shape if size != 1]
    if array.dtype.kind not in "biuf" or not array.shape or len(long) > 1:
        is_array = array.dtype != object
        found = f"{list(array.shape)} of {array.dtype}" if is_array else _kind_of(scores)
        raise GraphFormatError(
            f"scores is {found}; expected real numbers, one for each arc or edge, or the name of "
            f"an attribute"
        )
    return array.reshape(-1).astype(np.float64)


def _check_finite(values: Floats, what: str, noun: str) -> None:
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise GraphFormatError(
            f"{what} is {values[wrong[0]]} at {noun} {wrong[0]}; expected finite numbers"
        )


def _combined(edge: NDArray[np.int64], values: Floats, num_edges: int, combine: str) -> Floats:
    """One number for each edge; sorted first, so that the order of the arcs does not matter."""
    by_edge = np.lexsort((values, edge))
    by_edge = by_edge[np.searchsorted(edge[by_edge], 0) :]  # without self-loops
    edge, values = edge[by_edge], values[by_edge]
    first = np.flatnonzero(np.diff(edge, prepend=-1))
    if combine != "mean":
        combined: Floats = COMBINE[combine].reduceat(values, first) if num_edges else values
        return combined
    low = values[first]  # the mean of equal numbers is that number, without rounding
    size = np.bincount(edge, minlength=num_edges)
    above = np.bincount(edge, values - low[edge], minlength=num_edges)
    return (low + above / size).astype(np.float64)


def digest_of(values: Floats) -> str:
    """Hexadecimal digest of numbers by edge id, the same on any machine."""
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f8").data).hexdigest()[:32]


def edge_weights(graph: CanonicalGraph, data: Any, name: str) -> Floats:
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
            pair = shown(data, graph.edges[:, int(ids[differs[0]])].tolist())
            raise GraphFormatError(
                f"{name} differs between the arcs of edge {echo(pair)}; an edge has one weight: "
                f"make them equal first, for example with to_undirected(..., reduce='mean'), or "
                f"rank by scores, which combine them"
            )
    return weight


def reweighted(data: Any, graph: CanonicalGraph, factor: Floats, name: str = "edge_weight") -> Any:
    """A shallow copy with `edge_weight`: the attribute `name` of each arc times a factor.

    Args:
        data: A `Data` or `HeteroData`; without the attribute all weights are 1.
        graph: Its canonical form.
        factor: float64 [m], for each edge; self-loops keep their weights.
        name: The attribute to multiply, a number for each arc.

    Raises:
        OptionError: `data` is a bare `edge_index`, which cannot hold weights.
        GraphFormatError: The attribute is not one real number for each arc.
    """
    if not hasattr(data, "edge_stores") or is_held(data):
        raise OptionError(
            "reweight writes edge_weight, which this kind of graph lacks: pass a Data"
        )
    result = copy.copy(data)
    by_edge = torch.from_numpy(np.append(factor, 1.0))  # self-loops, -1, take the last entry
    for store, edge in zip(edge_stores(result), graph.arc_to_edge, strict=True):
        old, new = store.get(name), by_edge.to(edge.device)[edge]
        if old is not None:
            weight = torch.from_numpy(_one_number_per_arc(store, name, edge.numel()))
            new = (weight.to(edge.device) * new).reshape(old.shape)
        is_float = old is not None and old.is_floating_point()
        store["edge_weight"] = new.to(old.dtype if is_float else torch.get_default_dtype())
    return result


def _one_number_per_arc(store: Any, name: str, num_arcs: int) -> Floats:
    value = store.get(name)
    if value is None:
        where = "" if store._key is None else f" of {store._key}"
        known = [key for key in edge_attribute_names(store) if key != "edge_index"]
        listed = echo(", ".join(known) or "none", 400)
        raise OptionError(
            f"the graph has no attribute {echo(name)!r}{where} to take edge weights or scores "
            f"from; those of its arcs: {listed}"
        )
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = torch.from_numpy(value.astype(np.float64))
    if (
        not isinstance(value, Tensor)
        or value.is_complex()
        or value.shape[:1] != (num_arcs,)
        or value.numel() != num_arcs
    ):
        raise GraphFormatError(
            f"{echo(name)} is {_kind_of(value)}; expected one number for each of {num_arcs} arcs"
        )
    numbers: Floats = value.detach().reshape(-1).to("cpu", torch.float64).numpy()
    return numbers


def _kind_of(value: Any) -> str:
    """A description of an attribute that does not hold one number for each arc."""
    if isinstance(value, Tensor):
        return f"{value.dtype}" if value.is_complex() else f"{list(value.shape)}"
    if isinstance(value, (list, tuple)) and any(isinstance(item, str) for item in value):
        return f"a {type(value).__name__} of texts"
    return f"a {type(value).__name__}"
