"""The recipe of an accuracy sweep: everything that decides its rows, and nothing else.

A recipe is a TOML file, named by its source (``thesis_fig5_3_cora_gcn.toml``)::

    kind = "accuracy"
    title = "Figure 5.3, left: a GCN on Cora"
    dataset = "cora"                    # a name of `wis datasets`, or a file with x and y
    remove = "0%:100%:5%"               # of the edges: from, to, step; or a list, as ["50%"]
    seeds = 10                          # 0, 1, ..., 9; or a list

    [[models]]
    name = "gcn"                        # any further key is a field of `wis.training.TrainConfig`
    learning_rate = 5e-4

    [[methods]]
    name = "wis"                        # any further key but `label` is an option of the method
    walk_length = 2
    batch_size = 100

Processes, devices and clusters are not part of a recipe, so the same recipe gives the same rows
everywhere. Every row records the hash of its recipe. The command line makes a recipe from options
(`recipe_of`) or changes one (`apply_overrides`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.errors import OptionError, RecipeError, WisError, echo
from wis.experiments.settings import (
    Amounts,
    check_integers,
    check_plain,
    parse_amounts,
    parse_seeds,
    read_settings,
    spelt,
)
from wis.methods import get_method

if TYPE_CHECKING:
    from wis.training import TrainConfig

KIND = "accuracy"
NOT_IN_A_MODEL = ("model", "seed", "device", "task", "keep_curve")
TRAINING = ("learning_rate", "weight_decay", "max_epochs", "patience", "width", "depth")
INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)


def content_hash(content: Any) -> str:
    """SHA-256 of a value that JSON can express."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class MethodSpec:
    """A line of the figure: a method with its options.

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
        """Check the names of a method and of its options, and make a label if there is none.

        Raises:
            UnknownNameError: There is no such method.
            OptionError: It has no such option.

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
        """The table of a recipe."""
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
    """

    name: str
    settings: Mapping[str, Any]

    def config(self) -> TrainConfig:
        """The configuration of the training.

        Raises:
            UnknownNameError: There is no such model.
            OptionError: A setting does not exist or has an impossible value.
        """
        from wis.training import TrainConfig

        known = [one.name for one in fields(TrainConfig) if one.name not in NOT_IN_A_MODEL]
        for setting in self.settings:
            if setting not in known:
                found = f"model {echo(repr(self.name))} has no setting {echo(repr(setting))}"
                raise OptionError(f"{found}; settings: {', '.join(known)}")
        return TrainConfig(model=self.name, **self.settings)

    def as_dict(self) -> dict[str, Any]:
        """The table of a recipe."""
        return {"name": self.name, **self.settings}


@dataclass(frozen=True)
class Recipe:
    """A sweep: each method, amount, model and seed on one graph.

    Attributes:
        name: The stem of the recipe's file, or ``custom``.
        title: One line about the sweep.
        source: Where the sweep comes from, such as a figure of the thesis; may be empty.
        dataset: A name of `wis.datasets`, or the path of a file with `x` and `y`.
        split_seed: Seed of a new 80/10/10 split of the vertices. None takes the masks of the graph,
            or seed 0 if it has no masks.
        models: Networks, one panel each.
        methods: Methods, one line each.
        percentages: Amounts to remove, in percent of the edges, ascending.
        seeds: Seeds of the initial parameters and of random methods.
        seeds_per_run: How many seeds of a cell one job trains, one after the other.
        edges: Further amounts to remove, in numbers of edges, ascending.
        split: Which of several splits of the graph all seeds take. None lets seed s take split
            s mod k of k.
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
        for model in self.models:
            model.config()
        self._check_numbers()

    def _check_numbers(self) -> None:
        if not all(0 <= percentage <= 100 for percentage in self.percentages):
            raise OptionError(f"percentages is {self.percentages}; expected numbers in [0, 100]")
        check_integers("edges", self.edges, 1)
        check_integers("seeds", self.seeds, 0)
        check_integers("seeds_per_run", [self.seeds_per_run], 1)
        for name in ("split_seed", "split"):
            if getattr(self, name) is not None:
                check_integers(name, [getattr(self, name)], 0)
        if self.split is not None and self.split_seed is not None:
            raise OptionError("split and split_seed are both given; one makes a new split")

    @property
    def num_runs(self) -> int:
        """Rows of the whole sweep."""
        amounts = len(self.percentages) + len(self.edges)
        return len(self.models) * len(self.methods) * amounts * len(self.seeds)

    def as_dict(self) -> dict[str, Any]:
        """The content of the TOML file, with all defaults written out."""
        splits = {"split_seed": self.split_seed, "split": self.split}
        return {
            "kind": KIND,
            "title": self.title,
            "source": self.source,
            "dataset": self.dataset,
            **{name: value for name, value in splits.items() if value is not None},
            "remove": spelt(Amounts(self.percentages, self.edges)),
            "seeds": list(self.seeds),
            "seeds_per_run": self.seeds_per_run,
            "models": [model.as_dict() for model in self.models],
            "methods": [method.as_dict() for method in self.methods],
        }

    @property
    def hash(self) -> str:
        """SHA-256 of everything that decides the rows; percentages count as numbers, as ever."""
        content = {k: v for k, v in self.as_dict().items() if k not in ("title", "source")}
        edges = [f"{count} edges" for count in self.edges]
        return content_hash({**content, "remove": [*self.percentages, *edges]})

    def changed(self, **changes: Any) -> Recipe:
        """The recipe with some attributes replaced; None leaves one as it is."""
        return replace(self, **{name: v for name, v in changes.items() if v is not None})

    @classmethod
    def from_settings(cls, name: str, settings: Mapping[str, Any]) -> Recipe:
        """Make a recipe of the content of a TOML file.

        Raises:
            RecipeError: A key is missing, unknown or of the wrong type, or a value is impossible.
        """
        check_plain(settings)
        rest = {key: value for key, value in settings.items() if key != "kind"}
        try:
            amounts = parse_amounts(_take(rest, "remove", (str, list)))
            recipe = cls(
                name=name,
                title=_take(rest, "title", str, ""),
                source=_take(rest, "source", str, ""),
                dataset=_take(rest, "dataset", str),
                split_seed=_take(rest, "split_seed", int, None),
                split=_take(rest, "split", int, None),
                models=tuple(ModelSpec(*_table("models", t)) for t in _take(rest, "models", list)),
                methods=tuple(_method(table) for table in _take(rest, "methods", list)),
                percentages=amounts.percentages,
                edges=amounts.edges,
                seeds=parse_seeds(_take(rest, "seeds", (int, list))),
                seeds_per_run=_take(rest, "seeds_per_run", int, 4),
            )
        except WisError as error:
            raise RecipeError(str(error)) from None
        if rest:
            known = ", ".join(recipe.as_dict())
            raise RecipeError(f"unknown key {echo(repr(next(iter(rest))))}; known: {known}")
        return recipe


