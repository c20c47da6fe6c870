"""The measures of one graph.

Degrees, components, isolated vertices and costs are exact. Clustering and 2-walk indices need
triangles. These are counted if it takes seconds; otherwise paths of two edges and vertices are
sampled. Diameters are bounded by breadth-first searches. Eigenvalues come from Lanczos iterations
of scipy. Degrees, walk indices, homophily, strong components and costs depend on directions;
clustering, diameter and eigenvalues ignore them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.base.checks import checked_integer
from wis.errors import OptionError
from wis.graph import CanonicalGraph, canonical_graph
from wis.graph.holders import opened
from wis.measure.clustering import clustering_measures
from wis.measure.facts import message_degrees
from wis.measure.spectrum import spectral_measures
from wis.measure.topology import Topology
from wis.measure.values import Measure
from wis.measure.walk_indices import walk_index_measure

MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class Settings:
    """Settings of the measures.

    Attributes:
        seed: Seed of all random draws, from 0 to 2^32 - 1.
        sample: Number of vertices, and a twentieth of the number of paths of two edges, to draw if
            exact counts would take too long; at least 10.
        walk_lengths: Lengths L - 1 of the walk indices, each at least 1.
        widths: Sizes of the embeddings before and after each layer of a GCN whose cost is measured;
            at least two.
    """

    seed: int = 0
    sample: int = 1_000
    walk_lengths: tuple[int, ...] = (1, 2)
    widths: tuple[int, ...] = (64, 64)

    def __post_init__(self) -> None:
        for name, low in (("seed", 0), ("sample", 10)):
            value = getattr(self, name)
            expected = f"an integer of at least {low}"
            checked_integer(name, value, low, MAX_SEED, expected=expected)
        for name, least in (("walk_lengths", 0), ("widths", 2)):
            values = tuple(getattr(self, name))
            if len(values) < least or not all(isinstance(v, int) and v >= 1 for v in values):
                raise OptionError(
                    f"{name} is {list(values)!r}; expected at least {least} integers from 1 on"
                )
            object.__setattr__(self, name, values)


@dataclass(frozen=True, eq=False)
class Profile:
    """The measures of one graph."""

    graph: CanonicalGraph
    topology: Topology  # the graph without directions, and its components
    measures: Mapping[str, Measure]  # by name
    degrees: np.ndarray  # int64 [n]; in-degrees of a directed graph
    labels: Tensor | None  # int64 [n], None for a graph without labels


def graph_profile(
    data: Any,
    settings: Settings | None = None,
    *,
    directed: bool = False,
    labels: Tensor | None = None,
) -> Profile:
    """Measure one graph.

    Args:
        data: The graph. Labels `y` of its vertices give homophilies.
        settings: Settings of the measures; the defaults if not given.
        directed: Whether every arc counts as an edge of its own.
        labels: Integers [n] that serve as labels if the graph has none.

    Raises:
        GraphFormatError: The argument is not a graph.
        OptionError: The number of walks of some length exceeds 64 bits.

    Cost: some seconds for a graph of a million edges, most of them for triangles.

    >>> triangle = torch.tensor([[0, 1, 2], [1, 2, 0]])
    >>> measures = graph_profile(triangle).measures
    >>> measures["transitivity"].value, measures["diameter"].value
    (1.0, 1)
    """
    settings, data = settings or Settings(), opened(data)
    graph = canonical_graph(data, directed=directed)
    topology = Topology.of(graph)
    degrees = message_degrees(graph)
    triangles, clustering = clustering_measures(topology, settings.seed, settings.sample)
    own = labels_of(data, graph)
    labels = labels if own is None else own
    measures = {
        **_counts(graph, degrees),
        **topology.measures(),
        **clustering,
        "diameter": topology.diameter(settings.seed),
        **spectral_measures(topology, settings.seed),
        **_homophilies(labels, graph),
    }
    for length in settings.walk_lengths:
        measures[f"log_walk_index_{length}"] = walk_index_measure(
            graph, length, triangles, settings.seed, settings.sample
        )
    measures |= _costs(graph, settings.widths)
    return Profile(graph, topology, measures, degrees, labels)


def _counts(graph: CanonicalGraph, degrees: np.ndarray) -> dict[str, Measure]:
    kind = "in-degree" if graph.directed else "degree"
    middle = float(np.median(degrees)) if degrees.size else 0.0
    return {
        "edges": Measure(f"{graph.noun}s", graph.num_edges),
        "mean_degree": Measure(f"mean {kind}", float(degrees.mean()) if degrees.size else 0.0),
        "median_degree": Measure(f"median {kind}", middle),
        "max_degree": Measure(f"highest {kind}", int(degrees.max(initial=0))),
    }


def labels_of(data: Any, graph: CanonicalGraph) -> Tensor | None:
    """The classes of the vertices; a negative number is a vertex without a class."""
    y = None if isinstance(data, (Tensor, CanonicalGraph)) else data.get("y")
    if not isinstance(y, Tensor) or y.is_floating_point() or y.shape != (graph.num_nodes,):
        return None
    return y.cpu().to(torch.int64)


def _homophilies(labels: Tensor | None, graph: CanonicalGraph) -> dict[str, Measure]:
    """The share of edges within a class, and its mean over vertices; empty without labels."""
    from torch_geometric.utils import homophily

    if labels is None:
        return {}
    ends = graph.edges.cpu()
    ends = ends[:, (labels[ends] >= 0).all(dim=0)]
    arcs = ends if graph.directed else torch.cat([ends, ends.flip(0)], dim=1)
    names = {"edge": "edge homophily", "node": "node homophily"}
    return {
        f"{method}_homophily": Measure(
            label, float(homophily(arcs, labels, method=method)) if arcs.size(1) else None
        )
        for method, label in names.items()
    }


def _costs(graph: CanonicalGraph, widths: tuple[int, ...]) -> dict[str, Measure]:
    """The number of arcs that carry a message, and the multiply-adds of each layer."""
    loops = sum(int((arcs[0] == arcs[1]).sum()) for arcs in graph.arcs)
    messages = graph.num_arcs - loops if graph.arcs else graph.num_edges * (2 - graph.directed)
    measures = {"messages": Measure("arcs without loops", messages)}
    for layer, (inner, outer) in enumerate(pairwise(widths), start=1):
        transform = graph.num_nodes * inner * outer
        aggregate = (messages + graph.num_nodes) * outer  # GCN adds a loop to each vertex
        measures[f"multiply_adds_layer_{layer}"] = Measure(
            f"multiply-adds of a GCN layer {inner} -> {outer}", transform + aggregate
        )
    return measures
