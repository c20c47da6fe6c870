"""The layout of a small graph.

Each connected component is laid out by a spring model, rotated so that its longer side is
horizontal, and stretched to a square with an area of its number of vertices. The squares are packed
into rows, the largest first, so that components neither drift apart nor overlap.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from wis.graph import CanonicalGraph

GAP = 0.4
"""Space around a component, in units in which a component of k vertices has the side √k."""

DOT = 0.1
"""Side of an isolated vertex: small, so that many isolated vertices take little space."""


def vertex_positions(graph: CanonicalGraph, seed: int) -> np.ndarray:
    """Positions for a drawing of at most a few hundred vertices, float64 [n, 2]."""
    import networkx as nx

    network = nx.empty_graph(graph.num_nodes)
    network.add_edges_from(graph.edges.t().tolist())
    components = sorted(nx.connected_components(network), key=len, reverse=True)
    sides = [DOT if len(part) == 1 else len(part) ** 0.5 for part in components]
    position = np.zeros((graph.num_nodes, 2))
    for component, side, corner in zip(components, sides, _pack(sides), strict=True):
        vertices = sorted(component)
        square = _component_positions(network.subgraph(vertices), vertices, seed)
        position[vertices] = corner + side * square
    return position


def _component_positions(component: object, vertices: list[int], seed: int) -> np.ndarray:
    """Positions in the unit square."""
    import networkx as nx

    if len(vertices) == 1:
        return np.full((1, 2), 0.5)
    spacing = 2.5 / len(vertices) ** 0.5
    layout = nx.spring_layout(component, k=spacing, iterations=200, seed=seed)
    position = np.array([layout[vertex] for vertex in vertices])
    position -= position.mean(axis=0)
    _, axes = np.linalg.eigh(position.T @ position)
    position = position @ axes[:, ::-1]
    low, high = position.min(axis=0), position.max(axis=0)
    flat = high - low < 1e-9
    turned: np.ndarray = np.where(flat, 0.5, (position - low) / np.where(flat, 1, high - low))
    return turned


def _pack(sides: Iterable[float]) -> list[np.ndarray]:
    """Lower left corners of squares, sorted by descending size, in rows of about equal length."""
    padded = [side + GAP for side in sides]
    width = max([*padded[:1], 1.1 * sum(side**2 for side in padded) ** 0.5])
    corners, x, y, height = [], 0.0, 0.0, 0.0
    for side in padded:
        if x > 0 and x + side > width + 1e-9:
            x, y, height = 0.0, y - height, 0.0
        height = max(height, side)
        corners.append(np.array([x, y - side]))
        x += side
    return corners
