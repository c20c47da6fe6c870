"""Where recipes lie, and which function runs which kind of them.

A recipe says its `kind`; `KINDS` says what that means. The recipes of wis are files in
``benchmarks/recipes`` of the source tree, and are installed to ``share/wis-sparsify/recipes``.
"""

from __future__ import annotations

import importlib
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wis.errors import RecipeError, UnknownNameError
from wis.experiments.recipe_file import read_settings


@dataclass(frozen=True)
class Kind:
    """A kind of experiment.

    Attributes:
        summary: What its recipes are about, in a few words.
        check: ``module:function`` of ``check(name, settings)``, which raises `WisError` for a bad
            recipe and returns the number of its runs.
        run: ``module:function`` of ``run(name, settings, options)`` with `options` of the command
            line (see `wis.experiments.sweep.RunOptions`), which returns how it ended.
        preview: ``module:function`` of the same arguments, which checks everything that can be
            before the work and returns what there is to do, by name.
    """

    summary: str
    check: str
    run: str
    preview: str

    @property
    def module(self) -> str:
        """Name of the module that runs its recipes."""
        return self.run.partition(":")[0]

    def num_runs(self, name: str, settings: Mapping[str, Any]) -> int:
        """Number of runs of a recipe, which is checked."""
        return int(_function(self.check)(name, settings))


KINDS = {
    "accuracy": Kind(
        "accuracy after a part of the edges is removed",
        "wis.experiments.sweep:num_runs_of",
        "wis.experiments.sweep:run_settings",
        "wis.experiments.sweep:preview_settings",
    ),
    "table5_1": Kind(
        "how well networks fit tasks of a low and a high walk index",
        "wis.theory.table5_1.table5_1_recipe:num_runs",
        "wis.theory.table5_1.table5_1_recipe:run",
        "wis.theory.table5_1.table5_1_recipe:preview",
    ),
    "factorization": Kind(
        "an experiment on the implicit regularization of factorizations",
        "wis.theory.factorization.recipe:num_runs",
        "wis.theory.factorization.recipe:run",
        "wis.theory.factorization.recipe:preview",
    ),
}


def _function(address: str) -> Any:
    module, _, name = address.partition(":")
    return getattr(importlib.import_module(module), name)


def runner_of(kind: Kind, *, dry: bool = False) -> Any:
    """The function that runs recipes of a kind, or with `dry` says what there would be to do."""
    return _function(kind.preview if dry else kind.run)


def kind_of(settings: Mapping[str, Any]) -> Kind:
    """The kind of a recipe.

    Raises:
        UnknownNameError: There is no such kind.
    """
    name = str(settings.get("kind"))
    if name not in KINDS:
        raise UnknownNameError.among("kind of recipe", name, KINDS)
    return KINDS[name]


def recipe_folders() -> list[Path]:
    """Where recipes are looked for: the source tree, then where a wheel puts them."""
    source = Path(__file__).parents[2] / "benchmarks" / "recipes"
    installed = Path(sysconfig.get_path("data")) / "share" / "wis-sparsify" / "recipes"
    return [folder for folder in (source, installed) if folder.is_dir()]


def available_recipes() -> dict[str, Path]:
    """Name and file of every recipe, sorted by name."""
    found: dict[str, Path] = {}
    for folder in reversed(recipe_folders()):
        found.update({path.stem: path for path in folder.glob("*.toml")})
    return dict(sorted(found.items()))


def find_recipe(name: str) -> tuple[str, dict[str, Any]]:
    """Name and content of a recipe, given by its name or as a file.

    Raises:
        UnknownNameError: There is no such recipe, or it is of no known kind.
        GraphFileError: The file cannot be read.
        RecipeError: It is malformed.
    """
    known = available_recipes()
    path = Path(name)
    if path.suffix != ".toml" and name not in known:
        raise UnknownNameError.among("recipe", name, known)
    path = path if path.suffix == ".toml" else known[name]
    settings = read_settings(path)
    kind = kind_of(settings)
    try:
        kind.num_runs(path.stem, settings)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
    return path.stem, settings
