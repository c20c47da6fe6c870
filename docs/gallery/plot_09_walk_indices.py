"""
Walk indices: how much can cross a boundary?
============================================

The walk index of a set of vertices is the number of walks of a given length that start on its
boundary. It bounds how strongly a network of that depth can model interaction between the set
and the rest.
"""

import matplotlib.pyplot as plt

import wis
from wis import datasets

data = datasets.load("karate")
club_1 = (data.y == 0).nonzero().flatten()
clique_side = [0, 1, 2, 3]

# %%
# Two sets of vertices. ``length`` is L - 1 for a network of depth L; numbers are exact however
# large.

for name, subset in {"one faction": club_1, "four leaders": clique_side}.items():
    numbers = [wis.walk_index(data, subset=subset, length=length) for length in (1, 2, 3, 10, 40)]
    print(f"{name:12}", numbers)

# %%
# For the prediction at one vertex only walks that end there count:

print(wis.walk_index(data, subset=club_1, length=2, target=0))

# %%
# What cuts leave of the walk index (length 2) of every single vertex: the *smallest* one and the
# mean, as shares of what the whole graph has. All 34 vertices are counted.

orders = {
    "1-WIS": wis.removal_order(data),
    "2-WIS": wis.removal_order(data, walk_length=2),
    "random": wis.removal_order(data, method="random"),
}
levels = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
before = [wis.walk_index(data, subset=[v], length=2) for v in range(34)]

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for name, order in orders.items():
    smallest, mean = [], []
    for level in levels:
        cut = order.apply(data, remove=level)
        left_over = [wis.walk_index(cut, subset=[v], length=2) for v in range(34)]
        smallest.append(min(left_over))
        mean.append(sum(a / b for a, b in zip(left_over, before, strict=True)) / 34)
    percent = [100 * level for level in levels]
    left.plot(percent, smallest, marker="o", markersize=3, label=name)
    right.plot(percent, mean, marker="o", markersize=3, label=name)
left.set(xlabel="removed edges (%)", ylabel="smallest 2-walk index", title="the worst vertex")
right.set(xlabel="removed edges (%)", ylabel="mean share left", title="the mean over vertices")
right.legend()
plt.show()

# %%
# One seed of one small graph: the picture shows what the rule aims at (the smallest walk indices
# stay as large as possible), not how methods compare in general.
