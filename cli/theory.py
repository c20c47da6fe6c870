"""`wis theory`: bounds and measurements of Chapter 5, and the experiments of the thesis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wis.base.atomic import atomic_write
from wis.errors import counted, echo

from .framework import Command, CommandGroup, json_option, option, with_options
from .graphs import data_root_option
from .output import emit, emit_json, emit_table, say
from .theory_bounds import bounds, separation_rank, tensor_network
from .theory_influence import influence
from .theory_pictures import figure5_2, preserved

if TYPE_CHECKING:
    from wis.theory.findings import Findings


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    examples=[
        "wis theory bounds karate --subset 0,1,2 --depth 2",
        "wis theory separation-rank friends.csv --subset Ada --depth 2 --width 2 --target Bela",
        "wis theory figure5_2 --plot figure5_2.png",
    ],
)
@click.pass_context
def theory(context: click.Context) -> None:
    """Measure and bound what graph neural networks can model.

    The separation rank of a network with respect to a subset of the vertices measures how strongly
    the network models interaction between the subset and the other vertices. The theory bounds the
    separation rank of networks with product aggregation. Logarithms are natural. Source: Chapter 5
    of the thesis; arXiv:2211.16494. The command list shows all that can be run of the thesis, and
    run runs the experiments of Chapters 1 to 3, 5 and 6.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@click.command(
    "list",
    cls=Command,
    examples=["wis theory list", "wis theory list --json"],
)
@option(
    "--results FILE",
    "Take the last verdicts from this file of results instead of those that come with wis; "
    "repeatable.",
    multiple=True,
)
@json_option
def list_experiments(results: tuple[Path, ...], as_json: bool) -> None:
    """List what can be run of the thesis.

    COST is the CPU time of one seed at the quick size and at the full size, which is the thesis'
    where the thesis states one; "-" stands where there is no such size. VERDICT counts the claims
    of the thesis by what kept results say about them, at the largest SIZE of which there are
    results: thesis, full (the thesis states no size), quick, or own (a size set by hand). "-" means
    that there are no kept results. `wis bench table FILE --claims` shows the claims.
    """
    from dataclasses import asdict

    from wis.experiments.results import read_results
    from wis.theory.catalogue import best_size, counts, entries, last_verdicts
    from wis.theory.experiments import available_experiments
    from wis.theory.findings import findings_of, size_word

    records = last_verdicts()
    if results:
        records = [each.record() for each in findings_of(read_results(results)[0])]
    own = {entry.name: [r for r in records if r["name"] == entry.name] for entry in entries()}
    if as_json:
        sizes = {
            each.name: {"quick": asdict(each.quick), "thesis": asdict(each.thesis)}
            for each in available_experiments().values()
        }
        rows = (
            {**asdict(entry), "cost": entry.cost, "findings": own[entry.name]}
            for entry in entries()
        )
        emit_json(
            {"experiments": {row["name"]: {**row, **sizes.get(row["name"], {})} for row in rows}}
        )
        return
    table = [("NAME", "THESIS", "COST", "SIZE", "VERDICT", "WHAT IT SHOWS")]
    for entry in entries():
        best = best_size(own[entry.name])
        cost = " / ".join("-" if s is None else duration(s) for s in entry.cost)
        word = size_word(entry.name, best[0]["size"]) if best else "-"
        verdict = (word, counts(best) if best else "-")
        table.append((entry.name, entry.source, cost, *verdict, entry.summary))
    usual = "wis theory run"
    notes = ["", *(entry.command if usual not in entry.command else "" for entry in entries())]
    emit_table(table, notes)


