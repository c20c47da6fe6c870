"""General WIS: remove, one by one, the edge whose loss costs chosen walk indices least.

WIS is a special case of Algorithm 3 (Appendix D.4). Its inputs are partitions, each for graph
prediction or for a target vertex (`wis.graph.partitions`), and an order of tuples, ARGMAX. In each
step it computes for every edge the tuple of walk indices that its removal would leave, and removes
an edge whose tuple is the greatest. With all singletons as partitions, each with itself as target,
and sorted tuples compared lexicographically it is (L-1)-WIS (Algorithm 1): the walks that start at
t or a neighbour of t and take L - 1 steps to t are the closed walks of length L at t. Then the
engine ``local`` of ``wis`` makes the order.

The walk indices that each edge would take are kept, and computed anew near the edges that go
(`wis.methods.k_wis.walk_state`). The tuples are compared column by column, as far as they are tied,
or, where an edge touches few of many walk indices, by `wis.methods.k_wis.signatures`. The
certificate in `wis.methods.k_wis.general_certificate` shares no code with either.

Source: Algorithm 3; Razin, Verbin, Cohen, NeurIPS 2023, arXiv:2211.16494, Appendix D.4.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from wis.base.checks import check_digest, check_walk_length, checked_integer
from wis.base.progress import Progress
from wis.errors import OptionError, UnknownNameError
from wis.graph import CanonicalGraph
from wis.graph.partitions import GIVEN, Partitions, check_partitions, resolve_partitions
from wis.methods.checkpoints import Checkpoint, in_steps
from wis.methods.guard import Guard
from wis.methods.k_wis.engines import local_steps
from wis.methods.k_wis.general_certificate import check_general_order
from wis.methods.k_wis.signatures import LossTable
from wis.methods.k_wis.walk_state import Counts, Ints, WalkState
from wis.methods.registry import register

CALLABLE = "function "
Rows = Callable[[Ints], Counts]
"""Rows of candidates by their positions: int64 or object, [len(positions), num_partitions]."""

Argmax = str | Callable[[Counts], Any]
NAMED = ("lexicographic", "min", "sum", "max")
FIRST_WIDTH = 16
"""Factor by which more columns are compared when rows are still tied."""
CHUNK_CELLS = 2**22
"""Entries of rows that are in memory at once: 32 MiB."""


def _resolve(graph: CanonicalGraph, options: dict[str, Any]) -> dict[str, Any]:
    """Check the options of `general_order` as far as that needs no graph."""
    options = dict(options)
    options["walk_length"] = check_walk_length(options["walk_length"], least=0)
    options["batch_size"] = checked_integer("batch_size", options["batch_size"], 1)
    argmax = options["argmax"]
    if isinstance(argmax, str) and argmax not in NAMED:
        if argmax.startswith(CALLABLE):
            raise OptionError(f"the order was made with the {argmax}: give it again as argmax")
        raise UnknownNameError.among("argmax", argmax, NAMED)
    if not isinstance(argmax, str) and not callable(argmax):
        raise OptionError(f"argmax is {argmax!r}; expected {', '.join(NAMED)}, or a function")
    if options["partitions"] == GIVEN:
        raise OptionError("the order was made for partitions from a list: give it again")
    check_partitions(options["partitions"])
    if options.get("checkpoint") is None:
        options.pop("checkpoint", None)
    return options


def _prepare(
    graph: CanonicalGraph, data: Any, options: dict[str, Any], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find the partitions; their choice, number and digest are recorded.

    Options of a saved order come with these, and its partitions must be found again.
    """
    options = _resolve(graph, options)
    digest = options.pop("partitions_digest", None)
    options.pop("num_partitions", None)
    partitions = resolve_partitions(options["partitions"], graph, data=data, seed=seed)
    what = f"these partitions ({len(partitions)}, {partitions.choice})"
    check_digest(what, partitions.digest, digest)
    record = {
        **options,
        "partitions": partitions.choice,
        "argmax": _name(options["argmax"]),
        "num_partitions": len(partitions),
        "partitions_digest": partitions.digest,
    }
    return {**options, "partitions": partitions}, record


def _name(argmax: Argmax) -> str:
    if isinstance(argmax, str):
        return argmax
    return CALLABLE + getattr(argmax, "__qualname__", type(argmax).__qualname__)


