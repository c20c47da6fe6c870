"""The certificate of General WIS: recompute the tuples of Algorithm 3 by plain matrix products.

For each step that is checked, the walks that do without each edge that is left are counted by
products with the adjacency matrix A alone: with B = A without the edge, B y is A y but for the
entries at the ends of the edge. The tuple of the edge that went must be a maximum. Where all steps
would take more than `MAX_CANDIDATES` tuples or `MAX_WORK` additions, a seeded sample of steps is
checked. The first step, which takes a tuple for each edge of the graph, is always part of it.

If all steps of such an order are asked for, the losses of edges far from the one that goes are kept
from one step to the next. A walk of length p that takes both edges, or that starts at an end of one
and takes the other, leaves at most p - 1 steps between them: only edges with an end so near are
looked at again. Batches are judged as in `wis.methods.k_wis.certificate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.base.checks import check_walk_length, checked_integer
from wis.base.progress import Progress, silent
from wis.errors import OptionError
from wis.graph import CanonicalGraph
from wis.graph.partitions import Partitions, resolve_partitions
from wis.methods.certificates import Checked, Fault, StepChoice, check_steps, fault_of
from wis.methods.k_wis.certificate_walks import SAFE, most_walks, with_self_loops

Ints = NDArray[np.int64]
MAX_CANDIDATES = 40_000
"""Most tuples that a check without options computes."""
MAX_WORK = 4 * 10**10
"""Most additions of such a check."""
MAX_DENSE = 1000
"""Vertices up to which a dense matrix of Python's integers is affordable."""
CELLS_AT_A_TIME = 1 << 22
"""Entries of the walks of some edges at a time: 32 MiB."""


