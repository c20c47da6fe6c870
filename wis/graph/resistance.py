"""Effective resistances of the edges of a graph, exactly or by random projection.

If every edge e is a resistor of conductance w_e, R_e is the voltage between its ends when a unit
current flows in at one and out at the other. w_e·R_e is the probability that a random spanning
tree contains e: 1 for a bridge, near 1/d_u + 1/d_v inside a dense region. Over a connected
component of c vertices these probabilities sum to c - 1, and every computation checks this.

The exact solver inverts a dense matrix for each component (`wis.graph.laplacian`).

The projection (Spielman and Srivastava) uses R_e = ‖W^{1/2} B L⁺ (e_u - e_v)‖². k random ±1
combinations of the m coordinates preserve squared lengths up to a relative standard deviation of
√(2/k), and each takes one solution of a Laplacian system. An exact part of R_e reduces the error.
From L⁺ = D⁻¹ + D⁻¹ A D⁻¹ + D⁻¹ A L⁺ A D⁻¹ on vectors that sum to 0,

    R_e = 1/d_u + 1/d_v - 2 w_e / (d_u d_v) + y·L⁺y,    y = A D⁻¹ (e_u - e_v),

with weighted degrees d. Only the last term is estimated. Its vectors y are shorter, because A D⁻¹
averages over neighbours.

Error bound: for a component of c vertices the sum of the estimates has mean c - 1 and a standard
deviation of at most √(2 (c - 1) / k) (Hutchinson's trace estimator for a matrix with eigenvalues in
[0, 1]). A deviation above six times this, plus 10 (c - 1) times the solver's tolerance, is an
error. Finally the estimated terms of each component are scaled so that the sum is c - 1.

Source: D. A. Spielman, N. Srivastava, "Graph Sparsification by Effective Resistances", SIAM Journal
on Computing 40, 2011 (the thesis' [198]); D. Achlioptas, "Database-friendly Random Projections",
JCSS 66, 2003, for signs in place of Gaussians.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wis.base.checks import TINY, checked_integer, checked_number
from wis.errors import NumericalError, OptionError, UnknownNameError
from wis.graph import UndirectedGraph
from wis.graph.laplacian import (
    Core,
    Laplacian,
    batches_of_equal_size,
    dense_resistances,
    index_dtype,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Report = Callable[[float], None]

SOLVERS = ("auto", "exact", "projection", "pyamg")
AUTO_EXACT_UP_TO = 6000
COLUMNS_AT_A_TIME = 8
EDGES_AT_A_TIME = 1 << 17
EXACT_TOLERANCE = 1e-6
SMALLEST = float(np.finfo(np.float64).tiny)
WEIGHTS = (1e-100, 1e100)
"""Squares and inverses of weights outside this range could leave the range of floats."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Solver:
    """Settings of the computation of effective resistances.

    Attributes:
        name: ``"auto"``, ``"exact"``, ``"projection"`` or ``"pyamg"`` (projection with multigrid).
        exact_up_to: Components of at most this many vertices, without pendant trees, are solved
            exactly by every solver.
        num_projections: k, the number of projections for the other components.
        tolerance: Relative residual of the Laplacian systems of projections.
        memory_gib: Limit of the memory for dense matrices.
    """

    name: str
    exact_up_to: int | None = None
    num_projections: int = 200
    tolerance: float = 1e-4
    memory_gib: float = 4.0

    def resolved(self, graph: UndirectedGraph, core: Core | None = None) -> Solver:
        """Check the settings for a graph, and replace ``"auto"``.

        ``"auto"`` is ``"exact"`` if no component has more than `exact_up_to` vertices (default:
        6000), and otherwise ``"projection"`` for the larger components. If a projection is
        requested by name, `exact_up_to` is 0 by default.

        Raises:
            UnknownNameError: The solver is unknown.
            OptionError: A number is invalid, or dense matrices need more than `memory_gib`.
        """
        if self.name not in SOLVERS:
            raise UnknownNameError.among("solver", str(self.name), SOLVERS)
        checked_integer("num_projections", self.num_projections, 1)
        below_one = math.nextafter(1, 0)
        expected = "a positive number below 1"
        checked_number("tolerance", self.tolerance, TINY, below_one, expected=expected)
        checked_number("memory_gib", self.memory_gib, TINY, expected="a positive number")
        limit = self.exact_up_to
        if limit is None:
            limit = AUTO_EXACT_UP_TO if self.name == "auto" else 0
        else:
            expected = "a number of vertices, 0 or more"
            checked_integer("exact_up_to", limit, expected=expected)
        sizes = (core or Core.of(graph)).sizes
        largest = int(sizes.max(initial=0))
        name = self.name
        if name == "auto":
            name = "exact" if largest <= limit else "projection"
        if name == "exact":
            limit = largest
        self._check_memory(int(sizes[sizes <= limit].max(initial=0)))
        return Solver(name, limit, self.num_projections, self.tolerance, self.memory_gib)

    def _check_memory(self, size: int) -> None:
        needed = 32 * size**2 / 2**30
        if needed > self.memory_gib:
            raise OptionError(
                f"dense inverses of a component of {size} vertices take {needed:.3g} GiB, more "
                f"than memory_gib={self.memory_gib:g}; use solver='projection'"
            )


