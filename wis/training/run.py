"""`train`, `train_network`, `train_many`: the loop over the epochs, from data to a record."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from torch_geometric.data import Dataset

from wis.base.atomic import check_writable
from wis.base.checks import checked_device, is_number, usual_defaults
from wis.base.progress import Progress, progress_bar, silent
from wis.datasets.splits import split_graphs, split_of_seed, take_split
from wis.errors import CheckpointError, DivergedError, GraphFileError, OptionError
from wis.training.checkpoint import DeferredInterrupt, identity, read_checkpoint, write_checkpoint
from wis.training.config import TrainConfig
from wis.training.engine import Counts, EpochResult, FullBatch, make_engine
from wis.training.problem import make_problem
from wis.training.record import Curve, RunRecord, forget_peak, peak_bytes
from wis.training.stopping import EarlyStopping

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from wis.models import GraphNetwork

CHECKPOINT_EVERY_S = 60.0


@usual_defaults()
def train(
    data: Data | Sequence[Data] | Dataset,
    config: TrainConfig,
    *,
    split: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    progress: bool | None = None,
) -> RunRecord:
    """Train a network with Adam on cross-entropy until the stopping rule of Appendix D.6.2.2.

    The task of the configuration is to classify vertices or graphs, or to predict edges, which is
    measured by the area under the ROC curve and by `wis.training.problem`.

    On a CPU with the same number of threads, the same call gives the same record, bit for bit,
    except times and memory. `data` is not changed. Its `edge_weight` is ignored unless
    `config.edge_weight` is true.

    Args:
        data: A graph with float `x` [num_nodes, in_dim], dense or sparse, int64 `y` [num_nodes],
            and boolean `train_mask`, `val_mask`, `test_mask` [num_nodes] (see `split_vertices`);
            or masks [num_nodes, k] of k splits, of which seed s takes split s mod k. A repeated
            arc counts twice, a one-way arc carries messages one way. For ``task="graph"`` a
            `Batch` whose labels and masks have shape [num_graphs], or a list or data set of
            graphs, which `split_graphs` splits with the seed of the run. For ``task="link"`` what
            `split_links` makes: along `edge_index` go the messages.
        config: The configuration of the run.
        split: Index of the split to take instead of s mod k.
        checkpoint: A file for the state. If it exists, the run resumes from it, with the result of
            an uninterrupted run; the file of a finished run gives its record at once. The file
            stays after the run; delete it when the record is safe.
        checkpoint_every_s: Seconds between two writes; Ctrl-C writes once more.
        progress: True shows a bar on stderr, False none, None one if the run takes long.

    Returns:
        The record.

    Raises:
        GraphFormatError: The data lacks an attribute, or one has a wrong shape, dtype or value.
        OptionError: The device or the split does not exist.
        DivergedError: The loss or the predictions are not finite.
        CheckpointError: The checkpoint is damaged, or belongs to another run.

    >>> from wis import datasets
    >>> from wis.training import split_vertices
    >>> data = split_vertices(datasets.load("karate"), seed=0)
    >>> record = train(data, TrainConfig("sage", width=8, max_epochs=3), progress=False)
    >>> record.num_epochs, record.stopped_by
    (3, 'max_epochs')
    """
    run = Run(data, config, split)
    if checkpoint is not None:
        run.keep_in(Path(checkpoint), checkpoint_every_s)
    return run.finish(progress)


@usual_defaults()
def train_network(
    data: Data, config: TrainConfig, *, split: int | None = None, progress: bool | None = None
) -> tuple[RunRecord, GraphNetwork]:
    """Train as `train` does, and return the network of the best epoch as well.

    Returns:
        The record of `train`, and the network with the parameters of `best_epoch`, in evaluation
        mode, on the device of the configuration.

    Raises:
        WisError: As for `train`.

    >>> from wis import datasets
    >>> from wis.training import split_vertices
    >>> data = split_vertices(datasets.load("karate"), seed=0)
    >>> record, network = train_network(data, TrainConfig(width=8, max_epochs=3), progress=False)
    >>> right = network(data.x, data.edge_index).argmax(dim=1) == data.y
    >>> float(right[data.test_mask].double().mean()) == record.test_accuracy
    True
    """
    run = Run(data, config, split)
    run.keeps_network = True
    record = run.finish(progress)
    run.network.load_state_dict(run.parameters)
    return record, run.network.eval()


@usual_defaults()
def train_many(
    data: Data | Sequence[Any] | Dataset,
    config: TrainConfig,
    seeds: Sequence[int],
    *,
    split: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    progress: bool | None = None,
) -> list[RunRecord]:
    """Train one network for each seed, one after the other.

    Args:
        data: The data of all runs, or a list with the data of each seed. For ``task="graph"`` a
            list of single graphs is the data of all runs.
        config: The configuration of the runs; its seed is not used.
        seeds: A seed for each run.
        split: As for `train`.
        checkpoint: A folder, made if missing, for a checkpoint of each run; see `train`. With it,
            the next call does not train the finished runs again if one run raises an error.
        checkpoint_every_s: Seconds between two writes.
        progress: As for `train`.

    Returns:
        The record of `train` for each seed, in the order of the seeds.

    Raises:
        OptionError: There are not as many graphs as seeds.
        DivergedError: A loss or a prediction is not finite; the message names the seed, and the
            attribute `records` holds the finished runs.
        WisError: As for `train`.

    >>> from wis import datasets
    >>> from wis.training import split_vertices
    >>> data = split_vertices(datasets.load("karate"), seed=0)
    >>> config = TrainConfig("gcn", width=8, max_epochs=3)
    >>> records = train_many(data, config, [0, 1], progress=False)
    >>> [record.config.seed for record in records]
    [0, 1]
    """
    of_each = isinstance(data, Sequence) and not (config.task == "graph" and _is_list(data))
    graphs = list(data) if of_each else [data] * len(seeds)
    if len(graphs) != len(seeds):
        raise OptionError(f"there are {len(graphs)} graphs for {len(seeds)} seeds; give one each")
    folder = None if checkpoint is None else Path(checkpoint)
    records: list[RunRecord] = []
    for graph, seed in zip(graphs, seeds, strict=True):
        run = Run(graph, config.with_seed(seed), split)
        if folder is not None:
            run.keep_in(_file_in(folder, run), checkpoint_every_s)
        try:
            records.append(run.finish(progress))
        except DivergedError as error:
            error.records = records
            raise
    return records


def _is_list(data: Sequence[Any]) -> bool:
    """Whether the first item is a single graph, not a batch or a list of graphs."""
    from torch_geometric.data import Data

    return bool(data) and isinstance(data[0], Data) and getattr(data[0], "batch", None) is None


def _file_in(folder: Path, run: Run) -> Path:
    """The checkpoint of one of many runs."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GraphFileError(
            f"{folder}: cannot be the folder of checkpoints: {error.strerror}"
        ) from None
    return folder / f"{identity(run.problem, run.config)[:16]}.checkpoint"


