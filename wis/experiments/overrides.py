"""A recipe with some of its parts said on the command line, or made from these alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from wis.errors import OptionError, echo
from wis.experiments.amounts import parse_amounts, parse_seeds
from wis.experiments.recipe import MethodSpec, ModelSpec, Recipe

INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
TRAINING = ("learning_rate", "weight_decay", "max_epochs", "patience", "width", "depth")


def apply_overrides(recipe: Recipe, **overrides: Any) -> Recipe:
    """A recipe in which some things are otherwise.

    Args:
        recipe: The recipe.
        **overrides: What differs; None changes nothing. `dataset`, `split`, `split_seed`,
            `seeds_per_run` as in a recipe; `remove` (where ``50`` is 50 edges), `seeds`, `models`,
            `methods` as text; `walk_length` for all methods that have one, unless `methods` says
            it; the names in `TRAINING` for all models.

    Raises:
        WisError: A value is impossible.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    training = {name: given.pop(name) for name in TRAINING if name in given}
    walk_length = given.pop("walk_length", None)
    changes = {name: given.pop(name) for name in _AS_THEY_ARE if name in given}
    for name, (attribute, parse) in _PARSED.items():
        if name in given:
            changes[attribute] = parse(given.pop(name))
    if "remove" in given:
        amounts = parse_amounts(given.pop("remove"), bare_edges=True)
        changes |= {"percentages": amounts.percentages, "edges": amounts.edges}
    if "methods" in given:
        changes["methods"] = parse_methods(given.pop("methods"), walk_length=walk_length)
    elif walk_length is not None:
        changes["methods"] = _with_walk_length(recipe, walk_length)
    if "models" in given:
        changes["models"] = _models(recipe, given.pop("models"), changes.get("dataset"))
    if given:
        raise OptionError(f"{next(iter(given))!r} is nothing that can be said against a recipe")
    recipe = recipe.changed(**changes)
    models = tuple(replace(m, settings={**m.settings, **training}) for m in recipe.models)
    return recipe.changed(models=models)


_AS_THEY_ARE = ("dataset", "split", "split_seed", "seeds_per_run")
_PARSED = {"seeds": ("seeds", parse_seeds)}


def _with_walk_length(recipe: Recipe, walk_length: int) -> tuple[MethodSpec, ...]:
    from wis.methods import get_method

    methods = []
    for method in recipe.methods:
        if "walk_length" in get_method(method.name).options:
            options = {**method.options, "walk_length": walk_length}
            method = MethodSpec.of(method.name, options)
        methods.append(method)
    _check_takes_walk_length([method.name for method in methods])
    return tuple(methods)


def _check_takes_walk_length(names: Iterable[str]) -> None:
    """Raise unless one of the methods has this option, which would do nothing otherwise."""
    from wis.methods import get_method

    names = list(names)
    if not any("walk_length" in get_method(name).options for name in names):
        raise OptionError(f"walk_length is nothing for {', '.join(names)}; leave it out")


def _models(recipe: Recipe, text: str, dataset: str | None) -> tuple[ModelSpec, ...]:
    """Models of the recipe by their names; others with their rows of Table D.2, if any."""
    known = {model.name: model for model in recipe.models}
    names = [name.strip().lower() for name in text.split(",")]
    dataset = dataset or recipe.dataset
    return tuple(known.get(name) or table_d2_model(name, dataset) for name in names)


def table_d2_model(name: str, dataset: str) -> ModelSpec:
    """A model with its row of Table D.2 for a data set; with wis' defaults where it has none."""
    from wis.training import TABLE_D2

    row = TABLE_D2.get((name, dataset.partition(":")[0].strip().lower()))
    if row is None:
        return ModelSpec(name, {})
    return ModelSpec(name, {"learning_rate": row.learning_rate, "weight_decay": row.weight_decay})


def recipe_of(dataset: str, *, models: str, methods: str, **overrides: Any) -> Recipe:
    """A recipe made on the command line.

    Args:
        dataset: A name of `wis.datasets`, or a file.
        models: Names, separated by commas.
        methods: See `parse_methods`.
        **overrides: See `apply_overrides`; without them 0, 10, ..., 100 % and one seed.
    """
    walk_length = overrides.pop("walk_length", None)
    recipe = Recipe(
        name="custom",
        title="",
        source="",
        dataset=dataset,
        split_seed=None,
        models=tuple(table_d2_model(name.strip().lower(), dataset) for name in models.split(",")),
        methods=parse_methods(methods, walk_length=walk_length),
        percentages=parse_amounts("0%:100%:10%").percentages,
        seeds=(0,),
    )
    return apply_overrides(recipe, **overrides)


def parse_methods(text: str, *, walk_length: int | None = None) -> tuple[MethodSpec, ...]:
    """Methods from ``"wis:walk_length=2,batch_size=100,random"``.

    Args:
        text: Names, separated by commas; options of a method follow its colon as key=value.
        walk_length: For methods that have this option and do not say it.

    Raises:
        UnknownNameError: There is no such method.
        OptionError: It has no such option, or one is malformed; or none has `walk_length`, which
            was given.
    """
    from wis.methods import get_method

    rows: list[tuple[str, dict[str, Any]]] = []
    for item in (part.strip() for part in text.split(",")):
        name, colon, option = item.partition(":")
        if not colon and "=" in item and rows:
            option = item
        else:
            rows.append((name, {}))
        if option:
            key, equals, value = (part.strip() for part in option.partition("="))
            if not equals:
                raise OptionError(f"methods: {echo(repr(option))} is not of the form key=value")
            rows[-1][1][key] = _plain(value)
    if walk_length is not None:
        _check_takes_walk_length(name for name, _ in rows)
        for name, options in rows:
            if "walk_length" in get_method(name).options:
                options.setdefault("walk_length", walk_length)
    return tuple(MethodSpec.of(name, options) for name, options in rows)


def _plain(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if INTEGER.fullmatch(text):
        return int(text)
    try:
        return float(text) if text.isascii() and "_" not in text else text
    except ValueError:
        return text
