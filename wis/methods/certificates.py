"""The common part of all certificates: which steps are checked, and how a fault is reported.

A certificate shares no code with what it certifies: nothing here computes an order, or the keys by
which edges are ordered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableSequence, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.base.checks import checked_integer
from wis.base.progress import Progress, silent
from wis.errors import NotGreedyError, OptionError
from wis.graph import CanonicalGraph

Ints = NDArray[np.int64]
MOST_STEPS = 256
"""Orders of up to so many steps are checked whole."""
SAMPLE = 32
"""Steps of a longer order that are checked if no number is given."""


@dataclass(frozen=True)
class StepChoice:
    """The steps of an order to check where a check of all takes long.

    Attributes:
        all_steps: Whether all are checked.
        sample: How many are checked. If not given, all of up to `MOST_STEPS`, else `SAMPLE`.
        seed: Seed of the sample.
    """

    all_steps: bool = False
    sample: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `OptionError` if the choice is impossible."""
        if self.all_steps and self.sample is not None:
            raise OptionError("all_steps and sample exclude each other; give one of them")
        for name, value, least in (("sample", self.sample, 1), ("seed", self.seed, 0)):
            if value is not None:
                checked_integer(name, value, least)

    @property
    def is_default(self) -> bool:
        """Whether neither `all_steps` nor `sample` was given."""
        return not self.all_steps and self.sample is None

    def of(self, num_steps: int) -> Ints:
        """The steps to check, ascending; of a sample the first and the last are always part."""
        size = SAMPLE if self.sample is None else self.sample
        short = self.sample is None and num_steps <= MOST_STEPS
        if self.all_steps or short or size >= num_steps:
            return np.arange(num_steps)
        ends = np.array([0, num_steps - 1][:size])
        rng = np.random.default_rng(self.seed)
        inner = rng.choice(num_steps - 2, size - ends.size, replace=False) + 1
        return np.sort(np.concatenate([ends, inner]))


@dataclass(frozen=True)
class Checked:
    """The result of a certificate that found no fault.

    Attributes:
        num_checked: Number of steps that were checked.
        rule: The verdict about these steps, to be put after "all steps are".
        not_covered: Properties that were not checked, a phrase for each.
        certifies_nothing: Why the options leave nothing of greediness to certify; empty if they do
            not.
    """

    num_checked: int
    rule: str = "greedy"
    not_covered: tuple[str, ...] = ()
    certifies_nothing: str = ""


def in_batches(num_checked: int, num_edges: int, batch_size: int, noun: str) -> Checked:
    """The result for an order whose steps were compared by the batch."""
    if batch_size == 1 or num_edges < 2:
        return Checked(num_checked)
    rule = f"greedy by the graph at the beginning of each batch of {batch_size}"
    if batch_size >= num_edges:
        why = f"batch_size={batch_size} puts all {num_edges} {noun}s into one batch"
        return Checked(num_checked, rule, certifies_nothing=why)
    missing = f"whether an {noun} is still the best when those before it in its batch are gone"
    return Checked(num_checked, rule, (missing,))


@dataclass(frozen=True)
class Fault:
    """A step that is wrong, counted from 0, and an edge that should have gone before.

    Attributes:
        step: The step.
        better: Id of that edge.
        is_tie: Whether the two are equal, and that edge goes first by its id.
    """

    step: int
    better: int
    is_tie: bool = False

    def error(self, graph: CanonicalGraph, edge_ids: Tensor, why: str) -> NotGreedyError:
        """The error for an order, with what makes the other edge the better one."""
        gone, better = (
            tuple(graph.edges[:, int(edge)].tolist()) for edge in (edge_ids[self.step], self.better)
        )
        if self.is_tie:
            why = "which is as good, has the smaller edge id and goes in the same batch"
        return NotGreedyError(
            f"step {self.step + 1} of {edge_ids.numel()} removes {graph.noun} {gone}, although "
            f"{graph.noun} {better} is left, {why}",
            step=self.step,
            edge=gone,
        )


def first_tie_out_of_place(keys: Sequence[Any], batch: Sequence[int]) -> Fault | None:
    """The first edge of a batch that is listed before one of the same key and a smaller id.

    Any of several edges of the same key may go; those that go in one batch are listed by id.
    """
    least: dict[Any, int] = {}
    found = None
    for place in range(len(batch) - 1, -1, -1):
        key, edge = keys[place], batch[place]
        before = least.setdefault(key, edge)
        if before < edge:
            found = Fault(place, before, is_tie=True)
        least[key] = min(before, edge)
    return found


def fault_of(
    candidates: Iterable[tuple[int, Any]],
    mine: Any,
    batch: Sequence[int],
    place: int,
    *,
    stop_early: bool = False,
) -> Fault | None:
    """The fault of one place of a batch: the best edge that should have gone instead.

    Args:
        candidates: The edges that are left at the beginning of the batch, by rising id, each with
            its key; a smaller key is better.
        mine: The key of the edge at that place.
        batch: Edge ids.
        place: The place in the batch, which the fault counts from.
        stop_early: Name the first better edge, without a look at the others.
    """
    listed, mates = set(batch[:place]), set(batch[place + 1 :])
    best, better, tied = mine, -1, -1
    for edge, key in candidates:
        if key < best and edge not in listed:
            best, better = key, edge
            if stop_early:
                break
        elif tied < 0 and key == mine and edge < batch[place] and edge in mates:
            tied = edge  # edges of one key and one batch are listed by their ids
    if better >= 0:
        return Fault(place, better)
    return Fault(place, tied, is_tie=True) if tied >= 0 else None


