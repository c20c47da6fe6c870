"""Serving sweeps: train as an accuracy sweep does, then time predictions of each network.

A recipe has the keys of an accuracy sweep and a table of its own::

    kind = "serve"
    dataset = "tolokers"
    remove = ["0%", "50%"]              # with 0%, losses are known
    seeds = 3
    [serve]
    train = true                        # false: costs alone; the graph needs no x, y or masks
    batch_sizes = [1, 32, 1024]         # []: nothing is timed, costs are counts alone
    repeats = 200                       # any further key is a field of `wis.measure.latency.Load`

A network is trained on the cut graph and serves it. Its predictions are timed in turns with those
of the same network on the whole graph. So the ratio of the two latencies of a row, its speed-up,
does not depend on the speed of the machine at another time. Each run has a process of its own. It
measures the memory of a batch before it trains, since training leaves memory that later work can
use. On a machine with other work, trust counts (edges read, multiply-adds) and ratios, and not
seconds; `load_average` records how busy it was.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from wis.errors import OptionError, RecipeError, WisError, echo
from wis.experiments.accuracy import Accuracy, AccuracyPlan, PlannedRow, Training, plan_rows
from wis.experiments.backends import Job, Outcome
from wis.experiments.inputs import graphs_of
from wis.experiments.own_process import PeakMemory
from wis.experiments.recipe import Recipe, apply_overrides, content_hash
from wis.experiments.results import SERVE, Row
from wis.experiments.settings import take
from wis.experiments.sweep import KINDS, Plan, RunOptions
from wis.measure.latency import Load, Server, serve
from wis.training import TrainConfig, train_network
from wis.training.engine import build
from wis.training.record import peak_bytes

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from wis.models import GraphNetwork

BATCH = 1024
"""Vertices of a batch whose memory is measured, and of those that test sampled predictions."""
LEFT_OUT = ("curve", "versions", "peak_memory_bytes", "split")


@dataclass(frozen=True)
class Serving(Training):
    """What the runs of a job share: further the predictions, and whether to train."""

    load: Load
    trains: bool


class ServePlan(AccuracyPlan):
    """The rows of a serving sweep: those of the accuracy sweep, with keys and jobs of their own."""

    forecast = Plan.forecast  # none: predictions take most of the time

    def __init__(self, recipe: Recipe, load: Load, trains: bool, options: RunOptions) -> None:
        super().__init__(recipe, options)
        own = {"train": trains, **asdict(load), "batch_sizes": list(load.batch_sizes)}
        self.load, self.trains = load, trains
        self.doing = "training" if trains else "measuring"
        self.settings = {**self.settings, "kind": SERVE, "serve": own}
        self.hash = content_hash([SERVE, recipe.hash, own])
        self.device = options.devices[0].partition(":")[0]
        self.source = replace(self.source, costs_only=not trains)

    @cached_property
    def rows(self) -> list[PlannedRow]:
        """All rows. A row on a GPU has another key than one on a CPU."""
        return [self._own(row) for row in plan_rows(self.recipe, self.source)]

    def _own(self, row: PlannedRow) -> PlannedRow:
        key, run_key = (
            content_hash([SERVE, each, self.settings["serve"], self.device])
            for each in (row.key, row.run_key)
        )
        return replace(row, key=key, run_key=run_key, group=(run_key,))

    def training(self, config: TrainConfig) -> Serving:
        """The part that a job's runs share."""
        return Serving(self.source, self.source.digest(), config, self.load, self.trains)

    def _row(self, row: PlannedRow, measured: Mapping[str, Any]) -> Row:
        own = {"kind": SERVE, "device": self.device, "trained": self.trains}
        return {**super()._row(row, measured), **own}


