"""Graphs for hypothesis: small odd ones, and larger ones, since small graphs hide errors."""

from __future__ import annotations

import random

import torch
from hypothesis import strategies as st
from oracles import Edge, canonical_edges
from torch import Tensor

Graph = tuple[int, list[Edge]]
"""Number of vertices and arcs: one-way, repeated, loops, as it comes."""


@st.composite
def small_graphs(draw: st.DrawFn, max_num_nodes: int = 8, max_num_arcs: int = 24) -> Graph:
    num_nodes = draw(st.integers(0, max_num_nodes))
    if num_nodes == 0:
        return 0, []
    vertex = st.integers(0, num_nodes - 1)
    arcs = draw(st.lists(st.tuples(vertex, vertex), max_size=max_num_arcs))
    return num_nodes, arcs


@st.composite
def large_graphs(draw: st.DrawFn) -> Graph:
    """About 160 vertices and up to some 1,500 edges; finds what small graphs do not."""
    kind = draw(st.sampled_from([sparse, power_law, near_twins, hubs, small_world]))
    return kind(random.Random(draw(st.integers(0, 10**6))))


def sparse(rng: random.Random) -> Graph:
    n = rng.randint(130, 190)
    return n, [(rng.randrange(n), rng.randrange(n)) for _ in range(rng.randint(n, 5 * n))]


def power_law(rng: random.Random) -> Graph:
    n = rng.randint(130, 190)
    weights = [1 / (1 + v) ** rng.uniform(0.5, 1) for v in range(n)]
    arcs = zip(rng.choices(range(n), weights, k=1500), rng.choices(range(n), k=1500), strict=True)
    return n, list(arcs)


def near_twins(rng: random.Random) -> Graph:
    """Overlapping groups whose members have nearly the same neighbours."""
    arcs = []
    for _ in range(rng.randint(2, 5)):
        group = rng.sample(range(160), rng.randint(10, 24))
        arcs += [(u, v) for u in group for v in group if u < v and rng.random() < 0.95]
    return 160, arcs


def hubs(rng: random.Random) -> Graph:
    """Hubs of similar height compete for the same vertices."""
    num_hubs = rng.randint(2, 12)
    lights = range(num_hubs, 160)
    arcs = [(h, v) for h in range(num_hubs) for v in lights if rng.random() < 0.6]
    arcs += [(rng.choice(lights), rng.choice(lights)) for _ in range(rng.randint(0, 300))]
    return 160, arcs


def small_world(rng: random.Random) -> Graph:
    arcs = [(v, (v + step) % 160) for v in range(160) for step in (1, 2, 3)]
    return 160, [(u, rng.randrange(160) if rng.random() < 0.1 else v) for u, v in arcs]


def edge_index_of(arcs: list[Edge]) -> Tensor:
    return torch.tensor(arcs, dtype=torch.int64).reshape(-1, 2).T.contiguous()


def as_pairs(edges: Tensor) -> list[Edge]:
    """Columns of a tensor of shape [2, k] as the oracles like them."""
    return [(u, v) for u, v in edges.T.tolist()]


@st.composite
def rearranged(draw: st.DrawFn, arcs: list[Edge]) -> list[Edge]:
    """Other arcs of the same graph: shuffled, turned round, repeated, with loops."""
    rng = random.Random(draw(st.integers(0, 10**6)))
    result = [arc if rng.random() < 0.5 else arc[::-1] for arc in arcs]
    result += rng.choices(arcs, k=len(arcs) // 3) if arcs else []
    result += [(u, u) for u, _ in arcs[:2]]
    rng.shuffle(result)
    assert canonical_edges(result) == canonical_edges(arcs)
    return result
