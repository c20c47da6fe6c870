"""
Weighted graphs
===============

Weights say how strong edges are. Five methods rank by them, each by another idea of an edge that
can go.
"""

import matplotlib.pyplot as plt
import torch

import wis
from wis import datasets

data = datasets.load("les-miserables")
print(data)

# %%
# ``edge_weight`` counts the chapters in which two characters meet. The methods find it by its
# name; another attribute is named with ``edge_weight="strength"``, or on the command line with
# ``--option edge_weight=COLUMN``.

METHODS = ("weight", "disparity", "noise-corrected", "metric-backbone", "maximum-spanning")
orders = {method: wis.removal_order(data, method) for method in METHODS}
orders["wis"] = wis.removal_order(data)
percentages = range(0, 100, 5)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for method, order in orders.items():
    cuts = [order.apply(data, remove=f"{percentage}%") for percentage in percentages]
    weight = [float(cut.edge_weight.sum() / data.edge_weight.sum()) for cut in cuts]
    isolated = [data.num_nodes - cut.edge_index.unique().numel() for cut in cuts]
    left.plot(percentages, weight, label=method)
    right.plot(percentages, isolated, label=method)
left.set(xlabel="% of the edges removed", ylabel="share of the weight that is left")
right.set(xlabel="% of the edges removed", ylabel="isolated vertices")
right.legend(fontsize=8)
plt.show()

# %%
# ``weight`` keeps the most weight and isolates characters early. ``disparity`` and
# ``noise-corrected`` compare a weight with the other weights at its ends. ``maximum-spanning``
# isolates nobody until only a forest is left. ``wis`` isolates the fewest, but does not look at
# weights: the walks of the thesis are counted, and ``weights=`` is refused.
#
# ``metric-backbone`` first takes edges that a path of heavier ones replaces, at the length
# 1 / weight. Without them no distance changes:

number = 91  # of 254: the edges that some path is shorter than
cut = orders["metric-backbone"].apply(data, remove=number)
for name, graph in (("before", data), ("after", cut)):
    n = graph.num_nodes
    distance = torch.full((n, n), torch.inf)
    distance[graph.edge_index[0], graph.edge_index[1]] = 1 / graph.edge_weight
    distance.fill_diagonal_(0)
    for k in range(n):
        distance = torch.minimum(distance, distance[:, k, None] + distance[k])
    print(name, graph.num_edges // 2, "edges, mean distance", round(float(distance.mean()), 6))
