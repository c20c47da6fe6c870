"""From a recipe to rows, and from rows to jobs.

A row is a method, a percentage, a model and a seed. Several rows can be one training run: with
nothing or with everything removed the graph is the same for all methods, and percentages of a small
graph can come to the same number of edges. So a row names its run by a key, and a run is done once.

A job is what one process does at a time: up to `seeds_per_run` runs that differ in their seeds
only, trained as one network. Which seeds go together is fixed by their places in the recipe and
not by how many processes there are, so the rows are the same bit for bit however a sweep is run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from wis.base.amount import num_edges_to_remove
from wis.errors import OptionError
from wis.experiments.amounts import Amounts, spelt
from wis.experiments.orders import OrderSpec, order_specs
from wis.experiments.recipe import MethodSpec, ModelSpec, Recipe, content_hash
from wis.graph import UndirectedGraph

if TYPE_CHECKING:
    from wis.experiments.source import Source

Extreme = Literal["full", "empty"]
FORMAT = 1


@dataclass(frozen=True)
class PlannedRow:
    """A row that a sweep is to have.

    Attributes:
        key: Hash of the data, method, options, amount, training and seed.
        run_key: Hash of what its training run depends on.
        method: Its method.
        model: Its model.
        percentage: Of the edges to remove.
        remove: The same as the recipe says it: ``50%``, or ``50 edges``.
        num_removed: The number of edges that this is.
        num_edges: Edges of the whole graph.
        seed: Its seed.
        split: Which of several splits of the graph it takes; None if there is one.
        order: The order that is cut.
        group: Runs of the same group can be trained as one.
    """

    key: str
    run_key: str
    method: MethodSpec
    model: ModelSpec
    percentage: float
    remove: str
    num_removed: int
    num_edges: int
    seed: int
    split: int | None
    order: OrderSpec
    group: tuple[Any, ...]

    @property
    def extreme(self) -> Extreme | None:
        """Whether its graph is the whole one or has no edges, for which no order is needed."""
        if self.num_removed == 0:
            return "full"
        return "empty" if self.num_removed == self.num_edges else None


def plan_rows(recipe: Recipe, source: Source) -> list[PlannedRow]:
    """All rows of a sweep, the first seeds first and then by percentage.

    Raises:
        OptionError: An option of a method is impossible for this graph.
        WisError: The graph cannot be loaded.
    """
    data = source.load()
    graph = UndirectedGraph.from_any(data)
    digest = source.digest()
    cuts = _cuts(recipe, graph.num_edges)
    chunks = {seed: place // recipe.seeds_per_run for place, seed in enumerate(recipe.seeds)}
    splits = {seed: source.split_of(seed) for seed in recipe.seeds}
    rows = [
        _row(digest, model, method, order, cut, (seed, splits[seed], chunks[seed]))
        for model, method in itertools.product(recipe.models, recipe.methods)
        for seed, order in order_specs(graph, digest, method, model, splits)
        for cut in cuts
    ]
    return sorted(rows, key=lambda row: (chunks[row.seed], row.percentage))


@dataclass(frozen=True)
class _Cut:
    """An amount on a certain graph; `key` is what stands for it in the keys of rows."""

    key: Mapping[str, float | int]
    percentage: float
    remove: str
    num_removed: int
    num_edges: int


def _cuts(recipe: Recipe, num_edges: int) -> list[_Cut]:
    """All amounts of a recipe; raises `OptionError` where one is impossible or comes twice."""
    cuts = [
        _Cut({"percentage": p}, p, text, num_edges_to_remove(num_edges, remove=text), num_edges)
        for p in recipe.percentages
        for text in spelt(Amounts((p,)))
    ]
    for count in recipe.edges:
        removed = num_edges_to_remove(num_edges, remove=count)
        share = 100 * removed / num_edges
        cuts.append(_Cut({"edges": count}, share, f"{count} edges", removed, num_edges))
    for index, cut in enumerate(cuts):
        for other in cuts[:index]:
            if cut.percentage == other.percentage:
                raise OptionError(f"{other.remove} and {cut.remove} are the same on this graph")
    return cuts


def _row(
    digest: str,
    model: ModelSpec,
    method: MethodSpec,
    order: OrderSpec,
    cut: _Cut,
    place: tuple[int, int | None, int],
) -> PlannedRow:
    seed, split, chunk = place
    config = training_key(model)
    extreme = {0: "full", cut.num_edges: "empty"}.get(cut.num_removed)
    graph_key = extreme or [order.key, cut.num_removed]
    run = {"format": FORMAT, "data": digest, "graph": graph_key, "training": config, "seed": seed}
    if split is not None:
        run["split"] = split
    row = {**run, "method": order.method, "options": order.options, **cut.key}
    row["graph"] = cut.num_removed
    family = extreme or (order.method, content_hash(order.options), cut.num_removed)
    return PlannedRow(
        key=content_hash(row),
        run_key=content_hash(run),
        method=method,
        model=model,
        percentage=cut.percentage,
        remove=cut.remove,
        num_removed=cut.num_removed,
        num_edges=cut.num_edges,
        seed=seed,
        split=split,
        order=order,
        group=(content_hash(config), family, chunk),
    )


def training_key(model: ModelSpec) -> dict[str, Any]:
    """What a training run depends on but for data and seed."""
    config = model.config().as_dict()
    return {name: config[name] for name in config if name not in ("seed", "device", "keep_curve")}


def group_runs(rows: Iterable[PlannedRow]) -> list[list[PlannedRow]]:
    """One row for each run, those that can be trained as one together, in the order of the rows."""
    groups: dict[tuple[Any, ...], dict[str, PlannedRow]] = {}
    for row in rows:
        groups.setdefault(row.group, {}).setdefault(row.run_key, row)
    return [list(runs.values()) for runs in groups.values()]


def orders_needed(rows: Sequence[PlannedRow]) -> dict[str, PlannedRow]:
    """A row for each order that some row cuts, by the key of the order."""
    needed: dict[str, PlannedRow] = {}
    for row in rows:
        if row.extreme is None:
            needed.setdefault(row.order.key, row)
    return needed
