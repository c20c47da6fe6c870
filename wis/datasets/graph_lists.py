"""Graphs to classify: generated ones, and those of the collection TUDataset.

Both come as a `Batch` with features `x`, graphs `batch` and a label `y` for each graph. Recipes of
the task ``graph`` take them by name (see `wis.experiments.tasks`). `wis.training.split_graphs`
splits them.

Source of the collection: Morris et al., *TUDataset*, ICML workshop GRL+ 2020, arXiv:2007.08663.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wis.datasets.download import RawFiles
from wis.datasets.generators import barabasi_albert, undirected_data
from wis.datasets.processed import processed
from wis.datasets.table import data_root, register
from wis.errors import OptionError, echo

if TYPE_CHECKING:
    from torch_geometric.data import Batch

MOTIFS = np.array(
    [
        [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)],  # a ladder
        [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 2), (3, 4)],  # a fan
        [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4), (4, 5)],  # a kite with its tail
    ]
)
"""Graphs of 6 vertices and 7 edges."""
TU = "tu:"
TU_ADDRESS = "https://www.chrsmrrs.com/graphkerneldatasets"
TU_FILES = ("A", "graph_indicator", "graph_labels")


@register(
    "motifs", summary="graphs to classify by the motif in them; y of graphs", source="generated"
)
def motifs(
    *, graphs: int = 300, n: int = 20, degree: int = 1, copies: int = 2, seed: int = 0
) -> Batch:
    """Draw random graphs, each with copies of one of three `MOTIFS`, which is its label.

    Each graph is a graph of preferential attachment, and an edge joins each copy of the motif to a
    random vertex of it. All graphs have as many vertices and edges, and `x` is 1 everywhere, so
    that only the places of the edges tell the labels apart. It is BA-2Motifs (Luo et al., NeurIPS
    2020, arXiv:2011.04573) with motifs of equal size.

    Args:
        graphs: Number of graphs; the labels 0, 1, 2 alternate.
        n: Number of vertices of the random graph.
        degree: Number of earlier vertices to which each new vertex is joined.
        copies: Number of copies of the motif in a graph.
        seed: Seed of the draw.

    Raises:
        OptionError: A parameter is out of range.

    >>> batch = motifs(graphs=6, n=8, copies=1)
    >>> batch.num_graphs, batch.y.tolist(), batch.num_nodes
    (6, [0, 1, 2, 0, 1, 2], 84)
    """
    import torch
    from torch_geometric.data import Batch

    for name, value in (("graphs", graphs), ("copies", copies)):
        if not 1 <= value <= 10**6:
            raise OptionError(f"{name} is {value}; expected an integer from 1 to 1,000,000")
    if not seed >= 0:
        raise OptionError(f"seed is {seed}; expected an integer of at least 0")
    rng, made = np.random.default_rng(seed), []
    size, starts = len(MOTIFS[0]) - 1, np.arange(copies)[:, None]
    for label in np.arange(graphs) % len(MOTIFS):
        base = barabasi_albert(n=n, degree=degree, seed=int(rng.integers(2**31)))
        inside = (MOTIFS[label][None] + n + size * starts[:, :, None]).reshape(-1, 2)
        ends = n + size * starts + rng.integers(size, size=(copies, 1))
        bridges = np.hstack([rng.integers(n, size=(copies, 1)), ends])
        edges = np.vstack([base.edge_index.numpy().T, inside, bridges])
        total = n + size * copies
        heads, tails = rng.permutation(total)[edges.T]
        graph = undirected_data(heads, tails, total)
        graph.x = torch.ones(total, 1, device="cpu", dtype=torch.float32)
        graph.y = torch.tensor([label], device="cpu")
        made.append(graph)
    return Batch.from_data_list(made)


def load_tu(name: str, *, root: str | Path | None = None) -> Batch:
    """Load a data set of TUDataset by PyG's loader; missing files are downloaded.

    Args:
        name: Its name in the collection, such as ``"ENZYMES"`` or ``"MUTAG"``.
        root: The data root (see `wis.datasets.data_root`); the files are in
            ``TUDataset/NAME/raw`` below it.

    Returns:
        The graphs with the labels and attributes of their vertices as `x`, or with `x` of 1 if they
        have none.

    Raises:
        OptionError: The name is malformed.
        MissingDataError: Files are missing and cannot be downloaded.
        GraphFormatError: A file is damaged.
    """
    from wis.datasets.download import ensure

    if not re.fullmatch(r"[\w-]{1,60}", name, re.ASCII):
        raise OptionError(f"{echo(name)!r} is no name of TUDataset; expected one such as ENZYMES")
    place = data_root(root)
    files = RawFiles(
        f"TUDataset/{name}/raw",
        tuple(f"{name}_{part}.txt" for part in TU_FILES),
        (f"{TU_ADDRESS}/{name}.zip",),
        archive=name,
    )
    ensure(name, files, place)
    found = sorted(path.name for path in (place / files.folder).glob(f"{name}_*.txt"))
    files = replace(files, names=tuple(found))
    return _as_batch(**processed(f"tu-{name}", files, place, partial(_read, name, files)))


def _read(name: str, files: RawFiles, root: Path) -> dict[str, Any]:
    """The tensors of all graphs, which `_as_batch` takes."""
    import torch
    from torch_geometric.data import Batch
    from torch_geometric.datasets import TUDataset

    from wis.datasets.real import reading

    with reading(name, files, root):
        graphs = list(TUDataset(str(root / "TUDataset"), name, use_node_attr=True))
        batch = Batch.from_data_list(graphs)
    ones = torch.ones(batch.num_nodes, 1, device="cpu", dtype=torch.float32)
    x = ones if batch.x is None else batch.x
    return {"x": x, "edge_index": batch.edge_index, "y": batch.y, "batch": batch.batch}


def _as_batch(x: Any, edge_index: Any, y: Any, batch: Any) -> Batch:
    from torch_geometric.data import Batch, Data
    from torch_geometric.utils import unbatch, unbatch_edge_index

    size = y.size(0)
    arcs = unbatch_edge_index(edge_index, batch, batch_size=size)
    parts = zip(unbatch(x, batch, batch_size=size), arcs, y.split(1), strict=True)
    return Batch.from_data_list([Data(x=own, edge_index=e, y=label) for own, e, label in parts])
