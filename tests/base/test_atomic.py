"""A file appears whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from wis.base.atomic import Process, status, temporary_folder
from wis.errors import GraphFileError, OutputExistsError
from wis.io import atomic_write, check_writable


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_the_block_ends(tmp_path):
    with atomic_write(tmp_path / "a", force=False) as file:
        file.write(b"new")
        assert "a" not in names(tmp_path)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def write_half(path, error):
    with atomic_write(path, force=True) as file:
        file.write(b"half" * 10_000)
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_an_error_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path, error):
    (tmp_path / "old").write_bytes(b"old")
    for name in ("old", "new"):
        with pytest.raises(error):
            write_half(tmp_path / name, error)
    assert (tmp_path / "old").read_bytes() == b"old"
    assert names(tmp_path) == ["old"]


def test_an_existing_file_is_replaced_only_by_force(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    for refuse in (
        lambda: atomic_write(path, force=False).__enter__(),
        lambda: check_writable(path, force=False),
    ):
        with pytest.raises(OutputExistsError, match=r"pass --force to replace it$"):
            refuse()
    assert path.read_bytes() == b"old"
    with atomic_write(path, force=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_file_that_came_in_between_is_not_overwritten(tmp_path):
    def write_while_another_does():
        with atomic_write(tmp_path / "a", force=False) as file:
            file.write(b"mine")
            (tmp_path / "a").write_bytes(b"theirs")

    with pytest.raises(OutputExistsError):
        write_while_another_does()
    assert (tmp_path / "a").read_bytes() == b"theirs"
    assert names(tmp_path) == ["a"]


def test_permissions_are_those_of_a_normal_open(tmp_path):
    old = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "a", force=False) as file:
            file.write(b"x")
        (tmp_path / "plain").write_bytes(b"x")
    finally:
        os.umask(old)
    mode = stat.S_IMODE((tmp_path / "a").stat().st_mode)
    assert mode == stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o640


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o600)
    with atomic_write(tmp_path / "a", force=True) as file:
        file.write(b"new")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_behind_a_link_the_target_is_replaced(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to(folder / "target")
    (tmp_path / "dangling").symlink_to(folder / "other")
    for name in ("link", "dangling"):
        with atomic_write(tmp_path / name, force=True) as file:
            file.write(b"new")
        assert (tmp_path / name).is_symlink()
    assert (folder / "target").read_bytes() == (folder / "other").read_bytes() == b"new"


def test_a_full_disk_is_one_line():
    with (
        pytest.raises(GraphFileError, match=r"^/dev/full: cannot be written: No space left"),
        atomic_write("/dev/full", force=False) as file,
    ):
        file.write(b"x")


def test_a_disk_that_fills_up_leaves_nothing(tmp_path, monkeypatch):
    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with (
        pytest.raises(GraphFileError, match=r"a: cannot be written: No space left on device"),
        atomic_write(tmp_path / "a", force=False) as file,
    ):
        file.write(b"x")
    assert names(tmp_path) == []


def test_what_is_no_regular_file_is_written_to_directly(tmp_path):
    with atomic_write("/dev/null", force=False) as file:
        file.write(b"x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    check_writable("/dev/null", force=False)
    check_writable("-", force=False)


def test_impossible_targets_are_one_line(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path, words in {
        tmp_path: "is a folder",
        tmp_path / "none" / "a": "there is no folder",
        tmp_path / "file" / "a": "is not a folder",
        "a\0b": "not a possible file name",
        tmp_path / ("x" * 300): "cannot be written: File name too long",
    }.items():
        with pytest.raises(GraphFileError, match=words) as caught, atomic_write(path, force=True):
            pass
        assert "\n" not in str(caught.value)


def test_an_unwritable_folder_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(GraphFileError, match="cannot be written: no permission to write to"):
        check_writable(tmp_path / "a", force=False)


# What processes that were killed have left

WRITES = """
import sys, time
from wis.io import atomic_write
with atomic_write("a", force=True) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


