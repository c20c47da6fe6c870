"""A model: each layer takes the mean over the neighbours."""

import torch
from torch_geometric.nn import SAGEConv

from wis.models import register


@register("mean-layers", summary="layers that take the mean over the neighbours")
class MeanLayers(torch.nn.Module):
    """A stack of `SAGEConv` layers and a linear output layer."""

    def __init__(self, in_dim, out_dim, depth=3, width=64):
        super().__init__()
        sizes = [in_dim] + [width] * (depth - 1)
        self.layers = torch.nn.ModuleList(SAGEConv(size, width) for size in sizes)
        self.output = torch.nn.Linear(width, out_dim)

    def forward(self, x, edge_index):
        """Logits of each vertex."""
        for layer in self.layers:
            x = layer(x, edge_index).relu()
        return self.output(x)
