"""Graphs, and what is computed from their edges alone.

- `wis.graph.canonical`: `UndirectedGraph` and `DirectedGraph`, the edges in canonical order;
- `wis.graph.cut`, `wis.graph.edge_types`, `wis.graph.edge_weights`: a PyG object with fewer edges;
- `wis.graph.walks`, `wis.graph.triangles`: counts of walks, common neighbours;
- `wis.graph.laplacian`, `wis.graph.resistance`: effective resistances;
- `wis.graph.partitions`: whose walk indices count.
"""

from __future__ import annotations

from wis.graph.canonical import (
    MAX_NUM_NODES,
    CanonicalGraph,
    DirectedGraph,
    UndirectedGraph,
    canonical_graph,
    edge_stores,
)

__all__ = [
    "MAX_NUM_NODES",
    "CanonicalGraph",
    "DirectedGraph",
    "UndirectedGraph",
    "canonical_graph",
    "edge_stores",
]
