"""The factorization experiments of the thesis, named by their figure, table or theorem.

`table` lists them with a quick size and the size of the thesis. The other modules run them. The
result has rows, curves, and a verdict that is computed from the rows.
`wis.show.factorization_pictures` draws the figures of the thesis.
"""

from wis.theory.factorization.experiments.outcome import Outcome, Request
from wis.theory.factorization.experiments.registry import (
    available_experiments,
    get_experiment,
    resized,
    run_experiment,
)
from wis.theory.factorization.experiments.table import Experiment

__all__ = [
    "Experiment",
    "Outcome",
    "Request",
    "available_experiments",
    "get_experiment",
    "resized",
    "run_experiment",
]
