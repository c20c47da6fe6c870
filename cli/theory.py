"""`wis theory`: bounds and measurements of Chapter 5, and the experiments of Chapters 1 to 3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from wis.errors import echo

from .framework import Command, CommandGroup, json_option
from .graphs import data_root_option
from .output import emit, emit_json, emit_table, say
from .theory_bounds import bounds, separation_rank, tensor_network
from .theory_influence import influence
from .theory_pictures import figure5_2, preserved


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
    of the thesis; arXiv:2211.16494. The commands list and run are for the experiments of Chapters 1
    to 3.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@click.command("list", cls=Command, examples=["wis theory list", "wis theory list --json"])
@json_option
def list_experiments(as_json: bool) -> None:
    """List the experiments of the thesis, for `wis theory run`."""
    from dataclasses import asdict

    from wis.theory.experiments import available_experiments

    table = available_experiments()
    if not as_json:
        rows = ((each.name, each.summary) for each in table.values())
        emit_table([("NAME", "RESULT"), *rows])
        return
    records = {
        name: {"summary": each.summary, "quick": asdict(each.quick), "thesis": asdict(each.thesis)}
        for name, each in table.items()
    }
    emit_json({"experiments": records})


@click.command(
    "run",
    cls=Command,
    examples=[
        "wis theory run tableB_1 --quick",
        "wis theory run figB_2 --quick --set deviations=[0.02,0.01] --seed 1 -o figB_2-seed1",
    ],
)
@click.argument("name")
@click.option("--quick", is_flag=True, help="Run at a small size that takes under a minute.")
@click.option(
    "--set",
    "changes",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change a setting; VALUE is JSON. `wis theory list --json` shows the settings; dots lead "
    "to nested ones, such as config.max_epochs=5 or tasks.0.num_train=500.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    metavar="N",
    help="Seed of the data and the initializations.",
)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for rows.jsonl, curves.npz, figure.png and verdict.txt.  [default: wis-NAME, or "
    "wis-NAME-quick]",
    show_default=False,
)
@click.option("--force", is_flag=True, help="Replace existing results.")
@click.option(
    "--device", default="cpu", metavar="NAME", help="Device on which image networks are trained."
)
@click.option("--force-size", is_flag=True, help="Run what is forecast to take longer than a day.")
@data_root_option
@json_option
def run_experiment(
    name: str,
    quick: bool,
    changes: tuple[str, ...],
    seed: int,
    output: Path | None,
    force: bool,
    device: str,
    force_size: bool,
    data_root: Path | None,
    as_json: bool,
) -> None:
    """Run an experiment and print its verdict.

    NAME is a name from `wis theory list`. Without --quick the experiment has the size of the thesis
    and can take hours. An interrupted run continues from its checkpoints when it is started again
    with the same folder.
    """
    from wis.base.atomic import check_writable
    from wis.base.checks import checked_device
    from wis.base.figures import check_can_plot
    from wis.base.progress import progress_bar
    from wis.show.factorization_pictures import RESULT_FILES, write_outcome
    from wis.theory.experiments import Request, get_experiment, resized
    from wis.theory.experiments import run_experiment as run

    experiment = get_experiment(name)
    name = experiment.name
    size = experiment.quick if quick else experiment.thesis
    if changes:
        size = resized(size, dict(parse_change(change) for change in changes))
    check_can_plot("figure.png")
    folder = output or Path(f"wis-{name}-quick" if quick else f"wis-{name}")
    make_folder(folder)
    for file in RESULT_FILES:
        check_writable(folder / file, force=force)
    checked_device(device)
    request = Request(seed, folder, progress_bar, data_root, device, force_size)
    outcome = run(name, size=size, request=request)
    paths = write_outcome(outcome, folder, force=force)
    if as_json:
        record = {"experiment": name, "verdict": outcome.verdict, "rows": outcome.rows}
        emit_json({**record, "output": [str(path) for path in paths]})
    else:
        emit(outcome.verdict)
    say(f"{name}: {len(outcome.rows)} rows and a figure in {folder}")


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
