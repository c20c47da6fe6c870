"""`wis theory figure5_2` and `preserved`: pictures with their numbers."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .directions import check_has_directions
from .framework import Command
from .graphs import GraphSource, graph_argument
from .listings import json_option
from .options import complete_partitions
from .output import emit_json, emit_table, say
from .targets import check_plot_target, force_option
from .theory_options import (
    directed_option,
    finite,
    in_dim_option,
    plot_option,
    positive,
    seed_option,
    typed_graph,
    width_option,
)

if TYPE_CHECKING:
    from wis.graph import CanonicalGraph
    from wis.graph.partitions import Partitions
    from wis.io import GraphFile
    from wis.order import RemovalOrder
    from wis.theory.figure5_2 import PartitionFacts

METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "1-WIS": ("wis", {"walk_length": 1}),
    "2-WIS": ("wis", {"walk_length": 2}),
    "random": ("random", {}),
    "spectral": ("spectral", {}),
}
"""What `preserved` compares where no order is given."""


@click.command(
    "figure5_2",
    cls=Command,
    examples=[
        "wis theory figure5_2 --plot figure5_2.png",
        "wis theory figure5_2 --clique 4 --depth 3 --max-side 64 --json",
    ],
)
@click.option(
    "--clique", type=click.IntRange(min=2), default=3, metavar="K", help="Vertices of each clique."
)
@click.option("--depth", type=positive, default=2, metavar="L", help="Layers of the network.")
@click.option(
    "--width", type=positive, default=2, metavar="D", help="Size of its hidden embeddings."
)
@in_dim_option
@click.option(
    "--target",
    type=click.IntRange(min=0),
    default=0,
    metavar="ID",
    help="Vertex of vertex prediction, from 0 to 2 K - 1.",
)
@click.option(
    "--max-side",
    type=positive,
    default=512,
    metavar="K",
    help="Most rows and columns of the matrix whose rank is taken.",
)
@seed_option
@plot_option
@force_option
@json_option
def figure5_2(
    clique: int,
    depth: int,
    width: int,
    in_dim: int | None,
    target: int,
    max_side: int,
    seed: int,
    plot: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Compare the two partitions of Figure 5.2.

    Two cliques joined by an edge: I1 is one clique, I2 half of each. The walk index of I2 is the
    higher one, and so is the separation rank of product networks, which is measured for almost all
    weights ("+" where it may be higher than --max-side allows to see). Ranks are in natural
    logarithms from LOWER on.
    """
    check_plot_target(plot, force=force)
    from wis.theory.figure5_2 import figure5_2 as compute

    rows = compute(clique, depth, width, in_dim=in_dim, target=target, seed=seed, max_side=max_side)
    if plot is not None:
        from wis.show.theory_pictures import draw_figure5_2, save_figure

        save_figure(draw_figure5_2(rows, clique, depth, width), plot, force=force)
    if as_json:
        facts = {"clique": clique, "depth": depth, "width": width, "in_dim": in_dim or width}
        emit_json({**facts, "partitions": [_facts_record(row) for row in rows]})
        return
    emit_table([_HEADING, *(_facts_row(row) for row in rows)])


_HEADING = ("I", "PREDICTION", "WALK INDEX", "RANK", "LOWER", "LOG RANK", "CUT", "UPPER")


def _facts_row(row: PartitionFacts) -> tuple[str, ...]:
    bounds, measured = row.bounds, row.measured
    return (
        row.name,
        "graph" if row.target is None else f"vertex {row.target}",
        str(bounds.walk_index),
        f"{measured.rank}{'+' if measured.is_saturated else ''}",
        f"{bounds.lower.log:.3f}",
        f"{measured.log_rank:.3f}",
        f"{bounds.merged_cut.log_weight:.3f}",
        f"{bounds.upper.log:.3f}",
    )


def _facts_record(row: PartitionFacts) -> dict[str, Any]:
    record: dict[str, Any] = finite(asdict(row))
    record["measured"]["is_lower_bound_only"] = row.measured.is_saturated
    return record


