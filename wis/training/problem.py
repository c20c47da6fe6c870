"""`Problem`: the data of one run, checked and on its device; decoders and metrics for links.

An edge is ranked among pairs without an edge by their scores. All metrics follow from these ranks:

- ``auc``: the share of (edge, pair) with the higher score at the edge, ties half: the area under
  the ROC curve (`sklearn.metrics.roc_auc_score`);
- ``mrr``: the mean of 1 / rank, where a pair with the same score counts half;
- ``hits@k``: the share of edges with fewer than k pairs whose score is not lower.

The definitions of the last two are those of the evaluators of the Open Graph Benchmark (Hu et al.,
NeurIPS 2020, arXiv:2005.00687), with the same pairs for all edges. They are computed here since the
stopping rule needs the exact number of ordered pairs in every epoch, on the device of the run.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wis.base.checks import checked_device
from wis.datasets.splits import MASKS
from wis.errors import GraphFormatError
from wis.graph import UndirectedGraph
from wis.training.config import DTYPES, TrainConfig

PAIRS = ("edge_label_index", "edge_label", "edge_label_split")

SPARSE_BELOW = 0.15
"""Density of features below which sparse products are faster; they were equal near 0.2."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Features, labels, graph and split of a run, on its device.

    Attributes:
        x: Features [num_nodes, in_dim], dense or in compressed rows, whichever is faster.
        y: int64 labels [num_rows]; a row is a vertex, a graph, or a pair of vertices, whose label
            is 1 for an edge and 0 for none.
        edge_index: int64 [2, num_arcs].
        masks: Boolean [3, num_rows]: training, validation, test.
        batch: The graph of each vertex; None unless graphs are classified.
        source: The graph in canonical form, for the record.
        pairs: int64 [2, num_rows] for link prediction, else None.
        edge_weight: Factors of the arcs [num_arcs], at least 0; None for 1 everywhere.
    """

    x: Tensor
    y: Tensor
    edge_index: Tensor
    masks: Tensor
    batch: Tensor | None
    source: UndirectedGraph
    pairs: Tensor | None = None
    edge_weight: Tensor | None = None

    @property
    def num_classes(self) -> int:
        """The highest label plus one."""
        return int(self.y.max()) + 1

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Most points of each part: a point for each row, or two for each two pairs to compare."""
        rows = self.masks.sum(dim=1).tolist()
        if self.pairs is not None:
            edges = (self.masks & (self.y == 1)).sum(dim=1).tolist()
            others = [all_ - some or some for all_, some in zip(rows, edges, strict=True)]
            rows = [2 * some * other for some, other in zip(edges, others, strict=True)]
        train, val, test = rows
        return train, val, test

    def digest(self) -> str:
        """Hash of all tensors that training depends on."""
        hashed = hashlib.sha256()
        parts = (self.x, self.y, self.masks, self.batch, self.edge_index)
        for part in (*parts, self.pairs, self.edge_weight):
            for array in () if part is None else arrays_of(part):
                hashed.update(str((array.dtype, tuple(array.shape))).encode())
                hashed.update(array.detach().cpu().contiguous().numpy().tobytes())
        return hashed.hexdigest()


def arrays_of(tensor: Tensor) -> tuple[Tensor, ...]:
    """A dense tensor, or the three parts of one in compressed rows."""
    if tensor.layout == torch.sparse_csr:
        return tensor.crow_indices(), tensor.col_indices(), tensor.values()
    return (tensor,)


def make_problem(data: Any, config: TrainConfig) -> Problem:
    """Check the data of a run and bring it to the device.

    Args:
        data: The data of `wis.training.train`, with one split.
        config: The device, the precision and the task.

    Raises:
        GraphFormatError: An attribute is missing or has a wrong shape, dtype or value.
        OptionError: The device cannot be used.
    """
    is_link = config.task == "link"
    _require(data, ("x", *(PAIRS if is_link else ("y",)), "edge_index"))
    device = checked_device(config.device)
    batch = _batch(data).to(device) if config.task == "graph" else None
    rows = data.num_nodes if batch is None else _num_graphs(data)
    pairs, y, masks = _links(data) if is_link else (None, as_labels(data.y, rows), None)
    source = UndirectedGraph.from_any(data.edge_index, data.num_nodes)
    if masks is None:
        _require(data, MASKS)
        masks = torch.stack([_mask(name, data[name], rows).cpu() for name in MASKS])
        if bool((masks & (y.cpu() < 0)).any()):
            raise GraphFormatError(
                "a vertex of a mask has a negative label in y; set the mask to False there"
            )
    dtype = DTYPES[config.dtype]
    x, weight = as_features(data.x, data.num_nodes, dtype), None
    if config.edge_weight:
        weight = _weights(data).to(device, dtype)
    x, y, arcs, masks = (part.to(device) for part in (x, y, data.edge_index, masks))
    pairs = None if pairs is None else pairs.to(device)
    return Problem(x, y, arcs, masks, batch, source, pairs, weight)


def _weights(data: Any) -> Tensor:
    _require(data, ("edge_weight",))
    weight: Tensor = data.edge_weight
    size = data.edge_index.size(1)
    if weight.is_complex() or weight.shape not in ((size,), (size, 1)):
        raise GraphFormatError(
            f"edge_weight is {weight.dtype} of shape {tuple(weight.shape)}; expected a number for "
            f"each arc, [{size}]"
        )
    if not bool(((weight >= 0) & (weight < float("inf"))).all()):
        raise GraphFormatError("edge_weight must be at least 0 and finite everywhere to train")
    return weight.detach().view(-1)


