"""Figure 5.2: two partitions of two cliques that are joined by an edge.

The first partition separates the cliques and has two boundary vertices. The second divides both
cliques, so every vertex is on its boundary. Its walk index is higher by about the number of
vertices, and product networks can model stronger interaction across it. The rows hold the bounds
and the separation ranks that almost all product networks have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wis.base.checks import checked_integer
from wis.theory.bounds import SeparationBounds
from wis.theory.generic_rank import MAX_SIDE, GenericRank, RankProblem
from wis.theory.typed_graph import TypedGraph


@dataclass(frozen=True)
class PartitionFacts:
    """Bounds and measured rank of one partition and one task.

    Attributes:
        name: ``"I1"`` or ``"I2"``.
        bounds: The network with its subset and target, and the bounds of the theorems.
        measured: The separation rank for almost all weights, or an interval that holds it.
    """

    name: str
    bounds: SeparationBounds
    measured: GenericRank

    @property
    def target(self) -> int | None:
        """Vertex t, None for graph prediction."""
        return self.bounds.target

    def as_record(self) -> dict[str, Any]:
        """The facts for JSON."""
        about = {"name": self.name, "subset": self.bounds.subset, "target": self.target}
        found = {"bounds": self.bounds.as_record(), "measured": self.measured.as_record()}
        return {**about, **found}


def two_cliques(size: int) -> Tensor:
    """Two cliques joined by an edge, as an `edge_index` with each edge in one direction.

    >>> two_cliques(2).tolist()
    [[0, 2, 1], [1, 3, 2]]

    Args:
        size: Vertices of each clique, at least 2: ids 0 ... size - 1 and size ... 2 size - 1.

    Returns:
        int64 tensor of shape [2, size · (size - 1) + 1]; the last edge joins the cliques.

    Raises:
        OptionError: The size is invalid.
    """
    checked_integer("size", size, 2, expected="an integer of at least 2")
    one = torch.combinations(torch.arange(size, device="cpu")).t()
    return torch.cat([one, one + size, torch.tensor([[size - 1], [size]], device="cpu")], dim=1)


def partitions(size: int) -> dict[str, tuple[int, ...]]:
    """I1: the first clique. I2: half of each clique, rounded up in the first."""
    halves = [*range((size + 1) // 2), *range(size, size + size // 2)]
    return {"I1": tuple(range(size)), "I2": tuple(halves)}


def figure5_2_problems(
    size: int,
    depth: int,
    width: int,
    *,
    in_dim: int | None = None,
    target: int = 0,
    seed: int = 0,
    max_side: int = MAX_SIDE,
) -> list[tuple[str, RankProblem]]:
    """The four ranks that `figure5_2` computes, each with the name of its partition."""
    graph = TypedGraph.from_any(two_cliques(size))
    networks = [
        (name, SeparationBounds(graph, subset, depth, width, in_dim=in_dim, target=t))
        for t in (None, target)
        for name, subset in partitions(size).items()
    ]
    return [(name, RankProblem(each, seed=seed, max_side=max_side)) for name, each in networks]


def figure5_2(size: int, depth: int, width: int, **options: Any) -> list[PartitionFacts]:
    """Walk indices, bounds and separation ranks of both partitions.

    >>> [(row.name, row.bounds.walk_index) for row in figure5_2(3, 2, 2, max_side=32)[:2]]
    [('I1', 8), ('I2', 20)]

    Cliques have `size` vertices, at least 2. Options are the `target` of vertex prediction (0), and
    those of `PartitionedNetwork` and `RankProblem`, which give the errors and the cost of a row.

    Returns:
        Four rows: both partitions for graph prediction, then both for vertex prediction.
    """
    problems = figure5_2_problems(size, depth, width, **options)
    return [PartitionFacts(name, each.bounds, each.rank()) for name, each in problems]
