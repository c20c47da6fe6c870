"""Dask as an engine: a running cluster, or a private one on this machine.

Anyone who reaches a scheduler can run code as its user. So the cluster on this machine is private
and has no dashboard: its processes use TLS with a certificate that is made for this run and is
never stored. The package cryptography makes the certificate. Without it, the workers are threads of
this process, and no socket is opened.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib.util
import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from typing import Any

from wis.errors import (
    ClusterError,
    MissingDependencyError,
    OptionError,
    WisError,
    echo,
    without_secrets,
)

PATIENCE_S = 12.0
"""Seconds to wait for a scheduler: without one, a command fails within 20 seconds."""
NOWHERE = "127.0.0.1:0"
_LOGS = ("distributed", "distributed.client")  # Dask sets the levels of these
_log = logging.getLogger(__name__)


def distributed() -> Any:
    """Import distributed; raises `MissingDependencyError` if it is missing."""
    try:
        import distributed
    except ImportError:
        raise MissingDependencyError.of(
            "engine 'dask' needs dask and distributed", "dask"
        ) from None
    return distributed


@contextlib.contextmanager
def dask_engine(address: str | None, num_workers: int | None) -> Iterator[DaskEngine]:
    """An engine on the cluster at an address, or on a new one on this machine (`client_of`)."""
    with client_of(address, num_workers) as client, one_line_errors():
        yield DaskEngine(client)


@dataclass
class DaskEngine:
    """The workers of a Dask cluster. Dask repeats the tasks of a lost worker."""

    client: Any
    _homes: dict[int, str] = field(default_factory=dict)

    @property
    def num_tasks(self) -> int:
        """The number of threads of all workers."""
        return len(self._places()) or 1

    def _places(self) -> list[str]:
        """Names of the threads of all workers."""
        threads = self.client.nthreads().items()
        return [f"{worker} {number}" for worker, count in threads for number in range(count)]

    def map(
        self, task: Callable[..., Any], items: Sequence[Any], *arguments: Any, stay: bool = False
    ) -> list[Any]:
        """Run a task for each item."""
        homes: dict[int, str] = {}
        if stay:
            homes = self._homes = assigned(self._homes, self._places(), len(items))
        workers = {number: place.rpartition(" ")[0] for number, place in homes.items()}
        tasks = [
            self.client.submit(
                *(task, item, *arguments),
                pure=False,
                workers=workers.get(number),
                allow_other_workers=bool(workers),
            )
            for number, item in enumerate(items)
        ]
        return list(self.client.gather(tasks))


def assigned(homes: Mapping[int, str], places: Iterable[str], size: int) -> dict[int, str]:
    """Assign each item to a place, and keep the assignment so far where possible.

    A worker remembers the edges of its shards, so a move costs memory on both workers and time on
    the new one. Items move only from lost places, and from places with more than an even share.

    Returns:
        The place of each item; empty without places. The loads of two places differ by at most one.

    >>> assigned({0: "a", 1: "a"}, ["a", "b"], 2)
    {0: 'a', 1: 'b'}
    """
    held: dict[str, list[int]] = {place: [] for place in sorted(places)}
    if not held:
        return {}
    fewest, spare = divmod(size, len(held))
    for item, place in sorted(homes.items()):
        if place not in held or len(held[place]) > fewest:
            continue
        if len(held[place]) == fewest:
            if not spare:
                continue
            spare -= 1
        held[place].append(item)
    settled = {item for items in held.values() for item in items}
    for item in range(size):
        if item not in settled:
            held[min(held, key=lambda place: len(held[place]))].append(item)
    return {item: place for place, items in held.items() for item in items}


@contextlib.contextmanager
def client_of(address: str | None, num_workers: int | None) -> Iterator[Any]:
    """A client of the cluster at an address, or of a new one on this machine."""
    module = distributed()
    if address is not None and num_workers is not None:
        raise OptionError("num_workers is for a cluster on this machine; the cluster at the "
                          "address has its own workers")  # fmt: skip
    if address is None:
        with _cluster_here(module, num_workers) as cluster, module.Client(cluster) as client:
            yield client
        return
    with quiet(), connect(module, address) as client:
        if not client.scheduler_info()["workers"]:  # it may start workers when work arrives
            _log.info("the Dask scheduler at %s has no workers yet; waiting for one", address)
        yield client


def connect(module: Any, address: str, **settings: Any) -> Any:
    """Check that a scheduler answers at an address, and return a client of it."""
    try:
        _check_answer(module, address)
        return module.Client(address, timeout=PATIENCE_S, **settings)
    except Exception as error:  # Dask may raise anything for a foreign answer
        shown = echo(address) or "an empty address"
        reason = _reason(error, address)
        raise ClusterError(f"no Dask scheduler answers at {shown}: {reason}") from None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Stop Dask from logging a lost scheduler with a traceback; `one_line_errors` reports it."""
    before = [(log, log.level) for log in map(logging.getLogger, _LOGS)]
    try:
        for log, _ in before:
            log.setLevel(logging.CRITICAL)
        yield
    finally:
        for log, level in before:
            log.setLevel(level)


