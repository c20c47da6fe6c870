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
# that of almost all weights, computed exactly; the bounds come from the graph alone.

rows = figure5_2(3, depth=2, width=2)
for row in rows:
    task = "graph" if row.target is None else f"vertex {row.target}"
    print(f"{row.name}, prediction of {task}: separation rank {row.measured.rank}")

draw_figure5_2(rows, 3, 2, 2).savefig("figure5_2.png", dpi=110)

# %%
# Across the bridge (I1) two vertices are on the boundary. Across both cliques (I2) all six are,
# the walk index is larger, and so is the separation rank: 121 against 50 for the graph as a
# whole. Networks can model more interaction across the second partition.
#
# The same on the command line: ``wis theory figure5_2 --plot figure5_2.png``.
