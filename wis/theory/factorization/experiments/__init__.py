"""The thesis' factorization experiments, each under the name of its figure, table or theorem.

`table` lists them with a quick and a thesis size; the other modules run them. An experiment gives
rows, curves and a verdict computed from the rows; `wis.show.factorization_pictures` draws its
figure in the thesis' form.
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
