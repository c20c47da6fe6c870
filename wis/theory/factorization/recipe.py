"""Recipes of the experiments of `wis theory list`, such as ``thesis_fig1_1``.

A run is an experiment with one seed. It writes several rows together, and a folder beside the file
of results with its rows, curves and verdict; `RunOptions.write` also draws its figure there. The
first row of a run holds thinned curves, from which the figure can be drawn again. An interrupted
run continues from the checkpoints in that folder. Claims are judged from the rows of all seeds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wis.base.checks import checked_device
from wis.base.figures import check_can_plot
from wis.base.progress import progress_bar
from wis.errors import OptionError, OutputExistsError, RecipeError, WisError, echo
from wis.experiments.backends import Job, Outcome, finished
from wis.experiments.recipe import content_hash
from wis.experiments.results import DONE, FACTORIZATION, FAILED, ResultsFile, Row, check_fields
from wis.experiments.settings import check_integers, check_plain, parse_seeds
from wis.experiments.sweep import KINDS, Plan, RunOptions
from wis.theory.findings import findings_of

KEYS = ("experiment", "size", "seeds", "settings")
SIZES = ("thesis", "quick")


@dataclass(frozen=True)
class FactorizationRecipe:
    """An experiment and its seeds.

    Attributes:
        experiment: A name of `wis theory list`.
        size: ``"thesis"`` or ``"quick"``.
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

    def as_dict(self) -> dict[str, Any]:
        """The content of the TOML file."""
        settings = {"settings": dict(self.settings)} if self.settings else {}
        content = {"experiment": self.experiment, "size": self.size, "seeds": list(self.seeds)}
        return {"kind": FACTORIZATION, **content, **settings}

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
        self.folder = options.results.parent / options.results.stem

    @property
    def rows(self) -> list[FirstRow]:
        """The first row of each seed."""
        return [FirstRow(self.recipe.key(seed, 0), seed) for seed in self.recipe.seeds]

    def summarised(self, store: ResultsFile) -> list[Row]:
        """All rows of all seeds of this size, those of earlier runs too."""
        return [row for row in store.rows.values() if row.get("recipe_hash") == self.hash]

    def common(self) -> dict[str, Any]:
        """The recipe, the folders, and the function that writes an outcome."""
        if self.options.write is not None:
            check_can_plot("figure.png")
        options = self.options
        common = (self.recipe, self.folder, options.data_root, options.write, options.force_size)
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
            "device": ", ".join(self.options.devices),
            "experiment": self.recipe.experiment,
            **outcome,
        }
        if outcome["status"] == FAILED:
            return [common]
        curves = common.pop("curves")
        return [
            {**common, "found": row, "key": self.recipe.key(seed, position)}
            | ({"curves": curves} if position == 0 else {})
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
        check_devices(recipe.experiment, options.devices)
        if "seeds" in given:
            recipe = replace(recipe, seeds=parse_seeds(given["seeds"]))
        return FactorizationPlan(name, settings, recipe, options)

    def run_row(self, job: Job) -> list[Outcome]:
        """Run the experiment with a seed, and write its outcome."""
        from wis.theory import experiments

        recipe, folder, data_root, write, force_size = job.common
        seed = job.runs[0].seed
        started, cpu_started = time.monotonic(), time.process_time()
        own = folder / f"{recipe.experiment}-seed{seed}"
        own.mkdir(parents=True, exist_ok=True)
        root = None if data_root is None else Path(data_root)
        request = experiments.Request(seed, own, progress_bar, root, job.device, force_size)
        outcome = experiments.run_experiment(
            recipe.experiment, size=recipe.resized(), request=request
        )
        (write or experiments.Outcome.write)(outcome, own, force=True)
        return [
            {
                "seconds": time.monotonic() - started,
                "cpu_seconds": time.process_time() - cpu_started,
                "verdict": outcome.verdict,
                "summary": outcome.summary,
                "found": outcome.rows,
                "curves": outcome.thinned(),
            }
        ]

    def summarise(self, rows: Sequence[Row]) -> str:
        """Judge the claims over all seeds, and format the summary or the error of each."""
        return format_verdicts(rows)


def check_devices(experiment: str, devices: Sequence[str]) -> None:
    """Raise `OptionError` unless an experiment can compute on the devices."""
    from wis.theory.experiments import get_experiment

    if tuple(devices) != ("cpu",) and not get_experiment(experiment).takes_device:
        raise OptionError(f"{experiment} runs on the CPU; leave out the device")
    for device in devices:
        checked_device(device)


def run_here(recipe: FactorizationRecipe, options: RunOptions) -> list[Row]:
    """Run the seeds that the file of results lacks in this process; an error stops all.

    Args:
        recipe: The experiment, its size and seeds.
        options: The file of results, the device, the data root and the writer. The figures of a
            seed go to a folder beside the file.

    Returns:
        The rows of all seeds.

    Raises:
        OutputExistsError: The file has rows of other experiments or settings.
        WisError: The experiment fails, or the file cannot be read or written.
    """
    kind, store = Factorization(), ResultsFile(options.results)
    plan = FactorizationPlan(recipe.experiment, recipe.as_dict(), recipe, options)
    plan.folder = options.results.parent
    store.refresh()
    store.check_kind(kind.name)
    if any(row["recipe_hash"] != plan.hash for row in store.rows.values()):
        raise OutputExistsError(
            f"{options.results}: has rows of another experiment, or of other settings; give "
            "another folder, or --force to replace them"
        )
    store.append_recipe(plan.hash, plan.name, plan.settings)
    for row in plan.rows:
        if row.key not in store.rows or row.key in store.incomplete:
            job = Job(kind, (row.key,), (row,), **plan.common(), device=options.devices[0])
            done = {"key": row.key, "status": DONE, "error": None, **finished()}
            store.append(plan.rows_of([done | kind.run_row(job)[0]]))
    return [row for row in store.rows.values() if row["seed"] in recipe.seeds]


def format_verdicts(rows: Sequence[Row]) -> str:
    """Format the verdicts of each experiment and size over all seeds, and errors of failed runs.

    Raises:
        ResultsError: A row lacks a field.
    """
    parts = [f"{each.heading}\n{each.text}" for each in findings_of(rows)]
    for row in rows:
        if row["status"] == FAILED:
            check_fields(row, {"experiment": "text", "seed": "integer"})
            error = echo(str(row.get("error")), 400)
            parts.append(f"{echo(row['experiment'])}, seed {row['seed']}: failed: {error}")
    return "\n".join(parts)


KINDS.add(FACTORIZATION, Factorization())
