"""
Order once, cut often
=====================

A removal order ranks all edges once. Cutting it at several levels costs next to nothing, and
the results are nested: what is left at 75 % is part of what is left at 50 %.
"""

import matplotlib.pyplot as plt
import torch

import wis
from wis import datasets

data = datasets.load("les-miserables")
order = wis.removal_order(data)
print(order.num_edges, "edges, first to go:", order.edges[:, :3].t().tolist())

# %%
# Save the order and load it again. The file says which graph, method and options it was made for;
# ``apply`` refuses another graph.

order.save("lesmis.order.npz", force=True)
order = wis.RemovalOrder.load("lesmis.order.npz")

for percent in (25, 50, 75):
    print(f"{percent} % removed:", order.apply(data, remove=f"{percent}%").num_edges // 2, "edges")

# %%
# What the cuts leave of the walk indices of single vertices: the logarithm of degree + 1, which
# is the 1-walk index of a vertex.

other = wis.removal_order(data, method="random")
levels = [level / 20 for level in range(21)]


def mean_log_walk_index(graph):
    """The mean over all vertices of log(degree + 1)."""
    degree = torch.bincount(graph.edge_index[0], minlength=graph.num_nodes)
    return torch.log1p(degree.double()).mean().item()


figure, axes = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
for name, each in {"wis": order, "random": other}.items():
    values = [mean_log_walk_index(each.apply(data, remove=level)) for level in levels]
    axes.plot([100 * level for level in levels], values, marker="o", markersize=3, label=name)
axes.set(xlabel="removed edges (%)", ylabel="mean of log(degree + 1)")
axes.legend()
plt.show()
