"""Experiments of the thesis: rows, curves, figures, and a verdict on each claim.

An experiment has a quick size, the size of the thesis, and claims. A stated rule judges each claim
from the rows: *agrees*, *disagrees* or *cannot tell*. `registry` names the module of each
experiment.
"""

from wis.theory.experiments.claims import Claim, Judgement, State, Verdict, judge
from wis.theory.experiments.experiment import Experiment, Outcome, Request
from wis.theory.experiments.registry import (
    available_experiments,
    get_experiment,
    resized,
    run_experiment,
)

__all__ = [
    "Claim",
    "Experiment",
    "Judgement",
    "Outcome",
    "Request",
    "State",
    "Verdict",
    "available_experiments",
    "get_experiment",
    "judge",
    "resized",
    "run_experiment",
]
