"""
A model of your own
===================

Any ``torch.nn.Module`` with ``forward(x, edge_index[, edge_weight])`` trains in wis: alone, in
sweeps, and under the method ``ugs``.
"""

import itertools

import matplotlib.pyplot as plt
import torch
from torch_geometric.nn import GraphConv

import wis
from wis import datasets
from wis.models import register
from wis.training import TrainConfig, train

# %%
# The constructor takes the sizes of the input and output, a depth and a width. Further parameters
# with defaults become options of the model. Registering gives the class a name.


@register("graph-conv-net", summary="layers of GraphConv with dropout")
class GraphConvNet(torch.nn.Module):
    """Layers of PyG's GraphConv with dropout between them."""

    def __init__(self, in_dim, out_dim, depth=2, width=64, dropout=0.3):
        super().__init__()
        sizes = [in_dim] + [width] * (depth - 1) + [out_dim]
        self.layers = torch.nn.ModuleList(
            GraphConv(a, b, aggr="mean") for a, b in itertools.pairwise(sizes)
        )
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x, edge_index, edge_weight=None):
        """Logits of shape [num_nodes, out_dim]."""
        for layer in self.layers[:-1]:
            x = self.dropout(layer(x, edge_index, edge_weight).relu())
        return self.layers[-1](x, edge_index, edge_weight)


# %%
# It trains as the built-in models do.

data = datasets.load("csbm:n=600,feature_signal=1.0")
levels = [0.0, 0.25, 0.5, 0.75, 1.0]
figure, axes = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
for model in ("graph-conv-net", "gcn"):
    config = TrainConfig(model=model, depth=2, width=32, max_epochs=50, learning_rate=0.01)
    cuts = [wis.sparsify(data, remove=level) for level in levels]
    accuracies = [train(cut, config).test_accuracy for cut in cuts]
    print(model, [f"{accuracy:.2f}" for accuracy in accuracies])
    axes.plot([100 * level for level in levels], accuracies, marker="o", label=model)
axes.set(xlabel="removed edges (%)", ylabel="test accuracy", title="one seed, one split")
axes.legend()
plt.show()

# %%
# A class in a module ``mymodule`` needs no registration: its name is ``mymodule:GraphConvNet``, in
# ``TrainConfig`` and in ``wis bench run --models mymodule:GraphConvNet``. See :doc:`/extend/model`.
