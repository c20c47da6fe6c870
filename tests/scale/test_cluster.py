"""The Dask engine on real clusters: two processes of which one is killed, and another file system.

Starting processes that import torch takes seconds, so there are few tests here; what does not need
processes is in `test_rounds`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings

import forked
import fsspec
import psutil
import pytest
from scale_folders import notes_expected, notes_left, power_law_arcs, write_folder

from wis.errors import ClusterError, OptionError
from wis.scale import clients, sparsify_files
from wis.scale.phases import Phase

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import distributed

ARCS = power_law_arcs(200, 2000)
pytestmark = pytest.mark.filterwarnings("default")  # dask's own are not ours


def test_two_processes_one_of_which_is_killed_give_the_result_of_memory(tmp_path, monkeypatch):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    options = {"remove": "50%", "epsilon": 0.1}
    save, killed = Phase.save, []
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as running:

        def save_and_kill(self, folder):
            save(self, folder)
            if self.number == 2:
                killed.append(next(iter(running.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        monkeypatch.setattr(Phase, "save", save_and_kill)
        result = sparsify_files(
            source,
            output,
            engine="dask",
            scheduler_address=running.scheduler_address,
            block=100,
            progress=False,
            **options,
        )
    assert killed
    assert result.num_phases > 3
    assert notes_left(output) == notes_expected(200, ARCS, 3, **options)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def test_folders_may_be_on_another_file_system(tmp_path):
    local = write_folder(tmp_path / "in", ARCS)
    memory = fsspec.filesystem("memory")  # one for the whole process: other tests leave files
    others = {entry["name"] for entry in memory.ls("/")}
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
    assert {entry["name"] for entry in memory.ls("/")} - others == {"/edges", "/sparse"}


@pytest.fixture
def answering():
    """A port where something answers that is no scheduler."""
    with contextlib.ExitStack() as stack:

        def listen(answer):
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve():
                with contextlib.suppress(OSError):
                    while True:
                        connection = stack.enter_context(server.accept()[0])
                        connection.sendall(answer)

            threading.Thread(target=serve, daemon=True).start()
            return f"tcp://127.0.0.1:{server.getsockname()[1]}"

        yield listen


ANSWERS = {
    "silence": (b"", "no message of Dask came within"),
    "a web server": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak Dask's protocol"),
    "noise": (b"\x10\0\0\0\0\0\0\0" * 99, "does not speak Dask's protocol"),
}


@pytest.mark.parametrize("kind", [*ANSWERS, "nobody", "tls", "a name", "nothing", "web"])
def test_what_is_no_scheduler_is_one_line_within_the_patience(
    tmp_path, monkeypatch, answering, kind
):
    addresses = {
        "nobody": ("tcp://127.0.0.1:9", "Timed out"),
        "tls": ("tls://127.0.0.1:9", "needs certificates, which Dask's configuration names"),
        "a name": ("cluster", "missing port number"),
        "nothing": ("", "an empty address: missing port number"),
        "web": ("http://127.0.0.1:9", "unknown address scheme 'http'"),
    }
    if kind in ANSWERS:
        address, words = answering(ANSWERS[kind][0]), ANSWERS[kind][1]
    else:
        address, words = addresses[kind]
    source = write_folder(tmp_path / "in", ARCS)
    monkeypatch.setattr("wis.scale.clients.PATIENCE_S", 0.5)
    start = time.monotonic()
    with pytest.raises(ClusterError, match="no Dask scheduler answers") as caught:
        sparsify_files(source, tmp_path / "out", remove=1, engine="dask", scheduler_address=address)
    assert time.monotonic() - start < 8
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


CLUSTER = """
import sys, distributed
if __name__ == "__main__":
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as running:
        print(running.scheduler_address, flush=True)
        sys.stdin.read()
