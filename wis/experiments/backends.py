"""Jobs, and where they run: in this process, in processes of this machine, or on a cluster.

A job and its outcomes are small and can be pickled, so every back end can send them to another
process or machine. There is an outcome for each run; that of a failed run holds the error.

joblib starts processes on this machine (with loky) and sends jobs to Dask. submitit sends jobs to
Slurm. Ray gets each job as a task: joblib's own back end for Ray returns nothing before all jobs
are done, but a sweep saves every run as soon as it is finished. Each package is imported when its
back end is used.

A worker process that dies loses its job. On this machine joblib then gives up all jobs. The jobs
that had begun are tried again, each in a process of its own; a job whose process dies again has
failed. Dask and Ray give the jobs of a lost worker to other workers. Slurm requeues them by its
own rules.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from wis.base.checks import checked_integer
from wis.base.registry import load_plugins
from wis.errors import ClusterError, MissingDependencyError, OptionError, WisError
from wis.experiments.own_process import (
    PeakMemory,
    ProcessDied,
    call,
    can_be_forked,
    environment,
    torch_threads,
)
from wis.experiments.results import DONE, FAILED

Outcome = dict[str, Any]
"""The result of a run: its ``key``, ``status``, ``error`` and, if it is done, its measurements."""

NAMES = ("local", "dask", "ray", "slurm")
POLL_S = 0.5
EXTRAS = {"joblib": "bench", "distributed": "dask", "ray": "ray", "submitit": "slurm"}


class Runner(Protocol):
    """The part of a kind of experiment that workers need."""

    def run_row(self, job: Job) -> list[Outcome]:
        """Do the runs of a job in a worker, and return the measurements of each run."""


@dataclass(frozen=True)
class Job:
    """Runs that one process does together."""

    kind: Runner  # the kind of experiment, whose `run_row` does the runs
    keys: tuple[str, ...]  # a key for each run
    runs: tuple[Any, ...]  # the parameters of each run that differ between the runs
    common: Any = None  # the parameters that all runs share
    # a function that loads data for many jobs. It is called once before jobs with the same
    # `common_key` get processes of their own. If it raises, the job raises again.
    prepare: Callable[[], Any] | None = None
    common_key: Any = None  # jobs with the same value share the loaded data
    modules: tuple[str, ...] = ()  # plugins to import first (`wis.base.registry`)
    folders: tuple[str, ...] = ()  # folders to add to the end of `sys.path` for these modules
    device: str = "cpu"  # the device to compute on
    threads: int = 1  # the number of threads of torch
    # give the job a process of its own on a CPU, which measures its memory
    own_process: bool = False


def do_job(job: Job) -> list[Outcome]:
    """Do a job in a worker, and return an outcome for each key. A run that fails never raises."""
    sys.path.extend(folder for folder in job.folders if folder not in sys.path)
    try:
        load_plugins(module for module in job.modules if module not in sys.modules)
    except WisError as error:
        return failed(job, one_line(error))
    modules = [*job.modules, type(job.kind).__module__]
    if not job.own_process or job.device != "cpu" or not can_be_forked(modules):
        return do_here(job)
    try:
        done: list[Outcome] = call(
            do_here,
            job,
            threads=job.threads,
            prepare=job.prepare,
            key=job.common_key,
            modules=modules,
        )
    except ProcessDied as error:
        return failed(job, str(error))
    return done


def do_here(job: Job) -> list[Outcome]:
    """Do a job in this process.

    If a job of several runs fails, each run is done again by itself, so that the others succeed.
    """
    try:
        with torch_threads(job.threads), PeakMemory(job.device) as memory:
            found = job.kind.run_row(job)
    except Exception as error:
        if len(job.runs) == 1:
            return failed(job, one_line(error))
        parts = zip(job.keys, job.runs, strict=True)
        return [
            outcome
            for key, run in parts
            for outcome in do_here(replace(job, keys=(key,), runs=(run,)))
        ]
    facts = {"peak_memory_bytes": memory.bytes, "threads": job.threads, **finished()}
    keys = ({"key": key, "status": DONE, "error": None} for key in job.keys)
    return [{**key, **facts, **outcome} for key, outcome in zip(keys, found, strict=True)]


def failed(job: Job, error: str) -> list[Outcome]:
    """Return the outcomes of a job that failed as a whole."""
    facts = {"status": FAILED, "error": error, **finished()}
    return [{"key": key, **facts} for key in job.keys]


def finished() -> dict[str, Any]:
    """Return the time at which a run ended, and the program and machine that did it."""
    return {"finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **environment()}


def one_line(error: Exception) -> str:
    """Format an error as one line. An error that is a bug names the place that raised it."""
    line = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if isinstance(error, WisError):
        return line
    frames = traceback.extract_tb(error.__traceback__)
    place = f" (in {frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    return line + place


Worker = Callable[[Job], list[Outcome]]
Outcomes = tuple[Job, list[Outcome]]


@dataclass(frozen=True)
class Backend:
    """Where to run jobs.

    Attributes:
        name: ``"local"``, ``"dask"``, ``"ray"`` or ``"slurm"``.
        jobs: The number of processes on this machine, or of jobs in Slurm's queue. Dask and Ray run
            as many jobs as the cluster has room for.
        address: Address of Dask's scheduler, such as ``tcp://10.0.0.1:8786``, or of Ray's head;
            ``local`` makes submitit run Slurm's jobs on this machine.
        threads: The number of threads of each job.
        folder: Folder of submitit's files; all machines must see it.
        own_process: Give each job on a CPU a process of its own, which measures its memory. Without
            it the memory of jobs on a CPU is unknown.
    """

    name: str = "local"
    jobs: int = 1
    address: str | None = None
    threads: int = 1
    folder: Path = Path("wis-slurm")
    own_process: bool = True

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise OptionError(f"backend is {self.name!r}; expected one of {', '.join(NAMES)}")
        for what, value in (("jobs", self.jobs), ("threads", self.threads)):
            checked_integer(what, value, 1, expected="an integer of at least 1")

    def stream(self, jobs: Iterable[Job], work: Worker = do_job) -> Iterator[Outcomes]:
        """Do all jobs, and yield each job with its outcomes when it is done, in any order.

        Args:
            jobs: The jobs. The next one is taken when there is room for it, perhaps by another
                thread.
            work: The function that does a job; only tests give another one than `do_job`.

        Raises:
            MissingDependencyError: A package for this back end is not installed.
            OptionError: The cluster cannot be reached.
            ClusterError: The connection to the cluster was lost, after all finished jobs were
                yielded.
        """
        streams = {"local": _local, "dask": _dask, "ray": _ray, "slurm": _slurm}
        return streams[self.name](self, jobs, work)

    def check(self) -> None:
        """Raise `MissingDependencyError` if a package of the back end is not installed."""
        needs = {"dask": ["joblib", "distributed"], "ray": ["ray"], "slurm": ["submitit"]}
        for module in needs.get(self.name, ["joblib"] if self.jobs > 1 else []):
            _imported(module)


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        extra = EXTRAS[module]
        raise MissingDependencyError.of(f"this needs the package {module}", extra) from None


def _call(work: Worker, job: Job, parent: int | None = None) -> Outcomes:
    if parent is not None:
        _end_with(parent)
    return job, work(job)


@functools.cache
def _end_with(parent: int) -> None:
    """End this worker within seconds after the process that started it ends in any way."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if os.getppid() == parent:
        threading.Thread(target=watch, daemon=True, name="wis-end-with-parent").start()


