"""Methods for weighted graphs: backbones of networks, as removal orders.

A weight says how strong an edge is. It comes from an attribute of the arcs, with the same number at
all arcs of an edge (`wis.graph.edge_weights`): the option `edge_weight` names it; if not given it
is `edge_weight`, or an `edge_attr` with a single column. The provenance records its name and the
digest of the weights. ``weight`` and ``maximum-spanning`` compare weights and take any finite
numbers; the others need positive ones.

- ``disparity``: M. A. Serrano, M. Boguna, A. Vespignani, "Extracting the multiscale backbone of
  complex weighted networks", PNAS 106, 2009, arXiv:0904.2389.
- ``noise-corrected``: M. Coscia, F. M. H. Neffke, "Network Backboning with Noisy Data", ICDE 2017,
  arXiv:1701.07336.
- ``metric-backbone``: T. Simas, R. B. Correia, L. M. Rocha, "The distance backbone of complex
  networks", Journal of Complex Networks 9, 2021, arXiv:2103.04668; directed: F. X. Costa, R. B.
  Correia, L. M. Rocha, "The distance backbone of directed networks", Complex Networks 2022.
- ``maximum-spanning``: the forests of H. Nagamochi, T. Ibaraki, "A linear-time algorithm for
  finding a sparse k-connected spanning subgraph of a k-connected graph", Algorithmica 7, 1992, by
  weight.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.base.checks import check_digest, checked_integer
from wis.base.progress import Progress
from wis.errors import GraphFormatError, OptionError, echo
from wis.graph import CanonicalGraph, UndirectedGraph
from wis.graph.edge_weights import digest_of, edge_weights, weight_attribute
from wis.graph.stores import shown
from wis.methods.baselines.ranking import (
    Floats,
    Ints,
    Share,
    check_ascending,
    lowest_first,
    share_of,
    tie_classes,
)
from wis.methods.certificates import Checked
from wis.methods.registry import register

Options = dict[str, Any]
ENTRIES_AT_A_TIME, MOST_AT_ONCE = 1 << 22, 256
HUBS = 64
"""Vertices of the largest degrees, the distances from which bound others. Each costs as much as a
few searches with a limit."""
ROUNDING = 1e-13
"""Relative error of a sum of lengths, at most."""
SMALLEST = float(np.finfo(np.float64).tiny)


def _resolve(graph: CanonicalGraph, options: Options) -> Options:
    name = options["edge_weight"]
    if name is not None and not isinstance(name, str):
        raise OptionError(f"edge_weight is {echo(name)}; expected the name of an attribute")
    return options


def weights_of(
    graph: CanonicalGraph, data: Any, options: Options, seed: int = 0
) -> tuple[Options, Options]:
    """Look the weights up: the options with the weights, and those with their name and digest.

    Raises:
        OptionError: The weights of a saved order are not these.
        GraphFormatError: A weight is not finite.
    """
    options = dict(options)
    made_for = options.pop("edge_weight_digest", None)
    name = options["edge_weight"] or weight_attribute(data)
    weight = edge_weights(graph, data, name)
    _check(graph, data, weight, np.isfinite(weight), name, "a finite number")
    digest = digest_of(weight)
    check_digest(f"the weights {echo(name)}", digest, made_for)
    record = {**options, "edge_weight": name, "edge_weight_digest": digest}
    return {**options, "edge_weight": weight}, record


def _prepare_positive(
    graph: CanonicalGraph, data: Any, options: Options, seed: int
) -> tuple[Options, Options]:
    arguments, record = weights_of(graph, data, options)
    weight = arguments["edge_weight"]
    expected = "a positive number for this method: remove such edges first, or shift the weights"
    _check(graph, data, weight, weight >= SMALLEST, record["edge_weight"], expected)
    return arguments, record


def _check(
    graph: CanonicalGraph, data: Any, weight: Floats, right: Any, name: str, expected: str
) -> None:
    wrong = np.flatnonzero(~right)
    if wrong.size:
        pair = shown(data, graph.edges[:, int(wrong[0])].tolist())
        raise GraphFormatError(
            f"{name} is {weight[wrong[0]]:g} at {graph.noun} {echo(pair)}; expected {expected}"
        )


def _check_by_weight(
    graph: CanonicalGraph, edge_ids: Tensor, *, last: Ints | None = None, **given: Any
) -> Checked:
    """The certificate of ``weight``."""
    return check_ascending(graph, edge_ids, given["edge_weight"], "weight", last)


_registered = partial(
    register, uses_seed=True, resolve=_resolve, supports_directed=True, needs=("edge_weight",)
)


@_registered(
    "weight",
    summary="the lightest edges first; needs edge weights",
    prepare=weights_of,
    verify=_check_by_weight,
)
def weight_order(
    graph: CanonicalGraph, *, count: int, seed: int, progress: Progress, edge_weight: Any = None
) -> Tensor:
    """Edges by weight, the lightest first: the global threshold that other backbones are held to.

    `edge_weight` names the attribute of the arcs that holds the weights, any finite numbers;
    negative ones go first. Costs O(m log m).
    """
    return lowest_first(edge_weight, graph, count, seed)


@_registered(
    "disparity",
    summary="edges whose weight surprises neither end (disparity filter); needs edge weights",
    prepare=_prepare_positive,
)
def disparity_order(
    graph: CanonicalGraph, *, count: int, seed: int, progress: Progress, edge_weight: Any = None
) -> Tensor:
    """Edges by the p-value of the disparity filter, the largest first.

    At an end i of degree k and strength s (the sum of its weights) an edge has the share p = w / s,
    and its p-value is the probability that one of k random shares that add up to 1 is as large:

        alpha_i = 1 - (k - 1) * integral from 0 to p of (1 - x)^(k - 2) dx = (1 - p)^(k - 1).

    The smaller of the values at both ends counts. An end of degree 1 has alpha_i = 1, so that the
    other end decides, as the paper demands; an edge alone in its component goes among the first. In
    a directed graph the ends are the outgoing arcs of the tail and the incoming ones of the head.

    Arguments are those of `weight_order`; weights are positive. Costs O(m log m). Source: Serrano,
    Boguna and Vespignani 2009, Equation 2 and "Directed networks".
    """
    score = disparity(graph, edge_weight)
    return lowest_first(tie_classes(score), graph, count, seed)


def disparity(graph: CanonicalGraph, weight: Floats) -> Floats:
    """Minus the logarithm of the smaller p-value of an edge at its two ends; float64 [m]."""
    score = np.zeros(graph.num_edges)
    for end, strength, degree in _sides(graph, weight):
        with np.errstate(divide="ignore", invalid="ignore"):  # the share rounds to 1
            surprise = (1 - degree[end]) * np.log1p(-weight / strength[end])
        score = np.fmax(score, surprise)  # nan at an end of degree 1
    return np.minimum(score, np.finfo(np.float64).max)


def _sides(graph: CanonicalGraph, weight: Floats) -> list[tuple[Ints, Floats, Ints]]:
    """For each end of the edges: its vertex [m], and strength and degree of the vertices there [n].

    In a directed graph those of the outgoing arcs at tails and of the incoming ones at heads.
    """
    tail, head = graph.edges.cpu().numpy()
    n = graph.num_nodes
    out, into = (np.bincount(end, weight, minlength=n).astype(np.float64) for end in (tail, head))
    at_tail, at_head = (np.bincount(end, minlength=n) for end in (tail, head))
    if not graph.directed:
        out = into = out + into
        at_tail = at_head = at_tail + at_head
    return [(tail, out, at_tail), (head, into, at_head)]


@_registered(
    "noise-corrected",
    summary="edges no heavier than their ends make likely (noise-corrected); needs edge weights",
    prepare=_prepare_positive,
)
def noise_corrected_order(
    graph: CanonicalGraph, *, count: int, seed: int, progress: Progress, edge_weight: Any = None
) -> Tensor:
    """Edges by how many standard deviations their weight lies above its expectation, lowest first.

    Weights are numbers of interactions: with N_i the strength of the tail, N_j that of the head and
    N the sum over all arcs (both arcs of an undirected edge), the score of an edge is the lift
    L = (κ w - 1) / (κ w + 1), κ = N / (N_i N_j), and the method keeps edges with L > δ σ(L). The
    standard deviation comes from a binomial distribution of w, whose probability has a Beta prior
    with the moments of a hypergeometric one. The order is that of L / σ(L), the δ at which an edge
    falls out.

    Arguments are those of `weight_order`; weights are positive. Costs O(m log m). Source: Coscia,
    Neffke 2017, Section IV; the second parameter of the prior as in their program.

    Raises:
        GraphFormatError: The weights add up to less than 2, so they are no numbers of interactions.
    """
    (tail, out, _), (head, into, _) = _sides(graph, edge_weight)
    total = float(out.sum())
    if 0 < total < 2:
        raise GraphFormatError(
            f"the weights of all arcs add up to {total:g}; noise-corrected takes them as numbers "
            f"of interactions, at least 2 in all: multiply them by a constant"
        )
    score = noise_corrected(edge_weight, out[tail], into[head], total)
    return lowest_first(tie_classes(score, floor=1), graph, count, seed)


def noise_corrected(weight: Floats, out: Floats, into: Floats, total: float) -> Floats:
    """L / σ(L) of each edge, from its weight and the strengths of its ends, all float64 [m]."""
    if not weight.size:
        return weight
    mean = out * into / total**2  # of the prior
    variance = mean * (total - out) * (total - into) / (total**2 * (total - 1))
    # α and β of the prior times its variance, which may be 0
    alpha = mean**2 * (1 - mean) - mean * variance
    beta = mean * (1 - mean**2) - (1 - mean) * variance
    kappa = total / (out * into)
    lift = (kappa * weight - 1) / (kappa * weight + 1)
    slope = kappa * (1 - weight * (1 / out + 1 / into - 1 / total))  # of κ w in w
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = (alpha + variance * weight) / (alpha + beta + variance * total)
        spread = np.sqrt(expected * (1 - expected) * total)
        ratio = lift / (spread * 2 * np.abs(slope) / (kappa * weight + 1) ** 2)
    return np.nan_to_num(ratio, nan=0.0, posinf=1e300, neginf=-1e300)


@_registered(
    "metric-backbone",
    summary="edges that a shorter path replaces, at distances 1/weight; needs edge weights",
    prepare=_prepare_positive,
)
def metric_backbone_order(
    graph: CanonicalGraph, *, count: int, seed: int, progress: Progress, edge_weight: Any = None
) -> Tensor:
    """Edges by their distortion, the largest first.

    The length of an edge is 1 / weight, and its distortion is that length over the length of a
    shortest path between its ends. Edges of distortion above 1 break the triangle inequality:
    without all of them every distance is still the same. The edges of distortion 1, the metric
    backbone, go last, the lightest first. Distortions are those in the whole graph.

    Arguments are those of `weight_order`; weights are positive. Cost: Dijkstra's algorithm from
    every vertex, up to its longest edge: O(n (n + m) log n) at most, in blocks of 32 MiB. R-MAT of
    8,192 vertices and 43,311 edges with uniform weights takes 1.1 s of CPU time. Source: Simas,
    Correia and Rocha 2021, "semi-metric distortion"; Costa, Correia and Rocha 2022.
    """
    distortion = distortions(graph, 1 / edge_weight, share_of(progress, count))
    return lowest_first(-tie_classes(distortion), graph, count, seed, edge_weight)


def distortions(
    graph: CanonicalGraph, length: Floats, report: Share = lambda share: None
) -> Floats:
    """The length of each edge over that of a shortest path between its ends; float64 [m].

    Paths over the largest hubs bound the shortest paths from above, and differences of distances to
    a hub bound them from below. Where the bounds meet, the length is known. Edges that a path over
    a hub replaces are left out of the graph: without them all distances are the same. From the ends
    of the other edges Dijkstra's algorithm goes as far as their upper bounds.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    tail, head = graph.edges.cpu().numpy()
    n = graph.num_nodes
    shortest = length.copy()
    if not length.size:
        return shortest

    def lengths_of(some: Any) -> Any:
        ends, values = (tail[some], head[some]), length[some]
        if not graph.directed:
            ends = np.append(ends[0], ends[1]), np.append(ends[1], ends[0])
            values = np.append(values, values)
        return coo_array((values, ends), shape=(n, n)).tocsr()

    whole = lengths_of(slice(None))
    first, last = np.full((2, n), np.inf)  # lengths with which a path can begin and end
    np.minimum.at(first, tail, length)
    np.minimum.at(last, head, length)
    if not graph.directed:
        first = last = np.minimum(first, last)
    lower = np.minimum(length, first[tail] + last[head])
    degree = np.bincount(np.append(tail, head), minlength=n)
    for hub in np.argsort(-degree, kind="stable")[:HUBS]:
        out = dijkstra(whole, indices=hub)
        into = dijkstra(whole.T, indices=hub) if graph.directed else out
        np.minimum(shortest, into[tail] + out[head], out=shortest)
        with np.errstate(invalid="ignore"):  # inf - inf where the hub reaches neither end
            for far, near in ((out[head], out[tail]), (into[tail], into[head])):
                lower = np.fmax(lower, (far - near) - ROUNDING * (far + near))
    left = np.flatnonzero(lower < shortest * (1 - 100 * ROUNDING))
    tight = lengths_of(shortest >= length * (1 - 100 * ROUNDING))
    source, other = tail[left], head[left]
    if not graph.directed:  # either end will do: few that have many such edges
        many = np.bincount(np.append(source, other), minlength=n)
        swap = many[source] < many[other]
        source, other = np.where(swap, other, source), np.where(swap, source, other)
    reach = np.zeros(n)
    np.maximum.at(reach, source, shortest[left])
    sources = np.unique(source)
    sources = sources[np.argsort(reach[sources], kind="stable")]
    at_once = max(1, min(MOST_AT_ONCE, ENTRIES_AT_A_TIME // n))
    row_of = np.full(n, -1)
    for start in range(0, sources.size, at_once):
        part = sources[start : start + at_once]
        found = dijkstra(tight, indices=part, limit=reach[part[-1]] * (1 + ROUNDING))
        row_of[:] = -1
        row_of[part] = np.arange(part.size)
        here = np.flatnonzero(row_of[source] >= 0)
        exact = found[row_of[source[here]], other[here]]
        shortest[left[here]] = np.minimum(exact, shortest[left[here]])
        report((start + part.size) / sources.size)
    distortion: Floats = length / shortest
    return distortion


def _resolve_spanning(graph: UndirectedGraph, options: Options) -> Options:
    if options["num_forests"] is not None:
        checked_integer("num_forests", options["num_forests"], 1)
    return _resolve(graph, options)


@_registered(
    "maximum-spanning",
    summary="edges outside the maximum spanning forest, then forest by forest; needs edge weights",
    resolve=_resolve_spanning,
    prepare=weights_of,
    supports_directed=False,
)
def maximum_spanning_order(
    graph: UndirectedGraph,
    *,
    count: int,
    seed: int,
    progress: Progress,
    edge_weight: Any = None,
    num_forests: int | None = None,
) -> Tensor:
    """Edges by the spanning forest that they are in, those of the last forest first.

    The first forest is a maximum spanning forest, the second one of the edges that are left, and so
    on. Within a forest the lightest edge goes first. So the k heaviest forests stay for as long as
    they fit, and with them min(k, c) edge-disjoint paths between vertices that had c. Ties of the
    forests are broken as those of the order. Weights may be any finite numbers.

    Arguments are those of `weight_order`, and `num_forests`: find so many forests; the edges beyond
    them go first, the lightest first. All if not given: at most as many as the largest core number
    of the graph. Costs O(m log m), and O(m) for each forest (Nagamochi and Ibaraki 1992).
    """
    by_weight = lowest_first(edge_weight, graph, graph.num_edges, seed).cpu().numpy()
    forest = spanning_forests(graph, by_weight, num_forests, share_of(progress, count))
    order = by_weight[np.argsort(-forest[by_weight], kind="stable")][:count]
    return torch.from_numpy(order).to(graph.device)


def spanning_forests(
    graph: UndirectedGraph, ascending: Ints, most: int | None, report: Share
) -> Ints:
    """The forest of each edge, from 0 on, or `most`; int64 [m]. `ascending`: first to go first."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    n, m = graph.num_nodes, graph.num_edges
    tail, head = graph.edges.cpu().numpy()
    cost = np.empty(m)
    cost[ascending] = np.arange(m, 0, -1)  # distinct, so that the forest is unique
    forest = np.full(m, m if most is None else most)
    left = np.arange(m)
    number = 0
    while left.size and number != most:
        first = np.searchsorted(tail[left], np.arange(n + 1))
        matrix = csr_array((cost[left], head[left], first), shape=(n, n))
        kept = m - minimum_spanning_tree(matrix).data.astype(np.int64)
        forest[ascending[kept]] = number
        left = left[forest[left] != number]
        number += 1
        report(1 - left.size / m)
    return forest
