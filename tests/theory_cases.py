"""Graphs, partitions and network sizes for the theory, as hypothesis draws them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from strategies import edge_index_of, small_graphs
from torch_geometric.data import Data

from wis.theory.bounds import SeparationBounds
from wis.theory.generic_rank import RankProblem
from wis.theory.typed_graph import TypedGraph


@dataclass(frozen=True)
class Case:
    """A graph with a subset and a target, and the sizes of a network."""

    graph: TypedGraph
    subset: list[int]
    target: int | None
    depth: int
    width: int
    in_dim: int

    @property
    def arcs(self) -> dict[tuple[int, int], int]:
        """The arcs with their types, as the oracles like them."""
        pairs = self.graph.arcs.T.tolist()
        return {(j, i): q for (j, i), q in zip(pairs, self.graph.types.tolist(), strict=True)}

    def bounds(self, **options: Any) -> SeparationBounds:
        return SeparationBounds(
            self.graph, self.subset, self.depth, self.width,
            in_dim=self.in_dim, target=self.target, **options,
        )  # fmt: skip

    def problem(self, **options: Any) -> RankProblem:
        return RankProblem(self.bounds(), **options)


@st.composite
def typed_graphs(
    draw: st.DrawFn, max_num_nodes: int = 5, max_num_arcs: int = 9, directed: bool | None = None
) -> TypedGraph:
    graphs = small_graphs(max_num_nodes=max_num_nodes, max_num_arcs=max_num_arcs)
    num_nodes, arcs = draw(graphs.filter(lambda graph: graph[0] > 0))
    if directed is None:
        directed = draw(st.booleans())
    data = Data(edge_index=edge_index_of(arcs), num_nodes=num_nodes)
    if draw(st.booleans()):
        kinds = {arc: draw(st.integers(0, 2)) for arc in dict.fromkeys(arcs)}
        data.edge_type = torch.tensor([kinds[arc] for arc in arcs], dtype=torch.int64)
    return TypedGraph.from_any(data, directed=directed)


@st.composite
def cases(
    draw: st.DrawFn,
    max_num_nodes: int = 5,
    max_num_arcs: int = 9,
    max_depth: int = 3,
    max_width: int = 3,
) -> Case:
    """Half of them small and odd; half with many arcs and layers, which hypothesis hardly draws."""
    if draw(st.booleans()):
        rng = random.Random(draw(st.integers(0, 10**6)))
        return rich_case(rng, max_num_nodes, max_num_arcs, max_depth, max_width)
    graph = draw(typed_graphs(max_num_nodes=max_num_nodes, max_num_arcs=max_num_arcs))
    vertex = st.integers(0, graph.num_nodes - 1)
    subset = draw(st.sets(vertex))
    target = draw(st.none() | vertex)
    size = st.integers(1, max_width)
    return Case(
        graph, sorted(subset), target, draw(st.integers(1, max_depth)), draw(size), draw(size)
    )


def rich_case(
    rng: random.Random, num_nodes: int, max_num_arcs: int, max_depth: int, max_width: int
) -> Case:
    vertices = range(num_nodes)
    num_arcs = rng.randint(max_num_arcs // 2, max_num_arcs)
    arcs = [(rng.choice(vertices), rng.choice(vertices)) for _ in range(num_arcs)]
    data = Data(edge_index=edge_index_of(arcs), num_nodes=num_nodes)
    if rng.random() < 0.5:
        kinds = {arc: rng.randrange(2) for arc in arcs}
        data.edge_type = torch.tensor([kinds[arc] for arc in arcs], dtype=torch.int64)
    graph = TypedGraph.from_any(data, directed=rng.random() < 0.5)
    subset = sorted(rng.sample(vertices, rng.randint(1, num_nodes - 1)))
    target = rng.choice([None, *vertices])
    sizes = (rng.randint(min(2, most), most) for most in (max_depth, max_width, max_width))
    return Case(graph, subset, target, *sizes)
