"""Chapter 6: networks on chains and grids, which are like recurrent and convolutional networks.

A message-passing network over a grid is a convolutional network with overlapping windows, over a
chain a bidirectional recurrent network, so the bounds of Chapter 5 extend results for these:

- Convolutional networks that merge neighbours first model exponentially more interaction across
  interleaved partitions than across contiguous ones (Cohen and Shashua, ICLR 2017,
  arXiv:1605.06743).
- A deep recurrent network models exponentially more interaction between the beginning and the end
  of its input than a network of one layer, whose separation rank is at most its width (Levine,
  Sharir, Ziv and Shashua, 2017, arXiv:1710.09431).

Source: Chapter 6, footnote 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import networkx as nx
import numpy as np

from wis.theory.bounds import SeparationBounds
from wis.theory.experiments.claims import Claim, Judgement, State, where
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, share
from wis.theory.experiments.registry import add_experiments
from wis.theory.generic_rank import RankProblem
from wis.theory.statements.separation import typed

Shape = tuple[int, int]


@dataclass(frozen=True)
class Chapter6Size:
    """Chains and grids as (rows, columns), for ranks and for walk indices alone."""

    chains: tuple[int, ...]
    grids: tuple[Shape, ...] = ((2, 2), (2, 3))
    depths: tuple[int, ...] = (1, 2)
    width: int = 2
    max_side: int = 512
    long_sides: tuple[int, ...] = (8, 12, 16, 24, 32)


def partitions(rows: int, columns: int) -> dict[str, list[int]]:
    """The left half of the columns, and every other vertex as on a chessboard.

    >>> partitions(1, 4)
    {'contiguous': [0, 1], 'interleaved': [1, 3]}
    """
    i, j = np.indices((rows, columns))
    chosen = {"contiguous": j < columns // 2, "interleaved": (i + j) % 2 == 1}
    return {name: np.flatnonzero(mask).tolist() for name, mask in chosen.items()}


def chapter6(size: Chapter6Size, request: Request) -> Outcome:
    """Walk indices of chains and grids, and separation ranks of the small ones."""
    shapes = [(1, length) for length in size.chains] + [*size.grids]
    cases = [(shape, depth, True) for shape in shapes for depth in size.depths]
    longest = max(size.depths)
    cases += [((1, side**2), longest, False) for side in size.long_sides]
    cases += [((side, side), longest, False) for side in size.long_sides]
    rows: list[Row] = []
    for shape, depth, ranked in request.each("chapter6", cases):
        graph = typed(nx.grid_2d_graph(*shape))
        for name, subset in partitions(*shape).items():
            network = SeparationBounds(graph, subset, depth, size.width)
            row = {
                "family": "chain" if shape[0] == 1 else "grid",
                "shape": list(shape),
                "num_nodes": graph.num_nodes,
                "depth": depth,
                "partition": name,
                "walk_index": network.walk_index,
            }
            if ranked:
                found = RankProblem(network, seed=request.seed, max_side=size.max_side).rank()
                row |= {"rank": found.rank, "is_saturated": found.is_saturated}
            rows.append(row)
    saturated = [row["is_saturated"] for row in rows if "rank" in row]
    return Outcome(
        rows,
        f"Graph prediction, width {size.width}; {share(saturated)} ranks reached the limit of "
        f"{size.max_side} and are only lower bounds.",
    )


def _deepest(rows: Sequence[Row]) -> int:
    return max((row["depth"] for row in rows), default=0)


def interleaved_grows(rows: Sequence[Row]) -> Judgement:
    """Whether the rank grows by a factor with every pair of vertices, or stops growing."""
    deep = [row for row in where(rows, family="chain", depth=_deepest(rows)) if "rank" in row]
    columns = itemgetter("num_nodes", "rank", "is_saturated")  # the last: only a lower bound
    by_kind = {
        name: sorted(set(map(columns, where(deep, partition=name))))
        for name in ("contiguous", "interleaved")
    }
    shown = "; ".join(
        f"{name} " + ", ".join(f"{'≥' * bound}{rank}" for _, rank, bound in ranks)
        for name, ranks in by_kind.items()
    )
    lengths = sorted({length for ranks in by_kind.values() for length, _, _ in ranks})
    text = f"ranks on chains of {', '.join(map(str, lengths)) or 'no'} vertices: {shown}"
    exact = {name: [r for _, r, bound in ranks if not bound] for name, ranks in by_kind.items()}
    bounded, grown = exact["contiguous"], exact["interleaved"]
    if len(bounded) < 3 or len(grown) < 3 or len(bounded) < len(by_kind["contiguous"]):
        return Judgement(State.CANNOT_TELL, text)
    grows = all(after >= 2 * before for before, after in itertools.pairwise(grown))
    settles = bounded[-1] == bounded[-2]
    return Judgement(State.AGREES if grows and settles else State.DISAGREES, text)


def depth_multiplies(rows: Sequence[Row]) -> Judgement:
    """Whether one layer gives a rank of at most the width, and more layers give its square."""
    found = [r for r in where(rows, family="chain", partition="contiguous") if r.get("rank")]
    one = [row["rank"] for row in found if row["depth"] == 1]
    more = [row["rank"] for row in found if row["depth"] > 1 and row["num_nodes"] > 2]
    if not one or not more:
        return Judgement(State.CANNOT_TELL, "depths 1 and 2 are needed")
    width = found[0]["settings"]["width"]
    text = f"ranks at depth 1 up to {max(one)}, at larger depths {min(more)} and more"
    holds = max(one) <= width and min(more) > width**2
    return Judgement(State.AGREES if holds else State.DISAGREES, text)


EXPONENTS = {
    ("chain", "contiguous"): 0.0,
    ("chain", "interleaved"): 1.0,
    ("grid", "contiguous"): 0.5,
    ("grid", "interleaved"): 1.0,
}


def walk_index_exponents(rows: Sequence[Row]) -> Judgement:
    """The exponents with which walk indices grow with the number of vertices, against theirs."""
    texts, flags = [], []
    for (family, name), expected in EXPONENTS.items():
        points = sorted(
            {
                (row["num_nodes"], row["walk_index"])
                for row in where(rows, family=family, partition=name)
                if "rank" not in row
            }
        )
        if len(points) < 2:
            return Judgement(State.CANNOT_TELL, "two sizes of each family are needed")
        (n, first), (m, last) = points[-2:]
        found = math.log(last / first) / math.log(m / n)
        texts.append(f"{family}, {name} {found:.2f} ({expected:g})")
        flags.append(abs(found - expected) < 0.1)
    state = State.AGREES if all(flags) else State.DISAGREES
    return Judgement(state, f"exponents between the two largest sizes: {'; '.join(texts)}")


add_experiments(
    Experiment(
        "chapter6",
        "interleaved partitions: far higher ranks on chains, higher walk indices on grids",
        chapter6,
        Chapter6Size((2, 4, 6, 8)),
        Chapter6Size((2, 4, 6, 8, 10), grids=((2, 2), (2, 3), (2, 4), (3, 3)), max_side=2048),
        (
            Claim(
                "interleaved-grows",
                "[49], cited in Chapter 6, footnote 1",
                "On a chain the separation rank of interleaved partitions grows exponentially "
                "with the length, that of contiguous ones stays bounded.",
                "Agrees if the interleaved rank at least doubles with each two vertices and the "
                "contiguous one is equal at the two largest lengths, disagrees otherwise; three "
                "exact ranks of each are needed, so both words rest on a few short chains.",
                interleaved_grows,
            ),
            Claim(
                "depth-multiplies",
                "[132], cited in Chapter 6, footnote 1",
                "Depth raises the separation rank between the two ends of a chain beyond the "
                "width.",
                "Agrees if all ranks of one layer are at most the width and all of more layers "
                "above its square, disagrees otherwise.",
                depth_multiplies,
            ),
            Claim(
                "walk-indices",
                "Definition 11; Chapter 6, footnote 1",
                "Walk indices of interleaved partitions grow with the number n of vertices, those "
                "of contiguous ones with √n on a square grid and not at all on a chain.",
                "Agrees if the four exponents between the two largest sizes (chain, contiguous and "
                "interleaved; grid, contiguous and interleaved) differ from 0, 1, 0.5 and 1 by "
                "less than 0.1, disagrees otherwise.",
                walk_index_exponents,
            ),
        ),
        source="Chapter 6, footnote 1",
    )
)
