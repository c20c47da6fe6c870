"""Cut matrices that repeat the edges.

`ToSparseTensor(remove_edge_index=False)` puts `adj_t` beside `edge_index`, and networks use one of
them. A matrix repeats the edges if each of its entries off the diagonal is an arc. Then the entries
of removed edges are removed, and all others keep their values. The entry in row i and column j is
the arc from i to j, or in a transposed matrix the arc from j to i. Both are tried; for a name that
ends in ``_t`` the transposed form is tried first.

Known types: torch's sparse COO, CSR and CSC tensors, `torch_sparse.SparseTensor`, scipy's sparse
matrices, and dense tensors and arrays, in which removed entries become zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.errors import GraphFormatError, echo

_BLOCKS = {torch.sparse_bsr, torch.sparse_bsc}
_PACKED: dict[torch.layout, tuple[Callable[..., Tensor], str, str]] = {
    torch.sparse_csr: (torch.sparse_csr_tensor, "crow_indices", "col_indices"),
    torch.sparse_csc: (torch.sparse_csc_tensor, "ccol_indices", "row_indices"),
}
"""The function that makes a packed tensor, and the methods for its pointers and indices."""


Range = tuple[int, int]
"""First id and number of the vertices of a type."""


def is_sparse_matrix(value: Any) -> bool:
    """Whether a value is a sparse matrix of a known type."""
    if isinstance(value, Tensor):
        if value.layout == torch.sparse_coo:
            return value.sparse_dim() == 2
        return value.layout in _PACKED or value.layout in _BLOCKS
    return _is_scipy(value) or _is_sparse_tensor(value)


def cut_matrix(
    value: Any,
    ends: tuple[Range, Range],
    edge_ids: Callable[[Tensor], Tensor],
    removed: Tensor,
    *,
    name: str,
    transposed: bool,
    must_fit: bool,
) -> Any:
    """The matrix without the entries of removed edges.

    Args:
        value: The matrix, with a row for each source and a column for each target, or its
            transpose; not changed.
        ends: The source and the target vertices.
        edge_ids: Maps arcs, int64 [2, k], to edge ids, or to -1 for a pair that is not an edge.
        removed: bool tensor of shape [m], true for each removed edge.
        name: The name of the matrix in errors.
        transposed: Whether the name suggests that rows are targets.
        must_fit: Whether to raise if the matrix does not repeat the edges.

    Returns:
        A matrix of the same kind; `value` itself if it does not repeat the edges.

    Raises:
        GraphFormatError: Some of its entries are arcs and others are not, or its kind is unknown.
    """
    if isinstance(value, Tensor) and value.requires_grad and value.layout == torch.sparse_coo:
        value = value.coalesce()  # the values of other COO tensors have no gradient
    rows, columns = entries(value, name)
    rows, columns = rows.to(removed.device), columns.to(removed.device)
    (first_source, num_sources), (first_target, num_targets) = ends
    stray, overlaps = None, False
    for turned in (transposed, not transposed):
        shape = (num_targets, num_sources) if turned else (num_sources, num_targets)
        if tuple(value.shape[:2]) != shape:
            continue
        heads, tails = (columns, rows) if turned else (rows, columns)
        arcs = torch.stack([heads + first_source, tails + first_target])
        ids = edge_ids(arcs)
        proper = arcs[0] != arcs[1]
        unknown = (proper & (ids < 0)).nonzero().view(-1)
        if unknown.numel() == 0:
            gone = torch.zeros_like(proper)
            gone[proper] = removed[ids[proper]]
            return without(value, gone) if bool(gone.any()) else value
        stray = int(rows[unknown[0]]), int(columns[unknown[0]])
        overlaps = overlaps or bool((ids >= 0).any())
    if must_fit or overlaps:
        raise GraphFormatError(
            f"{name} has an entry at {stray}, which is not an arc of edge_index, so it cannot be "
            f"cut with the edges; delete it and compute it from the sparser graph"
        )
    return value


def entries(value: Any, name: str) -> tuple[Tensor, Tensor]:
    """Row and column of each entry, int64 [nnz], in the order of storage."""
    if isinstance(value, Tensor) and value.is_meta:
        raise GraphFormatError(f"{name} is on the device meta and holds no values to cut")
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.ascontiguousarray(value != 0))
    if _is_scipy(value):
        stored = _as_coo(value)
        return torch.from_numpy(stored.row.astype(np.int64)), torch.from_numpy(
            stored.col.astype(np.int64)
        )
    if _is_sparse_tensor(value):
        rows, columns, _ = value.coo()
        return rows, columns
    if value.layout == torch.strided:
        filled = value != 0
        filled = filled if filled.dim() == 2 else filled.flatten(2).any(dim=2)
        rows, columns = filled.nonzero().T
        return rows, columns
    if value.layout in _BLOCKS:
        raise GraphFormatError(
            f"{name} has the layout {value.layout}, which cannot be cut with the edges: convert "
            f"it, for example with .to_sparse_csr(), or delete it"
        )
    _check_invariants(value, name)
    if value.layout == torch.sparse_coo:
        rows, columns = value._indices()
        return rows, columns
    _, pointers, indices = _packed(value)
    packed = torch.arange(pointers.numel() - 1, device=pointers.device)
    major, minor = packed.repeat_interleave(pointers.diff()), indices.long()
    return (major, minor) if value.layout == torch.sparse_csr else (minor, major)


def values_of(value: Any) -> Any:
    """The value of each entry in the order of `entries`; None if the matrix has no values."""
    if _is_scipy(value):
        return _as_coo(value).data
    if not isinstance(value, (Tensor, np.ndarray)):
        return value.coo()[2]
    if isinstance(value, np.ndarray) or value.layout == torch.strided:
        rows, columns = entries(value, "")
        return value[rows, columns]
    return value._values() if value.layout == torch.sparse_coo else value.values()


def _packed(value: Tensor) -> tuple[Callable[..., Tensor], Tensor, Tensor]:
    make, pointers, indices = _PACKED[value.layout]
    plain = getattr(value, indices)().clone(memory_format=torch.contiguous_format)
    return make, getattr(value, pointers)(), plain


def _check_invariants(value: Tensor, name: str) -> None:
    """Raise `GraphFormatError` if a sparse tensor is invalid, such as one with entries outside."""
    try:
        if value.layout == torch.sparse_coo:
            make: Any = torch.sparse_coo_tensor
            parts = [value._indices(), value._values()]
        else:
            make, *parts = _packed(value)
            parts.append(value.values())
        make(*parts, value.shape, device=value.device, check_invariants=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise GraphFormatError(f"{name} is not a valid sparse tensor: {echo(reason)}") from None


def without(value: Any, gone: Tensor) -> Any:
    """The matrix without the entries in `gone`, a mask in the order of `entries`."""
    if isinstance(value, np.ndarray):
        array = value.copy()
        chosen = gone.cpu().numpy()
        row, column = (part.numpy()[chosen] for part in entries(value, ""))
        array[row, column] = 0
        return array
    if _is_scipy(value):
        left, kept = _as_coo(value), ~gone.cpu().numpy()  # in the order of `entries`
        left.row, left.col, left.data = left.row[kept], left.col[kept], left.data[kept]
        return left.asformat(value.format)
    if _is_sparse_tensor(value):
        return _sparse_tensor_without(value, ~gone)
    gone = gone.to(value.device)
    if value.layout == torch.strided:
        rows, columns = entries(value, "")
        filled = torch.zeros(value.shape[:2], dtype=torch.bool, device=value.device)
        filled[rows[gone], columns[gone]] = True
        return value.masked_fill(filled.view(*filled.shape, *[1] * (value.dim() - 2)), 0)
    return _torch_without(value, ~gone)


def _torch_without(value: Tensor, kept: Tensor) -> Tensor:
    options: Any = {"dtype": value.dtype, "device": value.device, "check_invariants": False}
    if value.layout == torch.sparse_coo:
        joined = value.is_coalesced()
        values = value.values() if joined else value._values()
        return torch.sparse_coo_tensor(
            value._indices()[:, kept], values[kept], value.shape, is_coalesced=joined, **options
        )
    make, pointers, indices = _packed(value)
    before = kept.new_zeros(1, dtype=pointers.dtype), kept.cumsum(0).to(pointers.dtype)
    moved = torch.cat(before)[pointers.long()]
    return make(moved, indices[kept], value.values()[kept], value.shape, **options)


def _sparse_tensor_without(value: Any, kept: Tensor) -> Any:
    """A `torch_sparse.SparseTensor` without its caches."""
    rows, columns, values = value.coo()
    return type(value)(
        row=rows[kept],
        col=columns[kept],
        value=None if values is None else values[kept],
        sparse_sizes=value.sparse_sizes(),
        is_sorted=True,
    )


def _as_coo(value: Any) -> Any:
    """A copy of a matrix of scipy in the COO form; zeros that fill a block are no entries."""
    stored = value.tocoo(copy=True)
    if value.format == "bsr":
        stored.eliminate_zeros()
    return stored


def _is_scipy(value: Any) -> bool:
    if not type(value).__module__.startswith("scipy.sparse"):
        return False
    from scipy.sparse import issparse

    return bool(issparse(value)) and value.ndim == 2


def _is_sparse_tensor(value: Any) -> bool:
    return hasattr(value, "sparse_sizes") and hasattr(value, "coo")
