"""Message-passing networks whose aggregation is the element-wise product.

The hidden embedding of a vertex is a product over its incoming neighbours and itself. The factors
are linear maps of their embeddings, with one map for each layer and edge type (Equations (5.2),
(5.5) and (D.1)). Graph prediction multiplies the embeddings of all vertices (Equation (5.3));
vertex prediction uses the embedding of one vertex (Equation (5.4)). A linear layer gives the
outputs. There is no other non-linearity, so the outputs are polynomials in the features, and the
theory of Chapter 5 is exact for these networks.

Products of many factors leave the range of floats: a depth-3 network multiplies as many numbers as
there are walks of length 3. With `safe`, an embedding is stored as entries of magnitude at most 1
and the logarithm of a scale, and products become sums of logarithms. The result is the same up to a
rounding error of about S times the machine epsilon, for a sum of logarithms of magnitude S. Where a
factor is exactly zero, the safe form gives gradient zero and the direct form the true gradient.
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
Init = Literal["near-one", "gaussian"]

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
        safe: Compute with logarithms of magnitudes, so that products of many factors stay in range.
        init: ``"near-one"``: weights around 1 / fan-in with a relative deviation of 0.3, so that
            features near one give factors near one; ``"gaussian"``: of variance 1 / fan-in. For
            other features call `calibrate_` before training.
        seed: Seed of the weights.
        dtype: Floating type of the weights.

    Attributes:
        weights: For each layer l the matrices W^(l,q): [num_types, width, in_dim or width].
        output: W^(o), of shape [out_dim, width].

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
        safe: bool = False,
        init: Init = "near-one",
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        self.in_dim = check_size("in_dim", in_dim)
        self.width = check_size("width", width)
        self.depth = check_size("depth", depth)
        self.num_types = check_size("num_types", num_types)
        self.task: Task = checked_choice("task", task, ("vertex", "graph"))
        checked_choice("init", init, ("near-one", "gaussian"))
        self.safe = safe
        generator = torch.Generator().manual_seed(seed)
        fan_in = [in_dim] + [width] * (depth - 1)
        self.weights = nn.ParameterList(
            nn.Parameter(_drawn((num_types, width, size), init, generator, dtype))
            for size in fan_in
        )
        shape = (check_size("out_dim", out_dim), width)
        self.output = nn.Parameter(_drawn(shape, "gaussian", generator, dtype))

    def forward(
        self,
        x: Tensor,
        graph: TypedGraph,
        *,
        target: int | None = None,
        batch: Tensor | None = None,
        num_graphs: int | None = None,
    ) -> Tensor:
        """Outputs for features on the vertices of a graph.

        Args:
            x: Float tensor of shape [..., n, in_dim]; leading dimensions are separate inputs.
            graph: The graph.
            target: Vertex t; the outputs for this vertex only.
            batch: The index of the graph that each vertex belongs to, int64 [n], if `graph` is the
                disjoint union of several graphs.
            num_graphs: Number of these graphs; max(batch) + 1 if not given.

        Returns:
            [..., out_dim] for graph prediction, with `batch` [..., num_graphs, out_dim]; for vertex
            prediction [..., n, out_dim], with `target` [..., out_dim].

        Raises:
            GraphFormatError: The shape of `x` or the number of edge types does not match.
            OptionError: `target` or `batch` is invalid, or belongs to the other task.
        """
        if self.safe:
            log_magnitude, sign = self.log_forward(
                x, graph, target=target, batch=batch, num_graphs=num_graphs
            )
            return sign * log_magnitude.exp()
        self._check(x, graph, target, batch)
        hidden = x
        heads = graph.arcs[1].to(x.device)
        for weight in self.weights:
            hidden = _product(_messages(hidden, graph, weight), heads, graph.num_nodes)
        if self.task == "graph":
            hidden = _product(hidden, *_graph_of(batch, num_graphs, x))
            hidden = hidden if batch is not None else hidden.squeeze(-2)
        elif target is not None:
            hidden = hidden[..., target, :]
        return hidden @ self.output.t()

    def log_forward(
        self,
        x: Tensor,
        graph: TypedGraph,
        *,
        target: int | None = None,
        batch: Tensor | None = None,
        num_graphs: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Logarithm of the magnitude, and sign, of each output; they never over- or underflow.

        Arguments and errors are those of `forward`.

        Returns:
            log|f|, -inf where f is zero, and the sign of f in {-1, 0, 1}; shapes as in `forward`.
        """
        self._check(x, graph, target, batch)
        hidden, scale = x, x.new_zeros(*x.shape[:-1], 1)  # an embedding is hidden · exp(scale)
        tails, heads = graph.arcs.to(x.device)
        for weight in self.weights:
            factors = _messages(hidden, graph, weight)
            shift = scale.index_select(-2, tails)
            hidden, scale = _log_product(factors, shift, heads, graph.num_nodes)
        if self.task == "graph":
            hidden, scale = _log_product(hidden, scale, *_graph_of(batch, num_graphs, x))
            if batch is None:
                hidden, scale = hidden.squeeze(-2), scale.squeeze(-2)
        elif target is not None:
            hidden, scale = hidden[..., target, :], scale[..., target, :]
        value = hidden @ self.output.t()
        magnitude = torch.where(value == 0, torch.ones_like(value), value.abs()).log() + scale
        return magnitude.masked_fill(value == 0, -torch.inf), value.detach().sign()

    @torch.no_grad()
    def calibrate_(self, x: Tensor, graph: TypedGraph) -> ProductGNN:
        """Scale the weights so that the factors of every layer are near one on these features.

        Layer by layer, the factors W h of each edge type are scaled to geometric mean magnitude 1,
        and then the non-zero outputs. `x` and `graph` are those of `forward`. Returns the network
        itself.
        """
        self._check(x, graph, None, None)
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

    def _check(
        self, x: Tensor, graph: TypedGraph, target: int | None, batch: Tensor | None
    ) -> None:
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
        if batch is not None and self.task == "vertex":
            raise OptionError("batch is for graph prediction; this network has task='vertex'")


