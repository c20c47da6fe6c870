"""Chapter 5: Figure 5.2's walk indices, and the tightness of Theorems 7 and 8.

`fig5_2` checks the orders of growth in the caption of Figure 5.2. `appendixD_1` compares the bounds
on the graphs of Appendix D.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import networkx as nx
import numpy as np

from wis.theory.admissible import Method, admissible_subset
from wis.theory.bounds import SeparationBounds
from wis.theory.experiments.claims import (
    Claim,
    Judgement,
    Row,
    Rule,
    State,
    each_row,
    grouped,
    where,
)
from wis.theory.experiments.experiment import Experiment, Outcome, Request
from wis.theory.experiments.registry import add_experiments
from wis.theory.figure5_2 import figure5_2_problems
from wis.theory.rank_bounds import rank_interval
from wis.theory.statements.chapter5 import as_graph
from wis.theory.typed_graph import TypedGraph

LIMITS = {
    ("I1", "graph"): (2, 0.5),
    ("I2", "graph"): (3, 0.25),
    ("I1", "vertex"): (1, 0.5),
    ("I2", "vertex"): (2, 0.25),
}
"""For two cliques, depth 3: the power of |V| with which the walk index grows, and the factor."""


@dataclass(frozen=True)
class Figure52Size:
    """Sizes of the cliques, and of the networks whose ranks are bounded."""

    cliques: tuple[int, ...]
    depth: int = 3
    width: int = 16


def walk_indices(size: Figure52Size, request: Request) -> Outcome:
    """Walk indices and intervals of separation ranks for both partitions of growing cliques."""
    rows: list[Row] = []
    for clique in size.cliques:
        for name, asked in figure5_2_problems(clique, size.depth, size.width, max_side=1):
            rows.append(
                {
                    "partition": name,
                    "task": "graph" if asked.bounds.target is None else "vertex",
                    "num_nodes": 2 * clique,
                    "walk_index": asked.bounds.walk_index,
                    "log_at_least": asked.lower.log,
                    "log_at_most": asked.upper.log,
                }
            )
    last = [row for row in rows if row["num_nodes"] == 2 * size.cliques[-1]]
    shown = (f"{row['partition']}, {row['task']}: {row['walk_index']:,}" for row in last)
    nodes = last[0]["num_nodes"]
    return Outcome(rows, f"Walk indices with {nodes} vertices: {'; '.join(shown)}.")


def grows_as(partition: str, task: str, rows: Sequence[Row]) -> Judgement:
    """Whether the walk index over a power of |V| tends to a factor."""
    power, factor = LIMITS[partition, task]
    own = {
        row["num_nodes"]: row["walk_index"] / row["num_nodes"] ** power
        for row in where(rows, partition=partition, task=task)
    }
    label = f"walk index over |V|^{power}"
    if len(own) < 2:
        return Judgement(State.CANNOT_TELL, f"{label}: fewer than two sizes")
    (n, before), (m, after) = sorted(own.items())[-2:]
    limit = (m * after - n * before) / (m - n)  # exact for factor + constant / |V|
    text = f"{label}: {after:.4g} at {m} vertices, {limit:.4g} in the limit, expected {factor:g}"
    return Judgement(_within(abs(limit / factor - 1), 0.01, 0.1), text)


def _within(miss: float, small: float, large: float) -> State:
    if miss < small:
        return State.AGREES
    return State.DISAGREES if miss > large else State.CANNOT_TELL


def second_is_stronger(rows: Sequence[Row]) -> Judgement:
    """A rule: the interval of I2 lies above that of I1 on each graph, for each task."""
    pairs = (
        {row["partition"]: row for row in own}
        for own in grouped(rows, "num_nodes", "task").values()
    )
    both = [pair for pair in pairs if len(pair) == 2]
    above = sum(pair["I2"]["log_at_least"] > pair["I1"]["log_at_most"] for pair in both)
    below = sum(pair["I2"]["log_at_most"] <= pair["I1"]["log_at_least"] for pair in both)
    found = f"I2 proven higher in {above} of {len(both)} cases, proven not higher in {below}"
    if below:
        return Judgement(State.DISAGREES, found)
    return Judgement(State.AGREES if both and above == len(both) else State.CANNOT_TELL, found)


def _figure_claims() -> Iterator[Claim]:
    for (partition, task), (power, factor) in LIMITS.items():
        name = "2-walk index" if task == "graph" else "(2, t)-walk index"
        yield Claim(
            f"{partition}-{task}",
            "Figure 5.2",
            f"The {name} of {partition} grows as |V|^{power}, {factor:g} times for these cliques.",
            "The limit of the ratio, extrapolated from the two largest graphs, is within 1 % of "
            "the factor; it disagrees if it is off by more than 10 %.",
            partial(grows_as, partition, task),
        )
    yield Claim(
        "I2-is-stronger",
        "Figure 5.2",
        "A higher separation rank can be attained with respect to I2 than with respect to I1.",
        "On each graph and for each task the proven lower end for I2 is above the proven upper end "
        "for I1; it disagrees if an upper end for I2 is not above the lower end for I1.",
        second_is_stronger,
    )


@dataclass(frozen=True)
class TightnessSize:
    """Complete graphs, chains and other graphs of Appendix D.1.

    Attributes:
        complete: Vertices of the complete graphs.
        num_nodes: Vertices of the other graphs.
        subsets: Random subsets of each of them.
        width: Width of the networks of fixed width.
    """

    complete: tuple[int, ...]
    num_nodes: int = 16
    subsets: int = 4
    width: int = 16
    depth: int = 3


def tightness(size: TightnessSize, request: Request) -> Outcome:
    """The share of the boundary that an admissible subset covers, and the bounds."""
    draw = np.random.default_rng(request.seed)
    rows = [_complete(n, size, wide) for n in size.complete for wide in (False, True)]
    for family, graph, method in _families(size.num_nodes, request.seed):
        for _ in range(size.subsets):
            chosen = draw.permutation(size.num_nodes)[: draw.integers(1, size.num_nodes)]
            rows.append(_covered(family, typed(graph), sorted(chosen.tolist()), method, size))
    least = min(row["covered"] for row in rows)
    summary = f"The admissible subsets cover at least {least:.0%} of the boundaries."
    return Outcome(rows, summary)


def _families(n: int, seed: int) -> Iterator[tuple[str, Any, Method]]:
    side = max(2, round(math.sqrt(n)))
    yield "chain", nx.path_graph(n), "chain"
    yield "cycle", nx.cycle_graph(n), "auto"
    yield "star", nx.star_graph(n - 1), "auto"
    yield "grid", nx.grid_2d_graph(side, -(-n // side)), "auto"
    yield "random tree", nx.random_labeled_tree(n, seed=seed), "auto"
    yield "random, 3-regular", nx.random_regular_graph(3, n + n % 2, seed=seed), "auto"


def typed(graph: Any) -> TypedGraph:
    """A networkx graph, with vertices numbered in its order, for the theory."""
    plain = nx.convert_node_labels_to_integers(graph)
    return as_graph(list(plain.edges), plain.number_of_nodes())


def _complete(n: int, size: TightnessSize, wide: bool) -> Row:
    graph = typed(nx.complete_graph(n))
    width = n**size.depth if wide else size.width  # as many as walks
    regime = "width = walk index" if wide else f"width {size.width}"
    subset = list(range(n // 2))
    row = _covered("complete", graph, subset, "single-pair", size)
    bounds = SeparationBounds(graph, subset, size.depth, width)
    return {**row, **_logarithms(bounds), "regime": regime}


def _covered(
    family: str, graph: TypedGraph, subset: list[int], method: Method, size: TightnessSize
) -> Row:
    network = SeparationBounds(graph, subset, size.depth, size.width)
    found = admissible_subset(graph, subset, [1] * graph.num_nodes, method)
    return {
        "family": family,
        "num_nodes": graph.num_nodes,
        "num_boundary": len(network.boundary),
        "covered": len(found.vertices) / max(1, len(network.boundary)),
        "regime": f"width {size.width}",
        **_logarithms(network),
    }


def _logarithms(bounds: SeparationBounds) -> Row:
    least, most = rank_interval(bounds)
    return {
        "walk_index": bounds.walk_index,
        "theorem_8": bounds.lower.log,
        "log_at_least": least.log,
        "log_at_most": most.log,
        "theorem_7": bounds.upper.log,
    }


def covers(family: str, least: float) -> Rule:
    """A rule: on all graphs of a family an admissible subset covers a share of the boundary."""
    part = "all" if least == 1 else f"at least {100 * least:.0f} %"
    return each_row(
        lambda row: row["covered"] >= least,
        f"{family} graphs of which {part} of the boundary is covered",
        given=lambda row: row["family"] == family and row["num_boundary"],
    )


def logarithmic(wide: bool, rows: Sequence[Row]) -> Judgement:
    """Whether Theorem 7's bound over Theorem 8's grows as the logarithm of the walk index."""
    own = {
        row["walk_index"]: row["theorem_7"] / row["theorem_8"]
        for row in where(rows, family="complete")
        if row["regime"].startswith("width =") == wide
    }
    if len(own) < 2:
        return Judgement(State.CANNOT_TELL, "fewer than two complete graphs")
    (n, before), (m, after) = sorted(own.items())[-2:]
    growth = after / math.log(m) / (before / math.log(n))
    text = (
        f"Theorem 7 over Theorem 8: {before:.3g} at walk index {n}, {after:.3g} at {m}; "
        f"ratio / log(walk index) grows by a factor of {growth:.2f}"
    )
    return Judgement(_within(growth - 1, 0.1, 0.5), text)


_LOGARITHMIC_RULE = (
    "Between the two largest complete graphs, the ratio of the bounds divided by the logarithm of "
    "the walk index grows by less than 10 %; it disagrees if it grows by more than 50 %."
)

TIGHTNESS_CLAIMS = (
    Claim(
        "complete-graphs-are-covered",
        "Appendix D.1",
        "In a complete graph the whole boundary is an admissible subset of itself.",
        "It holds for every complete graph.",
        covers("complete", 1.0),
    ),
    Claim(
        "half-of-a-chain",
        "Appendix D.1",
        "In a chain an admissible subset covers at least half of the boundary.",
        "The construction of Appendix D.1 covers half for every random subset.",
        covers("chain", 0.5),
    ),
    Claim(
        "tight-if-wide",
        "Theorem 8; Appendix D.1",
        "For complete graphs and a width that grows with the walk index, the bounds of Theorems 7 "
        "and 8 coincide up to a logarithmic factor.",
        _LOGARITHMIC_RULE,
        partial(logarithmic, True),
    ),
    Claim(
        "tight-at-fixed-width",
        "Our control: Appendix D.1 outside the range where Theorem 8 is tight",
        "Appendix D.1 read at a fixed width D, where Theorem 8's bound stays below D - 1: for "
        "complete graphs the bounds of Theorems 7 and 8 coincide up to a logarithmic factor.",
        _LOGARITHMIC_RULE,
        partial(logarithmic, False),
    ),
)

add_experiments(
    Experiment(
        "fig5_2",
        "walk indices and ranks of the two partitions of growing cliques",
        walk_indices,
        Figure52Size((4, 8, 16)),
        Figure52Size((4, 8, 16, 32, 64, 128)),
        tuple(_figure_claims()),
    ),
    Experiment(
        "appendixD_1",
        "how tight the bounds of Theorems 7 and 8 are on complete graphs, chains and others",
        tightness,
        TightnessSize((4, 6, 8)),
        TightnessSize((4, 8, 12, 16, 24), num_nodes=32, subsets=10),
        TIGHTNESS_CLAIMS,
        source="Appendix D.1; Theorems 7, 8",
    ),
)
