"""
A method of your own
====================

A method is a function: a graph and a number in, edge ids out. Registering it makes it known to
``wis.sparsify``, the transforms, sweeps and the command line.
"""

import torch

import wis
from wis import datasets
from wis.methods import register
from wis.show import plot_sparsification

# %%
# This one removes edges with the largest product of degrees first. ``graph.edges`` has shape [2,
# m] with u < v; the position of an edge in it is its id.


@register("degree-product", summary="edges between hubs: the largest product of degrees")
def degree_product(graph, *, count, seed, progress, offset=0):
    """Rank edges by the product of (degree + offset) of their ends, largest first."""
    product = (graph.degree[graph.edges] + offset).prod(dim=0)
    return torch.argsort(product, descending=True, stable=True)[:count]


# %%
# Keyword-only parameters after ``progress`` are options of the method.

data = datasets.load("karate")
cut = wis.sparsify(data, remove="50%", method="degree-product", offset=1)
plot_sparsification(data, cut, "own.png", title="karate, half removed by degree-product")

# %%
# Orders, protections, ``per_type`` and the transform work at once:

order = wis.removal_order(data, method="degree-product", keep_connected=True)
print(len(order), "of", order.num_edges, "edges can go while the graph stays connected")

# %%
# ``wis.testing`` has the contract that every method of wis is tested by: it ranks edges once
# each, the same for every order of the arcs, nested, and leaves the graph alone.
#
# A method that lies in a package of its own is found by its entry point ``wis.methods``, or by
# ``--plugin MODULE``: see :doc:`/extend/method`.
