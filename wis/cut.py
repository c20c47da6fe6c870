"""Drop edges from a PyG object and keep everything else as it was.

What counts as edge-level is PyG's own judgement (`is_edge_attr`), asked before `edge_index` is
replaced, since it goes by length. Three things override it. Names that the caller gives are
edge-level. Lists of their own (`edge_label_index`, `val_pos_edge_index`, ...) never are, although
after `RandomLinkSplit` they are often just as long. And where the number of vertices equals the
number of arcs, so that length cannot tell, the name decides: edge-level is what PyG calls so or
what contains ``edge``.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.errors import OptionError
from wis.graph import CanonicalGraph, edge_stores

EDGE_NAMES = frozenset({"edge_index", "e_id"})


def drop_edges(
    data: Any, graph: CanonicalGraph, removed: Tensor, *, edge_attrs: Iterable[str] = ()
) -> Any:
    """Take edges away, each with all its arcs; self-loops stay.

    Args:
        data: The `Data`, `HeteroData` or `edge_index` that `graph` was made from; it is not
            changed.
        graph: Its canonical form.
        removed: bool tensor of shape [m], true for each edge that goes.
        edge_attrs: Names of attributes that are edge-level whatever their length suggests.

    Returns:
        A shallow copy of `data` whose edge stores hold the surviving arcs in their old order.

    Raises:
        OptionError: A name in `edge_attrs` is no attribute with one entry for each arc.
    """
    kept = [_kept_arcs(removed, ids) for ids in graph.arc_to_edge]
    if isinstance(data, Tensor):
        return data[:, kept[0].to(data.device)]
    if isinstance(data, CanonicalGraph):
        arcs = tuple(part[:, mask] for part, mask in zip(data.arcs, kept, strict=True))
        if type(data) is type(graph):
            return type(data)(data.num_nodes, data.edges[:, ~removed], arcs)
        return type(data).from_arcs(arcs, data.num_nodes)
    explicit = frozenset((edge_attrs,) if isinstance(edge_attrs, str) else edge_attrs)
    _check_known(data, explicit)
    names = [edge_attribute_names(store, explicit) for store in edge_stores(data)]
    result = copy.copy(data)
    for store, attributes, mask in zip(edge_stores(result), names, kept, strict=True):
        for name in attributes:
            dim = result.__cat_dim__(name, store[name], store)
            store[name] = _select(store[name], mask, dim if isinstance(dim, int) else 0)
        store.__dict__.pop("_cached_attr", None)  # PyG's cache of a classification by length
    _keep_num_nodes(result, graph)
    _recount_batch(result, names, kept)
    return result


def edge_attribute_names(store: Any, explicit: frozenset[str] = frozenset()) -> list[str]:
    """Names of a store's attributes that hold one entry for each arc, `edge_index` among them."""
    store = copy.copy(store)
    store.__dict__.pop("_cached_attr", None)
    with warnings.catch_warnings():  # PyG's, where it infers the number of vertices
        warnings.simplefilter("ignore")
        names = [name for name in list(store.keys()) if _is_edge_level(store, name, explicit)]
    for name in explicit & set(store.keys()):
        if name not in names:
            raise OptionError(
                f"{name!r} is named as edge-level but does not hold one entry for each of the "
                f"{store.num_edges} arcs"
            )
    return names


def _is_edge_level(store: Any, name: str, explicit: frozenset[str]) -> bool:
    value = store[name]
    if name in explicit:
        return bool(_num_entries(store, name) == store.num_edges)
    if isinstance(value, (str, bytes)) or _is_list_of_its_own(name):
        return False
    if store._key is None and store.num_nodes == store.num_edges:
        named_so = name in EDGE_NAMES or "edge" in name
        return bool(named_so and _num_entries(store, name) == store.num_edges)
    return bool(store.is_edge_attr(name))


def _check_known(data: Any, explicit: frozenset[str]) -> None:
    for name in explicit:
        if not any(name in store for store in edge_stores(data)):
            raise OptionError(f"{name!r} is named as edge-level; no edge type has it")


def _keep_num_nodes(result: Any, graph: CanonicalGraph) -> None:
    """Write the number of vertices down where PyG would infer a smaller one from fewer arcs."""
    if hasattr(result, "edge_types"):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inferred = result.num_nodes
    if inferred != graph.num_nodes:
        result.num_nodes = graph.num_nodes


def _recount_batch(result: Any, names: list[list[str]], kept: list[Tensor]) -> None:
    """Let a PyG `Batch` know where the arcs of each of its graphs now begin."""
    try:
        slices = dict(result._slice_dict)
    except (AttributeError, KeyError):  # no Batch
        return
    for store, attributes, mask in zip(edge_stores(result), names, kept, strict=True):
        begins = torch.cat([mask.new_zeros(1, dtype=torch.int64), mask.cumsum(0)]).cpu()
        old = slices if store._key is None else slices[store._key]
        new = {name: begins[old[name]] for name in attributes if name in old}
        if store._key is None:
            slices.update(new)
        else:
            slices[store._key] = {**old, **new}
    result._slice_dict = slices


def _is_list_of_its_own(name: str) -> bool:
    return "edge_label" in name or (name.endswith("edge_index") and name != "edge_index")


def _num_entries(store: Any, name: str) -> int | None:
    value = store[name]
    if isinstance(value, (Tensor, np.ndarray)):
        dim = store._parent().__cat_dim__(name, value, store)
        return value.shape[dim] if isinstance(dim, int) and value.ndim else None
    return len(value) if hasattr(value, "__len__") else None


def _kept_arcs(removed: Tensor, edge_of_arc: Tensor) -> Tensor:
    if removed.numel() == 0:
        return torch.ones_like(edge_of_arc, dtype=torch.bool)
    return (edge_of_arc < 0) | ~removed[edge_of_arc.clamp(min=0)]


def _select(value: Any, mask: Tensor, dim: int) -> Any:
    if isinstance(value, Tensor):
        return value.index_select(dim, mask.nonzero().view(-1).to(value.device))
    if isinstance(value, np.ndarray):
        return np.compress(mask.cpu().numpy(), value, axis=dim)
    if isinstance(value, (list, tuple)):
        kept = [item for item, keep in zip(value, mask.tolist(), strict=True) if keep]
        return kept if isinstance(value, list) else tuple(kept)
    return value[mask]  # a TensorFrame
