"""An advice as a text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from wis.advice.result import NO_CUT
from wis.errors import counted

if TYPE_CHECKING:
    from wis.advice import Advice, Loss


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
        rows.append((name, _number(saving.before), _number(saving.after), factor))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *numbers in rows:
        cells = (n.rjust(width) for n, width in zip(numbers, widths[1:], strict=True))
        yield "  ".join([name.ljust(widths[0]), *cells]).rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"
