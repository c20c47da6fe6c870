"""What all models share: input checks, pooling, the linear output layer, and sparse features."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch_geometric.nn import Linear, global_mean_pool
from torch_geometric.utils import add_self_loops, remove_self_loops, scatter

from wis.errors import GraphFormatError

Task = Literal["vertex", "graph"]

MAX_EXCESS = 30.0
"""Only scores of weight zero can exceed the highest; by more than this their gradient is capped."""


class GraphNetwork(nn.Module, ABC):
    """A stack of graph layers with a linear output layer.

    A subclass defines `embed`.

    Args:
        width: Size of the hidden embeddings.
        out_dim: Number of outputs.
        task: ``"vertex"`` or ``"graph"``.

    Attributes:
        in_dim: Number of features of a vertex.
        output: The linear output layer.
    """

    def __init__(self, in_dim: int, out_dim: int, *, width: int, task: Task) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.task = task
        self.output = nn.Linear(width, out_dim)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        num_graphs: int | None = None,
    ) -> Tensor:
        """Logits of each vertex, or of each graph.

        Args:
            x: Float tensor of shape [num_nodes, in_dim], dense or sparse, of the parameters' dtype.
            edge_index: int64 tensor of shape [2, num_arcs]; messages go from row 0 to row 1.
            edge_weight: Float tensor of shape [num_arcs], at least 0; 1 for each arc if not given.
            batch: int64 tensor of shape [num_nodes], the graph of each vertex, ascending; one graph
                if not given. Only used for ``task="graph"``.
            num_graphs: Number of graphs, if the last ones may have no vertices.

        Returns:
            Float tensor of shape [num_nodes, out_dim] or [num_graphs, out_dim].

        Raises:
            GraphFormatError: A shape does not fit.
        """
        _check_shapes(x, edge_index, edge_weight, self.in_dim)
        if edge_weight is None:
            edge_weight = torch.ones(edge_index.size(1), dtype=x.dtype, device=x.device)
        edge_index, edge_weight = remove_self_loops(edge_index, edge_weight)
        hidden = self.embed(x, edge_index, edge_weight)
        if self.task == "graph":
            hidden = global_mean_pool(hidden, batch, num_graphs)
        logits: Tensor = self.output(hidden)
        return logits

    @abstractmethod
    def embed(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """Hidden embeddings of the last layer, [num_nodes, width]; `edge_index` has no loops."""


def _check_shapes(x: Tensor, edge_index: Tensor, edge_weight: Tensor | None, in_dim: int) -> None:
    if x.dim() != 2 or x.size(1) != in_dim:
        raise GraphFormatError(f"x has shape {tuple(x.shape)}; expected [num_nodes, {in_dim}]")
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise GraphFormatError(
            f"edge_index has shape {tuple(edge_index.shape)}; expected [2, num_arcs]"
        )
    if edge_weight is not None and edge_weight.shape != edge_index.shape[1:]:
        raise GraphFormatError(
            f"edge_weight has shape {tuple(edge_weight.shape)}; expected one number for each arc, "
            f"[{edge_index.size(1)}]"
        )


class SparseLinear(Linear):  # type: ignore[misc]
    """PyG's linear layer that also takes a sparse matrix."""

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by the transposed weight, add the bias."""
        if x.layout == torch.strided:
            return nn.functional.linear(x, self.weight, self.bias)
        product: Tensor = torch.sparse.mm(x, self.weight.t())
        return product if self.bias is None else product + self.bias


def with_self_loops(
    edge_index: Tensor, edge_weight: Tensor, num_nodes: int
) -> tuple[Tensor, Tensor]:
    """Give every vertex one self-loop of weight 1; there must be none."""
    arcs, weights = add_self_loops(edge_index, edge_weight, fill_value=1.0, num_nodes=num_nodes)
    return arcs, weights


def weighted_softmax(scores: Tensor, weight: Tensor, index: Tensor, num_nodes: int) -> Tensor:
    """Softmax over the arcs that end at a vertex, each exponential multiplied by its weight.

    Rows are taken by `index_select`: the gradient of indexing is not the same from call to call.

    Args:
        scores: Float tensor of shape [num_arcs, k].
        weight: Float tensor of shape [num_arcs], at least 0.
        index: int64 tensor of shape [num_arcs], the vertex where an arc ends.
        num_nodes: Number of vertices.

    Returns:
        Float tensor of shape [num_arcs, k]; zero for all arcs of a vertex whose weights are zero.
    """
    # the highest score that counts: a huge one of weight zero would make all others underflow
    counted = scores.detach().masked_fill(weight.unsqueeze(-1) <= 0, -math.inf)
    highest = scatter(counted, index, dim=0, dim_size=num_nodes, reduce="max")
    excess = scores - highest.masked_fill(highest == -math.inf, 0).index_select(0, index)
    mass: Tensor = weight.unsqueeze(-1) * excess.clamp(max=MAX_EXCESS).exp()
    total = scatter(mass, index, dim=0, dim_size=num_nodes, reduce="sum")
    positive = torch.where(total > 0, total, torch.ones_like(total))
    return mass / positive.index_select(0, index)
