"""Recipes of accuracy sweeps: the graph, the methods, the models, the amounts and the seeds.

A recipe is a TOML file, named by its source (``thesis_fig5_3_cora_gcn.toml``)::

    kind = "accuracy"
    title = "Figure 5.3, left: a GCN on Cora"
    dataset = "cora"                    # a name of `wis datasets`, or a file with x and y
    task = "vertex"                     # or "link" or "graph", see `wis.experiments.tasks`
    remove = "0%:100%:5%"               # of the edges: from, to, step; or a list, as ["50%"]
    seeds = 10                          # 0, 1, ..., 9; or a list

    [[models]]
    name = "gcn"                        # any further key is a field of `wis.training.TrainConfig`
    learning_rate = 5e-4

    [[methods]]
    name = "wis"                        # any further key but `label` is an option of the method
    walk_length = 2
    batch_size = 100

Processes, devices and clusters are not part of a recipe, so a recipe gives the same rows on every
machine. Each row records the hash of its recipe. `wis.experiments.overrides` makes or changes a
recipe by options of the command line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.errors import OptionError, RecipeError, WisError, echo
from wis.experiments.settings import (
    Amounts,
    check_integers,
    check_plain,
    named_table,
    parse_amounts,
    parse_seeds,
    read_settings,
    spelt,
    take,
)
from wis.experiments.tasks import check_methods
from wis.methods import get_method

if TYPE_CHECKING:
    from wis.training import TrainConfig

KIND = "accuracy"
NOT_IN_A_MODEL = ("model", "seed", "device", "task", "keep_curve")


def content_hash(content: Any) -> str:
    """SHA-256 of a value that JSON can express."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class MethodSpec:
    """A method with its options, which is a line of the figure.

    Attributes:
        name: A name of `wis.available_methods`.
        options: Options of the method that differ from its defaults.
        label: The name of the line, unique in a recipe.
    """

    name: str
    options: Mapping[str, Any]
    label: str

    @classmethod
    def of(cls, name: str, options: Mapping[str, Any], label: str | None = None) -> MethodSpec:
        """Check the names of a method and its options. The default label is made of them.

        Raises:
            UnknownNameError: The method does not exist.
            OptionError: The method does not have one of the options.

        >>> MethodSpec.of("wis", {"walk_length": 2, "batch_size": 100}).label
        '2-WIS (batch_size=100)'
        """
        method = get_method(name)
        for option in options:
            if option not in method.options:
                known = ", ".join(method.options) or "none"
                raise OptionError(
                    f"method {method.name!r} has no option {echo(repr(option))}; its options: "
                    f"{known}"
                )
        return cls(method.name, dict(options), label or _default_label(method.name, options))

    def as_dict(self) -> dict[str, Any]:
        """The method as a table of a recipe."""
        return {"name": self.name, "label": self.label, **self.options}


def _default_label(name: str, options: Mapping[str, Any]) -> str:
    rest = dict(options)
    title = f"{rest.pop('walk_length', 1)}-WIS" if name == "wis" else name
    listed = ", ".join(f"{key}={value}" for key, value in rest.items())
    return f"{title} ({listed})" if listed else title


@dataclass(frozen=True)
class ModelSpec:
    """A network and its training.

    Attributes:
        name: A name of `wis.models.available_models`.
        settings: Fields of `wis.training.TrainConfig` that differ from its defaults.
        task: The task of the recipe.
    """

    name: str
    settings: Mapping[str, Any]
    task: str = "vertex"

    def config(self) -> TrainConfig:
        """The configuration of the training.

        Raises:
            UnknownNameError: The model does not exist.
            OptionError: A setting does not exist or has an impossible value.
        """
        from wis.training import TrainConfig

        known = [one.name for one in fields(TrainConfig) if one.name not in NOT_IN_A_MODEL]
        for setting in self.settings:
            if setting not in known:
                found = f"model {echo(repr(self.name))} has no setting {echo(repr(setting))}"
                raise OptionError(f"{found}; settings: {', '.join(known)}")
        return TrainConfig(model=self.name, task=self.task, **self.settings)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, Any]:
        """The model as a table of a recipe."""
        return {"name": self.name, **self.settings}


