"""The methods ``spectral``, ``spectral-exact`` and ``goku``: keep what carries the Laplacian.

Spielman and Srivastava sample edges with probabilities proportional to w_e·R_e, conductance times
effective resistance (`wis.graph.resistance`), and so keep the spectrum of the Laplacian. The thesis
turns that into a removal order (Appendix D.6.2.2): edges are sampled without replacement, and those
that were sampled last are removed first. The networks of Section 5.5.2 use no weights. With
`reweight` the sampled edges get those with which the mean of the Laplacian stays the same
(`wis.methods.draws`).

``goku`` is the sampling step of GOKU: it prefers, besides, edges between vertices of similar
features. GOKU first adds edges to the graph, and samples from the denser one; a removal order
cannot. GOKU then draws a number of edges with replacement; here the edges that are drawn for the
first time last go first, so that any number can be kept.

``spectral-exact`` does not sample; it orders by R_e itself. Only that is meant by exact: where the
solver is a projection, R_e is an estimate. The provenance names the solver.

Graphs are taken as unweighted, w_e = 1, as in the thesis, unless `edge_weight` names an attribute.

Source: D. A. Spielman, N. Srivastava, "Graph Sparsification by Effective Resistances", SIAM Journal
on Computing 40, 2011; the thesis' [198], Section 5.5.2 and Appendix D.6.2.2; L. Liang, F. Bu, Z.
Song, Z. Xu, S. Pan, K. Shin, "Mitigating Over-Squashing in Graph Neural Networks by
Spectrum-Preserving Sparsification", ICML 2025, arXiv:2506.16110 (GOKU).
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from wis.base.checks import check_digest
from wis.base.progress import Progress
from wis.errors import GraphFormatError, OptionError
from wis.graph import UndirectedGraph
from wis.graph.resistance import Solver, effective_resistances
from wis.methods.baselines.ranking import (
    Floats,
    drawn_last_first,
    lowest_first,
    share_of,
    tie_classes,
)
from wis.methods.baselines.weighted import weights_of
from wis.methods.draws import Draws
from wis.methods.registry import register

SOLVER_OPTIONS = ("exact_up_to", "num_projections", "tolerance", "memory_gib")
UNUSED_IF_EXACT = ("exact_up_to", "num_projections", "tolerance")
EDGES_AT_A_TIME = 1 << 14
LARGEST = 1e100
"""Products of larger features could leave the range of floats."""

_LOG = logging.getLogger(__name__)


def _resolve(graph: UndirectedGraph, options: dict[str, Any]) -> dict[str, Any]:
    """Check the options; ``auto`` becomes the solver that it stands for."""
    how = {name: options[name] for name in SOLVER_OPTIONS}
    solver = Solver(options["solver"], **how).resolved(graph)
    name = options["edge_weight"]
    if name is not None and not isinstance(name, str):
        raise OptionError(f"edge_weight is {name!r}; expected the name of an attribute, or nothing")
    if options["solver"] == "auto":
        _LOG.info("solver of effective resistances: %s (chosen by auto)", solver.name)
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


def _prepare_goku(
    graph: UndirectedGraph, data: Any, options: dict[str, Any], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Look up weights and features; a digest of the similarities is recorded.

    The options of a saved order contain that digest.
    """
    options = dict(options)
    digest = options.pop("data_digest", None)
    rows = _features(graph, data)
    parts = (rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data)
    found = hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
    check_digest("the features x", found, digest)
    arguments, record = _prepare(graph, data, options, seed)
    return {**arguments, "data": _similarities(graph, rows)}, {**record, "data_digest": found}


def _features(graph: UndirectedGraph, data: Any) -> Any:
    """The features `x` of a `Data`, dense or sparse, as a scipy matrix [n, num_features].

    Raises:
        GraphFormatError: `x` is missing, or not one finite number for each vertex and feature.
    """
    from wis.training.problem import as_features

    x = data.get("x") if hasattr(data, "edge_stores") and not hasattr(data, "edge_types") else None
    if not isinstance(x, Tensor):
        raise GraphFormatError(
            "method 'goku' compares the features of vertices, so it needs data.x, a number for "
            "each vertex and feature, [num_nodes, num_features]; the graph has none"
        )
    x = as_features(x.detach().cpu(), graph.num_nodes, torch.float64)
    if x.layout == torch.strided:
        rows = sparse.csr_array(x.numpy())
    else:
        entries = (x.values(), x.col_indices(), x.crow_indices())
        rows = sparse.csr_array(tuple(part.numpy() for part in entries), shape=tuple(x.shape))
    if not (np.abs(rows.data) < LARGEST).all():
        raise GraphFormatError(f"x holds numbers that are not finite, or {LARGEST:g} or more")
    return rows


def _similarities(graph: UndirectedGraph, rows: Any) -> Floats:
    """(1 + cos(x_u, x_v)) / 2 for each edge, in [0, 1]; 1/2 where all features of an end are 0."""
    length = np.sqrt(rows.multiply(rows).sum(axis=1))
    u, v = graph.edges.cpu().numpy()
    product = np.zeros(u.size)
    for start in range(0, u.size, EDGES_AT_A_TIME):
        part = slice(start, start + EDGES_AT_A_TIME)
        product[part] = rows[u[part]].multiply(rows[v[part]]).sum(axis=1)
    scale = length[u] * length[v]
    cosine = np.divide(product, scale, out=np.zeros(u.size), where=scale > 0)
    similarity: Floats = (1 + cosine.clip(-1, 1)) / 2
    return similarity


@register(
    "spectral",
    summary="a sample without replacement by effective resistance, reversed (Spielman, Srivastava)",
    uses_seed=True,
    resolve=_resolve,
    prepare=_prepare,
    reweights="",
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
) -> tuple[Tensor, Draws]:
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


@register(
    "goku",
    summary="a sample by effective resistance and by the similarity of features (GOKU), reversed; "
    "needs x",
    uses_seed=True,
    resolve=_resolve,
    prepare=_prepare_goku,
    needs=("x",),
    reweights="",
)
def goku_order(
    graph: UndirectedGraph,
    *,
    count: int,
    seed: int,
    progress: Progress,
    data: Floats | None = None,
    solver: str = "auto",
    exact_up_to: int | None = None,
    num_projections: int = 200,
    tolerance: float = 1e-4,
    memory_gib: float = 4.0,
    edge_weight: Any = None,
) -> tuple[Tensor, Draws]:
    """Draw edges with probabilities proportional to (1 + s/2)·w_e·R_e; those drawn last go first.

    s = (1 + cos(x_u, x_v)) / 2 is the similarity of the features of both ends. Arguments, errors
    and cost are those of `spectral_order`, and `data` holds s, float64 [m].

    References:
        Liang et al., ICML 2025, the sampling step of GOKU.
    """
    if data is None:
        raise OptionError("method 'goku' needs features; call it by wis.removal_order")
    how = Solver(solver, exact_up_to, num_projections, tolerance, memory_gib)
    found = effective_resistances(
        graph, weight=edge_weight, solver=how, seed=seed, report=share_of(progress, count)
    )
    return drawn_last_first((1 + data / 2) * found.leverage, graph, count, seed)
