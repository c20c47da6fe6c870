"""Undirected graphs as arcs: every arc has its reverse with the same attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def one_arc_of_each_edge(arcs: np.ndarray, attributes: Mapping[str, Any]) -> np.ndarray | None:
    """Choose the first of the two arcs of each edge of an undirected graph; a loop is one arc.

    Args:
        arcs: int64 array of shape [2, num_arcs].
        attributes: Columns with one entry for each arc, arrays or lists of texts.

    Returns:
        Positions of the chosen arcs in ascending order. None if some arc lacks a reverse with the
        same attributes; a repeated arc needs as many reverses. Cost: a sort of the arcs.

    >>> one_arc_of_each_edge(np.array([[0, 1, 1, 2], [1, 0, 2, 1]]), {}).tolist()
    [0, 2]
    """
    low, high = arcs.min(axis=0), arcs.max(axis=0)
    codes = [_codes(values) for values in attributes.values()]
    # Group the arcs with the same pair of vertices and the same attributes.
    order = np.lexsort([*codes, high, low])
    keys = np.stack([low, high, *codes])[:, order]
    begins = np.ones(order.size, dtype=bool)
    begins[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    group = np.cumsum(begins) - 1
    # In each group there must be as many arcs in one direction as in the other.
    forward = (arcs[0] < arcs[1])[order]
    loops = (low == high)[order]
    size = int(begins.sum())
    sign = np.where(loops, 0, np.where(forward, 1, -1))
    balance = np.bincount(group, weights=sign, minlength=size)
    if balance.any():
        return None
    # Keep the arcs in the direction of the first arc of the group.
    first = np.full(size, order.size)
    np.minimum.at(first, group, order)
    goes_forward = arcs[0, first] < arcs[1, first] if size else np.zeros(0, dtype=bool)
    chosen: np.ndarray = order[loops | (forward == goes_forward[group])]
    chosen.sort()
    return chosen


def _codes(values: Any) -> np.ndarray:
    """Number the entries so that equal entries have equal numbers; NaN equals itself."""
    if isinstance(values, np.ndarray):
        codes: np.ndarray = np.unique(values, return_inverse=True)[1].reshape(-1)
        return codes
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)
