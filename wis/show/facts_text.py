"""The facts of `wis.measure.facts` as aligned lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wis.errors import counted

if TYPE_CHECKING:
    from wis.measure.facts import Attribute, DegreeSummary, GraphFacts

DIRECTIONS = {
    "undirected": "undirected: every edge is there in both directions",
    "one-way": "one-way: every edge is there in one direction only",
    "mixed": "mixed: {} in one direction only",
}


def facts_as_text(facts: GraphFacts) -> str:
    """Format lines of a label and a value; a repeated label is shown once.

    >>> import wis
    >>> from wis.measure.facts import graph_facts
    >>> print(facts_as_text(graph_facts(wis.datasets.load("karate"))).splitlines()[2])
    edges              78
    """
    rows = list(_rows(facts))
    width = max(len(label) for label, _ in rows) + 2
    lines, last = [], ""
    for label, value in rows:
        lines.append(f"{'' if label == last else label:{width}}{value}".rstrip())
        last = label
    return "\n".join(lines)


def human_bytes(size: int) -> str:
    """A size in the largest binary unit in which it is at least 1."""
    amount = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def _rows(facts: GraphFacts) -> Iterator[tuple[str, str]]:
    yield "kind", facts.kind
    yield "vertices", f"{facts.num_nodes:,}"
    for name, size in facts.num_nodes_by_type.items():
        yield "vertices", f"  {name}: {size:,}"
    yield "edges", f"{facts.num_edges:,}"
    loops = counted(facts.num_loops, "self-loop", ",")
    repeats = counted(facts.num_repeats, "repeat", ",")
    yield "arcs", f"{facts.num_arcs:,}, among them {loops} and {repeats}"
    for name, size in facts.num_arcs_by_type.items():
        yield "arcs", f"  {name}: {size:,}"
    yield "direction", DIRECTIONS[facts.direction].format(counted(facts.num_one_way, "edge", ","))
    yield "degree", _degree_text(facts.degree)
    yield "isolated vertices", f"{facts.num_isolated:,}"
    largest = counted(facts.largest_component, "vertex", ",")
    yield "components", f"{facts.num_components:,}, the largest of {largest}"
    for attribute in facts.attributes:
        yield f"{attribute.level} attributes", _attribute_text(attribute)
    yield "memory", human_bytes(facts.memory_bytes)


def _degree_text(degree: DegreeSummary) -> str:
    return (
        f"min {degree.min}, median {degree.median}, mean {degree.mean:.2f}, "
        f"90 % up to {degree.p90}, 99 % up to {degree.p99}, max {degree.max:,}"
    )


def _attribute_text(attribute: Attribute) -> str:
    name = attribute.name if attribute.store is None else f"{attribute.store}: {attribute.name}"
    shape = "" if attribute.shape is None else f" {list(attribute.shape)}"
    note = "" if attribute.note is None else f", {attribute.note}"
    return f"{name}: {attribute.type}{shape}{note}"
