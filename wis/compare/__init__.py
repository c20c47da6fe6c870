"""What a cut did to the structure of a graph.

    from wis.compare import compare
    print(compare(data, sparse).to_text())
    for report in order.compare(data, removes=["25%", "50%"]):
        print(report.after["edges"].value, report.after["transitivity"].value)

- `compare`: two graphs over the same vertices, the second a part of the first;
- `Comparison`: what comes of it, as text, as JSON and as a picture (`wis.compare.picture`);
- `wis.compare.profile`: what is measured of one graph; `wis.compare.similarity`: of both together.

Everything is exact where that takes seconds, and estimated from a seeded sample or bounded where it
does not; every number says which.
"""

from __future__ import annotations

from wis.compare.comparison import Comparison, compare, compare_cuts
from wis.compare.measure import Measure, Spread
from wis.compare.profile import Settings, graph_profile

__all__ = [
    "Comparison",
    "Measure",
    "Settings",
    "Spread",
    "compare",
    "compare_cuts",
    "graph_profile",
]
