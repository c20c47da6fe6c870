"""1-WIS of a directed graph: what the loss of an arc does to the closed walks of length 2.

With all self-loops, (A²)_tt = 1 + r_t, where r_t is the number of reciprocal neighbours of t, which
t has arcs to and from; the entry of t in the tuple is that, or 0 if no arc enters t
(`wis.methods.closed_arc_walks`). So the loss of an arc (i, j) takes 1 from i and from j if its
reverse is there, and all that j has if it is the last arc into j; an arc that is neither costs
nothing and goes first.

The loss of an arc makes no arc better but its reverse: closed walks of length 2 run through an arc
and its reverse alone.
"""

from __future__ import annotations

import numpy as np

from wis.graph import DirectedGraph
from wis.methods.signatures import Scale, Signature


class ReciprocalChanges:
    """`wis.methods.lazy_greedy.EdgeChanges` for directed graphs and walks of length 1.

    Args:
        graph: The graph; its arcs go, the object does not change.

    Cost: one look-up of the reverse of each arc to begin with, then O(1) for each question. Memory
    O(n + m).
    """

    def __init__(self, graph: DirectedGraph) -> None:
        arcs = graph.edges.cpu()
        self.ends: list[tuple[int, int]] = list(zip(*arcs.tolist(), strict=True))
        reverse = graph.edge_ids(graph.edges.flip(0)).cpu()
        self.reverse: list[int] = reverse.tolist()
        self.in_degree: list[int] = graph.in_degree.tolist()
        reciprocal = np.bincount(arcs[1, reverse >= 0].numpy(), minlength=graph.num_nodes)
        entered = graph.in_degree.cpu().numpy() > 0
        value = np.where(entered, 1 + reciprocal, 0)
        self.value: list[int] = value.tolist()
        self.scale = Scale.for_values(int(value.max(initial=0)), graph.num_nodes)

    def is_short(self, edge: int) -> bool:
        """Two vertices at most change."""
        return True

    def smallest(self, edge: int) -> int:
        """The smallest value that the loss of the arc would create; of none, one above all."""
        return min(self._changes(edge)[1], default=self.scale.above)

    def signature(self, edge: int, limit: int) -> Signature:
        """The signature of the arc, codes of values below `limit` only."""
        vertices, new = self._changes(edge)
        return self.scale.signature(new, [self.value[v] for v in vertices], limit)

    def _changes(self, edge: int) -> tuple[list[int], list[int]]:
        """Vertices whose value changes, and the new values."""
        i, j = self.ends[edge]
        value = self.value
        if self.reverse[edge] >= 0:
            return [i, j], [value[i] - 1, value[j] - 1 if self.in_degree[j] > 1 else 0]
        return ([j], [0]) if self.in_degree[j] == 1 else ([], [])

    def remove(self, edge: int) -> list[tuple[int, int]]:
        """Remove the arc; its reverse may have become better."""
        for vertex, new in zip(*self._changes(edge), strict=True):
            self.value[vertex] = new
        self.in_degree[self.ends[edge][1]] -= 1
        reverse = self.reverse[edge]
        if reverse < 0:
            return []
        self.reverse[reverse] = -1
        return [(reverse, 0)]
