"""`wis theory`: the group of the commands about Chapter 5's theory, and of theory experiments."""

from __future__ import annotations

import click

from .framework import CommandGroup
from .theory_bounds import bounds, separation_rank
from .theory_network import tensor_network
from .theory_pictures import figure5_2, preserved
from .theory_run import list_experiments, run_experiment

COMMANDS: tuple[click.Command, ...] = (
    bounds,
    separation_rank,
    tensor_network,
    figure5_2,
    preserved,
    list_experiments,
    run_experiment,
)


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

    The separation rank of a network with respect to a subset of the vertices says how strongly it
    models interaction between these and the others. The theory bounds it for networks whose
    aggregation is a product; logarithms are natural. Chapter 5 of the thesis; arXiv:2211.16494.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in COMMANDS:
    theory.add_command(command)
