"""Graphs in files.

`read_graph` gives a `GraphFile`: the PyG data, and what is needed to write them back as they were.

    file = read_graph("friends.csv")
    write_graph(file.with_data(wis.sparsify(file.data, remove="50%")), "friends-sparse.csv")

A mask of the arcs that stay does as well, and needs no PyG for a list or a table:

    write_graph(file.keep(mask), "friends-sparse.csv")

- `read_graph`, `write_graph`, `GraphFile`, `DroppedDataWarning`;
- `read_pairs`: edges of a graph listed in a file of their own;
- `formats`: the endings that are known; `format_of_path`: what one of them stands for;
- `atomic_write`, `check_writable`: a file appears whole or not at all.
"""

from __future__ import annotations

from wis.base.atomic import atomic_write, check_writable
from wis.io.graph_file import DroppedDataWarning, GraphFile
from wis.io.graph_io import format_of_path, formats, read_graph, write_graph
from wis.io.pairs import read_pairs

__all__ = [
    "DroppedDataWarning",
    "GraphFile",
    "atomic_write",
    "check_writable",
    "format_of_path",
    "formats",
    "read_graph",
    "read_pairs",
    "write_graph",
]
