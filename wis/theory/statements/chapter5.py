"""Chapter 5 on random small graphs: Theorem 6, and Algorithms 1 to 3.

- `theorem6`: whether partitions of higher walk index have higher separation rank. Ranks are those
  of almost all product networks, computed exactly (`wis.theory.generic_rank`);
- `algorithm1`: whether WIS prunes the edge that costs the walk indices least, against all edges
  that are left, and how often that edge costs the separation ranks least.

Source: Sections 5.4 and 5.5, Appendices D.4 and D.5.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from wis.base.checks import checked_integer
from wis.theory.bounds import SeparationBounds
from wis.theory.experiments.claims import Claim, Judgement, every, grouped, over_seeds, share_of
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, share
from wis.theory.experiments.registry import add_experiments
from wis.theory.generic_rank import RankProblem
from wis.theory.typed_graph import TypedGraph

Edges = list[tuple[int, int]]


def random_edges(num_nodes: int, num_edges: int, draw: np.random.Generator) -> Edges:
    """Distinct random edges, u < v, sorted."""
    pairs = list(itertools.combinations(range(num_nodes), 2))
    return [pairs[at] for at in np.sort(draw.choice(len(pairs), num_edges, replace=False))]


def as_graph(edges: Edges, num_nodes: int) -> TypedGraph:
    """An undirected graph; it may have no edge."""
    index = torch.tensor(edges, dtype=torch.int64, device="cpu").reshape(-1, 2).t()
    return TypedGraph.from_any(index, num_nodes)


# Theorem 6


@dataclass(frozen=True)
class Theorem6Size:
    """Random graphs, the networks on them, and the largest matrix whose rank is computed."""

    num_graphs: int
    num_nodes: int = 6
    num_edges: int = 7
    depths: tuple[int, ...] = (2, 3)
    width: int = 2
    max_side: int = 256


def theorem6(size: Theorem6Size, request: Request) -> Outcome:
    """Walk index and separation rank of all partitions into halves.

    Graph prediction is measured at the first depth only, since its ranks soon exceed `max_side`.
    """
    checked_integer("num_graphs", size.num_graphs, 1)
    draw = np.random.default_rng(request.seed)
    n = size.num_nodes
    rows: list[Row] = []
    networks = [(size.depths[0], None), *((depth, 0) for depth in size.depths)]
    for number in request.each("theorem6", range(size.num_graphs)):
        graph = as_graph(random_edges(n, size.num_edges, draw), n)
        halves = [part for part in itertools.combinations(range(n), n // 2) if 0 in part]
        for (depth, target), part in itertools.product(networks, halves):
            bounds = SeparationBounds(graph, part, depth, size.width, target=target)
            found = RankProblem(bounds, max_side=size.max_side).rank()
            task = f"{'graph' if target is None else 'vertex'} prediction, depth {depth}"
            rows.append(
                {
                    "graph": number,
                    "task": task,
                    "subset": list(part),
                    "walk_index": bounds.walk_index,
                    "rank": found.rank,
                    "is_saturated": found.is_saturated,
                }
            )
    return Outcome(
        rows,
        f"{len(rows)} cases: all halves of {size.num_graphs} random graphs of {n} vertices and "
        f"{size.num_edges} edges, width {size.width}. Ranks of {size.max_side} and more, "
        f"{share([row['is_saturated'] for row in rows])}, count as ties.",
    )


def correlation(rows: Sequence[Row]) -> float | None:
    """Spearman's correlation of walk index and rank over partitions of a graph, mean over tasks.

    Tasks in which all partitions have the same walk index or rank are left out.
    """
    from scipy.stats import spearmanr

    tasks = (
        np.array([[row["walk_index"], row["rank"]] for row in own]).T
        for own in grouped(rows, "task").values()
    )
    found = [spearmanr(*pair).statistic for pair in tasks if np.ptp(pair, axis=1).all()]
    return float(np.mean(found)) if found else None


def _judge_order(rows: Sequence[Row], above: float, task: str = "") -> Judgement:
    chosen = [row for row in rows if row["task"].startswith(task)]
    values = [correlation(own) for own in grouped(chosen, "seed", "graph").values()]
    found = [value for value in values if value is not None]
    unit, left = "graphs", len(values) - len(found)
    if left:
        unit += f", {left} left out because all their partitions have one walk index or one rank"
    return over_seeds(found, "rank correlation", above=above, unit=unit)


def _order_claim(task: str) -> Claim:
    return Claim(
        f"{task}-order",
        "Our reading of Theorem 6",
        f"In {task} prediction, partitions of higher walk index have higher separation rank.",
        "Agrees if the 95 % interval of Spearman's correlation over graphs lies above 0, disagrees "
        "if it lies below.",
        lambda rows: _judge_order(rows, 0, task),
    )


THEOREM6 = Experiment(
    "theorem6",
    "partitions of higher walk index have higher separation rank",
    theorem6,
    Theorem6Size(6),
    Theorem6Size(30, max_side=512),
    (
        _order_claim("graph"),
        _order_claim("vertex"),
        Claim(
            "primarily",
            "Section 5.4.3; Chapter 5, introduction",
            "The separation rank is primarily determined by the walk index.",
            "Agrees if the 95 % interval of Spearman's correlation over graphs lies above 0.7 "
            "(half of the variance of the ranks), disagrees if it lies below.",
            lambda rows: _judge_order(rows, 0.5**0.5),
        ),
    ),
)


# Algorithms 1 to 3


@dataclass(frozen=True)
class Algorithm1Size:
    """Random graphs, lengths of walks, and the width of the networks for separation ranks."""

    num_graphs: int
    num_nodes: int = 6
    num_edges: int = 8
    walk_lengths: tuple[int, ...] = (1, 2, 3)
    width: int = 2


def kept_indices(edges: Edges, num_nodes: int, walk_length: int) -> tuple[int, ...]:
    """The sorted walk indices WI_{l,t}({t}) of all vertices t, the tuple of Algorithm 1.

    Walks of length l from the boundary of {t} to t are closed walks of length l + 1, since the
    boundary of a vertex with neighbours is its closed neighbourhood. It is empty without any.
    """
    adjacency = np.eye(num_nodes, dtype=np.int64)
    for u, v in edges:
        adjacency[u, v] = adjacency[v, u] = 1
    closed = np.diag(np.linalg.matrix_power(adjacency, walk_length + 1))
    return tuple(sorted((closed * (adjacency.sum(axis=0) > 1)).tolist()))


def kept_ranks(edges: Edges, num_nodes: int, depth: int, width: int) -> tuple[int, ...]:
    """The sorted separation ranks of almost all networks, at each vertex t with respect to {t}."""
    graph = as_graph(edges, num_nodes)
    networks = (SeparationBounds(graph, [t], depth, width, target=t) for t in range(num_nodes))
    return tuple(sorted(RankProblem(each, max_side=64).rank().rank for each in networks))


def best_edges(tuples: dict[tuple[int, int], tuple[int, ...]]) -> set[tuple[int, int]]:
    """The edges whose tuple is the greatest in lexicographic order."""
    best = max(tuples.values())
    return {edge for edge, values in tuples.items() if values == best}


def best_by_degree(edges: Edges, num_nodes: int) -> set[tuple[int, int]]:
    """The edges that Algorithm 2 may prune: the highest smaller degree, then the highest larger."""
    degree = np.bincount(np.array(edges).ravel(), minlength=num_nodes) + 1
    return best_edges({(u, v): tuple(sorted((degree[u], degree[v]))) for u, v in edges})


def without(edges: Edges, *gone: tuple[int, int]) -> Edges:
    """The edges that are left."""
    return [edge for edge in edges if edge not in gone]


def algorithm1(size: Algorithm1Size, request: Request) -> Outcome:
    """Hold removal orders against all edges that could go in each step."""
    checked_integer("num_graphs", size.num_graphs, 1)
    draw = np.random.default_rng(request.seed)
    rows: list[Row] = []
    for number in request.each("algorithm1", range(size.num_graphs)):
        edges = random_edges(size.num_nodes, size.num_edges, draw)
        rows += [{"graph": number, **_pruned(edges, size, k)} for k in size.walk_lengths]
    return Outcome(
        rows,
        f"After half of the edges, the walk indices that the greedy choice left were those of the "
        f"best choice of as many edges in {share([row['is_best_of_all'] for row in rows])} cases "
        f"({size.num_graphs} random graphs of {size.num_nodes} vertices and {size.num_edges} "
        "edges). Algorithm 1 does not promise that.",
    )


def _pruned(edges: Edges, size: Algorithm1Size, walk_length: int) -> Row:
    from wis import removal_order

    n, index = size.num_nodes, torch.tensor(edges, device="cpu").t()
    greedy, same = {"wis": [], "gwis": []}, []  # type: dict[str, list[bool]], list[bool]
    for method, flags in greedy.items():
        options: dict[str, Any] = {"engine": "local"} if method == "wis" and walk_length > 1 else {}
        order = removal_order(index, method, num_nodes=n, walk_length=walk_length, **options)
        left = list(edges)
        for u, v in order.edges.t().tolist():
            best = best_edges({e: kept_indices(without(left, e), n, walk_length) for e in left})
            flags.append((u, v) in best)
            if method == "wis" and walk_length == 1:
                same.append(best == best_by_degree(left, n))
            left.remove((u, v))
        if method == "wis":
            first, half = (*order.edges[:, 0].tolist(),), len(edges) // 2
            gone = [(u, v) for u, v in order.edges[:, :half].t().tolist()]
    kept = kept_indices(without(edges, *gone), n, walk_length)
    others = itertools.combinations(edges, half)
    most = max(kept_indices(without(edges, *other), n, walk_length) for other in others)
    ranks = {e: kept_ranks(without(edges, e), n, walk_length + 1, size.width) for e in edges}
    return {
        "walk_length": walk_length,
        "num_steps": len(edges),
        "greedy_steps": sum(greedy["wis"]),
        "greedy_steps_of_scheme": sum(greedy["gwis"]),
        "steps_as_by_degree": sum(same) if walk_length == 1 else None,
        "is_best_of_all": kept == most,
        "costs_ranks_least": first in best_edges(ranks),
        "by_chance": len(best_edges(ranks)) / len(edges),
    }


def _all_steps(column: str) -> Any:
    def decide(rows: Sequence[Row]) -> Judgement:
        flags = [row[column] == row["num_steps"] for row in rows if row[column] is not None]
        return every(flags, "orders all of whose steps are right")

    return decide


def _smallest_toll(rows: Sequence[Row]) -> Judgement:
    """One value for each graph: walks of several lengths in one graph are no independent draws."""
    graphs = grouped(rows, "seed", "graph").values()
    chance = float(np.mean([row["by_chance"] for row in rows])) if rows else 0.0
    label = (
        "graphs whose first pruned edge leaves the greatest separation ranks for each length "
        f"(by chance {chance:.2f} for one length)"
    )
    return share_of([all(row["costs_ranks_least"] for row in own) for own in graphs], label)


ALGORITHM1 = Experiment(
    "algorithm1",
    "WIS prunes the edge whose removal costs the walk indices least",
    algorithm1,
    Algorithm1Size(12),
    Algorithm1Size(100, num_nodes=7, num_edges=11),
    (
        Claim(
            "greedy",
            "Algorithm 1; Section 5.5.1",
            "In each step WIS prunes an edge whose removal leaves the greatest walk indices.",
            "Agrees if in every step of every order no other edge leaves a greater tuple, "
            "disagrees if one step does otherwise.",
            _all_steps("greedy_steps"),
        ),
        Claim(
            "degrees-suffice",
            "Algorithm 2; Appendix D.5",
            "Degrees alone choose the same edges as 1-walk indices.",
            "Agrees if in every step both rules allow the same set of edges, disagrees otherwise.",
            _all_steps("steps_as_by_degree"),
        ),
        Claim(
            "instance-of-the-scheme",
            "Algorithm 3; Appendix D.4",
            "WIS is the general scheme with all single vertices as partitions.",
            "Agrees if every step of the scheme's orders is one that WIS may take, disagrees "
            "otherwise.",
            _all_steps("greedy_steps_of_scheme"),
        ),
        Claim(
            "smallest-toll",
            "Section 5.5.1",
            "The pruned edge takes the smallest toll in terms of the interactions that can be "
            "modeled.",
            "Agrees if in more than half of the graphs the first pruned edge leaves the greatest "
            "separation ranks of all edges, for walks of each length, by the 95 % interval of the "
            "share of graphs; disagrees if in fewer.",
            _smallest_toll,
        ),
    ),
    source="Algorithms 1 to 3",
)


add_experiments(THEOREM6, ALGORITHM1)
