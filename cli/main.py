"""The entry point: whatever happens, an exit code, and no traceback but that of a bug.

Exit codes: 0 done, 1 bad data, 2 bad usage, 130 interrupted. Next to nothing is imported here, so
that Ctrl-C is answered with one line from the first moment on.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130


class _Interrupt:
    """Whether Ctrl-C was pressed."""

    seen = False


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        args: The arguments, those of the process if not given.

    Returns:
        The exit code.
    """
    with _watch_for_interrupt() as interrupt:
        try:
            from .app import run_command

            return run_command(list(sys.argv[1:] if args is None else args))
        except KeyboardInterrupt:
            return _report_interrupt()
        except Exception:
            # An import that is interrupted may fail with an error of its own.
            if interrupt.seen:
                return _report_interrupt()
            raise


@contextmanager
def _watch_for_interrupt() -> Iterator[_Interrupt]:
    """Note that Ctrl-C was pressed, besides raising `KeyboardInterrupt` as usual."""
    interrupt = _Interrupt()

    def note(signum: int, frame: FrameType | None) -> None:
        interrupt.seen = True
        signal.default_int_handler(signum, frame)

    usual = signal.getsignal(signal.SIGINT)
    try:
        if usual is signal.default_int_handler:
            signal.signal(signal.SIGINT, note)
    except ValueError:  # only the main thread may do that
        usual = None
    try:
        yield interrupt
    finally:
        if usual is signal.default_int_handler:
            signal.signal(signal.SIGINT, usual)


def _report_interrupt() -> int:
    start = "\n" if sys.stderr.isatty() else ""  # after the ^C that the terminal shows
    sys.stderr.write(f"{start}interrupted\n")
    return INTERRUPTED
