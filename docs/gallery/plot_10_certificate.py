"""
Is this order right?
====================

``wis.verify_order`` checks a saved order against the greedy rule itself, step by step.
"""

import dataclasses

import matplotlib.pyplot as plt
import torch

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
# Not every swap is wrong: many edges are equally good, and the certificate accepts each of them.
# Here are 150 swaps of two steps of the order for walks of length 1.

simple = wis.removal_order(data)
generator = torch.Generator().manual_seed(0)
swaps = torch.randint(len(simple), (150, 2), generator=generator)


def is_accepted(swap):
    """Whether the order is still right after two of its edges change places."""
    edges = simple.edges.clone()
    edges[:, swap] = edges[:, swap.flip(0)]
    try:
        wis.verify_order(data, dataclasses.replace(simple, edges=edges))
    except wis.WisError:
        return False
    return True


accepted = torch.tensor([is_accepted(swap) for swap in swaps])
figure, axes = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
axes.scatter(
    *swaps[~accepted].t(), s=12, color="#D55E00", label=f"{int((~accepted).sum())} refused"
)
axes.scatter(*swaps[accepted].t(), s=12, color="#0072B2", label=f"{int(accepted.sum())} accepted")
axes.set(xlabel="one step", ylabel="the other step")
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
