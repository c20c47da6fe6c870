"""The entry point: every command ends with an exit code, and only a bug shows a traceback.

Exit codes: 0 done, 1 bad data, 2 bad usage, 130 interrupted, 143 terminated. SIGTERM ends a command
as Ctrl-C does: temporary files are removed, finished work stays. This module imports very little,
so that it can answer both with one line while the rest is still being imported.
"""

from __future__ import annotations

import atexit
import gc
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTED = 130
TERMINATED = 143


class _Stop:
    """Whether the process was asked to stop, and the exit code for that."""

    code: int | None = None


class _Terminated(SystemExit):
    """SIGTERM arrived."""


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; returns the exit code."""
    if args is None:
        # The collections of a process that ends visit all objects of torch for nothing. They take
        # a third of the CPU time of a short command.
        atexit.register(gc.freeze)
        # On Python 3.14 torch says so whenever PyG is imported; no command scripts anything.
        warnings.filterwarnings("ignore", "`torch.jit.script` is not supported", FutureWarning)
    with _watch_for_signals() as stop:
        try:
            from .framework import run_command

            return run_command(list(sys.argv[1:] if args is None else args))
        except (KeyboardInterrupt, _Terminated) as request:
            return _report(TERMINATED if isinstance(request, _Terminated) else INTERRUPTED)
        except Exception:
            # An interrupted import may raise any other error.
            if stop.code is not None:
                return _report(stop.code)
            raise


@contextmanager
def _watch_for_signals() -> Iterator[_Stop]:
    """Record Ctrl-C and SIGTERM, and raise `KeyboardInterrupt` or `_Terminated`."""
    stop = _Stop()

    def interrupt(signum: int, frame: FrameType | None) -> None:
        stop.code = INTERRUPTED
        signal.default_int_handler(signum, frame)

    def terminate(signum: int, frame: FrameType | None) -> None:
        if stop.code != TERMINATED:  # a second SIGTERM must not interrupt the clean-up
            stop.code = TERMINATED
            raise _Terminated(TERMINATED)

    usual: dict[int, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    ours = {signal.SIGINT: interrupt, signal.SIGTERM: terminate}
    replaced = [number for number in ours if signal.getsignal(number) == usual[number]]
    try:
        for number in replaced:
            signal.signal(number, ours[number])
    except ValueError:  # signal handlers can be set in the main thread only
        replaced = []
    try:
        yield stop
    finally:
        for number in replaced:
            signal.signal(number, usual[number])


def _report(code: int) -> int:
    start = "\n" if sys.stderr.isatty() else ""  # after the ^C that the terminal shows
    sys.stderr.write(f"{start}{'terminated' if code == TERMINATED else 'interrupted'}\n")
    return code
