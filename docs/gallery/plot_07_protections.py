"""
Edges that must stay
====================

Any method can be told to keep a graph connected, to leave every vertex some neighbours, or to
keep given edges.
"""

import matplotlib.pyplot as plt
import networkx as nx

import wis
from wis import datasets
from wis.errors import ProtectionError

data = datasets.load("les-miserables")


def as_networkx(graph):
    """The graph as networkx knows it."""
    simple = nx.Graph()
    simple.add_nodes_from(range(graph.num_nodes))
    simple.add_edges_from(graph.edge_index.t().tolist())
    return simple


place = nx.kamada_kawai_layout(as_networkx(data))
protections = {
    "no protection": {},
    "keep_connected=True": {"keep_connected": True},
    "min_degree=2": {"min_degree": 2},
}
figure, panels = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained")
for axes, (name, protection) in zip(panels, protections.items(), strict=True):
    simple = as_networkx(wis.sparsify(data, remove="60%", method="random", **protection))
    nx.draw_networkx(simple, place, ax=axes, node_size=16, with_labels=False, edge_color="#999")
    parts = nx.number_connected_components(simple)
    smallest = min(degree for _, degree in simple.degree)
    axes.set_title(f"{name}\ncomponents: {parts}, smallest degree: {smallest}", fontsize=10)
    axes.set_axis_off()
plt.show()

# %%
# ``min_degree=2`` never *adds* edges: a vertex with one neighbour keeps it.
#
# ``protect`` takes pairs of vertices. Here all edges of the main character stay:

valjean = data.name.index("Valjean")
of_valjean = data.edge_index[:, data.edge_index[0] == valjean]
cut = wis.sparsify(data, remove="70%", protect=of_valjean)
print("edges of Valjean:", of_valjean.size(1), "->", int((cut.edge_index[0] == valjean).sum()))

# %%
# 1-WIS chooses each edge among those that may go, on the graph as it is: edges that stay count in
# the degrees of their ends. `wis.verify_order` checks that:

order = wis.removal_order(data, protect=of_valjean, keep_connected=True)
print(wis.verify_order(data, order))

# %%
# If more edges are to go than the protections allow, the error says how many can go:

try:
    wis.sparsify(data, remove="90%", keep_connected=True)
except ProtectionError as error:
    print(error)
