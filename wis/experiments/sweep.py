"""Run a recipe of any kind: do what is missing, and write every finished run to the file at once.

A `Kind` of experiment says which rows a recipe has (`plan`), runs one (`run_row`), and gives a
summary of all (`summarise`). The driver here does everything else for all kinds: it checks the
recipe, skips the rows that the file of results has, hands jobs to a back end, writes rows under a
lock, and reports progress. So a sweep that was stopped in any way goes on where it was. This
process alone writes; workers hand back what they found. A run that fails becomes a row with the
error, and the others go on.

The recipes of wis are files in ``benchmarks/recipes`` of the source tree, and are installed to
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
from wis.errors import RecipeError, UnknownNameError
from wis.experiments.backends import Backend, Job, Outcome
from wis.experiments.recipe import Recipe
from wis.experiments.results import FAILED, ResultsFile, Row, reasons
from wis.experiments.settings import read_settings


@dataclass(frozen=True)
class Status:
    """The progress of a sweep.

    Attributes:
        done: Rows that are in the file, those of earlier sweeps included.
        total: Rows of the recipe.
        failed: Rows in the file that failed.
        new: Rows that this sweep added.
        doing: The current stage.
        table: The summary to print at the end, if any.
        failures: Why rows failed, a line for each of the first reasons.
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
    """How and where to run a recipe; nothing of it changes the rows.

    Attributes:
        results: The file of results.
        backend: Where jobs run.
        devices: Given to jobs in turn, such as ``("cuda:0", "cuda:1")``.
        data_root: See `wis.datasets.load`.
        orders: Folder of orders; None for the usual one.
        trust_pickle: Let a `.pt` file run code.
        retry_failed: Run again what failed.
        report: Called with the progress whenever it changes.
        overrides: Changes of the recipe from the command line, see `apply_overrides`.
        write: Writes the outcome of a factorization experiment to a folder, such as
            `wis.show.factorization_pictures.write_outcome`, which draws the figure too. None writes
            the rows, the curves and the verdict.
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


class Plan:
    """The rows of a recipe, and the jobs that make them.

    Attributes:
        name: Name of the recipe.
        hash: Its hash, which every row records.
        settings: The recipe with all defaults, for the file of results.
        num_runs: Number of rows; known before a graph is loaded.
    """

    doing = "training"

    def __init__(self, name: str, hash_: str, settings: Mapping[str, Any], num_runs: int) -> None:
        self.name, self.hash, self.settings, self.num_runs = name, hash_, settings, num_runs

    @property
    def rows(self) -> Sequence[Any]:
        """The rows in the order in which they are done; each has a ``key`` of all it depends on."""
        raise NotImplementedError

    def common(self) -> dict[str, Any]:
        """The attributes that all jobs share, see `Job`."""
        return {}

    def known(self, pending: Sequence[Any], store: ResultsFile) -> list[Row]:
        """Rows of `pending` that follow from other rows of the file; none for most kinds."""
        return []

    def stages(self, pending: Sequence[Any], sweep: Sweep) -> Iterator[tuple[str, Iterable[Job]]]:
        """The jobs in stages, of which each ends before the next begins; a job for each row here.

        A job is made when there is room for it, unless another process has made its row meanwhile.
        """
        if pending:
            common = self.common()
            missing = (row for row in pending if sweep.wanted([row]))
            yield (
                self.doing,
                (sweep.job(keys=(row.key,), runs=(row,), **common) for row in missing),
            )

    def rows_of(self, outcomes: Sequence[Outcome]) -> list[Row]:
        """The rows that the outcomes of a job make; they are written together."""
        raise NotImplementedError

    def facts(self, pending: Sequence[Any]) -> dict[str, Any]:
        """Numbers of what there is to do, for a dry run."""
        return {"num_rows": len(self.rows), "num_rows_missing": len(pending)}


class Kind(Protocol):
    """A kind of experiment."""

    name: str

    def plan(self, name: str, settings: Mapping[str, Any], options: RunOptions) -> Plan:
        """Check a recipe of this kind with its overrides, and plan its rows."""

    def run_row(self, job: Job) -> list[Outcome]:
        """Do the runs of a job, in a worker, and return what was found for each."""

    def summarise(self, rows: Sequence[Row]) -> str | None:
        """A summary of rows as text; None if `wis bench table` makes it."""


KINDS: Registry[Kind] = Registry(
    "kind of recipe",
    homes={
        "accuracy": "wis.experiments.accuracy",
        "table5_1": "wis.theory.table5_1.table5_1",
        "factorization": "wis.theory.factorization.recipe",
    },
    normalise=str,
)
"""The kinds of recipes, by the value of their key ``kind``."""


def recipe_folders() -> list[Path]:
    """The folders of the recipes of wis: in the source tree, and where a wheel installs them."""
    source = Path(__file__).parents[2] / "benchmarks" / "recipes"
    installed = Path(sysconfig.get_path("data")) / "share" / "wis-sparsify" / "recipes"
    return [folder for folder in (source, installed) if folder.is_dir()]


def available_recipes() -> dict[str, Path]:
    """Name and file of every recipe of wis, sorted by name.

    >>> "thesis_table5_1" in available_recipes()
    True
    """
    found: dict[str, Path] = {}
    for folder in reversed(recipe_folders()):
        found.update({path.stem: path for path in folder.glob("*.toml")})
    return dict(sorted(found.items()))


def find_recipe(name: str) -> tuple[str, dict[str, Any]]:
    """Find and check a recipe.

    Args:
        name: Name of a recipe of wis, or the path of a ``.toml`` file.

    Returns:
        Its name and its content.

    Raises:
        UnknownNameError: There is no such recipe, or its kind is unknown.
        GraphFileError: The file cannot be read.
        RecipeError: It is malformed.
    """
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
    """Run what is missing of an accuracy sweep; `run_recipe` runs recipes of all kinds.

    Args:
        recipe: The recipe.
        options: Where to run, and where the results go.

    Returns:
        The status at the end; rows that failed hold the reason in their `error`.

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
    """Run what is missing of a recipe of any kind.

    Args:
        name: Name of the recipe.
        settings: Its content, see `find_recipe`.
        options: Where to run, where the results go, and changes of the recipe.

    Raises:
        WisError: The recipe, the file of results or the back end cannot be used.

    >>> settings = {"kind": "accuracy", "dataset": "karate", "remove": ["50%"], "seeds": 2,
    ...             "models": [{"name": "gcn", "max_epochs": 1}], "methods": [{"name": "random"}]}
    >>> options = RunOptions(Path("recipe.jsonl"), backend=Backend(own_process=False))
    >>> run_recipe("tiny", settings, options).done
    2
    """
    return Sweep(name, settings, options).run()


