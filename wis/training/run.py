"""From data and a configuration to a record: the loop around the epochs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from wis.base.atomic import check_writable
from wis.base.checks import checked_integer
from wis.base.defaults import usual_defaults
from wis.base.progress import Progress, progress_bar, silent
from wis.datasets.splits import split_of_seed, take_split
from wis.errors import CheckpointError, DivergedError, GraphFileError, OptionError
from wis.training.checkpoint import (
    DeferredInterrupt,
    identity,
    read_checkpoint,
    write_checkpoint,
)
from wis.training.config import TrainConfig
from wis.training.engine import Counts, Engine, EpochResult, ModuleEngine, StackedEngine
from wis.training.memory import forget_peak, peak_bytes
from wis.training.mini_batch import MiniBatchEngine
from wis.training.problem import Problem, checked_device, make_problem
from wis.training.record import Curve, RunRecord
from wis.training.stacked import STACKED
from wis.training.stopping import EarlyStopping

if TYPE_CHECKING:
    from torch_geometric.data import Data

CHECKPOINT_EVERY_S = 60.0


@usual_defaults()
def train(
    data: Data,
    config: TrainConfig,
    *,
    split: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    progress: bool | None = None,
) -> RunRecord:
    """One training run: Adam on cross-entropy until the stopping rule of Appendix D.6.2.2 ends it.

    The same call gives the same record, bit for bit, on a CPU with the same number of threads, but
    for its times and memory. `data` is not changed. Its `edge_weight`, if there is one, is not
    used.

    Args:
        data: A graph with float `x` [num_nodes, in_dim], dense or sparse, int64 `y` [num_nodes],
            and boolean `train_mask`, `val_mask`, `test_mask` [num_nodes] (see `split_vertices`);
            or masks [num_nodes, k] of k splits, of which seed s takes split s mod k.
            Arcs are taken as they are: a repeat counts again, a one-way arc carries messages one
            way. For ``task="graph"`` a `Batch` whose labels and masks are of shape [num_graphs].
        config: The run.
        split: Which of k splits to take instead.
        checkpoint: A file that keeps the state: if it exists, the run goes on from there and ends
            as if it had never been interrupted; a finished one gives its record at once. It stays
            when the run is done; delete it when the record is safe.
        checkpoint_every_s: Seconds between two writes; Ctrl-C writes once more.
        progress: Show a bar on stderr (true), never (false), or once it takes long (None).

    Returns:
        The record.

    Raises:
        GraphFormatError: The data lacks something, or its parts do not fit together.
        OptionError: The device or the split does not exist.
        DivergedError: The loss or the predictions are no longer finite.
        CheckpointError: The checkpoint is damaged, or belongs to another run.
    """
    knows_memory = forget_peak(checked_device(config))
    graphs, splits = _in_splits([data], [config.seed], split)
    problem = make_problem(graphs, config)
    path = None if checkpoint is None else Path(checkpoint)
    run = _Run(problem, [config], path, checkpoint_every_s, knows_memory=knows_memory)
    (record,) = run.finish(progress)
    return replace(record, split=splits[0])


@usual_defaults()
def train_many(
    data: Data | Sequence[Data],
    config: TrainConfig,
    seeds: Sequence[int],
    *,
    split: int | None = None,
    seeds_per_run: int = 4,
    checkpoint: str | Path | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    progress: bool | None = None,
) -> list[RunRecord]:
    """Training runs that differ in their seeds, and perhaps in graphs and splits, several as one.

    A run that has stopped leaves the others to go on without it. Its result is that of `train` up
    to the rounding of floats, whichever runs are beside it: sums are taken in another order, and
    over thousands of epochs such differences can grow until a run stops at another epoch. The same
    call gives the same records bit for bit, as for `train`.

    Args:
        data: The graph of all runs, or one for each seed, all with the same `x` and `y`.
        config: The runs; its seed is not used.
        seeds: A seed for each run.
        split: As for `train`.
        seeds_per_run: How many runs at most are computed as one. On Cora and one core four as one
            took 0.87 of the time of four by themselves, eight 0.83.
        checkpoint: A folder for checkpoints, made if need be; see `train`.
        checkpoint_every_s: Seconds between two writes.
        progress: As for `train`.

    Returns:
        A record for each seed, in their order.

    Raises:
        OptionError: There are not as many graphs as seeds.
        DivergedError: A run is no longer finite; the message names its seed. Those beside it end
            too.
        WisError: As for `train`.
    """
    checked_integer("seeds_per_run", seeds_per_run, 1, expected="an integer of at least 1")
    graphs = list(data) if isinstance(data, Sequence) else [data] * len(seeds)
    if len(graphs) != len(seeds):
        raise OptionError(f"there are {len(graphs)} graphs for {len(seeds)} seeds; give one each")
    knows_memory = forget_peak(checked_device(config))
    graphs, splits = _in_splits(graphs, seeds, split)
    records = []
    for start in range(0, len(seeds), seeds_per_run):
        part = slice(start, start + seeds_per_run)
        problem = make_problem(graphs[part], config)
        configs = [config.with_seed(seed) for seed in seeds[part]]
        path = None if checkpoint is None else _file_in(Path(checkpoint), problem, configs)
        run = _Run(problem, configs, path, checkpoint_every_s, knows_memory=knows_memory)
        records += run.finish(progress)
    pairs = zip(records, splits, strict=True)
    return [replace(record, split=number) for record, number in pairs]


def _in_splits(
    graphs: Sequence[Any], seeds: Sequence[int], split: int | None
) -> tuple[list[Any], list[int | None]]:
    """The graph of each seed with one split, and which one that is."""
    splits = [split_of_seed(graph, seed, split) for graph, seed in zip(graphs, seeds, strict=True)]
    return [take_split(graph, k) for graph, k in zip(graphs, splits, strict=True)], splits


def _file_in(folder: Path, problem: Problem, configs: Sequence[TrainConfig]) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GraphFileError(
            f"{folder}: cannot be the folder of checkpoints: {error.strerror}"
        ) from None
    return folder / f"{identity(problem, configs)[:16]}.checkpoint"


@dataclass
class _Track:
    """What has become of one seed so far."""

    stopping: EarlyStopping
    best: Counts = (0, 0, 0)
    loss: float = 0.0
    seconds: float = 0.0
    stopped_by: Literal["patience", "max_epochs"] | None = None
    memory_bytes: int | None = None
    curve: list[tuple[float, int, int]] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        return {**vars(self), "stopping": self.stopping.state()}

    @classmethod
    def of(cls, state: Any) -> _Track:
        """The track that a checkpoint holds; raises `ValueError` if it holds none."""
        match state:
            case {
                "stopping": dict() as rule,
                "best": (int(), int(), int()),
                "loss": float(),
                "seconds": float(),
                "stopped_by": None | "patience" | "max_epochs",
                "memory_bytes": None | int(),
                "curve": list() as curve,
            } if all(isinstance(number, (int, float)) for number in rule.values()):
                rows = [(float(loss), int(val), int(test)) for loss, val, test in curve]
                return cls(**{**state, "stopping": EarlyStopping(**rule), "curve": rows})
        raise ValueError("no track")


class _Run:
    """Several seeds as one: loop, early stopping, checkpoints, records."""

    def __init__(
        self,
        problem: Problem,
        configs: Sequence[TrainConfig],
        path: Path | None,
        every_s: float,
        *,
        knows_memory: bool,
    ) -> None:
        self.knows_memory = knows_memory
        self.problem, self.configs = problem, list(configs)
        self.config = self.configs[0]
        self.path, self.every_s = path, every_s
        self.sizes = [tuple(map(int, row)) for row in problem.masks.sum(dim=2).tolist()]
        if path is not None:
            check_writable(path, force=True)
            self.identity = identity(problem, configs)
        self.tracks = [self._new_track(size[1]) for size in self.sizes]
        self.epoch = 0
        self.active = list(range(len(self.configs)))

    def _new_track(self, num_validation: int) -> _Track:
        rule = EarlyStopping(num_validation, self.config.patience, self.config.min_delta)
        return _Track(rule)

    def finish(self, progress: bool | None) -> list[RunRecord]:
        """Go on, or start, until all seeds have stopped."""
        engine = self._engine()
        seeds = ", ".join(str(config.seed) for config in self.configs)
        title = f"{self.config.model}, seed {seeds}"
        with (
            progress_bar(title, self.config.max_epochs, show=progress) as report,
            DeferredInterrupt(active=self.path is not None) as interrupt,
        ):
            self._loop(engine, report, interrupt)
        if self.active:  # interrupted, and the program's own handler of Ctrl-C has returned
            raise KeyboardInterrupt
        return [self._record(position, engine.name) for position in range(len(self.configs))]

    def _engine(self) -> Engine:
        """A new engine, or one restored from the checkpoint."""
        saved = None
        if self.path is not None:
            saved = read_checkpoint(self.path, self.identity, self.config.device)
        if saved is None:
            return make_engine(self.problem, self.configs)
        with self._whatever_fails_is_damage():
            self._take_over(saved)
        chosen = self.active or [0]
        engine = make_engine(self.problem.select(chosen), [self.configs[i] for i in chosen])
        if self.active:
            with self._whatever_fails_is_damage():
                engine.restore(saved["engine"])
        return engine

    def _take_over(self, saved: dict[str, Any]) -> None:
        """Take epoch, seeds and tracks out of a checkpoint; raises if they are no such thing."""
        epoch, active = saved["epoch"], saved["active"]
        self.tracks = [_Track.of(track) for track in saved["tracks"]]
        going = [i for i, track in enumerate(self.tracks) if track.stopped_by is None]
        if len(self.tracks) != len(self.configs) or active != going:
            raise ValueError("the seeds are others")
        if type(epoch) is not int or not 0 <= epoch <= self.config.max_epochs:
            raise ValueError("the epoch is none")
        self.epoch, self.active = epoch, going

    @contextmanager
    def _whatever_fails_is_damage(self) -> Iterator[None]:
        """Around reading a checkpoint's content, which may be anything under the right name."""
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            raise CheckpointError(
                f"{self.path}: its content is not that of a run; delete it to start afresh"
            ) from None

    def _loop(
        self, engine: Engine, report: Progress = silent, interrupt: DeferredInterrupt | None = None
    ) -> None:
        written = time.monotonic()
        while self.active:
            start = time.perf_counter()
            result = engine.epoch(self.epoch + 1)
            self.epoch += 1
            self._note(result, (time.perf_counter() - start) / len(self.active))
            going = [i for i in self.active if self.tracks[i].stopped_by is None]
            if going and len(going) < len(self.active):
                engine.keep([self.active.index(i) for i in going])
            self.active = going
            stop = interrupt is not None and interrupt.requested
            due = time.monotonic() - written >= self.every_s
            if self.path is not None and (due or stop or not going):
                self._write(engine)
                written = time.monotonic()
            if stop:
                return
            report(self.epoch)

    def _note(self, result: EpochResult, seconds: float) -> None:
        rows = zip(self.active, result.losses, result.correct, result.finite, strict=True)
        for position, loss, correct, finite in rows:
            if not (abs(loss) < float("inf") and finite):
                what = "predictions are" if abs(loss) < float("inf") else "the loss is"
                raise DivergedError(
                    f"seed {self.configs[position].seed}, epoch {self.epoch}: {what} not finite. "
                    "Check the features x for NaN and huge values, or lower learning_rate (now "
                    f"{self.config.learning_rate:g})"
                )
            track = self.tracks[position]
            track.loss = loss
            track.seconds += seconds
            exhausted = track.stopping.update(correct[1])
            if track.stopping.is_best:
                track.best = correct
            if self.config.keep_curve:
                track.curve.append((loss, correct[1], correct[2]))
            if exhausted or self.epoch >= self.config.max_epochs:
                track.stopped_by = "patience" if exhausted else "max_epochs"
                track.memory_bytes = (
                    peak_bytes(self.problem.x.device) if self.knows_memory else None
                )

    def _write(self, engine: Engine) -> None:
        assert self.path is not None
        state = {
            "epoch": self.epoch,
            "active": self.active,
            "tracks": [track.state() for track in self.tracks],
            "engine": engine.state() if self.active else None,
        }
        write_checkpoint(self.path, self.identity, state)

    def _record(self, position: int, engine: str) -> RunRecord:
        track, size = self.tracks[position], self.sizes[position]
        source = self.problem.sources[position]
        train_accuracy, val_accuracy, test_accuracy = (
            correct / total for correct, total in zip(track.best, size, strict=True)
        )
        assert track.stopped_by is not None
        return RunRecord(
            config=self.configs[position],
            test_accuracy=test_accuracy,
            val_accuracy=val_accuracy,
            train_accuracy=train_accuracy,
            best_epoch=track.stopping.best_epoch,
            num_epochs=track.stopping.epoch,
            stopped_by=track.stopped_by,
            last_loss=track.loss,
            seconds=track.seconds,
            num_edges=source.num_edges,
            fingerprint=source.fingerprint,
            engine=engine,
            num_seeds=len(self.configs),
            peak_memory_bytes=track.memory_bytes,
            curve=self._curve(track, size) if self.config.keep_curve else None,
        )

    def _curve(self, track: _Track, size: tuple[int, ...]) -> Curve:
        return Curve(
            loss=tuple(row[0] for row in track.curve),
            val_accuracy=tuple(row[1] / size[1] for row in track.curve),
            test_accuracy=tuple(row[2] / size[2] for row in track.curve),
        )


def make_engine(problem: Problem, configs: Sequence[TrainConfig]) -> Engine:
    """The engine for runs that differ in their seeds, graphs and splits only.

    It is one of mini-batches on demand, one of stacked networks where the architecture has them,
    and one of PyTorch Geometric modules for any other model and for graph prediction.
    """
    config = configs[0]
    if config.sampler is not None:
        return MiniBatchEngine(problem, configs)
    if config.model in STACKED and config.task == "vertex":
        return StackedEngine(problem, configs)
    return ModuleEngine(problem, configs)
