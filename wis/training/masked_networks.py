"""Networks whose edges have trained weights: forward passes made for masks that change every step.

The networks of `wis.models` take a weight for each arc, so `network(x, arcs, mask)` is all that UGS
needs, and all that it uses for a network without a faster way here (GAT). Message passing spends
most of its time on tensors of one row for each arc, though. Where all that an edge does is to carry
a weight, the sum over neighbours is the product of a sparse matrix and the embeddings; the matrix
is symmetric, since both arcs of an edge share its mask. So one structure in compressed rows, made
once for a round, serves for the product, for its gradient in the embeddings (the same product), and
for the gradient in the weights, which is a product of two dense matrices at the entries of that
structure alone.

- GCN: the normalised adjacency D^(-1/2) (A + I) D^(-1/2), its degrees being sums of masks;
- GIN: A, and 1 + ε on the diagonal;
- ResGCN: the softmax-weighted mean is the quotient of two products, with the masks squared above
  and as they are below (see `wis.models`).

The parameters are those of the network itself, which is used as a container of its layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import linear

from wis.models import GraphNetwork
from wis.models.gcn import GCN
from wis.models.gin import GIN
from wis.models.resgcn import ResGCN
from wis.training.operations import SAFE_EXPONENT, Operator, propagate
from wis.training.sparse import csr_matrix, sparse_product

Features = Operator | Tensor
Forward = Callable[[GraphNetwork, "SymmetricGraph", Features, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class SymmetricGraph:
    """Undirected edges, and symmetric sparse matrices with an entry for each of their arcs.

    Attributes:
        num_nodes: Number n of vertices.
        edges: int64 [2, k], no loops, no repeats.
        plain: Matrix [n, n] in compressed rows with an entry for each arc.
        looped: The same with a diagonal.
        plain_source: int64 [2k]; for each entry of `plain` its edge.
        looped_source: int64 [2k + n]; the same, with k + v for the diagonal entry of vertex v.
    """

    num_nodes: int
    edges: Tensor
    plain: Tensor
    looped: Tensor
    plain_source: Tensor
    looped_source: Tensor

    @classmethod
    def of(
        cls, edges: Tensor, num_nodes: int, dtype: torch.dtype = torch.float32
    ) -> SymmetricGraph:
        """Build both structures; two sorts of the arcs."""
        k = edges.size(1)
        ids = torch.arange(k + num_nodes, device=edges.device)
        loops = ids[:num_nodes].expand(2, -1)
        both = torch.cat([edges, edges.flip(0)], dim=1)
        source = torch.cat([ids[:k], ids[:k], ids[k:]])
        plain, plain_source = _structure(both, source[: 2 * k], num_nodes, dtype)
        looped, looped_source = _structure(
            torch.cat([both, loops], dim=1), source, num_nodes, dtype
        )
        return cls(num_nodes, edges, plain, looped, plain_source, looped_source)

    @property
    def arcs(self) -> Tensor:
        """int64 [2, 2k]: first the edges as they are, then turned round."""
        return torch.cat([self.edges, self.edges.flip(0)], dim=1)


def _structure(
    entries: Tensor, source: Tensor, num_nodes: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """A matrix of zeros with these entries, and `source` in the order of its entries."""
    rows, columns = entries
    by_place = torch.argsort(rows * num_nodes + columns)
    zeros = torch.zeros(rows.numel(), dtype=dtype, device=rows.device)
    matrix = csr_matrix(rows, columns, zeros, (num_nodes, num_nodes))
    return matrix, source[by_place]


class _SymmetricProduct(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, h: Tensor, zeros: Tensor) -> Tensor:
        ctx.zeros = zeros
        ctx.save_for_backward(values, h)
        return sparse_product(_with_values(zeros, values), h)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        values, h = ctx.saved_tensors
        gradient = gradient.contiguous()
        of_values = of_h = None
        if ctx.needs_input_grad[0]:
            sampled = torch.sparse.sampled_addmm(ctx.zeros, gradient, h.t(), beta=0.0)
            of_values = sampled.values()
        if ctx.needs_input_grad[1]:
            of_h = sparse_product(_with_values(ctx.zeros, values), gradient)
        return of_values, of_h, None


def _with_values(zeros: Tensor, values: Tensor) -> Tensor:
    return torch.sparse_csr_tensor(
        zeros.crow_indices(),
        zeros.col_indices(),
        values,
        zeros.shape,
        device=values.device,
        check_invariants=False,
    )


def plain_product(graph: SymmetricGraph, weights: Tensor, h: Tensor) -> Tensor:
    """Σ_j w_ij h_j over the neighbours of each vertex i, with gradients in weights and h.

    Args:
        graph: The edges.
        weights: Float tensor of shape [k], one for each edge.
        h: Float tensor of shape [n, width].

    Returns:
        Float tensor of shape [n, width]. Costs O((n + k) width).
    """
    out: Tensor = _SymmetricProduct.apply(
        weights.index_select(0, graph.plain_source), h, graph.plain
    )  # type: ignore[no-untyped-call]
    return out


def looped_product(graph: SymmetricGraph, weights: Tensor, diagonal: Tensor, h: Tensor) -> Tensor:
    """`plain_product` plus d_i h_i, for a `diagonal` d of shape [n]."""
    values = torch.cat([weights, diagonal]).index_select(0, graph.looped_source)
    out: Tensor = _SymmetricProduct.apply(values, h, graph.looped)  # type: ignore[no-untyped-call]
    return out


def masked_logits(
    network: GraphNetwork, graph: SymmetricGraph, features: Features, mask: Tensor
) -> Tensor:
    """Logits of each vertex, the same as ``network(x, arcs, mask of each arc)`` up to rounding.

    Args:
        network: A network of `wis.models` for vertex prediction.
        graph: The edges.
        features: What vertices are given, [n, in_dim]: dense, or compressed rows as an `Operator`.
        mask: Float tensor of shape [k], at least 0, one for each edge.

    Returns:
        Float tensor of shape [n, num_classes].
    """
    forward: Forward = FORWARD.get(type(network), _by_messages)
    return forward(network, graph, features, mask)


def _by_messages(network: Any, graph: SymmetricGraph, features: Features, mask: Tensor) -> Tensor:
    """Any network, by its own message passing."""
    x = features.matrix if isinstance(features, Operator) else features
    logits: Tensor = network(x, graph.arcs, torch.cat([mask, mask]))
    return logits


def _linear(weight: Tensor, features: Features) -> Tensor:
    """Features times the transposed weight."""
    if isinstance(features, Operator):
        return propagate(weight.t().contiguous().unsqueeze(0), features).squeeze(0)
    return linear(features, weight)


def _gcn(network: Any, graph: SymmetricGraph, features: Features, mask: Tensor) -> Tensor:
    ends = graph.edges.reshape(-1)
    degree = torch.ones(graph.num_nodes, dtype=mask.dtype, device=mask.device)
    degree = degree.index_add(0, ends, torch.cat([mask, mask]))
    scale = degree.rsqrt()
    u, v = graph.edges
    weights, diagonal = scale[u] * mask * scale[v], degree.reciprocal()
    h: Features = features
    for layer, norm in zip(network.layers, network.norms, strict=True):
        h = looped_product(graph, weights, diagonal, _linear(layer.lin.weight, h))
        h = norm(h.add_(layer.bias).relu_())
    logits: Tensor = network.output(h)
    return logits


def _gin(network: Any, graph: SymmetricGraph, features: Features, mask: Tensor) -> Tensor:
    h: Features = features
    for layer, norm in zip(network.layers, network.norms, strict=True):
        diagonal = (1 + layer.eps).expand(graph.num_nodes)
        h = looped_product(graph, mask, diagonal, _linear(layer.lin.weight, h))
        h = norm(layer.nn(h.add_(layer.bias)).relu())
    logits: Tensor = network.output(h)
    return logits


def _resgcn(network: Any, graph: SymmetricGraph, features: Features, mask: Tensor) -> Tensor:
    first, *others = network.layers
    encoder = network.encoder
    h = _gen_conv(first.conv, graph, mask, _linear(encoder.weight, features) + encoder.bias)
    for layer in others:
        h = h + _gen_conv(layer.conv, graph, mask, layer.norm(h).relu())
    logits: Tensor = network.output(first.norm(h).relu())
    return logits


def _gen_conv(conv: Any, graph: SymmetricGraph, mask: Tensor, z: Tensor) -> Tensor:
    """A layer of ResGCN; by messages where exponentials could overflow (as in `softmax_aggregate`).

    Elsewhere a vertex whose masks are all zero has nothing in the numerator either.
    """
    values = z.relu() + conv.eps
    if conv.temperature * float(values.detach().max()) > SAFE_EXPONENT:
        moved: Tensor = conv(z, graph.arcs, torch.cat([mask, mask]))
        return moved
    mass = (conv.temperature * values).exp()
    total = plain_product(graph, mask, mass)
    mean = plain_product(graph, mask.square(), mass * values) / torch.where(total > 0, total, 1.0)
    out: Tensor = conv.mlp(mean + z)
    return out


FORWARD: dict[type[GraphNetwork], Forward] = {GCN: _gcn, GIN: _gin, ResGCN: _resgcn}
"""Faster forward passes, by the class of the network."""
