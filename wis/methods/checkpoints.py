"""Greedy orders, step by step, and checkpoints from which a long one goes on.

A greedy order by walk indices has no memory: after k edges are gone, the rest of the order is the
order of the graph that is left, since ranks depend on that graph alone and ties go to the smallest
edge id. So a checkpoint holds the edges removed so far and nothing else; with batches a whole
number of them. A shorter or longer order of the same graph goes on from it as well.

The file is written `EVERY_S` seconds after the start and after each write, whole or not at all, and
when the work ends early: by Ctrl-C, SIGTERM or an error. It takes 8 bytes for an edge and some
milliseconds. An order that takes less than `EVERY_S` seconds leaves none.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from wis.base.archive import read_archive
from wis.base.atomic import atomic_write, check_writable
from wis.base.progress import Progress
from wis.base.source import ReadOptions, open_input
from wis.base.version import VERSION
from wis.errors import CheckpointError, GraphFormatError, echo
from wis.graph import CanonicalGraph
from wis.methods.guard import Guard

EVERY_S = 60.0
"""Between two writes: the most that a killed order loses."""
FORMAT = "wis order checkpoint 1"
GraphT = TypeVar("GraphT", bound=CanonicalGraph)


class Checkpoint:
    """The file of an unfinished order.

    Args:
        path: The file; a missing one is the beginning of an order.
        graph: The graph.
        guard: Which edges may go, before any is gone.
        **rule: Everything else that the order depends on, as JSON.

    Attributes:
        next_write: When the next write is due, by `time.monotonic`.
        is_written: Whether the file is there.

    Raises:
        GraphFileError: The file cannot be written.
    """

    def __init__(
        self, path: str | Path, graph: CanonicalGraph, guard: Guard | None = None, **rule: Any
    ):
        self.path, self.num_edges = Path(str(path)), graph.num_edges
        kept = guard and guard.describe()  # None, as in files that hold no protections
        rule = {"graph": graph.fingerprint, **rule, "protections": kept}
        self.key = {"wis": VERSION, **rule}
        self.next_write = time.monotonic() + EVERY_S
        self.is_written = self.path.exists()
        check_writable(self.path, force=True)

    def read(self) -> list[int]:
        """The edges removed so far, none if there is no file.

        Raises:
            CheckpointError: The file is damaged, or of another order.
            GraphFileError: It cannot be read.
        """
        if not self.path.exists():
            return []
        options = ReadOptions()
        try:
            with open_input(self.path, options, FORMAT) as file:
                arrays, _ = read_archive(file, self.path, options, FORMAT)
            header, removed = json.loads(arrays["header"].tobytes()), arrays["removed"]
            if header["format"] != FORMAT or removed.dtype != np.int64 or removed.ndim != 1:
                raise ValueError(header["format"])
            key = dict(header["key"])
        except (GraphFormatError, KeyError, TypeError, ValueError, RecursionError):
            raise CheckpointError(
                f"{self.path}: is no checkpoint of an order, or damaged; delete it to start afresh"
            ) from None
        for name, value in self.key.items():
            if key.get(name) != value:
                raise CheckpointError(
                    f"{self.path}: is the checkpoint of another order: {name} is "
                    f"{echo(str(key.get(name)))} there and {echo(str(value))} here; delete it to "
                    f"start afresh, or give another file"
                )
        if np.unique(removed[(removed >= 0) & (removed < self.num_edges)]).size != removed.size:
            raise CheckpointError(f"{self.path}: is damaged; delete it to start afresh")
        ids: list[int] = removed.tolist()
        return ids

    def write(self, removed: list[int]) -> None:
        """Replace the file by one of these edges."""
        header = json.dumps({"format": FORMAT, "key": self.key}).encode()
        with atomic_write(self.path, force=True) as file:
            np.savez(file, header=np.frombuffer(header, np.uint8), removed=np.array(removed))
        self.next_write, self.is_written = time.monotonic() + EVERY_S, True


def in_steps(
    graph: GraphT,
    steps: Callable[[GraphT, Guard | None], Iterable[Sequence[int]]],
    *,
    count: int,
    progress: Progress,
    batch_size: int = 1,
    checkpoint: Checkpoint | None = None,
    guard: Guard | None = None,
) -> Tensor:
    """The first `count` edges of an order, from a checkpoint on if it has begun.

    Args:
        graph: The graph.
        steps: Gives, for what is left of the graph and its guard, the ids there of the edges that
            go together, the best first; all steps but the last are of `batch_size` edges.
        count: Length of the order.
        progress: Called with the number of edges removed.
        batch_size: How many edges go at a time.
        checkpoint: Where to go on and what to write, if anything.
        guard: Which edges may go, before any is gone; all if not given.

    Returns:
        int64 edge ids [count], fewer if no more may go, on the graph's device.

    Raises:
        CheckpointError: The checkpoint is damaged, or of another order.
        GraphFileError: It cannot be read or written.
    """
    order = checkpoint.read() if checkpoint else []
    if len(order) < count:
        del order[len(order) - len(order) % batch_size :]
        left = np.delete(np.arange(graph.num_edges), order)
        rest = type(graph)(graph.num_nodes, graph.edges[:, left]) if order else graph
        name = left.tolist()
        guard = guard.after(rest, left) if guard and order else guard
        try:
            for batch in steps(rest, guard):
                order += [name[edge] for edge in batch]
                progress(min(len(order), count))
                if len(order) >= count:
                    break
                if checkpoint and time.monotonic() >= checkpoint.next_write:
                    checkpoint.write(order)
        except BaseException:
            if checkpoint and order:
                checkpoint.write(order)
            raise
        if checkpoint and checkpoint.is_written:
            checkpoint.write(order)
    return torch.tensor(order[:count], dtype=torch.int64, device=graph.device)
