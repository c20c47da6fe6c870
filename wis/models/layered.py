"""GCN, GAT, GIN and GraphSAGE: a convolution, ReLU and layer normalisation, layer by layer.

PyG's layers hold the parameters.

Sources: Appendix D.6.2; Kipf, Welling, ICLR 2017 (GCN); Veličković et al., ICLR 2018, with four
heads as in Alon, Yahav, ICLR 2021 (GAT); Xu, Hu, Leskovec, Jegelka, ICLR 2019 (GIN); Hamilton,
Ying, Leskovec, NeurIPS 2017 (GraphSAGE).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch_geometric.nn import GATConv, GCNConv, GINConv, Linear, SAGEConv

from wis.base.checks import checked_choice
from wis.errors import OptionError
from wis.models.batch_norm import BatchNormRelu
from wis.models.network import GraphNetwork, Task
from wis.models.operators import Messages
from wis.models.registry import register


class Layered(GraphNetwork):
    """Equal layers, each followed by layer normalisation. A subclass defines `convolution`."""

    def _add_layers(self, make: Callable[[int], nn.Module], depth: int, width: int) -> None:
        """Make the layers of these input sizes, and their normalisations."""
        sizes = [self.in_dim] + [width] * (depth - 1)
        self.layers = nn.ModuleList(make(size) for size in sizes)
        if isinstance(self.layers[0], GCNConv | GATConv):
            # A second draw of these parameters gives the initial values of version 0.1.
            self.layers[0].lin.reset_parameters()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes)

    def embed(self, x: Any, graph: Messages) -> Tensor:
        """Hidden embeddings of the last layer."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(self.convolution(layer, x, graph))
        hidden: Tensor = x
        return hidden

    @abstractmethod
    def convolution(self, layer: Any, x: Any, graph: Messages) -> Tensor:
        """The embeddings after a layer and its ReLU."""


@register("gcn", summary="graph convolutions with symmetric normalisation (Kipf, Welling 2017)")
class GCN(Layered):
    """Each layer: D^(-1/2) (A + I) D^(-1/2) X Wᵀ + b.

    The weights of arcs multiply A before the degrees D are taken, so the normalised matrix is that
    of the weighted graph.
    """

    def __init__(
        self, in_dim: int, out_dim: int, *, depth: int, width: int, task: Task = "vertex"
    ) -> None:
        super().__init__(in_dim, out_dim, width=width, task=task)
        self._add_layers(lambda size: GCNConv(size, width), depth, width)

    def convolution(self, layer: Any, x: Any, graph: Messages) -> Tensor:
        """See `Layered`."""
        return graph.normalised(x, layer.lin.weight).add_(layer.bias).relu_()


@register("sage", summary="means over neighbours beside the own term (Hamilton et al. 2017)")
class SAGE(Layered):
    """Each layer: V x_i + W mean_j x_j + b; the mean is weighted by the weights of arcs."""

    def __init__(
        self, in_dim: int, out_dim: int, *, depth: int, width: int, task: Task = "vertex"
    ) -> None:
        super().__init__(in_dim, out_dim, width=width, task=task)
        self._add_layers(lambda size: SAGEConv(size, width), depth, width)

    def convolution(self, layer: Any, x: Any, graph: Messages) -> Tensor:
        """See `Layered`."""
        around = graph.mean(x, layer.lin_l.weight)
        own = graph.project(x, layer.lin_r.weight)
        return (around + own).add_(layer.lin_l.bias).relu_()


@register("gat", summary="attention with four heads (Veličković et al. 2018)")
class GAT(Layered):
    """Each layer: attention heads side by side.

    Args:
        in_dim: Number of features of a vertex.
        out_dim: Number of outputs.
        depth: Number of layers.
        width: Size of the hidden embeddings, all heads together.
        task: ``"vertex"`` or ``"graph"``.
        heads: Number of heads; it divides `width`.

    Raises:
        OptionError: `heads` does not divide `width`.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        depth: int,
        width: int,
        task: Task = "vertex",
        heads: int = 4,
    ) -> None:
        super().__init__(in_dim, out_dim, width=width, task=task)
        if not isinstance(heads, int) or heads < 1 or width % heads:
            raise OptionError(
                f"heads is {heads!r}; expected a divisor of the width, which is {width}"
            )
        self.heads = heads
        self._add_layers(lambda size: GATConv(size, width // heads, heads), depth, width)

    def convolution(self, layer: Any, x: Any, graph: Messages) -> Tensor:
        """See `Layered`."""
        values = graph.project(x, layer.lin.weight)
        # weights [width, 2 heads] from the values of all heads to both scores of every head
        blocks = [torch.block_diag(*part[0]).t() for part in (layer.att_src, layer.att_dst)]  # type: ignore[no-untyped-call]
        scores = values @ torch.cat(blocks, dim=1)
        at_source, at_end = scores.split_with_sizes([self.heads, self.heads], dim=-1)
        by_head = values.view(*values.shape[:-1], self.heads, -1)
        mixed = graph.attend(by_head, at_source, at_end, layer.negative_slope).flatten(-2)
        found: Tensor = (mixed + layer.bias).relu_()
        return found


@register("gin", summary="sums over neighbours and two-layer perceptrons (Xu et al. 2019)")
class GIN(Layered):
    """Each layer: MLP((own + ε) x_i + Σ_j x_j).

    A layer of the MLP is linear, batch normalisation, ReLU; there are two. The first linear map is
    applied before the sum, which changes nothing but the cost: the sum runs over `width` numbers
    for each arc instead of `in_dim`.

    Args:
        in_dim: Number of features of a vertex.
        out_dim: Number of outputs.
        depth: Number of layers.
        width: Size of the hidden embeddings.
        task: ``"vertex"`` or ``"graph"``.
        train_eps: Whether ε is trained (Figure D.5) or stays zero (Table 5.1).
        own: How often a vertex counts itself: 1 as in the formula of Xu et al.; 2 as in the
            authors' graphs of Table 5.1, whose self-loops are neighbours too.

    Raises:
        OptionError: `own` is neither 1 nor 2.
    """

    same_in_evaluation = False

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        depth: int,
        width: int,
        task: Task = "vertex",
        train_eps: bool = True,
        own: int = 1,
    ) -> None:
        super().__init__(in_dim, out_dim, width=width, task=task)
        self.own = checked_choice("own", own, (1, 2))
        self._add_layers(lambda size: _gin_layer(size, width, train_eps), depth, width)

    def convolution(self, layer: Any, x: Any, graph: Messages) -> Tensor:
        """See `Layered`."""
        first_norm, _, second, second_norm, _ = layer.nn
        x = graph.total(x, layer.lin.weight, self.own + layer.eps)
        x = first_norm(x, layer.bias, graph.row_counts)
        found: Tensor = second_norm(linear(x, second.weight), second.bias, graph.row_counts)
        return found


def _gin_layer(in_dim: int, width: int, train_eps: bool) -> GINConv:
    """The parameters of a layer; the first linear map is `lin`, its bias `bias`."""
    second = nn.Linear(width, width)
    parts = (BatchNormRelu(width), nn.ReLU(), second, BatchNormRelu(width), nn.ReLU())
    layer = GINConv(nn.Sequential(*parts), train_eps=train_eps)
    first = nn.Linear(in_dim, width)
    layer.lin = Linear(in_dim, width, bias=False)
    layer.lin.weight, layer.bias = first.weight, first.bias
    return layer
