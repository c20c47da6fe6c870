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
machine. Each row records the hash of its recipe. Options of the command line make or change one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wis.errors import OptionError, RecipeError, WisError, echo
from wis.experiments.settings import (
    Amounts,
    MethodSpec,
    ModelSpec,
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
from wis.methods.registry import value_of

KIND = "accuracy"
TRAINING = ("learning_rate", "weight_decay", "max_epochs", "patience", "width", "depth")


def content_hash(content: Any) -> str:
    """SHA-256 of a value that JSON can express."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


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


def recipe_of(dataset: str, *, models: str, methods: str, **overrides: Any) -> Recipe:
    """Make a recipe from options of the command line, see `apply_overrides`.

    By default it removes 0, 10, ..., 100 % of the edges and has one seed. `models` are names
    separated by commas, and `methods` is text for `parse_methods`.

    >>> recipe_of("digits", models="gcn", methods="wis,random", remove="0%,50%").num_runs
    4
    """
    walk_length = overrides.pop("walk_length", None)
    recipe = Recipe(
        name="custom",
        title="",
        source="",
        dataset=dataset,
        split_seed=None,
        models=tuple(_table_d2_model(name, dataset) for name in models.split(",")),
        methods=parse_methods(methods, walk_length=walk_length),
        percentages=parse_amounts("0%:100%:10%").percentages,
        seeds=(0,),
    )
    return apply_overrides(recipe, **overrides)


def apply_overrides(recipe: Recipe, **overrides: Any) -> Recipe:
    """Change a recipe by options of the command line.

    Args:
        recipe: The recipe.
        **overrides: New values; None changes nothing. `dataset`, `task`, `split`, `split_seed` and
            `seeds_per_run` have the types of a recipe. `seeds`, `models`, `methods` and `remove`
            are texts; in `remove`, ``50`` means 50 edges. `walk_length` applies to all
            methods that have this option and do not set it in `methods`. The names in `TRAINING`
            apply to all models.

    Raises:
        WisError: A value is impossible.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    training = {name: given.pop(name) for name in TRAINING if name in given}
    walk_length = given.pop("walk_length", None)
    names = ("dataset", "task", "split", "split_seed", "seeds_per_run")
    changes = {name: given.pop(name) for name in names if name in given}
    if "seeds" in given:
        changes["seeds"] = parse_seeds(given.pop("seeds"))
    if "remove" in given:
        amounts = parse_amounts(given.pop("remove"), bare_edges=True)
        changes |= {"percentages": amounts.percentages, "edges": amounts.edges}
    if "methods" in given:
        changes["methods"] = parse_methods(given.pop("methods"), walk_length=walk_length)
    elif walk_length is not None:
        changes["methods"] = _with_walk_length(recipe.methods, walk_length)
    if "models" in given:
        # A model of the recipe keeps its settings. Another model takes those of Table D.2.
        known = {model.name: model for model in recipe.models}
        dataset = changes.get("dataset", recipe.dataset)
        specs = (_table_d2_model(name, dataset) for name in given.pop("models").split(","))
        changes["models"] = tuple(known.get(spec.name, spec) for spec in specs)
    if given:
        raise OptionError(f"{next(iter(given))!r} cannot be changed in a recipe")
    recipe = recipe.changed(**changes)
    models = tuple(replace(m, settings={**m.settings, **training}) for m in recipe.models)
    return recipe.changed(models=models)


def _with_walk_length(methods: Sequence[MethodSpec], length: int) -> tuple[MethodSpec, ...]:
    """The methods, those that have the option `walk_length` with this value."""
    takes = ["walk_length" in get_method(method.name).options for method in methods]
    if not any(takes):
        names = ", ".join(method.name for method in methods)
        raise OptionError(f"walk_length does not apply to {names}; leave it out")
    return tuple(
        MethodSpec.of(m.name, {**m.options, "walk_length": length}) if takes_it else m
        for m, takes_it in zip(methods, takes, strict=True)
    )


def _table_d2_model(name: str, dataset: str) -> ModelSpec:
    """A model with its settings in Table D.2 for a data set, or with the defaults."""
    from wis.training import TABLE_D2

    name = name.strip() if ":" in name else name.strip().lower()  # module:Class is a user's own
    row = TABLE_D2.get((name, dataset.partition(":")[0].strip().lower()))
    if row is None:
        return ModelSpec(name, {})
    return ModelSpec(name, {"learning_rate": row.learning_rate, "weight_decay": row.weight_decay})


def parse_methods(text: str, *, walk_length: int | None = None) -> tuple[MethodSpec, ...]:
    """Parse methods such as ``"wis:walk_length=2,batch_size=100,random"``.

    Options of a method follow its colon as key=value. Methods that have the option `walk_length`
    and do not set it get the argument.

    >>> [method.label for method in parse_methods("wis:walk_length=2,random")]
    ['2-WIS', 'random']
    """
    tables: list[tuple[str, dict[str, Any]]] = []
    for item in (part.strip() for part in text.split(",")):
        name, colon, option = item.partition(":")
        if not colon and "=" in item and tables:
            option = item
        else:
            tables.append((name, {}))
        if option:
            key, equals, value = (part.strip() for part in option.partition("="))
            if not equals:
                raise OptionError(f"methods: {echo(repr(option))} is not of the form key=value")
            tables[-1][1][key] = value_of(value)
    methods = tuple(MethodSpec.of(name, options) for name, options in tables)
    if walk_length is None:
        return methods
    changed = _with_walk_length(methods, walk_length)
    return tuple(
        m if "walk_length" in m.options else c for m, c in zip(methods, changed, strict=True)
    )
