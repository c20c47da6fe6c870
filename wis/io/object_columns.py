"""Columns from rows of Python values, such as the attributes of networkx edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wis.base.source import ReadOptions

_EXACT = 2**53  # beyond it a float64 skips integers


def column_values(
    rows: Sequence[Mapping[str, Any]], path: Path | str, options: ReadOptions
) -> dict[str, list[Any]]:
    """For each key that occurs its value in each row, None where it has none.

    Raises:
        GraphFormatError: There would be more places than reading may take memory for.
    """
    keys = dict.fromkeys(key for row in rows for key in row)
    options.check_table(path, len(rows), len(keys), sum(map(len, rows)))
    return {key: [row.get(key) for row in rows] for key in keys}


def as_column(values: Sequence[Any]) -> np.ndarray | list[str] | None:
    """Values of one kind as a column.

    Returns:
        An array of truth values, int64 or float64 (NaN where a number is missing), or a list of
        texts; None if the values are of another kind, or of several, or are integers that a
        float would round.
    """
    kinds = {type(value) for value in values}
    if kinds == {str}:
        return list(values)
    if kinds == {bool}:
        return np.array(values)
    try:
        if kinds == {int}:
            return np.array(values, dtype=np.int64)
        if kinds <= {int, float, type(None)} and kinds & {int, float}:
            if any(type(value) is int and abs(value) > _EXACT for value in values):
                return None
            return np.array(
                [np.nan if value is None else value for value in values], dtype=np.float64
            )
    except OverflowError:
        return None
    return None
