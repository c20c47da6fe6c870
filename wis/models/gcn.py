"""GCN: graph convolution, ReLU and layer normalisation, layer by layer.

Source: Appendix D.6.2; Kipf, Welling, ICLR 2017.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import GCNConv

from wis.models.network import GraphNetwork, Task
from wis.models.operators import Messages
from wis.models.registry import register


@register("gcn", summary="graph convolutions with symmetric normalisation (Kipf, Welling 2017)")
class GCN(GraphNetwork):
    """Each layer: D^(-1/2) (A + I) D^(-1/2) X Wᵀ + b, then ReLU, then layer normalisation.

    The weights of arcs multiply A before the degrees D are taken, so the normalised matrix is that
    of the weighted graph. PyG's layers hold the parameters.
    """

    def __init__(
        self, in_dim: int, out_dim: int, *, depth: int, width: int, task: Task = "vertex"
    ) -> None:
        super().__init__(in_dim, out_dim, width=width, task=task)
        sizes = [in_dim] + [width] * (depth - 1)
        self.layers = nn.ModuleList(GCNConv(size, width) for size in sizes)
        # A second draw of these parameters gives the initial values of version 0.1.
        self.layers[0].lin.reset_parameters()  # type: ignore[operator, union-attr]
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes)

    def embed(self, x: Any, graph: Messages) -> Tensor:
        """Hidden embeddings of the last layer."""
        layers: Any = self.layers
        for layer, norm in zip(layers, self.norms, strict=True):
            x = norm(graph.normalised(x, layer.lin.weight).add_(layer.bias).relu_())
        hidden: Tensor = x
        return hidden
