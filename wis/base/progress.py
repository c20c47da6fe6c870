"""A progress bar for long computations, or lines in the log of a job.

A method reports how many edges are done, and the caller chooses what to show. By default a bar
appears on stderr if that is a terminal and the computation has lasted `PATIENCE_S` seconds; if it
is no terminal, a line is written every `LINE_S` seconds.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

Progress = Callable[[int], None]
"""Called with the number of edges done so far."""

Unit = Literal["items", "bytes"]

PATIENCE_S = 2.0
LINE_S = 60.0


def silent(done: int) -> None:
    """A progress report that does nothing."""


def shifted(progress: Progress, before: int) -> Progress:
    """The progress report of a part that begins when `before` is done."""
    return lambda done: progress(before + done)


@contextmanager
def progress_bar(
    title: str, total: int, *, show: bool | None = None, unit: Unit = "items"
) -> Iterator[Progress]:
    """A bar on stderr for the duration of a `with` block.

    Args:
        title: A name for the computation.
        total: The number at which it is finished; 0 if unknown.
        show: Draw it from the start (true), never (false), or after `PATIENCE_S` seconds if stderr
            is a terminal, with lines in its place if it is none (None).
        unit: ``"items"``, or ``"bytes"`` to show kB, MB and so on.
    """
    if show is False or sys.stderr is None:
        yield silent
        return
    if show is None and not sys.stderr.isatty():
        yield _Lines(title, total, unit).update
        return
    bar = _Bar(title, total, unit, time.monotonic() + (0 if show else PATIENCE_S))
    try:
        yield bar.update
    finally:
        bar.close()


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show on a terminal that a step without a count goes on, after `PATIENCE_S` seconds."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    bar = _Bar(title, 0, "items", 0)
    timer = threading.Timer(PATIENCE_S, bar.update, (0,))  # rich moves the bar in a thread
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        bar.close()


class _Lines:
    """A line on stderr every `LINE_S` seconds: what is done, the time so far and the time left."""

    def __init__(self, title: str, total: int, unit: Unit) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.start, self.first = time.monotonic(), -1
        self.next_update = self.start + LINE_S

    def update(self, done: int) -> None:
        now = time.monotonic()
        if self.first < 0:  # a run that goes on from a checkpoint does not begin at 0
            self.first = done
        if now < self.next_update:
            return
        self.next_update = now + LINE_S
        seconds, fresh, text = now - self.start, done - self.first, f"{done:,}"
        if self.total:
            text += f" of {self.total:,}{' bytes' * (self.unit == 'bytes')}"
            text += f" ({done / self.total:.0%})"
        text += f" in {seconds / 60:.0f} min"
        if self.total and fresh > 0:
            text += f", about {seconds * (self.total - done) / fresh / 60:.0f} min left"
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{self.title}: {text}\n")
            sys.stderr.flush()


class _Bar:
    """A rich progress bar that starts late and redraws at most ten times a second."""

    def __init__(self, title: str, total: int, unit: Unit, start_at: float) -> None:
        self.title, self.total, self.unit, self.next_update = title, total, unit, start_at
        self.bar: Any = None
        self.task: Any = None

    def update(self, done: int) -> None:
        now = time.monotonic()
        if now < self.next_update:
            return
        self.next_update = now + 0.1
        if self.bar is None:
            self._open()
        self.bar.update(self.task, completed=done)

    def _open(self) -> None:
        from rich import progress as rich
        from rich.console import Console

        columns = (
            rich.TextColumn("{task.description}"),
            rich.BarColumn(),
            rich.DownloadColumn() if self.unit == "bytes" else rich.MofNCompleteColumn(),
            rich.TimeRemainingColumn(),
        )
        self.bar = rich.Progress(*columns, console=Console(stderr=True), transient=True)
        self.task = self.bar.add_task(self.title, total=self.total or None)
        self.bar.start()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
