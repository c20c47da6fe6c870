"""General WIS: two partitions, their boundaries, and what each of two edges would leave."""

import matplotlib.pyplot as plt
import networkx as nx
import torch

import wis

EDGES = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4), (2, 4)]
EDGES += [(4, 5), (4, 6), (5, 6), (5, 7), (6, 7)]
PLACE = {0: (0, 1), 1: (1, 1.8), 2: (1, 0.2), 3: (2, 1.5)}
PLACE |= {4: (3, 0.5), 5: (4, 1.8), 6: (4, 0.2), 7: (5, 1)}
SETS = {"I": [0, 1, 2, 3], "J": [1, 2, 5, 6]}
CANDIDATES = {"e": (2, 4), "f": (1, 2)}


def boundary(graph, members):
    """Vertices of either side with a neighbour on the other."""
    return {v for edge in graph.edges if (edge[0] in members) != (edge[1] in members) for v in edge}


def walk_indices(edges):
    """The walk index of length 2 of both sets."""
    arcs = torch.tensor(edges).t()
    return [wis.walk_index(arcs, subset=s, length=2, num_nodes=8) for s in SETS.values()]


graph = nx.Graph(EDGES)
now = walk_indices(EDGES)
without = {
    name: walk_indices([edge for edge in EDGES if edge != gone])
    for name, gone in CANDIDATES.items()
}
figure, panels = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for axes, (name, members) in zip(panels, SETS.items(), strict=True):
    edge_of = boundary(graph, members)
    nx.draw_networkx_edges(graph, PLACE, ax=axes, edge_color="#999")
    for letter, edge in CANDIDATES.items():
        nx.draw_networkx_edges(graph, PLACE, [edge], ax=axes, edge_color="#D55E00", width=2.4)
        (x1, y1), (x2, y2) = PLACE[edge[0]], PLACE[edge[1]]
        axes.text((x1 + x2) / 2 + 0.12, (y1 + y2) / 2 + 0.08, letter, color="#D55E00", fontsize=12)
    axes.scatter(
        *zip(*(PLACE[v] for v in graph), strict=True),
        s=330,
        zorder=3,
        color=["#0072B2" if v in members else "white" for v in graph],
        edgecolor=["#D55E00" if v in edge_of else "#333" for v in graph],
        linewidth=[2.6 if v in edge_of else 1 for v in graph],
    )
    column = list(SETS).index(name)
    axes.set_title(
        f"set {name} (blue) and its boundary (orange rims)\nwalk index: {now[column]} now, "
        f"{without['e'][column]} without e, {without['f'][column]} without f",
        fontsize=10,
    )
    axes.set_axis_off()
better = max(without, key=lambda name: min(without[name]))
figure.suptitle(
    f'argmax="min": without e the smallest walk index is {min(without["e"])}, without f '
    f"{min(without['f'])}, so {better} goes first",
    fontsize=11,
)
