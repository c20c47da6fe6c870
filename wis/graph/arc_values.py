"""Select the entries of some arcs from a value of any type with one entry for each arc."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.graph.stores import plain_tensor


def select_arcs(
    value: Any, kept: Tensor, dim: int = 0, arcs_of_graph: tuple[int, ...] | None = None
) -> Any:
    """The entries of the kept arcs, in their old order and in the same type.

    Args:
        value: A tensor (also a nested or sparse one, or an `EdgeIndex`), array, list, tuple, pandas
            object or `TensorFrame`.
        kept: bool tensor with an entry for each arc.
        dim: The dimension of the arcs in tensors and arrays.
        arcs_of_graph: Number of arcs of each graph of a `Batch`, for metadata of an `EdgeIndex`.
    """
    if isinstance(value, Tensor):
        return _select_tensor(value, kept, dim, arcs_of_graph)
    chosen = kept.cpu().numpy()
    if isinstance(value, np.ndarray):
        return np.compress(chosen, value, axis=dim)
    if isinstance(value, (list, tuple)):
        items = [item for item, keep in zip(value, chosen.tolist(), strict=True) if keep]
        return items if isinstance(value, list) else tuple(items)
    if hasattr(value, "iloc"):
        return value.iloc[np.flatnonzero(chosen)]
    return value[kept]  # a TensorFrame


def _select_tensor(
    value: Tensor, kept: Tensor, dim: int, arcs_of_graph: tuple[int, ...] | None
) -> Tensor:
    positions = kept.nonzero().view(-1).to(value.device)
    if value.is_nested:
        parts = value.unbind()
        return torch.nested.as_nested_tensor(
            [parts[position] for position in positions.tolist()],
            dtype=value.dtype,
            device=value.device,
            layout=value.layout,
        )
    if hasattr(value, "sort_order") and hasattr(value, "sparse_size"):
        return _select_edge_index(value, positions, kept, arcs_of_graph)
    if value.layout in (torch.sparse_csr, torch.sparse_csc):
        chosen: Tensor = value.to_sparse(layout=torch.sparse_coo).index_select(dim, positions)
        return chosen.to_sparse(layout=value.layout)
    return value.index_select(dim, positions)


def _select_edge_index(
    value: Any, positions: Tensor, kept: Tensor, arcs_of_graph: tuple[int, ...] | None
) -> Tensor:
    """Select arcs of a PyG `EdgeIndex`, correct its metadata and drop its caches."""
    from torch_geometric import EdgeIndex

    arcs = plain_tensor(value).index_select(1, positions)
    order = value.sort_order
    key = None if order is None else arcs[0 if getattr(order, "value", order) == "row" else 1]
    chosen: Tensor = EdgeIndex(
        arcs,
        sparse_size=value.sparse_size(),
        sort_order=order if key is not None and bool((key.diff() >= 0).all()) else None,
        is_undirected=bool(value.is_undirected) and _is_symmetric(arcs),
    )
    parts = getattr(value, "_cat_metadata", None)
    if parts is not None and arcs_of_graph is not None:
        sizes = [int(part.sum()) for part in split_arcs(kept, arcs_of_graph)]
        flags = [
            bool(flag) and _is_symmetric(part)
            for flag, part in zip(parts.is_undirected, split_arcs(arcs, sizes), strict=True)
        ]
        chosen._cat_metadata = parts._replace(nnz=sizes, is_undirected=flags)  # type: ignore[attr-defined]
    return chosen


def split_arcs(values: Tensor, sizes: Iterable[int]) -> list[Tensor]:
    """Split a tensor along its last dimension into parts of these sizes."""
    ends = [0, *itertools.accumulate(sizes)]
    return [values[..., start:end] for start, end in itertools.pairwise(ends)]


def _is_symmetric(arcs: Tensor) -> bool:
    """Whether each arc occurs as often as its reverse."""
    if arcs.numel() == 0:
        return True
    arcs = arcs.long()
    size = int(arcs.max()) + 1
    forward, backward = arcs[0] * size + arcs[1], arcs[1] * size + arcs[0]
    return torch.equal(forward.sort().values, backward.sort().values)
