"""Measures of one graph, and of a graph before and after a cut.

    >>> import wis
    >>> from wis.measure import compare
    >>> karate = wis.datasets.load("karate")
    >>> comparison = compare(karate, wis.sparsify(karate, remove="50%"))
    >>> comparison.before["edges"].value, comparison.after["edges"].value
    (78, 39)

- `compare`: a graph and a subgraph over the same vertices; `compare_cuts`: several cuts;
- `Comparison`: the result, also as JSON; `wis.show` makes a text and a picture of it;
- `wis.measure.facts`: counts, degrees and attributes of one graph;
- `wis.measure.profile`: the measures of one graph; `wis.measure.spectrum`: those of two;
- `wis.measure.serving`: what predictions of a network read; `wis.measure.latency`: their seconds.

A number is exact if it can be computed in seconds. Otherwise it is bounded, or estimated from a
seeded sample. Each `Measure` records which of these holds.
"""

from __future__ import annotations

from wis.measure.comparison import Comparison, compare, compare_cuts
from wis.measure.profile import Settings, graph_profile
from wis.measure.values import Measure, Spread

__all__ = [
    "Comparison",
    "Measure",
    "Settings",
    "Spread",
    "compare",
    "compare_cuts",
    "graph_profile",
]
