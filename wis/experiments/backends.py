"""Jobs, and where they run: in this process, in processes of this machine, or on a cluster.

A job and its outcomes are small and can be pickled, so every back end can send them to another
process or machine. There is an outcome for each run; that of a failed run holds the error.

loky, which comes with joblib, starts processes on this machine, and submitit sends jobs to Slurm.
Dask and Ray get each job as a task. As soon as one is done its rows are saved and the next one is
submitted. Each package is imported when its back end is used.

A worker process that dies loses its job. On this machine loky then gives up all jobs that had
begun. They are tried again, each in a process of its own; a job whose process dies again has
failed. Dask and Ray give the jobs of a lost worker to other workers. Slurm requeues them by its
own rules.
"""

from __future__ import annotations

import functools
import importlib
import itertools
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
    BLAS,
    PeakMemory,
    ProcessDied,
    call,
    can_be_forked,
    torch_threads,
)
from wis.experiments.results import DONE, FAILED

Outcome = dict[str, Any]
"""The result of a run: its ``key``, ``status``, ``error`` and, if it is done, its measurements."""

NAMES = ("local", "dask", "ray", "slurm")
POLL_S = 0.5
IDLE_S, WAIT_S = 300, 60
"""Seconds after which an idle process ends, and for which Dask may lack a worker."""
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
    # A function that loads data for many jobs. It is called once before jobs with the same
    # `common_key` get processes of their own. If it raises, the job raises again.
    prepare: Callable[[], Any] | None = None
    common_key: Any = None  # jobs with the same value share the loaded data
    modules: tuple[str, ...] = ()  # plugins to import first (`wis.base.registry`)
    folders: tuple[str, ...] = ()  # folders to add to the end of `sys.path` for these modules
    device: str = "cpu"  # the device to compute on
    threads: int = 1  # the number of threads of torch
    # Give the job a process of its own on a CPU, which measures its memory
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
    from wis.training.record import environment

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

        The next job is taken when there is room for it; only tests give another function than
        `do_job`. If the connection to a cluster is lost, `ClusterError` is raised after all
        finished jobs were yielded.
        """
        streams = {"local": _local, "dask": _dask, "ray": _ray, "slurm": _slurm}
        return streams[self.name](self, jobs, work)

    def check(self) -> None:
        """Raise `MissingDependencyError` if a package of the back end is not installed."""
        needs = {"dask": ["distributed"], "ray": ["ray"], "slurm": ["submitit"]}
        for module in needs.get(self.name, ["joblib"] if self.jobs > 1 else []):
            _imported(module)


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        extra = EXTRAS[module]
        raise MissingDependencyError.of(f"this needs the package {module}", extra) from None


@functools.cache
def _end_with(parent: int) -> None:
    """End this worker within seconds after the process that started it ends in any way."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if os.getppid() == parent:
        threading.Thread(target=watch, daemon=True, name="wis-end-with-parent").start()


def _streamed(
    jobs: Iterable[Job],
    submit: Callable[[Job], Any],
    first_of: Callable[[list[Any]], Any],
    result: Callable[[Any, Job], list[Outcome]],
    at_a_time: int,
) -> Iterator[Outcomes]:
    """Submit jobs, at most `at_a_time` at a time, and yield each one when it is done."""
    remaining, waiting = iter(jobs), dict[Any, Job]()
    while True:
        for job in itertools.islice(remaining, at_a_time - len(waiting)):
            waiting[submit(job)] = job
        if not waiting:
            return
        future = first_of(list(waiting))
        job = waiting.pop(future)
        yield job, result(future, job)


