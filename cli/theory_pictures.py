"""`wis theory figure5_2` and `preserved`: a table of numbers and its picture."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .framework import Command, json_option, with_options
from .graphs import GraphSource, check_has_directions, graph_argument
from .options import complete_partitions
from .output import (
    check_plot_target,
    emit_json,
    emit_table,
    force_option,
    integers_of_any_size,
    say,
)
from .theory_options import (
    DIRECTED,
    FORCE_SIZE,
    IN_DIM,
    MAX_SIDE,
    PLOT,
    SEED,
    announce,
    depth_text,
    shown,
    typed_graph,
    width_text,
)

if TYPE_CHECKING:
    from wis.io import GraphFile
    from wis.order import RemovalOrder
    from wis.theory.figure5_2 import PartitionFacts

METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "1-WIS": ("wis", {"walk_length": 1}),
    "2-WIS": ("wis", {"walk_length": 2}),
    "random": ("random", {}),
    "spectral": ("spectral", {}),
}
"""The methods that `preserved` compares if no order is given."""


@click.command(
    "figure5_2",
    cls=Command,
    examples=[
        "wis theory figure5_2 --plot figure5_2.png",
        "wis theory figure5_2 --clique 4 --depth 3 --max-side 64 --json",
    ],
)
@with_options(
    {
        "--clique K>=2 = 3": "Number of vertices of each clique.",
        "--depth L>=1 = 2": depth_text,
        "--width D>=1 = 2": width_text,
        **IN_DIM,
        "--target ID>=0 = 0": "Vertex for vertex prediction, 0 to 2 K - 1.",
        **MAX_SIDE,
        **FORCE_SIZE,
        **SEED,
        **PLOT,
    }
)
@force_option
@json_option
def figure5_2(
    clique: int, force_size: bool, plot: Path | None, force: bool, as_json: bool, **settings: Any
) -> None:
    """Compare the two partitions of Figure 5.2.

    The graph is two cliques joined by an edge. The subset I1 is one clique, and I2 is half of each
    clique. I2 has a higher walk index and a higher separation rank. RANK is the separation rank of
    almost all networks with product aggregation. SURE says how it is known. "proven": a lower and
    an upper bound from the graph, or a matrix and an upper bound, are equal. "almost surely": a
    matrix of random outputs has this rank, with the probability of an error in --json. "interval":
    LOG RANK is the interval that the bounds prove, and RANK is its lower end. LOG RANK, THEOREM 8
    (lower bound), LEMMA 51 (least cut) and THEOREM 7 (upper bound) are natural logarithms.
    """
    check_plot_target(plot, force=force)
    from wis.base.progress import progress_bar, shifted
    from wis.theory.figure5_2 import PartitionFacts, figure5_2_problems

    given = figure5_2_problems(clique, **settings)
    forecast = announce([each.forecast() for _, each in given], force_size=force_size)
    sides = [sum(each.sides) for _, each in given]
    with progress_bar("Rows of matrices", sum(sides)) as advance:
        before = itertools.accumulate(sides, initial=0)
        rows = [
            PartitionFacts(name, each.bounds, each.rank(shifted(advance, done)))
            for (name, each), done in zip(given, before, strict=False)
        ]
    depth, width = settings["depth"], settings["width"]
    if plot is not None:
        from wis.show.theory_pictures import draw_figure5_2, save_figure

        save_figure(draw_figure5_2(rows, clique, depth, width), plot, force=force)
    with integers_of_any_size():
        if as_json:
            facts = {"clique": clique, "depth": depth, "width": width}
            facts |= {"in_dim": settings["in_dim"] or width, "forecast": forecast}
            emit_json({**facts, "partitions": [row.as_record() for row in rows]})
        else:
            known = ("RANK", "LOG RANK", "SURE", "THEOREM 8", "LEMMA 51", "THEOREM 7")
            emit_table([("I", "PREDICTION", "WALK INDEX", *known), *map(_facts_row, rows)])
    for row in rows:
        if row.measured.missing:
            say(f"{row.name}, {_task(row)}: an interval. {row.measured.missing}")


def _task(row: PartitionFacts) -> str:
    return "graph" if row.target is None else f"vertex {row.target}"


def _facts_row(row: PartitionFacts) -> tuple[str, ...]:
    bounds, measured = row.bounds, row.measured
    is_interval = measured.state == "interval"
    return (
        row.name,
        _task(row),
        str(bounds.walk_index),
        f"{'>= ' * is_interval}{shown(measured.rank)}",
        f"{measured.log_rank:.3f}{f' to {measured.upper.log:.3f}' * is_interval}",
        measured.state,
        f"{bounds.lower.log:.3f}",
        f"{bounds.merged_cut.log_weight:.3f}",
        f"{bounds.upper.log:.3f}",
    )


@click.command(
    cls=Command,
    examples=[
        "wis theory preserved karate --plot preserved.png",
        "wis theory preserved karate --partitions attribute:y --depth 2 --json",
        "wis theory preserved friends.csv --depth 2 --width 8",
    ],
)
@graph_argument
@with_options(
    {
        "--order FILE = (compute 1-WIS, 2-WIS, random and spectral)": (
            "Saved removal order to measure; may be repeated.",
            {"name": "orders", "multiple": True},
        ),
        "--depth L>=1 = 3": depth_text,
        "--width D>=1 = 4": width_text,
        **IN_DIM,
        "--partitions CHOICE = singletons": (
            "Partitions to measure: singletons, communities, balls:k=2, attribute:y, "
            "cuts:number=8, or a .json or .csv file.",
            {"shell_complete": complete_partitions},
        ),
        "--max-partitions K>=1 = (100, or as many as take about 20 seconds)": "Largest number of "
        "partitions; more are sampled at random.",
        **DIRECTED,
        **SEED,
        **PLOT,
    }
)
@force_option
@json_option
def preserved(
    source: GraphSource,
    orders: tuple[Path, ...],
    depth: int,
    width: int,
    in_dim: int | None,
    partitions: str,
    max_partitions: int | None,
    directed: bool,
    seed: int,
    plot: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Measure how much walk index removal orders preserve.

    There is a row for every tenth of the edges that an order removes. All numbers are ratios of the
    value after removal to the value of the whole graph; "-" means that the whole graph has value 0.
    WALK INDEX is for walks of length depth - 1, CUT is the logarithm of the least cut of the tensor
    network (an upper bound of the separation rank), and LOWER is the lower bound. These three are
    means over the partitions. SMALLEST is the ratio of the smallest walk indices, which WIS
    maximises. LEAST is the smallest ratio of walk indices over the partitions. The default
    partitions, singletons, are those of WIS: each vertex against the rest, for the prediction of
    this vertex.
    """
    source.check()
    check_plot_target(plot, force=force)
    file = source.open()
    if directed:
        check_has_directions(file)
    saved = _saved_orders(orders, directed)
    directed = directed or any(order.provenance.directed for order in saved.values())
    from wis.graph import canonical_graph
    from wis.graph.partitions import resolve_partitions
    from wis.theory.preserved import FRACTIONS, check_work, sample_of
    from wis.theory.preserved import preserved as compute

    graph = canonical_graph(file.data, directed=directed)
    every = resolve_partitions(partitions, graph, data=file.data, seed=seed)
    whole = typed_graph(file, directed=directed)
    num_cuts = len(FRACTIONS) * len(saved or _methods(directed))
    chosen = sample_of(every, whole, depth, num_cuts=num_cuts, most=max_partitions, seed=seed)
    drawn = "" if len(chosen) == len(every) else " drawn at random"
    if drawn:
        share = f"{len(chosen)} of {len(every)}"
        say(f"Note: {share} partitions are sampled; --max-partitions raises the number")
    check_work(len(chosen) * num_cuts, whole, depth)
    by_name = saved or _computed_orders(file, directed, seed)
    rows = compute(file.data, by_name, chosen, depth=depth, width=width, in_dim=in_dim)
    title = f"{source.name}: {len(chosen)} partitions{drawn} ({chosen.choice}), depth {depth}"
    if plot is not None:
        from wis.show.theory_pictures import draw_preserved, save_figure

        save_figure(draw_preserved(rows, depth, title), plot, force=force)
    if as_json:
        facts = {"input": source.name, "depth": depth, "width": width, "in_dim": in_dim or width}
        facts |= {"partitions": chosen.choice, "num_partitions": len(chosen)}
        emit_json({**facts, "rows": [asdict(row) for row in rows]})
    else:
        shares = ("WALK INDEX", "SMALLEST", "LEAST", "CUT", "LOWER")
        heading = ("ORDER", "REMOVED", "EDGES", "SAMPLE", *shares)
        share = f"{len(chosen)}/{len(every)}"
        emit_table([heading, *(_preserved_row(row, share) for row in rows)])
    say(title)


