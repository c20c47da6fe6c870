"""One table of experiments; registering one enrols it in `wis theory list` and in the tests."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any, get_args, get_origin, get_type_hints

import torch

from wis.base.defaults import usual_defaults
from wis.errors import OptionError, UnknownNameError, echo
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


def resized(size: Any, changes: Mapping[str, Any]) -> Any:
    """A size with other values for some of its fields.

    Args:
        size: The quick or the thesis size of an experiment.
        changes: Values under the names of fields; lists stand for tuples. Fields that hold settings
            of their own cannot be changed this way.

    Raises:
        OptionError: There is no such field, or the value is of another type than the field's, such
            as an empty list or a number that is not finite.
    """
    kinds = get_type_hints(type(size))
    plain = {
        each.name: getattr(size, each.name)
        for each in fields(size)
        if not _is_nested(getattr(size, each.name))
    }
    for name, value in changes.items():
        if name not in plain:
            raise OptionError(f"no setting {echo(repr(name))}; what can be set: {', '.join(plain)}")
        if not _fits(kinds[name], _as_tuple(value)):
            raise OptionError(
                f"{name} is {echo(repr(value))}; expected something like {plain[name]!r}"
            )
    return replace(size, **{name: _as_tuple(value) for name, value in changes.items()})


def _is_nested(value: Any) -> bool:
    inner = value[0] if isinstance(value, tuple) and value else value
    return is_dataclass(inner)


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(each) for each in value) if isinstance(value, list) else value


def _fits(kind: Any, value: Any) -> bool:
    """Whether a value is of an annotated type; tuples must not be empty, numbers finite."""
    inner = get_args(kind)
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple) or not value:
            return False
        kinds = inner[:1] * len(value) if inner[-1] is ... else inner
        return len(kinds) == len(value) and all(map(_fits, kinds, value))
    if inner:  # a union
        return any(_fits(each, value) for each in inner)
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    return type(value) is kind


@usual_defaults()
def run_experiment(
    name: str, *, quick: bool = False, size: Any = None, request: Request | None = None
) -> Outcome:
    """Run an experiment.

    Args:
        name: See `available_experiments`.
        quick: At the quick size rather than at the thesis'.
        size: Another size, made from one of these with `resized` or `dataclasses.replace`.
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
