"""Two runs at once, runs that were killed, and what lies about that wis did not make."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import forked
import fsspec
import pytest
from scale_folders import notes_expected, notes_left, power_law_arcs, write_folder

from wis.base.atomic import Process
from wis.errors import BusyError, GraphFormatError, OutputExistsError
from wis.scale import locks, sparsify_files
from wis.scale.locks import Owner, locked
from wis.scale.phases import Phase

ARCS = power_law_arcs(120, 1000)
OPTIONS = {"remove": "60%", "epsilon": 0.1, "progress": False}

RUNS = """
import json, sys, time
from wis.errors import WisError
from wis.scale import sparsify_files
from wis.scale.phases import Phase

save = Phase.save

def save_slowly(self, folder):
    time.sleep(0.005)
    save(self, folder)

Phase.save = save_slowly
print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    time.sleep(max(0, request.pop("at") - time.time()))
    try:
        sparsify_files(**request, remove="60%", epsilon=0.1, progress=False)
        print("done", flush=True)
    except WisError as error:
        print(f"{type(error).__name__} {error.exit_code} {error}", flush=True)
"""


@pytest.fixture(scope="module")
def two_processes():
    with contextlib.ExitStack() as stack:
        runners = [stack.enter_context(forked.Process(RUNS)) for _ in range(2)]
        for runner in runners:
            assert runner.stdout.readline() == "ready\n"
        yield runners
        for runner in runners:
            runner.stdin.close()


def at_once(runners, *requests):
    """What becomes of two calls that begin in the same moment."""
    moment = time.time() + 0.02
    for runner, request in zip(runners, requests, strict=True):
        runner.stdin.write(json.dumps({"at": moment, **request}) + "\n")
        runner.stdin.flush()
    return [runner.stdout.readline() for runner in runners]


def is_refused(line, runners):
    """Whether a run was told that another one is at work, or was there before."""
    busy = line.startswith("BusyError 1") and "another run is at work on it (" in line
    if busy:
        assert any(f"process {runner.pid} on " in line for runner in runners) or "said" in line
    return busy or line.startswith("OutputExistsError 1")


@pytest.mark.parametrize("seeds", [(0, 0), (0, 1)], ids=["same request", "two requests"])
def test_of_two_runs_to_one_output_one_is_right_and_the_other_is_refused(
    tmp_path, two_processes, seeds
):
    source = write_folder(tmp_path / "in", ARCS)
    expected = [notes_expected(120, ARCS, 3, remove="60%", epsilon=0.1, seed=s) for s in seeds]
    busy = 0
    for trial in range(10):
        output = tmp_path / f"out-{trial}"
        requests = [{"source": str(source), "output": str(output), "seed": seed} for seed in seeds]
        lines = at_once(two_processes, *requests)
        assert lines.count("done\n") == 1, lines
        winner = lines.index("done\n")
        assert is_refused(lines[1 - winner], two_processes), lines
        busy += lines[1 - winner].startswith("BusyError")
        assert notes_left(output) == expected[winner]
    assert busy >= 5  # they were at work at once
    assert {path.name for path in tmp_path.iterdir()} == {"in", *(f"out-{i}" for i in range(10))}


def test_runs_to_two_outputs_share_a_work_folder(tmp_path, two_processes):
    source = write_folder(tmp_path / "in", ARCS)
    work = tmp_path / "work"
    for trial in range(5):
        outputs = [tmp_path / f"out-{trial}-{seed}" for seed in (0, 1)]
        requests = [
            {"source": str(source), "output": str(output), "seed": seed, "work": str(work)}
            for seed, output in enumerate(outputs)
        ]
        assert at_once(two_processes, *requests) == ["done\n"] * 2
        for seed, output in enumerate(outputs):
            expected = notes_expected(120, ARCS, 3, remove="60%", epsilon=0.1, seed=seed)
            assert notes_left(output) == expected
    assert not work.exists()


def test_the_line_says_which_process_is_at_work_and_since_when(tmp_path):
    with locked(str(tmp_path / "work"), "out"):
        with pytest.raises(BusyError) as caught, locked(str(tmp_path / "work"), "out"):
            pass
        me = Process.current()
        assert f"out: another run is at work on it (process {me.pid} on {me.host}, since 2" in str(
            caught.value
        )
        assert "\n" not in str(caught.value)
        record = json.loads((tmp_path / "work" / "wis-run.json").read_text())
        assert (record["host"], record["pid"]) == (me.host, me.pid)
    assert list(tmp_path.iterdir()) == []


HOLDS = """
import sys, time
from wis.scale.locks import locked
with locked(sys.argv[1], "out"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_of_a_killed_run_is_harmless_and_that_of_a_stopped_one_holds(tmp_path):
    folder = str(tmp_path / "work")
    with forked.Process(HOLDS, folder) as holder:
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGSTOP)
        with pytest.raises(BusyError, match=f"process {holder.pid} on"), locked(folder, "out"):
            pass
        holder.kill()
        holder.wait()
    assert (tmp_path / "work" / "wis-lock").exists()
    with locked(folder, "out"):
        pass
    assert list(tmp_path.iterdir()) == []


