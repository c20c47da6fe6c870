"""Graph files in the folder `graphs` of the data root: each goes by the stem of its name.

Such a file is an archive of numpy with `edge_index` [2, num_arcs], `num_nodes`, and any arrays of
vertices and arcs, such as `x`, `y`, `edge_type` and three masks, which are its split. It is read as
it is: directed, if its arcs are.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from wis.base.registry import plain_name

if TYPE_CHECKING:
    from torch_geometric.data import Data

FOLDER = "graphs"


def graph_files(root: Path) -> dict[str, Path]:
    """The graph files below a data root by the names of their graphs; none if it is unreadable."""
    with contextlib.suppress(OSError):
        return {plain_name(path.stem): path for path in sorted((root / FOLDER).glob("*.npz"))}
    return {}


def read_graph_file(path: Path) -> Data:
    """Read a graph file.

    Raises:
        GraphFileError: It cannot be read.
        GraphFormatError: It is damaged, or lacks `edge_index`.
    """
    import torch
    from torch_geometric.data import Data

    from wis.base.archive import read_archive
    from wis.base.source import ReadOptions, open_input, parsing
    from wis.errors import GraphFormatError
    from wis.graph.stores import checked_arcs, num_nodes_of_store

    with open_input(path, ReadOptions()) as file:
        arrays, _ = read_archive(file, path, ReadOptions())
    if "edge_index" not in arrays:
        raise GraphFormatError(f"{path}: has no edge_index; expected integers [2, num_arcs]")
    data = Data()
    with parsing(path, "a graph"):
        for name, array in arrays.items():
            is_text = array.dtype.kind == "U"
            data[name] = array.tolist() if is_text else torch.from_numpy(array)
        if "num_nodes" in data:
            data.num_nodes = int(data.num_nodes)
        size = num_nodes_of_store(data)
    data.edge_index = checked_arcs(data.edge_index, size, f"{path}: edge_index")
    data.num_nodes = size
    return data
