"""
A first cut
===========

Remove half of the edges of a small graph and look at the result.
"""

import wis
from wis import datasets
from wis.show import plot_sparsification

# %%
# ``karate`` is a graph of 34 members of a karate club. ``wis.sparsify`` takes PyG's ``Data``,
# ``HeteroData`` or a bare ``edge_index`` and returns a new object of the same type.

data = datasets.load("karate")
sparse = wis.sparsify(data, remove="50%")
print(data)
print(sparse)

# %%
# The features, labels and edge weights came along. PyG counts *arcs* (columns of ``edge_index``):
# an undirected edge has two.
#
# ``plot_sparsification`` draws both graphs on the same positions, with the degrees below them.

plot_sparsification(data, sparse, "karate.png", title="karate, half of the edges removed by wis")
