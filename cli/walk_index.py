"""`wis walk-index`: the number of walks that start on the boundary of a set of vertices."""

from __future__ import annotations

import time

import click

from wis.errors import OptionError, counted

from .framework import Command, json_option, with_options
from .graphs import GraphSource, graph_beside_target
from .output import STANDARD, emit, emit_json, integers_of_any_size, say
from .vertices import FROM_FILE, Given, VertexFinder, given_vertices, subset_option


@click.command(
    "walk-index",
    cls=Command,
    examples=[
        "wis walk-index karate --subset 0,3,5 --walk-length 2",
        "wis walk-index les-miserables --subset Valjean,Javert --walk-length 3 --target Cosette",
        "seq 0 16 | wis walk-index karate --subset @- --walk-length 2 --json",
    ],
)
@graph_beside_target
@subset_option(required=True)
@with_options(
    {
        "--walk-length K>=0": (
            "Length of the walks: K = depth of the network - 1.",
            {"required": True},
        ),
        "--target ID": "Count only the walks that end at this vertex.",
        "--directed": "Let walks follow the direction of arcs; by default they use edges in both "
        "directions.",
    }
)
@json_option
def walk_index(
    source: GraphSource,
    subset: str,
    walk_length: int,
    target: str | None,
    directed: bool,
    as_json: bool,
) -> None:
    """Count walks from the boundary of a subset.

    The boundary consists of the vertices with an edge between the subset and the rest. A walk may
    also stay at a vertex for a step. The more walks there are, the more interaction between the two
    sides a graph neural network of depth K + 1 can model. The number is exact at any size.
    """
    source.check()
    if source.name == STANDARD and subset == FROM_FILE + STANDARD:
        raise click.UsageError("GRAPH and --subset cannot both be standard input.")
    given = given_vertices(subset)
    from wis.graph import UndirectedGraph, walks

    file = source.open()
    graph = UndirectedGraph.from_any(file.data)
    find = VertexFinder(file, graph.num_nodes)
    members = find.distinct(given)
    end = None if target is None else find(Given(target.strip(), "--target", OptionError))
    start = time.perf_counter()
    num_boundary = walks.boundary(graph, members, directed=directed).numel()
    number = walks.walk_index(graph, members, walk_length, target=end, directed=directed)
    seconds = time.perf_counter() - start
    with integers_of_any_size():
        if as_json:
            emit_json(
                {
                    "input": source.name,
                    "num_nodes": graph.num_nodes,
                    "num_edges": graph.num_edges,
                    "num_subset": len(members),
                    "num_boundary": num_boundary,
                    "walk_length": walk_length,
                    "target": end,
                    "directed": directed,
                    "walk_index": number,
                    "seconds": round(seconds, 6),
                }
            )
        else:
            emit(str(number))
    along = "arcs" if directed else "edges"
    where = "" if target is None else f" to vertex {target.strip()}"
    verb = "is" if num_boundary == 1 else "are"
    say(
        f"{source.name}: {num_boundary} of {counted(graph.num_nodes, 'vertex')} {verb} on the "
        f"boundary; walks of length {walk_length} from there{where} along {along}; {seconds:.2f} s"
    )
