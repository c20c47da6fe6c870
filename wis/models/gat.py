"""GAT: attention over neighbours, ReLU and layer normalisation, layer by layer.

Source: Appendix D.6.2.1 (four heads, as in Alon, Yahav, ICLR 2021); Veličković et al., ICLR 2018.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv

from wis.errors import OptionError
from wis.models.network import GraphNetwork, Task
from wis.models.operators import Messages
from wis.models.registry import register


@register("gat", summary="attention with four heads (Veličković et al. 2018)")
class GAT(GraphNetwork):
    """Each layer: attention heads side by side, then ReLU, then layer normalisation.

    PyG's layers hold the parameters.

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
        sizes = [in_dim] + [width] * (depth - 1)
        self.layers = nn.ModuleList(GATConv(size, width // heads, heads) for size in sizes)
        # A second draw of these parameters gives the initial values of version 0.1.
        self.layers[0].lin.reset_parameters()  # type: ignore[operator, union-attr]
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes)

    def embed(self, x: Any, graph: Messages) -> Tensor:
        """Hidden embeddings of the last layer."""
        layers: Any = self.layers
        for layer, norm in zip(layers, self.norms, strict=True):
            values = graph.project(x, layer.lin.weight)
            scores = values @ self._score_weights(layer)
            at_source, at_end = scores.split_with_sizes([self.heads, self.heads], dim=-1)
            by_head = values.view(*values.shape[:-1], self.heads, -1)
            mixed = graph.attend(by_head, at_source, at_end, layer.negative_slope).flatten(-2)
            x = norm((mixed + layer.bias).relu_())
        hidden: Tensor = x
        return hidden

    @staticmethod
    def _score_weights(layer: Any) -> Tensor:
        """Weights [width, 2 heads] from the values of all heads to both scores of every head."""
        blocks = [torch.block_diag(*part[0]).t() for part in (layer.att_src, layer.att_dst)]  # type: ignore[no-untyped-call]
        return torch.cat(blocks, dim=1)
