"""The graph of a sweep, so that every process that works on it can find it and check it."""

from __future__ import annotations

import functools
import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wis.datasets.splits import MASKS, split_of_seed, take_split
from wis.errors import GraphFormatError, UnknownNameError

if TYPE_CHECKING:
    from torch import Tensor
    from torch_geometric.data import Data

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """Where a graph comes from; picklable, and small.

    Attributes:
        dataset: A name of `wis.datasets`, or a file.
        root: The data root, see `wis.datasets.load`.
        split_seed: See `wis.experiments.Recipe`.
        trust_pickle: Let a `.pt` file run code.
        split: See `wis.experiments.Recipe`.
    """

    dataset: str
    root: str | None = None
    split_seed: int | None = None
    trust_pickle: bool = False
    split: int | None = None

    def load(self) -> Data:
        """The graph with features, labels and masks; not to be changed.

        It is loaded once in a process.

        Raises:
            GraphFormatError: It lacks features or labels, or is no graph of a single type.
            UnknownNameError: There is neither such a file nor such a name.
            WisError: It cannot be read.
        """
        return _loaded(self)[0]

    def digest(self) -> str:
        """Hash of vertices, arcs, features, labels and masks."""
        return _loaded(self)[1]

    def split_of(self, seed: int) -> int | None:
        """Which of several splits of the graph a run with this seed takes; None if there is one.

        Raises:
            OptionError: The split that is asked for does not exist.
        """
        data = self.load()
        chosen = split_of_seed(data, seed, self.split)
        take_split(data, chosen)
        return chosen


@functools.lru_cache(maxsize=2)
def _loaded(source: Source) -> tuple[Data, str]:
    from wis.training import split_vertices

    data = _read(source)
    for name in ("edge_index", "x", "y"):
        if getattr(data, name, None) is None:
            raise GraphFormatError(
                f"{source.dataset}: has no {name}; a network is trained on features x, labels y "
                "and masks of vertices"
            )
    lacking = [name for name in MASKS if getattr(data, name, None) is None]
    if source.split_seed is not None or lacking:
        data = split_vertices(data, seed=source.split_seed or 0)
        if source.split_seed is None and len(lacking) < len(MASKS):
            _log.warning(
                "%s: has no %s; its vertices are split anew, 80/10/10 with seed 0",
                source.dataset,
                " and no ".join(lacking),
            )
    return data, data_digest(data)


def _read(source: Source) -> Any:
    from wis import datasets
    from wis.base.source import user_path
    from wis.io import read_graph

    path = user_path(source.dataset)
    is_name = datasets.is_known(source.dataset)
    if path.is_file() or not is_name:
        if not path.exists():
            names = [row.name for row in datasets.available_datasets()]
            error = UnknownNameError.among("graph", source.dataset, names)
            raise UnknownNameError(f"{source.dataset}: no such file; {error}")
        data = read_graph(path, trust_pickle=source.trust_pickle).data
    else:
        data = datasets.load(_with_all_splits(source), root=source.root)
    if hasattr(data, "edge_types"):
        raise GraphFormatError(
            f"{source.dataset}: has several types of edges; a sweep takes graphs of one type"
        )
    return data


def _with_all_splits(source: Source) -> str:
    """The spec of a data set, of which a split is asked for by its number."""
    from wis import datasets

    if source.split is None or "split" not in datasets.find(source.dataset).parameters:
        return source.dataset
    if "split=" in source.dataset:
        return source.dataset
    return source.dataset + ("," if ":" in source.dataset else ":") + "split=all"


def data_digest(data: Data) -> str:
    """SHA-256 of everything in a graph that training depends on."""
    hashed = hashlib.sha256(str(data.num_nodes).encode())
    for name in ("edge_index", "x", "y", *MASKS):
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