"""


@contextlib.contextmanager
def cluster_of_another_process():
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process, process.stdout.readline().strip()
        process.stdin.close()


def test_a_cluster_that_dies_costs_no_finished_phase(tmp_path, monkeypatch):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    options = {"remove": "60%", "epsilon": 0.1, "block": 100}
    save = Phase.save
    with cluster_of_another_process() as (process, address), monkeypatch.context() as patch:

        def save_and_kill(self, folder):
            save(self, folder)
            if self.number == 2:
                process.kill()

        patch.setattr(Phase, "save", save_and_kill)
        patch.setattr("wis.scale.clients.PATIENCE_S", 3)
        with pytest.raises(
            ClusterError, match=r"the cluster gave up: .*; the work is kept in"
        ) as e:
            sparsify_files(
                source, output, engine="dask", scheduler_address=address, progress=False, **options
            )
    assert "\n" not in str(e.value)
    assert not output.exists()
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as running:
        result = sparsify_files(
            *(source, output),
            engine="dask",
            scheduler_address=running.scheduler_address,
            progress=False,
            **options,
        )
    assert 3 <= result.num_phases_resumed < result.num_phases  # some phases need no worker
    assert notes_left(output) == notes_expected(200, ARCS, 3, remove="60%", epsilon=0.1)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


# The cluster that wis starts itself


def listening():
    """Addresses at which this process and its children wait for connections."""
    me = psutil.Process()
    processes = [me, *me.children(recursive=True)]
    return {
        (connection.laddr.ip, connection.laddr.port)
        for process in processes
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }


HAS_CRYPTOGRAPHY = importlib.util.find_spec("cryptography") is not None


@pytest.mark.parametrize("has_tls", [False, True] if HAS_CRYPTOGRAPHY else [False])
def test_nobody_else_can_speak_to_the_cluster_on_this_machine(monkeypatch, caplog, has_tls):
    monkeypatch.setattr("wis.scale.clients.PATIENCE_S", 0.5)
    if not has_tls:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    before = listening()
    with caplog.at_level(logging.INFO, "wis"), clients.client_of(None, 1) as client:
        assert client.submit(sum, [1, 2]).result() == 3
        opened = listening() - before
        assert {ip for ip, _ in opened} == {"127.0.0.1"}
        assert client.scheduler.address.startswith("tls://" if has_tls else "inproc://")
        for _, port in opened:
            with pytest.raises(ClusterError), clients.client_of(f"tcp://127.0.0.1:{port}", None):
                pass
            with pytest.raises(OSError) as refused:  # noqa: PT011 (404, or no web server at all)
                urllib.request.urlopen(f"http://127.0.0.1:{port}/info/main/workers.html", timeout=5)
            if isinstance(refused.value, urllib.error.HTTPError):
                refused.value.close()
    assert ("threads of this process" in caplog.text) == (not has_tls)


def test_processes_of_this_machine_are_given_a_certificate_of_their_own(monkeypatch):
    given = {}

    def local_cluster(**settings):
        given.update(settings)
        raise InterruptedError

    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "cryptography")
    monkeypatch.setattr(distributed.Security, "temporary", lambda: "made for this run")
    monkeypatch.setattr(distributed, "LocalCluster", local_cluster)
    with pytest.raises(InterruptedError), clients.client_of(None, 3):
        pass
    assert (given["processes"], given["security"]) == (True, "made for this run")
    assert (given["n_workers"], given["dashboard_address"]) == (3, None)


INTERRUPTED = """
import signal, sys, time
from wis.scale.phases import Phase
from wis_cli.main import run

save = Phase.save

def save_slowly(self, folder):
    save(self, folder)
    print("phase", flush=True)
    time.sleep(0.5)

Phase.save = save_slowly
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_ends_a_cluster_on_this_machine_with_one_line(tmp_path, number, code, line):
    write_folder(tmp_path / "in", ARCS)
    command = ["sparsify", "in", "--engine", "dask", "--workers", "1", "--remove", "60%"]
    command += ["-o", "out", "--block-edges", "700"]
    with forked.Process(INTERRUPTED, *command, folder=tmp_path, has_session=True) as process:
        assert process.stdout.readline() == "phase\n"
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, number) if number == signal.SIGINT else process.terminate()
        errors = process.communicate()[1].splitlines()
    assert process.returncode == code
    assert [text for text in errors if not text.startswith("the workers of")] == [line]
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out.wis-work"}


def test_that_a_scheduler_has_no_workers_is_said(caplog):
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as none,
        caplog.at_level(logging.INFO, "wis"),
        clients.client_of(none.scheduler_address, None),
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
