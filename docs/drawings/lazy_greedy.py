"""Two pictures of the exact order for longer walks: a signature, and a heap of stale bounds."""

import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(
    1, 2, figsize=(10.4, 4.3), layout="constrained", width_ratios=[1.15, 1]
)

# Left: sorted tuples of a graph, and of the same graph without edge e and without edge f.
ROWS = {
    "now": [4, 4, 7, 7, 7, 9],
    "without e": [4, 4, 5, 6, 7, 9],
    "without f": [4, 4, 5, 5, 7, 9],
}
for row, (name, values) in enumerate(ROWS.items()):
    y = 2.4 - row
    left.text(-0.4, y, name, ha="right", va="center", fontsize=11)
    for column, value in enumerate(values):
        changed = row and value != ROWS["now"][column]
        left.add_patch(
            plt.Rectangle(
                (column, y - 0.36),
                0.86,
                0.72,
                edgecolor="#333",
                facecolor="#fdd0a2" if changed else "#deebf7",
            )
        )
        left.text(column + 0.43, y, str(value), ha="center", va="center", fontsize=12)
left.text(
    -2.2,
    -0.65,
    "signature of e:  one more 5, one more 6, two fewer 7\n"
    "signature of f:  two more 5, two fewer 7\n"
    "At 5, the smallest value where they differ, e has fewer: e is better.",
    fontsize=10,
    va="top",
)
left.set(xlim=(-2.3, 6.2), ylim=(-2.0, 3.1), title="A signature: how a sorted tuple changes")
left.set_axis_off()

# Right: bounds of edges in a heap; the true value of the top is looked at, and it sinks.
BOUNDS = [("a", 9, 9), ("b", 8, 6), ("c", 7, 7), ("d", 6, None), ("e", 6, None), ("f", 4, None)]
for place, (name, bound, true) in enumerate(BOUNDS):
    right.bar(
        place,
        bound,
        width=0.62,
        color="#deebf7",
        edgecolor="#333",
        label="bound, from long ago" if not place else None,
    )
    if true is not None:
        right.bar(
            place,
            true,
            width=0.62,
            color="#0072B2",
            alpha=0.85,
            label="computed anew" if not place else None,
        )
    right.text(place, -0.35, name, ha="center", va="top", fontsize=11)
right.annotate(
    "1. stays first: goes",
    (0, 9),
    (0.55, 10.1),
    fontsize=10,
    arrowprops={"arrowstyle": "->", "color": "#D55E00"},
)
right.annotate(
    "2. sinks below c",
    (1, 8),
    (1.6, 8.9),
    fontsize=10,
    arrowprops={"arrowstyle": "->", "color": "#D55E00"},
)
right.annotate(
    "3. beats all bounds: goes",
    (2, 7),
    (2.6, 7.7),
    fontsize=10,
    arrowprops={"arrowstyle": "->", "color": "#D55E00"},
)
right.text(4.0, 6.4, "not looked at", ha="center", fontsize=10, color="#555")
right.set(xlim=(-0.6, 6.3), ylim=(-1.1, 11), title="Lazy greedy: compute only the top")
right.set_xticks([])
right.set_ylabel("smallest value that the loss of the edge creates")
right.legend(loc="upper right", fontsize=9)
for side in ("top", "right", "bottom"):
    right.spines[side].set_visible(False)