class Serve(Accuracy):
    """The kind of recipe that times the predictions of networks on sparser and sparser graphs."""

    name = SERVE

    def plan(self, name: str, settings: Mapping[str, Any], options: RunOptions) -> ServePlan:
        """Check a recipe. Its rows are planned later, when the graph is loaded."""
        rest = dict(settings)
        load, trains = load_of(take(rest, "serve", Mapping, {}))
        recipe = apply_overrides(Recipe.from_settings(name, rest), **options.overrides)
        if recipe.task != "vertex":
            raise RecipeError(f"task is {recipe.task!r}; predictions are timed for vertices alone")
        if any(model.config().edge_weight for model in recipe.models):
            raise OptionError("predictions are timed without edge weights; leave edge_weight out")
        return ServePlan(recipe, load, trains, options)

    def do_runs(self, job: Job) -> list[Outcome]:
        """Train and serve the networks of a job, one after the other."""
        data = job.common.source.load()
        graphs = graphs_of(job.common.source, job.runs)
        return [
            serve_run(graph, data, run, job.common, job.device)
            for graph, run in zip(graphs, job.runs, strict=True)
        ]

    def summarise(self, rows: Sequence[Row]) -> str | None:
        """Tables of accuracy, latency and speed-up."""
        from wis.experiments.serve_summary import summary_text

        return summary_text(rows)


def load_of(table: Mapping[str, Any]) -> tuple[Load, bool]:
    """Read the table ``[serve]`` of a recipe: the predictions, and whether to train.

    >>> load_of({"train": False, "batch_sizes": [1]})[0].batch_sizes
    (1,)
    """
    given = dict(table)
    trains = given.pop("train", True)
    known = [field.name for field in fields(Load)]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise RecipeError(
            f"serve has the unknown key {echo(repr(unknown[0]))}; known: train, {', '.join(known)}"
        )
    if not isinstance(trains, bool):
        raise RecipeError(f"train is {echo(repr(trains))}; expected true or false")
    try:
        sizes = given.pop("batch_sizes", Load.batch_sizes)
        if not isinstance(sizes, (list, tuple)):
            raise OptionError(f"batch_sizes is {echo(repr(sizes))}; expected a list of integers")
        return Load(batch_sizes=tuple(sizes), **given), trains
    except WisError as error:
        raise RecipeError(f"serve: {error}") from None


def serve_run(graph: Data, data: Data, run: Any, common: Serving, device: str) -> Outcome:
    """Train on a cut graph, and time the network on it and on the whole graph."""
    config = replace(common.config, device=device).with_seed(run.seed)
    assert config.depth is not None
    assert graph.x is not None
    network = build(graph.x.size(1), int(data.y.max()) + 1, config).eval()
    times = bool(common.load.batch_sizes)
    memory = batch_memory(network, graph, config) if times else None
    record: Outcome = {"config": config.as_dict(), "num_arcs": graph.num_edges}
    if common.trains:
        trained, network = train_network(graph, config, progress=False)
        record |= {k: v for k, v in trained.as_dict().items() if k not in LEFT_OUT}
        if times:
            record["sampled_test_accuracy"] = sampled_accuracy(network, graph, config, common.load)
    graphs = [graph, data] if run.num_removed else [graph]
    found = serve(network, graphs, depth=config.depth, load=common.load, device=device)
    return {
        **record,
        "serving": found[0],
        "serving_whole": found[-1],
        "batch_memory_bytes": memory,
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def batch_memory(network: GraphNetwork, graph: Data, config: TrainConfig) -> int | None:
    """Memory of predicting a batch of 1,024 vertices, above that of the server; None if unknown."""
    assert config.depth is not None
    server = Server(network, graph, depth=config.depth, device=config.device)
    (vertices, *_) = Load().batches(len(server.x), BATCH)
    with PeakMemory(config.device) as memory:
        before = peak_bytes(memory.place)
        server.predict(vertices)
    return None if memory.bytes is None or before is None else memory.bytes - before


def sampled_accuracy(network: GraphNetwork, graph: Data, config: TrainConfig, load: Load) -> float:
    """Test accuracy, a fraction, of predictions by neighbour sampling."""
    assert config.depth is not None
    server = Server(
        network, graph, depth=config.depth, num_neighbors=load.num_neighbors, device=config.device
    )
    vertices = graph.test_mask.nonzero().view(-1).cpu()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        found = [server.predict(some).argmax(dim=1).cpu() for some in vertices.split(BATCH)]
    right = torch.cat(found) == graph.y.view(-1)[vertices].cpu()
    return float(right.double().mean())


KINDS.add(SERVE, Serve())
