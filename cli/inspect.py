"""`wis inspect`: what is in a graph."""

from __future__ import annotations

import click

from .framework import Command
from .graphs import GraphSource, graph_argument
from .listings import json_option
from .output import emit, emit_json


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
