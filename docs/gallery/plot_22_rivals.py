"""
Rivals on one graph, and weights
================================

What the sparsifiers of the last years leave of one graph, and the weights of sampled edges.
"""

import matplotlib.pyplot as plt
import networkx as nx
import torch

import wis
from wis import datasets

data = datasets.load("karate")
del data.edge_weight
methods = {
    "wis": {},
    "teddy": {"method": "teddy"},
    "forman, highest first": {"method": "forman", "highest_first": True},
    "goku": {"method": "goku"},
    "proxy-delete": {"method": "proxy-delete"},
    "dspar, sampled": {"method": "dspar", "sample": True},
}
place = nx.kamada_kawai_layout(nx.Graph(data.edge_index.t().tolist()))


def graph_of(cut):
    """The cut graph in networkx."""
    graph = nx.Graph()
    graph.add_nodes_from(range(cut.num_nodes))
    graph.add_edges_from(cut.edge_index.t().tolist())
    return graph


figure, panels = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
for axes, (name, options) in zip(panels.flat, methods.items(), strict=True):
    graph = graph_of(wis.sparsify(data, remove="50%", **options))
    colours = ["#D55E00" if graph.degree(v) == 0 else "#0072B2" for v in graph]
    shown = {"node_size": 30, "edge_color": "#999", "with_labels": False}
    nx.draw_networkx(graph, place, ax=axes, node_color=colours, **shown)
    axes.set_title(f"{name}:\n{nx.number_connected_components(graph)} components", fontsize=9)
    axes.set_axis_off()
plt.show()

# %%
# Isolated vertices are orange. ``proxy-delete`` widens the spectral gap and never disconnects a
# component while a cycle is left. ``forman`` with ``highest_first`` thins dense groups out.
#
# Weights
# -------
# ``spectral``, ``goku`` and ``dspar`` with ``sample=True`` draw edges with replacement.
# ``reweight=True`` writes the weights count / (Q p) to ``edge_weight``. Then the mean of the
# Laplacian over seeds is that of the whole graph, shown here by the energy of a signal:

signal = torch.linspace(-1, 1, data.num_nodes)


def energy(graph, weight=1.0):
    """Sum over arcs of the weight times the squared difference of the signal."""
    source, target = graph.edge_index
    return float((weight * (signal[source] - signal[target]).square()).sum())


print(f"whole graph:  {energy(data):.2f}")
cuts = [
    wis.sparsify(data, remove="50%", method="spectral", reweight=True, seed=seed)
    for seed in range(200)
]
print(f"with weights: {sum(energy(cut, cut.edge_weight) for cut in cuts) / 200:.2f}")
print(f"without:      {sum(map(energy, cuts)) / 200:.2f}")

# %%
# A network reads them with ``TrainConfig(edge_weight=True)``. On the command line::
#
#     wis sparsify karate --method spectral --remove 50% --reweight