@dataclass(frozen=True)
class Resistances:
    """Effective resistances of the edges of a graph.

    Attributes:
        leverage: float64 [m]: w_e·R_e, in (0, 1].
        weight: float64 [m]: w_e.
        sum_error: The largest relative deviation of the sum of w_e·R_e over a component from c - 1,
            before scaling.
    """

    leverage: Floats
    weight: Floats
    sum_error: float

    @property
    def resistance(self) -> Floats:
        """float64 [m]: R_e."""
        resistance: Floats = self.leverage / self.weight
        return resistance


def effective_resistances(
    graph: UndirectedGraph,
    *,
    weight: Floats | None = None,
    solver: Solver | None = None,
    seed: int = 0,
    report: Report = lambda share: None,
) -> Resistances:
    """Effective resistances of all edges.

    Args:
        graph: The graph.
        weight: float64 [m]: positive conductances by edge id, 1e-100 to 1e100; all 1 if not given.
        solver: Settings; ``Solver("auto")`` if not given.
        seed: Seed of the projections.
        report: Called with the share of work done, in (0, 1].

    Returns:
        The resistances; those of edges on pendant trees are always exact.

    Raises:
        OptionError: See `Solver.resolved`; a weight is out of range.
        NumericalError: A sum deviates from c - 1 by more than the error bound, or the iterations
            did not converge.
        MissingDependencyError: The solver is ``"pyamg"``, which is not installed.

    Cost: the exact solver takes O(c³) time and 32 c² bytes for each component of c vertices without
    its pendant trees. A projection solves k Laplacian systems at O(m) for each iteration, and takes
    about 400 bytes for each edge.

    >>> import torch
    >>> triangle_and_bridge = torch.tensor([[0, 0, 1, 2], [1, 2, 2, 3]])
    >>> graph = UndirectedGraph.from_any(triangle_and_bridge)
    >>> effective_resistances(graph).resistance.round(3).tolist()
    [0.667, 0.667, 0.667, 1.0]
    """
    weight = _checked_weight(weight, graph.num_edges)
    core = Core.of(graph)
    solver = (solver or Solver("auto")).resolved(graph, core)
    leverage = np.ones(graph.num_edges)
    assert solver.exact_up_to is not None
    num_exact = int(np.searchsorted(core.sizes, solver.exact_up_to, side="right"))
    error = _solve_exactly(core, solver.exact_up_to, weight, leverage, report)
    if num_exact < core.sizes.size:
        projected = _project(core, num_exact, weight, leverage, solver, seed, report)
        error = max(error, projected)
    _LOG.info(
        "effective resistances: %s; %d of %d components exact; sums right up to %.1e",
        solver.name,
        num_exact,
        core.sizes.size,
        error,
    )
    return Resistances(leverage, weight, error)


def _checked_weight(weight: Floats | None, num_edges: int) -> Floats:
    if weight is None:
        return np.ones(num_edges)
    weight = np.asarray(weight, dtype=np.float64)
    if weight.shape != (num_edges,):
        raise OptionError(
            f"weight has shape {weight.shape}; expected ({num_edges},), one for each edge"
        )
    wrong = ~((weight >= WEIGHTS[0]) & (weight <= WEIGHTS[1]))
    if wrong.any():
        edge = int(np.flatnonzero(wrong)[0])
        raise OptionError(
            f"the weight of edge {edge} is {weight[edge]}; effective resistances need positive "
            f"ones, {WEIGHTS[0]:g} to {WEIGHTS[1]:g}"
        )
    return weight


