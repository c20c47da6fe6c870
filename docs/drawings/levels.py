"""One level of 1-WIS on a small graph: heavy vertices, light vertices, the edges in their order."""

import matplotlib.pyplot as plt
import networkx as nx

# Level k = 3: two heavy vertices of degrees 6 and 4, six light ones of degree 3. Edges to vertices
# of smaller degree (8 to 13) count for the degrees; they are not drawn, since they wait.
EDGES = [(0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (1, 5), (1, 6), (1, 7), (2, 3), (4, 7), (5, 6)]
EDGES += [(2, 8), (3, 9), (4, 10), (7, 11), (0, 12), (1, 13)]
HEAVY, LEVEL = {0: "A", 1: "B"}, 3
PLACE = {0: (1.6, 2.0), 1: (4.6, 2.0)} | {v: (v - 2.0, 0.55) for v in range(2, 8)}


def play(graph):
    """The steps of the level: pairs of the edge that goes and who takes it."""
    light = {v for v in range(2, 8) if graph.degree(v) == LEVEL}
    height = {v: graph.degree(v) for v in HEAVY}
    steps = []
    while True:
        able = [v for v in HEAVY if height[v] > LEVEL and light & set(graph[v])]
        if not able:
            break
        tallest = max(able, key=lambda v: height[v])
        taken = min(light & set(graph[tallest]))
        graph.remove_edge(tallest, taken)
        light.discard(taken)
        height[tallest] -= 1
        if height[tallest] == LEVEL:
            light.add(tallest)
        steps.append((tallest, taken))
    for u, v in sorted(graph.edges):
        if u in light and v in light:
            light -= {u, v}
            steps.append((u, v))
    return steps


graph = nx.Graph(EDGES)
before = dict(graph.degree)
steps = play(graph.copy())

figure, axes = plt.subplots(figsize=(8.4, 4.2), layout="constrained")
inside = [(u, v) for u, v in EDGES if max(u, v) < 8]
for u, v in inside:
    number = next((i for i, s in enumerate(steps, 1) if set(s) == {u, v}), None)
    (x1, y1), (x2, y2) = PLACE[u], PLACE[v]
    colour, width = ("#D55E00", 2.2) if number else ("#999999", 1.0)
    bend = -0.35 if y1 == y2 and abs(x1 - x2) > 1 else 0.0
    arc = f"arc3,rad={0.0 if not bend else 0.28}"
    axes.annotate(
        "",
        (x2, y2),
        (x1, y1),
        arrowprops={"arrowstyle": "-", "color": colour, "lw": width, "connectionstyle": arc},
        zorder=1,
    )
    if number:
        at = 0.42 if y1 != y2 else 0.5
        x, y = x1 + at * (x2 - x1), y1 + at * (y2 - y1) + bend * 0.7
        axes.text(
            x,
            y,
            str(number),
            color="white",
            fontsize=10,
            ha="center",
            va="center",
            zorder=4,
            bbox={"boxstyle": "circle,pad=0.2", "facecolor": "#D55E00", "edgecolor": "none"},
        )
for vertex, (x, y) in PLACE.items():
    heavy = vertex in HEAVY
    axes.scatter(
        [x],
        [y],
        s=900 if heavy else 520,
        color="#0072B2" if heavy else "#9ecae1",
        edgecolor="#333",
        zorder=2,
    )
    axes.text(
        x,
        y,
        str(before[vertex]),
        ha="center",
        va="center",
        zorder=3,
        color="white" if heavy else "black",
        fontsize=11,
    )
axes.text(-0.9, 2.0, "heavy:\ndegree above k", va="center", ha="right", fontsize=10)
axes.text(-0.9, 0.55, "light:\ndegree k = 3", va="center", ha="right", fontsize=10)
axes.set(xlim=(-2.9, 6.3), ylim=(-0.6, 2.6))
axes.set_title(
    "Level k = 3: the tallest heavy vertex takes an unused light neighbour; then light pairs\n"
    "(numbers in vertices: degrees when the level begins; in circles: the order of removal)",
    fontsize=10,
)
axes.set_axis_off()