@click.command(
    "run",
    cls=Command,
    examples=[
        "wis theory run tableB_1 --quick",
        "wis theory run figB_2 --quick --seeds 2 -o figB_2-two-seeds",
        "wis theory run figB_2 --quick --set deviations=[0.02,0.01] --seed 1 -o figB_2-seed1",
    ],
)
@click.argument("name")
@with_options(
    {
        "--quick": "Run at a small size that takes under a minute.",
        "--set KEY=VALUE": (
            "Change a setting; VALUE is JSON. `wis theory list --json` shows the settings; dots "
            "lead to nested ones, such as config.max_epochs=5 or tasks.0.num_train=500.",
            {"name": "changes", "multiple": True},
        ),
        "--seeds N": (
            "Number of seeds, or a list such as 0,2,5. Claims are judged over all of them.",
            {"type": str},
        ),
        "--seed N": (
            "A single seed of the data and the initializations.  [default: 0]",
            {"type": click.IntRange(0, 2**32 - 1)},
        ),
        "--device NAME = cpu": "Device on which image networks are trained.",
        "-o, --output FOLDER": (
            "Folder for rows.jsonl, verdict.txt, and a folder with curves.npz and figure.png for "
            "each seed.  [default: wis-NAME, or wis-NAME-quick]",
            {"type": click.Path(path_type=Path, file_okay=False)},
        ),
        "--force": "Replace existing results of other settings.",
        "--force-size": "Run what is forecast to take longer than a day.",
    }
)
@data_root_option
@json_option
def run_experiment(
    name: str,
    quick: bool,
    changes: tuple[str, ...],
    seeds: str | None,
    seed: int | None,
    device: str,
    output: Path | None,
    force: bool,
    force_size: bool,
    data_root: Path | None,
    as_json: bool,
) -> None:
    """Run an experiment and judge the claims of the thesis.

    NAME is a name from `wis theory list`. Without --quick an experiment has its full size, the
    thesis' where the thesis states one, and can take hours. The same command continues where it
    was: finished seeds are not run again, and an interrupted one continues from its checkpoints.
    More seeds can be added later. rows.jsonl is a file of results as `wis bench table` and the
    others of `wis bench` read it.
    """
    from wis.base.figures import check_can_plot
    from wis.experiments import RunOptions
    from wis.experiments.settings import parse_seeds
    from wis.show.factorization_pictures import write_outcome
    from wis.theory.catalogue import check_can_run
    from wis.theory.experiments import get_experiment, resized
    from wis.theory.factorization.recipe import FactorizationRecipe, check_devices, run_here
    from wis.theory.findings import findings_of

    if seeds is not None and seed is not None:
        raise click.UsageError("--seed and --seeds are both given; --seeds is enough.")
    check_can_run(name)
    experiment = get_experiment(name)
    name = experiment.name
    settings = dict(parse_change(change) for change in changes)
    resized(experiment.quick if quick else experiment.thesis, settings)
    chosen = parse_seeds(seeds) if seeds is not None else (seed or 0,)
    check_devices(name, [device])
    check_can_plot("figure.png")
    folder = output or Path(f"wis-{name}-quick" if quick else f"wis-{name}")
    make_folder(folder)
    results = folder / "rows.jsonl"
    earlier = folder / "rows.jsonl.bak"  # kept until the new rows are whole
    if force and results.exists():
        results.replace(earlier)
    root = None if data_root is None else str(data_root)
    options = RunOptions(
        results, devices=(device,), data_root=root, write=write_outcome, force_size=force_size
    )
    recipe = FactorizationRecipe(name, "quick" if quick else "thesis", chosen, settings or None)
    rows = run_here(recipe, options)
    (found,) = findings_of(rows)
    with atomic_write(folder / "verdict.txt", force=True) as file:
        file.write((found.text + "\n").encode())
    earlier.unlink(missing_ok=True)
    if as_json:
        facts = {**found.record(), "experiment": name, "verdict": found.text}
        emit_json({**facts, "rows": [row["found"] for row in rows], "output": str(folder)})
    else:
        emit_verdicts(found)
    say(f"{name}: {counted(len(rows), 'row')} of {counted(len(chosen), 'seed')} in {folder}")


STATE_COLOURS = {"agrees": "green", "disagrees": "red", "cannot tell": "yellow"}


def emit_verdicts(found: Findings) -> None:
    """Write the text of findings, on a terminal with coloured states."""
    for line in found.text.splitlines():
        state, colon, rest = line.partition(":")
        colour = STATE_COLOURS.get(state)
        emit(click.style(state, fg=colour) + colon + rest if colour else line)


def duration(seconds: float) -> str:
    """A time in seconds, minutes or hours."""
    unit, size = ("s", 1) if seconds < 100 else ("min", 60) if seconds < 6000 else ("h", 3600)
    number = seconds / size
    return f"{number:.2g} {unit}" if number < 10 else f"{number:,.0f} {unit}"


def parse_change(text: str) -> tuple[str, Any]:
    """Split KEY=VALUE; raises `click.UsageError` if the value is not valid JSON for a setting."""
    from wis.errors import RecipeError
    from wis.experiments.settings import check_plain

    key, equals, value = text.partition("=")
    try:
        if equals and key.strip():
            name, parsed = key.strip().replace("-", "_"), json.loads(value)
            check_plain({name: parsed})
            return name, parsed
    except RecipeError as error:
        raise click.UsageError(f"--set: {error}.") from None
    except (ValueError, RecursionError):  # not JSON, or too many digits or levels
        pass
    raise click.UsageError(
        f"--set is {echo(text)!r}; expected KEY=VALUE with a JSON value, such as max_steps=1000 or "
        "deviations=[0.05,0.01]"
    )


def make_folder(folder: Path) -> None:
    """Make the folder for results; raises `GraphFileError` if that fails."""
    from wis.errors import GraphFileError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GraphFileError(f"{folder}: cannot be made: {error.strerror}") from None


for command in (
    bounds,
    separation_rank,
    tensor_network,
    figure5_2,
    preserved,
    influence,
    list_experiments,
    run_experiment,
):
    theory.add_command(command)
