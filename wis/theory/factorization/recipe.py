"""The factorization experiments as a kind of recipe: what `wis bench run thesis_fig1_1` calls.

A run is an experiment with one seed. Its rows are written to the results by one call, and its
figure, curves and verdict to a folder beside them; one that was interrupted goes on from the
checkpoints in that folder. `wis theory run` does the same without a file of results.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wis.base.progress import progress_bar
from wis.errors import OptionError, RecipeError, WisError, echo
from wis.experiments.amounts import check_integers, parse_seeds
from wis.experiments.jobs import told, torch_threads
from wis.experiments.measure import environment
from wis.experiments.recipe import content_hash
from wis.experiments.recipe_file import check_plain
from wis.experiments.results import DONE, FACTORIZATION, FAILED, ResultsFile, Row
from wis.experiments.rows import check_fields, reasons
from wis.experiments.sweep import RunOptions, Status

KEYS = ("experiment", "size", "seeds", "settings")
SIZES = ("thesis", "quick")


@dataclass(frozen=True)
class FactorizationRecipe:
    """What to run.

    Attributes:
        experiment: A name of `wis theory list`.
        size: ``"thesis"`` or ``"quick"``.
        seeds: A run for each.
        settings: What differs from that size, as for `wis theory run --set`.
    """

    experiment: str
    size: str = "thesis"
    seeds: tuple[int, ...] = (0,)
    settings: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> FactorizationRecipe:
        """Check the content of a recipe.

        Raises:
            RecipeError: It is no such recipe.
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
        """The size of the experiment with the settings in place."""
        from wis.theory.factorization.experiments import get_experiment, resized

        experiment = get_experiment(self.experiment)
        size = experiment.quick if self.size == "quick" else experiment.thesis
        return resized(size, self.settings) if self.settings else size

    @property
    def hash(self) -> str:
        """SHA-256 of all that decides the rows but of the seeds, of which there may be more."""
        return content_hash([FACTORIZATION, self.experiment, asdict(self.resized())])

    def key(self, seed: int, row: int) -> str:
        """Key of a row."""
        return content_hash([self.hash, seed, row])

    def missing(self, store: ResultsFile, *, retry_failed: bool) -> list[int]:
        """Seeds whose rows are not there."""
        firsts = {seed: store.rows.get(self.key(seed, 0)) for seed in self.seeds}
        return [
            seed
            for seed, row in firsts.items()
            if row is None
            or self.key(seed, 0) in store.incomplete
            or (retry_failed and row["status"] == FAILED)
        ]


def num_runs(name: str, settings: Mapping[str, Any]) -> int:
    """Number of runs of a recipe, which is checked.

    Raises:
        RecipeError: It is no recipe of a factorization experiment.
    """
    return len(FactorizationRecipe.of(settings).seeds)


def run(name: str, settings: Mapping[str, Any], options: RunOptions) -> Status:
    """Run what is missing, one seed after the other in this process.

    Args:
        name: Name of the recipe.
        settings: Its content.
        options: Results, data root, threads, whether to run again what failed, and `seeds` among
            the overrides.

    Returns:
        How it ended, with the verdicts.

    Raises:
        OptionError: An option is nothing for this kind of recipe.
        ResultsError: The file holds rows of something else.
        MissingDependencyError: matplotlib, for the figure, is not installed.
    """
    from wis.base.figures import check_can_plot

    recipe, store = _opened(settings, options)
    check_can_plot("figure.png")
    store.append_recipe(recipe.hash, name, dict(settings))
    missing = recipe.missing(store, retry_failed=options.retry_failed)
    total = len(recipe.seeds)
    store.warn()
    status = Status(total - len(missing), total, 0, 0, recipe.experiment)
    options.report(status)
    for seed in missing:
        with torch_threads(options.backend.threads):
            rows = _rows(recipe, seed, options)
        common = {"type": "run", "kind": FACTORIZATION, "recipe": name, "seed": seed}
        facts = {"recipe_hash": recipe.hash, "device": "cpu", **environment()}
        store.append(
            [
                {**common, **facts, **row, "key": recipe.key(seed, position)}
                for position, row in enumerate(rows)
            ]
        )
        failed = status.failed + (rows[0]["status"] == FAILED)
        status = replace(status, done=status.done + 1, new=status.new + 1, failed=failed)
        options.report(status)
    firsts = [store.rows[recipe.key(seed, 0)] for seed in recipe.seeds]
    failed = sum(row["status"] == FAILED for row in firsts)
    verdicts = format_verdicts(firsts)
    return replace(status, failed=failed, doing="done", table=verdicts, failures=reasons(firsts))


