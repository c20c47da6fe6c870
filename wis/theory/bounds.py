"""Bounds of the separation rank of product networks, from the graph alone.

Upper bounds hold for all weights. Theorem 7 uses the walk index. Theorem 10, for directed graphs,
uses the number of walks of all lengths below the depth. Lemma 51 uses the least cut of the tensor
network, which is at least as tight as both. Lower bounds hold for almost all weights: Theorems 8
and 11 count walks from an admissible subset of the boundary. Edge types change none of them
(Appendix D.2).

For every subset I of the vertices

    lower <= multiset <= log sep(f; I) <= merged cut <= cut <= log(D_h) · summed walks <= upper

where `summed walks` is the exponent of Theorem 10, which the proof of Theorem 7 reaches before its
last step. Logarithms are natural; exponents and numbers of walks are exact integers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from wis.theory.admissible import AdmissibleSubset, Method, admissible_subset
from wis.theory.min_cut import CutWeight, min_cut
from wis.theory.typed_graph import TypedGraph, check_members, check_size, check_target

MAX_EXACT_FLOAT = 1 << 1000
MAX_LOG_TERMS = 10_000


@dataclass(frozen=True)
class UpperBound:
    """The upper bound log sep(f; I) <= log(D_h) · exponent.

    Attributes:
        log: The bound.
        exponent: The exponent, an exact integer.
    """

    log: float
    exponent: int


@dataclass(frozen=True)
class LowerBound:
    """A lower bound of log sep(f; I) for almost all weights.

    Attributes:
        log: The bound of the theorem.
        multiset_log: The logarithm of a multiset coefficient, which the proof estimates from below
            in its last step; at least as high as `log`.
        num_walks: rho_{L-1}(C, V) or rho_{L-1}(C, {t}).
        admissible: The admissible subset C.
    """

    log: float
    multiset_log: float
    num_walks: int
    admissible: AdmissibleSubset


@dataclass(frozen=True)
class Bounds:
    """All bounds for one subset of the vertices.

    Attributes:
        walk_index: WI_{L-1}(I) or WI_{L-1,t}(I); for directed graphs rho_{L-1} from the directed
            boundary.
        num_boundary: Number of boundary vertices.
        upper: Upper bound of Theorem 7; for directed graphs of Theorem 10.
        summed: Upper bound of Theorem 10, which holds for undirected graphs as well.
        cut: The least cut of the tensor network (Lemma 51).
        merged_cut: The least cut with one delta-tensor in the output layer.
        lower: Lower bound of Theorem 8; for directed graphs of Theorem 11.
        sources: For each bound its theorem or lemma, with the number of the equation.
    """

    walk_index: int
    num_boundary: int
    upper: UpperBound
    summed: UpperBound
    cut: CutWeight
    merged_cut: CutWeight
    lower: LowerBound
    sources: dict[str, str]


def boundary_of(graph: TypedGraph, subset: Iterable[int] | Tensor) -> list[int]:
    """Vertices that an arc enters from the other side: C_I, or C_I^-> of a directed graph.

    >>> import torch
    >>> boundary_of(TypedGraph.from_any(torch.tensor([[0, 1, 2], [1, 2, 3]])), [0, 1])
    [1, 2]

    References:
        Definition 11; Appendix D.2.
    """
    inside = np.zeros(graph.num_nodes, dtype=bool)
    inside[check_members("subset", subset, graph.num_nodes)] = True
    tails, heads = graph.arcs.numpy()
    return [int(head) for head in np.unique(heads[inside[tails] != inside[heads]])]


def upper_bound(
    graph: TypedGraph,
    subset: Iterable[int] | Tensor,
    depth: int,
    width: int,
    *,
    target: int | None = None,
    summed: bool = False,
) -> UpperBound:
    """Upper bound of the separation rank of a product network, for all weights.

    >>> from wis.datasets import load
    >>> upper_bound(TypedGraph.from_any(load("karate")), [0, 1, 2], 2, 2, target=8).exponent
    20

    Arguments are those of `separation_bounds`. With `summed` the bound sums over the walks of
    lengths 0 ... L - 1, as for directed graphs, which is at least as tight.

    Returns:
        The bound. For undirected graphs with walk index WI the exponent is 4 · WI + 1 for graph and
        4 · WI for vertex prediction; otherwise the sum of walks, plus 1 for graph prediction.

    Raises:
        OptionError: A size, the subset or the target is invalid.

    Cost: O(depth · m) additions of Python integers.

    References:
        Theorem 7, Equations (5.6) and (5.7); Theorem 10, Equations (D.2) and (D.3).
    """
    check_target(target, graph.num_nodes)
    depth, width = check_size("depth", depth), check_size("width", width)
    starts = boundary_of(graph, subset)
    if summed or graph.directed:
        lengths = graph.walks_up_to(depth - 1, target)
        exponent = sum(counts[start] for counts in lengths for start in starts)
    else:
        exponent = 4 * _walks(graph, starts, depth - 1, target)
    exponent += target is None
    return UpperBound(_times(exponent, math.log(width)), exponent)


def lower_bound(
    graph: TypedGraph,
    subset: Iterable[int] | Tensor,
    depth: int,
    width: int,
    *,
    in_dim: int,
    target: int | None = None,
    method: Method = "auto",
) -> LowerBound:
    """Lower bound of the separation rank of a product network, for almost all weights.

    >>> from wis.datasets import load
    >>> bound = lower_bound(TypedGraph.from_any(load("karate")), [0, 1, 2], 2, 2, in_dim=2)
    >>> bound.num_walks, round(bound.log, 3)
    (87, 0.994)

    Arguments are those of `separation_bounds`. Every admissible subset gives a bound, and the
    heaviest one gives the highest. D is the smaller of `width` and `in_dim`.

    Returns:
        The bound, 0 if no walk leads from an admissible subset to the target.

    Raises:
        OptionError: A size, the subset or the target is invalid; or the method cannot be used.

    Cost: that of `admissible_subset`.

    References:
        Theorem 8, Equations (5.8) and (5.9); Theorem 11, Equations (D.4) and (D.5); for the
        multiset coefficient Appendices D.7.3.1 and D.7.3.2, before Lemma 58.
    """
    check_target(target, graph.num_nodes)
    depth, width = check_size("depth", depth), check_size("width", width)
    dim = min(width, check_size("in_dim", in_dim))
    weights = graph.walks_to(depth - 1, target)
    members = check_members("subset", subset, graph.num_nodes)
    best = admissible_subset(graph, members, weights, method)
    walks = sum(weights[vertex] for vertex in best.vertices)
    if not walks:
        return LowerBound(0.0, 0.0, 0, best)
    if depth == 1:
        return LowerBound(math.log(dim), math.log(dim), walks, best)
    return LowerBound(_log_alpha(dim, walks), log_multiset(dim, walks), walks, best)


def separation_bounds(
    graph: TypedGraph,
    subset: Iterable[int] | Tensor,
    depth: int,
    width: int,
    *,
    in_dim: int | None = None,
    target: int | None = None,
    method: Method = "auto",
) -> Bounds:
    """All bounds of the separation rank of a product network with respect to a subset.

    >>> from wis.datasets import load
    >>> found = separation_bounds(TypedGraph.from_any(load("karate")), [0, 1, 2], 2, 2, target=8)
    >>> found.walk_index, round(found.lower.log, 2), round(found.upper.log, 2)
    (5, 0.89, 13.86)

    Args:
        graph: The graph, directed or not; edge types do not matter.
        subset: The set I of vertices, ids in 0 ... n - 1.
        depth: Number L of layers.
        width: Width D_h.
        in_dim: Number D_x of features; the width if not given.
        target: Vertex t for vertex prediction; graph prediction if not given.
        method: Method of `admissible_subset` for the lower bound.

    Raises:
        OptionError: See `lower_bound`; or the graph has no vertices.

    Cost: that of `lower_bound`, and O(depth · m) for the others.

    References:
        Theorems 7, 8, 10 and 11; Lemma 51.
    """
    members = check_members("subset", subset, graph.num_nodes)
    dim = width if in_dim is None else in_dim
    starts = boundary_of(graph, members)
    cuts = [
        min_cut(graph, members, depth, width, in_dim=dim, target=target, merge_output=merge)
        for merge in (False, True)
    ]
    return Bounds(
        walk_index=_walks(graph, starts, depth - 1, target),
        num_boundary=len(starts),
        upper=upper_bound(graph, members, depth, width, target=target),
        summed=upper_bound(graph, members, depth, width, target=target, summed=True),
        cut=cuts[0],
        merged_cut=cuts[1],
        lower=lower_bound(graph, members, depth, width, in_dim=dim, target=target, method=method),
        sources=_sources(graph.directed, target),
    )


def _sources(directed: bool, target: int | None) -> dict[str, str]:
    """Where the thesis has each bound; of two equations the first is for graph prediction."""
    summed = ("Theorem 10", "D.2", "D.3")
    places = {
        "lower": ("Theorem 11", "D.4", "D.5") if directed else ("Theorem 8", "5.8", "5.9"),
        "multiset": ("Lemma 54 or 55 and Lemma 57",),
        "merged_cut": ("Lemma 51, one output delta-tensor",),
        "cut": ("Lemma 51", "D.8", "D.9"),
        "summed": summed,
        "upper": summed if directed else ("Theorem 7", "5.6", "5.7"),
    }
    return {
        name: place[0] + (f", Equation ({place[1 + (target is not None)]})" if place[1:] else "")
        for name, place in places.items()
    }


def log_multiset(dim: int, power: int) -> float:
    """Logarithm of the multiset coefficient C(D + P - 1, P), the rank of Appendix D.7.3.1."""
    fewer, more = sorted((dim - 1, power))
    if fewer <= MAX_LOG_TERMS:
        return math.fsum(math.log(more + k) - math.log(k) for k in range(1, fewer + 1))
    if more >= MAX_EXACT_FLOAT:  # (more + k) / more is 1 for every k, to rounding
        return fewer * math.log(more) - math.lgamma(fewer + 1)
    from scipy.special import betaln

    return -math.log(fewer + more + 1) - float(betaln(fewer + 1, more + 1))


def _log_alpha(dim: int, walks: int) -> float:
    """log(alpha_C) · rho for L >= 2: rho · log((D - 1) / rho + 1), which tends to D - 1."""
    if walks > MAX_EXACT_FLOAT:
        return float(dim - 1)
    return walks * math.log1p((dim - 1) / walks)


def _walks(graph: TypedGraph, starts: Iterable[int], length: int, target: int | None) -> int:
    """rho_l(C, V) or rho_l(C, {t})."""
    from_each = graph.walks_to(length, target)
    return sum(from_each[start] for start in starts)


def _times(exponent: int, log: float) -> float:
    if not log:
        return 0.0
    return exponent * log if exponent < MAX_EXACT_FLOAT else math.inf
