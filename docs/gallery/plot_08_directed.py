"""
Directed graphs
===============

With ``directed=True`` every arc is an edge of its own: it goes without its reverse, and walks
follow the arcs.
"""

import torch
from torch_geometric.data import Data

import wis
from wis.show import plot_sparsification

# %%
# Who cites whom, drawn by chance: newer papers cite older ones.

generator = torch.Generator().manual_seed(1)
newer = torch.randint(1, 24, (90,), generator=generator)
older = (torch.rand(90, generator=generator) * newer).long()
data = Data(edge_index=torch.stack([newer, older]).unique(dim=1), num_nodes=24)

cut = wis.sparsify(data, remove="40%", directed=True)
print(data.num_edges, "->", cut.num_edges, "arcs")
plot_sparsification(data, cut, "citations.png", directed=True, title="citations, 40 % removed")

# %%
# Walk indices count walks along the arcs, too. Walks of length 2 from the boundary of the five
# oldest papers:

for name, graph in {"before": data, "after": cut}.items():
    print(name, wis.walk_index(graph, subset=range(5), length=2, directed=True))

# %%
# ``wis`` (any walk length), ``gwis`` and ``random`` take directed graphs. The others say so:

try:
    wis.sparsify(data, remove="40%", directed=True, method="spectral")
except wis.WisError as error:
    print(error)
