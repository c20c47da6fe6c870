"""Seeded random graphs of any size, drawn by numpy.

A seed gives the same graph on every machine. All generators return a `Data` without self-loops and
parallel edges. Its `edge_index` holds the canonical edges (u < v, sorted by (u, v)), then their
reverses.

- `rmat`: recursive matrix graphs (Chakrabarti, Zhan, Faloutsos, SDM 2004) with the probabilities of
  Graph500, but without its noise: heavy-tailed degrees and many isolated vertices.
- `barabasi_albert`: preferential attachment (Barabási, Albert, Science 286, 1999); each new vertex
  is joined to `degree` earlier ones. A plain loop, since every draw depends on those before it. It
  is several times faster than networkx and needs far less memory.
- `stochastic_block_model`: planted communities (Holland, Laskey, Leinhardt, Social Networks 5,
  1983), drawn by skipping from edge to edge, so that sparse graphs cost O(n + m) and not O(n²).
- `contextual_block_model`: two communities that shape both the edges and noisy features
  (Deshpande, Sen, Montanari, Mossel, NeurIPS 2018), with the masks of a split.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wis.datasets.splits import random_masks
from wis.datasets.table import register
from wis.errors import OptionError

if TYPE_CHECKING:
    from torch_geometric.data import Data

Ints = NDArray[Any]  # int32 or int64

SOURCE = "generated"
MAX_NUM_NODES = 1 << 31
CHUNK = 1 << 18
"""Random numbers drawn at a time: 2 MB fit into the cache. The graph does not depend on it."""


@register(
    "rmat",
    summary="R-MAT: heavy-tailed degrees; 2^scale vertices, `edges` arcs drawn",
    source=SOURCE,
)
def rmat(*, scale: int = 14, edges: int = 262_144, seed: int = 0) -> Data:
    """Draw a recursive matrix graph with quadrant probabilities 0.57, 0.19, 0.19 and 0.05.

    Args:
        scale: The graph has 2^scale vertices; 0 to 31.
        edges: Number of arcs to draw, before loops and duplicates are dropped.
        seed: Seed of the draw.

    Raises:
        OptionError: A parameter is out of range.

    Cost: `scale` random numbers for each arc and one sort; at most about 75 bytes for each arc.

    >>> graph = rmat(scale=6, edges=200, seed=0)
    >>> graph.num_nodes, graph.is_undirected()
    (64, True)
    """
    _check_count("scale", scale, 0, 31)
    _check_count("edges", edges, 0)
    rng = _generator(seed)
    num_nodes = 1 << scale
    heads, tails = _descend(rng, scale, edges)
    relabel = rng.permutation(num_nodes).astype(heads.dtype)
    return undirected_data(relabel[heads], relabel[tails], num_nodes)


def _descend(rng: np.random.Generator, scale: int, num_arcs: int) -> tuple[Ints, Ints]:
    """Draw the endpoints of all arcs: each level of the recursion draws one bit of each."""
    dtype = np.int32 if scale < 31 else np.int64
    heads: Ints = np.zeros(num_arcs, dtype)
    tails: Ints = np.zeros(num_arcs, dtype)
    for _ in range(scale):
        for start in range(0, num_arcs, CHUNK):
            head, tail = heads[start : start + CHUNK], tails[start : start + CHUNK]
            draw = rng.random(head.size)
            below = draw >= 0.76
            head <<= 1
            head |= below
            tail <<= 1
            tail |= (draw >= 0.95) | ((draw >= 0.57) & ~below)
    return heads, tails


@register(
    "barabasi-albert", summary="preferential attachment; (n - degree) · degree edges", source=SOURCE
)
def barabasi_albert(*, n: int = 20_000, degree: int = 8, seed: int = 0) -> Data:
    """Grow a graph by preferential attachment, from a star on `degree` + 1 vertices.

    Args:
        n: Number of vertices, up to 2^31.
        degree: Number of earlier vertices to which each new vertex is joined, drawn in proportion
            to their degrees.
        seed: Seed of the draw.

    Returns:
        A graph of exactly (n - degree)·degree edges.

    Raises:
        OptionError: A parameter is out of range.

    Cost: less than a microsecond for each edge.

    >>> barabasi_albert(n=10, degree=2).num_edges  # two arcs for each of (10 - 2)·2 edges
    32
    """
    _check_count("degree", degree, 1, MAX_NUM_NODES - 1)
    _check_count("n", n, degree + 1, MAX_NUM_NODES)
    draws = _uniform_draws(_generator(seed), 2 * n * degree)
    ends = [0] * degree + list(range(1, degree + 1))  # each vertex occurs once per edge
    targets = np.zeros((n - degree, degree), dtype=np.int64)
    targets[0] = range(1, degree + 1)
    for vertex in range(degree + 1, n):
        chosen: dict[int, None] = {}
        num_ends = len(ends)
        while len(chosen) < degree:
            chosen[ends[int(next(draws) * num_ends)]] = None
        targets[vertex - degree] = list(chosen)
        ends.extend(chosen)
        ends.extend([vertex] * degree)
    sources = np.repeat(np.arange(degree, n), degree)
    sources[:degree] = 0
    return undirected_data(sources, targets.reshape(-1), n)


def _uniform_draws(rng: np.random.Generator, size: int) -> Iterator[float]:
    chunks = (rng.random(min(size, CHUNK)).tolist() for _ in itertools.count())
    return itertools.chain.from_iterable(chunks)


@register("sbm", summary="stochastic block model: planted communities, labels y", source=SOURCE)
def stochastic_block_model(
    *, n: int = 1_000, blocks: int = 4, p_in: float = 0.05, p_out: float = 0.005, seed: int = 0
) -> Data:
    """Draw a graph with planted communities of equal size; `y` holds the block of each vertex.

    Args:
        n: Number of vertices, up to 2^31; block b begins at vertex ⌈b·n/blocks⌉.
        blocks: Number of communities.
        p_in: Probability in [0, 1] of an edge inside a block.
        p_out: Probability in [0, 1] of an edge between two blocks.
        seed: Seed of the draw.

    Raises:
        OptionError: A parameter is out of range.
    """
    import torch

    _check_count("n", n, 1, MAX_NUM_NODES)
    _check_count("blocks", blocks, 1, n)
    _check_range("p_in", p_in, 0, 1)
    _check_range("p_out", p_out, 0, 1)
    first = [-(-block * n // blocks) for block in range(blocks + 1)]
    members = [np.arange(first[block], first[block + 1]) for block in range(blocks)]
    heads, tails = _planted_pairs(_generator(seed), members, p_in, p_out)
    data = undirected_data(heads, tails, n)
    data.y = torch.from_numpy(np.repeat(np.arange(blocks), np.diff(first)))
    return data


@register(
    "csbm",
    summary="contextual block model: two communities, noisy features x, labels y, masks",
    source=SOURCE,
)
def contextual_block_model(
    *,
    n: int = 1_000,
    features: int = 100,
    degree: float = 10.0,
    graph_signal: float = 2.0,
    feature_signal: float = 2.0,
    seed: int = 0,
) -> Data:
    """Draw the contextual stochastic block model: edges and features both depend on hidden signs.

    Every vertex i gets a hidden sign v_i; both signs are equally likely. An edge joins two vertices
    of the same sign with probability (d + λ√d)/n, and two of different signs with (d - λ√d)/n. The
    features are x_i = √(μ/n)·v_i·u + z_i/√p, where u is drawn once from N(0, I/p) and each z_i from
    N(0, I). For large n the signs can be estimated better than by chance if and only if
    λ² + μ²·p/n > 1.

    Args:
        n: Number of vertices, up to 2^31.
        features: Length p of a feature vector.
        degree: Average degree d.
        graph_signal: λ, from -√d to √d: the signal of the edges. Negative values join vertices of
            different signs more often (heterophily).
        feature_signal: μ, from 0 to 10^9: the signal of the features.
        seed: Seed of the draw and of the split.

    Returns:
        A graph with float32 `x` of shape [n, p], `y` (1 where v_i = 1, otherwise 0) and the masks
        of `wis.datasets.splits.random_masks`.

    Raises:
        OptionError: A parameter is out of range.

    References:
        Deshpande, Sen, Montanari, Mossel, Contextual Stochastic Block Models, NeurIPS 2018,
        arXiv:1807.09596, Section 1.
    """
    import torch

    _check_count("n", n, 1, MAX_NUM_NODES)
    _check_count("features", features, 1)
    _check_range("degree", degree, 0, n)
    root = degree**0.5
    _check_range("graph_signal", graph_signal, -root, root)
    _check_range("feature_signal", feature_signal, 0, 1e9)
    p_in, p_out = (degree + graph_signal * root) / n, (degree - graph_signal * root) / n
    if max(p_in, p_out) > 1:
        raise OptionError(
            f"degree {degree} and graph_signal {graph_signal} give an edge the probability "
            f"{max(p_in, p_out):.3g}; expected at most 1"
        )
    rng = _generator(seed)
    labels = rng.integers(0, 2, n)
    members = [np.flatnonzero(labels == label) for label in (0, 1)]
    data = undirected_data(*_planted_pairs(rng, members, p_in, p_out), n)
    direction = rng.standard_normal(features) / features**0.5
    x = rng.standard_normal((n, features)) / features**0.5
    x += (feature_signal / n) ** 0.5 * np.outer(2 * labels - 1, direction)
    data.x = torch.from_numpy(x).to(torch.float32)
    data.y = torch.from_numpy(labels)
    data.update(random_masks(n, seed=seed))
    return data


def _planted_pairs(
    rng: np.random.Generator, members: list[Ints], p_in: float, p_out: float
) -> tuple[Ints, Ints]:
    """Draw the edges: with probability `p_in` inside a block, and `p_out` between two blocks."""
    heads, tails = [], []
    for a, b in itertools.combinations_with_replacement(range(len(members)), 2):
        height, width = members[a].size, members[b].size
        cells = _bernoulli_positions(rng, height * width, p_in if a == b else p_out)
        rows, columns = np.divmod(cells, max(width, 1))
        once = (rows < columns) if a == b else slice(None)
        heads.append(members[a][rows[once]])
        tails.append(members[b][columns[once]])
    return np.concatenate(heads), np.concatenate(tails)


def _bernoulli_positions(rng: np.random.Generator, size: int, p: float) -> NDArray[np.int64]:
    """The positions of the successes in `size` coin flips; it draws the gaps between them."""
    if p == 0 or size == 0:
        return np.empty(0, dtype=np.int64)
    parts, last = [], -1
    while last < size:
        expected = (size - last) * p
        gaps = rng.geometric(p, int(expected + 4 * expected**0.5) + 16)
        positions = last + np.cumsum(np.minimum(gaps, size + 1))
        parts.append(positions)
        last = int(positions[-1])
    positions = np.concatenate(parts)
    return positions[positions < size]


def undirected_data(heads: Ints, tails: Ints, num_nodes: int) -> Data:
    """Make the graph of pairs of vertices: without loops and duplicates, both arcs of each edge.

    Args:
        heads: Integer array of shape [k]: one vertex of each pair.
        tails: Integer array of shape [k]: the other vertex.
        num_nodes: Number of vertices.
    """
    import torch
    from torch_geometric.data import Data

    keys = np.minimum(heads, tails).astype(np.int64)
    keys *= num_nodes
    keys += np.maximum(heads, tails)
    keys = keys[heads != tails]
    keys.sort()
    keys = keys[np.diff(keys, prepend=-1) != 0]
    edge_index = np.empty((2, 2 * keys.size), dtype=np.int64)
    forward, backward = edge_index[:, : keys.size], edge_index[:, keys.size :]
    np.floor_divide(keys, num_nodes, out=forward[0])
    np.remainder(keys, num_nodes, out=forward[1])
    backward[:] = forward[::-1]
    return Data(edge_index=torch.from_numpy(edge_index), num_nodes=num_nodes)


def _generator(seed: int) -> np.random.Generator:
    _check_count("seed", seed, 0)
    return np.random.default_rng(seed)


def _check_count(name: str, value: int, low: int, high: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise OptionError(f"{name} is {value!r}; expected an integer")
    _check_range(name, value, low, high)


def _check_range(name: str, value: float, low: float, high: float | None = None) -> None:
    if high is None and not value >= low:
        raise OptionError(f"{name} is {value}; expected at least {low}")
    if high is not None and not low <= value <= high:
        raise OptionError(f"{name} is {value}; expected a value from {low} to {high}")
