"""`wis bench run`, `serve` and `list`: sweeps over methods, amounts, models and seeds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wis.errors import counted

from .bench_results import export, plot, report, table
from .framework import Command, CommandGroup, json_option, plugin_option, with_options
from .graphs import complete_dataset, data_root_option
from .output import (
    Watch,
    check_plot_target,
    duration,
    emit,
    emit_json,
    emit_table,
    failed_part,
    say,
)

if TYPE_CHECKING:
    from wis.experiments import RunOptions, Status

DEFAULT_METHODS = "wis,random"
SERVED = {"methods": "wis,k-neighbor,random", "remove": "0%,50%,75%,90%"}
"""The methods and amounts of `wis bench serve` for a graph."""

OPTIONS = {
    "--dataset GRAPH": "Graph to train on: a name of `wis datasets`, or a file with features x and "
    "labels y.",
    "--task NAME": "Classify vertices, predict links (no y is needed), or classify graphs (such as "
    "motifs or tu:MUTAG).  [default without RECIPE: vertex]",
    "--models NAMES": "Networks to train, such as gcn,gin.  [default without RECIPE: gcn]",
    "--methods NAMES": "Methods with their options, such as wis:walk_length=2,random.  [default "
    f"without RECIPE: {DEFAULT_METHODS}]",
    "--walk-length K": "Length of the walks, for methods that have this option.",
    "--remove AMOUNTS": "Amounts to remove: percentages such as 0%,25%,50% or 0%:100%:10% (from, "
    "to, step), fractions (0.5), or numbers of edges (50).  [default without RECIPE: 0%:100%:10%]",
    "--seeds N": "Number of seeds, or a list such as 0,1,5.  [default without RECIPE: 1]",
    "--split N>=0 = (seed s takes split s mod k)": "Number of the split, for a graph that comes "
    "with k splits.",
    "--split-seed N": "Make a new 80/10/10 split with this seed.",
    "--seeds-per-run N": "The most seeds that a job trains, one after the other.",
    "--epochs N": "The most epochs of a run.",
    "--patience N": "Stop a run after N epochs without improvement.",
    "--learning-rate X": "Learning rate of Adam, for all networks.",
    "--weight-decay X": "Weight decay of Adam, for all networks.",
    "--results FILE = runs.jsonl": "Append finished runs to this file, and skip runs that it "
    "already has.",
    "--jobs N = 1": "Number of processes on this machine, or of jobs in the queue of Slurm.",
    "--threads N = 1": "Number of threads of each process.",
    "--backend NAME = local": "Run the jobs on local processes, dask, ray or slurm.",
    "--scheduler-address ADDRESS": "Address of a running Dask scheduler (tcp://HOST:8786) or Ray "
    "head.",
    "--devices NAMES = cpu": "Devices such as cuda:0,cuda:1; each job takes the next one.",
    "--orders DIR = (in wis' cache)": "Folder that keeps removal orders for later runs.",
    "--retry-failed": "Do failed runs again.",
    "--trust-pickle": "Read .pt files with other classes than PyG's; such a file can run code.",
    "--force-size": "Run an experiment of `wis theory list` that is forecast to take longer than a "
    "day.",
    "--dry-run": "Check everything, count the runs and predict their time by a short trial "
    "(of accuracy sweeps; other kinds have no forecast).",
}
"""The options of `wis bench run` and their help. An option without a metavar is a flag."""

SERVE_OPTIONS = {
    **{
        k: text
        for k, text in OPTIONS.items()
        if not k.startswith(("--dataset", "--task", "--force-size"))
    },
    "--methods NAMES": OPTIONS["--methods NAMES"].replace(DEFAULT_METHODS, SERVED["methods"]),
    "--remove AMOUNTS": OPTIONS["--remove AMOUNTS"].replace("0%:100%:10%]", SERVED["remove"] + "]"),
    "--depth L": "Number of layers of all networks.",
    "--batch-sizes LIST": "Vertices of the batches that are timed, such as 1,32,1024; none to "
    "count costs and time nothing.",
    "--no-train": "Measure costs alone, with untrained networks; the graph needs no features, "
    "labels or masks.",
    "--plot FILE": "Also draw accuracy against cost: .png, .svg or .pdf.",
    "--force": "Replace the picture.",
}
"""The options of `wis bench serve`."""

MORE: dict[str, dict[str, Any]] = {
    "--dataset": {"shell_complete": complete_dataset},
    "--task": {"type": click.Choice(["vertex", "link", "graph"])},
    "--seeds": {"type": str},
    "--results": {"type": click.Path(dir_okay=False, path_type=Path)},
    "--plot": {"type": click.Path(dir_okay=False, path_type=Path)},
    "--orders": {"type": click.Path(file_okay=False, path_type=Path)},
}
"""Further settings of options."""

OVERRIDES = (
    *("dataset", "task", "models", "methods", "walk_length", "remove", "seeds", "split"),
    *("split_seed", "seeds_per_run", "patience", "learning_rate", "weight_decay"),
)
"""Options that change the recipe; ``--epochs`` changes its `max_epochs`."""


def sweep_options(options: dict[str, str]) -> Callable[[Any], Any]:
    """A decorator that adds the `OPTIONS` or others."""
    return with_options({k: (text, MORE.get(k.split()[0], {})) for k, text in options.items()})


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
@sweep_options(OPTIONS)
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
@sweep_options(SERVE_OPTIONS)
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


def run_settings(
    name: str,
    settings: dict[str, Any],
    overrides: dict[str, Any],
    given: dict[str, Any],
    *,
    as_json: bool,
    dry_run: bool,
    finish: Callable[[Path], dict[str, Any]] = lambda _: {},
) -> None:
    """Run a recipe and report; `finish` adds what it makes of the results to the JSON."""
    from wis.experiments.sweep import preview, run_recipe

    started = time.monotonic()
    watch = Watch()
    options = _options(given, overrides, watch, settings["kind"])
    if dry_run:
        facts = preview(name, settings, options, trial=True)
        if as_json:
            emit_json(facts)
            return
        predicted = facts.pop("forecast", {})
        emit_table([(key.replace("_", " "), str(value)) for key, value in facts.items()])
        if predicted is None:
            missing = counted(facts["num_rows_missing"], "row")
            emit(f"{missing} missing; there is no forecast of time for the kind {settings['kind']}")
        for line in _predicted(predicted) if predicted else ():
            emit(line)
        return
    _note_counts_of_edges(given["remove"])
    with watch:
        status = run_recipe(name, settings, options)
    seconds = time.monotonic() - started
    more = finish(options.results) if status.done > status.failed else {}
    _account(status, options.results, seconds, more if as_json else None)
    if status.table is not None and not as_json:
        emit(status.table)
    if status.failed:
        click.get_current_context().exit(1)


def _predicted(forecast: dict[str, Any]) -> Iterator[str]:
    """A forecast as lines of text."""
    jobs = f" with {forecast['jobs']} jobs" if forecast["jobs"] > 1 else ""
    yield f"predicted time: {duration(forecast['total_s'])}{jobs}, {forecast['basis']}"
    yield f"  orders: {duration(forecast['orders_s'])}"
    for label, order in forecast["orders"].items():
        yield f"    {label}: {order['num']} of {order['seconds']:.3g} s"
    yield f"  training: {duration(forecast['training_s'])}"
    for model, network in forecast["networks"].items():
        yield (
            f"    {model}: {network['epochs']:.0f} epochs of {network['full_s']:.2g} s (all edges) "
            f"to {network['bare_s']:.2g} s (none)"
        )


def _note_counts_of_edges(remove: str | None) -> None:
    """Report bare numbers, which are numbers of edges; older versions read them as percentages."""
    from wis.experiments.settings import parse_amounts, spelt

    if remove is None or "edge" in remove:
        return
    counted = [text for text in spelt(parse_amounts(remove, bare_edges=True)) if "edges" in text]
    if counted:
        say(f"Note: --remove {remove} is {', '.join(counted)}; a percentage is written as 50%")


def settings_of(recipe: str | None, overrides: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and content of a recipe, or of one that the options describe."""
    from wis.experiments.recipe import recipe_of
    from wis.experiments.sweep import find_recipe

    if recipe is not None:
        return find_recipe(recipe)
    if overrides["dataset"] is None:
        raise click.UsageError("Give a RECIPE (`wis bench list`) or --dataset.")
    given = {name: value for name, value in overrides.items() if value is not None}
    made = recipe_of(**{"models": "gcn", "methods": DEFAULT_METHODS, **given})
    return made.name, made.as_dict()


