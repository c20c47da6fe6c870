"""
Several types of edges
======================

In a ``HeteroData`` each type of edges has an ``edge_index`` of its own. Walk indices count
walks over all types together. ``per_type=True`` removes the same fraction of every type.
"""

import matplotlib.pyplot as plt
import torch
from torch_geometric.data import HeteroData

import wis

# %%
# Authors write papers, papers have a topic. ``rev_writes`` holds the same edges as ``writes``,
# turned round.

generator = torch.Generator().manual_seed(0)
data = HeteroData()
data["author"].num_nodes, data["paper"].num_nodes, data["topic"].num_nodes = 30, 60, 6
writes = torch.stack(
    [torch.randint(30, (150,), generator=generator), torch.randint(60, (150,), generator=generator)]
)
data["author", "writes", "paper"].edge_index = writes
data["paper", "rev_writes", "author"].edge_index = writes.flip(0)
data["paper", "about", "topic"].edge_index = torch.stack(
    [torch.arange(60), torch.randint(6, (60,), generator=generator)]
)


def counts(graph):
    """Number of arcs of each type."""
    return {edge_type[1]: graph[edge_type].num_edges for edge_type in graph.edge_types}


print("before     ", counts(data))

# %%
# Without ``per_type`` the edges of all types compete.

print("all at once", counts(wis.sparsify(data, remove="40%")))

# %%
# With it, every type loses the same share. ``writes`` and its reverse lose the same edges.

cut = wis.sparsify(data, remove="40%", per_type=True)
print("per type   ", counts(cut))
forward = set(map(tuple, cut["author", "writes", "paper"].edge_index.t().tolist()))
backward = set(map(tuple, cut["paper", "rev_writes", "author"].edge_index.flip(0).t().tolist()))
print("reverse type in step:", forward == backward)

# %%
# The share of each type that is left:

figure, axes = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
whole, together = counts(data), counts(wis.sparsify(data, remove="40%"))
places = torch.arange(len(whole))
for shift, (name, left) in zip(
    (-0.2, 0.2), {"all at once": together, "per type": counts(cut)}.items(), strict=True
):
    axes.bar(places + shift, [left[t] / whole[t] for t in whole], width=0.36, label=name)
axes.set_xticks(places, list(whole))
axes.set(ylabel="share of arcs left", ylim=(0, 1.05))
axes.legend()
plt.show()

# %%
# A ``Data`` with an ``edge_type`` for each arc works in the same way.
