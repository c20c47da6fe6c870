"""Inputs of the training runs of a sweep: the graph, removal orders of its edges, and cut graphs.

A `Source` names the origin of the graph, so that every process can load the graph and compare its
digest. Each order is computed once. The `OrderCache` keeps it under a hash of everything that it
depends on, by default in the folder ``orders`` of wis' cache: ``HASH.npz`` holds the order and
``HASH.json`` the cost of computing it. If a file is damaged, the order is computed again.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from wis import datasets
from wis.api import sparsify
from wis.base.atomic import atomic_write
from wis.datasets.graph_lists import TU, load_tu
from wis.datasets.splits import MASKS, split_of_seed, take_split
from wis.datasets.table import cache_folder
from wis.errors import GraphFileError, GraphFormatError, UnknownNameError
from wis.experiments.recipe import content_hash
from wis.experiments.settings import MethodSpec, ModelSpec
from wis.experiments.tasks import NEEDS, order_of, part_of, prepared, seeded_split
from wis.methods import get_method
from wis.methods.registry import OF_EDGES
from wis.order import RemovalOrder

if TYPE_CHECKING:
    from torch import Tensor
    from torch_geometric.data import Data

    from wis.graph import CanonicalGraph

FORMAT = 2  # increased whenever all orders change
REVISIONS = {("wis", "bitset"): 2}
"""Increased when a method, by the engine in its options, changes its order for the same options."""
APART = "memory_is_of_the_order_alone"
"""Key in a cost file whose memory was measured in a process of its own; older files lack it."""
NETWORK = ("model", "depth", "width")
"""The options that mark a method that trains a network, see `network_options`."""


@dataclass(frozen=True)
class Source:
    """The origin of a graph; small and picklable. Most fields are those of a `Recipe`."""

    dataset: str  # a name of `wis.datasets`, or a file
    root: str | None = None  # the data root, as for `wis.datasets.load`
    split_seed: int | None = None
    trust_pickle: bool = False  # let a `.pt` file run code
    split: int | None = None
    num_splits: int | None = None
    costs_only: bool = False  # let a graph lack features and labels, see `wis.experiments.tasks`
    undirected: bool = False
    task: str = "vertex"

    def load(self) -> Data:
        """Load the graph, or batch of graphs, of all splits, once in each process.

        The caller must not change it. Raises `GraphFormatError` if it lacks what the task needs.
        """
        return _loaded(self)[0]

    def digest(self) -> str:
        """Return a hash of vertices, arcs, features, labels and masks."""
        return _loaded(self)[1]

    def split_of(self, seed: int) -> int | None:
        """Return the number of the split of a seed; None if the graph has a single split."""
        if self.task != "vertex":
            return seeded_split(self, seed)
        data = self.load()
        chosen = split_of_seed(data, seed, self.split)
        take_split(data, chosen)
        return chosen

    def part(self, split: int | None) -> Data:
        """Return the data of a split; for None that of all splits."""
        return self.load() if split is None else _part(self, split)


@functools.lru_cache(maxsize=2)
def _loaded(source: Source) -> tuple[Data, str]:
    data = _read(source)
    if hasattr(data, "edge_types"):
        raise GraphFormatError(
            f"{source.dataset}: has several types of edges; a sweep takes graphs of one type"
        )
    data = prepared(data, source)
    return data, data_digest(data, source.task)


@functools.lru_cache(maxsize=4)
def _part(source: Source, split: int) -> Data:
    return part_of(source.task, source.load(), split)


def _read(source: Source) -> Any:
    """Read the graph from a file if there is one, otherwise from a data set."""
    from wis.base.checks import user_path

    if source.dataset.startswith(TU):
        return load_tu(source.dataset.removeprefix(TU), root=source.root)
    path = user_path(source.dataset)
    if not path.is_file() and datasets.is_known(source.dataset, source.root):
        return datasets.load(_spec_of_all_splits(source), root=source.root)
    if not path.exists():
        names = [row.name for row in datasets.available_datasets(source.root)]
        error = UnknownNameError.among("graph", source.dataset, names)
        raise UnknownNameError(f"{source.dataset}: no such file; {error}")
    from wis.io import read_graph

    return read_graph(path, trust_pickle=source.trust_pickle).data


def _spec_of_all_splits(source: Source) -> str:
    """Name the data set with all its splits, if the recipe chooses one of them by its number."""
    spec = source.dataset
    has_splits = "split" in datasets.find(spec, source.root).parameters
    if source.split is None or not has_splits or "split=" in spec:
        return spec
    return spec + ("," if ":" in spec else ":") + "split=all"


def data_digest(data: Data, task: str = "vertex") -> str:
    """Compute a SHA-256 of everything in a graph that training depends on."""
    is_vertex = task == "vertex"
    hashed = hashlib.sha256(f"{'' if is_vertex else task}{data.num_nodes}".encode())
    for name in (*NEEDS[task], *(MASKS if is_vertex else ())):
        hashed.update(name.encode())
        for array in _strided(data[name]):
            hashed.update(str((array.dtype, tuple(array.shape))).encode())
            hashed.update(array.detach().cpu().contiguous().numpy().tobytes())
    return hashed.hexdigest()


def _strided(tensor: Tensor) -> tuple[Tensor, ...]:
    import torch

    if tensor.layout == torch.strided:
        return (tensor,)
    coordinates = tensor.to_sparse(layout=torch.sparse_coo).coalesce()
    return coordinates.indices(), coordinates.values()


@dataclass(frozen=True)
class OrderSpec:
    """An order that a sweep needs."""

    method: str
    options: Mapping[str, Any]  # its options, resolved for the graph
    seed: int | None  # seed of the method; None for a method that is not random
    key: str  # hash of the method, options, seed, split and graph
    split: int | None = None  # the split; None if the order does not depend on it or there is one


@dataclass(frozen=True)
class KnownOrder:
    """An order, and the cost of computing it."""

    order: RemovalOrder  # the order of all edges
    seconds: float  # wall time
    cpu_seconds: float  # CPU time of the process
    peak_memory_bytes: int | None  # peak memory, see `PeakMemory`; None if it is unknown
    device: str  # the device that computed it


def network_options(method: MethodSpec, model: ModelSpec) -> dict[str, Any]:
    """Return the options of a method, with the sizes of the evaluated network.

    A method that trains a network itself, such as UGS, takes `NETWORK` from the evaluated network
    unless these options are given.
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
    data: Any = None,
    task: str = "vertex",
) -> dict[int, OrderSpec]:
    """Describe the order of each seed; all seeds share one if the method is not random.

    `splits` has the number of the split of each seed, or None, and `data` the object that the graph
    was made from, for methods that read numbers of its edges. The splits of the task ``link`` have
    a graph each.
    """
    chosen = get_method(method.name)
    options = chosen.resolved_options(graph, network_options(method, model))
    if any(options.get(name) is not None or name in chosen.needs for name in OF_EDGES):
        _, options = chosen.prepare(graph, data, options, 0)  # with the digest of the numbers
    looks_at_data = bool(chosen.needs) or "partitions" in options or task != "vertex"
    content = {
        "format": FORMAT,
        "data": data_digest if looks_at_data else graph.fingerprint,
        "method": chosen.name,
        "options": options,
    }
    if revision := REVISIONS.get((chosen.name, str(options.get("engine")))):
        content["revision"] = revision
    plain = json.loads(json.dumps(content, default=str))
    is_seeded = chosen.is_seeded(options)
    of_split = "train_mask" in chosen.needs or task == "link"
    specs = {}
    for seed, split in splits.items():
        parts: dict[str, Any] = {"seed": seed if is_seeded else None}
        if of_split and split is not None:
            parts["split"] = split
        key = content_hash({**plain, **parts})
        specs[seed] = OrderSpec(chosen.name, plain["options"], key=key, **{"split": None, **parts})
    return specs


