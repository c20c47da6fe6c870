"""`wis completion`: the script that teaches a shell to complete."""

from __future__ import annotations

import click

from .framework import COMPLETE_VARIABLE, PROGRAM, Command
from .output import emit


@click.command(
    cls=Command,
    examples=[
        "wis completion bash",
        'eval "$(wis completion zsh)"',
        "wis completion fish | source",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    It completes commands, options, files, and the names of graphs and methods. Load it where the
    shell starts: zsh and bash as in the second example, fish as in the third.
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None
    root = context.find_root().command
    emit(complete(root, {}, PROGRAM, COMPLETE_VARIABLE).source())
