"""Where jobs run: in this process, in processes of this machine, or on a cluster that is there.

joblib carries the jobs to processes (its back end loky) and to Dask, submitit to Slurm. For Ray
there is a back end of joblib too, but it hands nothing back before all is done, and every run is to
be saved when it is finished; so Ray gets the jobs as tasks of its own. Each package is imported
when it is asked for. Nothing here schedules anything.

A worker process that dies takes its job along. On this machine joblib then gives all up, so what it
had begun is tried again, each job in a process of its own, and one that dies again is reported as
failed. Dask and Ray give the jobs of a lost worker to others; Slurm requeues by its own rules.
"""

from __future__ import annotations

import functools
import importlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from wis.base.checks import checked_integer
from wis.errors import ClusterError, MissingDependencyError, OptionError
from wis.experiments.jobs import Job, Worker, do_job, failed

Outcomes = tuple[Job, list[Any]]
Name = Literal["local", "dask", "ray", "slurm"]
NAMES: tuple[str, ...] = get_args(Name)
POLL_S = 0.5
EXTRAS = {"joblib": "bench", "distributed": "dask", "ray": "ray", "submitit": "slurm"}


@dataclass(frozen=True)
class Backend:
    """Where to run jobs.

    Attributes:
        name: ``"local"``, ``"dask"``, ``"ray"`` or ``"slurm"``.
        jobs: How many at a time: processes of this machine, or jobs in Slurm's queue. Dask and Ray
            take as many as the cluster has room for.
        address: Of Dask's scheduler, such as ``tcp://10.0.0.1:8786``, or of Ray's head; for Slurm
            ``local`` makes submitit run its jobs on this machine.
        threads: Threads of each job.
        folder: Where submitit keeps its files; shared by all machines.
        own_process: Do each job on a CPU in a process of its own, which measures its memory.
            Without it the memory of jobs on a CPU is not known.
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
        """Do all jobs; each comes back when it is done, in any order.

        Args:
            jobs: The jobs, taken one by one as there is room for them, perhaps by another thread.
            work: What to do with each; anything else than `do_job` is for tests.

        Raises:
            MissingDependencyError: A package for this back end is not installed.
            OptionError: The cluster cannot be reached.
            ClusterError: It was lost on the way; what is finished has been handed back.
        """
        streams: dict[str, Callable[[Backend, Iterable[Job], Worker], Iterator[Outcomes]]] = {
            "local": _local,
            "dask": _dask,
            "ray": _ray,
            "slurm": _slurm,
        }
        return streams[self.name](self, jobs, work)

    def check(self) -> None:
        """Find out, before anything is computed, whether the packages are installed.

        Raises:
            MissingDependencyError: One is not.
        """
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
    """Let this worker end within seconds of the process that started it, however that ended."""

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
        begun: dict[int, Job] = {}
        try:
            for job, outcomes in _processes(backend, _noted(remaining, begun), work):
                _forget(begun, job)
                yield job, outcomes
            return
        except TerminatedWorkerError:
            yield from _one_by_one(list(begun.values()), work)


def _noted(jobs: Iterator[Job], begun: dict[int, Job]) -> Iterator[Job]:
    for number, job in enumerate(jobs):
        begun[number] = job
        yield job


def _forget(begun: dict[int, Job], job: Job) -> None:
    for number, other in list(begun.items()):
        if other.keys == job.keys:
            del begun[number]
            return


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
    """Jobs one of which has killed its process: each with a process to itself while it lasts."""
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
    """Jobs for a cluster that gives back futures: so many at a time, each back when it is done."""

    submit: Callable[[Job], Any]
    wait_for_one: Callable[[list[Any]], Any]
    at_a_time: int

    def stream(self, jobs: Iterable[Job]) -> Iterator[tuple[Any, Job]]:
        """Futures that are done, with their jobs."""
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


def _result(task: Any, job: Job) -> list[Any]:
    try:
        return list(task.result())
    except Exception as error:  # submitit's own errors, for a job that was killed or ran too long
        return failed(job, f"Slurm: {type(error).__name__}: {str(error).splitlines()[0]}")