def _local(backend: Backend, jobs: Iterable[Job], work: Worker) -> Iterator[Outcomes]:
    if backend.jobs == 1:
        yield from ((job, work(job)) for job in jobs)
        return
    from concurrent.futures import as_completed
    from concurrent.futures.process import BrokenProcessPool

    from joblib.externals.loky import get_reusable_executor

    def pool() -> Any:  # that of the last stage; a new one after the death of a process
        threads = dict.fromkeys(BLAS, str(backend.threads))
        return get_reusable_executor(backend.jobs, timeout=IDLE_S, env=threads)

    def result(future: Any, job: Job) -> list[Outcome]:
        try:
            found: list[Outcome] = future.result()
        except BrokenProcessPool:
            return _alone(job, work)
        return found

    def submit(job: Job) -> Any:
        return pool().submit(task, job)

    def first_of(tasks: Any) -> Any:
        return next(as_completed(tasks))

    task = partial(_in_worker, work, os.getpid())
    try:
        yield from _streamed(jobs, submit, first_of, result, backend.jobs)
    except BaseException:  # an interrupt too
        pool().shutdown(kill_workers=True)
        raise


def _in_worker(work: Worker, parent: int, job: Job) -> list[Outcome]:
    _end_with(parent)
    return work(job)


def _alone(job: Job, work: Worker) -> list[Outcome]:
    """Do a job that may have killed its process once more, in another process."""
    from concurrent.futures.process import BrokenProcessPool

    from joblib.externals.loky import ProcessPoolExecutor

    with ProcessPoolExecutor(max_workers=1) as pool:
        try:
            done: list[Outcome] = pool.submit(work, job).result()
        except BrokenProcessPool:
            return failed(job, "its process died twice, perhaps for lack of memory")
    return done


def _dask(backend: Backend, jobs: Iterable[Job], work: Worker) -> Iterator[Outcomes]:
    distributed = _imported("distributed")
    from wis.scale.clients import one_line_errors, quiet

    if backend.address is None:
        raise OptionError("the back end dask needs --scheduler-address, such as tcp://HOST:8786")

    def first_of(tasks: list[Any]) -> Any:
        return next(iter(distributed.wait(tasks, return_when="FIRST_COMPLETED").done))

    with (
        quiet(),
        one_line_errors(),
        _dask_client(distributed, backend.address) as client,
        client.as_current(),
    ):
        _wait_for_a_worker(client)
        at_a_time = 2 * sum(client.nthreads().values())
        submit = partial(client.submit, work, pure=False)
        yield from _streamed(jobs, submit, first_of, lambda task, _: task.result(), at_a_time)


def _wait_for_a_worker(client: Any) -> None:
    """Wait until Dask has a worker; a task makes a cluster grow that has none without work."""
    if client.nthreads():
        return
    try:
        client.submit(int, pure=False).result(timeout=WAIT_S)
    except TimeoutError:
        raise ClusterError(
            f"the cluster has no worker after {WAIT_S} s; start one with `dask worker ADDRESS`"
        ) from None


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

    def result(task: Any, job: Job) -> list[Outcome]:
        try:
            done: list[Outcome] = ray.get(task)
        except ray.exceptions.RayError as error:
            return failed(job, f"Ray: {' '.join(str(error).split())}")
        return done

    try:
        submit = ray.remote(num_cpus=backend.threads, max_retries=2)(work).remote
        at_a_time = max(backend.jobs, 2 * int(ray.cluster_resources().get("CPU", 1)))
        yield from _streamed(jobs, submit, lambda all_: ray.wait(all_)[0][0], result, at_a_time)
    finally:
        if started_here:
            ray.shutdown()


def _slurm(backend: Backend, jobs: Iterable[Job], work: Worker) -> Iterator[Outcomes]:
    submitit = _imported("submitit")
    cluster = "local" if backend.address == "local" else "slurm"
    try:
        executor = submitit.AutoExecutor(folder=str(backend.folder), cluster=cluster)
    except RuntimeError as error:
        raise OptionError(f"Slurm cannot be used here: {error}") from None
    executor.update_parameters(name="wis", cpus_per_task=backend.threads, timeout_min=24 * 60)

    def first_of(tasks: list[Any]) -> Any:
        return next(iter(submitit.helpers.as_completed(tasks, poll_frequency=POLL_S)))

    submit = partial(executor.submit, work)
    yield from _streamed(jobs, submit, first_of, _result, backend.jobs)


def _result(task: Any, job: Job) -> list[Outcome]:
    try:
        return list(task.result())
    except Exception as error:  # submitit's own errors, for a job that was killed or ran too long
        return failed(job, f"Slurm: {type(error).__name__}: {str(error).splitlines()[0]}")