def _local(backend: Backend, jobs: Iterable[Job], work: Worker) -> Iterator[Outcomes]:
    if backend.jobs == 1:
        for job in jobs:
            yield _call(work, job)
        return
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    remaining = iter(jobs)
    while True:
        begun: dict[tuple[str, ...], Job] = {}
        try:
            for job, outcomes in _processes(backend, _noted(remaining, begun), work):
                begun.pop(job.keys)
                yield job, outcomes
            return
        except TerminatedWorkerError:
            yield from _one_by_one(list(begun.values()), work)


def _noted(jobs: Iterator[Job], begun: dict[tuple[str, ...], Job]) -> Iterator[Job]:
    for job in jobs:
        begun[job.keys] = job
        yield job


def _processes(backend: Backend, jobs: Iterable[Job], work: Worker) -> Iterator[Outcomes]:
    joblib = _imported("joblib")
    with joblib.parallel_config("loky", inner_max_num_threads=backend.threads):
        parallel = joblib.Parallel(
            n_jobs=backend.jobs,
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch="n_jobs",
        )
        yield from parallel(joblib.delayed(_call)(work, job, os.getpid()) for job in jobs)


def _one_by_one(jobs: Iterable[Job], work: Worker) -> Iterator[Outcomes]:
    """Do jobs, one of which has killed its process, one after the other in another process."""
    from concurrent.futures.process import BrokenProcessPool

    from joblib.externals.loky import ProcessPoolExecutor

    pool = None
    for job in jobs:
        pool = pool or ProcessPoolExecutor(max_workers=1)
        try:
            yield job, pool.submit(work, job).result()
        except BrokenProcessPool:
            pool = None
            yield job, failed(job, "its process died twice, perhaps for lack of memory")
    if pool is not None:
        pool.shutdown()


