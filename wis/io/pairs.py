"""Pairs of vertices in a file of their own, each of which is an edge of a graph.

Pairs in an edge list are names of vertices if the graph has names, and their numbers otherwise.
Other formats number vertices from 0 on, as the graph does.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from wis.base.checks import user_path
from wis.base.source import ReadOptions
from wis.base.tables import GUESS, TableOptions, integer_id
from wis.errors import GraphFormatError, ProtectionError, echo
from wis.graph import canonical_graph
from wis.io.edge_table import require_one_type, vertex_names
from wis.io.graph_file import GraphFile
from wis.io.graph_io import format_of_path, read_with
from wis.order.protections import first_non_edge

_LOG = logging.getLogger(__name__)


def read_pairs(path: str | Path, file: GraphFile, *, directed: bool = False) -> Tensor:
    r"""Read pairs of vertices, each of which is an edge of a graph.

    Args:
        path: The file with the pairs; further columns are ignored.
        file: The graph.
        directed: Whether a pair is an arc from the first vertex to the second.

    Returns:
        int64 tensor of shape [2, k] of vertex ids, in the order of the file.

    Raises:
        GraphFileError: The file cannot be read.
        GraphFormatError: The file is damaged, or names a vertex that the graph does not have.
        ProtectionError: A pair is not an edge of the graph.
        UnknownNameError: No format has that ending.

    Cost: that of reading the file, and one sort of the arcs of the graph.

    >>> from pathlib import Path
    >>> from wis.io import read_graph
    >>> written = [Path(name).write_text(lines) for name, lines in
    ...            {"all.csv": "a,b\na,c\nb,c\n", "stay.csv": "c,a\n"}.items()]
    >>> read_pairs("stay.csv", read_graph("all.csv", header=False)).tolist()
    [[2], [0]]
    """
    graph = canonical_graph(file.data, directed=directed)
    names = None if hasattr(file.data, "edge_types") else vertex_names(file)
    path = user_path(path)
    pairs, listed = _listed(path, TableOptions(is_checked=True))
    known = _positions(listed, names, graph.num_nodes)
    if listed is not None and pairs.size(1) > 1 and _is_header(pairs, listed, known):
        pairs, listed = _listed(path, TableOptions(is_checked=True, header=True))
        known = _positions(listed, names, graph.num_nodes)
    if listed is not None:
        pairs = _ids(listed, known, names, graph.num_nodes, path)[pairs]
    wrong = first_non_edge(graph, pairs)
    if wrong is not None:
        u, v = wrong if names is None else (dict(enumerate(names)).get(i, i) for i in wrong)
        between = "->" if directed else "-"
        raise ProtectionError(
            f"{path}: {echo(u)} {between} {echo(v)} is no {graph.noun} of the graph"
        )
    return pairs


def _listed(path: Path, table: TableOptions) -> tuple[Tensor, Sequence[str] | None]:
    """The pairs of a file, and the ids of their vertices as the file spells them."""
    relabel = format_of_path(path).is_edge_table
    options = ReadOptions(relabel=relabel, table=table if relabel else GUESS)
    listed = read_with(path, options)
    require_one_type(listed)
    for note in listed.notes:
        _LOG.info("Note: %s: %s", path, note)
    return listed.data.edge_index, listed.vertex_names


def _is_header(pairs: Tensor, listed: Sequence[str], known: Mapping[str, int]) -> bool:
    """Whether only the first line holds unknown vertices; it then names the columns."""
    unknown = [name for name in listed if name not in known]
    return bool(unknown) and {listed[int(i)] for i in pairs[:, 0]} == set(unknown)


def _positions(
    listed: Sequence[str] | None, names: Sequence[str] | None, num_nodes: int
) -> Mapping[str, int]:
    """Map each id of a vertex of the graph to the vertex."""
    if names is not None:
        return {name: vertex for vertex, name in enumerate(names)}
    found = {name: integer_id(name) for name in listed or ()}
    return {name: i for name, i in found.items() if i is not None and 0 <= i < num_nodes}


def _ids(
    listed: Sequence[str],
    known: Mapping[str, int],
    names: Sequence[str] | None,
    num_nodes: int,
    path: Path | str,
) -> Tensor:
    """The vertex of the graph for each vertex of the file, int64 [num_listed]."""
    for name in listed:
        if name not in known:
            have = f"have names, such as {echo(names[0])!r}" if names else "are numbered from 0"
            raise GraphFormatError(
                f"{path}: the graph has no vertex {echo(name)!r}; its {num_nodes} vertices {have}"
            )
    return torch.tensor([known[name] for name in listed], dtype=torch.int64, device="cpu")
