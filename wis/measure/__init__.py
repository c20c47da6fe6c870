"""What a cut did to the structure of a graph.

    from wis.measure import compare
    from wis.show import comparison_as_text
    print(comparison_as_text(compare(data, sparse)))
    for report in order.compare(data, removes=["25%", "50%"]):
        print(report.after["edges"].value, report.after["transitivity"].value)

- `compare`: two graphs over the same vertices, the second a part of the first;
- `Comparison`: what comes of it, as JSON; `wis.show` has it as text and as a picture;
- `wis.measure.profile`: what is measured of one graph; `wis.measure.similarity`: of both together.

Everything is exact where that takes seconds, and estimated from a seeded sample or bounded where it
does not; every number says which.
"""

from __future__ import annotations

from wis.measure.comparison import Comparison, compare, compare_cuts
from wis.measure.measure import Measure, Spread
from wis.measure.profile import Settings, graph_profile

__all__ = [
    "Comparison",
    "Measure",
    "Settings",
    "Spread",
    "compare",
    "compare_cuts",
    "graph_profile",
]