_REQUIRED = object()
_TYPE_NAMES = {str: "text", int: "an integer", list: "a list"}


def _take(rest: dict[str, Any], key: str, kind: Any, default: Any = _REQUIRED) -> Any:
    """Take a value of a type, or of one of several types, out of the settings."""
    value = rest.pop(key, default)
    if value is _REQUIRED:
        raise RecipeError(f"the key {key!r} is missing")
    if value is not default and (isinstance(value, bool) or not isinstance(value, kind)):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(_TYPE_NAMES[each] for each in kinds)
        raise RecipeError(f"{key} is {echo(repr(value))}; expected {expected}")
    return value


def _table(kind: str, table: Any) -> tuple[str, dict[str, Any]]:
    """The name in a table, and its other keys."""
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise RecipeError(f"a table [[{kind}]] needs a name; found {echo(repr(table))}")
    return table["name"], {key: value for key, value in table.items() if key != "name"}


def _method(table: Any) -> MethodSpec:
    name, options = _table("methods", table)
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
        RecipeError: It is no such recipe; the message says why.

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
    """Make a recipe from options of the command line.

    Args:
        dataset: A name of `wis.datasets`, or a file.
        models: Names, separated by commas.
        methods: See `parse_methods`.
        **overrides: See `apply_overrides`. The defaults are 0, 10, ..., 100 % and one seed.

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
        models=tuple(table_d2_model(name, dataset) for name in models.split(",")),
        methods=parse_methods(methods, walk_length=walk_length),
        percentages=parse_amounts("0%:100%:10%").percentages,
        seeds=(0,),
    )
    return apply_overrides(recipe, **overrides)


def apply_overrides(recipe: Recipe, **overrides: Any) -> Recipe:
    """The recipe with the changes of the command line.

    Args:
        recipe: The recipe.
        **overrides: The changes; None changes nothing. `dataset`, `split`, `split_seed` and
            `seeds_per_run` as in a recipe; `remove` (where ``50`` is 50 edges), `seeds`, `models`
            and `methods` as text; `walk_length` for all methods that have one, unless `methods`
            gives it; the names in `TRAINING` for all models.

    Raises:
        WisError: A value is impossible.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    training = {name: given.pop(name) for name in TRAINING if name in given}
    walk_length = given.pop("walk_length", None)
    names = ("dataset", "split", "split_seed", "seeds_per_run")
    changes = {name: given.pop(name) for name in names if name in given}
    if "seeds" in given:
        changes["seeds"] = parse_seeds(given.pop("seeds"))
    if "remove" in given:
        amounts = parse_amounts(given.pop("remove"), bare_edges=True)
        changes |= {"percentages": amounts.percentages, "edges": amounts.edges}
    if "methods" in given:
        changes["methods"] = parse_methods(given.pop("methods"), walk_length=walk_length)
    elif walk_length is not None:
        check_takes_walk_length(method.name for method in recipe.methods)
        changes["methods"] = tuple(_with_walk_length(m, walk_length) for m in recipe.methods)
    if "models" in given:
        # a model of the recipe keeps its settings; another one takes its row of Table D.2
        known = {model.name: model for model in recipe.models}
        dataset = changes.get("dataset", recipe.dataset)
        specs = (table_d2_model(name, dataset) for name in given.pop("models").split(","))
        changes["models"] = tuple(known.get(spec.name, spec) for spec in specs)
    if given:
        raise OptionError(f"{next(iter(given))!r} cannot be changed in a recipe")
    recipe = recipe.changed(**changes)
    models = tuple(replace(m, settings={**m.settings, **training}) for m in recipe.models)
    return recipe.changed(models=models)


