"""What tests that run over the table of methods give to a method: the data it needs, few epochs.

A method says itself what it needs (`Method.needs`), so that registering one is still all it takes
to enrol it.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch_geometric.data import Data

from wis.graph import CanonicalGraph
from wis.methods import get_method

EDGE_WEIGHT = "edge_weight"


def arc_scores(source: Any) -> torch.Tensor:
    """A number for each arc that depends on its ends alone."""
    arcs = getattr(source, "edge_index", source)
    if isinstance(arcs, CanonicalGraph):
        arcs = torch.cat(arcs.arcs, dim=1)
    return 2 + arcs.prod(dim=0) % 5


QUICK = {"scores": arc_scores, "epochs_per_round": 1, "round_fraction": 0.4, "width": 4, "depth": 2}
"""Options under which a method that trains takes no time; a method gets those that it has."""
BATCHES = {"proxy-delete": {"batch_size": 25}}
"""The same for methods that rank again after each batch."""


def quick(method: str) -> dict[str, Any]:
    """Options of a method for small graphs."""
    return BATCHES.get(method, {}) | {
        name: value for name, value in QUICK.items() if name in get_method(method).options
    }


def vertex_data(method: str, num_nodes: int, arcs: Any = None) -> Data | None:
    """An object with the attributes that a method needs; None if it needs none."""
    needs = get_method(method).needs
    made = {name: _MAKERS[name](num_nodes) for name in needs if name in _MAKERS}
    if EDGE_WEIGHT in needs:
        made |= {"edge_index": arcs, EDGE_WEIGHT: arc_scores(arcs)}
    return Data(num_nodes=num_nodes, **made) if needs else None


def prepared(method: str, data: Data) -> Data:
    """A graph with the vertex attributes that a method needs, in a copy of the object."""
    result = copy.copy(data)
    extra = vertex_data(method, data.num_nodes, data.edge_index)
    for name in get_method(method).needs:
        result[name] = extra[name]
    return result


def _features(num_nodes: int) -> torch.Tensor:
    return torch.randn(num_nodes, 3, generator=torch.Generator().manual_seed(num_nodes))


_MAKERS = {
    "x": _features,
    "y": lambda num_nodes: torch.arange(num_nodes) % 2,
    "train_mask": lambda num_nodes: torch.arange(num_nodes) % 4 != 3,
    "val_mask": lambda num_nodes: torch.arange(num_nodes) % 4 != 1,
}
