"""The share of the crossing edges that is left, for random partitions of the vertices in two sets.

The partitions are random halves (a coin for each vertex) and neighbourhoods (a random vertex and
its neighbours against the rest). Halves show only the average; neighbourhoods show local changes.
"""

from __future__ import annotations

import numpy as np

from wis.measure.topology import Topology
from wis.measure.values import Spread

NUM_CUTS = 64


def cut_ratios(before: Topology, kept: np.ndarray, seed: int) -> dict[str, Spread]:
    """The share of the crossing edges that is left, for random halves and neighbourhoods.

    Args:
        before: The whole graph.
        kept: bool [m], true for each edge that is left.
        seed: Seed of the draws.
    """
    generator = np.random.default_rng([seed, 5])
    n = before.num_nodes
    drawn = {
        "halves": [generator.integers(2, size=n).astype(bool) for _ in range(NUM_CUTS)],
        "neighbourhoods": [
            _closed_neighbourhood(before, vertex)
            for vertex in (generator.integers(n, size=NUM_CUTS).tolist() if n else [])
        ],
    }
    return {
        f"cuts_{name}": Spread.of(
            f"edges across {name}",
            np.array([_ratio(before.edges, kept, side) for side in sides]),
            f"{len(sides)} random {name}",
        )
        for name, sides in drawn.items()
    }


def _closed_neighbourhood(topology: Topology, vertex: int) -> np.ndarray:
    side = np.zeros(topology.num_nodes, dtype=bool)
    start, stop = topology.adjacency.indptr[vertex : vertex + 2]
    side[topology.adjacency.indices[start:stop]] = True
    side[vertex] = True
    return side


def _ratio(edges: np.ndarray, kept: np.ndarray, side: np.ndarray) -> float:
    """The share of the edges across a side that is left; NaN if no edge crosses."""
    crossing = side[edges[0]] != side[edges[1]]
    total = int(crossing.sum())
    return int((crossing & kept).sum()) / total if total else float("nan")