def _dask(backend: Backend, jobs: Iterable[Job], work: Worker) -> Iterator[Outcomes]:
    joblib, distributed = _imported("joblib"), _imported("distributed")
    from wis.scale.clients import one_line_errors, quiet

    if backend.address is None:
        raise OptionError("the back end dask needs --scheduler-address, such as tcp://HOST:8786")
    with (
        quiet(),
        one_line_errors(),
        _dask_client(distributed, backend.address) as client,
        joblib.parallel_config("dask", client=client, wait_for_workers_timeout=60),
    ):
        parallel = joblib.Parallel(n_jobs=-1, return_as="generator_unordered", batch_size=1)
        yield from parallel(joblib.delayed(_call)(work, job) for job in jobs)


def _dask_client(module: Any, address: str) -> Any:
    from wis.scale.clients import connect

    try:
        return connect(module, address, set_as_default=False)
    except ClusterError as error:
        raise OptionError(
            f"the cluster cannot be reached: {error}; start one with `dask scheduler`, and workers "
            "with `dask worker ADDRESS`"
        ) from None


def _ray(backend: Backend, jobs: Iterable[Job], work: Worker) -> Iterator[Outcomes]:
    ray = _imported("ray")
    started_here = not ray.is_initialized()
    if started_here:
        try:
            ray.init(address=backend.address or "auto", logging_level="warning")
        except ConnectionError as error:
            raise OptionError(
                f"no Ray cluster at {backend.address or 'auto'}: {str(error).splitlines()[0]}; "
                "start one with `ray start --head`"
            ) from None
    try:
        task = ray.remote(num_cpus=backend.threads, max_retries=2)(work)
        at_a_time = max(backend.jobs, 2 * int(ray.cluster_resources().get("CPU", 1)))
        submit = _Submitter(task.remote, lambda tasks: ray.wait(tasks)[0][0], at_a_time)
        for future, job in submit.stream(jobs):
            try:
                yield job, ray.get(future)
            except ray.exceptions.RayError as error:
                yield job, failed(job, f"Ray: {' '.join(str(error).split())}")
    finally:
        if started_here:
            ray.shutdown()


@dataclass(frozen=True)
class _Submitter:
    """Submits jobs to a cluster that returns futures, at most `at_a_time` at a time."""

    submit: Callable[[Job], Any]
    wait_for_one: Callable[[list[Any]], Any]
    at_a_time: int

    def stream(self, jobs: Iterable[Job]) -> Iterator[tuple[Any, Job]]:
        """Yield each finished future with its job."""
        waiting: dict[Any, Job] = {}
        for job in jobs:
            waiting[self.submit(job)] = job
            if len(waiting) >= self.at_a_time:
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def _next(self, waiting: dict[Any, Job]) -> tuple[Any, Job]:
        future = self.wait_for_one(list(waiting))
        return future, waiting.pop(future)


def _slurm(backend: Backend, jobs: Iterable[Job], work: Worker) -> Iterator[Outcomes]:
    submitit = _imported("submitit")
    cluster = "local" if backend.address == "local" else "slurm"
    try:
        executor = submitit.AutoExecutor(folder=str(backend.folder), cluster=cluster)
    except RuntimeError as error:
        raise OptionError(f"Slurm cannot be used here: {error}") from None
    executor.update_parameters(name="wis", cpus_per_task=backend.threads, timeout_min=24 * 60)

    def wait_for_one(tasks: list[Any]) -> Any:
        return next(iter(submitit.helpers.as_completed(tasks, poll_frequency=POLL_S)))

    submit = _Submitter(partial(executor.submit, work), wait_for_one, backend.jobs)
    for task, job in submit.stream(jobs):
        yield job, _result(task, job)


def _result(task: Any, job: Job) -> list[Outcome]:
    try:
        return list(task.result())
    except Exception as error:  # submitit's own errors, for a job that was killed or ran too long
        return failed(job, f"Slurm: {type(error).__name__}: {str(error).splitlines()[0]}")
