"""Solvers for Laplacians of graphs, which `wis.graph.resistance` uses.

The edge of a vertex of degree 1 is a bridge, so its resistance is known, and the vertex changes no
other resistance. Such vertices are removed until none is left. This step is exact, halves the size
of sparse graphs, and removes the long tails on which solvers are slow.

This module has its own conjugate gradients, for two reasons. Many right-hand sides share each
product with the matrix. scipy's inner products use a threaded BLAS, whose last digits depend on the
number of threads; the results here do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from wis.errors import MissingDependencyError, NumericalError
from wis.graph import UndirectedGraph

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Preconditioner = Callable[[Floats], Floats]

ENTRIES_AT_A_TIME = 1 << 22
"""Entries of dense matrices that are inverted at once: 32 MiB."""
MAX_ITERATIONS = 3000
"""Conjugate gradients stop with an error here; long and thin graphs need another solver."""


@dataclass(frozen=True)
class Core:
    """A graph without its pendant trees, sorted by components of ascending size.

    Attributes:
        edge_ids: int64 [k]: the remaining edges, by component.
        ends: int64 [2, k]: their ends, vertices renumbered by component.
        first_vertex: int64 [components + 1]: where the vertices of each component begin.
        first_edge: int64 [components + 1]: where the edges of each component begin.
    """

    edge_ids: Ints
    ends: Ints
    first_vertex: Ints
    first_edge: Ints

    @classmethod
    def of(cls, graph: UndirectedGraph) -> Core:
        """Remove the pendant trees and sort. Costs O(n + m log m)."""
        edges = graph.edges.cpu().numpy()
        edge_ids = np.flatnonzero(~on_pendant_trees(edges, graph.num_nodes))
        vertices, ends = np.unique(edges[:, edge_ids], return_inverse=True)
        ends = ends.reshape(2, -1)
        there = (np.ones(edge_ids.size, dtype=np.int8), (ends[0], ends[1]))
        adjacency = sparse.csr_array(there, shape=(vertices.size, vertices.size))
        number, component = connected_components(adjacency, directed=False)
        size = np.bincount(component, minlength=number)
        by_size = np.argsort(size, kind="stable")
        place = np.empty(number, dtype=np.int64)
        place[by_size] = np.arange(number)
        component = place[component]
        renumbered = np.empty(vertices.size, dtype=np.int64)
        renumbered[np.argsort(component, kind="stable")] = np.arange(vertices.size)
        of_edge = component[ends[0]]
        by_component = np.argsort(of_edge, kind="stable")
        return cls(
            edge_ids[by_component],
            renumbered[ends[:, by_component]],
            _starts(size[by_size]),
            _starts(np.bincount(of_edge, minlength=number)),
        )

    @property
    def sizes(self) -> Ints:
        """Number of vertices of each component, ascending; 3 or more."""
        return np.diff(self.first_vertex)

    def part(self, first: int, stop: int) -> tuple[slice, Ints]:
        """Components `first` to `stop` - 1: the slice of their edges, and the ends, from 0."""
        edges = slice(int(self.first_edge[first]), int(self.first_edge[stop]))
        return edges, self.ends[:, edges] - self.first_vertex[first]


def _starts(sizes: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def on_pendant_trees(edges: Ints, num_nodes: int) -> Bools:
    """Mark the edges that repeated removal of vertices of degree 1 removes, bool [m]; O(n + m)."""
    pendant = np.zeros(edges.shape[1], dtype=np.bool_)
    degree = np.bincount(edges.reshape(-1), minlength=num_nodes)
    rest = np.zeros(num_nodes, dtype=np.int64)  # xor of the ids of the remaining edges
    ids = np.arange(edges.shape[1])
    for end in edges:
        np.bitwise_xor.at(rest, end, ids)
    leaves = np.flatnonzero(degree == 1).tolist()
    left, last, across = degree.tolist(), rest.tolist(), (edges[0] ^ edges[1]).tolist()
    for leaf in leaves:  # grows in the loop
        if left[leaf] != 1:
            continue
        edge = last[leaf]
        pendant[edge] = True
        other = across[edge] ^ leaf
        left[leaf] = 0
        left[other] -= 1
        last[other] ^= edge
        if left[other] == 1:
            leaves.append(other)
    return pendant


def dense_resistances(core: Core, first: int, stop: int, weight: Floats) -> Floats:
    """Effective resistances of the edges of some components of equal size, by dense inverses.

    Let X be the inverse of the Laplacian without the row and column of one vertex. Then the
    resistance of an edge (u, v) is X_uu + X_vv - 2 X_uv.

    Args:
        core: The graph.
        first: The first of the components.
        stop: The component after the last.
        weight: float64: conductances of the edges of these components.

    Returns:
        float64, one for each of these edges. Costs O(c³) time and 32 c² bytes for each component of
        c vertices.

    Raises:
        NumericalError: A matrix is singular in floats.
    """
    size, number = int(core.sizes[first]), stop - first
    _, ends = core.part(first, stop)
    component, (u, v) = ends[0] // size, ends % size
    laplacian = np.zeros((number, size, size))
    for a, b in ((u, v), (v, u)):
        laplacian[component, a, b] = -weight
    diagonal = np.arange(size)
    laplacian[:, diagonal, diagonal] = -laplacian.sum(axis=2)
    inverse = np.zeros((number, size, size))
    try:
        inverse[:, 1:, 1:] = np.linalg.inv(laplacian[:, 1:, 1:])
    except np.linalg.LinAlgError:
        raise NumericalError(
            f"the Laplacian of a component of {size} vertices has no inverse in floats; the "
            f"weights differ too much in size"
        ) from None
    at_ends = inverse[component, u, u] + inverse[component, v, v]
    resistances: Floats = at_ends - inverse[component, u, v] - inverse[component, v, u]
    return resistances


def batches_of_equal_size(sizes: Ints, limit: int) -> Iterator[tuple[int, int]]:
    """Ranges of components of equal size, at most `limit` vertices, of bounded memory."""
    first, stop = 0, int(np.searchsorted(sizes, limit, side="right"))
    while first < stop:
        size = int(sizes[first])
        same = int(np.searchsorted(sizes, size, side="right"))
        last = min(same, first + max(1, ENTRIES_AT_A_TIME // size**2))
        yield first, last
        first = last


@dataclass(frozen=True)
class Laplacian:
    """The sparse Laplacian D - A of a graph without isolated vertices.

    Attributes:
        ends: int64 [2, k]: its edges.
        weight: float64 [k]: their conductances.
        first_vertex: int64 [components + 1]: where the vertices of each component begin.
        degree: float64 [n]: the diagonal of D.
        adjacency: A, sparse [n, n].
        matrix: D - A, sparse [n, n].
    """

    ends: Ints
    weight: Floats
    first_vertex: Ints
    degree: Floats
    adjacency: Any
    matrix: Any

    @classmethod
    def of(cls, ends: Ints, weight: Floats, first_vertex: Ints) -> Laplacian:
        """Build the matrices."""
        num_nodes = int(first_vertex[-1])
        both = np.concatenate([ends, ends[::-1]], axis=1).astype(index_dtype(ends.size))
        there = (np.concatenate([weight, weight]), (both[0], both[1]))
        adjacency = sparse.csr_array(there, shape=(num_nodes, num_nodes))
        degree = np.bincount(both[0], there[0], num_nodes).astype(np.float64, copy=False)
        matrix = (sparse.diags_array(degree) - adjacency).tocsr()
        return cls(ends, weight, first_vertex, degree, adjacency, matrix)

    def jacobi(self, residual: Floats) -> Floats:
        """Preconditioner: the inverse of the diagonal."""
        preconditioned: Floats = residual / self.degree[:, None]
        return preconditioned

    def multigrid(self) -> Preconditioner:
        """Preconditioner: a cycle of PyAMG's multigrid (Ruge and Stüben) for each column.

        A cycle drifts along the constant vectors, the null space of the matrix, so means are
        subtracted. Solves need few iterations on grids and other long and thin graphs. Set-up is
        slow on graphs with heavy-tailed degrees.

        Raises:
            MissingDependencyError: PyAMG is not installed.
        """
        try:
            from pyamg import ruge_stuben_solver
        except ImportError:
            raise MissingDependencyError.of("the solver 'pyamg' needs PyAMG", "spectral") from None
        matrix = sparse.csr_matrix(self.matrix)
        cycle = ruge_stuben_solver(matrix, coarse_solver="pinv").aspreconditioner(cycle="V")

        size = np.diff(self.first_vertex)

        def apply(residual: Floats) -> Floats:
            result = np.stack([cycle.matvec(column) for column in residual.T.copy()], axis=1)
            mean = np.add.reduceat(result, self.first_vertex[:-1]) / size[:, None]
            centred: Floats = result - np.repeat(mean, size, axis=0)
            return centred

        return apply

    def solve(self, right: Floats, precondition: Preconditioner, tolerance: float) -> Floats:
        """Conjugate gradients for several right-hand sides at once.

        Args:
            right: float64 [n, b], each column summing to 0 over each component.
            precondition: A symmetric positive definite map of residuals [n, b].
            tolerance: Largest ratio of the final to the first residual of each column, in the norm
                of the preconditioner.

        Returns:
            float64 [n, b], up to a constant on each component.

        Raises:
            NumericalError: `MAX_ITERATIONS` iterations did not reach the tolerance.
        """
        solution = np.zeros_like(right)
        residual = right.copy()
        direction = preconditioned = precondition(residual)
        size = _inner(residual, preconditioned)
        goal = tolerance**2 * size
        for _ in range(MAX_ITERATIONS):
            if (size <= goal).all():
                return solution
            image = self.matrix @ direction
            step = _ratio(size, _inner(direction, image))
            solution += step * direction
            residual -= step * image
            preconditioned = precondition(residual)
            before, size = size, _inner(residual, preconditioned)
            direction = preconditioned + _ratio(size, before) * direction
        worst = float(np.sqrt(_ratio(size, goal / tolerance**2).max()))
        raise NumericalError(
            f"conjugate gradients reduced the residual to {worst:.1g} of its start in "
            f"{MAX_ITERATIONS} iterations, not to tolerance={tolerance:g}: the graph is long and "
            f"thin; use solver='exact' or solver='pyamg', or a larger tolerance"
        )


def index_dtype(num_entries: int) -> type[np.signedinteger[Any]]:
    """Type of the indices of a sparse matrix: int32 is faster, and PyAMG needs it."""
    return np.int32 if num_entries < 2**31 else np.int64


def _inner(a: Floats, b: Floats) -> Floats:
    """Inner products of columns, summed in one fixed order."""
    products: Floats = np.einsum("ij,ij->j", a, b)
    return products


def _ratio(a: Floats, b: Floats) -> Floats:
    """The ratio a / b; 0 where b is 0, which happens once a column is solved exactly."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)