def preview(name: str, settings: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
    """Check everything as `run_recipe` does, and count what there is to do.

    Raises:
        WisError: As `run_recipe`.
    """
    sweep = Sweep(name, settings, options)
    pending = sweep.pending()
    return {"recipe": name, "recipe_hash": sweep.plan.hash, **sweep.plan.facts(pending)}


class Sweep:
    """A recipe that is being run.

    Attributes:
        plan: Its rows and jobs.
        store: The file of results.
    """

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
        """Do what is missing."""
        self.store.warn()
        self.store.append_recipe(self.plan.hash, self.plan.name, self.plan.settings)
        self._append(self.plan.known(self.pending(), self.store))
        self._report("starting")
        for doing, jobs in self.plan.stages(self.pending(), self):
            for _, outcomes in self.options.backend.stream(jobs):
                self._append(self.plan.rows_of(outcomes))
                self._report(doing)
        rows = self._rows()
        table = self.kind.summarise(rows)
        return replace(self._status("done"), table=table, failures=reasons(rows))

    def pending(self) -> list[Any]:
        """The planned rows that are not in the file, or are to be run again."""
        return [row for row in self.plan.rows if self.is_missing(row.key)]

    def is_missing(self, key: str) -> bool:
        """Whether the row of a key is to be made."""
        known = self.store.rows.get(key)
        if known is None or key in self.store.incomplete:
            return True
        return known["status"] == FAILED and self.options.retry_failed

    def wanted(self, rows: Sequence[Any]) -> list[Any]:
        """Those of the pending rows that no other process has made meanwhile."""
        self.store.refresh()
        return [row for row in rows if self.is_missing(row.key)]

    def job(self, **parts: Any) -> Job:
        """A job on the next device, with the threads and plugins of this sweep."""
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
