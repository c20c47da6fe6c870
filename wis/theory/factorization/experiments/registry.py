"""One table of experiments; registering one enrols it in `wis theory list` and in the tests."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from wis.errors import UnknownNameError
from wis.theory.factorization.experiments.outcome import Outcome, Request

Runner = Callable[[Any, Request], Outcome]

MODULES = (
    "matrix_completion",
    "tensor_completion",
    "tensor_dynamics",
    "image_tensors",
    "incremental_ranks",
    "countering_locality",
)


@dataclass(frozen=True)
class Experiment:
    """An experiment of the thesis.

    Attributes:
        name: Of its figure or table.
        summary: One line.
        quick: Size that takes under a minute.
        thesis: The thesis' size.
        runner: Runs it at a size.
    """

    name: str
    summary: str
    quick: Any
    thesis: Any
    runner: Runner


_EXPERIMENTS: dict[str, Experiment] = {}


def register(name: str, summary: str, *, quick: Any, thesis: Any, runner: Runner) -> None:
    """Add an experiment to the table."""
    if name in _EXPERIMENTS:
        raise ValueError(f"two experiments are called {name!r}")
    _EXPERIMENTS[name] = Experiment(name, summary, quick, thesis, runner)


def _load() -> None:
    for module in MODULES:
        importlib.import_module(f"wis.theory.factorization.experiments.{module}")


def available_experiments() -> dict[str, Experiment]:
    """All experiments under their names, in the order of the thesis."""
    _load()

    def place(experiment: Experiment) -> int:
        return MODULES.index(experiment.runner.__module__.rpartition(".")[2])

    # A module that was imported by itself registers out of turn.
    return {each.name: each for each in sorted(_EXPERIMENTS.values(), key=place)}


def get_experiment(name: str) -> Experiment:
    """The experiment of that name; upper and lower case and dots do not matter.

    Raises:
        UnknownNameError: There is none.
    """
    known = available_experiments()
    plain = {each.lower(): each for each in known}
    key = name.lower().replace(".", "_").replace("-", "_")
    if key not in plain:
        raise UnknownNameError.among("experiment", name, known)
    return known[plain[key]]


def run_experiment(
    name: str, *, quick: bool = False, size: Any = None, request: Request | None = None
) -> Outcome:
    """Run an experiment.

    Args:
        name: See `available_experiments`.
        quick: At the quick size rather than at the thesis'.
        size: Another size, made from one of these with `dataclasses.replace`.
        request: Seed, folder and progress.

    Returns:
        Rows, verdict and figure. Each row moreover says what it was run as.
    """
    experiment = get_experiment(name)
    request = request or Request()
    chosen = size if size is not None else experiment.quick if quick else experiment.thesis
    outcome = experiment.runner(chosen, request)
    label = {id(experiment.quick): "quick", id(experiment.thesis): "thesis"}.get(id(chosen), "own")
    common = {
        "experiment": experiment.name,
        "size": label,
        "seed": request.seed,
        "torch": torch.__version__,
        "settings": asdict(chosen),
    }
    outcome.rows = [{**row, **common} for row in outcome.rows]
    request.forget()
    return outcome
