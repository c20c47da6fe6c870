"""Checkpoints: the state of a run in a file, written whole or not at all.

The file is torch's own format, read by `wis.base.unpickle`, which runs no code from it. It holds
the hash of the configuration and of the data, so a run never resumes from the state of another run.
"""

from __future__ import annotations

import hashlib
import io
import json
import signal
import threading
from collections import OrderedDict
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import torch

from wis.base import unpickle
from wis.base.atomic import atomic_write
from wis.base.limits import available_memory
from wis.errors import CheckpointError, GraphFileError, GraphFormatError
from wis.training.config import TrainConfig
from wis.training.problem import Problem

FORMAT = "wis-training-1"


def identity(problem: Problem, config: TrainConfig) -> str:
    """Hash of everything that the result depends on, except versions and threads."""
    text = json.dumps(config.as_dict(), sort_keys=True, default=str)
    return hashlib.sha256(f"wis-run-2 {text} {problem.digest()}".encode()).hexdigest()


def write_checkpoint(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Replace the file at `path` in one step; `GraphFileError` if it cannot be written."""
    buffer = io.BytesIO()  # torch aborts the whole process if the disk is full
    torch.save({"format": FORMAT, "identity": identity, "state": state}, buffer)
    with atomic_write(path, force=True) as file:
        file.write(buffer.getbuffer())


def read_checkpoint(path: Path, identity: str, device: str) -> dict[str, Any] | None:
    """The state at `path`, None if there is no such file.

    Raises:
        CheckpointError: The file is damaged or belongs to another run.
        GraphFileError: The file cannot be read.
    """
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            content = unpickle.load(file, limit=available_memory(), graphs=False)
    except OSError as error:
        raise GraphFileError(f"{path}: cannot be read: {error.strerror}") from None
    except GraphFormatError:
        content = None
    match content:
        case {"format": str() as form, "identity": str() as found, "state": dict() as state}:
            pass
        case _:
            raise CheckpointError(
                f"{path}: is no checkpoint of a training run, or damaged; delete it to start afresh"
            )
    if (form, found) != (FORMAT, identity):
        raise CheckpointError(
            f"{path}: is the checkpoint of a run with another configuration or other data; delete "
            "it, or give another file"
        )
    moved: dict[str, Any] = _on(state, torch.device(device))
    return moved


def _on(value: Any, device: torch.device) -> Any:
    """Move all tensors in nested containers to a device."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if type(value) in (dict, OrderedDict):
        for key, part in value.items():
            value[key] = _on(part, device)
        return value
    if type(value) in (list, tuple):
        return type(value)(_on(part, device) for part in value)
    return value


class DeferredInterrupt:
    """Context manager: the first Ctrl-C sets a flag, so that the epoch ends; the second interrupts.

    It has no effect outside the main thread, which alone can handle signals, and where Python does
    not handle Ctrl-C.
    """

    requested = False

    def __init__(self, *, active: bool) -> None:
        self.active = active and threading.current_thread() is threading.main_thread()
        self.before: Any = None

    def __enter__(self) -> DeferredInterrupt:
        if self.active:
            self.before = signal.getsignal(signal.SIGINT)
            self.active = callable(self.before)
        if self.active:
            signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            self.before(number, frame)
        self.requested = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.active:
            signal.signal(signal.SIGINT, self.before)
        if self.requested and kind is None:
            self.before(signal.SIGINT, None)
