"""
Walk indices kept and influence kept
====================================

Walk indices bound the interaction that a network can model. Do methods that keep more of them also
keep more of the influence that distant vertices have in a trained network?
"""

from wis import datasets
from wis.show.theory_pictures import draw_influence
from wis.theory.influence import Settings, agreement, kept, measured

# %%
# A GCN of two layers is trained on each cut of a small graph. Its influence is the Jacobian of a
# vertex's logits by the features of vertices two hops away, measured against that of the vertex's
# own features.

karate = datasets.load("karate")
rows = list(measured(karate, "karate", Settings(depth=2, epochs=40), seeds=[0]))
found = agreement(rows)
draw_influence(kept(rows), found).savefig("influence.png", dpi=110)

# %%
# Over all cuts the two go together, because both fall with the number of removed edges. The verdict
# is taken at equal amounts.

print(f"over all cuts: {found.overall:.2f}")
print(f"at equal amounts: {found.correlation:.2f} [{found.low:.2f}, {found.high:.2f}]")
print(found.verdict)

# %%
# The same on the command line: ``wis theory influence karate --depth 2 --plot influence.png``.
# `benchmarks/README.md` has the numbers for Cora and Chameleon.
