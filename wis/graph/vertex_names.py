"""The names of the vertices of a PyG object, and how many vertices it has."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

NAMES = "name"  # the attribute of a Data that holds the vertex names


def is_hetero(data: Any) -> bool:
    """Whether a PyG object has several types of vertices or edges."""
    return hasattr(data, "edge_types")


def num_nodes_of(data: Any) -> int:
    """Number of vertices of a `Data`; PyG infers it if it is not stated."""
    with warnings.catch_warnings():  # PyG warns if it infers
        warnings.simplefilter("ignore")
        return int(data.num_nodes or 0)


def names_in(data: Any) -> list[str] | None:
    """The vertex names of a `Data`: `name` if it is distinct texts, one per vertex; else None."""
    if is_hetero(data) or NAMES not in data:
        return None
    names = data[NAMES]
    if isinstance(names, np.ndarray) and names.ndim == 1 and names.dtype.kind == "U":
        names = names.tolist()
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        return None
    if len(names) != num_nodes_of(data) or len(set(names)) != len(names):
        return None
    return list(names)


def called(data: Any, vertices: Sequence[int]) -> tuple[Any, ...]:
    """Vertices as the user calls them: by the names in a `Held`, else by their ids."""
    names = list(getattr(data, "__dict__", {}).get("ids") or ())
    return tuple(names[vertex] if 0 <= vertex < len(names) else vertex for vertex in vertices)


def shown(data: Any, vertices: Sequence[int]) -> tuple[Any, ...]:
    """Vertices in a message: by the names that the graph has, else as `called` does."""
    names = names_in(data) if hasattr(data, "edge_stores") else None
    return tuple(names[vertex] for vertex in vertices) if names else called(data, vertices)
