"""Cuts of the vertices in two, and the share of the crossing edges that is left.

The cuts are drawn from a seed: random halves (a coin for each vertex), and neighbourhoods (a vertex
and its neighbours against the rest). Halves show the average only; neighbourhoods are small, and
show local changes.
"""

from __future__ import annotations

import numpy as np

from wis.measure.topology import Topology
from wis.measure.values import Spread

NUM_CUTS = 64


def cut_ratios(before: Topology, kept: np.ndarray, seed: int) -> dict[str, Spread]:
    """Crossing edges after over before, for random halves and for random neighbourhoods.

    Args:
        before: The whole graph.
        kept: bool [m], which of its edges are left.
        seed: Seed of the cuts.
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
    """NaN where no edge crosses."""
    crossing = side[edges[0]] != side[edges[1]]
    total = int(crossing.sum())
    return int((crossing & kept).sum()) / total if total else float("nan")
