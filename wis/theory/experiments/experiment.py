"""An experiment of the thesis, the input of a run, and its result: rows, curves and verdicts."""

from __future__ import annotations

import io
import json
import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from torch import Tensor

from wis.base.atomic import atomic_write
from wis.base.limits import available_memory, shown_size
from wis.base.progress import Progress, silent
from wis.errors import OptionError
from wis.theory.experiments.claims import Claim, Row, Verdict

if TYPE_CHECKING:
    from wis.theory.factorization.model import Factorization
    from wis.theory.factorization.optimization import Run
    from wis.theory.factorization.tasks import Task

__all__ = ["Experiment", "Outcome", "Request", "Row", "Watch", "number", "share", "unwatched"]

MOST_RECORDS = 200
"""The most records of a curve that a file of results holds."""
WORDS = {"fig": "Figure"}
Watch = Callable[[str, int], AbstractContextManager[Progress]]
T = TypeVar("T")

LONGEST_S = 24 * 3600.0
"""A run that is forecast to take longer needs `Request.force_size`."""

_log = logging.getLogger(__name__)


def unwatched(title: str, total: int) -> AbstractContextManager[Progress]:
    """A progress bar that shows nothing."""
    return nullcontext(silent)


@dataclass
class Request:
    """How to run an experiment.

    Attributes:
        seed: Seed of ground truths and observations, and, with the number of an initialization, of
            initializations.
        folder: Folder of checkpoints; None for no checkpoints.
        watch: Makes a progress bar from a title and a total.
        data_root: Folder that holds MNIST and Fashion-MNIST; None for the usual place.
        device: Where to compute; only experiments with `takes_device` get another than the CPU.
        force_size: Run what is forecast to take longer than `LONGEST_S` or more memory than there
            is.
    """

    seed: int = 0
    folder: Path | None = None
    watch: Watch = unwatched
    data_root: Path | None = None
    device: str = "cpu"
    force_size: bool = False
    checkpoints: list[Path] = field(default_factory=list)

    def train(
        self,
        label: str,
        model: Factorization,
        task: Task,
        weights: Sequence[Tensor],
        **options: Any,
    ) -> Run:
        """Run `optimization.train` with a progress bar and a checkpoint."""
        from wis.theory.factorization.optimization import train

        path = self.checkpoint(label)
        with self.watch(label, options["stop"].max_steps) as progress:
            return train(model, task, weights, checkpoint=path, progress=progress, **options)

    def each(self, title: str, items: Sequence[T]) -> Iterator[T]:
        """The items, with a progress bar that counts those that are done."""
        with self.watch(title, len(items)) as progress:
            for done, item in enumerate(items, start=1):
                yield item
                progress(done)

    def checkpoint(self, label: str) -> Path | None:
        """A file for a checkpoint, deleted after the run; None without a folder."""
        if self.folder is None:
            return None
        self.checkpoints.append(self.folder / f"{label}.ckpt")
        return self.checkpoints[-1]

    def kept(self, label: str, settings: object, compute: Callable[[], Row]) -> Row:
        """The row that an interrupted run with equal settings left in the folder, or a new one."""
        from wis.training.checkpoint import read_checkpoint, write_checkpoint

        path = self.checkpoint(label)
        identity = f"row of {label}: {settings!r}"
        row = path and read_checkpoint(path, identity, "cpu")
        if not row:
            row = compute()
            if path:
                write_checkpoint(path, identity, row)
        return row

    def forecast(self, seconds: float, num_bytes: float) -> None:
        """Say how long a run takes at most, and its memory.

        Raises:
            OptionError: It is too much, and `force_size` is false.
        """
        about = f"{seconds / 3600:.3g} hours and {shown_size(num_bytes)} of memory"
        if not self.force_size and (seconds > LONGEST_S or num_bytes > available_memory()):
            raise OptionError(
                f"this size is forecast to take up to {about} on {self.device}; choose a smaller "
                "one with --set or --quick, or pass --force-size"
            )
        if seconds > 60:
            _log.info("forecast: up to %s on %s", about, self.device)

    def forget(self) -> None:
        """Delete the checkpoints."""
        for path in self.checkpoints:
            path.unlink(missing_ok=True)


@dataclass
class Outcome:
    """The result of an experiment; `wis.show.factorization_pictures` draws its figure.

    Attributes:
        rows: One row for each run, with the settings that distinguish it.
        summary: One paragraph with the main numbers of the rows.
        curves: Arrays behind the figure, by name.
        verdicts: The claims of the experiment, judged from the rows; `run_experiment` adds them.
    """

    rows: list[Row]
    summary: str
    curves: dict[str, np.ndarray] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """A line for each claim, and the summary."""
        return "\n".join([*map(str, self.verdicts), self.summary])

    def thinned(self) -> dict[str, list[Any]]:
        """The curves as lists of at most 200 records and five digits; None is not finite."""
        return {name: _thinned(curve) for name, curve in self.curves.items()}

    def write(self, folder: Path, *, force: bool) -> list[Path]:
        """Write rows.jsonl, verdict.txt and curves.npz.

        Raises:
            OutputExistsError: A file exists and `force` is false.
        """
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **self.curves)
        contents = {
            "rows.jsonl": "".join(json.dumps(row) + "\n" for row in self.rows).encode(),
            "verdict.txt": (self.verdict + "\n").encode(),
            "curves.npz": buffer.getvalue(),
        }
        for name, content in contents.items():
            with atomic_write(folder / name, force=force) as file:
                file.write(content)
        return [folder / name for name in contents]


def _thinned(curve: np.ndarray) -> list[Any]:
    curve = np.atleast_1d(curve)
    places = np.linspace(0, len(curve) - 1, min(len(curve), MOST_RECORDS)).round().astype(int)
    numbers = [float(f"{value:.5g}") for value in curve[places].astype(float).ravel()]
    finite = [number if math.isfinite(number) else None for number in numbers]
    shaped: list[Any] = np.array(finite, dtype=object).reshape(-1, *curve.shape[1:]).tolist()
    return shaped


def share(flags: Sequence[bool]) -> str:
    """The number of true flags as text, such as ``"3 of 4"``."""
    return f"{sum(map(bool, flags))} of {len(flags)}"


def number(value: float) -> str:
    """A number as verdicts show it."""
    return f"{value:.3g}"


@dataclass(frozen=True)
class Experiment:
    """An experiment of the thesis.

    Attributes:
        name: Name of its figure, table or theorem.
        runner: Runs it at a size.
        quick: A size that takes under a minute.
        claims: The sentences of the thesis that it stands for.
        source: Its number in the thesis; by default made of the name (``"Figure 1.1"``).
        takes_device: Whether it computes on `Request.device`. Others run on the CPU.
    """

    name: str
    summary: str
    runner: Callable[[Any, Request], Outcome]
    quick: Any
    thesis: Any
    claims: tuple[Claim, ...] = ()
    source: str = ""
    takes_device: bool = False

    def __post_init__(self) -> None:
        """Take the source from the name."""
        kind, *number = re.split(r"(?=[A-Z\d])", self.name, maxsplit=1)
        made = f"{WORDS.get(kind, kind.capitalize())} {''.join(number).replace('_', '.')}".strip()
        object.__setattr__(self, "source", self.source or made)