def _solve_exactly(
    core: Core, limit: int, weight: Floats, leverage: Floats, report: Report
) -> float:
    """Fill in the components of up to `limit` vertices; returns the worst error of a sum."""
    worst, done = 0.0, 0.0
    batches = list(batches_of_equal_size(core.sizes, limit))
    cost = [(stop - first) * float(core.sizes[first]) ** 3 for first, stop in batches]
    for (first, stop), work in zip(batches, cost, strict=True):
        edges, _ = core.part(first, stop)
        conductance = weight[core.edge_ids[edges]]
        found = dense_resistances(core, first, stop, conductance) * conductance
        error = np.abs(_sums(core, first, stop, found) / (core.sizes[first:stop] - 1) - 1).max()
        if not error <= EXACT_TOLERANCE:
            raise NumericalError(
                f"exact effective resistances of a component of {core.sizes[first]} vertices sum "
                f"to 1 {error:+.1e} times what they must; the weights differ too much in size"
            )
        leverage[core.edge_ids[edges]] = np.clip(found, SMALLEST, 1)
        worst, done = max(worst, float(error)), done + work
        report(done / sum(cost))
    return worst


def _sums(core: Core, first: int, stop: int, values: Floats) -> Floats:
    """For each component the sum of the values of its edges."""
    begin = core.first_edge[first:stop] - core.first_edge[first]
    sums: Floats = np.add.reduceat(values, begin)
    return sums


def _project(
    core: Core,
    first: int,
    weight: Floats,
    leverage: Floats,
    solver: Solver,
    seed: int,
    report: Report,
) -> float:
    """Fill in the components from `first` on by projection; returns the worst error of a sum."""
    stop = core.sizes.size
    edges, ends = core.part(first, stop)
    conductance = weight[core.edge_ids[edges]]
    first_vertex = core.first_vertex[first:] - core.first_vertex[first]
    laplacian = Laplacian.of(ends, conductance, first_vertex)
    d_u, d_v = laplacian.degree[ends]
    known = conductance * (1 / d_u + 1 / d_v - 2 * conductance / (d_u * d_v))
    estimated = conductance * _estimates(laplacian, solver, seed, report)
    wanted = core.sizes[first:stop] - 1.0
    rest = _sums(core, first, stop, estimated)
    deviation = _sums(core, first, stop, known) + rest - wanted
    allowed = 6 * np.sqrt(2 * wanted / solver.num_projections) + 10 * solver.tolerance * wanted
    if not (np.abs(deviation) <= allowed).all():
        at = int((np.abs(deviation) / allowed).argmax())
        raise NumericalError(
            f"effective resistances of a component of {int(wanted[at]) + 1} vertices sum to "
            f"{wanted[at] + deviation[at]:.6g}, more than {allowed[at]:.3g} away from the right "
            f"{wanted[at]:.6g}; use a smaller tolerance than {solver.tolerance:g}"
        )
    scale = np.divide(rest - deviation, rest, out=np.ones_like(rest), where=rest > 0).clip(0)
    estimated *= np.repeat(scale, np.diff(core.first_edge[first : stop + 1]))
    leverage[core.edge_ids[edges]] = np.clip(known + estimated, SMALLEST, 1)
    return float(np.abs(deviation / wanted).max())


def _estimates(laplacian: Laplacian, solver: Solver, seed: int, report: Report) -> Floats:
    """Estimates of y·L⁺y for each edge: means over the projections."""
    rng = np.random.default_rng(seed)
    ends, root = laplacian.ends, np.sqrt(laplacian.weight)
    edge = np.arange(root.size)
    where = np.stack([ends.reshape(-1), np.concatenate([edge, edge])])
    where = where.astype(index_dtype(ends.size))
    there = (np.concatenate([root, -root]), (where[0], where[1]))
    incidence = sparse.csr_array(there, shape=(laplacian.degree.size, root.size))
    precondition = laplacian.multigrid() if solver.name == "pyamg" else laplacian.jacobi
    total = np.zeros(root.size)
    for done in range(0, solver.num_projections, COLUMNS_AT_A_TIME):
        columns = min(COLUMNS_AT_A_TIME, solver.num_projections - done)
        signs = 2.0 * rng.integers(0, 2, size=(columns, root.size), dtype=np.int8) - 1.0
        potential = laplacian.solve(incidence @ signs.T, precondition, solver.tolerance)
        averaged = (laplacian.adjacency @ potential) / laplacian.degree[:, None]
        for start in range(0, root.size, EDGES_AT_A_TIME):
            part = slice(start, start + EDGES_AT_A_TIME)
            voltage = averaged[ends[0, part]] - averaged[ends[1, part]]
            total[part] += np.einsum("ij,ij->i", voltage, voltage)
        report((done + columns) / solver.num_projections)
    return total / solver.num_projections