def check_general_order(
    graph: CanonicalGraph,
    edge_ids: Tensor,
    *,
    progress: Progress = silent,
    seed: int = 0,
    choice: StepChoice | None = None,
    walk_length: int = 1,
    partitions: Any = "singletons",
    argmax: Any = "lexicographic",
    batch_size: int = 1,
    last: Ints | None = None,
    **options: object,
) -> Checked:
    """Check that an order, or the beginning of one, is greedy at every step or at a sample of them.

    Arguments are those of `wis.methods.k_wis.certificate.check_order`, and the `partitions` and
    `argmax` of `wis.methods.general.general_order`; every maximum is accepted, however ties are
    broken. If `choice` leaves it open, all steps are checked or as many as are affordable.

    Returns:
        How many steps were checked, by which rule.

    Raises:
        NotGreedyError: At the first of the steps checked that is not greedy.
        OptionError: Walk counts may pass 2^62 and the graph has more than 1000 vertices.

    Cost: for each step checked and each edge left at it, p sparse products with a column for each
    different target.
    """
    checked_integer("batch_size", batch_size, 1)
    check_walk_length(walk_length, least=0)
    chosen = resolve_partitions(partitions, graph, seed=seed)
    counts, count = Tuples(graph, chosen, walk_length, argmax), edge_ids.numel()
    choice = choice or StepChoice(seed=seed)
    most = min(MAX_CANDIDATES, MAX_WORK // counts.work)
    affordable = _steps(graph.num_edges, count, most, choice.seed)
    steps = affordable if choice.is_default else choice.of(count)

    def fault_at(
        left: Ints, open_: Ints, batch: list[int], place: int, looked_at: Progress
    ) -> Fault | None:
        counts.start_at(left, looked_at).close(np.setdiff1d(left, open_))
        return counts.fault_in(batch, places=[place])

    every_step = steps.size == count > affordable.size
    return check_steps(
        graph,
        edge_ids,
        steps,
        batch_size=batch_size,
        fault_at=fault_at,
        replay=(lambda: counts.start_at(np.arange(graph.num_edges), lambda _: progress(0)))
        if every_step
        else None,
        why="whose loss leaves greater walk indices",
        progress=progress,
        last=last,
    )


def _steps(num_edges: int, count: int, most: int, seed: int) -> NDArray[np.int64]:
    """The steps to check, ascending: all, or at least one and as many as take `most` tuples."""
    candidates = num_edges - np.arange(count)
    if candidates.sum() <= most:
        return np.arange(count)
    drawn = np.random.default_rng(seed).permutation(np.arange(1, count))
    drawn = np.concatenate([[0], drawn])
    affordable = np.cumsum(candidates[drawn]) <= most
    return np.sort(drawn[: max(int(affordable.sum()), 1)])


class Tuples:
    """The walk indices of a graph, and by how much each edge lowers them, as edges go.

    Attributes:
        left: bool [m], whether the edge is left.
        closed: bool [m], whether the edge is out of the choice and stays.
        index: [K], the walk indices of the graph that is left.
        loss: [m, K], by how much the loss of each edge would lower them; stale for edges gone.
    """

    def __init__(
        self, graph: CanonicalGraph, partitions: Partitions, walk_length: int, argmax: Any
    ) -> None:
        self.num_nodes, self.num_edges = graph.num_nodes, graph.num_edges
        self.walk_length, self.argmax = walk_length, argmax
        self.directed = graph.directed
        self.edges = graph.edges.cpu().numpy()
        self.inside = partitions.membership(graph.num_nodes)
        different = list(dict.fromkeys(partitions.targets))
        self.column = [different.index(target) for target in partitions.targets]
        self.ends = np.zeros((graph.num_nodes, len(different)), dtype=np.int64)
        for k, target in enumerate(different):
            self.ends[slice(None) if target is None else target, k] = 1
        self.inside_as_numbers = self.inside.astype(np.int64)
        # the sum of all walk indices only falls
        walks = most_walks(self.edges, self.num_nodes, walk_length, directed=self.directed)
        if walks.sum() * max(len(self.column), 1) >= SAFE:
            if self.num_nodes > MAX_DENSE:
                raise OptionError(
                    f"walks of length {walk_length} may be more than 2^62; the certificate counts "
                    f"that far only on graphs of at most {MAX_DENSE} vertices"
                )
            self.ends = self.ends.astype(object)

    @property
    def work(self) -> int:
        """About the number of additions that a tuple takes."""
        size = self.num_nodes + 2 * self.edges.shape[1]
        return int(1 + size * (1 + len(self.column) + self.walk_length * self.ends.shape[1]))

    def start_at(self, left: Ints, looked_at: Progress = silent) -> Tuples:
        """Compute all tuples for the graph with these edges."""
        self.left = np.zeros(self.num_edges, dtype=bool)
        self.left[left] = True
        self.closed = np.zeros(self.num_edges, dtype=bool)
        self.loss = np.zeros((self.num_edges, len(self.column)), dtype=self.ends.dtype)
        self._look_at(left, looked_at)
        return self

    def fault_in(
        self,
        batch: list[int],
        before: Callable[[int], None] = lambda place: None,
        places: Iterable[int] | None = None,
    ) -> Fault | None:
        """The first wrong place of a batch, or of some places, by the graph at its beginning."""
        keys = self._keys()
        for at in range(len(batch)) if places is None else places:
            before(at)
            open_ = ((edge, key) for edge, key in keys.items() if not self.closed[edge])
            fault = fault_of(open_, keys[batch[at]], batch, at)
            if fault is not None:
                return fault
        return None

    def remove(self, batch: list[int]) -> None:
        """Take edges away and look again at those nearby."""
        near = self._near(batch)
        self.left[batch] = False
        self._look_at(np.flatnonzero(near & self.left))

    def close(self, edges: Ints) -> None:
        """Leave edges out of the choice that stay."""
        self.closed[edges] = True

    def _keys(self) -> dict[int, Any]:
        """For each edge in the choice the key of its tuple; a smaller one is better."""
        left = np.flatnonzero(self.left & ~self.closed)
        tuples = self.index - self.loss[left]
        keys: Any
        argmax = self.argmax
        if not isinstance(argmax, str):
            listed = np.asarray(argmax(tuples)).tolist()
            keys = (tuple(-x for x in key) if isinstance(key, list) else -key for key in listed)
        elif argmax == "lexicographic":
            keys = (tuple(-x for x in sorted(row)) for row in tuples.tolist())
        else:
            pick: Any = {"min": min, "max": max, "sum": sum}[argmax]
            keys = (-pick(row) if row else 0 for row in tuples.tolist())
        return dict(zip(left.tolist(), keys, strict=True))

    def _near(self, batch: list[int]) -> NDArray[np.bool_]:
        """Edges with an end at most p - 1 steps away from an edge of the batch."""
        inside = np.zeros(self.num_nodes, dtype=bool)
        inside[self.edges[:, batch]] = True
        u, v = self.edges[:, self.left]
        for _ in range(self.walk_length - 1):
            step = inside[u] | inside[v]
            inside[u[step]] = inside[v[step]] = True
        return np.asarray(inside[self.edges].any(axis=0))

    def _look_at(self, ids: Ints, looked_at: Progress = silent) -> None:
        """Count walk indices for the graph that is left, and without each of some edges."""
        matrix = self._matrix(np.flatnonzero(self.left))
        self.index = self._walk_indices(matrix)
        at_once = max(CELLS_AT_A_TIME // max(self.ends.size, 1), 1)
        for start in range(0, ids.size, at_once):
            some = ids[start : start + at_once]
            self.loss[some] = self.index - self._without_each(matrix, some)
            looked_at(min(start + some.size, ids.size))

    def _without_each(self, matrix: Any, ids: Ints) -> Any:
        """Walk indices without each edge, [len(ids), K]."""
        (u, v), each = self.edges[:, ids], np.arange(ids.size)
        n, num_ends = self.ends.shape
        # walks of B = A without the edge, which may not be stepped along
        walks = np.repeat(self.ends[:, :, None], ids.size, axis=2)  # [n, T, edges], y = b
        for _ in range(self.walk_length):
            onward = (matrix @ walks.reshape(n, -1)).reshape(n, num_ends, ids.size)
            onward[u, :, each] -= walks[v, :, each]  # (A y)_u without the step from u to v
            if not self.directed:
                onward[v, :, each] -= walks[u, :, each]
            walks = onward
        # from the boundaries with the edge, less those of its ends that only the edge has there
        num_inside, degree, boundary = self._boundaries(matrix)
        found = np.zeros((ids.size, len(self.column)), dtype=walks.dtype)
        for k, column in enumerate(self.column):
            found[:, k] = walks[boundary[:, k], column].sum(axis=0)
        for end, other in ((v, u),) if self.directed else ((v, u), (u, v)):
            inside = self.inside[end]
            entering = num_inside[end] - self.inside[other]  # the edge enters no more
            stays = np.where(inside, entering < degree[end] - 1, entering > 0)
            leaves = boundary[end] & ~stays
            found -= np.where(leaves, walks[end, :, each][:, self.column], 0)
        return found

    def _boundaries(self, matrix: Any) -> tuple[Any, Any, Any]:
        """Arcs into each vertex from inside, [n, K], and in all, [n, 1]; C_I, bool [n, K]."""
        entering = matrix.T if self.directed else matrix
        num_inside = entering @ self.inside_as_numbers
        degree = entering @ np.ones((self.num_nodes, 1), dtype=np.int64)
        return num_inside, degree, np.where(self.inside, num_inside < degree, num_inside > 0)

    def _walk_indices(self, matrix: Any) -> Any:
        """Walk indices of the graph with this adjacency matrix, [K]."""
        walks = self.ends
        for _ in range(self.walk_length):
            walks = matrix @ walks
        boundary = self._boundaries(matrix)[2]
        return np.where(boundary, walks[:, self.column], 0).sum(axis=0)

    def _matrix(self, edges: NDArray[np.int64]) -> Any:
        """A with its self-loops; dense, of Python's integers, where int64 might not do."""
        u, v = self.edges[:, edges]
        sparse = with_self_loops(u, v, self.num_nodes, directed=self.directed)
        return sparse if self.ends.dtype == np.int64 else sparse.toarray().astype(object)
