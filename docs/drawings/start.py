"""Les Misérables whole, and after WIS and a random choice have removed 60 % of the edges."""

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np

import wis
from wis import datasets

data = datasets.load("les-miserables")
cuts = {
    "all edges": data,
    "WIS": wis.sparsify(data, remove="60%"),
    "random": wis.sparsify(data, remove="60%", method="random"),
}
whole = nx.Graph(data.edge_index.t().tolist())
place = nx.kamada_kawai_layout(whole)
points = np.array([place[vertex] for vertex in range(data.num_nodes)])

figure, panels = plt.subplots(1, 3, figsize=(11, 3.9), layout="constrained")
for axes, (name, cut) in zip(panels, cuts.items(), strict=True):
    degree = np.bincount(cut.edge_index[0].numpy(), minlength=data.num_nodes)
    for u, v in cut.edge_index.t().tolist():
        if u < v:
            axes.plot(*points[[u, v]].T, color="#888", linewidth=0.6, zorder=1)
    alone = degree == 0
    axes.scatter(*points[~alone].T, s=22, color="#0072B2", zorder=2)
    axes.scatter(*points[alone].T, s=34, color="#D55E00", marker="X", zorder=3)
    kept = int(degree.sum()) // 2
    axes.set_title(f"{name}: {kept} edges, {alone.sum()} isolated vertices", fontsize=10)
    axes.set_axis_off()
