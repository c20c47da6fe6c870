"""The short commands that only look: `wis methods`, `wis inspect`, `wis completion`."""

from __future__ import annotations

import click

from .framework import COMPLETE_VARIABLE, PROGRAM, Command, json_option, plugin_option
from .graphs import GraphSource, graph_argument
from .options import describe_options
from .output import emit, emit_json, emit_table


@click.command(cls=Command, examples=["wis methods", "wis methods --json"])
@plugin_option
@json_option
def methods(as_json: bool) -> None:
    """List the methods that rank edges.

    Each line has the options of the method and their defaults; give them as --walk-length 1 or
    --option KEY=VALUE. --json also says which methods take --directed.
    """
    from wis.methods import available_methods, get_method

    table = [get_method(name) for name in available_methods()]
    if as_json:
        rows = {
            method.name: {
                "summary": method.summary,
                "options": dict(method.options),
                "uses_seed": method.uses_seed,
                "has_certificate": method.verify is not None,
                "supports_directed": method.supports_directed,
            }
            for method in table
        }
        emit_json({"methods": rows})
        return
    heading = ("METHOD", "OPTIONS", "WHAT IT REMOVES FIRST")
    emit_table(
        [heading, *((row.name, describe_options(row.options) or "-", row.summary) for row in table)]
    )


@click.command(cls=Command, examples=["wis inspect karate", "wis inspect cora.pt --json"])
@graph_argument
@json_option
def inspect(source: GraphSource, as_json: bool) -> None:
    """Count what is in GRAPH.

    Vertices, edges, arcs, self-loops, repeated and one-way arcs, degrees, components, attributes
    with their shapes, and memory in bytes.
    """
    source.check()
    from wis.measure.facts import graph_facts
    from wis.show import facts_as_text

    facts = graph_facts(source.open().data)
    if as_json:
        emit_json({"input": source.name, **facts.to_dict()})
    else:
        emit(facts_as_text(facts))


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