@register(
    "gwis",
    summary="General WIS: spare the edges whose loss costs the walk indices of given partitions",
    uses_seed=True,
    resolve=_resolve,
    prepare=_prepare,
    verify=check_general_order,
    supports_directed=True,
)
def general_order(
    graph: CanonicalGraph,
    *,
    count: int,
    seed: int,
    progress: Progress,
    walk_length: int = 1,
    partitions: Any = "singletons",
    argmax: Argmax = "lexicographic",
    batch_size: int = 1,
    checkpoint: str | Path | None = None,
    guard: Guard | None = None,
) -> Tensor:
    """The removal order of General Walk Index Sparsification; ties go to the smallest edge id.

    Args:
        graph: The graph; in a directed one arcs go, and boundaries and walks are those of
            Appendix D.2.
        count: Length of the order; a shorter one is the beginning of the whole one.
        seed: Seed of those choices of partitions that are random.
        progress: Called with the number of edges removed.
        walk_length: L - 1 for a GNN of depth L, 0 or more.
        partitions: A list of subsets and (subset, target) pairs, the name of a choice, or a file;
            see `wis.graph.partitions.resolve_partitions`.
        argmax: The order of tuples, the greatest of which wins: ``"lexicographic"`` (entries sorted
            ascending first), ``"min"``, ``"sum"``, ``"max"``, or a function. The function is given,
            once a round, the walk indices that each candidate would leave, int64 [candidates,
            partitions] by ascending edge id (object, with Python's integers, where counts might
            pass 2^62), and returns a key for each candidate, [candidates], or several, [candidates,
            k], compared from the first on.
        batch_size: 1 is exact. B > 1 is an approximation: the B best edges by the walk indices at
            the beginning of a round go at once.
        checkpoint: A file of the edges removed so far, written every minute
            (`wis.methods.checkpoints`). If it exists, the work goes on from it. A function `argmax`
            is known by its name alone.
        guard: Which edges may go (`wis.methods.guard`); all if not given. Others are no candidates
            and count in all walk indices. `argmax` is called again after a refusal.

    Returns:
        int64 tensor of shape [count] on the graph's device; shorter if no more may go.
        The work is done on the CPU.

    Raises:
        OptionError: An option is impossible, or the tables would take more than 16 GiB.
        CheckpointError: The checkpoint is damaged, or of another graph, rule or version.

    Cost, with K partitions, T different targets and p = `walk_length`: tables of 8 K (m + p n) +
    8 T (p + 1) n bytes. At the beginning O(p^2 m K). A round compares m K numbers, sorts those that
    tie if `argmax` is lexicographic (only the numbers that an edge changes, where these are few),
    and computes the losses anew of edges within p steps of those that went. From p = 3 on it
    needs the rows of the powers of A up to (p - 1) / 2, rounded up, at these edges, sparse: their
    size is the memory that long walks take.
    """
    chosen = resolve_partitions(partitions, graph, seed=seed)
    rule = {
        "method": "gwis",
        "walk_length": walk_length,
        "batch_size": batch_size,
        "argmax": _name(argmax),
        "partitions": chosen.digest,
    }
    is_wis = argmax == "lexicographic" and walk_length and _are_singletons(chosen, graph.num_nodes)

    def steps(rest: CanonicalGraph, guard: Guard | None) -> Iterator[list[int]]:
        if is_wis:
            with contextlib.suppress(OptionError):  # counts pass 2^61: the tables hold any integers
                return local_steps(rest.without_isolated(), walk_length + 1, batch_size, guard)
        return _steps_by_tables(rest, chosen, walk_length, argmax, batch_size, guard)

    kept = Checkpoint(checkpoint, graph, guard, **rule) if checkpoint else None
    return in_steps(
        graph, steps, count=count, progress=progress, batch_size=batch_size, checkpoint=kept,
        guard=guard,
    )  # fmt: skip


def _are_singletons(partitions: Partitions, num_nodes: int) -> bool:
    """Whether each vertex is a subset, with itself as target."""
    own = dict(zip(partitions.targets, map(np.ndarray.tolist, partitions.subsets), strict=True))
    return len(partitions) == num_nodes and own == {v: [v] for v in range(num_nodes)}


def _steps_by_tables(
    graph: CanonicalGraph,
    partitions: Partitions,
    walk_length: int,
    argmax: Argmax,
    batch_size: int,
    guard: Guard | None,
) -> Iterator[list[int]]:
    """The order of a graph for any partitions, `batch_size` edges at a time, by all losses."""
    state = WalkState(graph, partitions, walk_length)
    sparse = argmax == "lexicographic" and LossTable.pays_off(state.loss)
    signatures = LossTable(state.loss) if sparse else None
    left = np.arange(graph.num_edges)
    if guard is not None:
        guard.refuse_bridges()
        left = np.flatnonzero(guard.open)
    while left.size:
        batch: list[int] = []
        while left.size and len(batch) < batch_size:
            size = min(batch_size - len(batch), left.size)
            if signatures is None:
                best = _best(state, left, argmax, size)
            else:
                best = signatures.best(state.index, left, size)
            ids = left[best].tolist()
            batch += ids if guard is None else filter(guard.removes, ids)
            left = np.delete(left, best)
        if not batch:
            return
        yield batch
        stale = state.remove(np.array(batch, dtype=np.int64))
        if signatures is not None:
            signatures.update(state.loss, stale)


