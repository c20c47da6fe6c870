"""One phase of relaxed 1-WIS: degrees, the threshold, and the budget of each vertex."""

import matplotlib.pyplot as plt

DEGREES = [14, 12, 11, 10, 10, 9, 9, 8, 6, 5, 3, 2]
K, EPSILON = 10, 0.25
THRESHOLD = -(-K * 100 // int(100 * (1 + EPSILON)))

figure, axes = plt.subplots(figsize=(8.6, 3.9), layout="constrained")
for place, degree in enumerate(DEGREES):
    budget = max(degree - THRESHOLD + 1, 0)
    axes.bar(
        place,
        degree - budget,
        color="#deebf7",
        edgecolor="#333",
        label="stays in this phase" if not place else None,
    )
    if budget:
        axes.bar(
            place,
            budget,
            bottom=degree - budget,
            color="#D55E00",
            alpha=0.8,
            edgecolor="#333",
            label="budget: edges that may go" if not place else None,
        )
        axes.text(place, degree + 0.25, f"{budget}", ha="center", fontsize=10)
axes.axhline(K, color="#333", linestyle=":", linewidth=1.2)
axes.axhline(THRESHOLD, color="#333", linewidth=1.2)
axes.text(11.6, K + 0.15, f"k = {K}: largest smaller degree of an edge", ha="right", fontsize=10)
axes.text(
    11.6,
    THRESHOLD + 0.15,
    f"threshold = ⌈k / (1 + ε)⌉ = {THRESHOLD}, ε = {EPSILON}",
    ha="right",
    fontsize=10,
)
axes.set(xlabel="vertices by degree", ylabel="degree", ylim=(0, 17))
axes.set_xticks([])
axes.legend(loc="upper right", fontsize=9)
for side in ("top", "right"):
    axes.spines[side].set_visible(False)
