"""
A step of a PyG pipeline
========================

``WalkIndexSparsification`` is a PyG transform. It belongs before everything that computes
something from the edges.
"""

import matplotlib.pyplot as plt
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


def row_sums(graph):
    """For each vertex the sum of the weights of the arcs that end there."""
    return torch.zeros(34).index_add(0, graph.edge_index[1], graph.edge_weight)


figure, axes = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
axes.plot(row_sums(early).sort(descending=True).values, label="cut, then GCNNorm")
axes.plot(row_sums(late).sort(descending=True).values, label="GCNNorm, then cut: too small")
axes.set(xlabel="vertices, sorted", ylabel="sum of the weights at a vertex")
axes.legend()
plt.show()

# %%
# As the ``pre_transform`` of a dataset it runs once for each graph and the result is saved; as
# its ``transform`` it runs at each access. Each graph of a list is cut by itself. A ``Batch`` is
# one graph with many components: its edges compete with each other.
