"""Seconds of predictions: of single vertices, of batches, and of all vertices at once.

A `Server` holds a network, features and arcs. To predict some vertices it gathers the arcs that
`wis.measure.serving.edges_read` counts, of the whole batch together, copies the features of the
vertices that it met, and runs all layers on them. With `num_neighbors` it draws so many arcs for
each vertex and layer, as PyG's `NeighborLoader` does. Both gather with
`wis.training.neighbors.NeighborSampler`. PyG's sampler needs compiled code, for which the package
index has no wheel for current torch; it would spend less on each draw.

`serve` times several graphs in turns, so that a machine whose speed drifts disturbs them alike. A
ratio of two graphs therefore says more than their seconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.sampler import NodeSamplerInput
from torch_geometric.utils import remove_self_loops

from wis.base.checks import checked_device, checked_integer
from wis.measure.serving import edges_read, multiply_adds
from wis.models.operators import Messages
from wis.training.neighbors import NeighborSampler
from wis.training.sparse import Rows

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from wis.models import GraphNetwork

LEAST_CALLS = 5
"""The fewest calls that are timed, so that a median is one."""


class SortedArcs(Messages):
    """`Messages` over arcs sorted by their ends: a sum over neighbours is one sparse product."""

    def __init__(self, edge_index: Tensor, num_nodes: int, dtype: torch.dtype) -> None:
        ones = torch.ones(edge_index.size(1), dtype=dtype, device=edge_index.device)
        super().__init__(edge_index, ones, num_nodes)
        starts = edge_index.new_zeros(num_nodes + 1)
        starts[1:] = torch.bincount(edge_index[1], minlength=num_nodes).cumsum(0)
        self.rows = Rows(starts, edge_index[0], num_nodes)

    def add(self, h: Tensor, weights: Tensor) -> Tensor:
        """See `Messages`."""
        return self.rows.times(weights, h)


class Server:
    """Predictions of a trained network on one graph.

    Full neighbourhoods give the logits of a pass over the whole graph. A network of wis divides by
    the degrees of the whole graph, since the arcs at the outermost vertices are not gathered. A
    module of another author computes degrees itself, so it gets the arcs of one more hop.

    Args:
        network: The network, in evaluation mode; it is moved to the device.
        data: The graph, with float `x` [num_nodes, in_dim]; not changed.
        depth: Number of layers of the network.
        num_neighbors: Arcs to draw for each vertex and layer, by torch's global generator; -1 for
            all.
        device: The device of the network and of all features. Arcs are gathered on the CPU.

    Attributes:
        num_arcs: Number of arcs of the last prediction.

    Raises:
        OptionError: The device cannot be used, or a number is impossible.

    >>> from wis import datasets
    >>> from wis.models import build_model
    >>> karate = datasets.load("karate")
    >>> network = build_model("gcn", karate.num_features, 2, depth=2, seed=0).eval()
    >>> server = Server(network, karate, depth=2)
    >>> some = torch.tensor([0, 33])
    >>> torch.allclose(server.predict(some), server.predict_all()[some], atol=1e-6)
    True
    """

    num_arcs = 0

    def __init__(
        self,
        network: GraphNetwork,
        data: Data,
        *,
        depth: int,
        num_neighbors: int = -1,
        device: str = "cpu",
    ) -> None:
        self.device = checked_device(device)
        depth = checked_integer("depth", depth, 1)
        self.network = network.to(self.device)
        self.draws = checked_integer("num_neighbors", num_neighbors, -1) >= 0
        assert data.x is not None
        assert data.edge_index is not None
        self.dtype = next(network.parameters()).dtype
        x = data.x if data.x.layout == torch.strided else data.x.to_dense()
        self.x = x.to(self.device, self.dtype)
        own = network.uses_operators
        arcs = remove_self_loops(data.edge_index)[0] if own else data.edge_index
        hops = depth if own or self.draws else depth + 1
        self.sampler = NeighborSampler(arcs.cpu(), len(x), num_neighbors=num_neighbors, depth=hops)
        degrees = self.sampler.starts.diff()
        ends = torch.arange(len(x), device="cpu").repeat_interleave(degrees)
        self.edge_index = torch.stack([self.sampler.sources, ends]).to(self.device)
        self.degrees = degrees.to(self.device, self.dtype)

    @torch.no_grad()
    def predict(self, vertices: Tensor) -> Tensor:
        """Logits of some vertices: int64 [k] on the CPU, no repeats -> [k, out_dim]."""
        found = self.sampler.sample_from_nodes(NodeSamplerInput(None, vertices))
        arcs = torch.stack([found.row, found.col]).to(self.device)
        nodes = found.node.to(self.device)
        self.num_arcs = arcs.size(1)
        degrees = None if self.draws else self.degrees.index_select(0, nodes)
        return self._logits(self.x.index_select(0, nodes), arcs, degrees)[: len(vertices)]

    @torch.no_grad()
    def predict_all(self) -> Tensor:
        """Logits of all vertices by one pass over all arcs, [num_nodes, out_dim]."""
        self.num_arcs = self.edge_index.size(1)
        return self._logits(self.x, self.edge_index, self.degrees)

    def _logits(self, x: Tensor, arcs: Tensor, degrees: Tensor | None) -> Tensor:
        if not self.network.uses_operators:
            logits: Tensor = self.network(x, arcs)
            return logits
        graph = SortedArcs(arcs, len(x), self.dtype)
        if degrees is not None:
            graph.degrees = degrees
        return self.network.over(x, graph)

    def seconds(self, vertices: Tensor | None) -> float:
        """Wall time of a prediction, of all vertices for None; a GPU works from begin to end."""
        self._wait()
        start = time.perf_counter()
        _ = self.predict_all() if vertices is None else self.predict(vertices)
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        """Wait until a GPU has done what it was asked."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


