"""Eigenvalues of one graph by scipy's Lanczos iterations, and quadratic forms of two graphs.

The spectral gap is 1 minus the second largest eigenvalue of D^(-1/2) A D^(-1/2) of the largest
component. It measures how fast walks on the component mix. The spectral radius is the largest
eigenvalue of A.

A graph G' is spectrally similar to G if x'L'x is close to x'Lx for all x (Spielman, Srivastava
2011). For a subgraph of G the ratio lies in [0, 1]. Its extremes over all x are extreme generalised
eigenvalues of the two Laplacians. They are exact for small graphs. For large graphs, sampled
vectors bound them from inside. The weights of kept edges are not raised to compensate for removed
edges, so keeping every second edge evenly gives ratios near 0.5.

Likewise `cut_ratios` gives the share of the crossing edges that is left, for random halves of the
vertices (a coin for each) and neighbourhoods (a random vertex and its neighbours against the rest).
Halves show only the average; neighbourhoods show local changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from wis.measure.topology import Topology
from wis.measure.values import Measure, Spread

DENSE_NODES = 500
TOLERANCE = 1e-5
MAX_ITERATIONS = 2_000
NUM_VECTORS = 32
SMOOTHING_STEPS = 4
ROUNDING = 1e-9


def spectral_measures(topology: Topology, seed: int) -> dict[str, Measure]:
    """The spectral gap of the largest component, and the spectral radius.

    `seed` is the seed of the first vector of the iterations.
    """
    radius, gap = "spectral radius", "spectral gap of the largest component"
    members = topology.largest()
    if members.size < 2:
        return {"spectral_radius": Measure(radius, 0.0), "spectral_gap": Measure(gap, None)}
    part = topology.adjacency[members][:, members]
    scale = sparse.diags_array(np.diff(part.indptr) ** -0.5)
    return {
        "spectral_radius": _eigenvalue(radius, topology.adjacency, 1, seed, lambda found: found),
        "spectral_gap": _eigenvalue(gap, scale @ part @ scale, 2, seed, lambda found: 1 - found),
    }


def _eigenvalue(label: str, matrix: Any, rank: int, seed: int, then: Any) -> Measure:
    """Apply `then` to the `rank`-th largest eigenvalue of a symmetric matrix; tiny ones are 0."""
    size = matrix.shape[0]
    if size <= DENSE_NODES:
        value = float(then(linalg.eigvalsh(matrix.toarray())[-rank]))
        return Measure(label, 0.0 if abs(value) < ROUNDING else value)
    start = np.random.default_rng([seed, 3]).standard_normal(size)
    try:
        found = eigsh(
            matrix,
            k=rank,
            which="LA",
            v0=start,
            tol=TOLERANCE,
            maxiter=MAX_ITERATIONS,
            return_eigenvectors=False,
        )
    except ArpackNoConvergence:
        return Measure(label, None, f"Lanczos did not converge in {MAX_ITERATIONS} iterations")
    note = f"by Lanczos iterations, relative tolerance {TOLERANCE:g}"
    return Measure(label, float(then(np.sort(found)[0])), note)


def quadratic_forms(before: Topology, after: Topology, seed: int) -> Spread:
    """The ratios x'L'x / x'Lx of a subgraph to the whole graph.

    Up to 500 vertices these are all generalised eigenvalues. Beyond that they are ratios for random
    vectors, both unchanged and smoothed along the edges of both graphs, since few edges determine
    the ratio of a smooth vector. If a component fell apart, the lowest ratio is exactly 0.
    """
    label = "x'L'x / x'Lx"
    if before.num_nodes <= DENSE_NODES:
        note = "all generalised eigenvalues"
        return Spread.of(label, _generalised(before, after), note)
    values = _tried(before, after, seed)
    note = f"{values.size} vectors that were tried"
    if np.unique(after.component).size > np.unique(before.component).size:
        values, note = np.append(values, 0.0), f"{note}, and one that is constant on components"
    return Spread.of(label, values, note)


def _generalised(before: Topology, after: Topology) -> np.ndarray:
    """The generalised eigenvalues on the range of the first Laplacian, ascending."""
    whole, part = (_laplacian(topology).toarray() for topology in (before, after))
    values, vectors = linalg.eigh(whole) if before.num_nodes else (np.empty(0), whole)
    proper = values > ROUNDING * max(1.0, values.max(initial=0.0))
    basis = vectors[:, proper] / np.sqrt(values[proper])
    if not basis.size:
        return np.empty(0)
    found = linalg.eigvalsh(basis.T @ part @ basis)
    clipped: np.ndarray = np.where(found < ROUNDING, 0.0, np.minimum(found, 1.0))
    return clipped


def _tried(before: Topology, after: Topology, seed: int) -> np.ndarray:
    vectors = np.random.default_rng([seed, 4]).standard_normal((before.num_nodes, NUM_VECTORS))
    given = [vectors, *(_smoothed(topology, vectors) for topology in (before, after))]
    laplacians = _laplacian(before), _laplacian(after)
    ratios = []
    for tried in given:
        whole, part = (np.einsum("ij,ij->j", tried, matrix @ tried) for matrix in laplacians)
        ratios.append(np.divide(part, whole, out=np.full(part.size, np.nan), where=whole > 0))
    return np.concatenate(ratios)


def _smoothed(topology: Topology, vectors: np.ndarray) -> np.ndarray:
    """Replace each entry, a few times, by the mean over its vertex and the neighbours."""
    share = 1 / (1 + np.diff(topology.adjacency.indptr))[:, None]
    for _ in range(SMOOTHING_STEPS):
        vectors = share * (vectors + topology.adjacency @ vectors)
    return vectors


def _laplacian(topology: Topology) -> Any:
    degree = np.diff(topology.adjacency.indptr).astype(np.float64)
    return (sparse.diags_array(degree) - topology.adjacency).tocsr()


NUM_CUTS = 64


def cut_ratios(before: Topology, kept: np.ndarray, seed: int) -> dict[str, Spread]:
    """The share of the crossing edges that is left, for random halves and neighbourhoods.

    `kept` is bool [m], true for each edge of the whole graph that is left.
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