def _best(state: WalkState, left: Ints, argmax: Argmax, size: int) -> Ints:
    """Positions in `left` of the best edges, best first."""

    def rows(positions: Ints) -> Counts:
        return state.index - state.loss[left[positions]]

    return best_rows(rows, (left.size, state.index.size), argmax, size)


def best_rows(rows: Rows, shape: tuple[int, int], argmax: Argmax, size: int) -> Ints:
    """Positions of the `size` best candidates, best first; `shape` is [candidates, partitions].

    A candidate is a row: the walk indices that would be left if its edge went. Larger is better,
    and ties go to the first row, which is the smallest edge id.

    - ``lexicographic``: rows with their entries in ascending order are compared entry by entry, as
      in Algorithm 1: the smallest walk index counts first, then the second smallest, ...
    - ``min``, ``max``, ``sum``: rows are compared by that of their entries.
    - a function of all rows that returns one key for each, or several in columns, the first of
      which counts first.

    Raises:
        OptionError: The function does not return keys.
    """
    if not isinstance(argmax, str):
        every = np.arange(shape[0])
        keys = _checked_keys(argmax(rows(every)), shape[0])
        return best_by_columns(lambda positions, width: keys[positions, :width], keys.shape, size)
    if argmax == "lexicographic":
        return best_by_columns(lambda at, width: _smallest(rows, at, width, shape[1]), shape, size)
    reduce: Any = {"min": np.min, "max": np.max, "sum": np.sum}[argmax]
    if shape[1] == 0:
        return np.arange(size)
    key = _in_chunks(rows, np.arange(shape[0]), lambda part: reduce(part, axis=1), shape[1])
    return best_by_columns(lambda positions, width: key[positions, None], (shape[0], 1), size)


def best_by_columns(
    columns: Callable[[Ints, int], Counts], shape: tuple[int, int], size: int
) -> Ints:
    """The first `size` rows in descending order; columns are computed only while rows are tied.

    `columns` gives the first columns of some rows, given their positions and how many columns.
    """
    chosen: list[Ints] = []
    tied, need, done, width = np.arange(shape[0]), size, 0, 1
    # rows that are tied for the last places so far, and how many of these places are open
    while done < shape[1] and 0 < need < tied.size:
        block = columns(tied, width)[:, done:]
        while need < tied.size:
            differ = np.flatnonzero((block != block[0]).any(axis=0))
            if differ.size == 0:
                break
            values = block[:, differ[0]]
            least = values.max() if need == 1 else np.sort(values)[values.size - need]
            chosen.append(tied[values > least])
            need -= chosen[-1].size
            tied, block = tied[values == least], block[values == least]
        done, width = width, min(FIRST_WIDTH * width, shape[1])
    chosen.append(tied[:need])
    found: Ints = np.sort(np.concatenate(chosen))
    if size == 1:
        return found
    keys = columns(found, shape[1]).tolist()
    order = sorted(range(found.size), key=keys.__getitem__, reverse=True)  # keeps ties in order
    return found[order]


def _smallest(rows: Rows, positions: Ints, width: int, num_columns: int) -> Counts:
    """The `width` smallest of the `num_columns` entries of each row, ascending."""

    def of_chunk(part: Counts) -> Counts:
        if width == 1:
            return np.asarray(part.min(axis=1))
        if width < num_columns:
            part = np.partition(part, width - 1, axis=1)[:, :width]
        return np.sort(part, axis=1)

    if width == 0:
        return np.empty((positions.size, 0), dtype=np.int64)
    return _in_chunks(rows, positions, of_chunk, num_columns).reshape(positions.size, width)


def _in_chunks(
    rows: Rows, positions: Ints, reduce: Callable[[Counts], Counts], num_columns: int
) -> Counts:
    step = max(CHUNK_CELLS // max(num_columns, 1), 1)
    parts = [reduce(rows(positions[a : a + step])) for a in range(0, positions.size, step)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _checked_keys(keys: Any, num_rows: int) -> Counts:
    """The keys that a function returned, as [num_rows, num_columns]."""
    found = np.asarray(keys)
    expected = f"one key for each of the {num_rows} candidates"
    if found.ndim not in (1, 2) or found.shape[0] != num_rows:
        raise OptionError(
            f"argmax returned an array of shape {list(found.shape)}; expected {expected}"
        )
    if found.dtype.kind not in "biufO":
        raise OptionError(f"argmax returned keys of dtype {found.dtype}; expected numbers")
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise OptionError("argmax returned nan, which is no key: nothing is above or below it")
    return found.reshape(num_rows, -1)
