"""
Methods side by side
====================

What several methods leave of one graph, at the same number of edges.
"""

import matplotlib.pyplot as plt
import networkx as nx
import torch

import wis
from wis import datasets

data = datasets.load("les-miserables")
methods = {
    "wis": {},
    "wis, walk_length=2": {"method": "wis", "walk_length": 2},
    "spectral": {"method": "spectral"},
    "local-degree": {"method": "local-degree"},
    "jaccard": {"method": "jaccard"},
    "random": {"method": "random"},
}
whole = nx.Graph(data.edge_index.t().tolist())
place = nx.kamada_kawai_layout(whole)

figure, panels = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
for axes, (name, options) in zip(panels.flat, methods.items(), strict=True):
    cut = wis.sparsify(data, remove="70%", **options)
    graph = nx.Graph()
    graph.add_nodes_from(range(data.num_nodes))
    graph.add_edges_from(cut.edge_index.t().tolist())
    degree = torch.bincount(cut.edge_index[0], minlength=data.num_nodes)
    colours = ["#D55E00" if graph.degree(v) == 0 else "#0072B2" for v in graph]
    nx.draw_networkx(
        graph,
        place,
        ax=axes,
        node_size=18,
        node_color=colours,
        edge_color="#999",
        with_labels=False,
    )
    axes.set_title(
        f"{name}: {(degree == 0).sum()} isolated,\n"
        f"{nx.number_connected_components(graph)} components",
        fontsize=9,
    )
    axes.set_axis_off()
plt.show()

# %%
# Isolated vertices are orange. Each method keeps what it was made for: ``wis`` the smallest walk
# indices, so it isolates nobody for long; ``local-degree`` the links to hubs; ``jaccard`` takes
# edges without common neighbours first, so groups stay dense and single vertices fall off.
#
# The table of :doc:`plot_11_compare` puts numbers to this.

print(", ".join(wis.available_methods()))
