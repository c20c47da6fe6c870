"""Output: data goes to standard output, messages to standard error, and files are checked first.

The files that a command will write are checked before anything is computed.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wis.base.progress import step
from wis.errors import GraphFileError, echo, without_secrets

if TYPE_CHECKING:
    from wis.experiments import Status
    from wis.io import GraphFile

STANDARD = "-"
ORDER_ENDING = ".npz"
LINE_EVERY_S = 30.0
NOTE = textwrap.TextWrapper(
    100, initial_indent="    ", subsequent_indent="    ",
    break_long_words=False, break_on_hyphens=False,
)  # fmt: skip


def emit(text: str) -> None:
    """Write a line of data to standard output.

    Raises:
        GraphFileError: It cannot be written, for example because the disk is full.
        BrokenPipeError: The reader has closed the pipe.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_stdout()
        raise GraphFileError(f"standard output: cannot be written: {error.strerror}") from None


def emit_json(record: Mapping[str, Any]) -> None:
    """Write one JSON object to standard output, without the secrets of addresses; see `emit`.

    Infinity and NaN, which JSON lacks, become null.
    """
    emit(json.dumps(_shown(record), indent=2, ensure_ascii=False, default=str))


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shown(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return without_secrets(str(value)) if isinstance(value, (str, Path)) else value


def emit_table(rows: Iterable[Sequence[str]], notes: Iterable[str] = ()) -> None:
    """Write rows of text in aligned columns to standard output; see `emit`.

    Each row has a note, perhaps empty, which is wrapped and indented below it.
    """
    lines = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line, note in zip_longest(lines, notes, fillvalue=""):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        emit("  ".join(cells).rstrip())
        for part in NOTE.wrap(note):
            emit(part)


def say(text: str) -> None:
    """Write a message to standard error, if the process has one."""
    with contextlib.suppress(OSError):
        click.echo(without_secrets(text), err=True)


def settle_stdout() -> None:
    """Flush standard output, or discard what cannot be written: the exit would fail on it."""
    try:
        sys.stdout.flush()
    except OSError:
        discard_stdout()


def discard_stdout() -> None:
    """Discard the rest of standard output: flushing it at exit would fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def integers_of_any_size() -> Iterator[None]:
    """Lift Python's limit of 4,300 digits for printed integers: counts of long walks exceed it."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)


force_option = click.option(
    "--force", is_flag=True, help="Replace files that exist; otherwise nothing is overwritten."
)


def check_graph_target(path: Path, *, force: bool) -> None:
    """Raise unless a graph can be written to `path`."""
    if str(path) == STANDARD:
        return
    from wis.io import check_writable, format_of_path

    if is_folder(path):
        raise GraphFileError(f"{echo(str(path))}: is a folder; give the name of a file")
    format_of_path(path)
    check_writable(path, force=force)


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder; False for an impossible file name."""
    try:
        return path.is_dir()
    except OSError:
        return False


def order_target(path: Path | None, *, force: bool) -> Path | None:
    """The path to which an order is written: `path`, with the ending ``.npz`` if it has another."""
    if path is None:
        return None
    from wis.io import check_writable, formats

    if path.suffix.lower() in formats() and path.suffix != ORDER_ENDING:
        raise click.UsageError(f"an order is saved as {ORDER_ENDING}; got {path.name!r}.")
    if path.name in ("", ".."):  # a folder; this raises the error
        check_writable(path, force=force)
    if path.suffix != ORDER_ENDING:
        path = path.with_name(path.name + ORDER_ENDING)
    check_writable(path, force=force)
    return path


def write_with_notes(file: GraphFile, path: Path, *, force: bool) -> None:
    """Write a graph; a note on standard error names what the format cannot hold."""
    from wis.io import write_graph
    from wis.io.graph_io import left_out

    dropped: list[str] = []
    with step(f"write {path}"):
        write_graph(file, path, force=force, dropped=dropped)
    for note in left_out(file, path, dropped):
        say(f"Note: {note}")


def check_plot_target(path: Path | None, *, force: bool) -> None:
    """Raise unless a picture can be drawn and written to `path`; see `check_graph_target`."""
    if path is None:
        return
    from wis.base.figures import check_can_plot
    from wis.io import check_writable

    check_can_plot(path)
    check_writable(path, force=force)


def check_different(*paths: Path | None) -> None:
    """Raise if two outputs are the same file."""
    seen: set[Path] = set()
    for path in paths:
        if path is not None and str(path) != STANDARD:
            if path.absolute() in seen:
                raise click.UsageError(f"{path} is given for two different outputs.")
            seen.add(path.absolute())


class Watch:
    """Shows progress: a bar on a terminal, otherwise a line every half minute."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.start = self.last = time.monotonic()
        self.first: int | None = None

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def take(self, status: Status) -> None:
        """Show the progress."""
        now = time.monotonic()
        if self.first is None:
            self.first, self.start = status.done, now
        if sys.stderr.isatty():
            self._draw(status, now)
        elif now - self.last >= LINE_EVERY_S:
            self.last = now
            say(self._line(status, now))

    def _line(self, status: Status, now: float) -> str:
        """Format the progress, and the time left at the average speed so far."""
        seen = status.done - (self.first or 0)
        rest = (now - self.start) / seen * (status.total - status.done) if seen > 0 else None
        left = "" if rest is None else f", about {duration(rest)} left"
        return f"{status.doing}: {status.done} of {status.total} runs{failed_part(status)}{left}"

    def _draw(self, status: Status, now: float) -> None:
        from rich import progress as rich
        from rich.console import Console

        if self.bar is None:
            columns = (rich.TextColumn("{task.description}"), rich.BarColumn())
            self.bar = rich.Progress(*columns, console=Console(stderr=True), transient=True)
            self.task = self.bar.add_task("", total=status.total)
            self.bar.start()
        self.bar.update(self.task, completed=status.done, description=self._line(status, now))


def failed_part(status: Status) -> str:
    """The number of failed runs, empty without any."""
    return f", {status.failed} failed" if status.failed else ""


def duration(seconds: float) -> str:
    """A time in seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
