"""Removal orders of a sweep: computed once, and kept under a hash of all that they depend on.

They lie in a folder, by default ``orders`` in the cache folder of wis, as ``HASH.npz`` beside
``HASH.json``, which tells what it took to compute them. A damaged file is computed again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.api import removal_order
from wis.base.atomic import atomic_write
from wis.datasets.roots import cache_folder
from wis.datasets.splits import take_split
from wis.errors import GraphFileError, GraphFormatError
from wis.experiments.measure import PeakMemory
from wis.experiments.recipe import MethodSpec, ModelSpec, content_hash
from wis.experiments.source import Source
from wis.methods import get_method
from wis.order import RemovalOrder

if TYPE_CHECKING:
    from wis.graph import CanonicalGraph

FORMAT = 2  # raised where a method gives another order than before for the same options
APART = "memory_is_of_the_order_alone"
NETWORK = ("model", "depth", "width")
"""Options by which a method names the network that it trains (see `network_options`)."""


@dataclass(frozen=True)
class OrderSpec:
    """An order that a sweep needs.

    Attributes:
        method: Name of the method.
        options: Its options, resolved for the graph.
        seed: Of its randomness; None for a method without any.
        key: Hash of these and of the graph.
        split: Which of several splits its training vertices are of, if it looks at them.
    """

    method: str
    options: Mapping[str, Any]
    seed: int | None
    key: str
    split: int | None = None


@dataclass(frozen=True)
class KnownOrder:
    """An order, and what it took.

    Attributes:
        order: The order of all edges.
        seconds: Time that computing it took.
        cpu_seconds: CPU time of the process for it.
        peak_memory_bytes: Largest memory meanwhile, see `PeakMemory`; None where it is not known.
        device: Where it was computed.
    """

    order: RemovalOrder
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int | None
    device: str

    def costs(self) -> dict[str, Any]:
        """Everything but the order."""
        return {name: value for name, value in vars(self).items() if name != "order"}


def network_options(method: MethodSpec, model: ModelSpec) -> dict[str, Any]:
    """Options of a method, with those of the network that is evaluated where it trains one.

    A method that trains a network of its own, such as UGS, trains one like that which is
    evaluated, unless its options say otherwise.
    """
    options = dict(method.options)
    known = get_method(method.name).options
    if all(name in known for name in NETWORK):
        config = model.config()
        options = {**{name: getattr(config, name) for name in NETWORK}, **options}
    return options


def order_specs(
    graph: CanonicalGraph,
    data_digest: str,
    method: MethodSpec,
    model: ModelSpec,
    splits: Mapping[int, int | None],
) -> list[tuple[int, OrderSpec]]:
    """Seeds, and which order a method gives for each: one for all if it is not random.

    Args:
        graph: The graph.
        data_digest: Of all data of the graph.
        method: The method.
        model: The network that is evaluated.
        splits: Which of several splits of the graph a seed takes, by seed.

    Raises:
        OptionError: An option has an impossible value.
    """
    chosen = get_method(method.name)
    options = chosen.resolved_options(graph, network_options(method, model))
    looks_at_data = bool(chosen.needs) or "partitions" in options
    content = {
        "format": FORMAT,
        "data": data_digest if looks_at_data else graph.fingerprint,
        "method": chosen.name,
        "options": options,
    }
    plain = json.loads(json.dumps(content, default=str))
    specs = {}
    for seed, split in splits.items():
        said: dict[str, Any] = {"seed": seed if chosen.is_seeded(options) else None}
        if "train_mask" not in chosen.needs:
            split = None
        if split is not None:
            said["split"] = split
        key = content_hash({**plain, **said})
        specs[seed] = OrderSpec(chosen.name, plain["options"], said["seed"], key, split)
    return list(specs.items())


def compute_order(
    source: Source, spec: OrderSpec, given: Mapping[str, Any], device: str
) -> KnownOrder:
    """Compute an order, in this process.

    Args:
        source: The graph.
        spec: The order.
        given: Options as they were given, before they were resolved.
        device: Where to compute.
    """
    data = take_split(source.load(), spec.split)
    start, cpu_start = time.perf_counter(), time.process_time()
    with PeakMemory(device) as memory:
        order = removal_order(
            data, spec.method, seed=spec.seed, device=device, progress=False, **given
        )
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return KnownOrder(order, seconds, cpu_seconds, memory.bytes, device)


@dataclass(frozen=True)
class OrderCache:
    """A folder of orders."""

    folder: Path

    @classmethod
    def usual(cls) -> OrderCache:
        """``orders`` in the cache folder of wis."""
        return cls(cache_folder() / "orders")

    def get(self, spec: OrderSpec) -> KnownOrder | None:
        """The order, or None if it is not there or its files are damaged."""
        try:
            costs = json.loads(self._path(spec, "json").read_text(encoding="utf-8"))
            if not costs.pop(APART, False):  # of a time when processes were shared
                costs["peak_memory_bytes"] = None
            return KnownOrder(RemovalOrder.load(self._path(spec, "npz")), **costs)
        except (GraphFileError, GraphFormatError, OSError, ValueError, TypeError, AttributeError):
            return None

    def put(self, spec: OrderSpec, known: KnownOrder) -> None:
        """Keep an order.

        Raises:
            GraphFileError: The folder cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GraphFileError(
                f"{self.folder}: cannot be the folder of orders: {error.strerror}; name another "
                "with --orders"
            ) from None
        known.order.save(self._path(spec, "npz"))
        text = json.dumps({**known.costs(), APART: True}, sort_keys=True)
        with atomic_write(self._path(spec, "json"), force=True) as file:
            file.write(text.encode())

    def _path(self, spec: OrderSpec, ending: str) -> Path:
        return self.folder / f"{spec.key}.{ending}"
