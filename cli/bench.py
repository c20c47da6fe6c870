"""`wis bench run` and `wis bench list`: sweeps over methods, amounts, models and seeds."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import click

from .bench_results import export, plot, report, table
from .bench_sweep import OVERRIDES, SERVE_OPTIONS, SERVED, run_settings, settings_of, sweep_options
from .framework import Command, CommandGroup, json_option, plugin_option
from .graphs import complete_dataset, data_root_option
from .output import check_plot_target, emit_json, emit_table

RUN_EXAMPLE = "wis bench run one_minute --jobs 2 --results minute.jsonl"


@click.group(
    cls=CommandGroup, examples=["wis bench list", RUN_EXAMPLE, "wis bench table minute.jsonl"]
)
def bench() -> None:
    """Compare methods by the accuracy of networks.

    A sweep writes one row for each finished run to a file, which the other commands turn into
    tables, figures and a report.
    """


@bench.command(name="list", cls=Command, examples=["wis bench list", "wis bench list --json"])
@json_option
def list_recipes(as_json: bool) -> None:
    """List the recipes that `wis bench run` knows by name."""
    from wis.experiments.sweep import KINDS, RunOptions, available_recipes, find_recipe

    rows = []
    for name in available_recipes():
        _, settings = find_recipe(name)
        plan = KINDS[settings["kind"]].plan(name, settings, RunOptions(Path()))
        notes = {key: settings.get(key, "") for key in ("kind", "title", "source")}
        rows.append({"name": name, **notes, "num_runs": plan.num_runs})
    if as_json:
        emit_json({"recipes": rows})
        return
    heading = ("RECIPE", "RUNS", "SOURCE", "TITLE")
    keys = ("name", "num_runs", "source", "title")
    emit_table([heading, *(tuple(str(row[key]) or "-" for key in keys) for row in rows)])


@bench.command(
    cls=Command,
    examples=[
        RUN_EXAMPLE,
        "wis bench run --dataset digits --models gcn --methods wis,random --remove 0%:100%:50% "
        "--epochs 3",
    ],
)
@plugin_option
@click.argument("recipe", required=False, shell_complete=lambda *given: _complete_recipe(*given))
@sweep_options
@data_root_option
@json_option
def run(recipe: str | None, as_json: bool, dry_run: bool, **given: Any) -> None:
    """Run a recipe, or a sweep that the options describe.

    RECIPE is a name of `wis bench list` or a .toml file; options change it. You can stop the
    command at any time: the same command continues where it was. If a run fails, the exit code
    is 1.
    """
    overrides = {**{name: given[name] for name in OVERRIDES}, "max_epochs": given["epochs"]}
    changes = overrides if recipe else {}
    run_settings(*settings_of(recipe, overrides), changes, given, as_json=as_json, dry_run=dry_run)


@bench.command(
    cls=Command,
    examples=[
        "wis bench serve digits --methods wis --remove 0%,50% --epochs 3 --results digits.jsonl",
        "wis bench serve rmat:scale=9,edges=4000 --no-train --batch-sizes 1,32 "
        "--results rmat.jsonl",
    ],
)
@plugin_option
@click.argument("target", metavar="RECIPE|GRAPH", shell_complete=complete_dataset)
@partial(sweep_options, options=SERVE_OPTIONS)
@data_root_option
@json_option
def serve(target: str, as_json: bool, dry_run: bool, **given: Any) -> None:
    """Time the predictions of networks that are trained on cut graphs.

    For each method and amount: accuracy, the edges that a prediction reads, and the latency of
    single vertices and of batches, with full neighbourhoods and with neighbour sampling, each
    beside the whole graph; then the highest speed-up of each method within a loss of accuracy.

    The argument is a recipe of the kind serve, or a graph: a name of `wis datasets`, or a file.
    Other programs disturb latencies, so leave --jobs at 1; edges read do not depend on the machine.
    """
    from wis.experiments.results import SERVE
    from wis.experiments.sweep import available_recipes

    check_plot_target(given["plot"], force=given["force"])
    overrides = {**{name: given.get(name) for name in OVERRIDES}, "max_epochs": given["epochs"]}
    overrides["depth"] = given["depth"]
    is_recipe = target.endswith(".toml") or target in available_recipes()
    chosen = {key: value for key, value in overrides.items() if value is not None}
    recipe = target if is_recipe else None
    name, settings = settings_of(recipe, {**SERVED, **chosen, "dataset": target})
    if is_recipe and settings["kind"] != SERVE:
        raise click.UsageError(f"{target} is of the kind {settings['kind']}; use wis bench run.")
    own = dict(settings.get("serve", {}))
    own |= {"train": False} if given["no_train"] else {}
    if given["plot"] is not None and own.get("train") is False:
        raise click.UsageError("--plot draws accuracies, but nothing is trained; leave it out.")
    if given["batch_sizes"] is not None:
        from wis.measure.latency import Load

        typed = given["batch_sizes"].split(",") if given["batch_sizes"] != "none" else []
        sizes: Any = tuple(int(t) if t.strip().isdecimal() else t for t in typed)
        own["batch_sizes"] = list(Load(batch_sizes=sizes).batch_sizes)
    run_settings(
        name,
        {**settings, "kind": SERVE, "serve": own},
        overrides if is_recipe else {},
        given,
        as_json=as_json,
        dry_run=dry_run,
        finish=partial(_served, given),
    )


def _served(given: dict[str, Any], results: Path) -> dict[str, Any]:
    """Draw the figure that is asked for; return the tables, with None for nan and infinity."""
    from wis.experiments.results import read_results
    from wis.experiments.serve_summary import best_speedups, lines_of

    lines = lines_of(read_results([results])[0])
    if given["plot"] is not None:
        from wis.show.sweep_plots import plot_serving

        plot_serving(lines, given["plot"], force=given["force"])
    kinds = dict.fromkeys(kind for line in lines for kind in line["speedup"])
    best = [one for kind in kinds for one in best_speedups(lines, kind=kind)]
    numbers = json.dumps({"lines": lines, "best": best})
    finite: dict[str, Any] = json.loads(numbers, parse_constant=lambda _: None)
    return finite


def _complete_recipe(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    from wis.experiments.sweep import available_recipes

    return [name for name in available_recipes() if name.startswith(incomplete)]


for command in (table, plot, report, export):
    bench.add_command(command)
