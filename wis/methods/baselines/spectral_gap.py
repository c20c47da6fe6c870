"""The method ``proxy-delete``: delete the edges whose loss widens the spectral gap most, greedily.

The spectral gap λ of a connected graph is the least positive eigenvalue of its normalised Laplacian
I - D^(-1/2) A D^(-1/2). As in the authors' program, A has a self-loop at every vertex, so D holds
the degrees plus 1. With f = D^(-1/2) v for the unit eigenvector v, the loss of {u, v} changes λ to
first order by

    λ (f_u² + f_v²) - (f_u - f_v)²,

which replaces the gap itself. Each round deletes the edges of the largest change, and computes λ
and f anew. Edges whose loss would disconnect a component are passed over, as published.

Details that the source leaves open, and choices that a removal order requires:

- the authors take the largest component. Here the sum of the gaps of all components is widened: an
  edge counts by the gap of its own component;
- where λ is a multiple eigenvalue, f is any vector of a space, and the least eigenvalue of the
  change on that space counts; for a single one that is the formula above. It is the same for every
  basis. Eigenvalues that differ by less than 1e-8 are one. A sparse solver can miss a copy;
- edges whose changes differ by less than 1e-9 of the largest one are ties, in random order;
- when each component is a tree, all further deletions would close a gap. These edges go last, in
  random order.

Source: A. Jamadandi, C. Rubio-Madrigal, R. Burkholz, "Spectral Graph Pruning Against Over-Squashing
and Over-Smoothing", NeurIPS 2024, arXiv:2404.04612, ProxyDelete.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor

from wis.base.checks import checked_integer
from wis.base.progress import Progress
from wis.errors import NumericalError
from wis.graph import UndirectedGraph
from wis.methods.baselines.ranking import Floats, Ints, tie_classes, tie_ranks
from wis.methods.registry import register

DENSE_UP_TO = 100
"""Vertices of a component up to which a dense solver is faster."""
EQUAL = 1e-8
"""Distance of eigenvalues up to which they are one."""


def _resolve(graph: UndirectedGraph, options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "batch_size": checked_integer("batch_size", options["batch_size"], 1)}


@register(
    "proxy-delete",
    summary="edges whose loss widens the spectral gap most, to first order, all kept connected "
    "(ProxyDelete)",
    uses_seed=True,
    resolve=_resolve,
)
def proxy_delete_order(
    graph: UndirectedGraph, *, count: int, seed: int, progress: Progress, batch_size: int = 1
) -> Tensor:
    """ProxyDelete: the edge with the largest first-order change of the spectral gap goes first.

    `batch_size` edges are deleted before λ and f are computed again; 1 as published.

    Raises:
        NumericalError: The eigenvectors did not converge.

    Cost: for each batch O(m log m) and some dozens to hundreds of products with the normalised
    adjacency matrix of each component that lost edges, on the CPU. A batch took 10 to 120 ms on
    Cora and Chameleon, so a whole order takes minutes to an hour with batches of 1.

    References:
        Jamadandi, Rubio-Madrigal, Burkholz, NeurIPS 2024.
    """
    edges, m = graph.edges.cpu().numpy(), graph.num_edges
    rank, left = tie_ranks(m, seed), np.ones(m, dtype=np.bool_)
    parts, of_edge = _components(edges, graph.num_nodes)
    change = np.zeros(m)
    order: list[Ints] = []
    done, stale = 0, set(range(len(parts)))
    while done < count:
        for index in stale:
            change[parts[index].ids] = parts[index].changes(left)
        going = _first(edges, graph.num_nodes, np.flatnonzero(left), change, rank)[:batch_size]
        if not going.size:
            break
        left[going] = False
        order.append(going)
        done += going.size
        stale = set(of_edge[going].tolist())
        progress(min(done, count))
    trees = np.flatnonzero(left)
    whole = np.concatenate([*order, trees[np.argsort(rank[trees])]])
    return torch.from_numpy(whole[:count]).to(graph.device)


def _first(edges: Ints, num_nodes: int, left: Ints, change: Floats, rank: Ints) -> Ints:
    """The edges that can go without disconnecting a component, one by one, best first.

    Edges are passed over by turn if they are bridges then: these form the spanning forest that
    prefers late turns.
    """
    score = change[left]
    classes = tie_classes(score + 2 * np.abs(score).max(initial=0) + 1e-300)
    sequence = left[np.lexsort((rank[left], -classes))]
    u, v = edges[:, sequence]
    cost = np.arange(sequence.size, 0, -1, dtype=np.float64)
    there = sparse.csr_array((cost, (u, v)), shape=(num_nodes, num_nodes))
    stays = sequence.size - minimum_spanning_tree(there).data.astype(np.int64)
    return np.delete(sequence, stays)


def _components(edges: Ints, num_nodes: int) -> tuple[list[_Component], Ints]:
    """The components that are no trees, and for each of their edges its place in the list."""
    ones = np.ones(edges.shape[1])
    graph = sparse.csr_array((ones, (edges[0], edges[1])), shape=(num_nodes, num_nodes))
    number, label = connected_components(graph, directed=False)
    size, of_edge = np.bincount(label, minlength=number), label[edges[0]]
    has_cycle = np.bincount(of_edge, minlength=number) >= size
    parts = [
        _Component(np.flatnonzero(of_edge == part), edges) for part in np.flatnonzero(has_cycle)
    ]
    return parts, (np.cumsum(has_cycle) - 1)[of_edge]


class _Component:
    """A connected component: the ids of its edges, int64 [k], and the eigenvectors of its gap."""

    def __init__(self, ids: Ints, edges: Ints) -> None:
        self.ids = ids
        vertices, local = np.unique(edges[:, ids], return_inverse=True)
        self.size, self.ends = vertices.size, local.reshape(2, -1)
        arcs = np.concatenate([self.ends, self.ends[::-1]], axis=1)
        edge = np.tile(np.arange(1, ids.size + 1), 2)
        self.edge_of = sparse.csr_array((edge, (arcs[0], arcs[1])), shape=(self.size,) * 2)
        self.start = np.random.default_rng(0).standard_normal(self.size)

    def changes(self, left: np.ndarray) -> Floats:
        """The first-order change of the gap by the loss of each edge, float64 [k]."""
        gap, f = self._gap(left[self.ids])
        u, v = f[self.ends]  # [k, multiplicity] each
        a, b, c = (u * u).sum(1), (v * v).sum(1), (u * v).sum(1)
        half = gap * (a + b) / 2 - (a + b) / 2 + c
        if f.shape[1] == 1:
            return np.asarray(2 * half)
        # of rank 2: the eigenvalues of [[λ-1, 1], [1, λ-1]] times [[a, c], [c, b]], and zeros
        product = gap * (2 - gap) * (a * b - c * c).clip(0)
        return np.asarray(half - np.sqrt(half * half + product))

    def _gap(self, left: np.ndarray) -> tuple[float, Floats]:
        """λ and D^(-1/2) times a basis of its eigenvectors, [size, multiplicity]."""
        pattern = self.edge_of
        entries = left[pattern.data - 1].astype(np.float64)
        adjacency = sparse.csr_array((entries, pattern.indices, pattern.indptr), pattern.shape)
        degree = adjacency.sum(axis=1) + 1
        root = np.sqrt(degree)
        trivial = root / np.linalg.norm(root)

        def times(x: Floats) -> Floats:
            x = x.reshape(self.size)
            scaled = x / root
            product: Floats = (adjacency @ scaled + scaled) / root - 2 * (trivial @ x) * trivial
            return product

        values, vectors = self._largest(times)
        equal = values > values[0] - EQUAL
        self.start = vectors[:, 0]
        return 1 - float(values[0]), vectors[:, equal] / root[:, None]

    def _largest(self, times: Any) -> tuple[Floats, Floats]:
        """The largest eigenvalues, descending, and their vectors; all copies of the first one."""
        if self.size <= DENSE_UP_TO:
            values, vectors = np.linalg.eigh(np.stack([times(row) for row in np.eye(self.size)]))
            return values[::-1], vectors[:, ::-1]
        matrix = LinearOperator((self.size, self.size), matvec=times, dtype=np.float64)
        wanted = 2
        while True:
            try:
                values, vectors = eigsh(
                    matrix, wanted, which="LA", v0=self.start, maxiter=100 * self.size
                )
            except ArpackError as error:
                raise NumericalError(
                    f"the spectral gap of a component of {self.size} vertices: {error}"
                ) from None
            if values[0] < values[-1] - EQUAL or 2 * wanted >= self.size:
                return values[::-1], vectors[:, ::-1]
            wanted *= 2
