"""
Batches of graphs
=================

A dataset of many small graphs: cut each graph once, then batch as usual.
"""

import matplotlib.pyplot as plt
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader

from wis import datasets
from wis.transforms import WalkIndexSparsification

# %%
# Sixty graphs of 40 vertices. The transform takes a list, and cuts each graph by itself.

graphs = [datasets.load(f"csbm:n=40,degree=8,features=4,seed={seed}") for seed in range(60)]
cut = WalkIndexSparsification(remove="50%")
sparse = cut(graphs)
print(sum(g.num_edges for g in graphs), "->", sum(g.num_edges for g in sparse), "arcs")

# %%
# A loader then batches the sparser graphs. Each step handles half of the messages.

for batch in DataLoader(sparse, batch_size=30):
    print(batch)

# %%
# Cutting a ``Batch`` is something else: it is one graph with 30 components whose edges compete,
# so that dense graphs lose more than sparse ones.

together = cut(Batch.from_data_list(graphs[:30]))
shares = [
    1 - after.num_edges / before.num_edges
    for before, after in zip(graphs[:30], together.to_data_list(), strict=True)
]
figure, axes = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
axes.hist([100 * share for share in shares], bins=12, label="as one batch")
axes.axvline(50, color="#D55E00", label="each by itself")
axes.set(xlabel="removed edges of a graph (%)", ylabel="graphs")
axes.legend()
plt.show()

# %%
# For one large graph, ``NeighborLoader`` and ``ClusterLoader`` take the sparser ``Data`` in the
# same way: cut first, sample then. ``wis.training`` has mini-batches of its own:
# ``TrainConfig(sampler="neighbor")``.
