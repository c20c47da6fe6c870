"""A process for each job: its own memory, its own death, and an end with who started it."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import forked
import psutil
import pytest
import torch
from sweep_cases import same_rows, toy_graph, toy_recipe
from work import add, die, fail, hold, sleep, where

from wis.experiments import Backend, RunOptions, accuracy, backends, read_results, run_sweep
from wis.experiments.own_process import ProcessDied, Server, call, can_be_forked, close_all

MIB = 2**20


@pytest.fixture(autouse=True, scope="module")
def no_server_is_left():
    yield
    close_all()


def test_each_call_has_a_process_of_its_own_and_one_server_forks_them_all():
    (first, server), (second, same) = (call(where, None, threads=1) for _ in range(2))
    assert len({first, second, server, os.getpid()}) == 4
    assert same == server
    template = parent_of(server)
    other = call(where, None, threads=1, key="other")[1]
    assert other != server
    assert parent_of(other) == template  # which imported torch and PyG once
    assert call(add, (2, 3), threads=1) == 5


def test_large_arguments_and_results_arrive_whole():
    content = os.urandom(5 * MIB)
    assert call(add, (content, b"!"), threads=1) == content + b"!"


def test_the_memory_of_a_small_call_after_a_large_one_is_small():
    small, large, again = (call(hold, size * MIB, threads=1) for size in (1, 300, 1))
    assert large - small > 250 * MIB
    assert abs(again - small) < 30 * MIB


def test_a_call_that_is_killed_says_so_and_the_next_one_goes_on():
    with pytest.raises(ProcessDied, match="was killed by signal 9, perhaps for lack of memory"):
        call(die, None, threads=1)
    with pytest.raises(ZeroDivisionError) as error:
        call(fail, None, threads=1)
    assert any("in fail" in note for note in error.value.__notes__)
    assert call(add, (1, 1), threads=1) == 2


def test_a_call_that_is_interrupted_ends_its_work_and_the_next_one_goes_on(monkeypatch):
    _, server = call(where, None, threads=1)
    with monkeypatch.context() as patch:
        patch.setattr(Server, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            call(sleep, None, threads=1)
    assert ends(server)
    assert call(add, (1, 1), threads=1) == 2


def interrupted(server):
    raise KeyboardInterrupt


def test_work_that_no_other_process_can_import_is_done_in_this_one():
    assert can_be_forked(["json", "work"])
    assert not can_be_forked(["__main__"])
    assert not can_be_forked(["no_such_module_anywhere"])


START = """
import sys, threading, time
sys.path.insert(0, {folder!r})
from work import sleep, where
from wis.experiments.own_process import call
print(*call(where, None, threads=1), flush=True)
call(sleep, None, threads=1)
"""


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_whoever_started_it_takes_the_servers_and_their_work_along(by):
    code = START.format(folder=os.path.dirname(__file__))
    with forked.Process(code) as process:
        _, server = map(int, process.stdout.readline().split())
        template = parent_of(server)
        assert parent_of(template) == process.pid
        time.sleep(0.5)
        process.send_signal(by)
        process.wait(timeout=30)
        assert ends(server)
        assert ends(template)
        assert process.stdout.read() == ""  # ends when the process of the work, which has it, does


def parent_of(process):
    return psutil.Process(process).ppid()


def ends(process):
    """Whether it ends soon; nobody may have collected it."""
    deadline = time.monotonic() + 30
    while psutil.pid_exists(process) and time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
                return True
        time.sleep(0.05)
    return not psutil.pid_exists(process)


def options_in(folder, name="runs.jsonl", **changes):
    return RunOptions(folder / name, orders=folder / f"orders-{name}", **changes)


def rows_of(options):
    return read_results([options.results])[0]


def test_a_small_run_after_a_large_one_of_the_same_sweep_has_little_memory(tmp_path):
    data = toy_graph()
    data.x = torch.nn.functional.pad(data.x, (0, 2_000))
    torch.save(data, tmp_path / "wide.pt")
    settings = {"methods": "random", "remove": "0%", "seeds": "1", "max_epochs": 1}
    peaks = []
    for number, width in enumerate((4, 4_096, 4)):  # 8 million weights, moments and gradients
        recipe = toy_recipe(tmp_path / "wide.pt", **settings, width=width, patience=1 + number)
        run_sweep(recipe, options_in(tmp_path))
        peaks.append(rows_of(options_in(tmp_path))[-1]["peak_memory_bytes"])
    assert peaks[1] - peaks[0] > 80 * MIB
    assert abs(peaks[2] - peaks[0]) < 30 * MIB


def test_rows_are_the_same_in_processes_of_their_own_and_in_this_one(toy_file, tmp_path):
    recipe = toy_recipe(toy_file, max_epochs=10)
    apart, here = options_in(tmp_path, "apart"), options_in(tmp_path, "here", backend=HERE)
    run_sweep(recipe, apart)
    run_sweep(recipe, here)
    assert same_rows(rows_of(apart)) == same_rows(rows_of(here))
    for row in rows_of(apart):
        assert row["peak_memory_bytes"] > 10 * MIB
        assert row["percent_removed"] != 50 or row["order_peak_memory_bytes"] > 10 * MIB
    for row in rows_of(here):
        assert row["peak_memory_bytes"] is None
        assert row["order_peak_memory_bytes"] is None


HERE = Backend(own_process=False)


def test_what_is_told_of_a_graph_is_told_once(tmp_path, caplog, capfd):
    data = toy_graph()
    del data.val_mask
    torch.save(data, tmp_path / "one_less.pt")
    run_sweep(toy_recipe(tmp_path / "one_less.pt", max_epochs=1), options_in(tmp_path))
    assert caplog.text.count("has no val_mask") == 1  # here, and by the other process not again
    assert "val_mask" not in capfd.readouterr().err


def test_a_run_that_is_killed_fails_alone(monkeypatch):
    job = backends.Job(accuracy.Accuracy(), ("a", "b"), (None, None), own_process=True)
    monkeypatch.setattr(backends, "do_here", die)
    one, other = backends.do_job(job)
    assert (one["key"], other["key"]) == ("a", "b")
    assert one["status"] == other["status"] == "failed"
    assert "killed by signal 9" in one["error"]
