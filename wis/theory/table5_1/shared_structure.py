"""Graph prediction where all graphs have one structure: the same networks, far less work.

Many data sets for graph prediction differ in their features only. A batch of PyTorch Geometric
repeats the structure for every graph and gathers and scatters along its arcs; here the features of
all graphs lie in one tensor and the structure is a small matrix, or a few lists of neighbours.

Beyond that, *twins* need not be told apart: vertices with the same closed neighbourhood (the
vertex itself and those that send to it). A GCN or a GIN without a trained ε sees of a vertex the
sum over its closed neighbourhood only, so that after the first layer twins have one embedding, in
every layer, whatever the features. They are computed once for each class of twins, and what counts
vertices (mean aggregation, batch normalisation) weighs a class by its size. Two cliques of 16
vertices joined by an edge have 4 classes. And since the first layer is linear in the features
before anything is trained, it needs of them only a sum for each class, taken once before training.
Attention does tell twins apart, by their own features, but they share their lists of neighbours.

Networks are those of `wis.models`, with their own parameters: what is here computes the same
logits as their `forward` does for a batch, up to rounding (tested), and so the same gradients.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear
from torch_geometric.utils import remove_self_loops

from wis.errors import GraphFormatError, OptionError
from wis.models import GraphNetwork
from wis.theory.table5_1.twin_attention import TwinBlock, attend
from wis.theory.table5_1.twin_norm import twin_norm_relu

GAT_GRAPHS_AT_A_TIME = 250
"""So many graphs of 32 vertices keep the intermediate results of an attention in a cache."""


@dataclass(frozen=True, eq=False)
class SharedStructure:
    """One structure for many graphs, and its classes of twins.

    Attributes:
        num_nodes: Number n of vertices.
        closed: float64 [n, n]; row i holds a 1 for i itself and for each vertex that sends to i.
        twin_class: int64 [n], the class of each vertex, numbered by their first vertices.
    """

    num_nodes: int
    closed: np.ndarray
    twin_class: np.ndarray

    @classmethod
    def of(cls, edge_index: Tensor, num_nodes: int) -> SharedStructure:
        """Find the twins.

        Args:
            edge_index: int64 [2, num_arcs]; messages go from row 0 to row 1. Self-loops are
                ignored: every vertex has one.
            num_nodes: Number n of vertices.

        Raises:
            GraphFormatError: An arc is given twice, or ids do not fit.

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
        """int64 [r]: vertices in each class."""
        return np.bincount(self.twin_class, minlength=self.num_classes)

    @property
    def gcn_matrix(self) -> np.ndarray:
        """D^(-1/2) (A + I) D^(-1/2), float64 [n, n], the degrees being those of arrival."""
        inverse = self.closed.sum(axis=1) ** -0.5
        matrix: np.ndarray = inverse[:, None] * self.closed * inverse
        return matrix

    def rows(self, matrix: np.ndarray) -> np.ndarray:
        """One row for each class of a matrix whose rows are equal for twins; [r, n]."""
        _, first = np.unique(self.twin_class, return_index=True)
        chosen: np.ndarray = matrix[first]
        return chosen

    def quotient(self, matrix: np.ndarray) -> np.ndarray:
        """What the matrix does to values that are equal for twins; [r, r]."""
        membership = np.eye(self.num_classes)[self.twin_class]
        folded: np.ndarray = self.rows(matrix) @ membership
        return folded

    def blocks(self) -> list[TwinBlock]:
        """For each size of class and neighbourhood: members [c, k], neighbours [c, q]."""
        kinds: dict[tuple[int, int], list[tuple[np.ndarray, np.ndarray]]] = {}
        for twins in range(self.num_classes):
            members = np.flatnonzero(self.twin_class == twins)
            around = np.flatnonzero(self.closed[members[0]])
            kinds.setdefault((members.size, around.size), []).append((members, around))
        return [
            TwinBlock(*(torch.from_numpy(np.stack(part)) for part in zip(*alike, strict=True)))
            for alike in kinds.values()
        ]


