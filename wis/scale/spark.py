"""Spark as an engine: each task is a partition of a small dataframe, mapped by `mapInArrow`.

A dataframe that is kept in memory has its partitions on fixed executors, and Spark runs a task
where its partition is. So an executor with one core remembers the edges of its shards from task to
task; with more cores its processes share the tasks at random, and read shards again. Spark repeats
the tasks of a lost executor elsewhere. Results come back as bytes of pickle, errors of wis too.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import re
import secrets
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from wis.errors import ClusterError, MissingDependencyError, OptionError, WisError, echo
from wis.scale.storage import pyarrow

HERE = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.authenticate": "true",
}
"""Settings of a cluster on this machine: nobody else can reach it."""
QUIET = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "OFF",
    "spark.driver.maxResultSize": "0",
    "spark.executorEnv.OMP_NUM_THREADS": "1",
}
_ERROR = re.compile(r"^\s*(?:[\w.]*\.)?(\w*(?:Error|Exception)\b:? .*)$", re.M)


@contextlib.contextmanager
def spark_engine(master: str | None, num_workers: int | None) -> Iterator[SparkEngine]:
    """An engine on the running Spark session, or on a new one that ends with the block.

    Args:
        master: Spark's master, such as ``spark://host:7077``, ``yarn`` or ``local[4]``; None for
            the running session, or else one process on this machine for each core.
        num_workers: Number of processes on this machine, without a master.
    """
    if master is not None and num_workers is not None:
        raise OptionError("num_workers is for processes on this machine; the master has its own "
                          "executors")  # fmt: skip
    module = _pyspark()
    running = module.SparkSession.getActiveSession()
    if running is not None:
        found = running.sparkContext.master
        if num_workers is not None or master not in (None, found):
            raise OptionError(f"a Spark session with master {echo(found)} runs in this process; "
                              "stop it, or leave master and num_workers out")  # fmt: skip
    with _one_line_errors(), _own_handler():
        session = running or _started(module, master or f"local[{num_workers or '*'}]")
        engine = SparkEngine(session)
        try:
            yield engine
        finally:
            with contextlib.suppress(Exception):  # a lost cluster
                engine.close() if running else session.stop()


@dataclass
class SparkEngine:
    """The executors of a Spark session."""

    session: Any
    _homes: dict[int, Any] = field(default_factory=dict)

    @property
    def num_tasks(self) -> int:
        """The number of tasks that run at the same time."""
        return int(self.session.sparkContext.defaultParallelism)

    def map(
        self, task: Callable[..., Any], items: Sequence[Any], *arguments: Any, stay: bool = False
    ) -> list[Any]:
        """Run a task for each item."""
        if not len(items):
            return []
        size = len(items)
        frame = self._homes.get(size) if stay else self.session.range(0, size, 1, size)
        if frame is None:
            frame = self._homes[size] = self.session.range(0, size, 1, size).persist()

        def run(batches: Iterator[Any]) -> Iterator[Any]:
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    yield _result(number, task, items[number], arguments)

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
            rows = frame.mapInArrow(run, "number bigint, result binary").collect()
        results = {row.number: pickle.loads(row.result) for row in rows}
        for result in results.values():
            if isinstance(result, WisError):
                raise result
        return [results[number] for number in range(size)]

    def close(self) -> None:
        """Free the memory of a session that goes on."""
        for frame in self._homes.values():
            frame.unpersist()


def _result(number: int, task: Callable[..., Any], item: Any, arguments: Any) -> Any:
    try:
        result = task(item, *arguments)
    except WisError as error:
        result = error
    pa = pyarrow()
    columns = [pa.array([number]), pa.array([pickle.dumps(result)], pa.binary())]
    return pa.record_batch(columns, names=["number", "result"])


def _pyspark() -> Any:
    try:
        sql = importlib.import_module("pyspark.sql")
    except ImportError:
        raise MissingDependencyError.of("engine 'spark' needs pyspark", "spark") from None
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise MissingDependencyError(
            "engine 'spark' needs Java 17 or later, and no program java was found; install it from "
            "the system's packages (apt install openjdk-17-jre-headless), or set JAVA_HOME"
        )
    return sql


def _started(module: Any, master: str) -> Any:
    """A new session; on this machine only its own processes can reach it."""
    settings = QUIET | {"spark.master": master, "spark.app.name": "wis"}
    if master.startswith("local"):
        settings |= HERE | {"spark.authenticate.secret": secrets.token_hex(32)}
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    return module.SparkSession.builder.config(map=settings).getOrCreate()


@contextlib.contextmanager
def _own_handler() -> Iterator[None]:
    """Give the program its handler of Ctrl-C back; a Spark session puts its own in its place."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn errors of Spark into a `ClusterError` of one line."""
    lost = importlib.import_module("py4j.protocol").Py4JError
    failed = importlib.import_module("pyspark.errors").PySparkException
    try:
        yield
    except WisError:
        raise
    except (lost, failed, OSError) as error:
        text = str(error)
        reason = (_ERROR.findall(text) or [text or type(error).__name__])[-1]
        lacks = "; install wis-sparsify[spark] there too" if "ModuleNotFound" in reason else ""
        line = " ".join(reason.split())
        raise ClusterError(f"the Spark cluster gave up: {echo(line, 300)}{lacks}") from None