@dataclass
class Track:
    """The progress of a run; a checkpoint holds it and the state of the engine."""

    stopping: EarlyStopping
    best: Counts = (0, 0, 0)
    metrics: dict[str, float] = field(default_factory=dict)
    loss: float = 0.0
    seconds: float = 0.0
    stopped_by: Literal["patience", "max_epochs"] | None = None
    memory_bytes: int | None = None
    curve: list[tuple[float, int, int]] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """The content for a checkpoint."""
        content = {**vars(self), "stopping": self.stopping.state()}
        return content if self.metrics else {k: v for k, v in content.items() if k != "metrics"}

    @classmethod
    def of(cls, state: Any) -> Track:
        """The track from a checkpoint; `ValueError` if the content is not a track."""
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
                metrics = state.get("metrics", {})
                if not (isinstance(metrics, dict) and all(map(is_number, metrics.values()))):
                    raise ValueError("not metrics")
                rows = [(float(loss), int(val), int(test)) for loss, val, test in curve]
                return cls(**{**state, "stopping": EarlyStopping(**rule), "curve": rows})
        raise ValueError("not a track")


class Run:
    """A run with its early stopping, its checkpoint and its record."""

    path: Path | None = None
    every_s = CHECKPOINT_EVERY_S
    keeps_network = False
    network: GraphNetwork
    parameters: dict[str, Tensor]
    """Those of the best epoch so far, if `keeps_network`."""

    def __init__(self, data: Any, config: TrainConfig, split: int | None = None) -> None:
        self.knows_memory = forget_peak(checked_device(config.device))
        self.config, self.split = config, None
        if config.task == "graph" and isinstance(data, (Sequence, Dataset)):
            data = split_graphs(data, seed=config.seed)
        if config.task != "link":
            self.split = split_of_seed(data, config.seed, split)
            data = take_split(data, self.split)
        elif split is not None:
            raise OptionError(
                f"split is {split}, but split_links makes a single split; leave it out"
            )
        self.problem = make_problem(data, config)
        self.sizes = self.problem.sizes
        self.track = Track(EarlyStopping(self.sizes[1], config.patience, config.min_delta))

    def keep_in(self, path: Path, every_s: float) -> None:
        """Use a file as checkpoint; the run resumes from it if it exists."""
        check_writable(path, force=True)
        self.path, self.every_s = path, every_s
        self.identity = identity(self.problem, self.config)

    def finish(self, progress: bool | None) -> RunRecord:
        """Start or resume the run, and train until it stops."""
        engine = self.start()
        title = f"{self.config.model}, seed {self.config.seed}"
        with (
            progress_bar(title, self.config.max_epochs, show=progress) as report,
            DeferredInterrupt(active=self.path is not None) as interrupt,
        ):
            self.loop(engine, report, interrupt)
        if self.track.stopped_by is None:  # the program's own handler of Ctrl-C has returned
            raise KeyboardInterrupt
        return self._record(engine.name)

    def start(self) -> FullBatch:
        """A new engine, or one restored from the checkpoint."""
        saved = None
        if self.path is not None:
            saved = read_checkpoint(self.path, self.identity, self.config.device)
        engine = make_engine(self.problem, self.config)
        if saved is None:
            return engine
        try:  # the file may hold any content
            self.track = Track.of(saved["track"])
            if not 0 <= self.track.stopping.epoch <= self.config.max_epochs:
                raise ValueError("impossible epoch")
            if self.track.stopped_by is None:
                engine.restore(saved["engine"])
        except torch.OutOfMemoryError:
            raise
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            raise CheckpointError(
                f"{self.path}: its content is not that of a run; delete it to start afresh"
            ) from None
        return engine

    def loop(
        self,
        engine: FullBatch,
        report: Progress = silent,
        interrupt: DeferredInterrupt | None = None,
    ) -> None:
        """Train until the run stops or an interrupt is requested."""
        track, written = self.track, time.monotonic()
        self.network = engine.network
        while track.stopped_by is None:
            start = time.perf_counter()
            result = engine.epoch(track.stopping.epoch + 1)
            track.seconds += time.perf_counter() - start
            self._note(result)
            if self.keeps_network and track.stopping.is_best:
                self.parameters = copy.deepcopy(self.network.state_dict())
            stop = interrupt is not None and interrupt.requested
            due = time.monotonic() - written >= self.every_s
            if self.path is not None and (due or stop or track.stopped_by is not None):
                state = engine.state() if track.stopped_by is None else None
                content = {"track": track.state(), "engine": state}
                write_checkpoint(self.path, self.identity, content)
                written = time.monotonic()
            if stop:
                return
            report(track.stopping.epoch)

    def _note(self, result: EpochResult) -> None:
        """Add the result of an epoch to the track."""
        track, config = self.track, self.config
        exhausted = track.stopping.update(result.correct[1])
        epoch = track.stopping.epoch
        if not (abs(result.loss) < float("inf") and result.finite):
            what = "predictions are" if abs(result.loss) < float("inf") else "the loss is"
            raise DivergedError(
                f"seed {config.seed}, epoch {epoch}: {what} not finite. Check the features x for "
                f"NaN and huge values, or lower learning_rate (now {config.learning_rate:g})"
            )
        track.loss = result.loss
        if track.stopping.is_best:
            track.best, track.metrics = result.correct, result.metrics
        if config.keep_curve:
            track.curve.append((result.loss, result.correct[1], result.correct[2]))
        if exhausted or epoch >= config.max_epochs:
            track.stopped_by = "patience" if exhausted else "max_epochs"
            if self.knows_memory:
                track.memory_bytes = peak_bytes(self.problem.x.device)

    def _record(self, engine: str) -> RunRecord:
        track, source = self.track, self.problem.source
        shares = (correct / size for correct, size in zip(track.best, self.sizes, strict=True))
        train, val, test = shares
        assert track.stopped_by is not None
        return RunRecord(
            config=self.config,
            test_score=test,
            val_score=val,
            train_score=train,
            best_epoch=track.stopping.best_epoch,
            num_epochs=track.stopping.epoch,
            stopped_by=track.stopped_by,
            last_loss=track.loss,
            seconds=track.seconds,
            num_edges=source.num_edges,
            fingerprint=source.fingerprint,
            engine=engine,
            peak_memory_bytes=track.memory_bytes,
            curve=self._curve() if self.config.keep_curve else None,
            split=self.split,
            metric="accuracy" if self.problem.pairs is None else "auc",
            metrics=track.metrics,
        )

    def _curve(self) -> Curve:
        losses, val, test = zip(*self.track.curve, strict=True)
        of_val, of_test = self.sizes[1:]
        return Curve(losses, tuple(k / of_val for k in val), tuple(k / of_test for k in test))
