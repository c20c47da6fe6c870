"""A recipe: everything that decides the rows of a sweep, and nothing that does not.

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

Where it runs (processes, devices, clusters) is no part of it, so that the same recipe gives the
same rows everywhere. Its hash is recorded with every row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.errors import OptionError, RecipeError, WisError, echo
from wis.experiments.amounts import Amounts, check_integers, parse_amounts, parse_seeds, spelt
from wis.experiments.recipe_file import check_plain, read_settings

if TYPE_CHECKING:
    from wis.training import TrainConfig

KIND = "accuracy"
NOT_IN_A_MODEL = ("model", "seed", "device", "task", "keep_curve")


@dataclass(frozen=True)
class MethodSpec:
    """A line of the figure: a method with its options.

    Attributes:
        name: A name of `wis.available_methods`.
        options: Options of the method that differ from its defaults.
        label: What the line is called, unique in a recipe.
    """

    name: str
    options: Mapping[str, Any]
    label: str

    @classmethod
    def of(cls, name: str, options: Mapping[str, Any], label: str | None = None) -> MethodSpec:
        """Look the method up, check the names of its options, and find a label if there is none.

        Raises:
            UnknownNameError: There is no such method.
            OptionError: It has no such option.
        """
        from wis.methods import get_method

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
        """As in a recipe."""
        return {"name": self.name, "label": self.label, **self.options}


def _default_label(name: str, options: Mapping[str, Any]) -> str:
    """``2-WIS (batch_size=100)`` and the like."""
    rest = dict(options)
    title = f"{rest.pop('walk_length', 1)}-WIS" if name == "wis" else name
    told = ", ".join(f"{key}={value}" for key, value in rest.items())
    return f"{title} ({told})" if told else title


@dataclass(frozen=True)
class ModelSpec:
    """A network and how it is trained.

    Attributes:
        name: A name of `wis.models.available_models`.
        settings: Fields of `wis.training.TrainConfig` that differ from its defaults.
    """

    name: str
    settings: Mapping[str, Any]

    def config(self) -> TrainConfig:
        """The configuration of its runs.

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
        """As in a recipe."""
        return {"name": self.name, **self.settings}


