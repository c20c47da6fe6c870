"""The Dask engine on real clusters: two processes of which one is killed, and another file system.

Starting processes that import torch takes seconds, so there are few tests here; what does not need
processes is in `test_rounds`.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import warnings

import fsspec
import pytest
from scale_folders import notes_expected, notes_left, power_law_arcs, write_folder

from wis.errors import ClusterError, OptionError
from wis.scale import cluster, sparsify_files

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import distributed

ARCS = power_law_arcs(200, 2000)
pytestmark = pytest.mark.filterwarnings("default")  # dask's own are not ours


def test_two_processes_one_of_which_is_killed_give_the_result_of_memory(tmp_path):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    options = {"remove": "50%", "epsilon": 0.1}
    killed = []
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as running:

        def kill_in_the_middle():
            while not list(tmp_path.glob("out.wis-work/wis-run-*/phase-00002.npz")):
                time.sleep(0.02)
            pid = next(iter(running.workers.values())).pid
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

        killer = threading.Thread(target=kill_in_the_middle, daemon=True)
        killer.start()
        result = sparsify_files(
            source,
            output,
            engine="dask",
            scheduler_address=running.scheduler_address,
            block=700,
            progress=False,
            **options,
        )
        killer.join(timeout=1)
    assert killed
    assert result.num_phases > 3
    assert notes_left(output) == notes_expected(200, ARCS, 3, **options)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def test_folders_may_be_on_another_file_system(tmp_path):
    local = write_folder(tmp_path / "in", ARCS)
    memory = fsspec.filesystem("memory")
    memory.put(str(local), "/edges", recursive=True)
    options = {"remove": "50%", "epsilon": 0.1}
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as running:
        sparsify_files(
            "memory://edges",
            "memory://sparse",
            engine="dask",
            scheduler_address=running.scheduler_address,
            block=500,
            progress=False,
            **options,
        )
    memory.get("/sparse", str(tmp_path / "out"), recursive=True)
    assert notes_left(tmp_path / "out") == notes_expected(200, ARCS, 3, **options)
    assert {entry["name"] for entry in memory.ls("/")} == {"/edges", "/sparse"}


def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path, monkeypatch):
    source = write_folder(tmp_path / "in", ARCS)
    address = "tcp://127.0.0.1:9"
    monkeypatch.setattr("wis.scale.cluster.PATIENCE_S", 0.5)
    with pytest.raises(ClusterError, match="no Dask scheduler answers") as caught:
        sparsify_files(source, tmp_path / "out", remove=1, engine="dask", scheduler_address=address)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_that_a_scheduler_has_no_workers_is_said(caplog):
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as none,
        caplog.at_level(logging.INFO, "wis"),
        cluster._client(none.scheduler_address, None),
    ):
        assert f"{none.scheduler_address} has no workers yet" in caplog.text


def test_workers_are_counted_only_for_a_cluster_of_this_machine(tmp_path):
    source = write_folder(tmp_path / "in", ARCS)
    with pytest.raises(OptionError, match="num_workers is for"):
        sparsify_files(
            source,
            tmp_path / "out",
            remove=1,
            engine="dask",
            scheduler_address="tcp://127.0.0.1:9",
            num_workers=2,
        )
