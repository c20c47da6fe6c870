"""Section 5.4.1: whether more edges mean more interaction.

`more_edges` adds edges to random trees until the graph is complete, and measures the separation
rank of almost all networks after each. The rank often falls again when the graph gets dense: the
network on a complete graph is a polynomial in a single vector, the product of all features.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import networkx as nx
import numpy as np

from wis.base.checks import checked_integer
from wis.theory.bounds import SeparationBounds
from wis.theory.experiments.claims import Claim, Row, each_seed, where
from wis.theory.experiments.experiment import Experiment, Outcome, Request
from wis.theory.experiments.registry import add_experiments
from wis.theory.generic_rank import RankProblem
from wis.theory.statements.separation import typed

TASKS = {"graph": None, "vertex": 0}
"""Targets of the tasks of `more_edges`."""


@dataclass(frozen=True)
class MoreEdgesSize:
    """Random trees that become complete graphs, edge by edge, and the networks."""

    graphs: int
    num_nodes: int = 6
    depth: int = 2
    width: int = 2
    max_side: int = 512


def more_edges(size: MoreEdgesSize, request: Request) -> Outcome:
    """Walk index and separation rank of half of the vertices after each added edge."""
    checked_integer("graphs", size.graphs, 1)
    draw = np.random.default_rng(request.seed)
    rows: list[Row] = []
    n = size.num_nodes
    total = len(TASKS) * size.graphs * (n * (n - 1) // 2 - n + 2)
    with request.watch("ranks", total) as progress:
        for number in range(size.graphs):
            graph = nx.random_labeled_tree(n, seed=int(draw.integers(1 << 31)))
            missing = list(nx.non_edges(graph))
            added = [missing[k] for k in draw.permutation(len(missing))]
            subset = sorted(draw.permutation(n)[: n // 2].tolist())
            for edges in ((), *((edge,) for edge in added)):
                graph.add_edges_from(edges)
                for task, target in TASKS.items():
                    row = {"graph": number, "task": task, "num_edges": graph.number_of_edges()}
                    rows.append(row | _rank_of(graph, subset, target, size))
                    progress(len(rows))
    shares = (f"{task} prediction, {_rises(rows, task):.0%}" for task in TASKS)
    summary = f"Of the added edges that changed the rank these raised it: {'; '.join(shares)}."
    return Outcome(rows, summary)


def _rank_of(graph: Any, subset: list[int], target: int | None, size: MoreEdgesSize) -> Row:
    bounds = SeparationBounds(typed(graph), subset, size.depth, size.width, target=target)
    found = RankProblem(bounds, max_side=size.max_side).rank()
    ranks = {"rank": found.rank, "state": found.state}
    return {"walk_index": bounds.walk_index, **ranks, "theorem_7": bounds.upper.log}


def additions(
    rows: Sequence[Mapping[str, Any]], task: str
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Rows before and after each added edge, unless both ranks are only lower bounds.

    A lower bound ends above all ranks that are known, which are below `max_side`.
    """
    keys = ("seed", "graph")
    own = [row for row in rows if row["task"] == task]
    return [
        (before, after)
        for before, after in itertools.pairwise(own)
        if all(before.get(key) == after.get(key) for key in keys)
        and (before["state"], after["state"]) != ("interval", "interval")
    ]


def _rises(rows: Sequence[Row], task: str) -> float:
    """Of the added edges that change the rank, the share that raises it."""
    changes = [after["rank"] - before["rank"] for before, after in additions(rows, task)]
    rises = [change > 0 for change in changes if change]
    return sum(rises) / len(rises) if rises else math.nan


def _correlation(rows: Sequence[Row], task: str) -> float:
    from scipy.stats import spearmanr

    own = where(rows, task=task)
    cap = min((row["rank"] for row in own if row["state"] == "interval"), default=math.inf)
    pairs = [[row["walk_index"] for row in own], [min(row["rank"], cap) for row in own]]
    varied = len(own) > 2 and all(len(set(values)) > 1 for values in pairs)
    return float(spearmanr(*pairs).statistic) if varied else math.nan


def _edges_claims() -> Iterator[Claim]:
    for task in TASKS:
        yield Claim(
            f"edges-raise-the-rank-{task}",
            "Our reading of Section 5.4.1",
            "Adding edges can enhance the modelled interaction; we read that as: an added edge "
            f"more often raises than lowers the separation rank of {task} prediction.",
            "Agrees if the 95 % interval over the seeds of the share of rises lies above 0.5, "
            "disagrees if below.",
            each_seed(
                partial(_rises, task=task),
                "share of changes of the rank that are rises",
                above=0.5,
            ),
        )
        yield Claim(
            f"walk-index-orders-ranks-{task}",
            "Our reading of Theorem 6",
            f"The walk index controls the separation rank of {task} prediction: a higher one comes "
            "with a higher rank, which the theorem's bound alone does not imply.",
            "Agrees if the 95 % interval over the seeds of their rank correlation lies above 0, "
            "disagrees if below; ranks that are only lower bounds count as equal.",
            each_seed(
                partial(_correlation, task=task),
                "rank correlation of walk index and separation rank",
                above=0,
            ),
        )


add_experiments(
    Experiment(
        "more_edges",
        "whether added edges raise separation ranks, as the thesis remarks on Theorem 6",
        more_edges,
        MoreEdgesSize(2, num_nodes=5),
        MoreEdgesSize(5),
        tuple(_edges_claims()),
        source="Section 5.4.1, added edges",
    ),
)
