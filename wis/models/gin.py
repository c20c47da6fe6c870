"""GIN: sums over neighbours, a two-layer perceptron, ReLU and layer normalisation, layer by layer.

Source: Appendix D.6.2; Xu, Hu, Leskovec, Jegelka, ICLR 2019.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import linear
from torch_geometric.nn import GINConv, Linear

from wis.base.checks import checked_choice
from wis.models.batch_norm import BatchNormRelu
from wis.models.network import GraphNetwork, Task
from wis.models.operators import Messages
from wis.models.registry import register


@register("gin", summary="sums over neighbours and two-layer perceptrons (Xu et al. 2019)")
class GIN(GraphNetwork):
    """Each layer: MLP((own + ε) x_i + Σ_j x_j), then ReLU, then layer normalisation.

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
        sizes = [in_dim] + [width] * (depth - 1)
        self.layers = nn.ModuleList(_layer(size, width, train_eps) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes)

    def embed(self, x: Any, graph: Messages) -> Tensor:
        """Hidden embeddings of the last layer."""
        layers: Any = self.layers
        for layer, norm in zip(layers, self.norms, strict=True):
            first_norm, _, second, second_norm, _ = layer.nn
            x = graph.total(x, layer.lin.weight, self.own + layer.eps)
            x = first_norm(x, layer.bias, graph.row_counts)
            x = norm(second_norm(linear(x, second.weight), second.bias, graph.row_counts))
        hidden: Tensor = x
        return hidden


def _layer(in_dim: int, width: int, train_eps: bool) -> GINConv:
    """The parameters of a layer; the first linear map is `lin`, its bias `bias`."""
    second = nn.Linear(width, width)
    parts = (BatchNormRelu(width), nn.ReLU(), second, BatchNormRelu(width), nn.ReLU())
    layer = GINConv(nn.Sequential(*parts), train_eps=train_eps)
    first = nn.Linear(in_dim, width)
    layer.lin = Linear(in_dim, width, bias=False)
    layer.lin.weight, layer.bias = first.weight, first.bias
    return layer