def _links(data: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The pairs of a link task, their labels, and the masks of their split."""
    pairs, label, split = (data[name].cpu() for name in PAIRS)
    if pairs.dtype != torch.int64 or pairs.dim() != 2 or pairs.size(0) != 2:
        raise _misfit("edge_label_index", pairs, "torch.int64 of shape [2, num_pairs]")
    if pairs.numel() and not 0 <= int(pairs.min()) <= int(pairs.max()) < data.num_nodes:
        raise GraphFormatError(f"edge_label_index names vertices outside 0 to {data.num_nodes - 1}")
    for name, value, most in (("edge_label", label, 1), ("edge_label_split", split, 2)):
        known = torch.arange(most + 1, device=value.device)
        if value.shape != pairs.shape[1:] or not bool(torch.isin(value, known).all()):
            raise _misfit(name, value, f"integers from 0 to {most} of shape [{pairs.size(1)}]")
    y, masks = label.to(torch.int64), split == torch.arange(3, device=split.device).view(3, 1)
    for part, mask in zip(("training", "validation", "test"), masks, strict=True):
        for value in (1, 0) if part != "training" else (1,):
            if not bool((mask & (y == value)).any()):
                raise GraphFormatError(
                    f"no {part} pair has edge_label {value}; wis.training.split_links makes them"
                )
    return pairs, y, masks


def _require(data: Any, names: Sequence[str]) -> None:
    for name in names:
        value = getattr(data, name, None)
        if value is None:
            raise GraphFormatError(f"training needs data.{name}, which is missing")
        if not isinstance(value, Tensor):
            raise GraphFormatError(f"data.{name} is a {type(value).__name__}; expected a tensor")


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
    """The number that a `Batch` states (its last graphs may be empty), else the highest plus 1."""
    known = getattr(data, "num_graphs", None)
    if known is not None:
        return int(known)
    return int(data.batch.max()) + 1 if data.batch.numel() else 0


def _misfit(name: str, value: Tensor, expected: str) -> GraphFormatError:
    return GraphFormatError(
        f"{name} is {value.dtype} of shape {tuple(value.shape)}; expected {expected}"
    )


def _mask(name: str, mask: Tensor, rows: int) -> Tensor:
    if mask.shape != (rows,) or mask.dtype != torch.bool:
        raise GraphFormatError(
            f"{name} is {mask.dtype} of shape {tuple(mask.shape)}; expected torch.bool of "
            f"shape [{rows}]; wis.training.split_vertices makes masks"
        )
    if not mask.any():
        raise GraphFormatError(f"{name} is false everywhere; there is nothing to measure on")
    return mask


def as_labels(y: Tensor, rows: int) -> Tensor:
    """Labels as int64 [rows]; `GraphFormatError` for another shape or for floats."""
    if y.dim() == 2 and y.size(1) == 1:
        y = y.view(-1)
    if y.shape != (rows,) or y.is_floating_point():
        raise GraphFormatError(
            f"y is {y.dtype} of shape {tuple(y.shape)}; expected integer classes of shape [{rows}]"
        )
    return y.to(torch.int64)


def as_features(x: Tensor, num_nodes: int, dtype: torch.dtype) -> Tensor:
    """Features in compressed rows below the density `SPARSE_BELOW`, dense otherwise.

    Raises:
        GraphFormatError: The features are complex, or not of shape [num_nodes, in_dim].
    """
    if x.dim() != 2 or x.size(0) != num_nodes or x.is_complex():
        raise GraphFormatError(
            f"x is {x.dtype} of shape {tuple(x.shape)}; expected real numbers of shape "
            f"[{num_nodes}, in_dim]"
        )
    if x.layout != torch.strided:
        x = x.to_sparse(layout=torch.sparse_coo).coalesce().to(dtype)
        num_entries = x.values().numel()
    else:
        x = x.to(dtype)
        num_entries = int(torch.count_nonzero(x))
    if num_entries >= SPARSE_BELOW * x.size(0) * x.size(1):
        return x.to_dense().contiguous()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return x.to_sparse_csr()


HITS = (10, 50)


def ordered_pairs(positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """Count, for each score of an edge, the lower and the not higher scores of other pairs.

    Args:
        positive: Scores of edges, [k].
        negative: Scores of pairs without an edge, [l].

    Returns:
        Two int64 tensors of shape [k]. Their sum is twice the number of pairs below the edge, ties
        half.
    """
    ranked = negative.sort().values
    return torch.searchsorted(ranked, positive), torch.searchsorted(ranked, positive, right=True)


def link_metrics(lower: Tensor, not_higher: Tensor, num_negative: int) -> dict[str, Tensor]:
    """Metrics from the counts of `ordered_pairs`, as scalars in [0, 1].

    >>> counts = ordered_pairs(torch.tensor([3.0, 1.0]), torch.tensor([2.0, 0.0]))
    >>> {name: round(float(value), 2) for name, value in link_metrics(*counts, 2).items()}
    {'auc': 0.75, 'mrr': 0.75, 'hits@10': 1.0, 'hits@50': 1.0}
    """
    below = (lower + not_higher).double() / 2
    return {
        "auc": below.mean() / num_negative,
        "mrr": (1 / (num_negative - below + 1)).mean(),
        **{f"hits@{k}": (num_negative - lower < k).double().mean() for k in HITS},
    }


class InnerProduct(nn.Module):
    """The decoder ``"dot"``: sums up the entrywise products of embeddings."""

    def forward(self, products: Tensor) -> Tensor:
        """[num_pairs, width] to [num_pairs, 1]."""
        return products.sum(dim=1, keepdim=True)


def decoder_of(name: str, width: int) -> nn.Module:
    """A module from the entrywise products of embeddings to scores (see `TrainConfig.decoder`)."""
    if name == "dot":
        return InnerProduct()
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