@dataclass(frozen=True)
class Load:
    """The predictions that are timed.

    Attributes:
        batch_sizes: Vertices of a batch; a graph with fewer vertices has one batch of all. Without
            any, nothing is timed, and costs are counts alone.
        repeats: Number of calls for single vertices; r / √k, at least `LEAST_CALLS`, for batches of
            k vertices. All vertices are predicted `LEAST_CALLS` times.
        num_vertices: Vertices over which the edges read are averaged.
        num_neighbors: Arcs that neighbour sampling draws for each vertex and layer.
        seed: Seed of the vertices and of the sampling.
    """

    batch_sizes: tuple[int, ...] = (1, 32, 1024)
    repeats: int = 200
    num_vertices: int = 300
    num_neighbors: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for size in self.batch_sizes:
            checked_integer("batch_sizes", size, 1)
        for name, least in (("repeats", 1), ("num_vertices", 1), ("num_neighbors", 1), ("seed", 0)):
            checked_integer(name, getattr(self, name), least)

    def batches(self, num_nodes: int, size: int) -> list[Tensor]:
        """The batches of a size, each drawn without repeats."""
        rng = np.random.default_rng([self.seed, size])
        calls = max(LEAST_CALLS, math.ceil(self.repeats / math.sqrt(size)))
        size = min(size, num_nodes)
        drawn = (rng.choice(num_nodes, size, replace=False) for _ in range(calls))
        return [torch.from_numpy(each) for each in drawn]


def serve(
    network: GraphNetwork,
    graphs: Sequence[Data],
    *,
    depth: int,
    load: Load | None = None,
    device: str = "cpu",
) -> list[dict[str, Any]]:
    """Time predictions of one network on several graphs over the same vertices.

    The graphs are served in turns, forwards and backwards, with the same batches. The first call of
    each kind is made twice, and its first time is left out.

    Args:
        network: The network, in evaluation mode.
        graphs: Graphs with features `x`, such as a cut graph and the whole graph.
        depth: Number of layers of the network.
        load: The predictions; the usual ones if None.
        device: As for `Server`.

    Returns:
        For each graph `edges_read` (the mean over some vertices), `multiply_adds` (of a pass over
        the graph), and for each kind of prediction its number of calls `num`, `mean_s`, `median_s`,
        `p95_s` and mean number of `arcs`. The kinds are `all` (one pass over the graph),
        ``full_K`` and ``sampled_K`` for batches of K vertices, with full neighbourhoods and with
        neighbour sampling.

    Raises:
        OptionError: As for `Server`.

    >>> from wis import datasets, sparsify
    >>> from wis.models import build_model
    >>> karate = datasets.load("karate")
    >>> network = build_model("gcn", karate.num_features, 2, depth=2, seed=0).eval()
    >>> graphs = [karate, sparsify(karate, remove="50%")]
    >>> before, after = serve(network, graphs, depth=2, load=Load(batch_sizes=(1,), repeats=5))
    >>> before["full_1"]["arcs"] > after["full_1"]["arcs"], after["all"]["arcs"]
    (True, 78.0)
    """
    load = load or Load()
    n = int(graphs[0].num_nodes or 0)
    some = torch.from_numpy(
        np.random.default_rng(load.seed).choice(n, min(n, load.num_vertices), replace=False)
    )
    found: list[dict[str, Any]] = [
        {
            "edges_read": float(edges_read(graph, some, depth=depth).double().mean()),
            "multiply_adds": multiply_adds(
                network, num_nodes=n, num_arcs=remove_self_loops(graph.edge_index)[0].size(1)
            ),
        }
        for graph in graphs
    ]
    if not load.batch_sizes:
        return found
    full = [Server(network, graph, depth=depth, device=device) for graph in graphs]
    drawn = [
        Server(network, graph, depth=depth, num_neighbors=load.num_neighbors, device=device)
        for graph in graphs
    ]
    kinds: dict[str, tuple[list[Server], Sequence[Tensor | None]]] = {
        "all": (full, [None] * LEAST_CALLS)
    }
    for size in load.batch_sizes:
        batches = load.batches(n, size)
        kinds |= {f"full_{size}": (full, batches), f"sampled_{size}": (drawn, batches)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(load.seed)
        for kind, (servers, calls) in kinds.items():
            for facts, measured in zip(found, in_turns(servers, calls), strict=True):
                facts[kind] = measured
    return found


def in_turns(servers: Sequence[Server], calls: Sequence[Tensor | None]) -> list[dict[str, float]]:
    """Make all calls with each server, in turns; None stands for all vertices."""
    seconds: list[list[float]] = [[] for _ in servers]
    arcs: list[list[int]] = [[] for _ in servers]
    order = range(len(servers))
    for number, vertices in enumerate([calls[0], *calls]):
        for place in order if number % 2 else reversed(order):
            seconds[place].append(servers[place].seconds(vertices))
            arcs[place].append(servers[place].num_arcs)
    return [
        {**_summary(taken[1:]), "arcs": float(np.mean(read[1:]))}
        for taken, read in zip(seconds, arcs, strict=True)
    ]


def _summary(seconds: Sequence[float]) -> dict[str, float]:
    median, p95 = np.percentile(seconds, [50, 95])
    mean = np.mean(seconds)
    return {
        "num": len(seconds),
        "mean_s": float(mean),
        "median_s": float(median),
        "p95_s": float(p95),
    }
