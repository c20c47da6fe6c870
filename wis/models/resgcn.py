"""ResGCN: many residual layers with softmax aggregation, as in DeeperGCN.

The thesis takes the implementation of another paper and does not give its options. Here they are
softmax aggregation, layer normalisation, one linear layer for each convolution, and no dropout.

Source: Appendix D.6.2.2; Li, Xiong, Thabet, Ghanem, DeeperGCN, arXiv:2006.07739.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import DeepGCNLayer, GENConv, Linear

from wis.errors import OptionError
from wis.models.network import GraphNetwork, Task
from wis.models.operators import Messages
from wis.models.registry import register


@register("resgcn", summary="ten residual layers with softmax aggregation (DeeperGCN)", depth=10)
class ResGCN(GraphNetwork):
    """A linear encoder, residual layers, layer normalisation and ReLU.

    A layer is z = ReLU(LayerNorm(x)); x + W (z_i + Σ_j α_ij m_j) + b, where m = ReLU(z) + 10^-7 and
    α_ij, for each coordinate, is the softmax of t·m_j over the neighbours of i. The first layer has
    neither residual nor normalisation; its own normalisation comes before the output. PyG's layers
    hold the parameters.

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
        self.temperature = float(temperature)
        self.encoder = Linear(in_dim, width)
        self.layers = nn.ModuleList(
            DeepGCNLayer(
                GENConv(width, width, aggr="add", num_layers=1, bias=True),
                nn.LayerNorm(width),
                nn.ReLU(),
            )
            for _ in range(depth)
        )

    def embed(self, x: Any, graph: Messages) -> Tensor:
        """Hidden embeddings after the last normalisation."""
        layers: Any = self.layers
        first, *others = layers
        h = graph.project(x, self.encoder.weight) + self.encoder.bias
        h = self._convolution(first, h, graph)
        for layer in others:
            h = h + self._convolution(layer, layer.norm(h).relu_(), graph)
        hidden: Tensor = first.norm(h).relu_()
        return hidden

    def _convolution(self, layer: Any, z: Tensor, graph: Messages) -> Tensor:
        mixed: Tensor = layer.conv.mlp(z + graph.softmax_mean(z, self.temperature))
        return mixed