@dataclass(frozen=True)
class Recipe:
    """A sweep: each method, percentage, model and seed on one graph.

    Attributes:
        name: What it is called: the stem of its file, or ``custom``.
        title: One line about it.
        source: Where it comes from, such as a figure of the thesis; may be empty.
        dataset: A name of `wis.datasets`, or the path of a file with `x` and `y`.
        split_seed: Seed of a new 80/10/10 split of the vertices. None takes the masks that the
            graph has, or, if it has none, seed 0.
        models: Networks, one panel each.
        methods: Methods, one line each.
        percentages: How much to remove, in percent of the edges, ascending.
        seeds: Seeds of initial parameters and of random methods.
        seeds_per_run: How many seeds of a cell are trained as one (see `wis.training.train_many`).
        edges: How much to remove besides, in numbers of edges, ascending.
        split: Which of several splits that the graph comes with all seeds take. None lets seed s
            take split s mod k of k.
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
        self._check_names()
        self._check_numbers()

    def _check_names(self) -> None:
        """Nothing is there twice, and every model can be made."""
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

    def _check_numbers(self) -> None:
        if not all(0 <= percentage <= 100 for percentage in self.percentages):
            raise OptionError(f"percentages is {self.percentages}; expected numbers in [0, 100]")
        check_integers("edges", self.edges, 1)
        check_integers("seeds", self.seeds, 0)
        check_integers("seeds_per_run", [self.seeds_per_run], 1)
        if self.split_seed is not None:
            check_integers("split_seed", [self.split_seed], 0)
        if self.split is not None:
            check_integers("split", [self.split], 0)
            if self.split_seed is not None:
                raise OptionError("split and split_seed are both given; one makes a new split")

    @property
    def num_runs(self) -> int:
        """Rows of the whole sweep."""
        cells = len(self.models) * len(self.methods)
        cells *= len(self.percentages) + len(self.edges)
        return cells * len(self.seeds)

    def as_dict(self) -> dict[str, Any]:
        """As the TOML file has it, with everything spelled out."""
        return {
            "kind": KIND,
            "title": self.title,
            "source": self.source,
            "dataset": self.dataset,
            **({} if self.split_seed is None else {"split_seed": self.split_seed}),
            **({} if self.split is None else {"split": self.split}),
            "remove": spelt(Amounts(self.percentages, self.edges)),
            "seeds": list(self.seeds),
            "seeds_per_run": self.seeds_per_run,
            "models": [model.as_dict() for model in self.models],
            "methods": [method.as_dict() for method in self.methods],
        }

    @property
    def hash(self) -> str:
        """SHA-256 of all that decides the rows, with percentages as numbers, as ever."""
        content = {k: v for k, v in self.as_dict().items() if k not in ("title", "source")}
        edges = [f"{count} edges" for count in self.edges]
        return content_hash({**content, "remove": [*self.percentages, *edges]})

    def changed(self, **changes: Any) -> Recipe:
        """The same recipe with some attributes replaced; None leaves one as it is."""
        return replace(self, **{name: v for name, v in changes.items() if v is not None})

    @classmethod
    def from_settings(cls, name: str, settings: Mapping[str, Any]) -> Recipe:
        """Read what a TOML file holds.

        Raises:
            RecipeError: A key is missing, unknown or of the wrong type.
            WisError: A name or an option does not exist.
        """
        check_plain(settings)
        rest = dict(settings)
        rest.pop("kind", None)
        try:
            amounts = parse_amounts(_take(rest, "remove", (str, list)))
            recipe = cls(
                name=name,
                title=_take(rest, "title", str, ""),
                source=_take(rest, "source", str, ""),
                dataset=_take(rest, "dataset", str),
                split_seed=_take(rest, "split_seed", int, None),
                split=_take(rest, "split", int, None),
                models=tuple(_model(row) for row in _take(rest, "models", list)),
                methods=tuple(_method(row) for row in _take(rest, "methods", list)),
                percentages=amounts.percentages,
                edges=amounts.edges,
                seeds=parse_seeds(_take(rest, "seeds", (int, list))),
                seeds_per_run=_take(rest, "seeds_per_run", int, 4),
            )
        except RecipeError:
            raise
        except WisError as error:
            raise RecipeError(str(error)) from None
        if rest:
            known = ", ".join(recipe.as_dict())
            raise RecipeError(f"unknown key {echo(repr(next(iter(rest))))}; known: {known}")
        return recipe


def content_hash(content: Any) -> str:
    """SHA-256 of a value that JSON can express."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


_REQUIRED = object()


def _take(rest: dict[str, Any], key: str, kind: Any, default: Any = _REQUIRED) -> Any:
    value = rest.pop(key, default)
    if value is _REQUIRED:
        raise RecipeError(f"the key {key!r} is missing")
    if value is default:
        return value
    if isinstance(value, bool) or not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(
            {"str": "text", "int": "an integer"}.get(k.__name__, "a list") for k in kinds
        )
        raise RecipeError(f"{key} is {echo(repr(value))}; expected {expected}")
    return value


def _table(kind: str, row: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(row, Mapping) or not isinstance(row.get("name"), str):
        raise RecipeError(f"a table [[{kind}]] needs a name; found {echo(repr(row))}")
    return row["name"], {key: value for key, value in row.items() if key != "name"}


def _model(row: Any) -> ModelSpec:
    return ModelSpec(*_table("models", row))


def _method(row: Any) -> MethodSpec:
    name, options = _table("methods", row)
    label = options.pop("label", None)
    if not isinstance(label, (str, type(None))):
        raise RecipeError(
            f"the label of method {echo(repr(name))} is {echo(repr(label))}; expected text"
        )
    return MethodSpec.of(name, options, label)


def read_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe of the kind ``accuracy``.

    Raises:
        GraphFileError: The file cannot be read.
        RecipeError: It is no such recipe; the message says why.
    """
    path = Path(path)
    settings = read_settings(path)
    if settings["kind"] != KIND:
        raise RecipeError(f"{path}: kind is {settings['kind']!r}; expected {KIND!r}")
    try:
        return Recipe.from_settings(path.stem, settings)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
