"""How long a sweep will take: a short trial of each order and each network, and a sum.

An order is timed until it is done or `ORDER_S` have passed; its time is then extended by the share
of the edges that it has ranked. A few epochs of each network are timed on the full graph and on the
one without edges; an epoch on a cut graph is taken to lie between them in proportion to its edges.
The number of epochs of a run is the mean of finished rows of the same network, or the patience plus
`EPOCHS_TO_LEARN`. So the forecast is an estimate, good to a factor of about two.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wis.advice.savings import epoch_seconds
from wis.api import sparsify
from wis.base.checks import checked_device
from wis.experiments.inputs import Source, network_options
from wis.experiments.own_process import torch_threads
from wis.graph import UndirectedGraph
from wis.methods import get_method
from wis.training.run import Run

ORDER_S = 5.0
EPOCHS_S = 2.0
EPOCHS_TO_LEARN = 200
"""Epochs before the best one; those of the thesis' recipes on Cora and Chameleon take about 100 to
300."""


TRAINING = ("model", "depth", "width", "learning_rate", "weight_decay", "max_epochs", "patience")
"""Fields of a configuration that must agree with those of a finished row."""


class _Enough(Exception):
    """The share of the order that is done suffices."""


@dataclass(frozen=True)
class Forecast:
    """A prediction in seconds."""

    orders_s: float  # all orders that are missing
    training_s: float  # all training runs that are missing
    jobs: int  # number of processes that share the work
    # Seconds of one order, and the number of orders, by the label of the method
    orders: Mapping[str, Mapping[str, float]]
    # Seconds of an epoch with all edges and with none, and epochs of a run, by model
    networks: Mapping[str, Mapping[str, float]]
    basis: str  # what the prediction rests on

    def as_dict(self) -> dict[str, Any]:
        """All fields, and the total, divided among the jobs."""
        total = (self.orders_s + self.training_s) / self.jobs
        return {"total_s": total, **vars(self)}


def forecast(
    plan: Any,
    pending: Sequence[Any],
    orders: Sequence[Any],
    *,
    rows: Sequence[Mapping[str, Any]],
    jobs: int,
    threads: int,
    device: str,
) -> Forecast:
    """Predict the time of an accuracy sweep: of `pending` rows of a plan, and a row for each order.

    The number of epochs is taken from finished `rows`. A trial raises what the sweep would raise.
    """
    source, device = plan.source, str(checked_device(device))
    with torch_threads(threads):
        groups: dict[str, list[Any]] = {}
        for row in orders:
            groups.setdefault(row.method.label, []).append(row)
        by_method = {
            label: {"seconds": order_seconds(source, some[0], device), "num": len(some)}
            for label, some in groups.items()
        }
        models = {row.model.name: row for row in pending}
        networks = {name: _network(source, row, rows, device) for name, row in models.items()}
    training = 0.0
    for row in {row.run_key: row for row in pending}.values():
        network = networks[row.model.name]
        kept = 1 - row.cut.percentage / 100
        epoch = network["bare_s"] + kept * (network["full_s"] - network["bare_s"])
        training += network["epochs"] * epoch
    known = sorted(name for name, network in networks.items() if network["from_rows"])
    epochs = f"finished rows of {', '.join(known)}; else " if known else ""
    return Forecast(
        orders_s=sum(each["seconds"] * each["num"] for each in by_method.values()),
        training_s=training,
        jobs=max(1, jobs),
        orders=by_method,
        networks=networks,
        basis=f"an estimate from one trial of each order and a few epochs of each network; epochs "
        f"of a run: {epochs}patience + {EPOCHS_TO_LEARN}",
    )


def order_seconds(source: Source, row: Any, device: str) -> float:
    """Seconds of the whole order of a planned row, extended from at most about `ORDER_S`."""
    method = get_method(row.method.name)
    split = source.part(row.order.split)
    graph = UndirectedGraph.from_any(split).to(device)
    options = method.resolved_options(graph, network_options(row.method, row.model))
    seed = row.order.seed or 0
    start, done = time.perf_counter(), 0

    def report(number: int) -> None:
        nonlocal done
        done = number
        if number and time.perf_counter() - start > ORDER_S:
            raise _Enough

    try:
        arguments, _ = method.prepare(graph, split, options, seed)
        method.order(graph, count=graph.num_edges, seed=seed, progress=report, **arguments)
    except _Enough:
        return (time.perf_counter() - start) * graph.num_edges / done
    return time.perf_counter() - start


def _network(
    source: Source, row: Any, rows: Sequence[Mapping[str, Any]], device: str
) -> dict[str, float]:
    """Seconds of an epoch with all edges and with none, and the epochs of a run."""
    config = replace(row.model.config(), device=device)
    full = source.part(row.split)
    bare = sparsify(full, remove="100%", method="random")
    full_s, bare_s = epoch_seconds([Run(data, config).start() for data in (full, bare)], EPOCHS_S)
    counts = [
        found["num_epochs"]
        for found in rows
        if isinstance(found.get("num_epochs"), int)
        and all(found.get("config", {}).get(name) == getattr(config, name) for name in TRAINING)
    ]
    guess = min(config.max_epochs, config.patience + EPOCHS_TO_LEARN)
    return {
        "full_s": full_s,
        "bare_s": bare_s,
        "epochs": sum(counts) / len(counts) if counts else guess,
        "from_rows": len(counts),
    }
