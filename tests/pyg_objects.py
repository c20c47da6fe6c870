"""Odd PyG objects over one small graph, and what is true of a consistent one."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData
from torch_geometric.utils import is_torch_sparse_tensor

NUM_NODES = 7
EDGES = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (4, 6), (1, 3)]
NUM_ARCS = 2 * len(EDGES)


def arcs(edges=EDGES) -> Tensor:
    """Both arcs of each edge, one after the other."""
    return torch.tensor([arc for u, v in edges for arc in ((u, v), (v, u))]).T.contiguous()


def plain(**attributes: Any) -> Data:
    """The graph with what is given; 7 vertices, 18 arcs."""
    return Data(edge_index=arcs(), num_nodes=NUM_NODES, **attributes)


def as_many(**attributes: Any) -> Data:
    """A graph of 4 vertices and 4 arcs, where lengths cannot tell."""
    return Data(edge_index=arcs([(0, 1), (1, 2)]), num_nodes=4, **attributes)


def shop(**attributes: Any) -> HeteroData:
    """Users and items; the attributes are those of the arcs from users to items, of which are 5."""
    data = HeteroData()
    data["user"].x = torch.arange(3.0).view(3, 1)
    data["item"].x = torch.arange(4.0).view(4, 1)
    forth = torch.tensor([[0, 0, 1, 1, 2], [0, 1, 1, 2, 3]])
    data["user", "buys", "item"].edge_index = forth
    data["item", "rev_buys", "user"].edge_index = forth.flip(0)
    for name, value in attributes.items():
        data["user", "buys", "item"][name] = value
    return data


def snapshot(data: Any) -> Any:
    """A copy that shares no values; `copy.deepcopy` cannot copy sparse tensors."""
    result = copy.copy(data)
    for store in result.stores:
        for name, value in list(store.items()):
            store[name] = _copied(value)
    return result


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return copy.deepcopy(value)


def assert_consistent(data: Any) -> None:
    """What PyG asks of an object, and that matrices, lists and metadata agree with the arcs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert data.validate(raise_on_error=True)
        for store in data.edge_stores:
            if store.get("edge_index") is not None:
                _assert_store(store)


def _assert_store(store: Any) -> None:
    edge_index = store.edge_index
    if hasattr(edge_index, "sort_order"):
        edge_index.validate()
        edge_index = edge_index.as_tensor()
    found = set(map(tuple, edge_index.T.tolist()))
    num_arcs = edge_index.size(1)
    for name, value in store.items():
        if is_torch_sparse_tensor(value):
            entries = {(u, v) for u, v in value.to_sparse_coo().indices()[:2].T.tolist() if u != v}
            both = found | {(v, u) for u, v in found}
            assert entries <= both, name
            assert {(min(e), max(e)) for e in found if e[0] != e[1]} == {
                (min(e), max(e)) for e in entries
            }, name
        elif name in ("edge_attr", "edge_weight", "edge_type", "e_id") and value is not None:
            assert len(value) == num_arcs, name
