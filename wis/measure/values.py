"""The two kinds of numbers in a comparison: a measure of one graph, and a spread of ratios."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measure:
    """A number about one graph.

    Attributes:
        label: Its name for people, with the unit.
        value: The number; None if it is not defined, such as the clustering of a path.
        note: How it was estimated or bounded; None for an exact value.
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
    """A summary of many ratios that were drawn.

    Attributes:
        label: Its name for people.
        mean: Their mean; None if there were none.
        low: The lowest.
        high: The highest.
        note: The kind and number of the draws.
    """

    label: str
    mean: float | None
    low: float | None
    high: float | None
    note: str

    @classmethod
    def of(cls, label: str, values: np.ndarray, note: str) -> Spread:
        """Summarise ratios; those that are not defined (NaN) do not count."""
        known = values[~np.isnan(values)]
        if not known.size:
            return cls(label, None, None, None, note)
        return cls(label, float(known.mean()), float(known.min()), float(known.max()), note)
