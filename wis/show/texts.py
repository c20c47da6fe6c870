"""Texts for a terminal: the facts about a graph, a comparison, an advice."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from wis.advice.result import NO_CUT
from wis.base.limits import shown_size
from wis.errors import counted

if TYPE_CHECKING:
    from wis.advice import Advice, Loss
    from wis.measure.comparison import Comparison
    from wis.measure.facts import Attribute, DegreeSummary, GraphFacts
    from wis.measure.values import Measure


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
    yield "memory", shown_size(facts.memory_bytes)


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


WIDTH = 110
WHOLE = ("edges", "isolated", "components", "messages")


def comparison_as_text(
    comparison: Comparison, *, width: int | None = None, colour: bool = False
) -> str:
    """Format two tables: measures before and after, and ratios of after to before.

    Args:
        comparison: The comparison.
        width: Number of columns of the terminal; 110 if not given.
        colour: Whether to use bold and dim text.

    Returns:
        Several lines. A value after "~" is not exact; lines below the table say how it is estimated
        or bounded.

    >>> import wis
    >>> karate = wis.datasets.load("karate")
    >>> comparison = wis.measure.compare(karate, wis.sparsify(karate, remove="50%"))
    >>> print(comparison_as_text(comparison).splitlines()[2].strip())
    edges                                                         78      39      -50.0%
    """
    console = Console(
        file=io.StringIO(), width=width or WIDTH, force_terminal=colour, no_color=not colour,
        highlight=False,
    )  # fmt: skip
    console.print(_measures(comparison))
    console.print(_ratios(comparison))
    for line in _notes(comparison):
        console.print(line, style="dim" if colour else None, soft_wrap=False)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def _table(title: str, *numbers: str) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("")
    for head in numbers:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _measures(comparison: Comparison) -> Table:
    kind = "directed" if comparison.directed else "undirected"
    table = _table(f"{comparison.num_nodes:,} vertices, {kind}", "before", "after", "change")
    for name, before in comparison.before.items():
        after = comparison.after.get(name)
        if after is None:
            table.add_row(before.label, _shown(before), "-", "")
        else:
            table.add_row(before.label, _shown(before), _shown(after), _change(before, after))
    return table


def _ratios(comparison: Comparison) -> Table:
    table = _table("after / before", "lowest", "mean", "highest")
    table.add_column("over")
    for spread in comparison.similarity.values():
        values = (_number(value) for value in (spread.low, spread.mean, spread.high))
        table.add_row(spread.label, *values, spread.note)
    return table


def _shown(measure: Measure) -> str:
    if measure.value is None:
        return "-"
    error = "" if measure.error is None else f" ± {_number(measure.error)}"
    return f"{'' if measure.is_exact else '~'}{_number(measure.value)}{error}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _change(before: Measure, after: Measure) -> str:
    """The relative change, or the new value if the old value is 0."""
    if before.value is None or after.value is None:
        return ""
    if before.value == after.value:
        return "="
    if before.value <= 0:
        return f"+{_number(after.value)}" if after.value > before.value else ""
    share = after.value / before.value - 1
    return f"{share:+.1%}" if share < 10 else f"× {share + 1:,.0f}"


def _notes(comparison: Comparison) -> Iterator[str]:
    """Notes on how inexact values are estimated or bounded."""
    for name in comparison.sampled:
        before, after = comparison.before[name], comparison.after[name]
        notes = {measure.note for measure in (before, after) if measure.note is not None}
        if len(notes) == 1 and not before.is_exact and not after.is_exact:
            yield f"~ {before.label}: {notes.pop()}"
        else:
            for when, measure in (("before", before), ("after", after)):
                if measure.note is not None:
                    yield f"~ {measure.label}, {when}: {measure.note}"


def advice_as_text(advice: Advice, graph: str = "GRAPH", reading: Sequence[str] = ()) -> str:
    """Format an advice: what to remove, what it loses and saves, and the lines that do it.

    Args:
        advice: The advice.
        graph: The name of the graph in the command.
        reading: Options of the command that say how to read the graph.

    >>> import wis
    >>> advice = wis.advise(wis.datasets.load("karate"), task="structure", methods=["wis"])
    >>> print(advice_as_text(advice, "karate").splitlines()[0])
    Remove 35% of the edges of karate by wis.
    """
    return "\n".join(_lines(advice, graph, reading))


def _lines(advice: Advice, graph: str, reading: Sequence[str]) -> Iterator[str]:
    allowed = f"{advice.allowed} may be lost"
    structure = advice.task == "structure"
    if advice.method is None and not advice.tried:
        yield f"Keep all edges of {graph}: {NO_CUT}."
    elif advice.method is None:
        yield f"Keep all edges of {graph}: {allowed}, and nothing that was tried loses so little."
    elif advice.percent == 100:
        yield f"Remove all edges of {graph}: without them the score is as good, or nearly so."
    else:
        yield f"Remove {advice.remove} of the edges of {graph} by {advice.label}."
    yield ""
    if structure:
        yield (
            "This is advice by structure: no network was trained, since the graph has no labels y "
            "or the task is structure."
        )
        yield "Walk indices bound the interactions that a network can model."
    if advice.validation is not None:
        name = "loss" if structure else "loss of the validation score"
        yield f"{name}: {_points(advice.validation, advice.unit)}; {allowed}"
    if advice.loss is not None and not structure:
        full, cut = (100 * score for score in advice.scores)
        yield f"loss of the test score: {_points(advice.loss, advice.unit)}; it decided nothing"
        yield "(intervals are over seeds; other test vertices may differ by more)"
        yield f"test {advice.metric}: {full:.1f} with all edges, {cut:.1f} after the cut"
        yield advice.verdict
    if advice.worth is not None and advice.percent != 100:
        yield f"loss without any edges: {_points(advice.worth, advice.unit)}"
    yield ""
    yield from _savings(advice)
    yield ""
    by_reason: dict[str, list[str]] = {}
    for method, reason in advice.left_out.items():
        by_reason.setdefault(reason, []).append(method)
    yield from (f"not tried: {', '.join(some)} ({why})" for why, some in by_reason.items())
    yield from (f"note: {note}" for note in advice.notes)
    ended = {"done": "the search was finished", "budget": "the budget was spent"}
    how = ended.get(advice.stopped_by, "interrupted: the best so far")
    done = counted(len(advice.trials), "cut" if structure else "run")
    yield f"{done} in {advice.seconds:.0f} s, budget {advice.budget}; {how}"
    if advice.method is not None:
        yield from ("", advice.command(graph, reading), advice.python())


def _points(loss: Loss, unit: str) -> str:
    """A loss in points, with its interval."""
    mean = f"{100 * loss.mean:.1f} {unit}"
    if loss.low is None or loss.high is None:
        return mean
    low, high = 100 * loss.low, 100 * loss.high
    return f"{mean} (95 % interval over {loss.num_seeds} seeds: {low:.1f} to {high:.1f})"


def _savings(advice: Advice) -> Iterator[str]:
    rows = [("", "all edges", "after", "ratio")]
    for saving in advice.savings:
        factor = "all" if not saving.after and saving.before else f"{saving.factor:.2f} x"
        name = f"{saving.name}{' (measured)' if saving.measured else ''}"
        rows.append((name, _amount(saving.before), _amount(saving.after), factor))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *numbers in rows:
        cells = (n.rjust(width) for n, width in zip(numbers, widths[1:], strict=True))
        yield "  ".join([name.ljust(widths[0]), *cells]).rstrip()


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"
