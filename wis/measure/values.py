"""The two types of numbers in a comparison: a measure of one graph, and a spread of ratios."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measure:
    """A number about one graph.

    Attributes:
        label: The name in texts and pictures, with the unit.
        value: The number; None if it is undefined, such as the spectral gap of an empty graph.
        note: The way it was estimated or bounded; None for an exact value.
        error: Standard error of an estimate, None for other values.
    """

    label: str
    value: float | int | None
    note: str | None = None
    error: float | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the value is exact, up to the rounding of floats."""
        return self.note is None


@dataclass(frozen=True)
class Spread:
    """A summary of many ratios.

    Attributes:
        label: The name in texts and pictures.
        mean: The mean ratio; None without ratios.
        low: The lowest ratio.
        high: The highest ratio.
        note: The kind and number of the draws.
    """

    label: str
    mean: float | None
    low: float | None
    high: float | None
    note: str

    @classmethod
    def of(cls, label: str, values: np.ndarray, note: str) -> Spread:
        """Summarise ratios; undefined ones (NaN) do not count."""
        known = values[~np.isnan(values)]
        if not known.size:
            return cls(label, None, None, None, note)
        return cls(label, float(known.mean()), float(known.min()), float(known.max()), note)
