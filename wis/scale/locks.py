"""Locks that let one run at a time work on a folder.

On local file systems the lock is `flock`, through filelock. The kernel releases it when the process
ends, even if it is killed. `flock` also works across machines on NFS if the server supports locks.
Some servers do not, and object stores have no locks. So the holder of a lock also writes a record
of itself, and increases a count in it every few seconds. A run that finds a record checks whether
its process lives: in the process table for a process of this machine, otherwise by watching the
count. A record whose count stands still is void.

Limits: on a store without locks, two runs that begin at the same moment see each other only if the
store can create a file on the condition that it does not exist (S3 and memory can). On other stores
the record is read again after a moment, which detects most such cases, but not all.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fsspec.core import url_to_fs

from wis.base.atomic import Process
from wis.errors import BusyError
from wis.scale.storage import LOCK, RECORD, is_local, writing

_log = logging.getLogger(__name__)

BEAT_S = 4.0
"""Seconds between two counts: longer means fewer writes, but a dead run is noticed later."""
PATIENCE_BEATS = 4
"""Number of missing counts after which a run on another machine is considered dead."""
SETTLE_S = 0.2
"""Seconds after which the record is read again on a store without conditional creation."""
_ATTEMPTS = 20
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class Owner:
    """The holder of a lock."""

    process: Process
    since: str  # the time when it took the lock, as text
    token: str  # a random text that identifies this holder
    beat: int = 0  # the count of the record

    @classmethod
    def new(cls) -> Owner:
        """This process and the current time."""
        since = time.strftime("%Y-%m-%d %H:%M:%S %Z")
        return cls(Process.current(), since, secrets.token_hex(8))

    def to_json(self, beat: int) -> bytes:
        """The record as JSON, with the count `beat`."""
        return json.dumps(
            {
                "host": self.process.host,
                "pid": self.process.pid,
                "process_started": self.process.started,
                "since": self.since,
                "token": self.token,
                "beat": beat,
            }
        ).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Owner | None:
        """Read a record; None for any other text."""
        try:
            found = json.loads(text)
            process = Process(str(found["host"]), int(found["pid"]), found["process_started"])
            return cls(process, str(found["since"]), str(found["token"]), int(found["beat"]))
        except (ValueError, LookupError, TypeError):
            return None

    def __str__(self) -> str:
        return f"process {self.process.pid} on {self.process.host}, since {self.since}"


@contextlib.contextmanager
def locked(folder: str, purpose: str) -> Iterator[Lock]:
    """Lock a folder for the duration of a block, or raise `BusyError`.

    The folder is created if it is missing, and removed at the end if it is empty. Errors name the
    `purpose`, such as ``"out/"``.
    """
    lock = Lock(folder, purpose)
    lock.take()
    try:
        yield lock
    finally:
        lock.release()


@dataclass
class Lock:
    """A lock on a folder; use `locked`."""

    folder: str
    purpose: str
    me: Owner = field(default_factory=Owner.new)
    _flock: Any = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _beats: threading.Thread | None = None

    def take(self) -> None:
        """Take the lock, or raise `BusyError`."""
        with writing(self.folder):
            if is_local(self.folder):
                self._take_flock()
            try:
                self._take_record()
            except BaseException:
                self._let_go()
                raise
        self._beats = threading.Thread(target=self._count, daemon=True)
        self._beats.start()

    def check(self) -> None:
        """Raise `BusyError` if another run took the lock because this one seemed dead."""
        owner = self._owner()
        if owner is not None and owner.token != self.me.token:
            raise self._busy(owner)

    def release(self) -> None:
        """Release the lock, and remove its files."""
        self._ended.set()
        if self._beats is not None:
            self._beats.join()
        with contextlib.suppress(OSError):
            owner = self._owner()
            if owner is not None and owner.token == self.me.token:
                fs, path = self._place(RECORD)
                fs.rm(path)
        self._let_go()

    def _take_flock(self) -> None:
        from filelock import FileLock, Timeout

        path = self._place(LOCK)[1]
        for _ in range(_ATTEMPTS):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                owner = self._owner()
                if owner is not None:
                    raise self._busy(owner) from None
            except FileNotFoundError:  # an earlier run has just removed the folder
                pass
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                return
            else:
                if _is_at(lock, path):
                    self._flock = lock
                    return
                lock.release()
            time.sleep(0.02)
        raise self._busy(None)

    def _take_record(self) -> None:
        owner = self._owner()
        if owner is not None and self._lives(owner):
            raise self._busy(owner)
        if self._flock is not None:
            self._write(0)
            return
        fs, path = self._place(RECORD)
        fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        if owner is not None:
            self._write(0)
        else:
            self._create(fs, path)
        time.sleep(SETTLE_S)
        self.check()

    def _create(self, fs: Any, path: str) -> None:
        """Write the record; if the store can, on the condition that it does not exist."""
        content = self.me.to_json(0)
        try:
            fs.pipe_file(path, content, mode="create")
        except FileExistsError:
            raise self._busy(self._owner()) from None
        except (NotImplementedError, TypeError, ValueError):
            fs.pipe_file(path, content)

    def _lives(self, owner: Owner) -> bool:
        if owner.process.is_here:
            # With `flock` held, the kernel has confirmed that no other process holds it.
            return self._flock is None and not owner.process.is_gone()
        _log.info("%s: waiting to see whether an earlier run still lives (%s)", self.purpose, owner)
        for _ in range(PATIENCE_BEATS):
            time.sleep(BEAT_S)
            now = self._owner()
            if now is None or now != owner:
                return now is not None
        return False

    def _count(self) -> None:
        beat = 0
        while not self._ended.wait(BEAT_S):
            beat += 1
            with contextlib.suppress(OSError):  # a missing count does not end the run
                owner = self._owner()
                if owner is not None and owner.token == self.me.token:
                    self._write(beat)

    def _write(self, beat: int) -> None:
        fs, path = self._place(RECORD)
        content = self.me.to_json(beat)
        if not is_local(self.folder):
            fs.pipe_file(path, content)
            return
        with open(f"{path}.tmp", "wb") as file:
            file.write(content)
        os.replace(f"{path}.tmp", path)

    def _owner(self) -> Owner | None:
        fs, path = self._place(RECORD)
        fs.invalidate_cache()
        try:
            return Owner.from_json(fs.cat_file(path))
        except OSError:
            return None

    def _let_go(self) -> None:
        fs, folder = url_to_fs(self.folder)
        if self._flock is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._place(LOCK)[1])
            self._flock.release()
            self._flock = None
        with contextlib.suppress(OSError):
            fs.rmdir(folder)

    def _place(self, name: str) -> tuple[Any, str]:
        fs, folder = url_to_fs(self.folder)
        return fs, f"{folder.rstrip('/')}/{name}"

    def _busy(self, owner: Owner | None) -> BusyError:
        who = "unknown process" if owner is None else owner
        return BusyError(
            f"{self.purpose}: another run is at work on it ({who}); wait until it ends, stop it, "
            "or give another output"
        )


def _is_at(lock: Any, path: str) -> bool:
    """Whether a lock is on the file at a path, and not on a removed file."""
    descriptor = getattr(getattr(lock, "_context", None), "lock_file_fd", None)
    if descriptor is None:
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False