# Where the kernel does not say it: another machine, a store without locks


def record_of(process, beat=0):
    return Owner(process, "yesterday", "0123", beat)


@pytest.fixture
def quick_beats(monkeypatch):
    monkeypatch.setattr(locks, "BEAT_S", 0.05)
    monkeypatch.setattr(locks, "SETTLE_S", 0.01)


@pytest.mark.parametrize("place", ["local", "memory"])
def test_another_machine_is_dead_if_its_count_stands_still(tmp_path, quick_beats, place):
    folder = str(tmp_path / "work") if place == "local" else f"memory://{tmp_path.name}/work"
    fs, path = fsspec.core.url_to_fs(folder)
    fs.makedirs(path)
    elsewhere = Process("elsewhere", 1, "1")
    fs.pipe_file(f"{path}/wis-run.json", record_of(elsewhere).to_json(0))
    with locked(folder, "out"):
        assert json.loads(fs.cat_file(f"{path}/wis-run.json"))["pid"] == os.getpid()
    assert not fs.exists(path)


@pytest.mark.parametrize("place", ["local", "memory"])
def test_another_machine_whose_count_goes_up_is_at_work(tmp_path, quick_beats, place):
    folder = str(tmp_path / "work") if place == "local" else f"memory://{tmp_path.name}/work"
    fs, path = fsspec.core.url_to_fs(folder)
    fs.makedirs(path)
    lock = locks.Lock(folder, "out", me=record_of(Process("elsewhere", 7, "1")))
    lock._write(0)
    with contextlib.ExitStack() as stack:
        lock._beats = locks.threading.Thread(target=lock._count, daemon=True)
        lock._beats.start()
        stack.callback(lock.release)
        with pytest.raises(BusyError, match="process 7 on elsewhere"), locked(folder, "out"):
            pass


def test_a_store_without_locks_is_held_by_a_record(tmp_path, quick_beats):
    folder = f"memory://{tmp_path.name}/work"
    with locked(folder, "out") as lock:
        with pytest.raises(BusyError, match=f"process {os.getpid()} on"), locked(folder, "out"):
            pass
        lock.check()
        fs, path = fsspec.core.url_to_fs(folder)
        fs.pipe_file(f"{path}/wis-run.json", record_of(Process("elsewhere", 7, "1")).to_json(0))
        with pytest.raises(BusyError, match="process 7 on elsewhere"):
            lock.check()
    assert fs.exists(f"{path}/wis-run.json")  # it is another's


def test_a_store_without_locks_forgets_a_killed_process_of_this_machine(tmp_path, quick_beats):
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    folder = f"memory://{tmp_path.name}/work"
    fs, path = fsspec.core.url_to_fs(folder)
    dead = Process(Process.current().host, process.pid, "1")
    fs.pipe_file(f"{path}/wis-run.json", record_of(dead).to_json(3))
    with locked(folder, "out"):
        pass


# What others have stored


