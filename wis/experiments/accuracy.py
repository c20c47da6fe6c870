"""Accuracy sweeps: one order for each method and seed, one training run for each cut.

A row is a method, an amount, a model and a seed. Several rows can share one training run: with
nothing or everything removed the graph is the same for all methods, and two percentages of a small
graph can be the same number of edges. So a row names its run by a key, and a run is done once.

A job computes one order, or trains up to `seeds_per_run` runs that differ only in their seeds, one
after the other. So the rows are the same bit for bit however a sweep is run.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from wis.api import removal_order, sparsify
from wis.base.amount import num_edges_to_remove
from wis.datasets import find, is_known
from wis.datasets.splits import take_split
from wis.errors import GraphFormatError, OptionError
from wis.experiments.backends import Job, Outcome, plugins_of_workers
from wis.experiments.inputs import (
    KnownOrder,
    OrderCache,
    OrderSpec,
    Source,
    network_options,
    order_specs,
)
from wis.experiments.recipe import MethodSpec, ModelSpec, Recipe, apply_overrides, content_hash
from wis.experiments.results import ACCURACY, DONE, FAILED, ResultsFile, Row
from wis.experiments.settings import Amounts, spelt
from wis.experiments.sweep import KINDS, Plan, RunOptions, Sweep
from wis.graph import UndirectedGraph
from wis.methods import get_method
from wis.order import RemovalOrder
from wis.training import TrainConfig, train_many

if TYPE_CHECKING:
    from torch_geometric.data import Data

FORMAT = 1


@dataclass(frozen=True)
class PlannedRow:
    """A row that a sweep is to have.

    Attributes:
        key: Hash of the data, method, options, amount, training and seed.
        run_key: Hash of everything that its training run depends on.
        method: Its method.
        model: Its model.
        cut: Its amount.
        seed: Its seed.
        split: Which of several splits of the graph it takes; None if there is one.
        order: The order that is cut.
        group: Runs of the same group are one job.
    """

    key: str
    run_key: str
    method: MethodSpec
    model: ModelSpec
    cut: Cut
    seed: int
    split: int | None
    order: OrderSpec
    group: tuple[Any, ...]


@dataclass(frozen=True)
class Cut:
    """An amount on a certain graph.

    Attributes:
        key: The amount in the keys of rows.
        percentage: Of the edges to remove.
        remove: The amount as a text of a recipe, ``50%`` or ``50 edges``.
        num_removed: The number of edges to remove.
        num_edges: Edges of the whole graph.
    """

    key: Mapping[str, float | int]
    percentage: float
    remove: str
    num_removed: int
    num_edges: int

    @property
    def extreme(self) -> Literal["full", "empty"] | None:
        """Whether the cut leaves the whole graph or no edges, so that it needs no order."""
        if self.num_removed == 0:
            return "full"
        return "empty" if self.num_removed == self.num_edges else None


def cuts_of(recipe: Recipe, num_edges: int) -> list[Cut]:
    """All amounts of a recipe; `OptionError` if one is impossible or two are the same."""
    cuts = [
        Cut({"percentage": p}, p, text, num_edges_to_remove(num_edges, remove=text), num_edges)
        for p in recipe.percentages
        for text in spelt(Amounts((p,)))
    ]
    for count in recipe.edges:
        removed = num_edges_to_remove(num_edges, remove=count)
        share = 100 * removed / num_edges
        cuts.append(Cut({"edges": count}, share, f"{count} edges", removed, num_edges))
    for one, other in itertools.combinations(cuts, 2):
        if one.percentage == other.percentage:
            raise OptionError(f"{one.remove} and {other.remove} are the same on this graph")
    return cuts


def plan_rows(recipe: Recipe, source: Source) -> list[PlannedRow]:
    """All rows of a sweep, the first seeds first and then by percentage.

    Raises:
        OptionError: An option of a method is impossible for this graph.
        WisError: The graph cannot be loaded.
    """
    graph = UndirectedGraph.from_any(source.load())
    digest = source.digest()
    cuts = cuts_of(recipe, graph.num_edges)
    chunks = {seed: place // recipe.seeds_per_run for place, seed in enumerate(recipe.seeds)}
    splits = {seed: source.split_of(seed) for seed in recipe.seeds}
    rows = [
        _planned(digest, model, method, order, cut, (seed, splits[seed], chunks[seed]))
        for model, method in itertools.product(recipe.models, recipe.methods)
        for seed, order in order_specs(graph, digest, method, model, splits).items()
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
    """One row for each run; rows whose runs are one job stand together."""
    groups: dict[tuple[Any, ...], dict[str, PlannedRow]] = {}
    for row in rows:
        groups.setdefault(row.group, {}).setdefault(row.run_key, row)
    return [list(runs.values()) for runs in groups.values()]


def orders_needed(rows: Sequence[PlannedRow]) -> dict[str, PlannedRow]:
    """A row for each order that some row cuts, by the key of the order."""
    cut = [row for row in rows if row.cut.extreme is None]
    return {row.order.key: row for row in reversed(cut)}


@dataclass(frozen=True)
class Run:
    """A training run of a job.

    Attributes:
        seed: Its seed.
        num_removed: How many edges are removed.
        order: The order to cut; None where no edge is removed, or all.
        split: Which of several splits of the graph it takes.
    """

    seed: int
    num_removed: int
    order: RemovalOrder | None
    split: int | None = None


@dataclass(frozen=True)
class Training:
    """The graph, its digest and the configuration that the training runs of a job share."""

    source: Source
    digest: str
    config: TrainConfig


@dataclass(frozen=True)
class Ordering:
    """An order to compute: the graph, its digest, the order, and the options as they were given."""

    source: Source
    digest: str
    spec: OrderSpec
    options: Mapping[str, Any]


class AccuracyPlan(Plan):
    """The rows of an accuracy sweep, and its jobs: first orders, then training."""

    def __init__(self, recipe: Recipe, options: RunOptions) -> None:
        super().__init__(recipe.name, recipe.hash, recipe.as_dict(), recipe.num_runs)
        self.recipe = recipe
        self.source = Source(
            recipe.dataset,
            options.data_root,
            recipe.split_seed,
            options.trust_pickle,
            recipe.split,
        )
        self.folder = options.orders
        self.orders: dict[str, KnownOrder] = {}
        self.pending_orders: dict[str, OrderSpec] = {}

    @cached_property
    def rows(self) -> list[PlannedRow]:
        """The rows; this loads the graph."""
        return plan_rows(self.recipe, self.source)

    @cached_property
    def cache(self) -> OrderCache:
        """The folder of orders."""
        return OrderCache(self.folder) if self.folder else OrderCache.usual()

    @cached_property
    def by_run(self) -> dict[str, list[PlannedRow]]:
        """The rows of each run."""
        rows: dict[str, list[PlannedRow]] = defaultdict(list)
        for row in self.rows:
            rows[row.run_key].append(row)
        return rows

    def known(self, pending: Sequence[PlannedRow], store: ResultsFile) -> list[Row]:
        """Rows whose run another row of the file has recorded already."""
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
        """Orders and the training that needs none, then all other training."""
        missing = [row for row in orders_needed(pending).values() if not self._recall(row)]
        self.pending_orders = {row.order.key: row.order for row in missing}
        groups = group_runs(pending)
        first = [group for group in groups if group[0].cut.extreme]
        yield (
            "orders",
            itertools.chain(self._order_jobs(missing, sweep), self._train_jobs(first, sweep)),
        )
        rest = [group for group in groups if not group[0].cut.extreme]
        yield "training", self._train_jobs(rest, sweep)

    def _recall(self, row: PlannedRow) -> bool:
        """Take the order of a row from the cache; whether it is known now."""
        key = row.order.key
        if row.cut.extreme is None and key not in self.orders:
            order = self.cache.get(row.order)
            if order is not None:
                self.orders[key] = order
        return key in self.orders

    def _order_jobs(self, rows: Sequence[PlannedRow], sweep: Sweep) -> Iterator[Job]:
        """Methods that train networks come first, since they take longest."""
        for row in sorted(rows, key=lambda row: not get_method(row.method.name).needs):
            options = network_options(row.method, row.model)
            common = Ordering(self.source, self.source.digest(), row.order, options)
            yield self._job(sweep, (row.order.key,), (None,), common, row)

    def _train_jobs(self, groups: Iterable[Sequence[PlannedRow]], sweep: Sweep) -> Iterator[Job]:
        """Jobs, made when there is room for them, without runs that others have done meanwhile."""
        for group in groups:
            runs = {}
            for row in group:
                is_ready = row.cut.extreme or row.order.key in self.orders
                if is_ready and sweep.wanted(self.by_run[row.run_key]):
                    order = None if row.cut.extreme else self.orders[row.order.key].order
                    runs[row.run_key] = Run(row.seed, row.cut.num_removed, order, row.split)
            if runs:
                config = group[0].model.config()
                common = Training(self.source, self.source.digest(), config)
                yield self._job(sweep, tuple(runs), tuple(runs.values()), common, group[0])

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
            **plugins_of_workers(*modules_of(self.source, row.method.name, row.model.name)),
        )

    def rows_of(self, outcomes: Sequence[Outcome]) -> list[Row]:
        """Rows of trained runs. An order is kept; if it failed, so did all rows that need it."""
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

    def facts(self, pending: Sequence[PlannedRow]) -> dict[str, Any]:
        """Numbers of rows, training runs, jobs and orders."""
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
    """Whether a row names the fields that its run decided; rows of old versions do not."""
    names = row.get("measured")
    return isinstance(names, list) and all(isinstance(n, str) and n in row for n in names)


def modules_of(source: Source, method: str, model: str) -> list[str]:
    """Modules outside wis that register the data set, the method and the model of a job."""
    found: list[Any] = [get_method(method).order]
    if is_known(source.dataset):
        found.append(find(source.dataset).load)
    names = {str(getattr(each, "__module__", "")) for each in found}
    names.add(model.partition(":")[0] if ":" in model else "")
    return sorted(name for name in names if name and name.partition(".")[0] != "wis")


class Accuracy:
    """The kind of recipe that trains networks on sparser and sparser graphs."""

    name = ACCURACY

    def plan(self, name: str, settings: Mapping[str, Any], options: RunOptions) -> AccuracyPlan:
        """Check a recipe; its rows are planned when the graph is loaded."""
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
        return train_runs(job)

    def summarise(self, rows: Sequence[Row]) -> None:
        """None: `wis.show.sweep_tables` makes the tables."""


def compute_order(ordering: Ordering, device: str) -> dict[str, Any]:
    """Compute an order and measure the time; the attributes of `KnownOrder` but for memory."""
    spec = ordering.spec
    data = take_split(ordering.source.load(), spec.split)
    start, cpu_start = time.perf_counter(), time.process_time()
    order = removal_order(
        data, spec.method, seed=spec.seed, device=device, progress=False, **ordering.options
    )
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return {"order": order, "seconds": seconds, "cpu_seconds": cpu_seconds, "device": device}


def train_runs(job: Job) -> list[Outcome]:
    """Train the runs of a job, one after the other."""
    graphs = _graphs(job.common.source.load(), job.runs)
    config = replace(job.common.config, device=job.device)
    seeds = [run.seed for run in job.runs]
    start, cpu_start = time.perf_counter(), time.process_time()
    records = train_many(graphs, config, seeds, progress=False)
    costs = {
        "job_seconds": time.perf_counter() - start,
        "cpu_seconds": (time.process_time() - cpu_start) / len(seeds),
    }
    left_out = ("curve", "versions", "peak_memory_bytes", "split")
    return [
        {**{k: v for k, v in record.as_dict().items() if k not in left_out}, **costs}
        for record in records
    ]


def _graphs(data: Data, runs: Sequence[Run]) -> list[Data]:
    """The graph of each run; runs that share an order share the arcs."""
    cut: dict[int, Data] = {}
    for run in runs:
        if id(run.order) in cut:
            continue
        if run.num_removed == 0:
            graph = data
        elif run.order is None:  # all edges are removed, so their order does not matter
            graph = sparsify(data, remove=run.num_removed, method="random")
        else:
            graph = run.order.apply(data, remove=run.num_removed)
        cut[id(run.order)] = graph
    return [take_split(cut[id(run.order)], run.split) for run in runs]


KINDS.add(ACCURACY, Accuracy())
