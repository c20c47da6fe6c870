"""Identify the process that made a file, and check whether it still runs.

A process id alone is ambiguous: ids are used again, and another machine may write into the same
folder. So a process is identified by its host, its id and, on systems with ``/proc``, its start.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_LONGEST_HOST = 40


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
