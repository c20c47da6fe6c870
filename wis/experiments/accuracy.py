"""Accuracy sweeps: compute a removal order for each method and seed, and train on each cut graph.

A row has a method, an amount, a model and a seed. Several rows can share one training run: the
graph is the same for all methods if no edge or all edges are removed, and two percentages of a
small graph can be the same number of edges. So each row names its training run by a key, and each
training run is done once.

A job computes one order, or trains up to `seeds_per_run` runs that differ only in their seeds, one
after the other. So the rows are the same bit for bit on every back end.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from wis.errors import DivergedError, GraphFormatError
from wis.experiments.backends import Job, Outcome, one_line
from wis.experiments.inputs import (
    KnownOrder,
    OrderCache,
    Ordering,
    OrderSpec,
    Run,
    Source,
    compute_order,
    graphs_of,
    network_options,
    order_specs,
)
from wis.experiments.own_process import plugins_of_workers
from wis.experiments.recipe import Recipe, apply_overrides, content_hash
from wis.experiments.results import ACCURACY, DONE, FAILED, ResultsFile, Row
from wis.experiments.settings import Amounts, Cut, MethodSpec, ModelSpec, cuts_of
from wis.experiments.sweep import KINDS, Plan, RunOptions, Sweep
from wis.experiments.tasks import sizes_of
from wis.graph import UndirectedGraph
from wis.methods import get_method
from wis.training import TrainConfig, train

FORMAT = 1
COSTS = ("seconds", "cpu_seconds", "peak_memory_bytes")


@dataclass(frozen=True)
class PlannedRow:
    """A row that a sweep has to make."""

    key: str  # hash of the data, method, options, amount, training and seed
    run_key: str  # hash of everything that the training run depends on
    method: MethodSpec
    model: ModelSpec
    cut: Cut  # the amount to remove
    seed: int
    split: int | None  # the number of the split; None for a graph with a single split
    order: OrderSpec  # the removal order to cut
    group: tuple[Any, ...]  # training runs with the same group form one job


def plan_rows(recipe: Recipe, source: Source) -> list[PlannedRow]:
    """Plan all rows of a sweep, sorted by chunks of seeds and then by percentage."""
    task, digest = source.task, source.digest()
    splits = {seed: source.split_of(seed) for seed in recipe.seeds}
    data = source.part(next(iter(splits.values())))  # all splits have as many edges
    graph = UndirectedGraph.from_any(data)
    cuts = cuts_of(Amounts(recipe.percentages, recipe.edges), sizes_of(task, data))
    chunks = {seed: place // recipe.seeds_per_run for place, seed in enumerate(recipe.seeds)}
    rows = [
        _planned(digest, model, method, order, cut, (seed, splits[seed], chunks[seed]))
        for model, method in itertools.product(recipe.models, recipe.methods)
        for seed, order in order_specs(graph, digest, method, model, splits, data, task).items()
        for cut in cuts
    ]
    return sorted(rows, key=lambda row: (chunks[row.seed], row.cut.percentage))


def _planned(
    digest: str,
    model: ModelSpec,
    method: MethodSpec,
    order: OrderSpec,
    cut: Cut,
    place: tuple[int, int | None, int],
) -> PlannedRow:
    seed, split, chunk = place
    config = model.config().as_dict()
    training = {k: v for k, v in config.items() if k not in ("seed", "device", "keep_curve")}
    run = {
        "format": FORMAT,
        "data": digest,
        "graph": cut.extreme or [order.key, cut.num_removed],
        "training": training,
        "seed": seed,
        **({} if split is None else {"split": split}),
    }
    row = {**run, "method": order.method, "options": order.options, **cut.key}
    row["graph"] = cut.num_removed
    family = cut.extreme or (order.method, content_hash(order.options), cut.num_removed)
    return PlannedRow(
        key=content_hash(row),
        run_key=content_hash(run),
        method=method,
        model=model,
        cut=cut,
        seed=seed,
        split=split,
        order=order,
        group=(content_hash(training), family, chunk),
    )


def group_runs(rows: Iterable[PlannedRow]) -> list[list[PlannedRow]]:
    """Choose one row for each training run, and group the rows whose runs form one job."""
    groups: dict[tuple[Any, ...], dict[str, PlannedRow]] = {}
    for row in rows:
        groups.setdefault(row.group, {}).setdefault(row.run_key, row)
    return [list(runs.values()) for runs in groups.values()]


def orders_needed(rows: Sequence[PlannedRow]) -> dict[str, PlannedRow]:
    """Choose a row for each order that the rows need; the keys are those of the orders."""
    cut = [row for row in rows if row.cut.extreme is None]
    return {row.order.key: row for row in reversed(cut)}


@dataclass(frozen=True)
class Training:
    """The graph, its digest and the configuration, which all training runs of a job share."""

    source: Source
    digest: str
    config: TrainConfig


class AccuracyPlan(Plan):
    """The rows of an accuracy sweep and its jobs, first for orders and then for training."""

    def __init__(self, recipe: Recipe, options: RunOptions) -> None:
        super().__init__(recipe.name, recipe.hash, recipe.as_dict(), recipe.num_runs)
        self.recipe = recipe
        own = ("dataset", "split_seed", "split", "num_splits", "task", "undirected")
        given: dict[str, Any] = {"root": options.data_root, "trust_pickle": options.trust_pickle}
        self.source = Source(**given, **{name: getattr(recipe, name) for name in own})
        self.folder = options.orders
        self.orders: dict[str, KnownOrder] = {}
        self.pending_orders: dict[str, OrderSpec] = {}

    @cached_property
    def rows(self) -> list[PlannedRow]:
        """All rows. Planning them loads the graph."""
        return plan_rows(self.recipe, self.source)

    @cached_property
    def cache(self) -> OrderCache:
        """The folder that keeps orders."""
        return OrderCache(self.folder) if self.folder else OrderCache.usual()

    @cached_property
    def by_run(self) -> dict[str, list[PlannedRow]]:
        """The rows of each training run, by its key."""
        rows: dict[str, list[PlannedRow]] = defaultdict(list)
        for row in self.rows:
            rows[row.run_key].append(row)
        return rows

    def known(self, pending: Sequence[PlannedRow], store: ResultsFile) -> list[Row]:
        """Make the rows whose training run is already recorded in another row of the file."""
        runs = {
            row.get("run_key"): row
            for key, row in store.rows.items()
            if row["status"] == DONE and key not in store.incomplete and _can_be_copied(row)
        }
        copies = []
        for row in pending:
            if row.run_key in runs:
                self._recall(row)
                run = runs[row.run_key]
                copies.append(self._row(row, {name: run[name] for name in run["measured"]}))
        return copies

    def stages(
        self, pending: Sequence[PlannedRow], sweep: Sweep
    ) -> Iterator[tuple[str, Iterable[Job]]]:
        """Yield jobs for orders and for training without an order, then all other training."""
        missing = [row for row in orders_needed(pending).values() if not self._recall(row)]
        self.pending_orders = {row.order.key: row.order for row in missing}
        groups = group_runs(pending)
        first = [group for group in groups if group[0].cut.extreme]
        yield (
            "orders",
            itertools.chain(self._order_jobs(missing, sweep), self._train_jobs(first, sweep)),
        )
        rest = [group for group in groups if not group[0].cut.extreme]
        yield self.doing, self._train_jobs(rest, sweep)

    def _recall(self, row: PlannedRow) -> bool:
        """Look for the order of a row in the cache; return whether it is known."""
        key = row.order.key
        if row.cut.extreme is None and key not in self.orders:
            order = self.cache.get(row.order)
            if order is not None:
                self.orders[key] = order
        return key in self.orders

    def _order_jobs(self, rows: Sequence[PlannedRow], sweep: Sweep) -> Iterator[Job]:
        """Make a job for each order, first for methods that train networks: they take longest."""
        for row in sorted(rows, key=lambda row: not get_method(row.method.name).needs):
            options = network_options(row.method, row.model)
            common = Ordering(self.source, self.source.digest(), row.order, options)
            yield self._job(sweep, (row.order.key,), (None,), common, row)

    def _train_jobs(self, groups: Iterable[Sequence[PlannedRow]], sweep: Sweep) -> Iterator[Job]:
        """Make jobs when there is room for them; leave out runs that another process has done."""
        for group in groups:
            runs = {}
            for row in group:
                is_ready = row.cut.extreme or row.order.key in self.orders
                if is_ready and sweep.wanted(self.by_run[row.run_key]):
                    order = None if row.cut.extreme else self.orders[row.order.key].order
                    runs[row.run_key] = Run(row.seed, row.cut.num_removed, order, row.split)
            if runs:
                common = self.training(group[0].model.config())
                yield self._job(sweep, tuple(runs), tuple(runs.values()), common, group[0])

    def training(self, config: TrainConfig) -> Training:
        """Return what the training runs of a job share."""
        return Training(self.source, self.source.digest(), config)

    def _job(
        self,
        sweep: Sweep,
        keys: tuple[str, ...],
        runs: tuple[Any, ...],
        common: Any,
        row: PlannedRow,
    ) -> Job:
        return sweep.job(
            keys=keys,
            runs=runs,
            common=common,
            prepare=self.source.load,
            common_key=(self.source, self.source.digest()),
            **plugins_of_workers(self.source, row.method.name, row.model.name),
        )

    def rows_of(self, outcomes: Sequence[Outcome]) -> list[Row]:
        """Make the rows of trained runs; save an order, or make failed rows if it failed."""
        spec = self.pending_orders.pop(outcomes[0]["key"], None)
        if spec is None:
            return [
                self._row(row, {k: v for k, v in outcome.items() if k != "key"})
                for outcome in outcomes
                for row in self.by_run[outcome["key"]]
            ]
        (outcome,) = outcomes
        if outcome["status"] == DONE:
            costs = {"peak_memory_bytes": outcome["peak_memory_bytes"], **outcome["order"]}
            self.orders[spec.key] = KnownOrder(**costs)
            self.cache.put(spec, self.orders[spec.key])
            return []
        failure = {"status": FAILED, "error": f"the order: {outcome['error']}"}
        rows = (row for row in self.rows if row.order.key == spec.key and not row.cut.extreme)
        return [self._row(row, failure) for row in rows]

    def _row(self, row: PlannedRow, measured: Mapping[str, Any]) -> Row:
        known = None if row.cut.extreme else self.orders.get(row.order.key)
        return {
            "type": "run",
            "key": row.key,
            "run_key": row.run_key,
            "recipe": self.recipe.name,
            "recipe_hash": self.hash,
            "dataset": self.recipe.dataset,
            "data_digest": self.source.digest(),
            "label": row.method.label,
            "method": row.order.method,
            "options": dict(row.order.options),
            "order_key": row.order.key,
            "order_seed": row.order.seed,
            **{f"order_{name}": getattr(known, name, None) for name in COSTS},
            "remove": row.cut.remove,
            "percent_removed": row.cut.percentage,
            "num_edges_before": row.cut.num_edges,
            "num_removed": row.cut.num_removed,
            "model": row.model.name,
            "seed": row.seed,
            "split": row.split,
            "split_seed": self.recipe.split_seed,
            **measured,
            "measured": sorted(measured),
        }

    def forecast(self, pending: Sequence[PlannedRow], sweep: Sweep) -> dict[str, Any] | None:
        """Predict the time of the missing rows by a short trial; only training is timed."""
        from wis.experiments.forecast import forecast

        backend = sweep.options.backend
        orders = [row for row in orders_needed(pending).values() if not self._recall(row)]
        found = forecast(
            self, pending, orders, rows=list(sweep.store.rows.values()), jobs=backend.jobs,
            threads=backend.threads, device=next(sweep.devices),
        )  # fmt: skip
        return found.as_dict()

    def facts(self, pending: Sequence[PlannedRow]) -> dict[str, Any]:
        """Count the rows, training runs, jobs and orders that are missing."""
        orders = orders_needed(pending)
        cached = sum(self.cache.get(row.order) is not None for row in orders.values())
        return {
            **super().facts(pending),
            "num_trainings": len({row.run_key for row in pending}),
            "num_jobs": len(group_runs(pending)),
            "num_orders": len(orders) - cached,
            "num_orders_cached": cached,
        }


def _can_be_copied(row: Row) -> bool:
    """Return whether a row names the fields of its training run; old versions did not do so."""
    names = row.get("measured")
    return isinstance(names, list) and all(isinstance(n, str) and n in row for n in names)


class Accuracy:
    """The kind of recipe that trains networks on sparser and sparser graphs."""

    name = ACCURACY

    def plan(self, name: str, settings: Mapping[str, Any], options: RunOptions) -> AccuracyPlan:
        """Check a recipe. Its rows are planned later, when the graph is loaded."""
        recipe = apply_overrides(Recipe.from_settings(name, settings), **options.overrides)
        return AccuracyPlan(recipe, options)

    def run_row(self, job: Job) -> list[Outcome]:
        """Compute an order, or train."""
        source, digest = job.common.source, job.common.digest
        if source.digest() != digest:
            raise GraphFormatError(
                f"{source.dataset}: differs on this machine from where the sweep was started"
            )
        if isinstance(job.common, Ordering):
            return [{"order": compute_order(job.common, job.device)}]
        return self.do_runs(job)

    def do_runs(self, job: Job) -> list[Outcome]:
        """Train."""
        return train_runs(job)

    def summarise(self, rows: Sequence[Row]) -> str | None:
        """Return None, since `wis.show.sweep_tables` makes the tables."""


def train_runs(job: Job) -> list[Outcome]:
    """Train the runs of a job, one after the other; a run that diverges is a failed outcome."""
    config = replace(job.common.config, device=job.device)
    graphs = graphs_of(job.common.source, job.runs, weighted=config.edge_weight)
    start, cpu_start = time.perf_counter(), time.process_time()
    left_out = ("curve", "versions", "peak_memory_bytes", "split")
    outcomes: list[Outcome] = []
    for graph, run in zip(graphs, job.runs, strict=True):
        try:
            record = train(graph, config.with_seed(run.seed), progress=False).as_dict()
        except DivergedError as error:
            outcomes.append({"status": FAILED, "error": one_line(error)})
        else:
            outcomes.append({k: v for k, v in record.items() if k not in left_out})
    costs = {
        "job_seconds": time.perf_counter() - start,
        "cpu_seconds": (time.process_time() - cpu_start) / len(job.runs),
    }
    return [outcome if "error" in outcome else {**outcome, **costs} for outcome in outcomes]


KINDS.add(ACCURACY, Accuracy())
