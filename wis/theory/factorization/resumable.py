"""Runs that take long, and continue from a checkpoint to the same result."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

from wis.base.progress import Progress

CHECKPOINT_EVERY_S = 60.0


class Resumable(Protocol):
    """Something that takes long, in steps."""

    step: int

    def identity(self) -> str:
        """A text that differs for everything with another result."""

    def advance(self) -> bool:
        """Take some steps; whether there are more to take."""

    def state(self) -> dict[str, Any]:
        """The content of a checkpoint."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""


def run_to_end(fit: Resumable, path: Path | None, progress: Progress) -> None:
    """Advance to the end, from a checkpoint that is written every minute, on Ctrl-C and at the end.

    Raises:
        CheckpointError: The file belongs to something else.
    """
    from wis.training.checkpoint import DeferredInterrupt, read_checkpoint, write_checkpoint

    identity = fit.identity() if path else ""
    if path and (state := read_checkpoint(path, identity, "cpu")) is not None:
        fit.restore(state)
    written = time.monotonic()
    with DeferredInterrupt(active=path is not None) as interrupt:
        while fit.advance():
            progress(fit.step)
            late = time.monotonic() - written >= CHECKPOINT_EVERY_S
            if path and (late or interrupt.requested):
                write_checkpoint(path, identity, fit.state())
                written = time.monotonic()
            if interrupt.requested:
                raise KeyboardInterrupt
    if path:
        write_checkpoint(path, identity, fit.state())
