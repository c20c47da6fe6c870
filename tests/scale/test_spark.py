"""The Spark engine on a cluster of two executors, which are processes of their own.

One session serves all tests, since its start takes seconds.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import psutil
import pyarrow.parquet as pq
import pytest
from scale_folders import notes_expected, notes_left, power_law_arcs, write_folder

from wis.errors import ClusterError, GraphFormatError, MissingDependencyError, OptionError
from wis.scale import rounds, shards, spark, sparsify_files
from wis.scale.phases import Phase
from wis.scale.spark import HERE, QUIET, SparkEngine, spark_engine

ARCS = power_law_arcs(200, 2000)
OPTIONS = {"remove": "50%", "epsilon": 1.0}
MASTER = "local-cluster[2,1,1024]"
HAS_SPARK = importlib.util.find_spec("pyspark") is not None
needs_spark = pytest.mark.skipif(
    not HAS_SPARK or shutil.which("java") is None,
    reason="needs " + ("java (openjdk-17-jre-headless)" if HAS_SPARK else "pyspark"),
)
pytestmark = pytest.mark.filterwarnings("default")  # pyspark's own are not ours


@pytest.fixture(scope="module")
def session():
    import pyspark
    from pyspark.sql import SparkSession

    settings = QUIET | HERE | {"spark.master": MASTER, "spark.authenticate.secret": "for tests"}
    settings |= {"spark.executor.memory": "512m", "spark.driver.memory": "512m"}
    quick = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # half of Java's CPU time in so short a run
    settings |= {f"spark.{role}.extraJavaOptions": quick for role in ("driver", "executor")}
    settings |= {"spark.task.maxFailures": "2"}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        handler = signal.getsignal(signal.SIGINT)
        running = SparkSession.builder.config(map=settings).getOrCreate()
        logs = Path(pyspark.__file__).parent / "work" / running.sparkContext.applicationId
        yield running
        running.stop()
        signal.signal(signal.SIGINT, handler)  # Spark's stays otherwise
        shutil.rmtree(logs, ignore_errors=True)


def executors():
    """The Java processes of executors."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended
            found += [child.pid] * any("CoarseGrainedExecutor" in word for word in child.cmdline())
    return found


@needs_spark
def test_two_executors_one_of_which_is_killed_give_the_result_of_memory(
    tmp_path, session, monkeypatch
):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    save, killed, calls = Phase.save, [], []
    advance = rounds.advance

    def save_and_kill(self, folder):
        save(self, folder)
        if not killed and any(calls):
            killed.extend(executors())
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(Phase, "save", save_and_kill)
    spark_map = SparkEngine.map
    monkeypatch.setattr(
        SparkEngine, "map", lambda *a, **k: calls.append(a[1] is advance) or spark_map(*a, **k)
    )
    result = sparsify_files(source, output, engine="spark", master=MASTER, block=300,
                            progress=False, **OPTIONS)  # fmt: skip
    assert len(killed) == 2
    assert sum(calls) >= 2  # rounds
    assert result.num_phases > 1
    assert notes_left(output) == notes_expected(200, ARCS, 3, **OPTIONS)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


@needs_spark
def test_partitioned_folders_go_from_spark_to_spark(tmp_path, session):
    source, output = tmp_path / "in", tmp_path / "out"
    rows = [(u, v, f"row {row}", f"d{row % 3}") for row, (u, v) in enumerate(ARCS)]
    frame = session.createDataFrame(rows, "src bigint, dst bigint, note string, day string")
    frame.repartition(2).write.partitionBy("day").parquet(str(source))
    assert (source / "_SUCCESS").exists()
    assert list(source.rglob(".*.crc"))
    sparsify_files(source, output, engine="spark", progress=False, **OPTIONS)
    kept = session.read.parquet(str(output)).collect()
    expected = {note for notes in notes_expected(200, ARCS, 1, **OPTIONS) for note in notes}
    assert {row.note for row in kept} == expected
    assert all(row.day == f"d{int(row.note.split()[1]) % 3}" for row in kept)
    streamed = tmp_path / "streamed"
    sparsify_files(source, streamed, progress=False, **OPTIONS)
    names = [path.relative_to(output) for path in sorted(output.rglob("*.parquet"))]
    assert len(names) >= 3
    for name in names:
        assert pq.read_table(output / name).equals(pq.read_table(streamed / name))


@needs_spark
def test_errors_of_tasks_and_of_packages_are_one_line(tmp_path, session, monkeypatch):
    source = write_folder(tmp_path / "in", [(0, 1), (1, 2), (-3, 4)], num_files=1)
    with pytest.raises(GraphFormatError, match="vertex id -3 is negative"):
        sparsify_files(source, tmp_path / "out", remove=1, engine="spark", progress=False)

    def fails(item):
        raise ValueError("no number")

    with (
        pytest.raises(ClusterError, match="gave up: ValueError: no number") as caught,
        spark_engine(None, None) as engine,
    ):
        engine.map(fails, [1, 2])
    assert "\n" not in str(caught.value)
    with pytest.raises(OptionError, match="a Spark session with master local-cluster"):
        sparsify_files(source, tmp_path / "out", remove=1, engine="spark", master="local[2]")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@needs_spark
def test_a_shard_stays_in_the_process_that_remembers_it(session):
    with spark_engine(None, None) as engine:
        assert engine.num_tasks == 2
        places = [engine.map(lambda item: os.getpid(), [1, 2], stay=True) for _ in range(3)]
    assert places[0] == places[1] == places[2]


@needs_spark
def test_a_session_of_its_own_leaves_the_handler_of_ctrl_c(monkeypatch):
    from pyspark.sql import SparkSession

    def started(module, master):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return SimpleNamespace(stop=lambda: None)

    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(spark, "_started", started)
    before = signal.getsignal(signal.SIGINT)
    with spark_engine(None, None):
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is before


def test_without_pyspark_or_java_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    source = write_folder(tmp_path / "in", ARCS)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "pyspark.sql", shards)  # any module
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"needs Java 17 .* openjdk-17-jre-headless"):
        sparsify_files(source, tmp_path / "out", remove=1, engine="spark", progress=False)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(MissingDependencyError, match=r"wis-sparsify\[spark\]"):
        sparsify_files(source, tmp_path / "out", remove=1, engine="spark", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_option_of_another_engine_is_refused(tmp_path):
    source = write_folder(tmp_path / "in", ARCS)
    refused = {"scheduler_address": ("tcp://h:1", "spark"), "master": ("local[2]", "dask")}
    for name, (value, engine) in refused.items():
        with pytest.raises(OptionError, match=f"{name} is for engine .*; leave it out with"):
            sparsify_files(source, tmp_path / "out", remove=1, engine=engine, **{name: value})
    with pytest.raises(OptionError, match="num_workers is for processes on this machine"):
        sparsify_files(source, tmp_path / "out", remove=1, engine="spark", master="local[2]",
                       num_workers=2)  # fmt: skip
