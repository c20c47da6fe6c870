"""`wis theory influence`: walk indices kept against the influence that trained networks keep."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from .framework import Command, json_option, with_options
from .graphs import GraphSource, graph_argument
from .output import check_plot_target, emit_json, emit_table, force_option, say
from .theory_options import PLOT, depth_text


@click.command(
    cls=Command,
    examples=[
        "wis theory influence karate --seeds 1 --epochs 20 --plot influence.png",
        "wis theory influence karate --depth 2 --seeds 1 --epochs 20 --rows rows.jsonl --json",
    ],
)
@graph_argument
@with_options(
    {
        "--depth L>=1 = 3": depth_text,
        "--seeds N>=1 = 3": "Networks for each cut, of seeds 0 to N - 1.",
        "--epochs N>=1 = 100": "Epochs of each training.",
        "--samples K>=1 = 32": "Most vertices whose influence is measured.",
        "--rows FILE": "File of finished rows, one JSON object a line. New rows are appended; rows "
        "of other graphs with the same settings count in the verdict.",
        **PLOT,
    }
)
@force_option
@json_option
def influence(
    source: GraphSource,
    depth: int,
    seeds: int,
    epochs: int,
    samples: int,
    rows: Path | None,
    plot: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Compare walk indices kept with influence kept.

    Networks are trained on the graph without 25, 50 and 75 % of its edges, as 1-WIS, 2-WIS, random,
    spectral, k-neighbor and dspar choose them. WALK INDEX is the mean share of walk indices that is
    left. INFLUENCE is the share that is left of the influence on a prediction from vertices two or
    more hops away, measured against that of the vertex itself. Both fall with the number of edges,
    so the claim is judged at equal amounts: the mean rank correlation over the methods, with its
    95 % interval over graphs and amounts. It agrees if the interval lies above 0, else it disagrees
    if it lies below 0.3.
    """
    source.check()
    check_plot_target(plot, force=force)
    from wis.base.progress import progress_bar
    from wis.theory.experiments import judge
    from wis.theory.influence import (
        CLAIM,
        FRACTIONS,
        METHODS,
        Settings,
        agreement,
        append_row,
        kept,
        measured,
        read_rows,
    )

    settings = Settings(depth, epochs, samples)
    found = [] if rows is None else [row for row in read_rows(rows) if row.settings == settings]
    todo = measured(source.open().data, source.name, settings, seeds=range(seeds), known=found)
    with progress_bar("networks", seeds * (1 + len(METHODS) * len(FRACTIONS))) as report:
        for done, row in enumerate(todo, 1):
            found.append(row)
            if rows is not None:
                append_row(rows, row)
            report(done)
    points, judged = kept(found), agreement(found)
    (verdict,) = judge([CLAIM], [asdict(row) for row in found])
    if plot is not None:
        from wis.show.theory_pictures import draw_influence, save_figure

        save_figure(draw_influence(points, judged), plot, force=force)
    if as_json:
        facts = {"settings": asdict(settings), **asdict(judged), "claims": [verdict.record()]}
        emit_json({**facts, "rows": [asdict(row) for row in found]})
    else:
        heading = ("GRAPH", "METHOD", "REMOVED", "WALK INDEX", "INFLUENCE", "S.D.")
        cells = [
            (graph, method, f"{fraction:.0%}", *(f"{number:.3f}" for number in numbers))
            for (graph, method, fraction), numbers in points.items()
        ]
        emit_table([heading, *cells])
    say(str(verdict))
