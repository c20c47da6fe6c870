"""From scores to an order: lowest first, ties in random order; ``scores`` and ``random``.

Many edges have the same score: 46 % of the edges of Cora have a Jaccard coefficient of 0. If ties
went by edge id, the vertices that the file lists first would lose all their edges. So edges of
equal score go in the order of a shuffle that the seed draws. To number the vertices differently
then has the same effect as another seed.

A score that is one rounding of an exact number is compared as it is. Other scores are sums,
logarithms or inverses: their last digits differ between edges that are equal by symmetry, and
change with the number of threads. Those go through `tie_classes` first.

The method ``scores`` ranks by numbers of the user's own, such as those of an explainer: a score
says how much an edge matters. The provenance records where the scores came from and a digest of
them, so that a saved order can be checked against the same ones. Uniformly random removal is the
baseline of Figures 5.3 and D.5 (Section 5.5.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.base.arrays import stable_argsort
from wis.base.checks import check_digest
from wis.base.progress import Progress
from wis.errors import OptionError, UnknownNameError, echo
from wis.graph import CanonicalGraph, UndirectedGraph
from wis.graph.edge_weights import COMBINE, digest_of, edge_scores
from wis.methods.certificates import Checked, Fault
from wis.methods.draws import Draws
from wis.methods.registry import register

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Share = Callable[[float], None]
"""Called with the share of the work that is done, from 0 to 1."""

TIE = 2.0**-30
"""Relative distance, about 9e-10, up to which two neighbouring scores are a tie."""

DRAWN_AT_ONCE = 1 << 14
TIES = 0x71E5
"""Part of the seed of shuffles, so that these are independent of draws that scores come from."""


def tie_classes(score: Floats, *, floor: float = 0.0) -> Ints:
    """Integers in the order of the scores, equal where these are equal up to rounding.

    Sorted scores are cut where one is more than `TIE` above the one before. A fixed grid of
    intervals would not do: the last digits of a score near a border would decide.

    Args:
        score: float64 [m], finite; none negative unless there is a floor.
        floor: Scores nearer to 0 than this are compared as if they were so far away.

    Returns:
        int64 [m], from 0 on without gaps. Costs O(m log m).
    """
    order = np.argsort(score)
    ascending = score[order]
    classes = np.zeros(score.size, dtype=np.int64)
    least = ascending[:-1] * (1 + TIE)
    if floor:
        least = ascending[:-1] + TIE * np.maximum(np.abs(ascending[:-1]), floor)
    classes[order[1:]] = np.cumsum(ascending[1:] > least)
    return classes


def shuffled(num_edges: int, seed: int) -> Ints:
    """All edge ids in the random sequence in which edges of equal score go; int64 [m].

    They are independent of other draws that a method makes with the same seed.
    """
    return np.random.default_rng([seed, TIES]).permutation(num_edges)


def tie_ranks(num_edges: int, seed: int) -> Ints:
    """The place of each edge in the sequence of `shuffled`, from 0 on; int64 [m]."""
    rank = np.empty(num_edges, dtype=np.int64)
    rank[shuffled(num_edges, seed)] = np.arange(num_edges)
    return rank


def lowest_first(
    score: Floats | Ints, graph: CanonicalGraph, count: int, seed: int, *then: Floats | Ints
) -> Tensor:
    """The first `count` edges by ascending score; equal ones by `then`, or as `shuffled`."""
    sequence = shuffled(graph.num_edges, seed)
    ranked = sequence[np.lexsort([key[sequence] for key in (*reversed(then), score)])]
    return torch.from_numpy(ranked[:count]).to(graph.device)


def check_ascending(
    graph: CanonicalGraph, edge_ids: Tensor, score: Floats, what: str, last: Ints | None
) -> Checked:
    """The certificate of an order by scores: no edge is left that may go and has a lower one.

    `last`, int64 [m], holds the last step at which each edge may go, that of its removal if it
    goes; if it is not given, all that are left may.

    Raises:
        NotGreedyError: A lower one is left; the message names the first such step.
    """
    ids = edge_ids.cpu().numpy()
    if last is None:
        last = np.full(graph.num_edges, ids.size)
        last[ids] = np.arange(ids.size)
    until, least = np.minimum(last, ids.size), np.full(ids.size + 1, np.inf)
    np.minimum.at(least, until[until >= 0], score[until >= 0])
    least = np.minimum.accumulate(least[::-1])[::-1]
    wrong = np.flatnonzero(score[ids] > least[: ids.size])
    if wrong.size:
        step = int(wrong[0])
        better = int(np.flatnonzero((until >= step) & (score == least[step]))[0])
        why = f"whose {what} is {score[better]:g}, not {score[ids[step]]:g}"
        raise Fault(step, better).error(graph, edge_ids, why)
    return Checked(ids.size, not_covered=("the sequence of equal ones, which the seed draws",))


def drawn_last_first(
    weight: Floats, graph: UndirectedGraph, count: int, seed: int
) -> tuple[Tensor, Draws]:
    """Draw all edges by weight; those drawn last are removed first. Returns the draws, too.

    Each edge left is drawn next with a probability proportional to its weight, float64 [m] and
    positive: the sequence in which a sample with replacement meets the edges. O(m log m).
    """
    draws = Draws.of(weight, seed)
    last_first = np.argsort(-draws.arrival, kind="stable")[:count]
    return torch.from_numpy(last_first).to(graph.device), draws


def share_of(progress: Progress, count: int) -> Share:
    """Report shares of the work as numbers of edges."""
    return lambda share: progress(int(share * count))


def neighbour_lists(graph: UndirectedGraph) -> tuple[Ints, Ints, Ints]:
    """The graph by rows: where the row of each vertex starts, its neighbours, and the edges there.

    Returns:
        int64 [n + 1], [2m] and [2m]; neighbours ascend within a row. O(m log m).
    """
    edges = graph.edges.cpu()
    ends = torch.cat([edges, edges.flip(0)], dim=1)
    by_row = stable_argsort(ends[0] * graph.num_nodes + ends[1])
    starts = np.zeros(graph.num_nodes + 1, dtype=np.int64)
    np.cumsum(np.bincount(ends[0].numpy(), minlength=graph.num_nodes), out=starts[1:])
    return starts, ends[1, by_row].numpy(), (by_row % max(graph.num_edges, 1)).numpy()


def uniform_numbers(seed: int) -> Iterator[float]:
    """Endless random numbers from [0, 1), drawn in blocks."""
    generator = np.random.default_rng(seed)
    while True:
        yield from generator.random(DRAWN_AT_ONCE).tolist()


GIVEN, FUNCTION = "(given)", "function "


def _resolve(graph: CanonicalGraph, options: dict[str, Any]) -> dict[str, Any]:
    if options["scores"] is None:
        raise OptionError(
            "method 'scores' needs scores (--scores COLUMN): one number for each arc or edge, the "
            "name of an attribute of the arcs, or a function of the graph"
        )
    if options["combine"] not in COMBINE:
        raise UnknownNameError.among("combine", echo(str(options["combine"])), COMBINE)
    if not isinstance(options["reverse"], bool):
        raise OptionError(f"reverse is {echo(options['reverse'])}; expected true or false")
    return options


def _prepare(
    graph: CanonicalGraph, data: Any, options: dict[str, Any], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Look the scores up; their origin and digest are recorded.

    The options of a saved order come with these, and its scores must be found again.
    """
    options = dict(options)
    made_for = options.pop("scores_digest", None)
    options = _resolve(graph, options)
    scores, origin = options["scores"], GIVEN
    if isinstance(scores, str):
        if made_for and (scores == GIVEN or scores.startswith(FUNCTION)):
            raise OptionError(
                "the order was made by scores that it cannot look up; give them again with scores="
            )
        origin = scores
    elif callable(scores) and not isinstance(scores, (Tensor, Mapping)):
        origin = FUNCTION + getattr(scores, "__qualname__", type(scores).__qualname__)
    values = edge_scores(graph, data, scores, options["combine"])
    digest = digest_of(values)
    check_digest("these scores", digest, made_for)
    record = {**options, "scores": origin, "scores_digest": digest}
    return {**options, "scores": -values if options["reverse"] else values}, record


