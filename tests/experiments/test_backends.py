"""The same jobs on a real Dask cluster, on Ray and through submitit: the same rows."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from sweep_cases import same_rows, toy_recipe

from wis.errors import ClusterError, MissingDependencyError, OptionError
from wis.experiments import Backend, RunOptions, read_results, run_sweep
from wis.experiments import backends as backends_module
from wis.experiments.backends import Job

HERE = Backend(own_process=False)
quiet = pytest.mark.filterwarnings("ignore")  # what clusters warn about is theirs


@contextlib.contextmanager
def dask_cluster(folder):
    """A scheduler and two workers, each a process of its own, as a user would start them."""
    file = folder / "scheduler.json"
    command = [sys.executable, "-W", "ignore", "-m", "dask"]
    setting = {**os.environ, "OMP_NUM_THREADS": "1"}
    quiet_output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": setting}
    scheduler = [*command, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    worker = [*command, "worker", "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard"]
    worker += ["--local-directory", str(folder), "--no-nanny", "--scheduler-file", str(file)]
    processes = [
        subprocess.Popen([*scheduler, "--scheduler-file", str(file)], cwd=folder, **quiet_output)
    ]
    try:
        processes += [subprocess.Popen(worker, cwd=folder, **quiet_output) for _ in range(2)]
        yield _address(file), processes
    finally:
        for process in processes[::-1]:
            process.kill()
            process.wait()


def _address(file):
    import json

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            return json.loads(file.read_text())["address"]
        time.sleep(0.1)
    raise AssertionError("no scheduler within a minute")


def test_a_dask_cluster_gives_the_rows_of_one_process_and_the_loss_of_a_worker_loses_none(
    toy_file, tmp_path
):
    recipe = toy_recipe(toy_file, seeds="2", remove="0%:100%:20%", max_epochs=20)
    alone = RunOptions(tmp_path / "alone.jsonl", HERE, orders=tmp_path / "a")
    run_sweep(recipe, alone)
    killed = []
    with dask_cluster(tmp_path) as (address, processes):

        def kill_one(status):
            if status.new >= 4 and not killed:
                killed.append(status.new)
                processes[1].send_signal(signal.SIGKILL)

        cluster = RunOptions(
            tmp_path / "cluster.jsonl",
            Backend("dask", address=address, own_process=False),
            orders=tmp_path / "b",
            report=kill_one,
        )
        status = run_sweep(recipe, cluster)
        assert processes[1].wait(timeout=10) == -signal.SIGKILL
    assert killed
    assert killed[0] < recipe.num_runs
    assert (status.done, status.failed) == (recipe.num_runs, 0)
    rows = [read_results([options.results])[0] for options in (alone, cluster)]
    assert same_rows(rows[0]) == same_rows(rows[1])


@quiet
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
def test_a_ray_of_one_node_gives_the_rows_of_one_process(toy_file, tmp_path, monkeypatch):
    import ray

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    recipe = toy_recipe(toy_file)
    alone = RunOptions(tmp_path / "alone.jsonl", HERE, orders=tmp_path / "a")
    run_sweep(recipe, alone)
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
    try:
        there = RunOptions(
            tmp_path / "ray.jsonl", Backend("ray", own_process=False), orders=tmp_path / "b"
        )
        status = run_sweep(recipe, there)
        assert ray.is_initialized()  # a Ray that was there before stays
    finally:
        ray.shutdown()
    assert (status.done, status.failed) == (recipe.num_runs, 0)
    rows = [read_results([options.results])[0] for options in (alone, there)]
    assert same_rows(rows[0]) == same_rows(rows[1])


@quiet
def test_submitit_gives_the_rows_of_one_process(toy_file, tmp_path, monkeypatch):
    recipe = toy_recipe(toy_file, remove="0", seeds="1")  # two rows, one process
    alone = RunOptions(tmp_path / "alone.jsonl", HERE, orders=tmp_path / "a")
    run_sweep(recipe, alone)
    monkeypatch.setattr(backends_module, "POLL_S", 0.05)
    backend = Backend("slurm", 2, "local", folder=tmp_path / "slurm", own_process=False)
    there = RunOptions(tmp_path / "slurm.jsonl", backend, orders=tmp_path / "b")
    status = run_sweep(recipe, there)
    assert (status.done, status.failed) == (2, 0)
    rows = [read_results([options.results])[0] for options in (alone, there)]
    assert same_rows(rows[0]) == same_rows(rows[1])


@pytest.mark.parametrize(
    ("backend", "module", "extra"),
    [
        (Backend("dask", address="tcp://127.0.0.1:1"), "distributed", "dask"),
        (Backend("ray"), "ray", "ray"),
        (Backend("slurm"), "submitit", "slurm"),
        (Backend(jobs=2), "joblib", "bench"),
    ],
)
def test_a_back_end_whose_package_is_missing_names_the_extra(
    backend, module, extra, toy_file, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=rf"{module}: .*wis-sparsify\[{extra}\]"):
        run_sweep(toy_recipe(toy_file), RunOptions(tmp_path / "runs.jsonl", backend))
    assert not (tmp_path / "runs.jsonl").exists()


@quiet
@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (Backend("dask"), "needs --scheduler-address"),
        (Backend("dask", address="tcp://127.0.0.1:1"), "cannot be reached.*dask scheduler"),
        (Backend("slurm"), "Slurm cannot be used here"),
    ],
)
def test_a_cluster_that_is_not_there_is_one_clear_line(
    backend, words, toy_file, tmp_path, monkeypatch
):
    monkeypatch.setattr("wis.scale.clients.PATIENCE_S", 0.5)
    backend = replace(backend, folder=tmp_path / "slurm")
    with pytest.raises(OptionError, match=words) as error:
        run_sweep(toy_recipe(toy_file), RunOptions(tmp_path / "r", backend, orders=tmp_path / "o"))
    assert "\n" not in str(error.value)


def test_a_scheduler_that_dies_is_one_line_and_keeps_what_is_done(
    toy_file, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr("wis.scale.clients.PATIENCE_S", 2)
    recipe = toy_recipe(toy_file, seeds="12", remove="0%:100%:20%", max_epochs=20)
    with dask_cluster(tmp_path) as (address, processes):

        def kill_the_scheduler(status):
            if status.new >= 30:
                processes[0].kill()

        options = RunOptions(
            tmp_path / "runs.jsonl",
            Backend("dask", address=address, own_process=False),
            orders=tmp_path / "orders",
            report=kill_the_scheduler,
        )
        with pytest.raises((ClusterError, OptionError)) as error:
            run_sweep(recipe, options)
    assert "\n" not in str(error.value)
    assert "Traceback" not in capfd.readouterr().err
    assert len(read_results([tmp_path / "runs.jsonl"])[0]) >= 30


@quiet
@pytest.mark.parametrize(
    ("scheme", "answer", "words"),
    [
        ("tcp", b"", "no message of Dask came within"),
        ("tcp", b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak Dask's protocol"),
        ("tls", b"", "tls:// needs certificates"),
    ],
)
def test_what_answers_but_is_no_scheduler_is_one_line_within_the_patience(
    scheme, answer, words, toy_file, tmp_path, monkeypatch
):
    monkeypatch.setattr("wis.scale.clients.PATIENCE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as connections:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection = connections.enter_context(server.accept()[0])
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        backend = Backend("dask", address=f"{scheme}://127.0.0.1:{server.getsockname()[1]}")
        options = RunOptions(tmp_path / "r", backend, orders=tmp_path / "o")
        start = time.monotonic()
        with pytest.raises(OptionError, match=words) as error:
            run_sweep(toy_recipe(toy_file), options)
        assert time.monotonic() - start < 10
        assert "\n" not in str(error.value)


def test_a_long_address_is_not_repeated_in_full(toy_file, tmp_path):
    backend = Backend("dask", address="tcp://" + "A" * 3000)
    with pytest.raises(OptionError) as error:
        run_sweep(toy_recipe(toy_file), RunOptions(tmp_path / "r", backend, orders=tmp_path / "o"))
    assert "A" * 101 not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "mpi"}, "expected one of local, dask, ray, slurm"),
        ({"jobs": 0}, "jobs is 0; expected an integer of at least 1"),
        ({"threads": True}, "threads is True"),
    ],
)
def test_an_impossible_back_end_says_what_is_possible(settings, words):
    with pytest.raises(OptionError, match=words):
        Backend(**settings)


ORPHAN = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", '''
import os, sys, time
from wis.experiments.backends import _end_with
_end_with(os.getppid())
print("watching", flush=True)
time.sleep(600)
'''], stdout=sys.stdout)
time.sleep(600)
"""


