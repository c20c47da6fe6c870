"""Matrices that hold the edges a second time, cut together with them.

`ToSparseTensor(remove_edge_index=False)` puts `adj_t` beside `edge_index`, and networks take the
one or the other. A matrix repeats the edges if each of its entries off the diagonal is an arc: then
the entries of removed edges go and all others keep their values. Row i, column j is the arc from i
to j, or in a transposed matrix (a name that ends in ``_t``) the arc from j to i; whichever fits is
taken, the one that the name says first.

Known forms: torch's sparse COO, CSR and CSC tensors, `torch_sparse.SparseTensor`, scipy's sparse
matrices, and dense tensors and arrays, in which removed entries become zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.errors import GraphFormatError, echo

_ROWS = {torch.sparse_coo, torch.sparse_csr, torch.sparse_csc}
_BLOCKS = {torch.sparse_bsr, torch.sparse_bsc}


@dataclass(frozen=True, eq=False)
class Ends:
    """Where the vertices of an edge type stand among all of them.

    Attributes:
        source: First vertex id and number of the vertices that arcs come from.
        target: First vertex id and number of those that they go to.
    """

    source: tuple[int, int]
    target: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix with a row for each source."""
        return self.source[1], self.target[1]


def is_sparse_matrix(value: Any) -> bool:
    """Whether a value is a sparse matrix of any kind that is known here."""
    if isinstance(value, Tensor):
        if value.layout == torch.sparse_coo:
            return value.sparse_dim() == 2
        return value.layout in _ROWS | _BLOCKS
    return _is_scipy(value) or _is_sparse_tensor(value)


def cut_matrix(
    value: Any,
    ends: Ends,
    edge_ids: Callable[[Tensor], Tensor],
    removed: Tensor,
    *,
    name: str,
    transposed: bool,
    must_fit: bool,
) -> Any:
    """The matrix without the entries of removed edges.

    Args:
        value: The matrix, of shape `ends.shape` or turned round; not changed.
        ends: Which vertices its rows and columns are.
        edge_ids: Turns arcs, int64 [2, k], into edge ids, -1 for what is no edge.
        removed: bool tensor of shape [m], true for each edge that goes.
        name: What to call it in an error.
        transposed: Whether the name says that rows are targets.
        must_fit: Whether it is an error if the matrix is not about the edges.

    Returns:
        A matrix of the same kind; `value` itself if it has nothing to do with the edges.

    Raises:
        GraphFormatError: Some of its entries are arcs and others are not, or its kind is unknown.
    """
    if isinstance(value, Tensor) and value.requires_grad and value.layout == torch.sparse_coo:
        value = value.coalesce()  # the values of other COO tensors have no gradient
    rows, columns = _entries(value, name)
    rows, columns = rows.to(removed.device), columns.to(removed.device)
    stray, overlaps = None, False
    for turned in (transposed, not transposed):
        if tuple(value.shape[:2]) != (ends.shape[::-1] if turned else ends.shape):
            continue
        heads, tails = (columns, rows) if turned else (rows, columns)
        arcs = torch.stack([heads + ends.source[0], tails + ends.target[0]])
        ids = edge_ids(arcs)
        proper = arcs[0] != arcs[1]
        unknown = (proper & (ids < 0)).nonzero().view(-1)
        if unknown.numel() == 0:
            gone = torch.zeros_like(proper)
            gone[proper] = removed[ids[proper]]
            return _without(value, gone) if bool(gone.any()) else value
        stray = int(rows[unknown[0]]), int(columns[unknown[0]])
        overlaps = overlaps or bool((ids >= 0).any())
    if must_fit or overlaps:
        raise GraphFormatError(
            f"{name} has an entry at {stray}, which is no arc of edge_index, and others that are: "
            f"it cannot be cut with the edges; delete it and make it anew from the sparser graph"
        )
    return value


def _entries(value: Any, name: str) -> tuple[Tensor, Tensor]:
    """Row and column of each entry, int64 [nnz], in the order in which the matrix stores them."""
    if isinstance(value, Tensor) and value.is_meta:
        raise GraphFormatError(f"{name} is on the device meta and holds no values to cut")
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.ascontiguousarray(value != 0))
    if _is_scipy(value):
        rows, columns = (torch.from_numpy(part.astype(np.int64)) for part in _coordinates(value))
        return rows, columns
    if _is_sparse_tensor(value):
        rows, columns, _ = value.coo()
        return rows, columns
    if value.layout == torch.strided:
        filled = value != 0
        filled = filled if filled.dim() == 2 else filled.flatten(2).any(dim=2)
        rows, columns = filled.nonzero().T
        return rows, columns
    _check_invariants(value, name)
    if value.layout == torch.sparse_coo:
        rows, columns = value._indices()
        return rows, columns
    if value.layout == torch.sparse_csr:
        return _unpacked(value.crow_indices()), value.col_indices().long()
    if value.layout == torch.sparse_csc:
        return value.row_indices().long(), _unpacked(value.ccol_indices())
    raise GraphFormatError(
        f"{name} has the layout {value.layout}, which cannot be cut with the edges: convert "
        f"it, for example with .to_sparse_csr(), or delete it"
    )


