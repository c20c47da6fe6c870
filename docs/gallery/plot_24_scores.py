"""
Scores of your own
==================

Any number for each edge becomes a removal order: here the edge mask of an explainer.
"""

import matplotlib.pyplot as plt
import torch
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.nn import GCNConv
from torch_geometric.utils import homophily

import wis
from wis import datasets
from wis.transforms import Sparsify

torch.manual_seed(0)
data = datasets.load("karate")


class GCN(torch.nn.Module):
    """Two layers."""

    def __init__(self):
        super().__init__()
        self.first, self.second = GCNConv(data.num_features, 16), GCNConv(16, 2)

    def forward(self, x, edge_index):
        """Two numbers for each vertex, one for each faction."""
        return self.second(self.first(x, edge_index).relu(), edge_index)


model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for _ in range(100):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(data.x, data.edge_index), data.y)
    loss.backward()
    optimizer.step()

# %%
# An explainer of PyG gives each arc a number: how much the predictions rest on it.

explainer = Explainer(
    model=model,
    algorithm=GNNExplainer(epochs=50),
    explanation_type="model",
    edge_mask_type="object",
    model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
)
mask = explainer(data.x, data.edge_index).edge_mask.detach()

# %%
# **Low scores go first**, so what the explainer finds important stays. The two arcs of an edge have
# different numbers; an edge gets their mean (or ``combine="max"``, ``"min"``, ``"sum"``). Edges of
# equal score go in the order of a shuffle that ``seed`` draws.

order = wis.removal_order(data, scores=mask)
print(order)

# %%
# It is an order like any other: it can be saved, protected, compared and verified. It records a
# digest of the scores.

print(wis.verify_order(data, order, scores=mask))
connected = wis.removal_order(data, scores=mask, keep_connected=True)

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
percentages = range(0, 100, 10)
others = {"random": wis.removal_order(data, "random"), "wis": wis.removal_order(data)}
for name, each in {"explainer": order, **others}.items():
    cuts = [each.apply(data, remove=f"{percentage}%") for percentage in percentages]
    right = [
        float((model(cut.x, cut.edge_index).argmax(dim=1) == data.y).float().mean()) for cut in cuts
    ]
    axes.plot(percentages, right, label=name)
axes.set(xlabel="% of the edges removed", ylabel="predictions that are right")
axes.legend()
plt.show()

# %%
# The predictions are those of the network that was trained on all edges.
#
# Scores may have one number for each arc or for each edge, lie in an attribute, or be computed by
# a function. In a transform the name or the function serves every graph of a data set:


def same_faction(graph):
    """1 for arcs within a faction, 0 for those between them."""
    return (graph.y[graph.edge_index[0]] == graph.y[graph.edge_index[1]]).float()


cut = Sparsify("13%", scores=same_faction)(data)
print(homophily(data.edge_index, data.y), homophily(cut.edge_index, cut.y))

# %%
# On the command line ``--scores`` names a column or an attribute: ``wis sparsify karate --scores
# edge_weight --remove 50%``; in a recipe of ``wis bench run`` a method is ``name = "scores"`` with
# ``scores = "edge_weight"``.