def _rows(recipe: FactorizationRecipe, seed: int, options: RunOptions) -> list[Row]:
    """The rows of a run, or one that says why there are none."""
    from wis.theory.factorization.experiments import Request, run_experiment

    folder = folder_of(options.results, recipe.experiment, seed)
    started = time.monotonic()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        root = None if options.data_root is None else Path(options.data_root)
        request = Request(seed=seed, folder=folder, watch=progress_bar, data_root=root)
        outcome = run_experiment(recipe.experiment, size=recipe.resized(), request=request)
        outcome.write(folder, force=True)
    except Exception as error:
        row = {"experiment": recipe.experiment, "status": FAILED, "error": told(error)}
        return [row | {"seconds": time.monotonic() - started}]
    seconds = time.monotonic() - started
    return [
        {
            "experiment": recipe.experiment,
            "status": DONE,
            "error": None,
            "seconds": seconds,
            "verdict": outcome.verdict,
            "found": row,
        }
        for row in outcome.rows
    ]


def folder_of(results: Path, experiment: str, seed: int) -> Path:
    """Where the figure of a run goes: beside the results."""
    return results.with_suffix("") / f"{experiment}-seed{seed}"


def format_verdicts(rows: Sequence[Row]) -> str:
    """A paragraph for each run, rows of which are given."""
    paragraphs: dict[tuple[str, str, int], str] = {}
    for row in rows:
        check_fields(row, {"experiment": "text", "recipe_hash": "text", "seed": "integer"})
        place = (row["experiment"], row["recipe_hash"], row["seed"])
        if row["status"] == DONE:
            check_fields(row, {"verdict": "text"})
            paragraphs[place] = row["verdict"]
        else:
            paragraphs[place] = f"failed: {echo(str(row.get('error')), 400)}"
    return "\n".join(
        f"{echo(name)}, seed {seed}: {text}" for (name, _, seed), text in paragraphs.items()
    )


def preview(name: str, settings: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
    """What there would be to run, after all checks that need no computation.

    Raises:
        WisError: As `run`.
    """
    recipe, store = _opened(settings, options)
    missing = recipe.missing(store, retry_failed=options.retry_failed)
    return {
        "recipe": name,
        "recipe_hash": recipe.hash,
        "num_runs": len(recipe.seeds),
        "num_runs_missing": len(missing),
    }


def _opened(
    settings: Mapping[str, Any], options: RunOptions
) -> tuple[FactorizationRecipe, ResultsFile]:
    recipe = FactorizationRecipe.of(settings)
    given = {key: value for key, value in options.overrides.items() if value is not None}
    for key in given:
        if key != "seeds":
            flag = "epochs" if key == "max_epochs" else key.replace("_", "-")
            raise OptionError(
                f"--{flag} is nothing for a factorization experiment; it takes --seeds"
            )
    if options.backend.name != "local" or options.backend.jobs != 1:
        raise OptionError(
            "a factorization experiment runs in one process; leave out --jobs and --backend"
        )
    if tuple(options.devices) != ("cpu",):
        raise OptionError("factorization experiments run on the CPU; leave out --devices")
    if "seeds" in given:
        recipe = replace(recipe, seeds=parse_seeds(given["seeds"]))
    store = ResultsFile(options.results)
    store.refresh()
    store.check_kind(FACTORIZATION)
    return recipe, store
