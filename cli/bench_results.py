"""`wis bench table`, `plot`, `report` and `export`: show files of results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from wis.errors import counted

from .framework import Command, Table, option, with_options
from .output import emit, say

RESULTS = "minute.jsonl"
PATH = click.Path(dir_okay=False, path_type=Path)

recipe_option = option(
    "--recipe NAME", "Use only rows of this recipe, given by its name or the beginning of its hash."
)
baseline_option = option(
    "--baseline LABEL = random",
    "Method that the others are compared with; full is the whole graph.",
)
metric_option = option(
    "--metric = test",
    "Show the accuracy (for links: the AUC) on test or validation data, at the epoch of the best "
    "validation accuracy; or another test metric of links. To choose a method or an amount, use "
    "val.",
    type=click.Choice(["test", "val", "mrr", "hits@10", "hits@50"]),
)


def results_command(
    *options: Table | Callable[..., Any], output: str | None = None, examples: list[str]
) -> Callable[..., click.Command]:
    """Make a command that takes files of results, --recipe, and -o with the help `output`."""
    paths = click.Path(exists=True, dir_okay=False, path_type=Path)
    argument = click.argument("results", nargs=-1, required=True, type=paths)
    written: list[Table] = []
    if output is not None:
        written.append({"-o, --output FILE": (output, {"type": PATH, "required": True})})
    force: list[Table] = [{"--force": "Replace a file that is already there."}] * len(written)

    def make(function: Callable[..., Any]) -> click.Command:
        added = with_options(argument, recipe_option, *written, *options, *force)(function)
        return click.command(cls=Command, examples=examples)(added)

    return make


@results_command(
    option(
        "--format = text",
        "Format of the table; json is for --claims. csv has all digits, and an apostrophe before a "
        "text that a spreadsheet would run as a formula.",
        name="style",
        type=click.Choice(["text", "markdown", "csv", "latex", "json"]),
    ),
    metric_option,
    baseline_option,
    {
        "--rivals": "Compare forms of WIS with all other methods instead: intervals to the best of "
        "them, wins, ties and losses over all graphs, and a verdict.",
        "--claims": "Print the claims of the thesis in our words, what the rows say, and whether "
        "that agrees. Rules: with --format json or markdown.",
    },
    examples=[
        f"wis bench table {RESULTS}",
        f"wis bench table {RESULTS} --metric val --baseline full --format markdown",
        f"wis bench table {RESULTS} --rivals",
    ],
)
def table(
    results: tuple[Path, ...],
    recipe: str | None,
    style: str,
    metric: str,
    baseline: str,
    rivals: bool,
    claims: bool,
) -> None:
    """Print mean accuracies, areas under the curves and differences to a baseline.

    Accuracies are in percent, with standard deviations. Differences are paired by seed, with 95 %
    confidence intervals. Results of Table 5.1 are printed beside the numbers of the thesis, and
    those of `wis theory run` as verdicts, both only in the format text, and those of
    `wis bench serve` with latencies and speed-ups in that format. If files of both kinds are given,
    rows of `wis bench run` give the accuracies, and those of `wis bench serve` the costs.
    """
    from wis.experiments.results import INFLUENCE, SERVE, kind_of_row, read_results, rows_of_recipe
    from wis.experiments.serve_summary import summary_text
    from wis.experiments.summary import panels_of
    from wis.experiments.sweep import KINDS
    from wis.show.sweep_tables import format_rivals, format_tables

    rows, _ = read_results(results)
    chosen = rows_of_recipe(rows, recipe)
    kinds = {kind_of_row(row) for row in chosen}
    if claims or (style == "text" and kinds == {INFLUENCE}):
        from wis.show.claims_text import format_claims
        from wis.theory.findings import findings_of

        emit(format_claims(findings_of(chosen), style))
        return
    if style == "json":
        raise click.UsageError("--format json is for --claims; `wis bench export` writes all rows.")
    if rivals:
        panels, chooser = (panels_of(rows, recipe=recipe, metric=each) for each in (metric, "val"))
        emit(format_rivals(panels, style, chooser).rstrip("\n"))
        return
    serves = SERVE in kinds
    if style == "text" and (serves or len(kinds) == 1) and (kind := min(kinds)) in KINDS:
        text = summary_text(chosen, metric=metric) if serves else KINDS[kind].summarise(chosen)
        if text is not None:
            emit(text)
            return
    panels = panels_of(rows, recipe=recipe, metric=metric)
    emit(format_tables(panels, style, baseline=baseline).rstrip("\n"))


@results_command(
    {
        "--costs": "Draw time and memory instead of accuracy.",
        "--seed N": "Run of `wis theory run` to draw.  [default: first]",
    },
    metric_option,
    output="Picture to write: .png, .svg or .pdf.",
    examples=[
        f"wis bench plot {RESULTS} -o minute.png",
        f"wis bench plot {RESULTS} --costs -o costs.svg",
    ],
)
def plot(
    results: tuple[Path, ...],
    recipe: str | None,
    output: Path,
    costs: bool,
    seed: int | None,
    metric: str,
    force: bool,
) -> None:
    """Draw accuracy against the percentage of removed edges.

    There is one panel for each data set and model, and one line for each method. Markers are means
    over the seeds, bars are standard deviations. Of results of `wis bench serve` it draws accuracy
    against the cost of a prediction, and of results of `wis theory` the figure of an experiment.
    """
    from wis.base.figures import check_can_plot, save_figure
    from wis.experiments.results import (
        FACTORIZATION,
        INFLUENCE,
        SERVE,
        kind_of_row,
        read_results,
        rows_of_recipe,
    )
    from wis.experiments.serve_summary import lines_of
    from wis.experiments.summary import panels_of
    from wis.show.sweep_plots import plot_accuracy, plot_costs, plot_serving

    rows, _ = read_results(results)
    chosen = rows_of_recipe(rows, recipe)
    kinds = set(map(kind_of_row, chosen))
    if kinds <= {FACTORIZATION, INFLUENCE}:
        from wis.show.kept_figures import redrawn

        check_can_plot(output)
        save_figure(redrawn(chosen, seed=seed), output, force=force, dpi=110)
    elif not costs and SERVE in kinds:
        plot_serving(lines_of(chosen, metric=metric), output, metric=metric, force=force)
    else:
        draw = plot_costs if costs else plot_accuracy
        draw(panels_of(rows, recipe=recipe, metric=metric), output, force=force)
    say(f"{output}: drawn from {counted(len(rows), 'row')}")


@results_command(
    metric_option,
    baseline_option,
    output="Page to write; its name ends in .html.",
    examples=[f"wis bench report {RESULTS} -o report.html"],
)
def report(results: tuple[Path, ...], output: Path, **choices: Any) -> None:
    """Write a page with claims of the thesis, figures, tables, recipe and environment.

    The page is one file. It loads no other file and needs no network.
    """
    from wis.experiments.results import read_results
    from wis.show.sweep_report import write_report

    rows, recipes = read_results(results)
    write_report(rows, recipes, output, **choices)
    say(f"{output}: written from {counted(len(rows), 'row')}")


@results_command(
    output="Table to write: .csv or .parquet.",
    examples=[
        f"wis bench export {RESULTS} -o rows.csv",
        f"wis bench export {RESULTS} -o rows.parquet",
    ],
)
def export(results: tuple[Path, ...], recipe: str | None, output: Path, force: bool) -> None:
    """Write all rows as a flat table, with a column for each field.

    Fields of objects, such as the configuration, become columns like config.width. In csv, a text
    that a spreadsheet would run as a formula, such as =1+1, gets an apostrophe before it.
    """
    from wis.experiments.export import export_rows
    from wis.experiments.results import read_results, rows_of_recipe

    chosen = rows_of_recipe(read_results(results)[0], recipe)
    export_rows(chosen, output, force=force)
    say(f"{output}: {counted(len(chosen), 'row')}")
