"""What goes into an experiment and what comes out: rows, curves, a verdict, a figure."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from wis.base.atomic import atomic_write
from wis.base.figures import check_can_plot
from wis.base.progress import Progress, silent
from wis.theory.factorization.model import Factorization
from wis.theory.factorization.optimization import Measure, Rate, Run, Stop, train
from wis.theory.factorization.tasks import Task

Row = dict[str, Any]
Watch = Callable[[str, int], AbstractContextManager[Progress]]


def unwatched(title: str, total: int) -> AbstractContextManager[Progress]:
    """Progress that nobody watches."""
    return nullcontext(silent)


@dataclass
class Request:
    """How an experiment is to be run.

    Attributes:
        seed: Ground truths and observations are drawn from it, initializations from it and their
            number.
        folder: Where checkpoints go; None for none.
        watch: Makes a progress bar from a title and a total.
        data_root: Where MNIST and Fashion-MNIST lie; None for the usual place.
    """

    seed: int = 0
    folder: Path | None = None
    watch: Watch = unwatched
    data_root: Path | None = None
    checkpoints: list[Path] = field(default_factory=list)

    def train(
        self,
        label: str,
        model: Factorization,
        task: Task,
        weights: Sequence[Tensor],
        *,
        rate: Rate,
        stop: Stop,
        measure: Measure | None = None,
        per_decade: int = 60,
    ) -> Run:
        """`optimization.train`, watched, and kept in the folder until the experiment is done."""
        path = None
        if self.folder is not None:
            path = self.folder / f"{label}.ckpt"
            self.checkpoints.append(path)
        with self.watch(label, stop.max_steps) as progress:
            return train(
                model,
                task,
                weights,
                rate=rate,
                stop=stop,
                measure=measure,
                per_decade=per_decade,
                checkpoint=path,
                keep_checkpoint=True,
                progress=progress,
            )

    def forget(self) -> None:
        """Delete the checkpoints."""
        for path in self.checkpoints:
            path.unlink(missing_ok=True)


@dataclass
class Outcome:
    """The result of an experiment.

    Attributes:
        rows: One for each run, everything needed to tell it from the others included.
        verdict: One paragraph, computed from the rows.
        draw: From a matplotlib figure factory's product to the picture: fills a figure.
        curves: Arrays behind the figure, under names.
    """

    rows: list[Row]
    verdict: str
    draw: Callable[[Any], None]
    curves: dict[str, np.ndarray] = field(default_factory=dict)

    def write(self, folder: Path, *, force: bool) -> list[Path]:
        """Write rows.jsonl, verdict.txt, curves.npz and figure.png.

        Raises:
            OutputExistsError: One exists and `force` is false.
            MissingDependencyError: matplotlib is not installed.
        """
        contents = {
            "rows.jsonl": lambda: "".join(json.dumps(row) + "\n" for row in self.rows).encode(),
            "verdict.txt": lambda: (self.verdict + "\n").encode(),
            "curves.npz": self._curves,
            "figure.png": self._picture,
        }
        paths = []
        for name, content in contents.items():  # a figure that fails leaves the rows written
            paths.append(folder / name)
            with atomic_write(paths[-1], force=force) as file:
                file.write(content())
        return paths

    def _curves(self) -> bytes:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **self.curves)
        return buffer.getvalue()

    def _picture(self) -> bytes:
        check_can_plot("figure.png")
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        self.draw(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def share(flags: Sequence[bool]) -> str:
    """Such as ``"3 of 4"``."""
    return f"{sum(map(bool, flags))} of {len(flags)}"


def number(value: float) -> str:
    """A number as verdicts show it."""
    return f"{value:.3g}"