def _check_invariants(value: Tensor, name: str) -> None:
    """Raise `GraphFormatError` if a sparse tensor has entries outside of itself, or worse."""
    makers = {
        torch.sparse_coo: lambda: torch.sparse_coo_tensor(
            value._indices(),
            value._values(),
            value.shape,
            device=value.device,
            check_invariants=True,
        ),
        torch.sparse_csr: lambda: torch.sparse_csr_tensor(
            value.crow_indices(),
            value.col_indices(),
            value.values(),
            value.shape,
            device=value.device,
            check_invariants=True,
        ),
        torch.sparse_csc: lambda: torch.sparse_csc_tensor(
            value.ccol_indices(),
            value.row_indices(),
            value.values(),
            value.shape,
            device=value.device,
            check_invariants=True,
        ),
    }
    try:
        makers.get(value.layout, lambda: None)()
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise GraphFormatError(f"{name} is no valid sparse tensor: {echo(reason)}") from None


def _without(value: Any, gone: Tensor) -> Any:
    """The same matrix without some of its entries, counted as `_entries` lists them."""
    if isinstance(value, np.ndarray):
        array = value.copy()
        chosen = gone.cpu().numpy()
        row, column = (part.numpy()[chosen] for part in _entries(value, ""))
        array[row, column] = 0
        return array
    if _is_scipy(value):
        return _scipy_without(value, gone.cpu().numpy())
    if _is_sparse_tensor(value):
        return _sparse_tensor_without(value, ~gone)
    gone = gone.to(value.device)
    if value.layout == torch.strided:
        rows, columns = _entries(value, "")
        filled = torch.zeros(value.shape[:2], dtype=torch.bool, device=value.device)
        filled[rows[gone], columns[gone]] = True
        return value.masked_fill(filled.view(*filled.shape, *[1] * (value.dim() - 2)), 0)
    return _torch_without(value, ~gone)


def _torch_without(value: Tensor, kept: Tensor) -> Tensor:
    size = value.shape
    if value.layout == torch.sparse_coo:
        return torch.sparse_coo_tensor(
            value._indices()[:, kept],
            (value.values() if value.is_coalesced() else value._values())[kept],
            size,
            dtype=value.dtype,
            device=value.device,
            is_coalesced=value.is_coalesced(),
            check_invariants=False,  # `_entries` did
        )
    by_row = value.layout == torch.sparse_csr
    packed = value.crow_indices() if by_row else value.ccol_indices()
    plain = value.col_indices() if by_row else value.row_indices()
    before = torch.cat([kept.new_zeros(1, dtype=packed.dtype), kept.cumsum(0).to(packed.dtype)])
    make = torch.sparse_csr_tensor if by_row else torch.sparse_csc_tensor
    return make(
        before[packed.long()],
        plain[kept],
        value.values()[kept],
        size,
        dtype=value.dtype,
        device=value.device,
        check_invariants=False,
    )


def _sparse_tensor_without(value: Any, kept: Tensor) -> Any:
    """A `torch_sparse.SparseTensor`; its caches are not taken over."""
    rows, columns, values = value.coo()
    return type(value)(
        row=rows[kept],
        col=columns[kept],
        value=None if values is None else values[kept],
        sparse_sizes=value.sparse_sizes(),
        is_sorted=True,
    )


def _scipy_without(value: Any, gone: np.ndarray) -> Any:
    """Entries are put out of the COO form, in which they stand as `_coordinates` lists them."""
    kept = value.tocoo(copy=True)
    kept.row, kept.col, kept.data = kept.row[~gone], kept.col[~gone], kept.data[~gone]
    return kept.asformat(value.format)


def _coordinates(value: Any) -> tuple[np.ndarray, np.ndarray]:
    entries = value.tocoo()
    return entries.row, entries.col


def _unpacked(pointers: Tensor) -> Tensor:
    """The row of each entry from where the rows begin."""
    rows = torch.arange(pointers.numel() - 1, device=pointers.device)
    return rows.repeat_interleave(pointers.diff())


def _is_scipy(value: Any) -> bool:
    if not type(value).__module__.startswith("scipy.sparse"):
        return False
    from scipy.sparse import issparse

    return bool(issparse(value)) and value.ndim == 2


def _is_sparse_tensor(value: Any) -> bool:
    return hasattr(value, "sparse_sizes") and hasattr(value, "coo")
