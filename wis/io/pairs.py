"""Pairs of vertices of a graph, read from a file of their own, such as edges to protect.

The file is a graph in any format. Where vertices have names in the graph, an edge list calls them
by these; otherwise by their numbers. Other formats number vertices from 0 on, as the graph does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from wis.errors import GraphFormatError, ProtectionError
from wis.graph import canonical_graph
from wis.io.edge_table import require_one_type, vertex_names
from wis.io.formats import format_of_path
from wis.io.graph_file import GraphFile
from wis.io.graph_io import read_graph
from wis.protections import first_non_edge


def read_pairs(path: str | Path, file: GraphFile, *, directed: bool = False) -> Tensor:
    """Read pairs of vertices, each of which is an edge of a graph.

    Args:
        path: The file with the pairs; further columns are ignored.
        file: The graph.
        directed: Whether a pair is an arc from the first vertex to the second.

    Returns:
        int64 tensor of shape [2, k] of vertex ids, as they come.

    Raises:
        GraphFileError: The file cannot be read.
        GraphFormatError: It is damaged, or names a vertex that the graph does not have.
        ProtectionError: A pair is no edge of the graph.
        UnknownNameError: No format has that ending.

    Cost: that of reading the file, and one sort of the arcs of the graph.
    """
    listed = read_graph(path, relabel=format_of_path(path).is_edge_table)
    require_one_type(listed)
    graph = canonical_graph(file.data, directed=directed)
    names = None if hasattr(file.data, "edge_types") else vertex_names(file)
    pairs: Tensor = listed.data.edge_index
    if listed.vertex_names is not None:
        pairs = _ids(listed.vertex_names, names, graph.num_nodes, path)[pairs]
    wrong = first_non_edge(graph, pairs)
    if wrong is not None:
        u, v = wrong if names is None else (dict(enumerate(names)).get(i, i) for i in wrong)
        between = "->" if directed else "-"
        raise ProtectionError(f"{path}: {u} {between} {v} is no {graph.noun} of the graph")
    return pairs


def _ids(
    listed: Sequence[str], names: Sequence[str] | None, num_nodes: int, path: str | Path
) -> Tensor:
    """The vertex of the graph that each vertex of the file stands for."""
    if names is not None:
        position: Mapping[str, int] = {name: vertex for vertex, name in enumerate(names)}
    else:
        position = {name: int(name) for name in listed if name.isdecimal()}
    for name in listed:
        if name not in position or position[name] >= num_nodes:
            known = f"have names, such as {names[0]!r}" if names else "are numbered from 0"
            raise GraphFormatError(
                f"{path}: the graph has no vertex {name!r}; its {num_nodes} vertices {known}"
            )
    return torch.tensor([position[name] for name in listed], dtype=torch.int64, device="cpu")
