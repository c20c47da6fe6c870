"""GAT: attention over neighbours, ReLU and layer normalisation, layer by layer.

Source: Appendix D.6.2.1 (four heads, as in Alon, Yahav, ICLR 2021); Veličković et al., ICLR 2018.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.nn import GATConv

from wis.errors import OptionError
from wis.models.network import (
    GraphNetwork,
    SparseLinear,
    Task,
    weighted_softmax,
    with_self_loops,
)
from wis.models.registry import register


@register("gat", summary="attention with four heads (Veličković et al. 2018)")
class GAT(GraphNetwork):
    """Each layer: attention heads side by side, then ReLU, then layer normalisation.

    Args:
        in_dim: Number of features of a vertex.
        out_dim: Number of outputs.
        depth: Number of layers.
        width: Size of the hidden embeddings, all heads together.
        task: ``"vertex"`` or ``"graph"``.
        heads: Number of heads; it divides `width`.

    Raises:
        OptionError: `width` is no multiple of `heads`.
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
        sizes = [in_dim] + [width] * (depth - 1)
        self.layers = nn.ModuleList(_WeightedGATConv(size, width // heads, heads) for size in sizes)
        self.layers[0].lin = SparseLinear(in_dim, width, bias=False, weight_initializer="glorot")
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes)

    def embed(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """Hidden embeddings of the last layer."""
        arcs, weights = with_self_loops(edge_index, edge_weight, x.size(0))
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(layer(x, arcs, weights).relu())
        return x


class _WeightedGATConv(GATConv):  # type: ignore[misc]
    """`GATConv` whose third argument holds the weights of the arcs."""

    def __init__(self, in_dim: int, head_dim: int, heads: int) -> None:
        super().__init__(in_dim, head_dim, heads, add_self_loops=False)

    def edge_update(
        self,
        alpha_j: Tensor,
        alpha_i: Tensor,
        edge_attr: Tensor,
        index: Tensor,
        dim_size: int | None,
    ) -> Tensor:
        scores = nn.functional.leaky_relu(alpha_j + alpha_i, self.negative_slope)
        num_nodes = int(index.max()) + 1 if dim_size is None else dim_size
        return weighted_softmax(scores, edge_attr, index, num_nodes) if index.numel() else scores
