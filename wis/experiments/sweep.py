"""Run a recipe of any kind: do the missing runs, and write each finished run to the file at once.

A `Kind` of experiment plans the rows of a recipe (`plan`), does the runs of a job (`run_row`), and
summarises rows (`summarise`). The driver `Sweep` does the rest for all kinds. It checks the recipe,
skips the rows that the file of results already has, sends jobs to a back end, writes rows under a
lock, and reports progress. So a sweep that was stopped in any way continues where it was. Workers
return their outcomes; only the process of the driver writes. A run that fails becomes a row with
the error, and the other runs go on.

The recipes of wis are files in ``benchmarks/recipes`` of the source tree. They are installed to
``share/wis-sparsify/recipes``.
"""

from __future__ import annotations

import itertools
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from wis.base.registry import Registry
from wis.errors import RecipeError, UnknownNameError, echo
from wis.experiments.backends import Backend, Job, Outcome, Runner
from wis.experiments.recipe import Recipe
from wis.experiments.results import FAILED, ResultsFile, Row
from wis.experiments.settings import read_settings


@dataclass(frozen=True)
class Status:
    """The progress of a sweep.

    Attributes:
        done: Number of rows in the file, those of earlier sweeps included.
        total: Number of rows of the recipe.
        failed: Number of rows in the file that failed.
        new: Number of rows that this sweep added.
        doing: Name of the current stage.
        table: The summary to print at the end, if any.
        failures: The first few reasons why rows failed, a line for each.
    """

    done: int
    total: int
    failed: int
    new: int
    doing: str
    table: str | None = None
    failures: tuple[str, ...] = ()


def unwatched(status: Status) -> None:
    """Ignore the progress."""


@dataclass(frozen=True)
class RunOptions:
    """How and where to run a recipe. Only `overrides` changes the rows.

    Attributes:
        results: The file of results.
        backend: The back end that runs the jobs.
        devices: Devices such as ``("cuda:0", "cuda:1")``; each job takes the next one in turn.
        data_root: The folder of data sets, as for `wis.datasets.load`.
        orders: The folder that keeps orders; None takes the one in wis' cache.
        trust_pickle: Let a `.pt` file run code.
        retry_failed: Run failed rows again.
        report: Called with the progress whenever it changes.
        overrides: Changes of the recipe from the command line, see `apply_overrides`.
        write: Writes the outcome of a factorization experiment to a folder, such as
            `wis.show.factorization_pictures.write_outcome`, which draws the figure too. None writes
            the rows, the curves and the verdict.
        force_size: Run an experiment of `wis theory list` whatever its forecast of time and memory.
    """

    results: Path
    backend: Backend = field(default_factory=Backend)
    devices: tuple[str, ...] = ("cpu",)
    data_root: str | None = None
    orders: Path | None = None
    trust_pickle: bool = False
    retry_failed: bool = False
    report: Callable[[Status], None] = unwatched
    overrides: Mapping[str, Any] = field(default_factory=dict)
    write: Callable[..., Any] | None = None
    force_size: bool = False


class Plan:
    """The rows of a recipe, and the jobs that make them.

    Attributes:
        name: Name of the recipe.
        hash: Its hash, which every row records.
        settings: The recipe with all defaults, for the file of results.
        num_runs: Number of rows, which is known before a graph is loaded.
    """

    doing = "training"

    def __init__(self, name: str, hash_: str, settings: Mapping[str, Any], num_runs: int) -> None:
        self.name, self.hash, self.settings, self.num_runs = name, hash_, settings, num_runs

    @property
    def rows(self) -> Sequence[Any]:
        """The rows in the order of their runs; each has a ``key`` of everything it depends on."""
        raise NotImplementedError

    def common(self) -> dict[str, Any]:
        """Return the attributes of `Job` that all jobs share."""
        return {}

    def known(self, pending: Sequence[Any], store: ResultsFile) -> list[Row]:
        """Make rows of `pending` from other rows of the file; most kinds make none."""
        return []

    def stages(self, pending: Sequence[Any], sweep: Sweep) -> Iterator[tuple[str, Iterable[Job]]]:
        """Yield stages of jobs; a stage begins when the one before has ended.

        By default there is one stage with a job for each row. A job is made when there is room for
        it, unless another process has made its row meanwhile.
        """
        if pending:
            common = self.common()
            missing = (row for row in pending if sweep.wanted([row]))
            yield (
                self.doing,
                (sweep.job(keys=(row.key,), runs=(row,), **common) for row in missing),
            )

    def rows_of(self, outcomes: Sequence[Outcome]) -> list[Row]:
        """Make rows from the outcomes of a job; they are written together."""
        raise NotImplementedError

    def summarised(self, store: ResultsFile) -> list[Row]:
        """The rows of the file that the summary at the end reads."""
        return [store.rows[row.key] for row in self.rows if row.key in store.rows]

    def forecast(self, pending: Sequence[Any], sweep: Sweep) -> dict[str, Any] | None:
        """Predict the time of the missing rows; None for most kinds, which have no forecast."""
        return None

    def facts(self, pending: Sequence[Any]) -> dict[str, Any]:
        """Count all rows and the missing ones, for a dry run."""
        return {"num_rows": len(self.rows), "num_rows_missing": len(pending)}


