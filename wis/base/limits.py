"""The limit on the memory that reading a graph may use, checked before anything is built.

A file of a megabyte can claim a gigabyte: compressed bytes, an array's header, a number of rows, a
key of its own for every edge. Each reader adds up the sizes that a file states, or that its text
will need, and calls this module first. The limit is `max_memory` (``--max-memory``), else
``$WIS_MAX_MEMORY``, else half of the memory that the machine, the control group and ``ulimit -v``
allow this process. The limit holds for reading only, not for the methods that follow. Parts of up
to `FREE_BYTES` are never refused: asking for the machine's memory takes longer than reading them.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import re
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from wis.errors import GraphFormatError, OptionError, echo

VARIABLE = "WIS_MAX_MEMORY"
FREE_BYTES = 1 << 20
BYTES_PER_VERTEX = 16  # a degree and a pointer: every command needs more for a vertex
SMALL = 1_000_000  # so many vertices need no check
BYTES_PER_CELL = 48  # a Python object, a pointer to it, and the entry of a column made of it
BYTES_PER_FIELD = 32  # of a parsed text of numbers: measured on 20 MB of `0,1` lines
BYTES_PER_NAME = 160  # a Python text, and its places in a list and in a table of all names

_SPARSE_FREE = 1 << 30
_SPARSE_PER_VALUE = 1_000
_UNKNOWN_MACHINE = 8 << 30
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([kmgtp]?)(i?)b?", re.I | re.A)
_UNITS = "kmgtp"
_GROUPS = Path("/sys/fs/cgroup")


def parse_size(size: str | int) -> int:
    """Bytes from an integer, or from a text such as ``4GiB``, ``500MB`` or ``1.5G``.

    kB, MB, GB and TB are powers of 1000; KiB, MiB, GiB and TiB are powers of 1024.

    Raises:
        OptionError: `size` is neither, or not positive.

    >>> parse_size("500MB"), parse_size("4GiB")
    (500000000, 4294967296)
    """
    found = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
    number = 0.0
    if found is not None:
        base = 1024 if found[3] else 1000
        number = float(found[1]) * base ** (_UNITS.find(found[2].lower() or "-") + 1)
    elif isinstance(size, int) and not isinstance(size, bool):
        number = size
    if number < 1:
        raise OptionError(
            f"max_memory is {echo(repr(size))}; expected a number of bytes, or a size such as "
            "4GiB or 500MB"
        )
    return int(number)


def shown_size(num_bytes: float) -> str:
    """A number of bytes as a text such as ``2.6 GiB``; `parse_size` reads such texts.

    >>> shown_size(2_800_000_000)
    '2.6 GiB'
    """
    value = float(num_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB" if value < 1e6 else f"{value:.1e} TiB"


_chosen: ContextVar[int | None] = ContextVar("max_memory", default=None)


@contextlib.contextmanager
def limited_to(size: int | str | None) -> Iterator[None]:
    """Set the default limit inside a `with` block, as for `parse_size`; None leaves it as it is."""
    token = _chosen.set(_chosen.get() if size is None else parse_size(size))
    try:
        yield
    finally:
        _chosen.reset(token)


def stated_max_memory() -> int | None:
    """The limit of `limited_to`, else of ``$WIS_MAX_MEMORY``, else None."""
    chosen, variable = _chosen.get(), os.environ.get(VARIABLE)
    return parse_size(variable) if chosen is None and variable else chosen


def default_max_memory() -> int:
    """`stated_max_memory`, else half of `available_memory`, in bytes."""
    stated = stated_max_memory()
    return available_memory() // 2 if stated is None else stated


def available_memory() -> int:
    """Bytes that the machine, the control group and ``ulimit -v`` allow this process."""
    return min([_machine_memory(), *_group_limits(), *_address_space()])


@functools.cache
def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN_MACHINE


def _address_space() -> list[int]:
    try:
        import resource
    except ImportError:
        return []
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return [] if soft == resource.RLIM_INFINITY else [soft]


@functools.cache
def _group_limits() -> tuple[int, ...]:
    """Memory limits of the control groups (version 1 or 2) of this process."""
    return tuple(
        int(text) for text in map(_content, _limit_files()) if re.fullmatch("[0-9]{1,30}", text)
    )


def _limit_files() -> Iterator[Path]:
    for line in _content(Path("/proc/self/cgroup")).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        is_second = number == "0" and not controllers
        if not is_second and "memory" not in controllers.split(","):
            continue
        top = _GROUPS if is_second else _GROUPS / "memory"
        name = "memory.max" if is_second else "memory.limit_in_bytes"
        folder = top / group.lstrip("/")
        yield from (
            parent / name
            for parent in (folder, *folder.parents)
            if top in (parent, *parent.parents)
        )


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def check_size(
    where: str | Path, num_bytes: float, what: str, limit: int, *, so_far: bool = False
) -> None:
    """Raise `GraphFormatError` if a part of a file takes more than the limit.

    `where` names the file and `what` the part, in the singular; `so_far` says that an unknown
    amount follows.
    """
    if num_bytes <= limit:
        return
    if so_far:
        raise GraphFormatError(
            f"{where}: {what} takes more than the {shown_size(limit)} of memory that reading may "
            f"take; if it is what it should be, pass a larger --max-memory (max_memory=)"
        )
    raise GraphFormatError(
        f"{where}: {what} takes {shown_size(num_bytes)} of memory, and reading may take "
        f"{shown_size(limit)}; {remedy(num_bytes)}"
    )


def remedy(num_bytes: float) -> str:
    """Advice for the error about a file that needs `num_bytes` of memory."""
    if num_bytes > available_memory():
        had = shown_size(available_memory())
        return f"this machine has {had} (--max-memory, max_memory=, sets what reading may take)"
    # a quarter more, rounded up to whole KiB, MiB or GiB
    unit = 1024 ** max(0, int(math.log(max(num_bytes, 1), 1024)))
    more = shown_size(math.ceil(num_bytes * 1.25 / unit) * unit)
    advised = more.replace(" ", "").replace(".0", "")
    return f"if it is what it should be, pass --max-memory {advised} (max_memory=)"


def table_limit(num_values: int, limit: int) -> int:
    """The default limit for a table in which `num_values` cells hold a value.

    If each row adds a column, the table grows with the square of the file. So the limit is 1 GiB
    plus 1000 bytes for each value: at 48 bytes a cell, one cell in twenty must hold a value.
    """
    return min(limit, _SPARSE_FREE + _SPARSE_PER_VALUE * num_values)
