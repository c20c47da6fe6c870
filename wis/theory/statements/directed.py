"""Theorems 10 and 11 on random directed graphs with two edge types, and on stars.

The ranks of almost all product networks must lie within the bounds. A star shows that walks of the
greatest length alone, which are enough in undirected graphs (Theorem 7), are not enough here: no
walk leaves its centre, so its walk index is 1 at every depth, but its rank grows with the depth.

Source: Appendix D.2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from wis.base.checks import checked_integer
from wis.theory.bounds import SeparationBounds
from wis.theory.experiments.claims import Claim, Judgement, Rule, State, each_row, where
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row
from wis.theory.experiments.registry import add_experiments
from wis.theory.generic_rank import RankProblem
from wis.theory.typed_graph import TypedGraph


@dataclass(frozen=True)
class Theorem10Size:
    """Random directed graphs of two edge types, and stars of which arcs lead to the centre."""

    num_graphs: int
    num_nodes: int = 5
    arc_share: float = 0.3
    depths: tuple[int, ...] = (1, 2, 3)
    width: int = 2
    star_depths: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    star_leaves: int = 6
    max_side: int = 256


def theorem10(size: Theorem10Size, request: Request) -> Outcome:
    """Bounds and ranks of directed graphs with two edge types, and of stars."""
    checked_integer("num_graphs", size.num_graphs, 1)
    draw = np.random.default_rng(request.seed)
    n = size.num_nodes
    rows: list[Row] = []
    for number in request.each("theorem10", range(size.num_graphs)):
        graph = _random_directed(n, size.arc_share, draw)
        members = np.flatnonzero(draw.random(n) < 0.5).tolist()
        for depth, target in itertools.product(size.depths, (None, int(draw.integers(n)))):
            row = _bounded(graph, members, depth, target, size)
            rows.append({"family": "random", "graph": number, **row})
    leaves = range(1, size.star_leaves + 1)
    arcs = torch.tensor([[*leaves], [0] * size.star_leaves], device="cpu")
    star = TypedGraph.from_any(arcs, size.star_leaves + 1, directed=True)
    half = leaves[: size.star_leaves // 2]
    rows += [
        {"family": "star", "graph": 0, **_bounded(star, half, depth, 0, size)}
        for depth in size.star_depths
    ]
    star_rows = where(rows, family="star")
    return Outcome(
        rows,
        f"{len(rows) - len(star_rows)} cases of random directed graphs of {n} vertices with two "
        f"edge types, and stars with {size.star_leaves} arcs to the centre. Ranks at their centres "
        f"are {', '.join(str(row['rank']) for row in star_rows)} at depths "
        f"{', '.join(map(str, size.star_depths))}, all with a walk index of 1.",
    )


def _random_directed(n: int, chance: float, draw: np.random.Generator) -> TypedGraph:
    from torch_geometric.data import Data

    tails, heads = np.nonzero((draw.random((n, n)) < chance) & ~np.eye(n, dtype=bool))
    index = torch.from_numpy(np.stack([tails, heads]))
    kinds = torch.from_numpy(draw.integers(2, size=tails.size))
    return TypedGraph.from_any(Data(edge_index=index, edge_type=kinds, num_nodes=n), directed=True)


def _bounded(
    graph: TypedGraph, members: Any, depth: int, target: int | None, size: Theorem10Size
) -> Row:
    bounds = SeparationBounds(graph, members, depth, size.width, target=target)
    found = RankProblem(bounds, max_side=size.max_side).rank()
    return {
        "task": "graph prediction" if target is None else "vertex prediction",
        "depth": depth,
        "num_types": graph.num_types,
        "walk_index": bounds.walk_index,
        "rank": found.rank,
        "is_saturated": found.is_saturated,
        "log_rank": found.log_rank if found.rank else None,
        "log_lower": bounds.lower.log,
        "log_cut": bounds.merged_cut.log_weight,
        "log_upper": bounds.upper.log,
        # the exponent of Theorem 7, which is for undirected graphs
        "log_undirected": (4 * bounds.walk_index + (target is None)) * math.log(size.width),
    }


ROUNDING = 1e-9


def _within(column: str, sign: int) -> Rule:
    """A rule: ranks respect a bound; a rank at the limit of the matrix may be higher."""

    def holds(row: Row) -> bool:
        rank = -math.inf if row["log_rank"] is None else row["log_rank"]
        return bool(sign * (row[column] - rank) >= -ROUNDING)

    return each_row(
        holds,
        f"ranks at or {'below' if sign > 0 else 'above'} the bound",
        # A saturated rank is only a lower bound: it can break an upper bound, or meet a lower.
        given=lambda row: not row["is_saturated"] or holds(row) == (sign < 0),
    )


def shorter_walks(rows: Sequence[Row]) -> Judgement:
    """Whether the ranks of stars exceed the bound that only has the longest walks."""
    stars = where(rows, family="star")
    if not stars:
        return Judgement(State.CANNOT_TELL, "no star")
    above = [row["depth"] for row in stars if row["log_rank"] > row["log_undirected"] + ROUNDING]
    deepest = max(row["depth"] for row in stars)
    places = f"at the depths {', '.join(map(str, sorted(set(above))))}" if above else "at none"
    text = f"stars of depths up to {deepest}: the rank exceeds the bound {places}"
    if above:
        return Judgement(State.AGREES, text)
    # Up to depth 4 the bound of Theorem 10 is not above that of Theorem 7, so ranks cannot be.
    return Judgement(State.DISAGREES if deepest > 6 else State.CANNOT_TELL, text)


add_experiments(
    Experiment(
        "theorem10",
        "bounds of directed graphs with edge types hold, and need walks of all lengths",
        theorem10,
        Theorem10Size(12),
        Theorem10Size(100, max_side=512, star_depths=(1, 2, 3, 4, 5, 6, 7, 8)),
        (
            Claim(
                "upper",
                "Theorem 10, Equations (D.2) and (D.3)",
                "For all weights the sum over walks of lengths below the depth bounds the rank.",
                "Agrees if no rank is above its bound, disagrees if one is.",
                _within("log_upper", 1),
            ),
            Claim(
                "lower",
                "Theorem 11, Equations (D.4) and (D.5)",
                "For almost all weights the walks from an admissible subset bound the rank from "
                "below.",
                "Agrees if no rank is below its bound, disagrees if one is.",
                _within("log_lower", -1),
            ),
            Claim(
                "cut",
                "Lemma 51; Appendix D.7.4",
                "The least cut of the tensor network bounds the rank.",
                "Agrees if no rank is above the cut, disagrees if one is.",
                _within("log_cut", 1),
            ),
            Claim(
                "shorter-walks",
                "Appendix D.2",
                "In directed graphs walks of the greatest length alone do not bound the rank as "
                "they do in undirected graphs.",
                "Agrees if the rank of a star is above the bound of Theorem 7, disagrees if none "
                "is at depths up to 7 or more, and cannot tell from smaller depths.",
                shorter_walks,
            ),
        ),
        source="Theorems 10 and 11",
    )
)
