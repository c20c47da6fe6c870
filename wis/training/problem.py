"""The data of one run, checked and in the form that training wants."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from wis.errors import GraphFormatError, OptionError
from wis.graph import UndirectedGraph
from wis.training.config import DTYPES, TrainConfig
from wis.training.sparse import csr_matrix, csr_of_dense

PARTS = ("train_mask", "val_mask", "test_mask")

SPARSE_BELOW = 0.15
"""Density of features below which sparse products win; break-even was measured near 0.2."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Features and labels shared by S runs, and the graph and split of each.

    Attributes:
        x: Features [num_nodes, in_dim], dense or in compressed rows.
        y: int64 labels [num_rows]; a row is a vertex or, for graph prediction, a graph.
        graphs: S tensors `edge_index`; the same object where runs share a graph.
        masks: Boolean [S, 3, num_rows]: training, validation, test.
        num_classes: Number of classes.
        batch: The graph of each vertex, None for vertex prediction.
        sources: S graphs in canonical form, for the record.
    """

    x: Tensor
    y: Tensor
    graphs: tuple[Tensor, ...]
    masks: Tensor
    num_classes: int
    batch: Tensor | None
    sources: tuple[UndirectedGraph, ...]

    @property
    def in_dim(self) -> int:
        """Number of features."""
        return self.x.size(1)

    @property
    def num_nodes(self) -> int:
        """Number of vertices of each graph."""
        return self.x.size(0)

    def select(self, positions: Sequence[int]) -> Problem:
        """Some of the runs."""
        return replace(
            self,
            graphs=tuple(self.graphs[position] for position in positions),
            masks=self.masks[list(positions)],
            sources=tuple(self.sources[position] for position in positions),
        )

    def digest(self) -> str:
        """Hash of all that training depends on."""
        hashed = hashlib.sha256()
        parts = (self.x, self.y, self.masks, self.batch, *self.graphs)
        for part in parts:
            for array in () if part is None else _arrays(part):
                hashed.update(str((array.dtype, tuple(array.shape))).encode())
                hashed.update(array.detach().cpu().contiguous().numpy().tobytes())
        return hashed.hexdigest()


def _arrays(tensor: Tensor) -> tuple[Tensor, ...]:
    if tensor.layout == torch.sparse_csr:
        return tensor.crow_indices(), tensor.col_indices(), tensor.values()
    return (tensor,)


def make_problem(data: Sequence[Any], config: TrainConfig) -> Problem:
    """Check the data of S runs and bring it to the device.

    Args:
        data: S graphs of the same vertices, features and labels: PyG `Data` with float `x`
            [num_nodes, in_dim] (dense or sparse), int64 `y`, and boolean `train_mask`, `val_mask`,
            `test_mask`. For graph prediction a `Batch`, with labels and masks of graphs.
        config: Says on which device, in which precision, for which task.

    Raises:
        GraphFormatError: Something is missing or does not fit.
        OptionError: There is no such device.
    """
    first = data[0]
    _require(first, ("x", "y", "edge_index"))
    device = checked_device(config)
    batch = _batch(first).to(device) if config.task == "graph" else None
    rows = first.num_nodes if batch is None else _num_graphs(first)
    y = as_labels(first.y, rows).to(device)
    made: dict[int, tuple[Tensor, UndirectedGraph]] = {}
    for item in data:
        _check_same(first, item)
        if id(item.edge_index) not in made:
            made[id(item.edge_index)] = _graph(item, device)
    masks = torch.stack([_masks(item, rows) for item in data]).to(device)
    if bool((masks & (y < 0)).any()):
        raise GraphFormatError("a vertex of a mask has a negative label in y; take it out of it")
    graphs, sources = zip(*(made[id(item.edge_index)] for item in data), strict=True)
    num_classes = int(y.max()) + 1
    x = as_features(first.x, first.num_nodes, DTYPES[config.dtype]).to(device)
    return Problem(x, y, graphs, masks, num_classes, batch, sources)


def _require(data: Any, names: Sequence[str]) -> None:
    for name in names:
        value = getattr(data, name, None)
        if value is None:
            raise GraphFormatError(f"training needs data.{name}, which is missing")
        if not isinstance(value, Tensor):
            raise GraphFormatError(f"data.{name} is a {type(value).__name__}; expected a tensor")


def checked_device(config: TrainConfig) -> torch.device:
    """The device that a run asks for; raises `OptionError` if it cannot be used."""
    try:
        device = torch.device(config.device)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise OptionError(f"device is {config.device!r}, which cannot be used: {reason}") from None
    return device


def _batch(data: Any) -> Tensor:
    _require(data, ("batch",))
    batch: Tensor = data.batch
    if batch.shape != (data.num_nodes,) or batch.dtype != torch.int64:
        raise GraphFormatError(
            f"batch is {batch.dtype} of shape {tuple(batch.shape)}; expected torch.int64 of shape "
            f"[{data.num_nodes}], the graph of each vertex"
        )
    return batch


def _num_graphs(data: Any) -> int:
    """As a `Batch` tells, whose last graphs may have no vertices; else the highest number."""
    told = getattr(data, "num_graphs", None)
    if told is not None:
        return int(told)
    return int(data.batch.max()) + 1 if data.batch.numel() else 0


def as_labels(y: Tensor, rows: int) -> Tensor:
    """Labels as int64 [rows]; raises `GraphFormatError` if they are none."""
    if y.dim() == 2 and y.size(1) == 1:
        y = y.view(-1)
    if y.shape != (rows,) or y.is_floating_point():
        raise GraphFormatError(
            f"y is {y.dtype} of shape {tuple(y.shape)}; expected integer classes of shape [{rows}]"
        )
    return y.to(torch.int64)


def _graph(data: Any, device: torch.device) -> tuple[Tensor, UndirectedGraph]:
    graph = UndirectedGraph.from_any(data.edge_index, data.num_nodes)
    return data.edge_index.to(device), graph


def _check_same(first: Any, item: Any) -> None:
    _require(item, ("x", "y", "edge_index", *PARTS))
    if item is first:
        return
    if item.num_nodes != first.num_nodes:
        raise GraphFormatError(
            f"graphs with {first.num_nodes} and {item.num_nodes} vertices cannot run as one; "
            "train them one by one"
        )
    for name in ("x", "y", "batch"):
        a, b = getattr(first, name, None), getattr(item, name, None)
        if a is b or not (isinstance(a, Tensor) and isinstance(b, Tensor)):
            continue
        dense = [part.to_dense() if part.layout != torch.strided else part for part in (a, b)]
        if not torch.equal(*dense):
            raise GraphFormatError(
                f"graphs with different {name} cannot run as one; train them one by one"
            )


def _masks(data: Any, rows: int) -> Tensor:
    masks = []
    for name in PARTS:
        mask = getattr(data, name)
        if mask.shape != (rows,) or mask.dtype != torch.bool:
            raise GraphFormatError(
                f"{name} is {mask.dtype} of shape {tuple(mask.shape)}; expected torch.bool of "
                f"shape [{rows}]; wis.training.split_vertices makes masks"
            )
        if not mask.any():
            raise GraphFormatError(f"{name} is false everywhere; there is nothing to measure on")
        masks.append(mask)
    return torch.stack(masks)


def as_features(x: Tensor, num_nodes: int, dtype: torch.dtype) -> Tensor:
    """Compressed rows where that wins, dense otherwise."""
    if x.dim() != 2 or x.size(0) != num_nodes or x.is_complex():
        raise GraphFormatError(
            f"x is {x.dtype} of shape {tuple(x.shape)}; expected real numbers of shape "
            f"[{num_nodes}, in_dim]"
        )
    if x.layout != torch.strided:
        x = x.to_sparse(layout=torch.sparse_coo).coalesce().to(dtype)
        if x.values().numel() >= SPARSE_BELOW * x.size(0) * x.size(1):
            return x.to_dense()
        rows, columns = x.indices()
        return csr_matrix(rows, columns, x.values(), (x.size(0), x.size(1)))
    x = x.to(dtype)
    is_sparse = int(torch.count_nonzero(x)) < SPARSE_BELOW * x.numel()
    return csr_of_dense(x) if is_sparse else x.contiguous()
