"""Output: data goes to standard output, everything for people to standard error."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from wis.errors import GraphFileError, without_secrets


def emit(text: str) -> None:
    """Write a line of data to standard output.

    Raises:
        GraphFileError: It cannot be written, for example because the disk is full.
        BrokenPipeError: Nobody reads it any more.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_stdout()
        raise GraphFileError(f"standard output: cannot be written: {error.strerror}") from None


def emit_json(record: Mapping[str, Any]) -> None:
    """Write one JSON object to standard output; see `emit`."""
    emit(json.dumps(record, indent=2, ensure_ascii=False, default=str))


def emit_table(rows: Iterable[Sequence[str]]) -> None:
    """Write rows of text in aligned columns to standard output; see `emit`."""
    lines = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        emit("  ".join(cells).rstrip())


def say(text: str) -> None:
    """Write a line for people to standard error, if there is one."""
    with contextlib.suppress(OSError):
        click.echo(without_secrets(text), err=True)


def settle_stdout() -> None:
    """Make sure that the interpreter, when it exits, has nothing left that it cannot write."""
    try:
        sys.stdout.flush()
    except OSError:
        discard_stdout()


def discard_stdout() -> None:
    """Send what is left of standard output nowhere: flushing it at exit would fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def integers_of_any_size() -> Iterator[None]:
    """Lift Python's limit of 4,300 digits to a printed integer: long walks pass it."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)
