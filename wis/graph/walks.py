"""Walks, boundaries and the walk index: how much interaction a partition of the vertices allows.

A partition separates a subset I of the vertices from the rest. Its boundary C_I holds the vertices
with an edge to the other side, and its walk index counts the walks that start there: all of them,
or those that end at a target t. With walks of length L - 1 it bounds the separation rank of a graph
neural network of depth L.

Counts are exact. Each step is one sparse product, on int64 while every count provably fits. Larger
counts are split into several int64 columns, the digits of a number to the base 2^30, because floats
would round and int64 would overflow.

Source: Section 5.2.1 (walks, self-loops), Definition 11 (walk index), Theorems 7 and 8 (the
bounds); Appendix D.2 for directed graphs; Razin, Verbin, Cohen, NeurIPS 2023, arXiv:2211.16494.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.base.checks import as_integer, checked_integer, shown, usual_defaults
from wis.errors import OptionError
from wis.graph import canonical_graph
from wis.graph.holders import opened, vertex_ids

LIMIT = 1 << 62  # leaves room for carries below 2^63
DIGIT_BITS = 30  # a product adds at most MAX_NUM_NODES digits: below LIMIT
DIGIT_MASK = (1 << DIGIT_BITS) - 1
LARGEST = 2.0**61
"""The sum of two numbers of walks up to this fits into int64."""
ROWS_AT_A_TIME = 1 << 12
"""Rows of sparse powers that are in memory at once."""


@usual_defaults()
def walk_index(
    data: Any,
    subset: Iterable[int] | Tensor,
    length: int,
    *,
    target: int | None = None,
    directed: bool = False,
    num_nodes: int | None = None,
) -> int:
    """Walk index of a subset of the vertices: the number of walks that start on its boundary.

    Args:
        data: The graph: a PyG `Data` or `HeteroData` (the union of its edge types, vertices
            numbered as in `UndirectedGraph`), an `edge_index` of shape [2, num_arcs], or an object
            of another kind (`wis.graph.holders`).
        subset: The set I: at least one vertex id, without repetition, in 0 ... n - 1; an integer
            tensor of shape [k] or any iterable of integers. Names, where the vertices of `data`
            have names, as in networkx.
        length: Number of steps l of a walk, from 0 on; L - 1 for a network of depth L.
        target: Vertex id t: count only the walks that end there.
        directed: Keep the directions of the arcs instead of merging both, see `boundary`; a
            `DirectedGraph` always keeps them. The bounds of Theorem 10 sum this count over all
            lengths from 0 to L - 1.
        num_nodes: Number of vertices, for a bare `edge_index` only.

    Returns:
        WI_l(I), or WI_{l,t}(I) with a target: an exact Python integer of any size. Length 0 gives
        the number of boundary vertices. The result is 0 if no edge crosses the partition.

    Raises:
        GraphFormatError: `data` is not a graph.
        OptionError: The subset, length or target is invalid.

    Cost: O(length · (n + m)) after one sort of the arcs, times the number of 30-bit digits of
    counts above 2^62.

    References:
        Definition 11; for directed graphs rho_l of C_I^-> in Equations (D.2) and (D.3).

    >>> path = torch.tensor([[0, 1, 2], [1, 2, 3]])  # 0 - 1 - 2 - 3
    >>> walk_index(path, {0, 1}, 1)  # 1 and 2 are on the boundary, each with 3 walks of length 1
    6
    >>> walk_index(path, {0, 1}, 2, target=3)  # 1-2-3, 2-2-3 and 2-3-3
    3
    """
    data = opened(data, num_nodes)
    graph = canonical_graph(data, num_nodes, directed=directed)
    members = checked_vertices("subset", vertex_ids(data, subset, "subset"), graph.num_nodes)
    if not members.size:
        raise OptionError("subset is empty; expected at least one vertex id")
    steps = checked_integer("length", length, expected="an integer from 0 on")
    if target is not None:
        (target,) = vertex_ids(data, [target], "target")
    ends = None if target is None else np.array([checked_vertex("target", target, graph.num_nodes)])
    arcs = graph.edges.cpu().numpy()
    starts = _boundary(graph.num_nodes, arcs, members, graph.directed)
    return _num_walks(graph.num_nodes, arcs, graph.directed, steps, starts, ends)


@usual_defaults()
def boundary(
    data: Any,
    subset: Iterable[int] | Tensor,
    *,
    directed: bool = False,
    num_nodes: int | None = None,
) -> Tensor:
    """Boundary of a subset of the vertices: those with an edge that crosses the partition.

    Args:
        data: See `walk_index`.
        subset: See `walk_index`; it may be empty here.
        directed: Keep the directions of the arcs. Then a vertex is on the boundary if an arc from
            the other side *enters* it.
        num_nodes: Number of vertices, for a bare `edge_index` only.

    Returns:
        int64 tensor of shape [k] on the graph's device, ascending vertex ids.

    Raises:
        GraphFormatError: `data` is not a graph.
        OptionError: The subset is invalid.

    Cost: O(n + m) after one sort of the arcs.

    References:
        C_I of Definition 11; C_I^-> of Appendix D.2.

    >>> path = torch.tensor([[0, 1, 2], [1, 2, 3]])
    >>> boundary(path, {0, 1}).tolist(), boundary(path, {0, 1}, directed=True).tolist()
    ([1, 2], [2])
    """
    data = opened(data, num_nodes)
    graph = canonical_graph(data, num_nodes, directed=directed)
    members = checked_vertices("subset", vertex_ids(data, subset, "subset"), graph.num_nodes)
    found = _boundary(graph.num_nodes, graph.edges.cpu().numpy(), members, graph.directed)
    return torch.from_numpy(found).to(graph.device)


@usual_defaults()
def num_walks(
    data: Any,
    length: int,
    *,
    sources: Iterable[int] | Tensor | None = None,
    targets: Iterable[int] | Tensor | None = None,
    directed: bool = False,
    num_nodes: int | None = None,
) -> int:
    """Number of walks of a length from one set of vertices to another.

    A walk may repeat vertices and edges. Every vertex has exactly one self-loop, whether or not the
    data have it.

    Args:
        data: See `walk_index`.
        length: Number of steps, from 0 on.
        sources: Ids of the vertices where walks start, the set I; all if not given.
        targets: Ids of the vertices where walks end, the set J; all if not given.
        directed: Walk along the arcs only; otherwise along edges, in both directions.
        num_nodes: Number of vertices, for a bare `edge_index` only.

    Returns:
        rho_l(I, J), an exact Python integer of any size.

    Raises:
        GraphFormatError: `data` is not a graph.
        OptionError: The length, the sources or the targets are invalid.

    Cost: that of `walk_index`.

    References:
        Section 5.2.1 with its footnote 4; Appendix D.2.

    >>> triangle = torch.tensor([[0, 1, 2], [1, 2, 0]])
    >>> num_walks(triangle, 2), num_walks(triangle, 2, sources=[0], targets=[0])
    (27, 3)
    """
    data = opened(data, num_nodes)
    graph = canonical_graph(data, num_nodes, directed=directed)
    steps = checked_integer("length", length, expected="an integer from 0 on")
    starts, ends = (
        None
        if given is None
        else checked_vertices(name, vertex_ids(data, given, name), graph.num_nodes)
        for name, given in (("sources", sources), ("targets", targets))
    )
    arcs = graph.edges.cpu().numpy()
    return _num_walks(graph.num_nodes, arcs, graph.directed, steps, starts, ends)


def _boundary(num_nodes: int, arcs: np.ndarray, members: np.ndarray, directed: bool) -> np.ndarray:
    """Ends of the edges, or heads of the arcs, that cross the partition; ascending ids."""
    inside = np.zeros(num_nodes, dtype=bool)
    inside[members] = True
    crossing = arcs[:, inside[arcs[0]] != inside[arcs[1]]]
    found = np.zeros(num_nodes, dtype=bool)
    found[crossing[1] if directed else crossing] = True
    return np.flatnonzero(found)


def _num_walks(
    num_nodes: int,
    arcs: np.ndarray,
    directed: bool,
    length: int,
    starts: np.ndarray | None,
    ends: np.ndarray | None,
) -> int:
    """rho_l of two sets of vertices; None stands for all vertices."""
    digits = np.zeros((num_nodes, 1), dtype=np.int64)
    digits[slice(None) if starts is None else starts] = 1
    if not digits.any():
        return 0
    back = adjacency(arcs, num_nodes, directed=directed).T.tocsr()
    growth = int(back.sum(axis=1).max())
    for _ in range(length):
        if int(digits.max()) * growth > LIMIT:
            digits = _carried(digits)
        digits = back @ digits
    return _total(digits if ends is None else digits[ends])


def adjacency(edges: np.ndarray, n: int, *, directed: bool = False) -> Any:
    """The 0/1 int64 matrix of edges, or of arcs if `directed`, with all self-loops; [n, n]."""
    from scipy.sparse import csr_array

    (u, v), loops = edges, np.arange(n)
    row = np.concatenate([u, loops] if directed else [u, v, loops])
    column = np.concatenate([v, loops] if directed else [v, u, loops])
    return csr_array((np.ones(row.size, dtype=np.int64), (row, column)), shape=(n, n))


def most_walks(edges: np.ndarray, n: int, length: int, *, directed: bool = False) -> float:
    """The largest number of walks of a length from one vertex.

    Raises:
        OptionError: Twice that could pass 2^61, after which sums no longer fit into 64 bits.
    """
    matrix = adjacency(edges, n, directed=directed).astype(np.float64)
    walks = np.ones(n)
    for _ in range(length):
        walks = matrix @ walks
        if 2 * walks.max(initial=0) > LARGEST:
            raise OptionError(
                f"walk_length={length - 1} is too long for this graph: numbers of walks pass 2^61, "
                f"which 64-bit integers do not hold; choose a shorter one"
            )
    return float(walks.max(initial=0))


def num_closed_walks(
    edges: np.ndarray,
    n: int,
    length: int,
    *,
    directed: bool = False,
    vertices: np.ndarray | None = None,
) -> np.ndarray:
    """(A^length)_tt for each of some vertices t, all if not given; 0 where no edge enters t.

    Cost: ⌈length / 2⌉ sparse products, of a few thousand rows at a time.
    """
    matrix = adjacency(edges, n, directed=directed)
    backward = matrix.T.tocsr() if directed else matrix
    identity = adjacency(edges[:, :0], n)
    chosen = np.arange(n) if vertices is None else vertices
    counts = np.zeros(chosen.size, dtype=np.int64)
    for start in range(0, chosen.size, ROWS_AT_A_TIME):
        rows = identity[chosen[start : start + ROWS_AT_A_TIME]]
        # (A^L)_tt = Σ_s (A^⌊L/2⌋)_ts (A^⌈L/2⌉)_st: row t of a power of A and of one of Aᵀ
        half = back = rows
        for _ in range(length // 2):
            half = half @ matrix
            back = back @ backward if directed else half
        other = back @ backward if length % 2 else back
        counts[start : start + ROWS_AT_A_TIME] = half.multiply(other).sum(axis=1)
    entered = np.bincount(edges[1] if directed else edges.reshape(-1), minlength=n)
    return np.where(entered[chosen] > 0, counts, 0)


def _carried(digits: np.ndarray) -> np.ndarray:
    """The same numbers with every digit below 2^30, in as many columns as they need.

    Column k of the int64 array [n, columns] has the weight 2^(30 k). Its values may grow to 2^62
    before the next carry.
    """
    columns = []
    carry = np.zeros(digits.shape[0], dtype=np.int64)
    for column in digits.T:
        carry = carry + column
        columns.append(carry & DIGIT_MASK)
        carry >>= DIGIT_BITS
    while carry.any():
        columns.append(carry & DIGIT_MASK)
        carry >>= DIGIT_BITS
    return np.stack(columns, axis=1)


def _total(digits: np.ndarray) -> int:
    sums = _carried(digits).sum(axis=0).tolist()
    return sum(part << (DIGIT_BITS * position) for position, part in enumerate(sums))


def checked_vertices(name: str, given: Iterable[int] | Tensor, num_nodes: int) -> np.ndarray:
    """Distinct vertex ids, int64 [k], in the given order.

    Raises:
        OptionError: A value is not a vertex id or is repeated; the message starts with `name`.
    """
    if isinstance(given, (Tensor, np.ndarray)):
        ids = _checked_array(name, given, num_nodes)
    elif isinstance(given, Iterable):
        ids = np.array([checked_vertex(name, value, num_nodes) for value in given], dtype=np.int64)
    else:
        raise OptionError(f"{name} is {shown(given)}; expected a list of vertex ids")
    ascending = np.sort(ids)
    twice = np.flatnonzero(ascending[1:] == ascending[:-1])
    if twice.size:
        raise OptionError(f"{name} holds vertex {ascending[twice[0]]} more than once")
    return ids


def _checked_array(name: str, given: Tensor | np.ndarray, num_nodes: int) -> np.ndarray:
    if given.ndim == 1 and not given.shape[0]:
        return np.empty(0, dtype=np.int64)
    if given.ndim != 1 or not str(given.dtype).removeprefix("torch.").startswith(("int", "uint")):
        raise OptionError(
            f"{name} has dtype {given.dtype} and shape {list(given.shape)}; expected integer "
            f"vertex ids of shape [k]"
        )
    ids = given.cpu().numpy() if isinstance(given, Tensor) else given
    wrong = np.flatnonzero((ids < 0) | (ids >= num_nodes))
    if wrong.size:
        checked_vertex(name, int(ids[wrong[0]]), num_nodes)
    return ids.astype(np.int64)


def checked_vertex(name: str, value: Any, num_nodes: int) -> int:
    """One vertex id; raises the errors of `checked_vertices`."""
    number = as_integer(value)
    if number is None or not 0 <= number < num_nodes:
        known = f"ids run from 0 to {num_nodes - 1}" if num_nodes else "the graph has no vertices"
        verb = "is" if name == "target" else "holds"
        raise OptionError(f"{name} {verb} {shown(value)}, which is not a vertex id; {known}")
    return number
