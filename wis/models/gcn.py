"""GCN: graph convolution, ReLU and layer normalisation, layer by layer.

Source: Appendix D.6.2; Kipf, Welling, ICLR 2017.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.nn import GCNConv
from torch_geometric.utils import scatter

from wis.models.network import GraphNetwork, SparseLinear, Task, with_self_loops
from wis.models.registry import register


@register("gcn", summary="graph convolutions with symmetric normalisation (Kipf, Welling 2017)")
class GCN(GraphNetwork):
    """Each layer: D^(-1/2) (A + I) D^(-1/2) X W + b, then ReLU, then layer normalisation.

    The weights of arcs multiply A before the degrees D are taken, so the normalised matrix is that
    of the weighted graph; it is computed once for all layers.
    """

    def __init__(
        self, in_dim: int, out_dim: int, *, depth: int, width: int, task: Task = "vertex"
    ) -> None:
        super().__init__(in_dim, out_dim, width=width, task=task)
        sizes = [in_dim] + [width] * (depth - 1)
        self.layers = nn.ModuleList(GCNConv(size, width, normalize=False) for size in sizes)
        self.layers[0].lin = SparseLinear(in_dim, width, bias=False, weight_initializer="glorot")
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes)

    def embed(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """Hidden embeddings of the last layer."""
        arcs, weights = _normalised(edge_index, edge_weight, x.size(0))
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(layer(x, arcs, weights).relu())
        return x


def _normalised(edge_index: Tensor, edge_weight: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    """The entries of D^(-1/2) (A + I) D^(-1/2).

    PyG's `gcn_norm` does the same by indexing, whose gradient for the weights adds up in an order
    that changes from call to call on several threads.
    """
    arcs, weights = with_self_loops(edge_index, edge_weight, num_nodes)
    degrees = scatter(weights, arcs[1], dim=0, dim_size=num_nodes, reduce="sum")
    inverse = degrees.pow(-0.5)
    return arcs, inverse.index_select(0, arcs[0]) * weights * inverse.index_select(0, arcs[1])
