"""Message-passing networks whose aggregation is the element-wise product.

The hidden embedding of a vertex is a product over its incoming neighbours and itself. The factors
are linear maps of their embeddings, with one map for each layer and edge type (Equations (5.2),
(5.5) and (D.1)). Graph prediction multiplies the embeddings of all vertices (Equation (5.3));
vertex prediction uses the embedding of one vertex (Equation (5.4)). A linear layer gives the
outputs. There is no other non-linearity, so the outputs are polynomials in the features, and the
theory of Chapter 5 is exact for these networks.

Products of many factors leave the range of floats: a depth-3 network multiplies as many numbers as
there are walks of length 3. `ProductGNN.calibrate_` scales the weights against that.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch_geometric.utils import scatter

from wis.base.checks import checked_choice
from wis.errors import GraphFormatError, OptionError
from wis.theory.typed_graph import TypedGraph, check_size, check_target

Task = Literal["vertex", "graph"]

SPREAD = 0.3
"""Standard deviation of a near-one weight, in units of its mean."""


class ProductGNN(nn.Module):
    """A message-passing network with product aggregation.

    >>> from wis.datasets import load
    >>> graph = TypedGraph.from_any(load("karate"))
    >>> gnn = ProductGNN(in_dim=3, width=4, depth=2)
    >>> gnn(torch.ones(34, 3, dtype=torch.float64), graph).shape
    torch.Size([1])

    Args:
        in_dim: Number D_x of features of a vertex.
        width: Size D_h of the hidden embeddings.
        depth: Number L of layers.
        out_dim: Number of outputs; the theorems hold for each of them.
        num_types: Number Q of edge types.
        task: ``"graph"`` for one prediction (Equation (5.3)), ``"vertex"`` for a prediction for
            each vertex (Equation (5.4)).
        seed: Seed of the weights.

    Attributes:
        weights: For each layer l the matrices W^(l,q), float64 [num_types, width, in_dim or width].
            They are drawn around 1 / fan-in with a relative deviation of 0.3, so that features near
            one give factors near one. For other features call `calibrate_` before training.
        output: W^(o), float64 [out_dim, width], of variance 1 / width.

    Raises:
        OptionError: A size or choice is invalid.

    Cost of a call: O(depth · (n · num_types · width² + k · width)) with k arcs, loops included.

    References:
        Section 5.3; Appendix D.2, Equation (D.1).
    """

    def __init__(
        self,
        in_dim: int,
        width: int,
        depth: int,
        out_dim: int = 1,
        *,
        num_types: int = 1,
        task: Task = "graph",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.in_dim = check_size("in_dim", in_dim)
        self.width = check_size("width", width)
        self.depth = check_size("depth", depth)
        self.num_types = check_size("num_types", num_types)
        self.task: Task = checked_choice("task", task, ("vertex", "graph"))
        generator = torch.Generator().manual_seed(seed)
        self.weights = nn.ParameterList(
            nn.Parameter((1 + SPREAD * _normal((num_types, width, size), generator)) / size)
            for size in [in_dim] + [width] * (depth - 1)
        )
        shape = (check_size("out_dim", out_dim), width)
        self.output = nn.Parameter(_normal(shape, generator) / width**0.5)

    def forward(self, x: Tensor, graph: TypedGraph, *, target: int | None = None) -> Tensor:
        """Outputs for features on the vertices of a graph.

        Args:
            x: Float tensor of shape [..., n, in_dim]; leading dimensions are separate inputs.
            graph: The graph.
            target: Vertex t; the outputs for this vertex only.

        Returns:
            [..., out_dim] for graph prediction; for vertex prediction [..., n, out_dim], with
            `target` [..., out_dim].

        Raises:
            GraphFormatError: The shape of `x` or the number of edge types does not match.
            OptionError: `target` is invalid, or given for graph prediction.
        """
        self._check(x, graph, target)
        hidden = x
        heads = graph.arcs[1].to(x.device)
        for weight in self.weights:
            hidden = _product(_messages(hidden, graph, weight), heads, graph.num_nodes)
        if self.task == "graph":
            hidden = hidden.prod(dim=-2)
        elif target is not None:
            hidden = hidden[..., target, :]
        return hidden @ self.output.t()

    @torch.no_grad()
    def calibrate_(self, x: Tensor, graph: TypedGraph) -> ProductGNN:
        """Scale the weights so that the factors of every layer are near one on these features.

        Layer by layer, the factors W h of each edge type are scaled to geometric mean magnitude 1,
        and then the non-zero outputs. `x` and `graph` are those of `forward`. Returns the network
        itself.
        """
        self._check(x, graph, None)
        hidden = x
        for weight in self.weights:
            factors = _messages(hidden, graph, weight)
            for kind in range(self.num_types):
                level = _geometric_mean(factors[..., graph.types == kind, :])
                weight[kind] /= level
                factors[..., graph.types == kind, :] /= level
            hidden = _product(factors, graph.arcs[1].to(x.device), graph.num_nodes)
        self.output.div_(_geometric_mean(hidden @ self.output.t()))
        return self

    def _check(self, x: Tensor, graph: TypedGraph, target: int | None) -> None:
        if x.dim() < 2 or x.shape[-2:] != (graph.num_nodes, self.in_dim):
            raise GraphFormatError(
                f"x has shape {list(x.shape)}; expected [..., {graph.num_nodes}, {self.in_dim}]"
            )
        if graph.num_types > self.num_types:
            raise GraphFormatError(
                f"the graph has {graph.num_types} edge types ({', '.join(graph.type_names)}), but "
                f"the network was made for {self.num_types}: pass num_types={graph.num_types}"
            )
        if target is not None and self.task == "graph":
            raise OptionError("target is for vertex prediction; this network has task='graph'")
        check_target(target, graph.num_nodes)


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu")


def _messages(hidden: Tensor, graph: TypedGraph, weight: Tensor) -> Tensor:
    """W^(l, tau(j,i)) h^(l-1, j) for each arc (j, i): [..., k, width]."""
    mapped = torch.einsum("...nd,qhd->...nqh", hidden, weight)
    rows = mapped.flatten(-3, -2)  # [..., n · num_types, width]
    row_of_arc = graph.arcs[0] * weight.size(0) + graph.types
    return rows.index_select(-2, row_of_arc.to(rows.device))


def _product(factors: Tensor, index: Tensor, size: int) -> Tensor:
    """Products of the factors with the same index: [..., size, width]."""
    product: Tensor = scatter(factors, index, dim=-2, dim_size=size, reduce="mul")
    return product


def _geometric_mean(values: Tensor) -> float:
    """Geometric mean of the magnitudes of the non-zero values; 1 if there are none."""
    known = values[values != 0].abs().log()
    return float(known.mean().exp()) if known.numel() else 1.0
