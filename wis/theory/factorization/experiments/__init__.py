"""The thesis' factorization experiments, each under the name of its figure.

`registry` names them; `matrix_completion`, `tensor_completion`, `tensor_dynamics`, `image_tensors`,
`incremental_ranks` and `countering_locality` run them. Every experiment has a quick and a thesis
size, and gives rows, a figure in the thesis' form and a verdict that is computed from the rows.
"""

from wis.theory.factorization.experiments.outcome import Outcome, Request
from wis.theory.factorization.experiments.registry import (
    Experiment,
    available_experiments,
    get_experiment,
    resized,
    run_experiment,
)

__all__ = [
    "Experiment",
    "Outcome",
    "Request",
    "available_experiments",
    "get_experiment",
    "resized",
    "run_experiment",
]
