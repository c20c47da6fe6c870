"""GraphSAGE with means over neighbours, ReLU and layer normalisation, layer by layer.

Source: Hamilton, Ying, Leskovec, NeurIPS 2017.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import SAGEConv

from wis.models.network import GraphNetwork, Task
from wis.models.operators import Messages
from wis.models.registry import register


@register("sage", summary="means over neighbours beside the own term (Hamilton et al. 2017)")
class SAGE(GraphNetwork):
    """Each layer: V x_i + W mean_j x_j + b, then ReLU, then layer normalisation.

    The mean is weighted by the weights of arcs. PyG's layers hold the parameters.
    """

    def __init__(
        self, in_dim: int, out_dim: int, *, depth: int, width: int, task: Task = "vertex"
    ) -> None:
        super().__init__(in_dim, out_dim, width=width, task=task)
        sizes = [in_dim] + [width] * (depth - 1)
        self.layers = nn.ModuleList(SAGEConv(size, width) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes)

    def embed(self, x: Any, graph: Messages) -> Tensor:
        """Hidden embeddings of the last layer."""
        layers: Any = self.layers
        for layer, norm in zip(layers, self.norms, strict=True):
            around = graph.mean(x, layer.lin_l.weight)
            own = graph.project(x, layer.lin_r.weight)
            x = norm((around + own).add_(layer.lin_l.bias).relu_())
        hidden: Tensor = x
        return hidden
