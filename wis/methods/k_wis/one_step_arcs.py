"""1-WIS of a directed graph, exact: the arcs that cost nothing, then 1-WIS of reciprocal pairs.

With all self-loops, (A²)_tt = 1 + r_t, where r_t is the number of reciprocal neighbours of t, which
t has arcs to and from. The entry of t in the tuple is v_t = 1 + r_t, or 0 if no arc enters t
(`wis.methods.k_wis.closed_walks`). So the loss of an arc (i, j) takes 1 from v_i and from v_j if
its reverse is there, and all that is left of v_j if it is the last arc into j. There are four
kinds of arcs, each better than the next:

1. neither reciprocal nor last: costs nothing;
2. reciprocal, not last: leaves v_i - 1 and v_j - 1, which are 1 or more; first the larger min(v_i,
   v_j), then the larger max(v_i, v_j), as in Algorithm 2;
3. last, not reciprocal: v_j falls from 1 to 0;
4. both: v_j falls from 2 to 0 and v_i by 1; first the larger v_i.

Within a kind ties go to the smallest edge id. Values and in-degrees only fall, and the loss of an
arc makes no arc better but its reverse, which is no longer reciprocal and is filed anew at once;
others are filed anew when they come up. Arcs of the second kind are grouped by the smaller value
and the end with the larger one, so that the fall of a hub changes one entry, not one for each arc.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from wis.graph import DirectedGraph
from wis.methods.guard import Guard
from wis.methods.k_wis.lazy_greedy import in_batches

Group = tuple[int, int]
"""The smaller value of the ends of an arc, and the end with the larger one."""


def one_step_arcs(
    graph: DirectedGraph, batch_size: int = 1, guard: Guard | None = None
) -> Iterator[list[int]]:
    """The greedy order of 1-WIS, as `wis.methods.k_wis.lazy_greedy.lazy_steps`.

    Cost: O(log m) for each time that an arc is looked at: once where few arcs are reciprocal, else
    at most once for each value that its weaker end has while it comes up. Memory O(n + m).
    """
    arcs = _Arcs(graph)
    for batch in in_batches(arcs.pop, graph.num_edges, batch_size, guard):
        yield batch
        for edge in batch:
            arcs.remove(edge)


class _Arcs:
    """The arcs that are left, by kind, in heaps whose entries are checked when they come up.

    Attributes:
        reverse: For each arc the reverse one, -1 if it is not or no longer there.
        value: v_t of each vertex.
        taken: Whether each arc was popped.
        free: Heap of ids of the first kind; `last` of the third.
        both: Heap of (-v_i, id) of the fourth kind.
        groups: For each group of the second kind a heap of ids.
        tops: Heap of (-smaller value, -larger value, smallest id, end with the larger value).
        top: For each group its entry in `tops` that counts.
    """

    def __init__(self, graph: DirectedGraph) -> None:
        self.ends: list[tuple[int, int]] = list(zip(*graph.edges.cpu().tolist(), strict=True))
        self.reverse: list[int] = graph.edge_ids(graph.edges.flip(0)).tolist()
        self.in_degree: list[int] = graph.in_degree.tolist()
        self.value = [int(degree > 0) for degree in self.in_degree]
        for edge, (_, head) in enumerate(self.ends):
            self.value[head] += self.reverse[edge] >= 0
        self.taken = [False] * len(self.ends)
        self.free: list[int] = []
        self.last: list[int] = []
        self.both: list[tuple[int, int]] = []
        self.groups: dict[Group, list[int]] = {}
        self.tops: list[tuple[int, int, int, int]] = []
        self.top: dict[Group, tuple[int, int, int, int]] = {}
        for edge in range(len(self.ends)):
            self._file(edge)

    def pop(self) -> int:
        """Take the best arc out; the graph is not changed."""
        edge = self._pop_free()
        if edge is None:
            edge = self._pop_reciprocal()
        if edge is None:
            edge = self._pop_last()
        self.taken[edge] = True
        return edge

    def remove(self, edge: int) -> None:
        """Take the arc from the graph; its reverse is no longer reciprocal."""
        i, j = self.ends[edge]
        reverse = self.reverse[edge]
        if reverse >= 0:
            self.value[i] -= 1
            self.value[j] -= 1
            self.reverse[reverse] = -1
        self.in_degree[j] -= 1
        if not self.in_degree[j]:
            self.value[j] = 0
        if reverse >= 0 and not self.taken[reverse]:
            self._file(reverse)

    def _file(self, edge: int) -> None:
        """Put an arc into the heap of its present kind."""
        i, j = self.ends[edge]
        is_last = self.in_degree[j] == 1
        if self.reverse[edge] < 0:
            heappush(self.last if is_last else self.free, edge)
        elif is_last:
            heappush(self.both, (-self.value[i], edge))
        else:
            strong, weak = (i, j) if self.value[i] >= self.value[j] else (j, i)
            group = (self.value[weak], strong)
            heappush(self.groups.setdefault(group, []), edge)
            self._announce(group)

    def _announce(self, group: Group) -> None:
        """Enter a group into `tops` with its smallest id and present value."""
        smaller, strong = group
        entry = (-smaller, -self.value[strong], self.groups[group][0], strong)
        if self.top.get(group) != entry:
            self.top[group] = entry
            heappush(self.tops, entry)

    def _pop_free(self) -> int | None:
        while self.free:
            edge = heappop(self.free)
            if self.in_degree[self.ends[edge][1]] > 1:
                return edge
            heappush(self.last, edge)
        return None

    def _pop_reciprocal(self) -> int | None:
        while self.tops:
            entry = self.tops[0]
            group = (-entry[0], entry[3])
            if self.top.get(group) != entry:
                heappop(self.tops)
                continue
            edge = entry[2]
            if self.value[group[1]] == -entry[1] and self._belongs(edge, group):
                self._drop_first(group)
                return edge
            self._drop_first(group)
            if not self.taken[edge] and self.reverse[edge] >= 0:
                self._file(edge)
        return None

    def _belongs(self, edge: int, group: Group) -> bool:
        """Whether an arc is reciprocal, not last, and has the smaller value at its other end."""
        i, j = self.ends[edge]
        if self.taken[edge] or self.reverse[edge] < 0 or self.in_degree[j] == 1:
            return False
        smaller, strong = group
        weak = j if strong == i else i
        return self.value[weak] == smaller <= self.value[strong]

    def _drop_first(self, group: Group) -> None:
        """Remove the smallest id of a group."""
        heappop(self.groups[group])
        heappop(self.tops)
        del self.top[group]
        if self.groups[group]:
            self._announce(group)
        else:
            del self.groups[group]

    def _pop_last(self) -> int:
        if self.last:
            return heappop(self.last)
        while True:
            key, edge = heappop(self.both)
            if self.taken[edge] or self.reverse[edge] < 0:
                continue
            if -self.value[self.ends[edge][0]] == key:
                return edge
            self._file(edge)
