"""
Any graph in, the same kind out
===============================

A graph of networkx, a sparse matrix or a table is cut as it is: no conversion, nothing lost.
"""

import matplotlib.pyplot as plt
import networkx as nx
import pandas as pd
import scipy.sparse as sp

import wis

graph = nx.les_miserables_graph()
print(graph, "with the attribute weight: chapters in common")

# %%
# **networkx.** Nodes, names, attributes and the class of the graph stay. Pairs to protect are
# pairs of nodes.

half = wis.sparsify(graph, remove="50%", protect=[("Valjean", "Cosette")])
print(type(half).__name__, half, half.edges["Valjean", "Cosette"])

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
places = nx.spring_layout(graph, seed=1)
for ax, shown, title in zip(axes, (graph, half), ("all edges", "half of them"), strict=True):
    nx.draw_networkx_edges(shown, places, ax=ax, edge_color="0.7")
    nx.draw_networkx_nodes(shown, places, ax=ax, node_size=15)
    ax.set_title(f"{title}: {shown.number_of_edges()}")
    ax.set_axis_off()
plt.show()

# %%
# **Sparse matrices.** The format, the type and the shape stay. Both entries of an edge go.

matrix = nx.to_scipy_sparse_array(graph, format="csr")
sparse = wis.sparsify(matrix, remove="50%")
print(sparse.format, sparse.dtype, matrix.nnz, "->", sparse.nnz, (sparse != sparse.T).nnz)

# %%
# **Tables.** Each row is an arc; the names of the ends are found by the names of the columns. All
# columns and the index stay.

table = nx.to_pandas_edgelist(graph).assign(book="Les Misérables")
print(wis.sparsify(table, remove="98%"))

# %%
# An order is computed once for any kind and cut at any level. Weights are found where each kind
# has them: the attribute ``weight``, the values of a matrix, the column ``weight``.

order = wis.removal_order(table, "weight")
for percentage in (25, 50, 75):
    left = order.apply(table, remove=f"{percentage}%")
    print(f"{percentage} %: {len(left)} edges, the lightest of weight {left['weight'].min()}")

# %%
# **Several graphs** in a list, or a dataset of PyG, are cut each by itself.

several = [graph, matrix, sp.eye_array(4).tocoo(), pd.DataFrame({"a": [0, 1], "b": [1, 2]})]
print([type(cut).__name__ for cut in wis.sparsify(several, remove="50%")])