class Replay(Protocol):
    """A graph from which the edges of an order go, batch by batch."""

    def fault_in(self, batch: list[int], before: Callable[[int], None]) -> Fault | None:
        """The first wrong place of a batch, by the graph at its beginning.

        `before` is called with each place, and closes edges.
        """

    def close(self, edges: Ints) -> object:
        """Leave edges out of the choice that may not go any more."""

    def remove(self, batch: list[int]) -> object:
        """Take the edges of a batch away."""


def first_fault(
    replay: Replay,
    ids: list[int],
    batch_size: int,
    progress: Progress = silent,
    last: Ints | None = None,
) -> Fault | None:
    """The first wrong step of an order, all of whose steps are checked; None if there is none.

    `last` is that of `check_steps`.
    """
    closing = _by_last_step(last)
    for start in range(0, len(ids), batch_size):
        batch = ids[start : start + batch_size]

        def before(place: int, start: int = start) -> None:
            if (passed := closing.get(start + place - 1)) is not None:
                replay.close(passed)

        fault = replay.fault_in(batch, before)
        if fault is not None:
            return replace(fault, step=start + fault.step)
        replay.remove(batch)
        progress(start + len(batch))
    return None


def check_steps(
    graph: CanonicalGraph,
    edge_ids: Tensor,
    steps: Ints,
    *,
    batch_size: int,
    fault_at: Callable[[Ints, Ints, list[int], int, Progress], Fault | None],
    replay: Callable[[], Replay] | None,
    why: str,
    progress: Progress,
    last: Ints | None = None,
) -> Checked:
    """Check some steps of an order, or all of them.

    Args:
        graph: The graph.
        edge_ids: int64 [count], the order.
        steps: Which steps, ascending.
        batch_size: How many edges went at a time.
        fault_at: The fault of one place of a batch, given the edges left at its beginning, those of
            them that may go, the batch, the place, and a function to call with the number of edges
            that were looked at.
        replay: Makes the graph from which all edges of the order go one batch after the other; None
            to look at each step by itself.
        why: What makes an edge better than the one that went, for the error.
        progress: Called with the number of steps that are done, in shares of one that takes long.
        last: int64 [m], the last step at which each edge may go (`wis.methods.last_steps`); all may
            go at any step if not given.

    Raises:
        NotGreedyError: At the first of the steps that is wrong.
    """
    ids, fault = edge_ids.cpu().numpy(), None
    if replay is not None:
        fault = first_fault(replay(), ids.tolist(), batch_size, progress, last)
    for done, step in enumerate(steps.tolist() if replay is None else []):
        start = step - step % batch_size
        left = np.setdiff1d(np.arange(graph.num_edges), ids[:start])
        open_ = left if last is None else left[last[left] >= step]

        def looked_at(edges: int, done: int = done, whole: int = left.size) -> None:
            progress((done * whole + edges) * ids.size // (steps.size * whole))

        batch = ids[start : start + batch_size].tolist()
        fault = fault_at(left, open_, batch, step - start, looked_at)
        if fault is not None:
            fault = replace(fault, step=step)
            break
        progress((done + 1) * ids.size // steps.size)
    if fault is not None:
        raise fault.error(graph, edge_ids, why)
    return in_batches(int(steps.size), graph.num_edges, batch_size, graph.noun)


def _by_last_step(last: Ints | None) -> dict[int, Ints]:
    """For each step the edges that may go there for the last time; -1 for those that never may."""
    if last is None or not last.size:
        return {}
    order = np.argsort(last, kind="stable")
    step, first = np.unique(last[order], return_index=True)
    return dict(zip(step.tolist(), np.split(order, first[1:]), strict=True))


def first_fault_by_keys(
    keys: Sequence[Any],
    batch: Sequence[int],
    better_than: Callable[[Any], int | None],
    listed: MutableSequence[bool],
    before: Callable[[int], None],
) -> Fault | None:
    """The first wrong place of a batch.

    Args:
        keys: The keys of its edges; a smaller one is better.
        batch: Edge ids.
        better_than: An edge that is left and not listed with a better key than this one, or None.
        listed: Whether an edge has come up in the order; updated in place.
        before: Called with each place first; may set `listed` of edges that stay.
    """
    fault = None
    for place, edge in enumerate(batch):
        before(place)
        better = better_than(keys[place])
        if better is not None:
            fault = Fault(place, better)
            break
        listed[edge] = True
    tie = first_tie_out_of_place(keys, batch)
    found = [wrong for wrong in (fault, tie) if wrong is not None]
    return min(found, key=lambda wrong: wrong.step, default=None)