def _drawn(
    shape: tuple[int, ...], init: Init, generator: torch.Generator, dtype: torch.dtype
) -> Tensor:
    noise = torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu").to(dtype)
    fan_in = shape[-1]
    return (1 + SPREAD * noise) / fan_in if init == "near-one" else noise / fan_in**0.5


def _graph_of(batch: Tensor | None, num_graphs: int | None, x: Tensor) -> tuple[Tensor, int]:
    """The graph of each vertex and the number of graphs; one if there is no batch."""
    num_nodes = x.size(-2)
    if batch is None:
        return torch.zeros(num_nodes, dtype=torch.int64, device=x.device), 1
    if batch.shape != (num_nodes,) or batch.dtype != torch.int64:
        raise OptionError(
            f"batch has shape {list(batch.shape)} and dtype {batch.dtype}; expected the graph of "
            f"each vertex, [{num_nodes}], torch.int64"
        )
    least, most = (int(value) for value in batch.aminmax()) if num_nodes else (0, -1)
    if num_graphs is None:
        num_graphs = most + 1
    if least < 0 or most >= num_graphs:
        raise OptionError(
            f"batch holds numbers from {least} to {most}; expected 0 to {num_graphs - 1}, the "
            f"graph of each vertex"
        )
    return batch, num_graphs


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


def _log_product(factors: Tensor, shift: Tensor, index: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """`_product` of factors · exp(shift), as entries of magnitude at most 1 and log scales."""
    zero = factors == 0
    magnitude = torch.where(zero, torch.ones_like(factors), factors.abs()).log() + shift
    logs, num_zero, num_negative = (
        scatter(part, index, dim=-2, dim_size=size, reduce="sum")
        for part in (magnitude, zero.to(factors.dtype), (factors < 0).to(factors.dtype))
    )
    counted = logs.detach().masked_fill(num_zero > 0, -torch.inf)
    top = counted.amax(dim=-1, keepdim=True)
    top = torch.where(top == -torch.inf, torch.zeros_like(top), top)
    sign = 1 - 2 * (num_negative % 2)
    # A product with a zero factor has no logarithm: its placeholder must not overflow.
    logs = torch.where(num_zero > 0, torch.zeros_like(logs), logs - top)
    return torch.where(num_zero > 0, torch.zeros_like(logs), sign * logs.exp()), top


def _geometric_mean(values: Tensor) -> float:
    """Geometric mean of the magnitudes of the non-zero values; 1 if there are none."""
    known = values[values != 0].abs().log()
    return float(known.mean().exp()) if known.numel() else 1.0
