"""
Separation rank: Figure 5.2 of the thesis
=========================================

Two cliques joined by an edge, and two ways to part their vertices. The walk index tells how
strongly a network can model interaction across each of them; the separation rank measures it.
"""

from wis.show.theory_pictures import draw_figure5_2
from wis.theory.figure5_2 import figure5_2

# %%
# Cliques of three vertices, networks with product aggregation of depth 2 and width 2. The rank is
# that of almost all weights. It is "proven" where a lower bound equals an upper bound. It is
# "almost surely" right where a matrix of random outputs, modulo a prime, has this rank and the
# upper bound is higher.

rows = figure5_2(3, depth=2, width=2)
for row in rows:
    task = "graph" if row.target is None else f"vertex {row.target}"
    found = row.measured
    print(f"{row.name}, prediction of {task}: separation rank {found.rank}, {found.state}")

draw_figure5_2(rows, 3, 2, 2).savefig("figure5_2.png", dpi=110)

# %%
# Across the bridge (I1) two vertices are on the boundary. Across both cliques (I2) all six are,
# the walk index is larger, and so is the separation rank: 121 against 50 for the graph as a
# whole. Networks can model more interaction across the second partition.
#
# At the size of Table 5.1 (cliques of 16, depth 3, width 16) no computer holds a matrix of that
# rank. Bounds from the graph alone give the exact ranks of vertex prediction and an interval for
# graph prediction, in two seconds.

for row in figure5_2(16, depth=3, width=16):
    found = row.measured
    print(f"{row.name}: log rank {found.log_rank:.2f} to {found.upper.log:.2f}, {found.state}")

# %%
# The same on the command line: ``wis theory figure5_2 --clique 16 --depth 3 --width 16``.