@dataclass(frozen=True)
class OrderCache:
    """A folder of orders."""

    folder: Path

    @classmethod
    def usual(cls) -> OrderCache:
        """Return the cache in the folder ``orders`` of wis' cache."""
        return cls(cache_folder() / "orders")

    def get(self, spec: OrderSpec) -> KnownOrder | None:
        """Load an order; return None if it is missing or its files are damaged."""
        try:
            costs = json.loads(self._path(spec, "json").read_text(encoding="utf-8"))
            if not costs.pop(APART, False):  # an older version measured jobs that shared a process
                costs["peak_memory_bytes"] = None
            return KnownOrder(RemovalOrder.load(self._path(spec, "npz")), **costs)
        except (GraphFileError, GraphFormatError, OSError, ValueError, TypeError, AttributeError):
            return None

    def put(self, spec: OrderSpec, known: KnownOrder) -> None:
        """Save an order."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GraphFileError(
                f"{self.folder}: cannot be the folder of orders: {error.strerror}; name another "
                "with --orders"
            ) from None
        costs = {name: value for name, value in vars(known).items() if name != "order"}
        known.order.save(self._path(spec, "npz"))
        with atomic_write(self._path(spec, "json"), force=True) as file:
            file.write(json.dumps({**costs, APART: True}, sort_keys=True).encode())

    def _path(self, spec: OrderSpec, ending: str) -> Path:
        return self.folder / f"{spec.key}.{ending}"


@dataclass(frozen=True)
class Ordering:
    """An order to compute: the graph, its digest, the order, and the options as given."""

    source: Source
    digest: str
    spec: OrderSpec
    options: Mapping[str, Any]


def compute_order(ordering: Ordering, device: str) -> dict[str, Any]:
    """Compute an order, and return the attributes of `KnownOrder` except its memory."""
    spec = ordering.spec
    data = ordering.source.part(spec.split)
    start, cpu_start = time.perf_counter(), time.process_time()
    task, options = ordering.source.task, ordering.options
    order = order_of(task, data, spec.method, seed=spec.seed, device=device, **options)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return {"order": order, "seconds": seconds, "cpu_seconds": cpu_seconds, "device": device}


@dataclass(frozen=True)
class Run:
    """A training run of a job."""

    seed: int  # the seed of the training
    num_removed: int  # the number of edges to remove
    order: RemovalOrder | None  # the order to cut; None if no edge or all edges are removed
    split: int | None = None  # the number of the split; None for a graph with a single split


def graphs_of(source: Source, runs: Sequence[Run], *, weighted: bool = False) -> list[Data]:
    """Cut the graph of each run; runs that share an order and a split share the arcs.

    With `weighted`, a sample of drawn edges gets its weights (`wis.methods.draws`), and arcs
    without weights get 1.
    """
    cut: dict[Any, Data] = {}
    for run in runs:
        place = (id(run.order), run.split)
        if place in cut:
            continue
        graph = source.part(run.split)
        if weighted and "edge_weight" not in graph:
            graph = copy.copy(graph)
            graph.edge_weight = torch.ones(graph.num_edges, device=graph.edge_index.device)
        if run.order is not None:
            made = run.order.provenance
            reweight = weighted and get_method(made.method).draws_with(made.options)
            graph = run.order.apply(graph, remove=run.num_removed, reweight=reweight)
        elif run.num_removed:  # all edges are removed, so their order does not matter
            graph = sparsify(graph, remove=run.num_removed, method="random")
        cut[place] = graph
    return [cut[id(run.order), run.split] for run in runs]
