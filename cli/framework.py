"""How the commands are put together: a group that keeps its order, commands that show examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

PROGRAM = "wis"
COMPLETE_VARIABLE = "_WIS_COMPLETE"


class Command(click.Command):
    """A command whose help ends with examples.

    Attributes:
        examples: Command lines that work as they stand, given the files that they name.
    """

    def __init__(self, *args: Any, examples: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


class Group(click.Group):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        return list(self.commands)


class CommandGroup(Group, Command):
    """A command that has commands of its own, and examples."""
