"""
Is this order right?
====================

``wis.verify_order`` checks a saved order against the greedy rule itself, step by step.
"""

import dataclasses

import wis
from wis import datasets

data = datasets.load("karate")
order = wis.removal_order(data, walk_length=2)
print(wis.verify_order(data, order, all_steps=True))

# %%
# Every step was compared with all other edges: the edge that goes leaves the best walk indices.
# For long orders of large graphs a sample of the steps is checked and the verdict says how many.
#
# An order in which two edges have changed places is found out:

edges = order.edges.clone()
edges[:, [0, 40]] = edges[:, [40, 0]]
try:
    wis.verify_order(data, dataclasses.replace(order, edges=edges), all_steps=True)
except wis.WisError as error:
    print(type(error).__name__, "-", error)

# %%
# An order for another rule is not one for this rule:

try:
    wis.verify_order(data, wis.removal_order(data, method="random"), method="wis")
except wis.WisError as error:
    print(type(error).__name__, "-", error)

# %%
# On the command line: ``wis order karate -o karate.order.npz`` and ``wis verify karate
# karate.order.npz --all-steps``.
