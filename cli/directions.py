"""The option ``--directed``, and the files that it makes no sense for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wis.errors import OptionError

if TYPE_CHECKING:
    from wis.graph import CanonicalGraph
    from wis.io import GraphFile

directed_option = click.option(
    "--directed",
    is_flag=True,
    help="Take every arc as an edge of its own, removed without its reverse, and walk along arcs.",
)


def graph_of(file: GraphFile, *, directed: bool) -> CanonicalGraph:
    """The edges of a file, or its arcs if `directed`.

    Raises:
        OptionError: The file holds undirected edges, which have no directions.
    """
    from wis.graph import canonical_graph

    if directed:
        check_has_directions(file)
    if file.table is None:
        return canonical_graph(file.data, directed=directed)
    return canonical_graph(file.edge_index, file.num_nodes, directed=directed)


def check_has_directions(file: GraphFile) -> None:
    """Raise `OptionError` if the file holds undirected edges, which have no directions."""
    if file.undirected:
        raise OptionError(
            f"--directed: {file.path} holds undirected edges, which point nowhere; leave the "
            f"option out, or write the graph as a directed one"
        )