def _check(
    graph: CanonicalGraph, edge_ids: Tensor, *, last: Ints | None = None, **given: Any
) -> Checked:
    """The certificate; with `reverse` the scores are negative already."""
    what = "negated score" if given["reverse"] else "score"
    return check_ascending(graph, edge_ids, given["scores"], what, last)


@register(
    "scores",
    summary="low scores first: numbers of your own, such as those of an explainer; needs scores",
    uses_seed=True,
    resolve=_resolve,
    prepare=_prepare,
    verify=_check,
    supports_directed=True,
)
def scores_order(
    graph: CanonicalGraph,
    *,
    count: int,
    seed: int,
    progress: Progress,
    scores: Any = None,
    combine: str = "mean",
    reverse: bool = False,
) -> Tensor:
    """Edges by given scores, the lowest first, or with `reverse` the highest. Costs O(m log m).

    `scores` are a number for each arc or for each edge, the name of an attribute of the arcs, or a
    function (`wis.graph.edge_weights.edge_scores`). `combine` says how the scores of the arcs of an
    edge become one: ``"mean"``, ``"sum"``, ``"min"`` or ``"max"``.
    """
    return lowest_first(scores, graph, count, seed)


@register(
    "random",
    summary="edges in uniformly random order (the baseline)",
    uses_seed=True,
    supports_directed=True,
)
def random_order(graph: CanonicalGraph, *, count: int, seed: int, progress: Progress) -> Tensor:
    """A uniformly random permutation of the edges, for a seed the same on every device. O(m)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(graph.num_edges, generator=generator, device="cpu")[:count].to(
        graph.device
    )
