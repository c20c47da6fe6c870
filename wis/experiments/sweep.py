"""Run a recipe: orders first, then training; every finished run goes to the file at once.

Rows that are in the file are skipped, so a sweep that was stopped in any way goes on where it was.
This process alone writes; workers hand back what they found. A run that fails becomes a row that
says why, and the rest goes on.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wis.experiments.backends import Backend
from wis.experiments.jobs import Job, OrderJob, OrderOutcome, Outcome, Run, TrainJob
from wis.experiments.orders import KnownOrder, OrderCache, network_options
from wis.experiments.plan import PlannedRow, group_runs, orders_needed, plan_rows
from wis.experiments.recipe import Recipe
from wis.experiments.results import ACCURACY, DONE, FAILED, ResultsFile, Row
from wis.experiments.rows import reasons
from wis.experiments.source import Source
from wis.methods import get_method


@dataclass(frozen=True)
class Status:
    """How far a sweep is.

    Attributes:
        done: Rows that are there, those of earlier runs included.
        total: Rows of the recipe.
        failed: How many of those that are there failed.
        new: Rows that this sweep added.
        doing: What is going on.
        table: What there is to print at the end, if anything.
        failures: Why the first of those failed, a line for each reason.
    """

    done: int
    total: int
    failed: int
    new: int
    doing: str
    table: str | None = None
    failures: tuple[str, ...] = ()


def unwatched(status: Status) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class RunOptions:
    """How and where to run, which decides nothing about the rows.

    Attributes:
        results: The file of results.
        backend: Where jobs run.
        devices: Given to jobs in turn, such as ``("cuda:0", "cuda:1")``.
        data_root: See `wis.datasets.load`.
        orders: Folder of orders; None for the usual one.
        trust_pickle: Let a `.pt` file run code.
        retry_failed: Run again what failed.
        report: Told how far it is, whenever that changes.
        overrides: What the command line says against the recipe, see `apply_overrides`.
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


def run_sweep(recipe: Recipe, options: RunOptions) -> Status:
    """Run what is missing of a recipe.

    Args:
        recipe: The recipe.
        options: Where to run, and where the results go.

    Returns:
        How it ended; `failed` of the rows say in their `error` why.

    Raises:
        WisError: The graph, a method, the file of results or the back end cannot be used.
    """
    options.backend.check()
    return _Sweep(recipe, options).run()