def _options(
    given: dict[str, Any], overrides: dict[str, Any], watch: Watch, kind: str
) -> RunOptions:
    from wis.experiments import Backend, RunOptions
    from wis.experiments.results import FACTORIZATION

    force_size = bool(given.get("force_size"))
    if force_size and kind != FACTORIZATION:
        raise click.UsageError(f"--force-size does not apply to recipes of the kind {kind}.")
    write: Callable[..., Any] | None = None
    if kind == FACTORIZATION:
        from wis.show.factorization_pictures import write_outcome

        write = write_outcome
    root, results = given["data_root"], given["results"]
    return RunOptions(
        results=results,
        backend=Backend(
            given["backend"],
            given["jobs"],
            given["scheduler_address"],
            given["threads"],
            folder=results.parent / f"{results.stem}.slurm",
        ),
        devices=tuple(device.strip() for device in given["devices"].split(",")),
        data_root=None if root is None else str(root),
        report=watch.take,
        overrides=overrides,
        write=write,
        force_size=force_size,
        **{name: given[name] for name in ("orders", "trust_pickle", "retry_failed")},
    )


def _account(status: Status, results: Path, seconds: float, more: dict[str, Any] | None) -> None:
    if more is not None:
        record = {**vars(status), "results": str(results), "seconds": seconds, **more}
        del record["doing"], record["table"]
        emit_json(record)
    say(
        f"{results}: {status.done} of {status.total} runs, {status.new} of them new"
        f"{failed_part(status)}, {duration(seconds)}"
    )
    for reason in status.failures:
        say(f"failed: {reason}")
    if status.failed:
        say("the same command with --retry-failed does the failed runs again")


for command in (table, plot, report, export):
    bench.add_command(command)
