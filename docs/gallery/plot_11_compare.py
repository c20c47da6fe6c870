"""
Reading a report of wis compare
===============================

``wis compare BEFORE AFTER`` says what a cut did to the structure of a graph. Here is how to
read it.
"""

import wis
from wis import datasets
from wis.measure import compare, compare_cuts
from wis.show import comparison_as_text, plot_comparison

data = datasets.load("les-miserables")
order = wis.removal_order(data)
result = compare(data, order.apply(data, remove="60%"))
print(comparison_as_text(result, width=78))

# %%
# - *Before* and *after* are numbers of each graph; the last column is the change.
# - A number that was sampled or bounded is marked, and a line below the table says how.
# - *Walk index* lines are what WIS keeps. *Components* and *isolated vertices* are what it may
#   give up: it has no rule against tearing a graph apart. If that matters, see
#   :doc:`plot_07_protections`.
#
# The picture has the degree distributions on the left and what is left of each measure on the
# right.

plot_comparison(result, "comparison.png", title="les-miserables, 60 % removed by wis")

# %%
# Several levels of one order, each against the whole graph:

levels = ["25%", "50%", "75%"]
for level, each in zip(levels, compare_cuts(order, data, levels), strict=True):
    lost = each.lost_log_walk_index
    print(f"{level}: {each.after['components'].value} components, log walk indices lost: {lost}")
