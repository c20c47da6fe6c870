"""Find experiments by name, change their settings, and run them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, get_args, get_origin, get_type_hints

import torch

from wis.base.checks import is_number, usual_defaults
from wis.base.registry import Registry
from wis.errors import OptionError, UnknownNameError, echo
from wis.theory.experiments.claims import judge
from wis.theory.experiments.experiment import Experiment, Outcome, Request


def plain(name: str) -> str:
    """A name in the form in which names are compared."""
    return name.strip().lower().replace(".", "_").replace("-", "_")


HOMES = {
    "statements.chapter1": ("proposition1", "proposition3", "proposition4", "conjecture1"),
    "factorization.experiments.matrix_completion": ("fig1_1", "figA_1", "figA_2"),
    "factorization.experiments.tensor_completion": ("fig1_2", "figA_3"),
    "factorization.rank_one": ("theorem4",),
    "factorization.experiments.component_dynamics": ("fig2_2", "figB_1", "figB_2", "figB_3"),
    "factorization.experiments.image_tensors": ("fig2_3", "tableB_1"),
    "statements.chapter2": ("corollary2", "corollary3"),
    "factorization.experiments.incremental_ranks": ("fig3_1", "figC_2", "figC_3", "figC_4"),
    "statements.chapter3": ("theorem5", "equation3_9"),
    "statements.chapter3_ranks": (
        "proposition5",
        "proposition6",
        "proposition8",
        "proposition9",
    ),
    "factorization.experiments.countering_locality": ("fig3_6", "figC_5", "figC_6", "figC_7"),
    "statements.chapter5": ("theorem6", "algorithm1"),
    "statements.separation": ("fig5_2", "appendixD_1"),
    "statements.more_edges": ("more_edges",),
    "statements.product_fit": ("product_table5_1",),
    "statements.directed": ("theorem10",),
    "statements.chapter6": ("chapter6",),
}
"""The experiments of each module of `wis.theory`, in the order of the thesis."""

EXPERIMENTS: Registry[Experiment] = Registry(
    "experiment",
    homes={plain(name): f"wis.theory.{home}" for home, names in HOMES.items() for name in names},
    normalise=plain,
)


def add_experiments(*experiments: Experiment) -> None:
    """Put experiments into the registry."""
    for each in experiments:
        EXPERIMENTS.add(each.name, each)


def available_experiments() -> dict[str, Experiment]:
    """All experiments by name, in the order of the thesis.

    >>> list(available_experiments())[:3]
    ['proposition1', 'proposition3', 'proposition4']
    """
    return {each.name: each for each in EXPERIMENTS.rows()}


def get_experiment(name: str) -> Experiment:
    """Find an experiment by name; case, dots and hyphens are ignored.

    >>> get_experiment("Fig1.1").name
    'fig1_1'

    Raises:
        UnknownNameError: The experiment is unknown.
    """
    found = EXPERIMENTS.find(name)
    if found is None:
        asked, chapter = plain(name), plain(name).rpartition("_")[0]
        known = {plain(each): each for names in HOMES.values() for each in names}
        own = [each for each in known if chapter and each.rpartition("_")[0] == chapter]
        close = own or difflib.get_close_matches(asked, known, n=1)
        hint = f" Did you mean {' or '.join(repr(known[each]) for each in close)}?" if close else ""
        raise UnknownNameError(
            f"unknown experiment {echo(repr(name))}; `wis theory list` shows the names.{hint}"
        )
    return found


def resized(size: Any, changes: Mapping[str, Any]) -> Any:
    """Change some fields of a size.

    >>> resized(get_experiment("figB_2").quick, {"max_steps": 30}).max_steps
    30
    >>> resized(get_experiment("fig2_3").quick, {"config.max_steps": 9}).config.max_steps
    9

    Args:
        size: The quick or the thesis size of an experiment.
        changes: Values by name of field; lists stand for tuples. Dots lead to nested settings:
            ``config.max_epochs``, or ``tasks.0.num_train`` for the first of several.

    Raises:
        OptionError: A field is unknown, or a value has the wrong type, is an empty list, or is not
            finite.
    """
    for name, value in changes.items():
        if isinstance(value, Mapping):  # a table of a recipe
            size = resized(size, {f"{name}.{key}": inner for key, inner in value.items()})
        else:
            size = _changed(size, name, name, _as_tuple(value))
    return size


def _changed(size: Any, path: str, name: str, value: Any) -> Any:
    """The settings with the one at a dotted path changed; `name` is the whole path."""
    key, _, rest = path.partition(".")
    if isinstance(size, tuple):
        known = {str(position): inner for position, inner in enumerate(size)}
    else:
        known = {each.name: getattr(size, each.name) for each in fields(size)}
    if key not in known or bool(rest) != _is_nested(known[key]):
        above = name.removesuffix(path)
        names = (f"{above}{each}" + ".…" * _is_nested(inner) for each, inner in known.items())
        raise OptionError(f"no setting {echo(repr(name))}; known: {', '.join(names)}")
    if rest:
        value = _changed(known[key], rest, name, value)
    elif not _fits(get_type_hints(type(size))[key], value):
        raise OptionError(f"{name} is {echo(repr(value))}; expected something like {known[key]!r}")
    if isinstance(size, tuple):
        return tuple((known | {key: value}).values())
    return replace(size, **{key: value})


def _is_nested(value: Any) -> bool:
    inner = value[0] if isinstance(value, tuple) and value else value
    return is_dataclass(inner)


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(each) for each in value) if isinstance(value, list) else value


def _fits(kind: Any, value: Any) -> bool:
    """Whether a value has an annotated type, is finite, and is not an empty tuple."""
    inner = get_args(kind)
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple) or not value:
            return False
        kinds = inner[:1] * len(value) if inner[-1] is ... else inner
        return len(kinds) == len(value) and all(map(_fits, kinds, value))
    if inner:  # a union
        return any(_fits(each, value) for each in inner)
    if kind is float:
        return is_number(value) and math.isfinite(value)
    return type(value) is kind


@usual_defaults()
def run_experiment(
    name: str, *, quick: bool = False, size: Any = None, request: Request | None = None
) -> Outcome:
    """Run an experiment.

    >>> size = resized(get_experiment("theorem4").quick, {"scales": [0.4, 0.2], "duration": 1.0})
    >>> outcome = run_experiment("theorem4", size=size)
    >>> outcome.rows[0]["largest"] > outcome.rows[1]["largest"]
    True

    It runs at the size of the thesis, at the quick one, or at a `size` that is made with `resized`
    or `dataclasses.replace`.

    Returns:
        Rows, verdict and curves. Each row also holds the experiment, its settings and the seed.
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
    outcome.verdicts = judge(experiment.claims, outcome.rows)
    request.forget()
    return outcome