class Kind(Runner, Protocol):
    """A kind of experiment."""

    name: str

    def plan(self, name: str, settings: Mapping[str, Any], options: RunOptions) -> Plan:
        """Check a recipe of this kind with its overrides, and plan its rows."""

    def summarise(self, rows: Sequence[Row]) -> str | None:
        """Summarise rows as text; return None if `wis bench table` makes the summary."""


KINDS: Registry[Kind] = Registry(
    "kind of recipe",
    homes={
        "accuracy": "wis.experiments.accuracy",
        "serve": "wis.experiments.serve",
        "table5_1": "wis.theory.table5_1.table5_1",
        "factorization": "wis.theory.factorization.recipe",
    },
    normalise=str,
)
"""The kinds of recipes; their names are the values of the key ``kind`` of a recipe."""


def recipe_folders() -> list[Path]:
    """Return the folders of recipes that exist: in the source tree, and where a wheel puts them."""
    source = Path(__file__).parents[2] / "benchmarks" / "recipes"
    installed = Path(sysconfig.get_path("data")) / "share" / "wis-sparsify" / "recipes"
    return [folder for folder in (source, installed) if folder.is_dir()]


def available_recipes() -> dict[str, Path]:
    """Return the file of each recipe of wis by its name, sorted by name.

    >>> "thesis_table5_1" in available_recipes()
    True
    """
    found: dict[str, Path] = {}
    for folder in reversed(recipe_folders()):
        found.update({path.stem: path for path in folder.glob("*.toml")})
    return dict(sorted(found.items()))


def find_recipe(name: str) -> tuple[str, dict[str, Any]]:
    """Find, read and check a recipe of wis, or a ``.toml`` file; return its name and content."""
    known = available_recipes()
    path = Path(name)
    if path.suffix != ".toml" and name not in known:
        raise UnknownNameError.among("recipe", name, known)
    path = path if path.suffix == ".toml" else known[name]
    settings = read_settings(path)
    kind = KINDS[settings["kind"]]
    try:
        kind.plan(path.stem, settings, RunOptions(Path()))
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
    return path.stem, settings


def run_sweep(recipe: Recipe, options: RunOptions) -> Status:
    """Do the missing runs of an accuracy sweep; `run_recipe` does so for recipes of all kinds.

    Args:
        recipe: The recipe.
        options: The back end, the file of results, and further options.

    Returns:
        The status at the end. Rows that failed give the reason in their field `error`.

    Raises:
        WisError: The graph, a method, the file of results or the back end cannot be used.

    >>> recipe = Recipe.from_settings("tiny", {
    ...     "kind": "accuracy", "dataset": "karate", "remove": ["50%"], "seeds": 1,
    ...     "models": [{"name": "gcn", "max_epochs": 1}], "methods": [{"name": "random"}]})
    >>> options = RunOptions(Path("sweep.jsonl"), backend=Backend(own_process=False))
    >>> run_sweep(recipe, options).new, run_sweep(recipe, options).new  # nothing is run twice
    (1, 0)
    """
    return run_recipe(recipe.name, recipe.as_dict(), options)


def run_recipe(name: str, settings: Mapping[str, Any], options: RunOptions) -> Status:
    """Do the missing runs of a recipe of any kind.

    Args:
        name: Name of the recipe.
        settings: Its content, as `find_recipe` returns it.
        options: The back end, the file of results, changes of the recipe, and further options.

    Raises:
        WisError: The recipe, the file of results or the back end cannot be used.

    >>> settings = {"kind": "accuracy", "dataset": "karate", "remove": ["50%"], "seeds": 2,
    ...             "models": [{"name": "gcn", "max_epochs": 1}], "methods": [{"name": "random"}]}
    >>> options = RunOptions(Path("recipe.jsonl"), backend=Backend(own_process=False))
    >>> run_recipe("tiny", settings, options).done
    2
    """
    return Sweep(name, settings, options).run()


