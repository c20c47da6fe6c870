"""Make a recipe from options of the command line, or change a recipe by them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wis.errors import OptionError, echo
from wis.experiments.recipe import MethodSpec, ModelSpec, Recipe
from wis.experiments.settings import parse_amounts, parse_seeds
from wis.methods import get_method

TRAINING = ("learning_rate", "weight_decay", "max_epochs", "patience", "width", "depth")
INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)


def recipe_of(dataset: str, *, models: str, methods: str, **overrides: Any) -> Recipe:
    """Make a recipe from options of the command line.

    Args:
        dataset: A name of `wis.datasets`, or the path of a file.
        models: Names, separated by commas.
        methods: Text for `parse_methods`.
        **overrides: Changes for `apply_overrides`. By default the recipe removes 0, 10, ..., 100 %
            of the edges and has one seed.

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

    Args:
        text: Names, separated by commas; options of a method follow its colon as key=value.
        walk_length: The walk length of methods that have this option and do not set it.

    Raises:
        UnknownNameError: A method does not exist.
        OptionError: An option does not exist or has no value, or no method has `walk_length`.

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
    methods = tuple(MethodSpec.of(name, options) for name, options in tables)
    if walk_length is None:
        return methods
    changed = _with_walk_length(methods, walk_length)
    return tuple(
        m if "walk_length" in m.options else c for m, c in zip(methods, changed, strict=True)
    )


def _plain(text: str) -> Any:
    """Parse a truth value, None or a number; return any other text as it is."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if INTEGER.fullmatch(text):
        return int(text)
    try:
        return float(text) if text.isascii() and "_" not in text else text
    except ValueError:
        return text
