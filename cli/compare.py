"""`wis compare`: the structure of a graph before and after a cut."""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wis.errors import NotASubgraphError, echo

from .framework import Command, json_option, with_options
from .graphs import NOTHING_SAID, GraphSource, complete_graph, graph_argument
from .output import check_plot_target, emit, emit_json, say

if TYPE_CHECKING:
    from wis.io import GraphFile


@click.command(
    cls=Command,
    examples=[
        "wis sparsify karate --remove 50% -o karate-half.pt",
        "wis compare karate karate-half.pt --plot karate-half.png",
        "wis compare karate karate-half.pt --walk-lengths 1,2,3 --widths 34,64,2 --json",
    ],
)
@graph_argument
@click.argument("after", metavar="AFTER", shell_complete=complete_graph)
@with_options(
    {
        "--directed": "Treat every arc as an edge of its own.",
        "--walk-lengths K,K,... = 1,2": "Lengths of the walks in the walk indices of single "
        "vertices: depth of the network - 1.",
        "--widths W,W,... = 64,64": "Sizes of the embeddings before and after each layer; they "
        "determine its multiply-adds.",
        "--sample N>=10 = 1000": "Number of vertices to sample where a count over all vertices "
        "would take too long.",
        "--seed N = 0": ("Seed of the samples.", {"type": click.IntRange(0, 2**32 - 1)}),
        "--plot FILE": (
            "Draw the degrees and the shares that are left to this file (.png, .svg, .pdf).",
            {"type": click.Path(dir_okay=False, path_type=Path)},
        ),
        "--force": "Replace the picture if it exists.",
    }
)
@json_option
def compare(
    source: GraphSource,
    after: str,
    directed: bool,
    walk_lengths: str,
    widths: str,
    sample: int,
    seed: int,
    plot: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Compare GRAPH with AFTER, a graph with fewer of its edges.

    The comparison covers degrees, components, clustering, diameter, eigenvalues, cuts, homophily
    (if vertices have labels y), walk indices and the cost of passing messages. A "~" marks a value
    that is sampled or bounded. Vertices that have names are matched by name. AFTER must be a
    subgraph of GRAPH.
    """
    import wis.measure as library

    settings = library.Settings(
        seed=seed,
        sample=sample,
        walk_lengths=_integers("--walk-lengths", walk_lengths),
        widths=_integers("--widths", widths),
    )
    source.check()
    second = dataclasses.replace(source, name=after, num_nodes=None)
    first, second = _fitting(source, second)
    second.check()
    check_plot_target(plot, force=force)
    start = time.perf_counter()
    before_file = first.open()
    after_data = _aligned(before_file, _opened(second), source.name, after)
    comparison = library.compare(before_file.data, after_data, directed=directed, settings=settings)
    seconds = time.perf_counter() - start
    if plot is not None:
        from wis.show import plot_comparison

        plot_comparison(comparison, plot, force=force, title=f"{source.name} and {after}")
    if as_json:
        record = {"before_graph": source.name, "after_graph": after, **comparison.to_dict()}
        emit_json({**record, "plot": plot and str(plot), "seconds": round(seconds, 6)})
    else:
        from wis.show import comparison_as_text

        width = max(80, shutil.get_terminal_size((110, 24)).columns)
        emit(comparison_as_text(comparison, width=width))
    drawn = "" if plot is None else f"; {plot}"
    say(f"{source.name} and {after}: compared in {seconds:.2f} s{drawn}")


def _integers(flag: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(
            f"{flag} is {echo(text)!r}; expected integers with commas."
        ) from None


def _fitting(first: GraphSource, second: GraphSource) -> tuple[GraphSource, GraphSource]:
    """Both, each with the options that apply to it; unchanged if no option applies to either."""
    fitted = first.fitting(), second.fitting()
    is_used = any(each.table != NOTHING_SAID or each.relabel for each in fitted)
    return fitted if is_used else (first, second)


def _opened(source: GraphSource) -> GraphFile:
    """Read AFTER; --data-root is for that of the two graphs which is a data set."""
    if source.is_file:
        source = dataclasses.replace(source, data_root=None)
    return source.open()


def _aligned(before: GraphFile, after: GraphFile, name: str, after_name: str) -> Any:
    """The graph AFTER, with the vertices of the graph before.

    An edge list lacks isolated vertices and, if vertices have names, their ids in the other graph.
    """
    from wis.io.graph_io import format_of_name

    if after.vertex_names is not None and before.vertex_names is not None:
        return _by_names(before, after, name, after_name)
    lists_edges = format_of_name(after.format)[0].is_edge_table
    if not lists_edges or after.data.num_nodes >= before.data.num_nodes:
        return after.data
    padded = after.data.clone()
    padded.num_nodes = before.data.num_nodes
    return padded


def _by_names(before: GraphFile, after: GraphFile, name: str, after_name: str) -> Any:
    import torch
    from torch_geometric.data import Data

    position = {vertex: index for index, vertex in enumerate(before.vertex_names or ())}
    names = list(after.vertex_names or ())
    unknown = [vertex for vertex in names if vertex not in position]
    if unknown:
        raise NotASubgraphError(
            f"{after_name} has a vertex {echo(unknown[0])!r} that {name} lacks "
            f"({len(unknown)} of them in all); expected a part of {name}"
        )
    to_before = torch.tensor(
        [position[vertex] for vertex in names], dtype=torch.int64, device="cpu"
    )
    return Data(edge_index=to_before[after.data.edge_index], num_nodes=len(position))
