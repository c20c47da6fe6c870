"""Fast graph prediction for data sets in which all graphs have the same structure.

Many data sets for graph prediction differ in their features only. A batch of PyTorch Geometric
repeats the structure for every graph, and gathers and scatters along its arcs. Here the features of
all graphs are one tensor, and the structure is one small matrix or a few lists of neighbours.

Work is also shared between *twins*: vertices with the same closed neighbourhood (the vertex itself
and its incoming neighbours). A GCN, or a GIN without a trained ε, uses only the sum over the closed
neighbourhood, so twins have equal embeddings after every layer. These are computed once for each
class of twins. Operations that count vertices (mean aggregation, batch normalisation) weight a
class by its size. For example, two cliques of 16 vertices joined by an edge have 4 classes. The
first layer needs only the sum of the features over each closed neighbourhood, which is computed
once before training. Attention distinguishes twins by their own features, but twins share their
lists of neighbours.

`Twins` is an operator for the networks of `wis.models`. Logits and gradients equal those of a batch
up to rounding (tested).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear
from torch_geometric.utils import remove_self_loops

from wis.errors import GraphFormatError, OptionError
from wis.models import GraphNetwork
from wis.models.operators import Messages
from wis.theory.table5_1.twin_attention import TwinBlock, attend

GAT_GRAPHS_AT_A_TIME = 250
"""Graphs at a time for attention. For 250 graphs of 32 vertices intermediate results fit in a
cache."""


@dataclass(frozen=True, eq=False)
class SharedStructure:
    """One structure for many graphs, and its classes of twins.

    Attributes:
        closed: float64 [n, n]; row i holds a 1 for i and for each incoming neighbour of i.
        twin_class: int64 [n], the class of each vertex; classes are numbered by their first
            vertices.
    """

    num_nodes: int
    closed: np.ndarray
    twin_class: np.ndarray

    @classmethod
    def of(cls, edge_index: Tensor, num_nodes: int) -> SharedStructure:
        """Find the classes of twins of a graph.

        Args:
            edge_index: int64 [2, num_arcs]; messages go from row 0 to row 1. Self-loops are
                ignored, since every vertex gets one.
            num_nodes: Number n of vertices.

        Raises:
            GraphFormatError: An arc is repeated, or an id is out of range.

        Cost: O(n²) memory.
        """
        if (
            edge_index.numel()
            and not 0 <= int(edge_index.min()) <= int(edge_index.max()) < num_nodes
        ):
            raise GraphFormatError(
                f"edge_index holds ids from {int(edge_index.min())} to {int(edge_index.max())}; "
                f"expected 0 to {num_nodes - 1}"
            )
        sources, ends = remove_self_loops(edge_index)[0].cpu().numpy()
        closed = np.eye(num_nodes)
        np.add.at(closed, (ends, sources), 1)
        if (closed > 1).any():
            raise GraphFormatError("a shared structure has an arc twice; coalesce edge_index first")
        _, first, position = np.unique(closed, axis=0, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        return cls(num_nodes, closed, rank[position.reshape(-1)])

    @property
    def num_classes(self) -> int:
        """Number r of classes of twins."""
        return int(self.twin_class.max(initial=-1)) + 1

    @property
    def sizes(self) -> np.ndarray:
        """Numbers of vertices in each class, int64 [r]."""
        return np.bincount(self.twin_class, minlength=self.num_classes)

    @property
    def gcn_matrix(self) -> np.ndarray:
        """D^(-1/2) (A + I) D^(-1/2), float64 [n, n], with in-degrees."""
        inverse = self.closed.sum(axis=1) ** -0.5
        matrix: np.ndarray = inverse[:, None] * self.closed * inverse
        return matrix

    def rows(self, matrix: np.ndarray) -> np.ndarray:
        """Choose the row of each class, [r, n], of a matrix whose rows are equal for twins."""
        _, first = np.unique(self.twin_class, return_index=True)
        chosen: np.ndarray = matrix[first]
        return chosen

    def quotient(self, matrix: np.ndarray) -> np.ndarray:
        """The matrix that acts on one value for each class, [r, r]."""
        membership = np.eye(self.num_classes)[self.twin_class]
        folded: np.ndarray = self.rows(matrix) @ membership
        return folded

    def blocks(self) -> list[TwinBlock]:
        """For each size of class and of neighbourhood the members [c, k] and neighbours [c, q]."""
        kinds: dict[tuple[int, int], list[tuple[np.ndarray, np.ndarray]]] = {}
        for twins in range(self.num_classes):
            members = np.flatnonzero(self.twin_class == twins)
            around = np.flatnonzero(self.closed[members[0]])
            kinds.setdefault((members.size, around.size), []).append((members, around))
        return [
            TwinBlock(*(torch.from_numpy(np.stack(part)) for part in zip(*alike, strict=True)))
            for alike in kinds.values()
        ]


class Twins(Messages):
    """The operations of GCN, GIN and GAT for G graphs of one structure.

    Embeddings have shape [r, G, width] for a GCN or GIN, with a row for each class of twins, and
    [n, G, width] for a GAT.

    Args:
        features: Float tensor of shape [G, n, in_dim]; its product with the matrix of a model is
            cached.
    """

    def __init__(self, structure: SharedStructure, features: Tensor) -> None:
        self.structure, self.features, self.num_nodes = structure, features, structure.num_nodes
        self.row_counts = self.sizes = self._constant(structure.sizes)

    def _constant(self, matrix: np.ndarray) -> Tensor:
        return torch.from_numpy(matrix).to(self.features.device, self.features.dtype)

    @cached_property
    def _by_vertex(self) -> Tensor:
        return self.features.transpose(0, 1).contiguous()

    @cached_property
    def _blocks(self) -> list[TwinBlock]:
        return [block.to(self.features.device) for block in self.structure.blocks()]

    @cached_property
    def _normalised_pair(self) -> tuple[Tensor, Tensor]:
        return self._pair(self.structure.gcn_matrix)

    @cached_property
    def _total_pair(self) -> tuple[Tensor, Tensor]:
        return self._pair(self.structure.closed)

    def _pair(self, matrix: np.ndarray) -> tuple[Tensor, Tensor]:
        """The matrix times the features, [r, G, in_dim], and the matrix between classes, [r, r]."""
        rows = self._constant(self.structure.rows(matrix))
        return _times(rows, self._by_vertex), self._constant(self.structure.quotient(matrix))

    def _propagated(self, pair: tuple[Tensor, Tensor], x: Tensor, weight: Tensor) -> Tensor:
        """Embeddings after propagation; the first layer uses the cached product."""
        features, between = pair
        return (
            linear(features, weight) if x is self.features else _times(between, linear(x, weight))
        )

    def project(self, x: Tensor, weight: Tensor) -> Tensor:
        """See `Messages`; for each vertex."""
        return linear(self._by_vertex if x is self.features else x, weight)

    def normalised(self, x: Tensor, weight: Tensor) -> Tensor:
        """See `Messages`; for each class."""
        return self._propagated(self._normalised_pair, x, weight)

    def total(self, x: Tensor, weight: Tensor, own: Tensor) -> Tensor:
        """See `Messages`; for each class. `own` must be 1: other values distinguish twins."""
        return self._propagated(self._total_pair, x, weight)

    def attend(self, values: Tensor, at_source: Tensor, at_end: Tensor, slope: float) -> Tensor:
        """See `Messages`; for each vertex, with dense attention for each class."""
        at_source, at_end = (each.permute(1, 2, 0).contiguous() for each in (at_source, at_end))
        mixed = attend(at_source, at_end, values.permute(1, 2, 0, 3), self._blocks, slope)
        return mixed.permute(2, 0, 1, 3)

    def pool(self, hidden: Tensor) -> Tensor:
        """Compute the mean embedding of each graph, [G, width]."""
        if len(hidden) == self.num_nodes:
            return hidden.mean(dim=0)
        return _times(self.sizes.unsqueeze(0) / self.num_nodes, hidden).squeeze(0)

    def add(self, h: Tensor, weights: Tensor) -> Tensor:
        """Not supported, because sums over neighbours alone differ between twins."""
        raise TypeError("sums over neighbours alone differ between twins")


SHARED: Mapping[str, int | None] = {"gat": GAT_GRAPHS_AT_A_TIME, "gcn": 2_500, "gin": None}
"""For each supported model, the number of graphs to compute at once.

None means all graphs, because batch normalisation takes its statistics over all of them.
"""


def check_shareable(network: GraphNetwork) -> None:
    """Raise `OptionError` if a network does not support a shared structure."""
    if network.task != "graph":
        raise OptionError("a shared structure is for task='graph'; this network predicts vertices")
    if any("eps" in name for name, _ in network.named_parameters()):
        raise OptionError(
            "a GIN that trains ε distinguishes twins; pass model_options={'train_eps': False}"
        )


def in_parts(structure: SharedStructure, x: Tensor, size: int | None) -> list[Twins]:
    """Split graphs [G, n, in_dim] into parts of `size`, whose results fit in a cache."""
    return [Twins(structure, part) for part in torch.split(x, size or max(len(x), 1))]


def _times(matrix: Tensor, h: Tensor) -> Tensor:
    """A matrix [r, n] times embeddings [n, G, width], as one matrix product."""
    return torch.mm(matrix, h.reshape(h.size(0), -1)).view(-1, h.size(1), h.size(2))