class SharedNetwork(ABC):
    """A network for graph prediction over a shared structure.

    Args:
        module: A network of `wis.models` with ``task="graph"``; its parameters and buffers are
            used and updated in place.
        structure: The structure.

    Raises:
        OptionError: The network cannot be computed this way.
    """

    graphs_at_a_time: int | None = None
    """How many graphs to compute at once; None where a training step couples all of them."""

    def __init__(self, module: GraphNetwork, structure: SharedStructure) -> None:
        if module.task != "graph":
            raise OptionError(
                "a shared structure is for task='graph'; this network predicts vertices"
            )
        self.module = module
        self.structure = structure
        self.layers: Any = module.layers  # torch does not know the types of these
        self.norms: Any = module.norms

    @abstractmethod
    def prepare(self, x: Tensor) -> Tensor:
        """What of the features [G, n, in_dim] the network needs; the graphs are its dimension 1.

        Computed once: it does not depend on any parameter.
        """

    @abstractmethod
    def logits(self, prepared: Tensor) -> Tensor:
        """Logits [G, out_dim] from what `prepare` gave, in the module's mode of training or not."""

    def chunks(self, prepared: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Parts of the prepared features that fit into a cache, and which graphs they are."""
        total = prepared.size(1)
        size = self.graphs_at_a_time or max(total, 1)
        for start in range(0, total, size):
            part = slice(start, min(start + size, total))
            yield part, prepared[:, part]

    def _constant(self, matrix: np.ndarray) -> Tensor:
        like = self.module.output.weight
        return torch.from_numpy(matrix).to(device=like.device, dtype=like.dtype)

    def _shares(self) -> Tensor:
        """Share of each class in the vertices, [1, r]."""
        return self._constant(self.structure.sizes[None] / self.structure.num_nodes)


class _ByClass(SharedNetwork):
    """What GCN and GIN share: embeddings [r, G, width], one for each class of twins."""

    def __init__(self, module: GraphNetwork, structure: SharedStructure) -> None:
        super().__init__(module, structure)
        matrix = self.matrix()
        self.first = self._constant(structure.rows(matrix))
        self.later = self._constant(structure.quotient(matrix))
        self.shares = self._shares()

    @abstractmethod
    def matrix(self) -> np.ndarray:
        """The matrix by which a layer propagates."""

    @abstractmethod
    def rest_of_layer(self, position: int, hidden: Tensor) -> Tensor:
        """What a layer does after its first product with weights and the propagation."""

    def prepare(self, x: Tensor) -> Tensor:
        """Sums over the closed neighbourhood of each class, [r, G, in_dim]."""
        by_vertex = x.transpose(0, 1).reshape(x.size(1), -1)
        return _times(self.first, by_vertex.view(x.size(1), x.size(0), x.size(2)))

    def logits(self, prepared: Tensor) -> Tensor:
        """See `SharedNetwork`."""
        hidden = prepared
        for position, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            hidden = linear(hidden, layer.lin.weight)
            if position > 0:
                hidden = _times(self.later, hidden)
            hidden = norm(self.rest_of_layer(position, hidden).relu())
        pooled = _times(self.shares, hidden).squeeze(0)
        out: Tensor = self.module.output(pooled)
        return out


class SharedGCN(_ByClass):
    """`wis.models.gcn.GCN` over a shared structure."""

    graphs_at_a_time = 2_500

    def matrix(self) -> np.ndarray:
        """The normalised adjacency matrix."""
        return self.structure.gcn_matrix

    def rest_of_layer(self, position: int, hidden: Tensor) -> Tensor:
        """Add the bias."""
        biased: Tensor = hidden + self.layers[position].bias
        return biased


class SharedGIN(_ByClass):
    """`wis.models.gin.GIN` over a shared structure, ε fixed to zero.

    Batch normalisation takes its statistics over all vertices of all graphs, so a training step
    takes all graphs at once.
    """

    def __init__(self, module: GraphNetwork, structure: SharedStructure) -> None:
        if any("eps" in name for name, _ in module.named_parameters()):
            raise OptionError(
                "a GIN that trains ε tells twins apart; pass model_options={'train_eps': False}"
            )
        super().__init__(module, structure)

    def matrix(self) -> np.ndarray:
        """A + I."""
        return self.structure.closed

    def rest_of_layer(self, position: int, hidden: Tensor) -> Tensor:
        """The rest of the perceptron."""
        layer = self.layers[position]
        normal, _, second, normal_again, _ = layer.nn
        hidden = self._norm_relu(normal, hidden + layer.bias)
        return self._norm_relu(normal_again, second(hidden))

    def _norm_relu(self, norm: Any, x: Tensor) -> Tensor:
        """ReLU of the batch normalisation of [r, G, width]; a class counts with all members."""
        if not norm.training:
            out: Tensor = norm(x.flatten(0, 1)).view_as(x).relu()
            return out
        count = x.size(1) * self.structure.num_nodes
        out, mean, variance = twin_norm_relu(x, norm.weight, norm.bias, self.shares, norm.eps)
        self._update(norm, mean, variance, count)
        return out

    @staticmethod
    def _update(norm: Any, mean: Tensor, variance: Tensor, count: int) -> None:
        """Running statistics as torch keeps them: the variance without bias."""
        if count < 2:  # a single vertex says nothing about the variance
            return
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (count / (count - 1)), norm.momentum)


class SharedGAT(SharedNetwork):
    """`wis.models.gat.GAT` over a shared structure: dense attention within classes of twins."""

    graphs_at_a_time = GAT_GRAPHS_AT_A_TIME

    def __init__(self, module: GraphNetwork, structure: SharedStructure) -> None:
        super().__init__(module, structure)
        self.blocks = [block.to(module.output.weight.device) for block in structure.blocks()]

    def prepare(self, x: Tensor) -> Tensor:
        """The features with vertices first, [n, G, in_dim]."""
        return x.transpose(0, 1).contiguous()

    def logits(self, prepared: Tensor) -> Tensor:
        """See `SharedNetwork`."""
        hidden = prepared
        for layer, norm in zip(self.layers, self.norms, strict=True):
            hidden = norm(self._layer(layer, hidden).relu())
        out: Tensor = self.module.output(hidden.mean(dim=0))
        return out

    def _layer(self, layer: Any, x: Tensor) -> Tensor:
        heads, size = int(layer.heads), int(layer.out_channels)
        projected = linear(x, layer.lin.weight).view(*x.shape[:2], heads, size)
        scores = torch.mm(projected.view(-1, heads * size), self._score_weights(layer))
        at_source, at_end = scores.view(*x.shape[:2], 2, heads).permute(2, 1, 3, 0).contiguous()
        values = projected.permute(1, 2, 0, 3)  # [G, heads, n, size]
        mixed = attend(at_source, at_end, values, self.blocks, float(layer.negative_slope))
        flat = mixed.permute(2, 0, 1, 3).reshape(*x.shape[:2], heads * size)
        biased: Tensor = flat + layer.bias
        return biased

    @staticmethod
    def _score_weights(layer: Any) -> Tensor:
        """What makes both scores of every head from the values of all heads; [width, 2 heads]."""
        parts = (layer.att_src, layer.att_dst)  # [1, heads, size] each
        columns = [torch.block_diag(*part[0]).t() for part in parts]  # type: ignore[no-untyped-call]
        return torch.cat(columns, dim=1)


SHARED: dict[str, type[SharedNetwork]] = {"gcn": SharedGCN, "gat": SharedGAT, "gin": SharedGIN}
"""Models that can be computed over a shared structure, by their names in `wis.models`."""


def _times(matrix: Tensor, h: Tensor) -> Tensor:
    """A matrix [r, n] times embeddings [n, G, width], as one product."""
    return torch.mm(matrix, h.reshape(h.size(0), -1)).view(-1, h.size(1), h.size(2))
