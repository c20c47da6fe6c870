"""A comparison as a table for a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from wis.measure.comparison import Comparison
    from wis.measure.values import Measure

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


def _measures(comparison: Comparison) -> Table:
    kind = "directed" if comparison.directed else "undirected"
    table = Table(
        title=f"{comparison.num_nodes:,} vertices, {kind}", title_justify="left", box=None
    )
    table.add_column("")
    for head in ("before", "after", "change"):
        table.add_column(head, justify="right", no_wrap=True)
    for name, before in comparison.before.items():
        after = comparison.after.get(name)
        if after is None:
            table.add_row(before.label, _shown(before), "-", "")
        else:
            table.add_row(before.label, _shown(before), _shown(after), _change(before, after))
    return table


def _ratios(comparison: Comparison) -> Table:
    table = Table(title="after / before", title_justify="left", box=None)
    table.add_column("")
    for head in ("lowest", "mean", "highest"):
        table.add_column(head, justify="right", no_wrap=True)
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
