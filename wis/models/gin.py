"""GIN: sums over neighbours, a two-layer perceptron, ReLU and layer normalisation, layer by layer.

Source: Appendix D.6.2; Xu, Hu, Leskovec, Jegelka, ICLR 2019.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.nn import GINConv

from wis.models.network import GraphNetwork, SparseLinear, Task
from wis.models.registry import register


@register("gin", summary="sums over neighbours and two-layer perceptrons (Xu et al. 2019)")
class GIN(GraphNetwork):
    """Each layer: MLP((1 + ε) x_i + Σ_j x_j), then ReLU, then layer normalisation.

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
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        depth: int,
        width: int,
        task: Task = "vertex",
        train_eps: bool = True,
    ) -> None:
        super().__init__(in_dim, out_dim, width=width, task=task)
        sizes = [in_dim] + [width] * (depth - 1)
        self.layers = nn.ModuleList(_WeightedGINConv(size, width, train_eps) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes)

    def embed(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """Hidden embeddings of the last layer."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(layer(x, edge_index, edge_weight).relu())
        return x


class _BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that takes a single vertex too: it is its own mean, and no statistics.

    A mini-batch can be a single vertex, and torch refuses to train on one.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.size(0) == 1:
            return self.bias + 0 * self.weight * x  # with gradients of zero, as for the mean
        normalised: Tensor = super().forward(x)
        return normalised


class _WeightedGINConv(GINConv):  # type: ignore[misc]
    """`GINConv` with weights of arcs, the first linear map of its MLP taken before the sum.

    The weights come first in `lin`, their bias is added after the sum as `bias`.
    """

    def __init__(self, in_dim: int, width: int, train_eps: bool) -> None:
        rest = nn.Sequential(
            _BatchNorm(width),
            nn.ReLU(),
            nn.Linear(width, width),
            _BatchNorm(width),
            nn.ReLU(),
        )
        super().__init__(rest, train_eps=train_eps)
        first = nn.Linear(in_dim, width)
        self.lin = SparseLinear(in_dim, width, bias=False)
        self.lin.weight = first.weight
        self.bias = first.bias

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        x = self.lin(x)
        # propagate_type: (x: Tensor, edge_weight: Tensor)
        total = self.propagate(edge_index, x=x, edge_weight=edge_weight)
        hidden: Tensor = self.nn(total + (1 + self.eps) * x + self.bias)
        return hidden

    def message(self, x_j: Tensor, edge_weight: Tensor) -> Tensor:
        return edge_weight.view(-1, 1) * x_j
