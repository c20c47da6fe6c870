"""ResGCN: many residual layers with softmax aggregation, as in DeeperGCN.

The thesis takes the implementation of another paper and does not give its options. Here they are
softmax aggregation, layer normalisation, one linear layer for each convolution, and no dropout.

Source: Appendix D.6.2.2; Li, Xiong, Thabet, Ghanem, DeeperGCN, arXiv:2006.07739.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import DeepGCNLayer, GENConv

from wis.errors import OptionError
from wis.models.network import GraphNetwork, SparseLinear, Task, weighted_softmax
from wis.models.registry import register


@register("resgcn", summary="ten residual layers with softmax aggregation (DeeperGCN)", depth=10)
class ResGCN(GraphNetwork):
    """A linear encoder, residual layers, layer normalisation and ReLU.

    A layer is z = ReLU(LayerNorm(x)); x + W (z_i + Σ_j α_ij m_j) + b, where m = ReLU(z) + 10^-7 and
    α_ij, for each coordinate, is the softmax of t·m_j over the neighbours of i. The first layer has
    neither residual nor normalisation; its own normalisation comes before the output.

    Args:
        in_dim: Number of features of a vertex.
        out_dim: Number of outputs.
        depth: Number of layers.
        width: Size of the hidden embeddings.
        task: ``"vertex"`` or ``"graph"``.
        temperature: t, at least 0; 0 is the mean over the neighbours.

    Raises:
        OptionError: The temperature is negative or not finite.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        depth: int,
        width: int,
        task: Task = "vertex",
        temperature: float = 1.0,
    ) -> None:
        super().__init__(in_dim, out_dim, width=width, task=task)
        if not isinstance(temperature, (int, float)) or not 0 <= temperature < float("inf"):
            raise OptionError(f"temperature is {temperature!r}; expected a number of at least 0")
        self.temperature = temperature
        self.encoder = SparseLinear(in_dim, width)
        self.layers = nn.ModuleList(
            DeepGCNLayer(_WeightedGENConv(width, temperature), nn.LayerNorm(width), nn.ReLU())
            for _ in range(depth)
        )

    def embed(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """Hidden embeddings after the last normalisation."""
        layers: list[Any] = list(self.layers)
        first, *others = layers
        x = first.conv(self.encoder(x), edge_index, edge_weight)
        for layer in others:
            x = layer(x, edge_index, edge_weight)
        hidden: Tensor = first.act(first.norm(x))
        return hidden


class _WeightedGENConv(GENConv):  # type: ignore[misc]
    """`GENConv` with a linear layer as its MLP; its third argument is the arcs' weights."""

    def __init__(self, width: int, temperature: float) -> None:
        super().__init__(width, width, aggr="add", num_layers=1, bias=True)
        self.temperature = temperature

    def message(
        self, x_j: Tensor, edge_attr: Tensor, index: Tensor, dim_size: int | None
    ) -> Tensor:
        values: Tensor = x_j.relu() + self.eps
        if not index.numel():
            return values
        num_nodes = int(index.max()) + 1 if dim_size is None else dim_size
        share = weighted_softmax(self.temperature * values, edge_attr, index, num_nodes)
        return share * edge_attr.unsqueeze(-1) * values
