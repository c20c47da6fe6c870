"""`wis bench run` and `wis bench list`: sweeps over methods, percentages, models and seeds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .bench_results import export, plot, report, table
from .framework import Command, CommandGroup, plugin_option
from .graphs import complete_dataset, data_root_option
from .listings import json_option
from .output import emit, emit_json, emit_table, say

if TYPE_CHECKING:
    from wis.experiments import Status

LINE_EVERY_S = 30.0
DEFAULT_METHODS = "wis,random"
DEFAULT_RESULTS = "runs.jsonl"


@click.group(
    cls=CommandGroup,
    examples=[
        "wis bench list",
        "wis bench run one_minute --jobs 2 --results minute.jsonl",
        "wis bench table minute.jsonl",
    ],
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
        rows.append(
            {
                "name": name,
                "kind": settings["kind"],
                "title": settings.get("title", ""),
                "source": settings.get("source", ""),
                "num_runs": plan.num_runs,
            }
        )
    if as_json:
        emit_json({"recipes": rows})
        return
    heading = ("RECIPE", "RUNS", "SOURCE", "WHAT IT IS")
    keys = ("name", "num_runs", "source", "title")
    emit_table([heading, *(tuple(str(row[key]) or "-" for key in keys) for row in rows)])


@bench.command(
    cls=Command,
    examples=[
        "wis bench run one_minute --jobs 2 --results minute.jsonl",
        "wis bench run --dataset digits --models gcn --methods wis,random --remove 0%:100%:50% "
        "--epochs 3",
    ],
)
@plugin_option
@click.argument("recipe", required=False, shell_complete=lambda *given: _complete_recipe(*given))
@click.option(
    "--dataset",
    metavar="GRAPH",
    shell_complete=complete_dataset,
    help="Graph to train on: a name of `wis datasets`, or a file with x and y.",
)
@click.option("--models", metavar="NAMES", help="Networks, such as gcn,gin; gcn without a recipe.")
@click.option(
    "--methods",
    metavar="NAMES",
    help="Methods with their options, such as wis:walk_length=2,random; "
    f"{DEFAULT_METHODS} without a recipe.",
)
@click.option(
    "--walk-length", type=int, metavar="K", help="Steps of the walks, for methods that count them."
)
@click.option(
    "--remove",
    metavar="AMOUNTS",
    help="How much to remove: 0%:100%:10% or 0%,25%,50% of the edges, 0.5 (a fraction), 50 "
    "(edges); 0%:100%:10% without a recipe.",
)
@click.option(
    "--seeds", metavar="N", help="Number of seeds, or a list such as 0,1,5; 1 without a recipe."
)
@click.option(
    "--split",
    type=click.IntRange(min=0),
    metavar="N",
    show_default="seed s takes split s mod k",
    help="Which of the k splits that a graph comes with.",
)
@click.option("--split-seed", type=int, metavar="N", help="Seed of a new 80/10/10 split.")
@click.option(
    "--seeds-per-run", type=int, metavar="N", help="Seeds that a job trains, one by one, at most."
)
@click.option("--epochs", type=int, metavar="N", help="The most epochs of a run.")
@click.option(
    "--patience", type=int, metavar="N", help="Epochs without improvement that end a run."
)
@click.option("--learning-rate", type=float, metavar="X", help="Of Adam, for all networks.")
@click.option("--weight-decay", type=float, metavar="X", help="Of Adam, for all networks.")
@click.option(
    "--results",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    default=DEFAULT_RESULTS,
    help="File that finished runs are appended to; what it has is not run again.",
)
@click.option("--jobs", type=int, metavar="N", default=1, help="Processes, or runs handed over.")
@click.option("--threads", type=int, metavar="N", default=1, help="Threads of each process.")
@click.option(
    "--backend",
    metavar="NAME",
    default="local",
    help="Where to run: local, dask, ray or slurm.",
)
@click.option(
    "--scheduler-address",
    metavar="ADDRESS",
    help="Of a Dask scheduler (tcp://HOST:8786) or Ray head that is there.",
)
@click.option(
    "--devices", metavar="NAMES", default="cpu", help="Devices in turn, such as cuda:0,cuda:1."
)
@click.option(
    "--orders",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    show_default="in wis' cache",
    help="Folder that keeps removal orders for the next time.",
)
@click.option("--retry-failed", is_flag=True, help="Run again what failed before.")
@click.option(
    "--trust-pickle", is_flag=True, help="Read a .pt file that needs more than PyG's classes."
)
@click.option("--dry-run", is_flag=True, help="Check everything and count the runs, then stop.")
@data_root_option
@json_option
def run(recipe: str | None, as_json: bool, dry_run: bool, **given: Any) -> None:
    """Run a recipe, or a sweep that the options describe.

    RECIPE is a name of `wis bench list` or a .toml file; options change it. Stop it as you like:
    the same command goes on where it was. If a run failed, the exit code is 1.
    """
    from wis.experiments.sweep import preview, run_recipe

    overrides = {name: given[name] for name in _OVERRIDES}
    overrides["max_epochs"] = given["epochs"]
    name, settings = _settings(recipe, overrides)
    started = time.monotonic()
    watch = _Watch()
    options = _options(given, overrides if recipe else {}, watch)
    if dry_run:
        facts = preview(name, settings, options)
        if as_json:
            emit_json(facts)
        else:
            emit_table([(key.replace("_", " "), str(value)) for key, value in facts.items()])
        return
    _say_what_counts_edges(given["remove"])
    with watch:
        status = run_recipe(name, settings, options)
    _account(status, options.results, time.monotonic() - started, as_json)
    if status.table is not None and not as_json:
        emit(status.table)
    if status.failed:
        click.get_current_context().exit(1)


_OVERRIDES = (
    "dataset",
    "models",
    "methods",
    "walk_length",
    "remove",
    "seeds",
    "split",
    "split_seed",
    "seeds_per_run",
    "patience",
    "learning_rate",
    "weight_decay",
)


def _say_what_counts_edges(remove: str | None) -> None:
    """Bare numbers used to be percentages here."""
    from wis.experiments.settings import parse_amounts, spelt

    if remove is None or "edge" in remove:
        return
    counted = [text for text in spelt(parse_amounts(remove, bare_edges=True)) if "edges" in text]
    if counted:
        say(f"Note: --remove {remove} is {', '.join(counted)}; a percentage is written as 50%")


def _complete_recipe(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    from wis.experiments.sweep import available_recipes

    return [name for name in available_recipes() if name.startswith(incomplete)]


def _settings(recipe: str | None, overrides: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    from wis.experiments.recipe import recipe_of
    from wis.experiments.sweep import find_recipe

    if recipe is not None:
        return find_recipe(recipe)
    if overrides["dataset"] is None:
        raise click.UsageError("Give a RECIPE (`wis bench list`) or --dataset.")
    defaults = {"models": "gcn", "methods": DEFAULT_METHODS}
    given = {name: value for name, value in overrides.items() if value is not None}
    made = recipe_of(**{**defaults, **given})
    return made.name, made.as_dict()


def _options(given: dict[str, Any], overrides: dict[str, Any], watch: _Watch) -> Any:
    from wis.experiments import Backend, RunOptions

    root = given["data_root"]
    return RunOptions(
        results=given["results"],
        backend=Backend(
            given["backend"],
            given["jobs"],
            given["scheduler_address"],
            given["threads"],
            folder=given["results"].parent / f"{given['results'].stem}.slurm",
        ),
        devices=tuple(device.strip() for device in given["devices"].split(",")),
        data_root=None if root is None else str(root),
        orders=given["orders"],
        trust_pickle=given["trust_pickle"],
        retry_failed=given["retry_failed"],
        report=watch.take,
        overrides=overrides,
    )


def _account(status: Status, results: Path, seconds: float, as_json: bool) -> None:
    if as_json:
        record = {**vars(status), "results": str(results), "seconds": seconds}
        del record["doing"], record["table"]
        emit_json(record)
    failed = f", {status.failed} failed" if status.failed else ""
    say(
        f"{results}: {status.done} of {status.total} runs, {status.new} of them new{failed}, "
        f"{_duration(seconds)}"
    )
    for reason in status.failures:
        say(f"failed: {reason}")
    if status.failed:
        say("the same command with --retry-failed runs again what failed")


class _Watch:
    """Shows a sweep's progress: a bar on a terminal, else a line every half minute."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.start = self.last = time.monotonic()
        self.first: int | None = None

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def take(self, status: Status) -> None:
        """Note how far it is."""
        import sys

        now = time.monotonic()
        if self.first is None:
            self.first, self.start = status.done, now
        if sys.stderr.isatty():
            self._draw(status, now)
        elif now - self.last >= LINE_EVERY_S:
            self.last = now
            say(self._line(status, now))

    def _line(self, status: Status, now: float) -> str:
        failed = f", {status.failed} failed" if status.failed else ""
        return (
            f"{status.doing}: {status.done} of {status.total} runs{failed}{self._left(status, now)}"
        )

    def _left(self, status: Status, now: float) -> str:
        """Time left, if the rest goes as fast as what this process has seen."""
        done = status.done - (self.first or 0)
        if done <= 0:
            return ""
        seconds = (now - self.start) / done * (status.total - status.done)
        return f", about {_duration(seconds)} left"

    def _draw(self, status: Status, now: float) -> None:
        from rich import progress as rich
        from rich.console import Console

        if self.bar is None:
            columns = (rich.TextColumn("{task.description}"), rich.BarColumn())
            console = Console(stderr=True)
            self.bar = rich.Progress(*columns, console=console, transient=True)
            self.task = self.bar.add_task("", total=status.total)
            self.bar.start()
        self.bar.update(self.task, completed=status.done, description=self._line(status, now))


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


for command in (table, plot, report, export):
    bench.add_command(command)
