"""The methods ``scores``, by numbers of the user's own such as an explainer's, and ``random``.

The low scores go first: a score says how much an edge matters. The provenance records where the
scores came from and a digest of them, so that a saved order can be checked against the same ones.
Uniformly random removal is the baseline of Figures 5.3 and D.5 (Section 5.5.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from wis.base.progress import Progress
from wis.errors import OptionError, UnknownNameError, echo
from wis.graph import CanonicalGraph
from wis.graph.edge_weights import COMBINE, digest_of, edge_scores
from wis.methods.baselines.ranking import check_ascending, lowest_first
from wis.methods.certificates import Checked
from wis.methods.registry import register

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
    if made_for not in (None, digest):
        raise OptionError(
            f"these scores are not those that the order was made for: digest {digest[:8]}, not "
            f"{echo(str(made_for)[:8])}"
        )
    record = {**options, "scores": origin, "scores_digest": digest}
    return {**options, "scores": -values if options["reverse"] else values}, record


def _check(graph: CanonicalGraph, edge_ids: Tensor, **given: Any) -> Checked:
    """The certificate; with `reverse` the scores are negative already."""
    what = "negated score" if given["reverse"] else "score"
    return check_ascending(graph, edge_ids, given["scores"], what)


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
    """Edges by given scores, the lowest first. Costs O(m log m).

    Args:
        graph: The graph, or a directed one.
        count: Length of the order.
        seed: Seed of the shuffle in which edges of equal score go.
        progress: Called as the work is done.
        scores: A number for each arc or for each edge, the name of an attribute of the arcs, or a
            function; see `wis.graph.edge_weights.edge_scores`.
        combine: How the scores of the arcs of an edge become one: ``"mean"``, ``"sum"``, ``"min"``
            or ``"max"``.
        reverse: The highest scores go first.
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