def preview(
    name: str, settings: Mapping[str, Any], options: RunOptions, *, trial: bool = False
) -> dict[str, Any]:
    """Check everything as `run_recipe` does, and count the rows that it would make.

    With `trial`, predict the time of the missing rows by a short trial, under ``forecast`` (see
    `wis.experiments.forecast`): None for the kinds of recipes that have no forecast.
    """
    sweep = Sweep(name, settings, options)
    pending = sweep.pending()
    facts = {"recipe": name, "recipe_hash": sweep.plan.hash, **sweep.plan.facts(pending)}
    if trial and pending:
        facts["forecast"] = sweep.plan.forecast(pending, sweep)
    return facts


class Sweep:
    """The driver: runs a recipe, whose `plan` has rows and jobs, and fills the `store` of rows."""

    def __init__(self, name: str, settings: Mapping[str, Any], options: RunOptions) -> None:
        options.backend.check()
        self.options = options
        self.kind = KINDS[str(settings.get("kind"))]
        self.plan = self.kind.plan(name, settings, options)
        self.keys = [row.key for row in self.plan.rows]
        self.devices = itertools.cycle(options.devices)
        self.store = ResultsFile(options.results)
        self.store.refresh()
        self.store.check_kind(self.kind.name)
        self.new = 0

    def run(self) -> Status:
        """Do the missing runs."""
        self.store.warn()
        self.store.append_recipe(self.plan.hash, self.plan.name, self.plan.settings)
        self._append(self.plan.known(self.pending(), self.store))
        self._report("starting")
        for doing, jobs in self.plan.stages(self.pending(), self):
            for _, outcomes in self.options.backend.stream(jobs):
                self._append(self.plan.rows_of(outcomes))
                self._report(doing)
        table = self.kind.summarise(self.plan.summarised(self.store))
        return replace(self._status("done"), table=table, failures=reasons(self._rows()))

    def pending(self) -> list[Any]:
        """Return the planned rows that are not in the file or have to be made again."""
        return [row for row in self.plan.rows if self.is_missing(row.key)]

    def is_missing(self, key: str) -> bool:
        """Return whether the row of a key has to be made."""
        known = self.store.rows.get(key)
        if known is None or key in self.store.incomplete:
            return True
        return known["status"] == FAILED and self.options.retry_failed

    def wanted(self, rows: Sequence[Any]) -> list[Any]:
        """Return the rows that no other process has made meanwhile."""
        self.store.refresh()
        return [row for row in rows if self.is_missing(row.key)]

    def job(self, **parts: Any) -> Job:
        """Make a job on the next device, with the threads of the back end."""
        backend = self.options.backend
        return Job(
            self.kind,
            **parts,
            device=next(self.devices),
            threads=backend.threads,
            own_process=backend.own_process,
        )

    def _append(self, rows: Sequence[Row]) -> None:
        written = {row["key"] for row in self.store.append(rows)} if rows else set()
        self.new += len(written.intersection(self.keys))

    def _rows(self) -> list[Row]:
        return [self.store.rows[key] for key in self.keys if key in self.store.rows]

    def _status(self, doing: str) -> Status:
        rows = self._rows()
        num_failed = sum(row["status"] == FAILED for row in rows)
        return Status(len(rows), len(self.keys), num_failed, self.new, doing)

    def _report(self, doing: str) -> None:
        self.options.report(self._status(doing))


def reasons(rows: Iterable[Row], most: int = 3) -> tuple[str, ...]:
    """Say why rows failed: a line for each of the first `most` errors, with its number of rows."""
    by_error: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("status") == FAILED:
            by_error.setdefault(str(row.get("error")), []).append(row)
    lines = []
    for error, some in list(by_error.items())[:most]:
        names = ("experiment", "label", "remove", "model", "partition")
        place = [echo(str(some[0][name]), 60) for name in names if some[0].get(name) is not None]
        where = ", ".join([*place, f"seed {some[0].get('seed')}"])
        more = f" (and {len(some) - 1} more)" if len(some) > 1 else ""
        lines.append(f"{where}{more}: {echo(error, 400)}")
    if len(by_error) > most:
        lines.append(f"and {len(by_error) - most} other reasons, in the rows' `error`")
    return tuple(lines)