def _preserved_row(row: Any, share: str) -> tuple[str, ...]:
    numbers = [row.walk_index, row.smallest_walk_index, row.least_walk_index, row.cut, row.lower]
    shown = ("-" if math.isnan(number) else f"{number:.3f}" for number in numbers)
    return (row.method, f"{row.fraction:.0%}", str(row.num_removed), share, *shown)


def _saved_orders(paths: tuple[Path, ...], directed: bool) -> dict[str, RemovalOrder]:
    from wis.order import RemovalOrder

    if paths and directed:
        raise click.UsageError(
            "--directed is for computed orders; a saved order records its directions."
        )
    found = {path.name.removesuffix(".npz"): RemovalOrder.load(path) for path in paths}
    if len(found) < len(paths):
        raise click.UsageError("two orders have files of the same name.")
    return found


def _methods(directed: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    """The entries of `METHODS` that accept the graph."""
    from wis.methods import get_method

    usable = [m for m, _ in METHODS.values() if not directed or get_method(m).supports_directed]
    return {name: method for name, method in METHODS.items() if method[0] in usable}


def _computed_orders(file: GraphFile, directed: bool, seed: int) -> dict[str, RemovalOrder]:
    import wis

    methods = _methods(directed)
    for name in [name for name in METHODS if name not in methods]:
        say(f"Note: {name} is left out: it does not accept directed graphs")
    return {
        name: wis.removal_order(file.data, method, directed=directed, seed=seed, **options)
        for name, (method, options) in methods.items()
    }
