"""The certificate of General WIS: recompute the tuples of Algorithm 3 by plain matrix products.

For each step that is checked, and each edge that is left there, the edge is taken out of a sparse
matrix, its boundaries are looked up and the walks counted by products with the matrix alone. The
edge that went must have a tuple that is a maximum. No count is kept from one edge or step to the
next. Where checking all steps would take more than `MAX_CANDIDATES` tuples or `MAX_WORK` additions,
a seeded sample of steps is checked, the first one always among them: that one alone takes a tuple
for each edge of the graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.errors import NotGreedyError, OptionError
from wis.graph import CanonicalGraph
from wis.partitions import Partitions, resolve_partitions
from wis.progress import Progress, silent

MAX_CANDIDATES = 40_000
MAX_WORK = 4 * 10**10
MAX_DENSE = 1000
SAFE = 2.0**62


def check_general_order(
    graph: CanonicalGraph,
    edge_ids: Tensor,
    *,
    progress: Progress = silent,
    seed: int = 0,
    walk_length: int = 1,
    partitions: Any = "singletons",
    argmax: Any = "lexicographic",
    **options: object,
) -> int:
    """Check that an order, or the beginning of one, is greedy at every step or at a sample of them.

    Args:
        graph: The graph.
        edge_ids: int64 tensor of shape [count], distinct edge ids, first removed first.
        progress: Told the number of steps up to the last one checked.
        seed: Seed of the sample.
        walk_length: L - 1.
        partitions: As in `wis.methods.general.general_order`.
        argmax: As there; every maximum is accepted, whatever way ties are broken.
        **options: Other options of the order; how it was computed does not matter.

    Returns:
        Number of steps that were checked.

    Raises:
        NotGreedyError: Some step is not greedy; it names the first one among those checked.
        OptionError: Walk counts may pass 2^62 and the graph has more than 1000 vertices.

    Cost: for each step checked and each edge left at it, p sparse products with a column for each
    different target.
    """
    chosen = resolve_partitions(partitions, graph, seed=seed)
    tuples = _Tuples(graph, chosen, walk_length)
    ids = edge_ids.cpu().numpy()
    most = min(MAX_CANDIDATES, MAX_WORK // tuples.work)
    steps = _steps(graph.num_edges, ids.size, most, seed)
    for step in steps.tolist():
        left = np.setdiff1d(np.arange(graph.num_edges), ids[:step])
        after = tuples.after_removal_of_each(left)
        best = _maxima(after, argmax)
        if ids[step] not in left[best]:
            raise _error(graph, ids, step, int(left[best[0]]))
        progress(step + 1)
    return int(steps.size)


def _steps(num_edges: int, count: int, most: int, seed: int) -> NDArray[np.int64]:
    """The steps to check, ascending: all, or at least one and as many as take `most` tuples."""
    candidates = num_edges - np.arange(count)
    if candidates.sum() <= most:
        return np.arange(count)
    drawn = np.random.default_rng(seed).permutation(np.arange(1, count))
    drawn = np.concatenate([[0], drawn])
    affordable = np.cumsum(candidates[drawn]) <= most
    return np.sort(drawn[: max(int(affordable.sum()), 1)])


class _Tuples:
    """The tuples s^(e) of Algorithm 3."""

    def __init__(self, graph: CanonicalGraph, partitions: Partitions, walk_length: int) -> None:
        self.num_nodes, self.walk_length = graph.num_nodes, walk_length
        self.directed = graph.directed
        self.edges = graph.edges.cpu().numpy()
        self.inside = partitions.membership(graph.num_nodes)
        different = list(dict.fromkeys(partitions.targets))
        self.column = [different.index(target) for target in partitions.targets]
        self.ends = np.zeros((graph.num_nodes, len(different)), dtype=np.int64)
        for k, target in enumerate(different):
            self.ends[slice(None) if target is None else target, k] = 1
        self.inside_as_numbers = self.inside.astype(np.int64)
        if not self._fits():
            self.ends = self.ends.astype(object)

    @property
    def work(self) -> int:
        """Additions that a tuple takes, about."""
        size = self.num_nodes + 2 * self.edges.shape[1]
        return int(1 + size * (1 + len(self.column) + self.walk_length * self.ends.shape[1]))

    def after_removal_of_each(self, left: NDArray[np.int64]) -> Any:
        """A row for each of the edges that are left: the walk indices without it."""
        matrix = self._matrix(left)
        rows = np.empty((left.size, len(self.column)), dtype=self.ends.dtype)
        for k, (u, v) in enumerate(self.edges[:, left].T.tolist()):
            self._put(matrix, u, v, 0)
            rows[k] = self._walk_indices(matrix)
            self._put(matrix, u, v, 1)
        return rows

    def _put(self, matrix: Any, u: int, v: int, value: int) -> None:
        matrix[u, v] = value
        if not self.directed:
            matrix[v, u] = value

    def _walk_indices(self, matrix: Any) -> Any:
        entering = matrix.T if self.directed else matrix
        num_inside = entering @ self.inside_as_numbers
        degree = entering @ np.ones((self.num_nodes, 1), dtype=np.int64)
        boundary = np.where(self.inside, num_inside < degree, num_inside > 0)
        walks = self.ends
        for _ in range(self.walk_length):
            walks = matrix @ walks
        return np.where(boundary, walks[:, self.column], 0).sum(axis=0)

    def _matrix(self, edges: NDArray[np.int64]) -> Any:
        """A with its self-loops; dense, of Python's integers, where int64 might not do."""
        from scipy.sparse import csr_array

        (u, v), every = self.edges[:, edges], np.arange(self.num_nodes)
        place = np.concatenate([u, v, every]), np.concatenate([v, u, every])
        if self.directed:
            place = np.concatenate([u, every]), np.concatenate([v, every])
        ones = np.ones(place[0].size, dtype=np.int64)
        sparse = csr_array((ones, place), shape=(self.num_nodes, self.num_nodes))
        return sparse if self.ends.dtype == np.int64 else sparse.toarray().astype(object)

    def _fits(self) -> bool:
        """Whether the sum of all walk indices stays below 2^62, as it then does in every step."""
        walks = np.ones(self.num_nodes)
        matrix = self._matrix(np.arange(self.edges.shape[1])).astype(np.float64)
        with np.errstate(over="ignore"):
            for _ in range(self.walk_length):
                walks = matrix @ walks
        if walks.sum() * max(len(self.column), 1) < SAFE:
            return True
        if self.num_nodes > MAX_DENSE:
            raise OptionError(
                f"walks of length {self.walk_length} may be more than 2^62; the certificate counts "
                f"that far only on graphs of at most {MAX_DENSE} vertices"
            )
        return False


def _maxima(tuples: Any, argmax: Any) -> NDArray[np.int64]:
    """Rows of the greatest tuples."""
    if not isinstance(argmax, str):
        listed = np.asarray(argmax(tuples)).tolist()
    elif argmax == "lexicographic":
        listed = [sorted(row) for row in tuples.tolist()]
    else:
        pick: Any = {"min": min, "max": max, "sum": sum}[argmax]
        listed = [pick(row) if row else 0 for row in tuples.tolist()]
    best = max(listed)
    return np.array([k for k, key in enumerate(listed) if key == best])


def _error(graph: CanonicalGraph, ids: NDArray[np.int64], step: int, better: int) -> NotGreedyError:
    gone, best = (tuple(graph.edges[:, edge].tolist()) for edge in (int(ids[step]), better))
    return NotGreedyError(
        f"step {step + 1} of {ids.size} removes {graph.noun} {gone}, although the removal of "
        f"{graph.noun} {best} leaves greater walk indices",
        step=step,
        edge=gone,
    )
