"""
Edges that must stay
====================

Any method can be told to keep a graph connected, to leave every vertex some neighbours, or to
keep given edges.
"""

import networkx as nx

import wis
from wis import datasets
from wis.errors import ProtectionError

data = datasets.load("les-miserables")


def facts(graph):
    """Components and smallest degree of a graph."""
    simple = nx.Graph()
    simple.add_nodes_from(range(graph.num_nodes))
    simple.add_edges_from(graph.edge_index.t().tolist())
    smallest = min(degree for _, degree in simple.degree)
    return f"{nx.number_connected_components(simple)} components, smallest degree {smallest}"


print("whole graph:      ", facts(data))
for name, protection in {
    "no protection:    ": {},
    "keep_connected:   ": {"keep_connected": True},
    "min_degree of 2:  ": {"min_degree": 2},
}.items():
    print(name, facts(wis.sparsify(data, remove="60%", method="random", **protection)))

# %%
# ``min_degree=2`` never *adds* edges: a vertex with one neighbour keeps it.
#
# ``protect`` takes pairs of vertices. Here all edges of the main character stay:

valjean = data.name.index("Valjean")
of_valjean = data.edge_index[:, data.edge_index[0] == valjean]
cut = wis.sparsify(data, remove="70%", protect=of_valjean)
print("edges of Valjean:", of_valjean.size(1), "->", int((cut.edge_index[0] == valjean).sum()))

# %%
# If more edges are to go than the protections allow, the error says how many can go:

try:
    wis.sparsify(data, remove="90%", keep_connected=True)
except ProtectionError as error:
    print(error)
