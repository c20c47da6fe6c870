"""Pictures and text tables. Modules that compute do not import this package.

- `facts_as_text`, `comparison_as_text`, `advice_as_text`: tables for a terminal;
- `plot_advice`: losses and savings of an advice;
- `plot_sparsification`, `plot_comparison`: a graph before and after a cut;
- `wis.show.sweep_plots`, `wis.show.sweep_tables`, `wis.show.sweep_report`: results of sweeps;
- `wis.show.theory_pictures`: tensor networks, bounds, spectra.
"""

from __future__ import annotations

from wis.show.advice_picture import plot_advice
from wis.show.comparison_picture import plot_comparison
from wis.show.plot import plot_sparsification
from wis.show.texts import advice_as_text, comparison_as_text, facts_as_text

__all__ = [
    "advice_as_text",
    "comparison_as_text",
    "facts_as_text",
    "plot_advice",
    "plot_comparison",
    "plot_sparsification",
]
