"""`wis bench table`, `plot`, `report` and `export`: tables and pictures of files of results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from wis.errors import counted

from .framework import Command
from .output import emit, say

RESULTS = "minute.jsonl"
PATH = click.Path(dir_okay=False, path_type=Path)

recipe_option = click.option(
    "--recipe",
    metavar="NAME",
    help="Only rows of this recipe, by its name or how its hash begins.",
)
baseline_option = click.option(
    "--baseline",
    metavar="LABEL",
    default="random",
    help="Method that the others are compared to; full for the whole graph.",
)
metric_option = click.option(
    "--metric",
    type=click.Choice(["test", "val"]),
    default="test",
    help="Whose accuracy, at the best validation epoch: of test or validation vertices. Choose "
    "methods and amounts by val.",
)
force_option = click.option("--force", is_flag=True, help="Replace a file that is already there.")


def results_command(
    *options: Callable[..., Any], output: str | None = None, examples: list[str]
) -> Callable[..., click.Command]:
    """A command that takes files of results, the choice of a recipe, and an output file.

    Args:
        *options: Further options of the command.
        output: The help of ``-o``; None for a command that prints.
        examples: See `Command`.
    """
    paths = click.Path(exists=True, dir_okay=False, path_type=Path)
    given = [click.argument("results", nargs=-1, required=True, type=paths), recipe_option]
    if output is not None:
        flags = ("-o", "--output")
        given.append(click.option(*flags, type=PATH, required=True, metavar="FILE", help=output))

    def make(function: Callable[..., Any]) -> click.Command:
        for option in reversed([*given, *options, *([force_option] if output else [])]):
            function = option(function)
        return click.command(cls=Command, examples=examples)(function)

    return make


@results_command(
    click.option(
        "--format",
        "style",
        type=click.Choice(["text", "markdown", "csv", "latex"]),
        default="text",
        help="How to print it; csv has all digits, and an apostrophe before a text that a "
        "spreadsheet would take for a formula.",
    ),
    metric_option,
    baseline_option,
    examples=[
        f"wis bench table {RESULTS}",
        f"wis bench table {RESULTS} --metric val --baseline full --format markdown",
    ],
)
def table(
    results: tuple[Path, ...], recipe: str | None, style: str, metric: str, baseline: str
) -> None:
    """Print mean accuracies, areas under the curves and differences to a baseline.

    Accuracies are in percent, with standard deviations; differences are paired by seed, with 95 %
    confidence intervals. Results of Table 5.1 are printed beside the thesis', and those of
    factorization experiments as their verdicts, both as text only.
    """
    from wis.experiments.results import kind_of_row, read_results, rows_of_recipe
    from wis.experiments.summary import panels_of
    from wis.experiments.sweep import KINDS
    from wis.show.sweep_tables import format_tables

    rows, _ = read_results(results)
    chosen = rows_of_recipe(rows, recipe)
    kinds = {kind_of_row(row) for row in chosen}
    if style == "text" and len(kinds) == 1 and (kind := kinds.pop()) in KINDS:
        text = KINDS[kind].summarise(chosen)
        if text is not None:
            emit(text)
            return
    panels = panels_of(rows, recipe=recipe, metric=metric)
    emit(format_tables(panels, style, baseline=baseline).rstrip("\n"))


@results_command(
    click.option("--costs", is_flag=True, help="Draw time and memory instead of accuracy."),
    metric_option,
    output="The picture: .png, .svg or .pdf.",
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
    metric: str,
    force: bool,
) -> None:
    """Draw test or validation accuracy against the percentage of removed edges.

    One panel for each data set and model, a line for each method, bars of one standard deviation.
    """
    from wis.experiments.results import read_results
    from wis.experiments.summary import panels_of
    from wis.show.sweep_plots import plot_accuracy, plot_costs

    rows, _ = read_results(results)
    draw = plot_costs if costs else plot_accuracy
    draw(panels_of(rows, recipe=recipe, metric=metric), output, force=force)
    say(f"{output}: drawn from {counted(len(rows), 'row')}")


@results_command(
    metric_option,
    baseline_option,
    output="The page; its name ends in .html.",
    examples=[f"wis bench report {RESULTS} -o report.html"],
)
def report(results: tuple[Path, ...], output: Path, **choices: Any) -> None:
    """Write a page with figures, tables, recipe and environment.

    It is one file that needs nothing else, not even a network.
    """
    from wis.experiments.results import read_results
    from wis.show.sweep_report import write_report

    rows, recipes = read_results(results)
    write_report(rows, recipes, output, **choices)
    say(f"{output}: written from {counted(len(rows), 'row')}")


@results_command(
    output="The table: .csv or .parquet.",
    examples=[
        f"wis bench export {RESULTS} -o rows.csv",
        f"wis bench export {RESULTS} -o rows.parquet",
    ],
)
def export(results: tuple[Path, ...], recipe: str | None, output: Path, force: bool) -> None:
    """Write all rows as a flat table, with a column for each field.

    Fields within fields, such as the configuration, become columns like config.width. In csv a text
    that a spreadsheet would take for a formula, such as =1+1, gets an apostrophe before it.
    """
    from wis.experiments.export import export_rows
    from wis.experiments.results import read_results, rows_of_recipe

    chosen = rows_of_recipe(read_results(results)[0], recipe)
    export_rows(chosen, output, force=force)
    say(f"{output}: {counted(len(chosen), 'row')}")
