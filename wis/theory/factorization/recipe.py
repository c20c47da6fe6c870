"""Recipes of the factorization experiments, such as ``thesis_fig1_1``.

A run is an experiment with one seed. It writes several rows together, and a folder beside the file
of results with its rows, curves and verdict. `wis bench run` also draws its figure there
(`RunOptions.write`). An interrupted run continues from the checkpoints in that folder. `wis theory
run` does one run without a file of results.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wis.base.figures import check_can_plot
from wis.base.progress import progress_bar
from wis.errors import OptionError, RecipeError, WisError, echo
from wis.experiments.backends import Job, Outcome
from wis.experiments.recipe import content_hash
from wis.experiments.results import DONE, FACTORIZATION, FAILED, Row, check_fields
from wis.experiments.settings import check_integers, check_plain, parse_seeds
from wis.experiments.sweep import KINDS, Plan, RunOptions

KEYS = ("experiment", "size", "seeds", "settings")
SIZES = ("thesis", "quick")


@dataclass(frozen=True)
class FactorizationRecipe:
    """An experiment and its seeds.

    Attributes:
        experiment: A name of `wis theory list`.
        size: ``"thesis"`` or ``"quick"``.
        seeds: Seeds of the runs.
        settings: Changed settings of that size, as for `wis theory run --set`.
    """

    experiment: str
    size: str = "thesis"
    seeds: tuple[int, ...] = (0,)
    settings: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> FactorizationRecipe:
        """Check the content of a recipe.

        Raises:
            RecipeError: The content is invalid.

        >>> FactorizationRecipe.of({"experiment": "figB_2", "size": "quick", "seeds": 2}).seeds
        (0, 1)
        """
        check_plain(settings)
        given = {k: v for k, v in settings.items() if k not in ("kind", "title", "source")}
        for key in given:
            if key not in KEYS:
                raise RecipeError(f"unknown key {echo(repr(key))}; known: {', '.join(KEYS)}")
        if not isinstance(given.get("experiment"), str):
            raise RecipeError("experiment is missing; expected a name of `wis theory list`")
        if not isinstance(given.get("settings", {}), Mapping):
            raise RecipeError("settings has to be a table, such as [settings] max_steps = 1000")
        if given.get("size", "thesis") not in SIZES:
            raise RecipeError(f"size is {echo(repr(given['size']))}; expected 'thesis' or 'quick'")
        try:
            recipe = cls(**{**given, "seeds": parse_seeds(given.get("seeds", [0]))})
            check_integers("seeds", recipe.seeds, 0)
            recipe.resized()
        except WisError as error:
            raise RecipeError(str(error)) from None
        return recipe

    def resized(self) -> Any:
        """The size of the experiment with the changed settings."""
        from wis.theory.experiments import get_experiment, resized

        experiment = get_experiment(self.experiment)
        size = experiment.quick if self.size == "quick" else experiment.thesis
        return resized(size, self.settings) if self.settings else size

    @property
    def hash(self) -> str:
        """SHA-256 of everything that determines the rows except the seeds."""
        return content_hash([FACTORIZATION, self.experiment, asdict(self.resized())])

    def key(self, seed: int, row: int) -> str:
        """Key of the row of a seed."""
        return content_hash([self.hash, seed, row])


@dataclass(frozen=True)
class FirstRow:
    """The first row of a run, which stands for all of its rows."""

    key: str
    seed: int


class FactorizationPlan(Plan):
    """The runs of a recipe. Each run is planned as its first row."""

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Any],
        recipe: FactorizationRecipe,
        options: RunOptions,
    ) -> None:
        super().__init__(name, recipe.hash, dict(settings), len(recipe.seeds))
        self.recipe, self.options, self.doing = recipe, options, recipe.experiment

    @property
    def rows(self) -> list[FirstRow]:
        """The first row of each seed."""
        return [FirstRow(self.recipe.key(seed, 0), seed) for seed in self.recipe.seeds]

    def common(self) -> dict[str, Any]:
        """The recipe, the folders, and the function that writes an outcome."""
        if self.options.write is not None:
            check_can_plot("figure.png")
        options = self.options
        common = (self.recipe, options.results, options.data_root, options.write)
        return {"common": common, "prepare": self.recipe.resized, "common_key": self.hash}

    def rows_of(self, outcomes: Sequence[Outcome]) -> list[Row]:
        """The rows of a run, or one row with the error."""
        (outcome,) = outcomes
        (seed,) = (row.seed for row in self.rows if row.key == outcome["key"])
        common = {
            "type": "run",
            "kind": FACTORIZATION,
            "recipe": self.name,
            "recipe_hash": self.hash,
            "seed": seed,
            "device": "cpu",
            "experiment": self.recipe.experiment,
            **outcome,
        }
        if outcome["status"] == FAILED:
            return [common]
        return [
            {**common, "found": row, "key": self.recipe.key(seed, position)}
            for position, row in enumerate(outcome["found"])
        ]


class Factorization:
    """The kind of recipe that runs an experiment of Chapters 1 to 3."""

    name = FACTORIZATION

    def plan(
        self, name: str, settings: Mapping[str, Any], options: RunOptions
    ) -> FactorizationPlan:
        """Check a recipe and its override `seeds`.

        Raises:
            RecipeError: The recipe is invalid.
            OptionError: An option does not apply to this kind of recipe.
        """
        recipe = FactorizationRecipe.of(settings)
        given = {key: value for key, value in options.overrides.items() if value is not None}
        for key in given:
            if key != "seeds":
                flag = "epochs" if key == "max_epochs" else key.replace("_", "-")
                raise OptionError(
                    f"--{flag} does not apply to a factorization experiment; only --seeds does"
                )
        if options.backend.name != "local":
            raise OptionError(
                "a factorization experiment writes figures on this machine; leave out --backend"
            )
        if tuple(options.devices) != ("cpu",):
            raise OptionError("factorization experiments run on the CPU; leave out --devices")
        if "seeds" in given:
            recipe = replace(recipe, seeds=parse_seeds(given["seeds"]))
        return FactorizationPlan(name, settings, recipe, options)

    def run_row(self, job: Job) -> list[Outcome]:
        """Run the experiment with a seed, and write its outcome."""
        from wis.theory import experiments

        recipe, results, data_root, write = job.common
        seed = job.runs[0].seed
        folder = folder_of(results, recipe.experiment, seed)
        started = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        root = None if data_root is None else Path(data_root)
        request = experiments.Request(seed=seed, folder=folder, watch=progress_bar, data_root=root)
        outcome = experiments.run_experiment(
            recipe.experiment, size=recipe.resized(), request=request
        )
        (write or experiments.Outcome.write)(outcome, folder, force=True)
        seconds = time.monotonic() - started
        return [{"seconds": seconds, "verdict": outcome.verdict, "found": outcome.rows}]

    def summarise(self, rows: Sequence[Row]) -> str:
        """Format the verdict of each run."""
        return format_verdicts(rows)


def folder_of(results: Path, experiment: str, seed: int) -> Path:
    """Return the folder of a run, beside the file of results."""
    return results.with_suffix("") / f"{experiment}-seed{seed}"


def format_verdicts(rows: Sequence[Row]) -> str:
    """Format a paragraph for each run: its verdict, or its error.

    Raises:
        ResultsError: A row lacks a field.
    """
    paragraphs: dict[tuple[str, str, int], str] = {}
    for row in rows:
        check_fields(row, {"experiment": "text", "recipe_hash": "text", "seed": "integer"})
        if row["status"] == DONE:
            check_fields(row, {"verdict": "text"})
            text = row["verdict"]
        else:
            text = f"failed: {echo(str(row.get('error')), 400)}"
        paragraphs[row["experiment"], row["recipe_hash"], row["seed"]] = text
    return "\n".join(
        f"{echo(name)}, seed {seed}: {text}" for (name, _, seed), text in paragraphs.items()
    )


KINDS.add(FACTORIZATION, Factorization())
