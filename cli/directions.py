"""The option ``--directed``, and the files that it makes no sense for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wis.errors import OptionError

if TYPE_CHECKING:
    from wis.io import GraphFile

directed_option = click.option(
    "--directed",
    is_flag=True,
    help="Take every arc as an edge of its own, removed without its reverse, and walk along arcs.",
)


def check_has_directions(file: GraphFile) -> None:
    """Raise if the file holds undirected edges in one direction each, which then means nothing."""
    if file.undirected:
        raise OptionError(
            f"--directed: {file.path} holds undirected edges, which point nowhere; leave the "
            f"option out, or write the graph as a directed one"
        )
