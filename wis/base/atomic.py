"""Write a file whole or not at all.

The bytes go to a temporary file in the same folder, which then replaces the old file in one step.
If anything fails before that, such as by a full disk, Ctrl-C or SIGTERM, the old file is unchanged
and no temporary file remains. Only SIGKILL leaves one: its name identifies the process that made
it, and the next write into the folder removes it. The same holds for temporary folders. A symbolic
link is followed: the file that it points to is replaced. Special files (``/dev/stdout``,
``/dev/null``, a pipe) are written to directly.

A process id alone is ambiguous: ids are used again, and another machine may write into the same
folder. So a `Process` is its host, its id and, on systems with ``/proc``, its start.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

from wis.errors import GraphFileError, OutputExistsError, echo

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_LONGEST_HOST = 40
_TEMPORARY = re.compile(r"\.wis-([\w.]+)-(\d+)-(\d*)-[0-9a-f]{8}\.(tmp|dir)")


@contextlib.contextmanager
def atomic_write(path: str | Path, *, force: bool) -> Iterator[BinaryIO]:
    """Open a file for writing; it gets its name when the block ends without an error.

    Args:
        path: The file to write.
        force: Replace a file that exists.

    Yields:
        A binary file object, seekable.

    Raises:
        OutputExistsError: The file exists and `force` is false.
        GraphFileError: The file cannot be written: no folder, no permission, a full disk.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.txt")
    >>> with atomic_write(path, force=False) as file:
    ...     _ = file.write(b"whole")
    >>> path.read_text()
    'whole'
    """
    check_writable(path, force=force)
    target = _resolved(path)
    with _os_errors_in_one_line(path):
        if _is_special(target):
            buffer = io.BytesIO()
            yield buffer
            with open(target, "wb") as special:
                special.write(buffer.getbuffer())
        else:
            with _temporary_beside(target) as (file, temporary):
                yield file
                file.flush()
                os.fsync(file.fileno())
                file.close()
                check_writable(path, force=force)  # another program may have written it meanwhile
                os.replace(temporary, target)


def check_writable(path: str | Path, *, force: bool) -> None:
    """Check whether a file can be written, before anything is computed.

    Args:
        path: The file; ``-`` is standard output, which always passes.
        force: Whether an existing file may be replaced.

    Raises:
        OutputExistsError: The file exists and `force` is false.
        GraphFileError: Its folder does not exist or cannot be written to, or it is itself a folder.

    >>> check_writable("result.csv", force=False)  # no error: the file can be written
    """
    if str(path) == "-":
        return
    with _os_errors_in_one_line(path):
        _check_writable(Path(path), _resolved(path), force)


def status(path: Path) -> os.stat_result | None:
    """The system's answer about a path; None if nothing is there.

    Raises `OSError` if the system gives no answer, as for a name that is too long. `Path.exists`
    raises it up to Python 3.13, and says no since 3.14.
    """
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _check_writable(path: Path, target: Path, force: bool) -> None:
    folder, found = target.parent, status(target)
    typed = folder if path.is_symlink() else path.parent
    if not path.name or target.is_dir():
        raise GraphFileError(f"{path}: is a folder; give the name of a file")
    if not folder.exists():
        raise GraphFileError(f"{path}: there is no folder {typed}; make it first")
    if not folder.is_dir():
        raise GraphFileError(f"{path}: {typed} is not a folder")
    if _is_special(target):
        if not os.access(target, os.W_OK):
            raise GraphFileError(f"{path}: cannot be written: no permission")
    elif not os.access(folder, os.W_OK | os.X_OK):
        raise GraphFileError(f"{path}: cannot be written: no permission to write to {typed}")
    elif found is not None and not force:
        raise OutputExistsError(f"{path} exists; pass --force to replace it")


@contextlib.contextmanager
def _os_errors_in_one_line(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (GraphFileError, OutputExistsError):
        raise
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise GraphFileError(f"{echo(str(path), 255)}: cannot be written: {reason}") from None


@contextlib.contextmanager
def _temporary_beside(target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file in the folder of `target`, removed unless it was renamed."""
    remove_left_files(target.parent)
    temporary = target.with_name(_temporary_name())
    file: BinaryIO | None = None
    try:
        file = _create(temporary, target)
        yield file, temporary
    finally:
        with contextlib.suppress(OSError):  # the disk may be full
            if file is not None:
                file.close()
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder in another one, removed at the end, or by the next call after SIGKILL."""
    remove_left_files(parent)
    folder = parent / _temporary_name("dir")
    folder.mkdir(mode=0o700)
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder, so that processes in other containers know that it is in use."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _temporary_name(ending: str = "tmp") -> str:
    me = Process.current()
    return f".wis-{me.host}-{me.pid}-{me.started}-{secrets.token_hex(4)}.{ending}"


def remove_left_files(folder: Path) -> None:
    """Remove the temporary files and folders in a folder whose processes were killed.

    Files of other machines, of running processes, and with other names stay.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _TEMPORARY.fullmatch(entry.name)
            if found is None or not Process(found[1], int(found[2]), found[3]).is_gone():
                continue
            if found[4] == "tmp" and entry.is_file(follow_symlinks=False):
                _remove_unless_locked(entry.path, os.unlink)
            elif found[4] == "dir" and entry.is_dir(follow_symlinks=False):
                _remove_unless_locked(entry.path, shutil.rmtree)


def _remove_unless_locked(path: str, remove: Callable[[str], None]) -> None:
    """Remove a file unless its writer, perhaps in another container, still holds its lock."""
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        if fcntl is not None:
            descriptor = os.open(path, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(path)


def _create(temporary: Path, target: Path) -> BinaryIO:
    """Create a temporary file with the permissions of `target`, or of a new file."""
    descriptor = os.open(
        temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666
    )
    with contextlib.suppress(OSError):
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with contextlib.suppress(OSError):
        os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
    return os.fdopen(descriptor, "w+b")


def _resolved(path: str | Path) -> Path:
    """The target of a link, or the path itself; an error for an impossible name."""
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:
        raise GraphFileError(f"{str(path)!r}: not a possible file name: {error}") from None


def _is_special(target: Path) -> bool:
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@dataclass(frozen=True)
class Process:
    """A process of this or of another machine.

    Attributes:
        host: The machine, in letters that a file name may hold.
        pid: Its process id.
        started: Its start in clock ticks after the boot of the machine; empty if unknown.
    """

    host: str
    pid: int
    started: str

    @classmethod
    def current(cls) -> Process:
        """The process that runs this code."""
        return cls(_host(), os.getpid(), _state_and_start(os.getpid())[1])

    @property
    def is_here(self) -> bool:
        """Whether it belongs to this machine."""
        return self.host == _host()

    def is_gone(self) -> bool:
        """Whether it has certainly ended; always false for a process of another machine.

        >>> Process.current().is_gone()
        False
        """
        if not self.is_here:
            return False
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return True
        except OSError:  # the process of another user
            pass
        state, started = _state_and_start(self.pid)
        return state in ("Z", "X") or bool(started and self.started and started != self.started)


@cache
def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())[:_LONGEST_HOST] or "unknown"


def _state_and_start(pid: int) -> tuple[str, str]:
    """State and start of a process of this machine; empty texts without ``/proc``."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return "", ""
    fields = text.rpartition(")")[2].split()  # the command name before it may hold blanks
    return (fields[0], fields[19]) if len(fields) > 19 else ("", "")