class _Sweep:
    def __init__(self, recipe: Recipe, options: RunOptions) -> None:
        self.recipe, self.options = recipe, options
        self.source = Source(
            recipe.dataset,
            options.data_root,
            recipe.split_seed,
            options.trust_pickle,
            recipe.split,
        )
        self.store = ResultsFile(options.results)
        self.cache = OrderCache(options.orders) if options.orders else OrderCache.usual()
        self.planned = plan_rows(recipe, self.source)
        self.known: dict[str, KnownOrder] = {}
        self.new = 0
        self.next_device = 0

    def run(self) -> Status:
        self.store.refresh()
        self.store.check_kind(ACCURACY)
        self.store.warn()
        self.store.append_recipe(self.recipe.hash, self.recipe.name, self.recipe.as_dict())
        pending = [row for row in self.planned if self._is_missing(row)]
        self.by_run: dict[str, list[PlannedRow]] = defaultdict(list)
        for row in pending:
            self.by_run[row.run_key].append(row)
        self._copy_known_runs()
        self._report("starting")
        pending = [row for row in pending if row.run_key in self.by_run]
        needed = orders_needed(pending)
        missing = [row for key, row in needed.items() if not self._recall(key, row)]
        groups = group_runs(pending)
        first = [group for group in groups if group[0].extreme]
        self._do([*self._order_jobs(missing), *self._train_jobs(first)], "orders")
        rest = [group for group in groups if not group[0].extreme]
        self._do(self._train_jobs(rest), "training")
        failures = reasons(self.store.rows[row.key] for row in self._there())
        return replace(self._status("done"), failures=failures)

    def _there(self) -> list[PlannedRow]:
        return [row for row in self.planned if row.key in self.store.rows]

    def _is_missing(self, row: PlannedRow) -> bool:
        known = self.store.rows.get(row.key)
        if known is None or row.key in self.store.incomplete:
            return True
        return known["status"] == FAILED and self.options.retry_failed

    def _copy_known_runs(self) -> None:
        """Rows whose run another row of the file has told of already."""
        told = {
            row.get("run_key"): row
            for key, row in self.store.rows.items()
            if row["status"] == DONE and key not in self.store.incomplete and _can_be_copied(row)
        }
        copies = []
        for run_key in [key for key in self.by_run if key in told]:
            measured = {name: told[run_key][name] for name in told[run_key]["measured"]}
            copies += [self._row(row, measured) for row in self.by_run.pop(run_key)]
        self.new += len(self.store.append(copies))

    def _recall(self, key: str, row: PlannedRow) -> bool:
        known = self.cache.get(row.order)
        if known is not None:
            self.known[key] = known
        return known is not None

    def _order_jobs(self, rows: Sequence[PlannedRow]) -> Iterator[Job]:
        """Those that train networks first: they take longest."""
        for row in sorted(rows, key=lambda row: not get_method(row.method.name).needs):
            yield OrderJob(
                self.source,
                self.source.digest(),
                row.order,
                network_options(row.method, row.model),
                self._device(),
                self.options.backend.threads,
                self.options.backend.own_process,
            )

    def _train_jobs(self, groups: Iterable[Sequence[PlannedRow]]) -> Iterator[Job]:
        """Jobs, made when there is room for them, without runs that others have done meanwhile."""
        for group in groups:
            runs = tuple(
                Run(
                    row.run_key,
                    row.seed,
                    row.num_removed,
                    None if row.extreme else self.known[row.order.key].order,
                    row.split,
                )
                for row in group
                if (row.extreme or row.order.key in self.known) and self._is_wanted(row.run_key)
            )
            if runs:
                yield TrainJob(
                    self.source,
                    self.source.digest(),
                    group[0].model.config(),
                    runs,
                    self._device(),
                    self.options.backend.threads,
                    self.options.backend.own_process,
                )

    def _is_wanted(self, run_key: str) -> bool:
        return any(self._is_missing(row) for row in self.by_run[run_key])

    def _device(self) -> str:
        self.next_device += 1
        return self.options.devices[(self.next_device - 1) % len(self.options.devices)]

    def _do(self, jobs: Iterable[Job], doing: str) -> None:
        for _, outcomes in self.options.backend.stream(jobs):
            if isinstance(outcomes[0], OrderOutcome):
                self._take_order(outcomes[0])
            else:
                self._take(outcomes)
            self._report(doing)

    def _take_order(self, outcome: OrderOutcome) -> None:
        rows = [
            row
            for rows in self.by_run.values()
            for row in rows
            if row.order.key == outcome.key and not row.extreme
        ]
        if outcome.known is not None:
            self.known[outcome.key] = outcome.known
            self.cache.put(rows[0].order, outcome.known)
            return
        failure = {"status": FAILED, "error": f"the order: {outcome.error}"}
        self.new += len(self.store.append([self._row(row, failure) for row in rows]))

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        rows = [
            self._row(row, measured_of(outcome))
            for outcome in outcomes
            for row in self.by_run[outcome.key]
        ]
        self.new += len(self.store.append(rows))

    def _row(self, row: PlannedRow, measured: Mapping[str, Any]) -> Row:
        known = None if row.extreme else self.known.get(row.order.key)
        return {
            "type": "run",
            "key": row.key,
            "run_key": row.run_key,
            "recipe": self.recipe.name,
            "recipe_hash": self.recipe.hash,
            "dataset": self.recipe.dataset,
            "data_digest": self.source.digest(),
            "label": row.method.label,
            "method": row.order.method,
            "options": dict(row.order.options),
            "order_key": row.order.key,
            "order_seed": row.order.seed,
            "order_seconds": known.seconds if known else None,
            "order_cpu_seconds": known.cpu_seconds if known else None,
            "order_peak_memory_bytes": known.peak_memory_bytes if known else None,
            "remove": row.remove,
            "percent_removed": row.percentage,
            "num_edges_before": row.num_edges,
            "num_removed": row.num_removed,
            "model": row.model.name,
            "seed": row.seed,
            "split": row.split,
            "split_seed": self.recipe.split_seed,
            **measured,
            "measured": sorted(measured),
        }

    def _status(self, doing: str) -> Status:
        there = [self.store.rows[row.key] for row in self._there()]
        num_failed = sum(row["status"] == FAILED for row in there)
        return Status(len(there), len(self.planned), num_failed, self.new, doing)

    def _report(self, doing: str) -> None:
        self.options.report(self._status(doing))


def _can_be_copied(row: Row) -> bool:
    """Whether a row says which of its fields its run decided, as rows of today do."""
    names = row.get("measured")
    return isinstance(names, list) and all(isinstance(n, str) and n in row for n in names)


def measured_of(outcome: Outcome) -> dict[str, Any]:
    """The part of a row that its run decides."""
    if outcome.record is None:
        return {
            "status": FAILED,
            "error": outcome.error,
            "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
    record = outcome.record.as_dict()
    config = record.pop("config")
    for name in ("curve", "versions", "peak_memory_bytes", "split"):
        del record[name]
    return {"status": DONE, "error": None, "config": config, **record, **outcome.facts}


def num_runs_of(name: str, settings: Mapping[str, Any]) -> int:
    """Number of runs of a recipe of this kind, which is checked."""
    return Recipe.from_settings(name, settings).num_runs


def run_settings(name: str, settings: Mapping[str, Any], options: RunOptions) -> Status:
    """Run a recipe file of this kind; see `run_sweep`."""
    return run_sweep(_changed(name, settings, options), options)


def preview_settings(name: str, settings: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
    """What `run_settings` would do; see `preview`."""
    return preview(_changed(name, settings, options), options)


def _changed(name: str, settings: Mapping[str, Any], options: RunOptions) -> Recipe:
    from wis.experiments.overrides import apply_overrides

    return apply_overrides(Recipe.from_settings(name, settings), **options.overrides)


def preview(recipe: Recipe, options: RunOptions) -> dict[str, Any]:
    """What a sweep would do: everything is checked that can be before the work.

    Raises:
        WisError: As `run_sweep`.
    """
    options.backend.check()
    sweep = _Sweep(recipe, options)
    sweep.store.refresh()
    sweep.store.check_kind(ACCURACY)
    pending = [row for row in sweep.planned if sweep._is_missing(row)]
    orders = orders_needed(pending)
    cached = sum(sweep.cache.get(row.order) is not None for row in orders.values())
    return {
        "recipe": recipe.name,
        "recipe_hash": recipe.hash,
        "num_rows": len(sweep.planned),
        "num_rows_missing": len(pending),
        "num_trainings": len({row.run_key for row in pending}),
        "num_jobs": len(group_runs(pending)),
        "num_orders": len(orders) - cached,
        "num_orders_cached": cached,
    }
