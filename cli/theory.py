"""`wis theory`: the group of the commands about the theory."""

from __future__ import annotations

import click

from .framework import Group
from .theory_run import list_experiments, run_experiment


@click.group(cls=Group)
def theory() -> None:
    """Run the experiments of the theory's chapters."""


theory.add_command(list_experiments)
theory.add_command(run_experiment)
