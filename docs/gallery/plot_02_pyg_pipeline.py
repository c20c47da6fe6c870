"""
A step of a PyG pipeline
========================

``WalkIndexSparsification`` is a PyG transform. It belongs before everything that computes
something from the edges.
"""

import torch
import torch_geometric.transforms as T
from torch_geometric.nn import GCNConv

from wis import datasets
from wis.transforms import WalkIndexSparsification

# %%
# ``GCNNorm`` computes a weight for each arc from the degrees, and ``AddRandomWalkPE`` a
# positional encoding from walks. Both have to see the sparser graph, so the cut comes first.

transform = T.Compose(
    [
        T.NormalizeFeatures(),
        WalkIndexSparsification(remove="40%"),
        T.AddRandomWalkPE(walk_length=4),
        T.GCNNorm(),
    ]
)
data = transform(datasets.load("karate"))
print(data)

# %%
# The result is an ordinary ``Data``.

layer = GCNConv(data.x.size(1), 4, normalize=False)
print(layer(data.x, data.edge_index, data.edge_weight).shape)

# %%
# The other way round the weights of the whole graph would stay at the arcs that are left:

late = T.Compose([T.GCNNorm(), WalkIndexSparsification(remove="40%")])(datasets.load("karate"))
early = T.Compose([WalkIndexSparsification(remove="40%"), T.GCNNorm()])(datasets.load("karate"))


def largest_row_sum(graph):
    """The largest sum of the weights of the arcs that end at a vertex."""
    return torch.zeros(34).index_add(0, graph.edge_index[1], graph.edge_weight).max().item()


print(f"largest sum of weights at a vertex: {largest_row_sum(early):.2f} (cut first)")
print(f"                                    {largest_row_sum(late):.2f} (cut last: too small)")

# %%
# As the ``pre_transform`` of a dataset it runs once for each graph and the result is saved; as
# its ``transform`` it runs at each access. Each graph of a list is cut by itself. A ``Batch`` is
# one graph with many components: its edges compete with each other.
