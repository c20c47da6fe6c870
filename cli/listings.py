"""`wis methods`: what there is to choose from."""

from __future__ import annotations

import click

from .framework import Command, plugin_option
from .options import describe_options
from .output import emit_json, emit_table

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command(cls=Command, examples=["wis methods", "wis methods --json"])
@plugin_option
@json_option
def methods(as_json: bool) -> None:
    """List the methods that rank edges.

    Each with its options and their defaults; give them as --walk-length 1 or --option KEY=VALUE.
    --json says moreover which take --directed.
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
