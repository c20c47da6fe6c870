"""What a worker does: compute an order, or train some runs; both never raise for a bad run.

A job is picklable and small, so that any back end can carry it to another process or machine; there
the graph is loaded from the same `Source` and its digest compared. What comes back is picklable
too: outcomes, which say what went wrong where something did.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from wis.datasets.splits import take_split
from wis.errors import GraphFormatError, UnknownNameError, WisError
from wis.experiments.measure import PeakMemory, environment
from wis.experiments.orders import KnownOrder, OrderSpec, compute_order
from wis.experiments.own_process import ProcessDied, call, can_be_forked
from wis.experiments.source import Source

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from wis.order import RemovalOrder
    from wis.training import RunRecord, TrainConfig


@dataclass(frozen=True)
class OrderJob:
    """Compute an order.

    Attributes:
        source: The graph.
        digest: Its digest where the sweep was planned.
        spec: The order.
        given: Options of the method before they were resolved.
        device: Where to compute.
        threads: Threads of torch.
        own_process: Do it in a process of its own, so that its memory can be measured.
    """

    source: Source
    digest: str
    spec: OrderSpec
    given: Mapping[str, Any]
    device: str = "cpu"
    threads: int = 1
    own_process: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the outcomes."""
        return (self.spec.key,)


@dataclass(frozen=True)
class OrderOutcome:
    """An order, or why there is none."""

    key: str
    known: KnownOrder | None
    error: str | None


@dataclass(frozen=True)
class Run:
    """One training run of a job.

    Attributes:
        key: Of the run.
        seed: Its seed.
        num_removed: How many edges go.
        order: The order to cut; None where no edge goes, or all.
        split: Which of several splits of the graph it takes.
    """

    key: str
    seed: int
    num_removed: int
    order: RemovalOrder | None
    split: int | None = None


@dataclass(frozen=True)
class TrainJob:
    """Train runs that differ in their seeds and in the orders that belong to these.

    Attributes:
        source: The graph.
        digest: Its digest where the sweep was planned.
        config: The training, but for seed and device.
        runs: The runs.
        device: Where to train.
        threads: Threads of torch.
        own_process: Do it in a process of its own, so that its memory can be measured.
    """

    source: Source
    digest: str
    config: TrainConfig
    runs: tuple[Run, ...]
    device: str = "cpu"
    threads: int = 1
    own_process: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the outcomes."""
        return tuple(run.key for run in self.runs)


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        key: Of the run.
        record: The record of its training, None if it failed.
        error: Why it failed: the error and, for a bug, where.
        facts: Seconds, memory and machine.
    """

    key: str
    record: RunRecord | None
    error: str | None
    facts: Mapping[str, Any] = field(default_factory=dict)


Job = OrderJob | TrainJob


def do_job(job: Job) -> list[Any]:
    """Outcomes of a job, one for each of its keys."""
    modules = modules_of(job)
    if not job.own_process or job.device != "cpu" or not can_be_forked(modules):
        return do_here(job)
    try:
        done: list[Any] = call(
            do_here,
            job,
            threads=job.threads,
            prepare=job.source.load,
            key=(job.source, job.digest),
            modules=modules,
        )
    except ProcessDied as error:
        return failed(job, str(error))
    return done


def do_here(job: Job) -> list[Any]:
    """Outcomes of a job, done in this process."""
    with torch_threads(job.threads):
        if isinstance(job, OrderJob):
            return [_order(job)]
        return _train(job)


def modules_of(job: Job) -> list[str]:
    """Modules that put the method, the model and the data set of a job into their tables."""
    from wis import datasets
    from wis.methods import get_method
    from wis.models import get_model

    found: list[Any] = []
    with contextlib.suppress(UnknownNameError):
        if datasets.is_known(job.source.dataset):
            found.append(datasets.find(job.source.dataset).load)
        if isinstance(job, OrderJob):
            found.append(get_method(job.spec.method).order)
            if "model" in job.given:
                found.append(get_model(job.given["model"]).build)
        else:
            found.append(get_model(job.config.model).build)
    names = {str(getattr(each, "__module__", "__main__")) for each in found}
    return sorted(name for name in names if not name.startswith("wis."))


def failed(job: Job, error: str) -> list[Any]:
    """The outcomes of a job whose process died."""
    if isinstance(job, OrderJob):
        return [OrderOutcome(job.spec.key, None, error)]
    return [Outcome(key, None, error) for key in job.keys]


@contextlib.contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Results are the same bit for bit only with the same number of threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _check_digest(source: Source, digest: str) -> None:
    if source.digest() != digest:
        raise GraphFormatError(
            f"{source.dataset}: differs on this machine from where the sweep was started"
        )


def _order(job: OrderJob) -> OrderOutcome:
    try:
        _check_digest(job.source, job.digest)
        known = compute_order(job.source, job.spec, job.given, job.device)
    except Exception as error:
        return OrderOutcome(job.spec.key, None, told(error))
    return OrderOutcome(job.spec.key, known, None)


def _train(job: TrainJob) -> list[Outcome]:
    """All runs as one; one by one if that fails, so that a bad seed spoils no other."""
    try:
        _check_digest(job.source, job.digest)
        return _train_as_one(job)
    except Exception as error:
        if len(job.runs) == 1:
            return failed(job, told(error))
    return [outcome for run in job.runs for outcome in _train(replace(job, runs=(run,)))]


def _train_as_one(job: TrainJob) -> list[Outcome]:
    from wis.training import train_many

    graphs = _graphs(job)
    config = replace(job.config, device=job.device)
    seeds = [run.seed for run in job.runs]
    start, cpu_start = time.perf_counter(), time.process_time()
    with PeakMemory(job.device) as memory:
        records = train_many(graphs, config, seeds, seeds_per_run=len(seeds), progress=False)
    facts = {
        "job_seconds": time.perf_counter() - start,
        "cpu_seconds": (time.process_time() - cpu_start) / len(seeds),
        "peak_memory_bytes": memory.bytes,
        "threads": job.threads,
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **environment(),
    }
    pairs = zip(job.runs, records, strict=True)
    return [Outcome(run.key, record, None, facts) for run, record in pairs]


def _graphs(job: TrainJob) -> list[Data]:
    """The graph of each run; the same arcs for all that share an order."""
    data = job.source.load()
    made: dict[int, Data] = {}
    for run in job.runs:
        if id(run.order) not in made:
            made[id(run.order)] = _cut(data, run)
    return [take_split(made[id(run.order)], run.split) for run in job.runs]


def _cut(data: Data, run: Run) -> Data:
    from wis import sparsify

    if run.num_removed == 0:
        return data
    if run.order is None:  # all edges, whose order does not matter
        return sparsify(data, remove=run.num_removed, method="random")
    return run.order.apply(data, remove=run.num_removed)


def told(error: Exception) -> str:
    """One line for what wis raises on purpose, and for a bug the place where it was raised."""
    line = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if isinstance(error, WisError):
        return line
    frames = traceback.extract_tb(error.__traceback__)
    place = f" (in {frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    return line + place


Worker = Callable[[Job], list[Any]]