def _reason(error: Exception, address: str) -> str:
    place = address.rpartition("://")[2]
    text = " ".join(str(error).replace(place, echo(place)).split())
    text = without_secrets(text, address)
    if "ssl_context" in text:
        return (
            "tls:// needs certificates, which Dask's configuration names (distributed.comm.tls in "
            "~/.config/dask, or DASK_DISTRIBUTED__COMM__TLS__CA_FILE and so on)"
        )
    if isinstance(error, TimeoutError) and not text:
        return f"no message of Dask came within {PATIENCE_S:g} s"
    if text and isinstance(error, OSError | ValueError | WisError):
        return echo(text, 300)
    return f"the program there does not speak Dask's protocol ({type(error).__name__})"


def _check_answer(module: Any, address: str) -> None:
    """Exchange one message within a time limit; Dask itself would wait forever."""
    from distributed.utils import LoopRunner, wait_for

    async def shake_hands() -> None:
        security = module.Security()
        comm = await module.comm.connect(
            address, timeout=PATIENCE_S, **security.get_connection_args("client")
        )
        try:
            await comm.write({"op": "identity", "reply": True})
            answer = await comm.read()
            if not isinstance(answer, dict) or answer.get("type") != "Scheduler":
                raise ClusterError("the program there is not a scheduler")
        finally:
            comm.abort()

    if address.startswith("inproc://"):
        return  # a cluster of this process answers on its own event loop only
    runner = LoopRunner()
    runner.start()
    try:
        runner.run_sync(wait_for, shake_hands(), PATIENCE_S + 0.5)
    finally:
        runner.stop()


@contextlib.contextmanager
def _cluster_here(module: Any, num_workers: int | None) -> Iterator[Any]:
    """A cluster on this machine that only this process can reach."""
    from dask.system import CPU_COUNT

    if importlib.util.find_spec("cryptography") is None:
        settings = {"processes": False, "worker_class": _thread_workers(module)}
        _log.info(
            "the workers of the Dask cluster on this machine are threads of this process: a "
            "private channel to processes needs cryptography (pip install cryptography)"
        )
    else:
        settings = {"processes": True, "security": module.Security.temporary()}
    with _interrupts_for_this_process_only(), _without_pages():
        cluster = module.LocalCluster(
            n_workers=num_workers or CPU_COUNT,
            threads_per_worker=1,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": NOWHERE},
            silence_logs=logging.CRITICAL,
            **settings,
        )
    with cluster:
        yield cluster


def _thread_workers(module: Any) -> Any:
    """A class of workers that are threads; their web page is empty and local."""

    class ThreadWorker(module.Worker):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs |= {"dashboard": False, "dashboard_address": NOWHERE}
            super().__init__(*args, **kwargs)

    return ThreadWorker


@contextlib.contextmanager
def _without_pages() -> Iterator[None]:
    """Serve no web pages on the port that Dask always opens."""
    import dask

    routes: dict[str, list[str]] = {
        f"distributed.{part}.http.routes": [] for part in ("scheduler", "worker")
    }
    with dask.config.set(routes):
        yield


@contextlib.contextmanager
def _interrupts_for_this_process_only() -> Iterator[None]:
    """Hide Ctrl-C from threads and processes that start within the block.

    Ctrl-C reaches all processes of a terminal. Only this process handles it, and then ends the
    others. A Ctrl-C within the block takes effect after the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    resource_tracker.ensure_running()  # its later start would unblock Ctrl-C
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn errors of a lost cluster or of lost workers into a `ClusterError` of one line."""
    module = distributed()
    try:
        yield
    except WisError:
        raise
    except (module.KilledWorker, concurrent.futures.CancelledError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ClusterError(f"the cluster gave up: {echo(reason, 300)}") from None
    except ImportError as error:
        raise ClusterError(
            f"the workers of the cluster lack a package: {echo(str(error), 200)}; "
            "install wis-sparsify[dask] there too"
        ) from None