def test_a_worker_ends_soon_after_the_process_that_started_it_was_killed():
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "watching\n"
    parent.send_signal(signal.SIGKILL)
    start = time.monotonic()
    assert parent.stdout.read() == ""  # comes back when the child, which holds the pipe too, ends
    assert time.monotonic() - start < 60
    parent.stdout.close()
    parent.wait()


@quiet
def test_a_dask_cluster_that_grows_with_its_work_gets_some(monkeypatch):
    distributed = pytest.importorskip("distributed")
    job = Job(None, ("a",), (1,))
    with distributed.LocalCluster(
        n_workers=0, threads_per_worker=1, processes=False, protocol="tcp://",
        dashboard_address=None,
    ) as cluster:  # fmt: skip
        monkeypatch.setattr(backends_module, "WAIT_S", 0.5)
        backend = Backend("dask", address=cluster.scheduler_address)
        with pytest.raises(ClusterError, match="has no worker after"):
            list(backend.stream([job], _keys_of))
        monkeypatch.setattr(backends_module, "WAIT_S", 20)
        cluster.adapt(minimum=0, maximum=1, interval="50ms")
        assert list(backend.stream([job], _keys_of)) == [(job, [{"key": "a"}])]


def _keys_of(job):
    return [{"key": key} for key in job.keys]
