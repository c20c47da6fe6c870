"""The three tasks of a sweep: the data of a split, and the orders of its edges.

- ``vertex``: classify vertices. The graph comes with one split or several, or is split anew.
- ``link``: predict edges. A split holds out edges (`split_links`), so each split has a graph of its
  own, along which messages run. Only its edges are ordered and removed.
- ``graph``: classify graphs. Each graph is cut by itself, as `wis.transforms.Sparsify` does.

The data set of a recipe may be ``"tu:NAME"``, a data set of TUDataset (see `load_tu`), or a name of
`wis.datasets` whose loader returns a list of graphs, a `Batch` or a data set of PyG.

For ``link`` and ``graph``, seed s has the split s, unless the recipe says otherwise.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wis.api import removal_order
from wis.datasets.splits import MASKS, random_masks, split_links, split_vertices, take_split
from wis.errors import GraphFormatError, OptionError
from wis.graph import UndirectedGraph
from wis.methods import get_method
from wis.order import Provenance, RemovalOrder

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from wis.experiments.inputs import Source

NEEDS: Mapping[str, tuple[str, ...]] = {
    "vertex": ("edge_index", "x", "y"),
    "link": ("edge_index", "x"),
    "graph": ("edge_index", "x", "y", "batch"),
}
"""What the data of each task must have; the digest of the data covers it."""

_log = logging.getLogger(__name__)


def check_methods(task: str, names: Iterable[str]) -> None:
    """Raise `OptionError` for methods that learn from labels of vertices, for other tasks."""
    for name in names if task != "vertex" else ():
        if "train_mask" in get_method(name).needs:
            raise OptionError(
                f"method {name!r} learns from labels of vertices; leave it out for task {task!r}"
            )


def prepared(data: Any, source: Source) -> Data:
    """Check the data of a sweep; give vertices that lack masks some, and join a list of graphs."""
    if source.task == "graph":
        data = _batch(data, source.dataset)
    if source.costs_only:
        data = with_stand_ins(data)
    if source.undirected:
        data = both_ways(data)
    for name in NEEDS[source.task]:
        if getattr(data, name, None) is None:
            raise GraphFormatError(
                f"{source.dataset}: has no {name}; the task {source.task!r} needs "
                f"{', '.join(NEEDS[source.task])}"
            )
    return _with_masks(data, source) if source.task == "vertex" else data


def with_stand_ins(data: Any) -> Any:
    """Give a graph that lacks them 64 features of ones and labels of zeros, which cost as much."""
    import torch

    made = {
        "x": lambda n: torch.ones(n, 64, device="cpu", dtype=torch.float32),
        "y": lambda n: torch.zeros(n, device="cpu", dtype=torch.int64),
    }
    missing = [name for name in made if getattr(data, name, None) is None]
    if not missing or hasattr(data, "edge_types"):
        return data
    data = copy.copy(data)
    for name in missing:
        data[name] = made[name](data.num_nodes)
    return data


def both_ways(data: Data) -> Data:
    """The graph with both arcs of each edge, once each, and without attributes of arcs."""
    from torch_geometric.data import Data
    from torch_geometric.utils import remove_self_loops, to_undirected

    kept = {name: data[name] for name in ("x", "y", *MASKS) if name in data}
    arcs = to_undirected(remove_self_loops(data.edge_index)[0], num_nodes=data.num_nodes)
    return Data(edge_index=arcs, num_nodes=data.num_nodes, **kept)


def _batch(data: Any, name: str) -> Data:
    from torch_geometric.data import Batch, Data

    if isinstance(data, Batch):
        return data
    if isinstance(data, Data):
        raise GraphFormatError(
            f"{name}: is a single graph; the task 'graph' needs a list of graphs"
        )
    return Batch.from_data_list(list(data))


def _with_masks(data: Any, source: Source) -> Data:
    import torch

    lacking = [name for name in MASKS if getattr(data, name, None) is None]
    if source.num_splits is not None:
        splits = [split_vertices(data, seed=seed) for seed in range(source.num_splits)]
        masks = {name: torch.stack([split[name] for split in splits], dim=1) for name in MASKS}
        return copy.copy(data).update(masks)
    if source.split_seed is None and not lacking:
        return data
    if source.split_seed is None and len(lacking) < len(MASKS):
        _log.warning(
            "%s: has no %s; its vertices are split anew, 80/10/10 with seed 0",
            source.dataset,
            " and no ".join(lacking),
        )
    return split_vertices(data, seed=source.split_seed or 0)


def seeded_split(source: Source, seed: int) -> int:
    """The split of a seed for the tasks ``link`` and ``graph``: the seed of its draw."""
    fixed = source.split if source.split_seed is None else source.split_seed
    if fixed is not None:
        return fixed
    return seed % source.num_splits if source.num_splits else seed


def part_of(task: str, data: Data, split: int) -> Data:
    """The data of a split, with what `wis.training.train` needs."""
    if task == "vertex":
        return take_split(data, split)
    if task == "link":
        return split_links(data, seed=split)
    return copy.copy(data).update(random_masks(int(data.y.size(0)), seed=split))


def sizes_of(task: str, data: Any) -> list[int]:
    """Numbers of edges of the graphs that are cut to the same percentage, each by itself."""
    graphs = data.to_data_list() if task == "graph" else [data]
    return [UndirectedGraph.from_any(graph).num_edges for graph in graphs]


def order_of(
    task: str, data: Any, method: str, *, seed: int | None, **options: Any
) -> RemovalOrder:
    """The removal order of a graph, or of a batch of graphs.

    The orders of the graphs are merged: edge j of k (j = 0, 1, ...) goes when the fraction
    (j + 1/2) / k is removed, and an odd j before an even one, since round(f k) goes to even
    numbers. So a cut of the whole removes the same edges as a cut of each graph.
    """
    settings = {"seed": seed, "progress": False, **options}
    if task != "graph":
        return removal_order(data, method, **settings)
    import torch

    orders = [removal_order(graph, method, **settings) for graph in data.to_data_list()]
    starts = data.ptr.tolist()
    place = np.concatenate([np.arange(len(order)) for order in orders])
    total = np.repeat([order.num_edges for order in orders], [len(order) for order in orders])
    merged = np.lexsort((place % 2 == 0, (2 * place + 1) / (2 * total)))
    edges = torch.cat([order.edges.cpu() + n for order, n in zip(orders, starts, strict=False)], 1)
    graph = UndirectedGraph.from_any(data)
    made = orders[0].provenance
    return RemovalOrder(
        edges[:, torch.from_numpy(merged)],
        graph.num_nodes,
        graph.num_edges,
        Provenance(made.method, made.options, made.seed, graph.fingerprint),
    )
