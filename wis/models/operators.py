"""Operators, which move embeddings along the arcs of a graph.

A network of wis uses the graph only through the operations of an operator, so each network has one
forward pass. `Messages` works along the arcs, like PyTorch Geometric's layers, and takes any
weights of arcs. Other operators compute the same faster in special cases:

- `wis.training.sparse.SparseProducts`: products with sparse matrices, for many passes over one
  graph; weights of arcs may need gradients;
- `wis.theory.table5_1.shared_structure.Twins`: many graphs with the same arcs.
"""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, linear
from torch_geometric.nn import global_mean_pool
from torch_geometric.utils import add_self_loops, scatter

EPSILON = 1e-7
"""Added to each message of a ResGCN, as in DeeperGCN."""

MAX_EXCESS = 30.0
"""Cap of a score minus the highest score of positive weight; only weights of zero exceed 0."""


class Messages:
    """Gather along arcs, scatter at their ends. Works on any device, with gradients everywhere.

    Rows are taken by `index_select`: with several threads, the gradient of indexing sums in an
    order that changes from call to call.

    Args:
        edge_index: int64 tensor of shape [2, num_arcs] without self-loops; messages go from row 0
            to row 1.
        edge_weight: Float tensor of shape [num_arcs], at least 0.
        num_nodes: Number n of vertices.
        batch: int64 tensor of shape [n], the graph of each vertex, ascending; one graph if None.
        num_graphs: Number of graphs, if the last ones may have no vertices.

    >>> graph = Messages(torch.tensor([[0, 1], [2, 2]]), torch.tensor([1.0, 0.5]), num_nodes=3)
    >>> graph.add(torch.tensor([[2.0], [4.0], [8.0]]), graph.edge_weight).tolist()
    [[0.0], [0.0], [4.0]]
    """

    row_counts: Tensor | None = None
    """Number of vertices that each row of the embeddings stands for; None if one each."""

    def __init__(
        self,
        edge_index: Tensor,
        edge_weight: Tensor,
        num_nodes: int,
        *,
        batch: Tensor | None = None,
        num_graphs: int | None = None,
    ) -> None:
        self.edge_index, self.edge_weight, self.num_nodes = edge_index, edge_weight, num_nodes
        self.batch, self.num_graphs = batch, num_graphs

    def project(self, x: Tensor, weight: Tensor) -> Tensor:
        """Multiply: x Wᵀ for W of shape [width, in_dim]; x may be sparse."""
        if x.layout == torch.strided:
            return linear(x, weight)
        product: Tensor = torch.sparse.mm(x, weight.t())
        return product

    def add(self, h: Tensor, weights: Tensor) -> Tensor:
        """Σ_j w_ij h_j over the arcs j → i, for one weight for each arc."""
        sources, ends = self.edge_index
        messages = h.index_select(0, sources) * weights.unsqueeze(-1)
        return self._sum(messages, ends)

    @cached_property
    def degrees(self) -> Tensor:
        """Sum of the weights of the arcs that end at each vertex, [n]."""
        return self._sum(self.edge_weight, self.edge_index[1])

    def _sum(self, messages: Tensor, ends: Tensor) -> Tensor:
        total: Tensor = scatter(messages, ends, dim=0, dim_size=self.num_nodes, reduce="sum")
        return total

    @cached_property
    def normalised_entries(self) -> tuple[Tensor, Tensor]:
        """D^(-1/2) (A + I) D^(-1/2): the entries of the arcs, and the diagonal as [n, 1]."""
        sources, ends = self.edge_index
        scale = (self.degrees + 1).pow(-0.5)
        weights = scale.index_select(0, sources) * self.edge_weight * scale.index_select(0, ends)
        return weights, scale.square().unsqueeze(-1)

    def normalised(self, x: Tensor, weight: Tensor) -> Tensor:
        """D^(-1/2) (A + I) D^(-1/2) x Wᵀ, where D holds the sums of weights plus 1 (GCN)."""
        h = self.project(x, weight)
        weights, diagonal = self.normalised_entries
        return torch.addcmul(self.add(h, weights), h, diagonal)

    def total(self, x: Tensor, weight: Tensor, own: Tensor) -> Tensor:
        """(A + own · I) x Wᵀ: weighted sums over neighbours, and each vertex's own term (GIN)."""
        h = self.project(x, weight)
        return torch.addcmul(self.add(h, self.edge_weight), h, own)

    def mean(self, x: Tensor, weight: Tensor) -> Tensor:
        """Weighted means of the neighbours' x Wᵀ; zero where all weights are zero (GraphSAGE)."""
        total = self.add(self.project(x, weight), self.edge_weight)
        return total / torch.where(self.degrees > 0, self.degrees, 1.0).unsqueeze(-1)

    def softmax_mean(self, z: Tensor, temperature: float) -> Tensor:
        """Σ_j α_ij w_ij m_j with m = ReLU(z) + 10^-7, coordinate by coordinate (ResGCN).

        α_ij is the softmax of temperature · m_j over the neighbours of i, with weights w_ij.
        """
        sources, ends = self.edge_index
        values = (z.relu() + EPSILON).index_select(0, sources)
        shares = weighted_softmax(temperature * values, self.edge_weight, ends, self.num_nodes)
        return self._sum(shares * self.edge_weight.unsqueeze(-1) * values, ends)

    def add_fixed_softmax_mean(
        self, v: Tensor, temperature: float, own: Tensor | None = None
    ) -> Tensor:
        """own_i + Σ_j α_ij m_ij with m_ij = w_ij v_j + 10^-7, coordinate by coordinate (ResGCN).

        `own` is v if it is None. α_ij is the softmax of temperature · m_ij over the neighbours of
        i; it has no gradient. All v are at least 0, so m_ij = ReLU(w_ij z_j) + 10^-7 if
        v = ReLU(z).
        """
        sources, ends = self.edge_index
        messages = v.index_select(0, sources) * self.edge_weight.unsqueeze(-1) + EPSILON
        ones = torch.ones_like(self.edge_weight)
        with torch.no_grad():
            shares = weighted_softmax(temperature * messages, ones, ends, self.num_nodes)
        return (v if own is None else own) + self._sum(shares * messages, ends)

    def attend(self, values: Tensor, at_source: Tensor, at_end: Tensor, slope: float) -> Tensor:
        """Means of the neighbours' and the vertex's own values, weighted by attention (GAT).

        Args:
            values: Float tensor of shape [n, heads, size].
            at_source: Scores of a vertex where an arc starts, [n, heads].
            at_end: Scores of a vertex where an arc ends, [n, heads].
            slope: Slope of the LeakyReLU that is applied to the sum of both scores.
        """
        arcs, weights = add_self_loops(
            self.edge_index, self.edge_weight, fill_value=1.0, num_nodes=self.num_nodes
        )
        sources, ends = arcs
        scores = at_source.index_select(0, sources) + at_end.index_select(0, ends)
        shares = weighted_softmax(leaky_relu(scores, slope), weights, ends, self.num_nodes)
        return self._sum(shares.unsqueeze(-1) * values.index_select(0, sources), ends)

    def pool(self, hidden: Tensor) -> Tensor:
        """Mean embedding of each graph, [num_graphs, width]."""
        pooled: Tensor = global_mean_pool(hidden, self.batch, self.num_graphs)
        return pooled


def weighted_softmax(scores: Tensor, weight: Tensor, index: Tensor, num_nodes: int) -> Tensor:
    """Softmax over the arcs that end at a vertex, each exponential multiplied by its weight.

    Args:
        scores: Float tensor of shape [num_arcs, k].
        weight: Float tensor of shape [num_arcs], at least 0.
        index: int64 tensor of shape [num_arcs], the vertex where an arc ends.
        num_nodes: Number of vertices.

    Returns:
        Float tensor of shape [num_arcs, k]; zero for all arcs of a vertex whose weights are zero.
    """
    # the maximum over positive weights: a huge score of weight zero would make the others underflow
    counted = scores.detach().masked_fill(weight.unsqueeze(-1) <= 0, -math.inf)
    highest = scatter(counted, index, dim=0, dim_size=num_nodes, reduce="max")
    excess = scores - highest.masked_fill(highest == -math.inf, 0).index_select(0, index)
    mass: Tensor = weight.unsqueeze(-1) * excess.clamp(max=MAX_EXCESS).exp()
    total = scatter(mass, index, dim=0, dim_size=num_nodes, reduce="sum")
    return mass / torch.where(total > 0, total, 1.0).index_select(0, index)
