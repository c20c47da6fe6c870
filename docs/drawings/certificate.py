"""What a certificate compares: the key of the edge that goes with the best key, at each step."""

import dataclasses

import matplotlib.pyplot as plt
import torch

import wis
from wis import datasets

data = datasets.load("karate")
order = wis.removal_order(data)
swapped = order.edges.clone()
swapped[:, [12, 45]] = swapped[:, [45, 12]]
wrong = dataclasses.replace(order, edges=swapped)


def keys(edges):
    """For each step the smaller degree of the edge that goes, and the largest of all left."""
    left = [tuple(edge) for edge in edges.t().tolist()]
    degree = torch.bincount(edges.flatten(), minlength=data.num_nodes).tolist()
    taken, best = [], []
    while left:
        best.append(max(min(degree[u], degree[v]) for u, v in left))
        u, v = left.pop(0)
        taken.append(min(degree[u], degree[v]))
        degree[u] -= 1
        degree[v] -= 1
    return taken, best


figure, panels = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained", sharey=True)
for axes, (title, each) in zip(
    panels, {"a right order": order, "two edges have changed places": wrong}.items(), strict=True
):
    taken, best = keys(each.edges)
    axes.step(
        range(len(best)),
        best,
        where="mid",
        color="#999",
        linewidth=5,
        alpha=0.6,
        label="largest of all edges left",
    )
    axes.plot(range(len(taken)), taken, ".", color="#0072B2", label="edge that goes")
    bad = next((i for i, (a, b) in enumerate(zip(taken, best, strict=True)) if a < b), None)
    if bad is not None:
        axes.annotate(
            f"step {bad}: not the largest",
            (bad, taken[bad]),
            (bad + 12, taken[bad] + 5),
            arrowprops={"arrowstyle": "->", "color": "#D55E00"},
            color="#D55E00",
        )
    axes.set(title=title, xlabel="step")
panels[0].set_ylabel("smaller degree of the edge")
panels[0].legend(fontsize=9)