def interrupted_at(number, monkeypatch):
    save = Phase.save

    def save_or_stop(self, folder):
        if self.number == number:
            raise KeyboardInterrupt
        save(self, folder)

    monkeypatch.setattr(Phase, "save", save_or_stop)


def interrupted_run(source, output, monkeypatch, **options):
    with monkeypatch.context() as patch:
        interrupted_at(3, patch)
        with pytest.raises(KeyboardInterrupt):
            sparsify_files(source, output, **{**OPTIONS, **options})


FOREIGN = ["thesis.tex", "wis-work.json", "u.bin", "deep/phase-00001.npz", "wis-run-notes/x"]


def store(folder):
    """Files of others in a folder; returns what has to be there afterwards."""
    for name in FOREIGN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"thesis": 1}')
    return {folder / name for name in FOREIGN}


def files_below(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("ends", ["well", "by its input", "by its request"])
def test_a_work_folder_of_others_keeps_what_is_in_it(tmp_path, ends):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    stored = store(tmp_path / "work")
    options = {**OPTIONS, "work": tmp_path / "work"}
    if ends == "by its input":
        (source / "part-2.parquet").write_bytes(b"PAR1 damaged")
    with contextlib.nullcontext() if ends == "well" else pytest.raises(ValueError):  # noqa: PT011
        remove = 10**6 if ends == "by its request" else "60%"
        sparsify_files(source, output, **{**options, "remove": remove})
    assert files_below(tmp_path / "work") == stored
    assert output.exists() == (ends == "well")


def test_an_empty_work_folder_of_others_stays(tmp_path):
    source = write_folder(tmp_path / "in", ARCS)
    (tmp_path / "work").mkdir()
    sparsify_files(source, tmp_path / "out", work=tmp_path / "work", **OPTIONS)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_left_work_folder_in_which_somebody_stored_a_file_keeps_it(tmp_path, monkeypatch, caplog):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    interrupted_run(source, output, monkeypatch)
    work = tmp_path / "out.wis-work"
    (run,) = work.glob("wis-run-*")
    stored = store(work) | {run / "thesis.tex", run / "deep" / "x"}
    (run / "deep").mkdir()
    (run / "thesis.tex").touch()
    (run / "deep" / "x").touch()
    with caplog.at_level("INFO", "wis"):
        assert sparsify_files(source, output, **OPTIONS).num_phases_resumed == 3
    assert files_below(work) == stored
    assert "which wis did not make" in caplog.text
    assert notes_left(output) == notes_expected(120, ARCS, 3, remove="60%", epsilon=0.1)


def test_what_lies_beside_the_output_is_let_alone(tmp_path):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    for name in ("out.wis-partial", "out.wis-replaced", "out.wis-partial-mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part-0.parquet").write_text("mine")
    before = files_below(tmp_path)
    sparsify_files(source, output, **OPTIONS)
    sparsify_files(source, output, force=True, **OPTIONS)
    assert before <= files_below(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("in", "out", "out.wis-partial", "out.wis-replaced", "out.wis-partial-mine")
    }


def test_a_file_stored_in_what_a_killed_run_left_beside_the_output_is_named(tmp_path):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    partial = tmp_path / "out.wis-partial-0123456789ab"
    partial.mkdir()
    (partial / "part-0.parquet").touch()
    (partial / "thesis.tex").touch()
    with pytest.raises(OutputExistsError, match=r"holds thesis.tex, which wis did not make"):
        sparsify_files(source, output, **OPTIONS)
    (partial / "thesis.tex").unlink()
    (partial / "part-1.parquet").touch()
    sparsify_files(source, output, **OPTIONS)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def test_an_output_that_comes_in_the_meantime_is_not_replaced(tmp_path, monkeypatch):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    save = Phase.save

    def save_while_another_writes(self, folder):
        output.mkdir(exist_ok=True)
        (output / "theirs.parquet").touch()
        save(self, folder)

    with monkeypatch.context() as patch:
        patch.setattr(Phase, "save", save_while_another_writes)
        with pytest.raises(OutputExistsError, match="exists; pass --force"):
            sparsify_files(source, output, **OPTIONS)
    assert [path.name for path in output.iterdir()] == ["theirs.parquet"]
    (output / "theirs.parquet").unlink()
    output.rmdir()
    result = sparsify_files(source, output, **OPTIONS)
    assert result.num_phases_resumed == result.num_phases


def test_a_thesis_that_comes_into_the_output_in_the_meantime_is_not_replaced(tmp_path, monkeypatch):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    sparsify_files(source, output, **OPTIONS)
    save = Phase.save

    def save_while_another_writes(self, folder):
        (output / "thesis.tex").touch()
        save(self, folder)

    monkeypatch.setattr(Phase, "save", save_while_another_writes)
    with pytest.raises(OutputExistsError, match=r"holds thesis.tex, which is not a Parquet file"):
        sparsify_files(source, output, **{**OPTIONS, "remove": "50%"}, force=True)
    assert (output / "thesis.tex").exists()
    assert notes_left(output) == notes_expected(120, ARCS, 3, remove="60%", epsilon=0.1)


def test_force_takes_no_file_away(tmp_path):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    output.write_text("thesis")
    with pytest.raises(OutputExistsError, match="is a file; the output is a folder"):
        sparsify_files(source, output, force=True, **OPTIONS)
    assert output.read_text() == "thesis"


@pytest.mark.parametrize("came", [False, True])
def test_an_output_that_a_killed_run_was_about_to_replace_is_put_back(tmp_path, came):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    sparsify_files(source, output, **OPTIONS)
    before = notes_left(output)
    output.rename(tmp_path / "out.wis-replaced-0123456789ab")
    if came:
        sparsify_files(source, tmp_path / "new", **OPTIONS)
        (tmp_path / "new").rename(output)
    with pytest.raises(OutputExistsError, match="exists; pass --force"):
        sparsify_files(source, output, **OPTIONS)
    if not came:
        assert notes_left(output) == before
    sparsify_files(source, output, force=True, **OPTIONS)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def test_what_an_earlier_request_left_goes_when_the_output_is_there(tmp_path, monkeypatch):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    interrupted_run(source, output, monkeypatch)
    interrupted_run(source, output, monkeypatch, seed=1)
    assert len(list((tmp_path / "out.wis-work").glob("wis-run-*"))) == 2  # neither is lost
    sparsify_files(source, output, **OPTIONS)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


# Input that changes


def touched(path):
    os.utime(path, ns=(1, 1))


def other_rows(path):
    stat = path.stat()
    raw = bytearray(path.read_bytes())
    raw[-30] ^= 1  # in the footer
    path.write_bytes(raw)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


CHANGES = {
    "another time": lambda folder: touched(folder / "part-1.parquet"),
    "another footer": lambda folder: other_rows(folder / "part-1.parquet"),
    "another file": lambda folder: write_folder(folder, ARCS[:9], num_files=4),
    "one file less": lambda folder: (folder / "part-2.parquet").unlink(),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_input_that_changes_during_a_run_is_noticed(tmp_path, monkeypatch, change):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    save = Phase.save

    def save_while_it_changes(self, folder):
        if self.number == 2:
            CHANGES[change](source)
        save(self, folder)

    monkeypatch.setattr(Phase, "save", save_while_it_changes)
    with pytest.raises(GraphFormatError) as caught:
        sparsify_files(source, output, **OPTIONS)
    assert "part-" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not output.exists()
    assert "has changed while it was read; nothing was written" in str(caught.value)


def test_input_that_changed_between_runs_is_said_and_begun_anew(tmp_path, monkeypatch, caplog):
    source, output = write_folder(tmp_path / "in", ARCS), tmp_path / "out"
    interrupted_run(source, output, monkeypatch)
    touched(source / "part-1.parquet")
    with caplog.at_level("INFO", "wis"):
        assert sparsify_files(source, output, **OPTIONS).num_phases_resumed == 0
    assert "the input has changed since this work was saved; it starts anew" in caplog.text
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
