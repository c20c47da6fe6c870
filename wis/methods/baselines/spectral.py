"""The methods ``spectral`` and ``spectral-exact``: keep the edges that carry the Laplacian.

Spielman and Srivastava sample edges with probabilities proportional to w_e·R_e, conductance times
effective resistance (`wis.graph.resistance`), and so keep the spectrum of the Laplacian. The thesis
turns that into a removal order (Appendix D.6.2.2): edges are sampled without replacement, and those
that were sampled last are removed first. The sampled edges do not get new weights: a removal order
has none, and the networks of Section 5.5.2 do not use any.

``spectral-exact`` does not sample; it orders by R_e itself. Only that is meant by exact: where the
solver is a projection, R_e is an estimate. The provenance names the solver.

Graphs are taken as unweighted, w_e = 1, as in the thesis, unless `edge_weight` names an attribute.

Source: D. A. Spielman, N. Srivastava, "Graph Sparsification by Effective Resistances", SIAM Journal
on Computing 40, 2011; the thesis' [198], Section 5.5.2 and Appendix D.6.2.2.
"""

from __future__ import annotations

import logging
from typing import Any

from torch import Tensor

from wis.base.progress import Progress
from wis.errors import OptionError
from wis.graph import UndirectedGraph
from wis.graph.resistance import Solver, effective_resistances
from wis.methods.baselines.ranking import drawn_last_first, lowest_first, share_of, tie_classes
from wis.methods.baselines.weighted import weights_of
from wis.methods.registry import register

SOLVER_OPTIONS = ("exact_up_to", "num_projections", "tolerance", "memory_gib")
UNUSED_IF_EXACT = ("exact_up_to", "num_projections", "tolerance")
_LOG = logging.getLogger(__name__)


def _resolve(graph: UndirectedGraph, options: dict[str, Any]) -> dict[str, Any]:
    """Check the options; ``auto`` becomes the solver that it stands for."""
    how = {name: options[name] for name in SOLVER_OPTIONS}
    solver = Solver(options["solver"], **how).resolved(graph)
    name = options["edge_weight"]
    if name is not None and not isinstance(name, str):
        raise OptionError(f"edge_weight is {name!r}; expected the name of an attribute, or nothing")
    if options["solver"] == "auto":
        _LOG.info("solver: %s (chosen by auto)", solver.name)
    unused = UNUSED_IF_EXACT if solver.name == "exact" else ()
    resolved = {**options, "solver": solver.name, "exact_up_to": solver.exact_up_to}
    return {option: value for option, value in resolved.items() if option not in unused}


def _prepare(
    graph: UndirectedGraph, data: Any, options: dict[str, Any], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Look the weights up; their name and digest are recorded."""
    return (
        (options, options) if options["edge_weight"] is None else weights_of(graph, data, options)
    )


@register(
    "spectral",
    summary="a sample without replacement by effective resistance, reversed (Spielman, Srivastava)",
    uses_seed=True,
    resolve=_resolve,
    prepare=_prepare,
)
def spectral_order(
    graph: UndirectedGraph,
    *,
    count: int,
    seed: int,
    progress: Progress,
    solver: str = "auto",
    exact_up_to: int | None = None,
    num_projections: int = 200,
    tolerance: float = 1e-4,
    memory_gib: float = 4.0,
    edge_weight: Any = None,
) -> Tensor:
    """Draw edges without replacement with probabilities proportional to w_e·R_e; the last go first.

    Args:
        graph: The graph.
        count: Length of the order.
        seed: Seed of the draws and of the projections.
        progress: Called as the work is done.
        solver: ``"exact"``; ``"projection"``; ``"pyamg"``, a projection with a preconditioner for
            long and thin graphs, which needs PyAMG; or ``"auto"``: exact if all components allow
            it, projection otherwise (`wis.graph.resistance.Solver`).
        exact_up_to: Components of up to so many vertices, pendant trees not counted, are solved
            exactly; if not given 6000 for ``"auto"`` and 0 for the projections.
        num_projections: k; the part of R_e that is estimated has a relative standard deviation of
            at most √(2/k).
        tolerance: Relative residual of the Laplacian systems of the projections.
        memory_gib: How many GiB exact solutions may take.
        edge_weight: Name of the edge attribute that holds the conductances w_e, positive and the
            same for all arcs of an edge; all 1 if not given.

    Raises:
        OptionError: ``"exact"`` takes more memory; a weight is not positive.
        NumericalError: The resistances miss their stated error bound.
        MissingDependencyError: PyAMG is not installed.

    Cost: that of `wis.graph.resistance.effective_resistances`, on the CPU. A projection is bitwise
    the same on any number of threads. Exact resistances on different numbers of threads differ by
    about 1e-13. That breaks no tie, but could exchange two edges whose draws are as close.

    References:
        Spielman and Srivastava 2011, algorithm Sparsify; Appendix D.6.2.2 of the thesis.
    """
    how = Solver(solver, exact_up_to, num_projections, tolerance, memory_gib)
    found = effective_resistances(
        graph, weight=edge_weight, solver=how, seed=seed, report=share_of(progress, count)
    )
    return drawn_last_first(found.leverage, graph, count, seed)


@register(
    "spectral-exact",
    summary="the lowest effective resistance: edges that many other paths stand in for",
    uses_seed=True,
    resolve=_resolve,
    prepare=_prepare,
)
def spectral_exact_order(
    graph: UndirectedGraph,
    *,
    count: int,
    seed: int,
    progress: Progress,
    solver: str = "auto",
    exact_up_to: int | None = None,
    num_projections: int = 200,
    tolerance: float = 1e-4,
    memory_gib: float = 4.0,
    edge_weight: Any = None,
) -> Tensor:
    """Edges by effective resistance R_e, the lowest first; bridges, whose w_e·R_e is 1, last.

    Arguments, errors and cost are those of `spectral_order`, but the seed is that of the
    projections and of the shuffle that settles ties. By a projection the order is only
    approximately that of R_e. Resistances that differ by no more than a factor of 1 + 2^-30 are
    ties, which go in random order: all bridges do, at the end.

    References:
        Spielman and Srivastava 2011 for effective resistances.
    """
    how = Solver(solver, exact_up_to, num_projections, tolerance, memory_gib)
    found = effective_resistances(
        graph, weight=edge_weight, solver=how, seed=seed, report=share_of(progress, count)
    )
    return lowest_first(tie_classes(found.resistance), graph, count, seed)
