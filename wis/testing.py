"""Odd graphs and assertions, for tests of sparsification methods.

The graphs are small and seeded, and each is named after its oddity. Each assertion states one
property of a removal order or of a sparser graph, and raises an `AssertionError` that describes the
fault.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from wis.errors import NotGreedyError
from wis.graph import UndirectedGraph
from wis.order import RemovalOrder
from wis.order.verify import verify_order

if TYPE_CHECKING:
    from torch_geometric.data import Data

Arcs = list[tuple[int, int]]
Draw = Callable[[np.random.Generator], tuple[int, Arcs]]


def odd_graphs(seed: int = 0) -> dict[str, Data]:
    """Small graphs on which methods often fail.

    Args:
        seed: Seed of the random graphs.

    Returns:
        `Data` objects by name, each with `num_nodes`, `edge_index` and at most 200 vertices.

    >>> sorted(odd_graphs())[:3]
    ['bipartite-complete', 'clique', 'cycle']
    """
    return {name: odd_graph(name, seed) for name in ODD_GRAPHS}


def odd_graph(name: str, seed: int = 0) -> Data:
    """One of the `odd_graphs`.

    >>> odd_graph("star").num_nodes
    8
    """
    from torch_geometric.data import Data

    num_nodes, arcs = ODD_GRAPHS[name](np.random.default_rng(seed))
    edge_index = torch.tensor(arcs, dtype=torch.int64, device="cpu").reshape(-1, 2).T.contiguous()
    return Data(edge_index=edge_index, num_nodes=num_nodes)


def assert_is_permutation(ids: Tensor, size: int) -> None:
    """Assert that `ids`, of shape [size], holds each of 0 ... size - 1 once.

    >>> assert_is_permutation(torch.tensor([2, 0, 1]), 3)
    """
    _assert(ids.dim() == 1, f"has {ids.dim()} dimensions, not one")
    _assert(ids.numel() == size, f"holds {ids.numel()} ids, not {size}")
    wrong = (ids.sort().values.cpu() != torch.arange(size, device="cpu")).nonzero()
    _assert(wrong.numel() == 0, f"is no permutation of 0 ... {size - 1}: {ids.tolist()[:20]} ...")


def assert_nested(graphs: Sequence[Any]) -> None:
    """Assert that each graph, in any form that wis takes, has only edges of the graph before it.

    >>> import wis
    >>> order = wis.removal_order(data := odd_graph("clique"))
    >>> assert_nested([data, *(order.apply(data, remove=share) for share in ("20%", "60%"))])
    """
    canonical = [UndirectedGraph.from_any(graph) for graph in graphs]
    for position, (outer, inner) in enumerate(itertools.pairwise(canonical)):
        missing = (outer.edge_ids(inner.edges) < 0).nonzero().view(-1)
        extra = inner.edges[:, missing].T.tolist()[:5]
        _assert(not extra, f"graph {position + 1} has edges that graph {position} lacks: {extra}")


def assert_greedy_order(data: Any, order: RemovalOrder, method: str | None = None) -> None:
    """Assert that every step of the order obeys the greedy rule of its method.

    >>> import wis
    >>> data = odd_graph("two-equal-hubs")
    >>> assert_greedy_order(data, wis.removal_order(data))
    """
    try:
        verify_order(data, order, method, progress=False)
    except NotGreedyError as error:
        raise AssertionError(str(error)) from error


def assert_same_data(found: Any, expected: Any) -> None:
    """Assert that two `Data` or `HeteroData` have the same attributes, of equal types and values.

    >>> assert_same_data(odd_graph("star"), odd_graph("star"))
    """
    found_parts, expected_parts = _attributes(found), _attributes(expected)
    _assert(
        found_parts.keys() == expected_parts.keys(),
        f"attributes {sorted(map(str, found_parts))}, not {sorted(map(str, expected_parts))}",
    )
    for name, value in expected_parts.items():
        _assert(_same(found_parts[name], value), f"{name} is {found_parts[name]}, not {value}")


def _attributes(data: Any) -> dict[tuple[Any, str], Any]:
    return {(store._key, name): value for store in data.stores for name, value in store.items()}


def _same(found: Any, expected: Any) -> bool:
    if type(found) is not type(expected):
        return False
    if isinstance(expected, Tensor):
        return found.dtype == expected.dtype and _same_tensor(found, expected)
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and np.array_equal(found, expected)
    if isinstance(expected, Mapping):
        same_keys = list(found) == list(expected)
        return same_keys and all(_same(found[key], value) for key, value in expected.items())
    if isinstance(expected, (list, tuple)):
        same_length = len(found) == len(expected)
        return same_length and all(map(_same, found, expected))
    if hasattr(expected, "tocoo"):  # of scipy
        return found.format == expected.format and not (found != expected).nnz
    if hasattr(expected, "equals"):  # of pandas
        return bool(found.equals(expected))
    return bool(found == expected)


def _same_tensor(found: Tensor, expected: Tensor) -> bool:
    if expected.layout != found.layout or expected.is_nested != found.is_nested:
        return False
    if expected.is_meta or found.is_meta:
        return expected.device == found.device and expected.shape == found.shape
    if expected.is_nested:
        return _same(list(found.unbind()), list(expected.unbind()))
    if expected.layout != torch.strided:
        return found.shape == expected.shape and torch.equal(found.to_dense(), expected.to_dense())
    return torch.equal(found, expected)


def _assert(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def both_ways(edges: Iterable[tuple[int, int]]) -> Arcs:
    """Each edge as two arcs, as PyG stores an undirected graph.

    >>> both_ways([(0, 1)])
    [(0, 1), (1, 0)]
    """
    return [arc for u, v in edges for arc in ((u, v), (v, u))]


def _clique(vertices: Iterable[int]) -> Arcs:
    return list(itertools.combinations(vertices, 2))


def _bipartite(left: Iterable[int], right: Iterable[int]) -> Arcs:
    return list(itertools.product(left, right))


def _two_hubs(rng: np.random.Generator) -> tuple[int, Arcs]:
    """Two hubs of equal degree share eight neighbours, which are joined in pairs."""
    shared = _bipartite((0, 1), range(2, 10))
    pairs = [(v, v + 1) for v in range(2, 10, 2)]
    return 10, both_ways(shared + pairs)


def _near_twin_cliques(rng: np.random.Generator) -> tuple[int, Arcs]:
    """Two overlapping cliques with a few edges missing: vertices with nearly equal neighbours."""
    edges = sorted({*_clique(range(12)), *_clique(range(6, 18))})
    kept = rng.permutation(len(edges))[:-8].tolist()
    return 18, both_ways(edges[position] for position in sorted(kept))


def _random(num_nodes: int, probability: float) -> Draw:
    """G(n, p)."""

    def draw(rng: np.random.Generator) -> tuple[int, Arcs]:
        pairs = _clique(range(num_nodes))
        chosen = rng.random(len(pairs)) < probability
        return num_nodes, both_ways(pair for pair, take in zip(pairs, chosen, strict=True) if take)

    return draw


def _power_law(rng: np.random.Generator) -> tuple[int, Arcs]:
    """Few vertices of high and many of low degree; arcs are one-way, unsorted and repeated."""
    weight = (1 + np.arange(160)) ** -0.8
    ends = rng.choice(160, size=(900, 2), p=weight / weight.sum())
    return 160, [(int(u), int(v)) for u, v in ends]


def _fixed(num_nodes: int, arcs: Arcs) -> Draw:
    return lambda rng: (num_nodes, arcs)


ODD_GRAPHS: dict[str, Draw] = {
    "empty": _fixed(0, []),
    "one-vertex": _fixed(1, []),
    "one-vertex-with-a-loop": _fixed(1, [(0, 0)]),
    "one-edge": _fixed(2, both_ways([(0, 1)])),
    "isolated-vertices": _fixed(9, both_ways([(2, 5), (5, 7), (2, 7), (7, 3)])),
    "self-loops": _fixed(4, [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (3, 3), (3, 3)]),
    "parallel-arcs": _fixed(4, [(0, 1), (0, 1), (1, 0), (1, 2), (2, 1), (2, 1), (2, 3)]),
    "one-way-arcs": _fixed(5, [(4, 0), (0, 1), (2, 1), (3, 2), (3, 1), (4, 1)]),
    "star": _fixed(8, both_ways((0, leaf) for leaf in range(1, 8))),
    "clique": _fixed(9, both_ways(_clique(range(9)))),
    "path": _fixed(7, both_ways((v, v + 1) for v in range(6))),
    "cycle": _fixed(8, both_ways((v, (v + 1) % 8) for v in range(8))),
    "disconnected": _fixed(12, both_ways([*_clique(range(4)), *_clique(range(5, 10)), (10, 11)])),
    "bipartite-complete": _fixed(9, both_ways(_bipartite(range(3), range(3, 9)))),
    "two-equal-hubs": _two_hubs,
    "near-twin-cliques": _near_twin_cliques,
    "random-sparse": _random(160, 0.02),
    "random-dense": _random(60, 0.3),
    "power-law": _power_law,
}