@click.command(
    cls=Command,
    examples=[
        "wis theory preserved karate --max-partitions 10 --plot preserved.png",
        "wis theory preserved karate --partitions attribute:y --depth 2 --json",
        "wis theory preserved friends.csv --depth 2 --width 8",
    ],
)
@graph_argument
@click.option(
    "--order",
    "orders",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    show_default="1-WIS, 2-WIS, random and spectral, computed",
    help="A saved removal order; repeatable.",
)
@click.option("--depth", type=positive, default=3, metavar="L", help="Layers of the network.")
@width_option
@in_dim_option
@click.option(
    "--partitions",
    default="singletons",
    metavar="CHOICE",
    shell_complete=complete_partitions,
    help="Whose walk indices to look at: singletons, communities, balls:k=2, attribute:y, "
    "cuts:number=8, or a .json or .csv file.",
)
@click.option(
    "--max-partitions",
    type=positive,
    default=100,
    metavar="K",
    help="Of more partitions so many are drawn.",
)
@directed_option
@seed_option
@plot_option
@force_option
@json_option
def preserved(
    source: GraphSource,
    orders: tuple[Path, ...],
    depth: int,
    width: int,
    in_dim: int | None,
    partitions: str,
    max_partitions: int,
    directed: bool,
    seed: int,
    plot: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Show what removal orders preserve.

    For every tenth of the edges removed: the walk index for walks of length depth - 1, the
    logarithm of the least cut of the tensor network (an upper bound of the separation rank) and the
    lower bound, each relative to the whole graph and averaged over the partitions ("-" where there
    is nothing to lose). singletons, the default, are what WIS itself looks at: each vertex against
    the rest, prediction over it; their least cut has a leg for each walk, so that it falls with the
    walk index.
    """
    source.check()
    check_plot_target(plot, force=force)
    file = source.open()
    saved = _saved_orders(orders, directed)
    graph = _graph(file, saved, directed)
    chosen = _partitions(file, graph, partitions, max_partitions, seed)
    from wis.theory.preserved import FRACTIONS, check_work
    from wis.theory.preserved import preserved as compute

    methods = _methods(directed)
    number = len(chosen) * len(saved or methods) * len(FRACTIONS)
    check_work(number, typed_graph(file, directed=graph.directed), depth)
    by_name = saved or _computed_orders(file, methods, directed, seed)
    rows = compute(file.data, by_name, chosen, depth=depth, width=width, in_dim=in_dim)
    title = f"{source.name}: {len(chosen)} partitions ({chosen.choice}), depth {depth}"
    if plot is not None:
        from wis.show.theory_pictures import draw_preserved, save_figure

        save_figure(draw_preserved(rows, depth, title), plot, force=force)
    if as_json:
        facts = {"input": source.name, "depth": depth, "width": width, "in_dim": in_dim or width}
        facts |= {"partitions": chosen.choice, "num_partitions": len(chosen)}
        emit_json({**facts, "rows": finite([asdict(row) for row in rows])})
    else:
        heading = ("ORDER", "REMOVED", "EDGES", "WALK INDEX", "LEAST", "CUT", "LOWER")
        emit_table([heading, *(_preserved_row(row) for row in rows)])
    say(title)


def _preserved_row(row: Any) -> tuple[str, ...]:
    shares = (row.walk_index, row.least_walk_index, row.cut, row.lower)
    return (
        row.method,
        f"{row.fraction:.0%}",
        str(row.num_removed),
        *("-" if math.isnan(share) else f"{share:.3f}" for share in shares),
    )


def _saved_orders(paths: tuple[Path, ...], directed: bool) -> dict[str, RemovalOrder]:
    from wis.order import RemovalOrder

    if paths and directed:
        raise click.UsageError("--directed is for orders to compute; a saved one knows it.")
    found = {path.name.removesuffix(".npz"): RemovalOrder.load(path) for path in paths}
    if len(found) < len(paths):
        raise click.UsageError("two orders have files of the same name.")
    return found


def _graph(file: GraphFile, saved: dict[str, RemovalOrder], directed: bool) -> CanonicalGraph:
    """The graph as the orders see it; raises if one of them was made for another."""
    from wis.graph import canonical_graph

    if directed:
        check_has_directions(file)
    for order in saved.values():
        order.check_made_for(order.graph_of(file.data))
        directed = order.provenance.directed
    if any(order.provenance.directed != directed for order in saved.values()):
        raise click.UsageError("some of the orders are of directed graphs, some are not.")
    return canonical_graph(file.data, directed=directed)


def _methods(directed: bool) -> list[str]:
    """Those of `METHODS` that take such graphs."""
    from wis.methods import get_method

    return [
        name
        for name, (method, _) in METHODS.items()
        if not directed or get_method(method).supports_directed
    ]


def _computed_orders(
    file: GraphFile, methods: list[str], directed: bool, seed: int
) -> dict[str, RemovalOrder]:
    import wis

    for name in [name for name in METHODS if name not in methods]:
        say(f"Note: {name} is left out, it takes no directed graphs")
    found = {}
    for name in methods:
        method, options = METHODS[name]
        found[name] = wis.removal_order(file.data, method, directed=directed, seed=seed, **options)
    return found


def _partitions(
    file: GraphFile, graph: CanonicalGraph, choice: str, most: int, seed: int
) -> Partitions:
    """The partitions, or so many of them, drawn with the seed."""
    import numpy as np

    from wis.graph.partitions import Partitions, resolve_partitions

    found = resolve_partitions(choice, graph, data=file.data, seed=seed)
    if len(found) <= most:
        return found
    drawn = np.sort(np.random.default_rng(seed).choice(len(found), most, replace=False)).tolist()
    say(f"Note: {most} of {len(found)} partitions are drawn; --max-partitions takes more")
    items = [(found.subsets[index], found.targets[index]) for index in drawn]
    return Partitions.of(f"{most} of {choice}", items)
