"""`wis order`: rank the edges of a graph, and save the order."""

from __future__ import annotations

import time
from pathlib import Path

import click

from wis.base.words import counted

from .framework import Command, json_option
from .graphs import GraphSource, directed_option, graph_argument, graph_of
from .options import (
    MethodChoice,
    ProtectionChoice,
    describe_protections,
    method_options,
    protection_options,
    protections_record,
)
from .output import emit_json, force_option, order_target, path_option, say


@click.command(
    cls=Command,
    examples=[
        "wis order karate -o karate.order.npz",
        "wis sparsify karate --order karate.order.npz --remove 80%",
        "wis order friends.csv --directed -o friends-arcs.order.npz",
    ],
)
@click.option(
    "--count",
    type=click.IntRange(min=0),
    metavar="N",
    show_default="all",
    help="Stop after N edges, which is cheaper.",
)
@directed_option
@method_options
@protection_options
@path_option(
    "-o",
    "--output",
    required=True,
    help="Where the order goes (.npz, which is added where it is missing).",
)
@graph_argument
@force_option
@json_option
def order(
    source: GraphSource,
    choice: MethodChoice,
    protection: ProtectionChoice,
    count: int | None,
    output: Path,
    directed: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Rank the edges of GRAPH and save the order.

    The order lists all edges, or all that can go, first removed first. Ranking takes the time, and
    cutting is quick: `wis sparsify GRAPH --order FILE --remove 50%` cuts the saved order at any
    level, and the results are nested. An order of arcs (--directed) cuts arcs.
    """
    source.check()
    target = order_target(output, force=force) or output
    choice.checked()
    protection.check(source.name)
    file = source.open()
    protections = protection.arguments(file, directed=directed)
    start = time.perf_counter()
    graph = graph_of(file, directed=directed)
    ranked = choice.order(graph, file, count=count, protections=protections)
    seconds = time.perf_counter() - start
    written = ranked.save(target, force=force)
    provenance = ranked.provenance
    say(
        f"{source.name}: ranked {len(ranked)} of {counted(ranked.num_edges, ranked.noun)} "
        f"by {provenance.method}{describe_protections(provenance)} in {seconds:.2f} s -> {written}"
    )
    if as_json:
        emit_json(
            {
                "input": source.name,
                "output": str(written),
                "num_nodes": ranked.num_nodes,
                "num_edges": ranked.num_edges,
                "num_ranked": len(ranked),
                "method": provenance.method,
                "options": dict(provenance.options),
                "seed": provenance.seed,
                "protections": protections_record(provenance),
                "directed": provenance.directed,
                "seconds": round(seconds, 6),
            }
        )
