"""
Is this order right?
====================

``wis.verify_order`` checks a saved order against the greedy rule itself, step by step.
"""

import dataclasses

import matplotlib.pyplot as plt

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
# The walk index of the worst vertex along both orders: the right one keeps it up longer.

figure, axes = plt.subplots(figsize=(5.5, 3.3), layout="constrained")
for name, each in {
    "the order": order,
    "two edges swapped": dataclasses.replace(order, edges=edges),
}.items():
    left = [each.apply(data, remove=count) for count in range(0, 60, 3)]
    worst = [min(wis.walk_index(cut, subset=[v], length=2) for v in range(34)) for cut in left]
    axes.plot(range(0, 60, 3), worst, marker=".", label=name)
axes.set(xlabel="removed edges", ylabel="smallest 2-walk index")
axes.legend()
plt.show()

# %%
# An order for another rule is not one for this rule:

try:
    wis.verify_order(data, wis.removal_order(data, method="random"), method="wis")
except wis.WisError as error:
    print(type(error).__name__, "-", error)

# %%
# On the command line: ``wis order karate -o karate.order.npz`` and ``wis verify karate
# karate.order.npz --all-steps``.