def write_in_another_process(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"writing\n"
    return process


def test_the_file_of_a_killed_process_goes_with_the_next_one_and_that_of_a_living_one_stays(
    tmp_path,
):
    with (
        write_in_another_process(tmp_path) as alive,
        write_in_another_process(tmp_path) as killed,
    ):
        assert len(names(tmp_path)) == 2
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        with atomic_write(tmp_path / "b", force=False) as file:
            file.write(b"x")
        left = names(tmp_path)
        assert len(left) == 2
        assert left[1] == "b"
        assert f"-{alive.pid}-" in left[0]
        alive.stdin.close()
        alive.wait()
    assert names(tmp_path) == ["a", "b"]
    assert (tmp_path / "a").read_bytes() == b"half"


def gone():
    """A process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return Process(Process.current().host, process.pid, "1")


def test_files_of_other_machines_and_other_names_stay(tmp_path):
    me, dead = Process.current(), gone()
    stays = [
        f".wis-elsewhere-{dead.pid}-1-0123abcd.tmp",
        f".wis-{me.host}-{me.pid}-{me.started}-0123abcd.tmp",
        f".wis-{dead.host}-{dead.pid}-1-0123abcd.tmp.bak",
        f"wis-{dead.host}-{dead.pid}-1-0123abcd.tmp",
        ".wis-0123456789abcdef.tmp",
        "notes.tmp",
    ]
    goes = [
        f".wis-{dead.host}-{dead.pid}-1-0123abcd.tmp",
        f".wis-{me.host}-{me.pid}-1-0123abcd.tmp",  # its number was given to this process
    ]
    for name in [*stays, *goes]:
        (tmp_path / name).write_bytes(b"")
    folder = tmp_path / f".wis-{dead.host}-{dead.pid}-1-00000000.tmp"
    folder.mkdir()
    with atomic_write(tmp_path / "a", force=False) as file:
        file.write(b"x")
    assert names(tmp_path) == sorted([*stays, folder.name, "a"])


FOLDERS = """
import sys
from pathlib import Path
from wis.base.atomic import temporary_folder
with temporary_folder(Path()) as folder:
    (folder / "inside").mkdir()
    (folder / "inside" / "link").symlink_to("..")
    print(folder.name, flush=True)
    sys.stdin.read()
"""


def folder_of_another_process(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", FOLDERS], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    return process, process.stdout.readline().decode().strip()


def test_the_folder_of_a_killed_process_goes_with_the_next_one_and_that_of_a_living_one_stays(
    tmp_path,
):
    (alive, stays), (killed, goes) = (folder_of_another_process(tmp_path) for _ in range(2))
    with alive, killed:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert names(tmp_path) == sorted([stays, goes])
        with temporary_folder(tmp_path) as mine:
            assert names(tmp_path) == sorted([stays, mine.name])
        alive.stdin.close()
        alive.wait()
    assert names(tmp_path) == []


def test_a_process_is_known_by_its_number_and_its_beginning():
    me = Process.current()
    assert not me.is_gone()
    assert gone().is_gone()
    assert Process(me.host, me.pid, "1").is_gone() == bool(me.started)
    assert not Process("elsewhere", gone().pid, "1").is_gone()
    assert Process(me.host, 10**30, "1").is_gone()
    with subprocess.Popen([sys.executable, "-c", ""]) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        assert Process(me.host, zombie.pid, "").is_gone() == bool(me.started)


def test_the_status_of_a_name_that_no_file_can_have_is_an_error(tmp_path):
    (tmp_path / "file").write_text("x")
    assert status(tmp_path / "file").st_size == 1
    assert status(tmp_path / "none") is None
    assert status(tmp_path / "file" / "below") is None
    with pytest.raises(OSError, match="too long"):  # `Path.exists` says no since Python 3.14
        status(tmp_path / ("a" * 5000))