@dataclass(frozen=True)
class Recipe:
    """A sweep over methods, amounts, models and seeds on one graph.

    Attributes:
        name: The stem of the recipe's file, or ``custom``.
        title: A description in one line; may be empty.
        source: The origin of the sweep, such as a figure of the thesis; may be empty.
        dataset: A name of `wis.datasets`, or the path of a file with `x` and `y`.
        split_seed: Seed of a new 80/10/10 split of the vertices. None takes the masks of the graph,
            or seed 0 if it has no masks.
        models: Networks; each has a panel in the figure.
        methods: Methods; each has a line in every panel.
        percentages: Percentages of the edges to remove, ascending.
        seeds: Seeds of the initial parameters and of random methods.
        seeds_per_run: The number of seeds that one job trains, one after the other.
        edges: Numbers of edges to remove, in addition to `percentages`; ascending.
        split: The number of a split, for a graph that comes with k splits. With None, seed s takes
            split s mod k.
        num_splits: Make k new 80/10/10 splits, of seeds 0 to k - 1. None makes none.
        task: ``"vertex"``, ``"link"`` or ``"graph"``, see `wis.experiments.tasks`.
        undirected: Let each edge carry messages both ways, where the graph has one-way arcs.
    """

    name: str
    title: str
    source: str
    dataset: str
    split_seed: int | None
    models: tuple[ModelSpec, ...]
    methods: tuple[MethodSpec, ...]
    percentages: tuple[float, ...]
    seeds: tuple[int, ...]
    seeds_per_run: int = 4
    edges: tuple[int, ...] = ()
    split: int | None = None
    num_splits: int | None = None
    task: str = "vertex"
    undirected: bool = False

    def __post_init__(self) -> None:
        for what, values in (
            ("labels of methods", [method.label for method in self.methods]),
            ("models", [model.as_dict() for model in self.models]),
            ("amounts to remove", spelt(Amounts(self.percentages, self.edges))),
            ("seeds", self.seeds),
        ):
            if not values:
                raise OptionError(f"there are no {what}; give at least one")
            twice = [value for index, value in enumerate(values) if value in values[:index]]
            if twice:
                raise OptionError(f"{what} must differ; {echo(repr(twice[0]))} is there twice")
        models = tuple(replace(model, task=self.task) for model in self.models)
        object.__setattr__(self, "models", models)
        for model in models:
            model.config()
        check_methods(self.task, [method.name for method in self.methods])
        self._check_numbers()

    def _check_numbers(self) -> None:
        if not all(0 <= percentage <= 100 for percentage in self.percentages):
            raise OptionError(f"percentages is {self.percentages}; expected numbers in [0, 100]")
        if not isinstance(self.undirected, bool):
            raise OptionError(f"undirected is {self.undirected!r}; expected true or false")
        if self.undirected and self.task == "graph":
            raise OptionError("undirected does not apply to lists of graphs; leave it out")
        check_integers("edges", self.edges, 1)
        check_integers("seeds", self.seeds, 0)
        check_integers("seeds_per_run", [self.seeds_per_run], 1)
        for name in ("split_seed", "split"):
            if getattr(self, name) is not None:
                check_integers(name, [getattr(self, name)], 0)
        if self.num_splits is not None:
            check_integers("num_splits", [self.num_splits], 1)
        if self.split_seed is not None and (self.split, self.num_splits) != (None, None):
            other = "num_splits" if self.split is None else "split"
            raise OptionError(f"{other} and split_seed are both given; one makes a new split")

    @property
    def num_runs(self) -> int:
        """The number of rows of the whole sweep."""
        amounts = len(self.percentages) + len(self.edges)
        return len(self.models) * len(self.methods) * amounts * len(self.seeds)

    def as_dict(self) -> dict[str, Any]:
        """The content of the TOML file, with all defaults written out."""
        splits = {name: getattr(self, name) for name in ("split_seed", "split", "num_splits")}
        return {
            "kind": KIND,
            "title": self.title,
            "source": self.source,
            "dataset": self.dataset,
            **({} if self.task == "vertex" else {"task": self.task}),
            **({"undirected": True} if self.undirected else {}),
            **{name: value for name, value in splits.items() if value is not None},
            "remove": spelt(Amounts(self.percentages, self.edges)),
            "seeds": list(self.seeds),
            "seeds_per_run": self.seeds_per_run,
            "models": [model.as_dict() for model in self.models],
            "methods": [method.as_dict() for method in self.methods],
        }

    @property
    def hash(self) -> str:
        """SHA-256 of all settings but `title` and `source`.

        Percentages enter as numbers, as in older versions, so that old hashes stay valid.
        """
        content = {k: v for k, v in self.as_dict().items() if k not in ("title", "source")}
        edges = [f"{count} edges" for count in self.edges]
        return content_hash({**content, "remove": [*self.percentages, *edges]})

    def changed(self, **changes: Any) -> Recipe:
        """A copy with some attributes replaced; None keeps an attribute."""
        return replace(self, **{name: v for name, v in changes.items() if v is not None})

    @classmethod
    def from_settings(cls, name: str, settings: Mapping[str, Any]) -> Recipe:
        """Make a recipe from the content of a TOML file.

        Raises:
            RecipeError: A key is missing, unknown or of the wrong type, or a value is impossible.
        """
        check_plain(settings)
        rest = {key: value for key, value in settings.items() if key != "kind"}
        try:
            amounts = parse_amounts(take(rest, "remove", (str, list)))
            recipe = cls(
                name=name,
                title=take(rest, "title", str, ""),
                source=take(rest, "source", str, ""),
                dataset=take(rest, "dataset", str),
                task=take(rest, "task", str, "vertex"),
                undirected=rest.pop("undirected", False),
                split_seed=take(rest, "split_seed", int, None),
                split=take(rest, "split", int, None),
                num_splits=take(rest, "num_splits", int, None),
                models=tuple(
                    ModelSpec(*named_table("models", t)) for t in take(rest, "models", list)
                ),
                methods=tuple(_method(table) for table in take(rest, "methods", list)),
                percentages=amounts.percentages,
                edges=amounts.edges,
                seeds=parse_seeds(take(rest, "seeds", (int, list))),
                seeds_per_run=take(rest, "seeds_per_run", int, 4),
            )
        except WisError as error:
            raise RecipeError(str(error)) from None
        if rest:
            known = ", ".join(recipe.as_dict())
            raise RecipeError(f"unknown key {echo(repr(next(iter(rest))))}; known: {known}")
        return recipe


def _method(table: Any) -> MethodSpec:
    name, options = named_table("methods", table)
    label = options.pop("label", None)
    if not isinstance(label, (str, type(None))):
        raise RecipeError(
            f"the label of method {echo(repr(name))} is {echo(repr(label))}; expected text"
        )
    return MethodSpec.of(name, options, label)


def read_recipe(path: str | Path) -> Recipe:
    r"""Read and check a recipe of the kind ``accuracy``.

    Raises:
        GraphFileError: The file cannot be read.
        RecipeError: The file is not such a recipe.

    >>> lines = ['kind = "accuracy"', 'dataset = "karate"', 'remove = ["50%"]', 'seeds = 2',
    ...          '[[models]]', 'name = "gcn"', '[[methods]]', 'name = "random"']
    >>> _ = Path("tiny.toml").write_text("\n".join(lines))
    >>> read_recipe("tiny.toml").num_runs
    2
    """
    path = Path(path)
    settings = read_settings(path)
    if settings["kind"] != KIND:
        raise RecipeError(f"{path}: kind is {settings['kind']!r}; expected {KIND!r}")
    try:
        return Recipe.from_settings(path.stem, settings)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