def _with_walk_length(method: MethodSpec, walk_length: int) -> MethodSpec:
    if "walk_length" not in get_method(method.name).options:
        return method
    return MethodSpec.of(method.name, {**method.options, "walk_length": walk_length})


def check_takes_walk_length(names: Iterable[str]) -> None:
    """Raise `OptionError` unless one of the methods has the option `walk_length`."""
    names = list(names)
    if not any("walk_length" in get_method(name).options for name in names):
        raise OptionError(f"walk_length is nothing for {', '.join(names)}; leave it out")


def table_d2_model(name: str, dataset: str) -> ModelSpec:
    """A model with its row of Table D.2 for a data set; with the defaults where it has no row."""
    from wis.training import TABLE_D2

    name = name.strip() if ":" in name else name.strip().lower()  # module:Class is a user's own
    row = TABLE_D2.get((name, dataset.partition(":")[0].strip().lower()))
    if row is None:
        return ModelSpec(name, {})
    return ModelSpec(name, {"learning_rate": row.learning_rate, "weight_decay": row.weight_decay})


def parse_methods(text: str, *, walk_length: int | None = None) -> tuple[MethodSpec, ...]:
    """Parse methods such as ``"wis:walk_length=2,batch_size=100,random"``.

    Args:
        text: Names, separated by commas; options of a method follow its colon as key=value.
        walk_length: For the methods that have this option and do not give it.

    Raises:
        UnknownNameError: There is no such method.
        OptionError: The method has no such option, or an option is malformed; or `walk_length` is
            given and no method has it.

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
            tables[-1][1][key] = _plain(value)
    if walk_length is not None:
        check_takes_walk_length(name for name, _ in tables)
        for name, options in tables:
            if "walk_length" in get_method(name).options:
                options.setdefault("walk_length", walk_length)
    return tuple(MethodSpec.of(name, options) for name, options in tables)


def _plain(text: str) -> Any:
    """A truth value, a number, or the text itself."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if INTEGER.fullmatch(text):
        return int(text)
    try:
        return float(text) if text.isascii() and "_" not in text else text
    except ValueError:
        return text
