"""Open and unpack input files; turn every failure of a parser into an error of one line.

Parsers of foreign formats fail in many ways on damaged bytes. `parsing` is the one place that turns
whatever they raise into a `GraphFormatError`; it wraps calls of such a parser and nothing else.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from wis.base import limits
from wis.base.tables import GUESS, TableOptions
from wis.errors import GraphFileError, GraphFormatError, OptionError, WisError, echo

STANDARD = "-"
COMPRESSED = (".gz", ".bz2", ".xz")
CHUNK_BYTES = 1 << 20
LONGEST_NAME = 255  # characters of a path that an error repeats: no file has a longer name


@dataclass(frozen=True)
class ReadOptions:
    """How to read a graph.

    Attributes:
        trust_pickle: Whether the file may run code.
        relabel: Whether the ids of an edge list are names.
        num_nodes: Number of vertices of a graph whose file does not state it.
        max_memory: Most bytes that reading may use; None for the default of `wis.base.limits`.
        table: The options for edge lists and edge tables.
        ending: The ending of the format that the caller named; None for that of the file.
    """

    trust_pickle: bool = False
    relabel: bool = False
    num_nodes: int | None = None
    max_memory: int | None = None
    table: TableOptions = GUESS
    ending: str | None = None

    @property
    def limit(self) -> int:
        """Limit of the memory for reading, in bytes."""
        return limits.default_max_memory() if self.max_memory is None else self.max_memory

    def check_text(self, path: Path, text: bytes, what: str, *, copies: int = 1) -> None:
        """Raise `GraphFormatError` if a text of fields takes too much memory once it is parsed.

        Counting fields takes as long as parsing, so they are counted only if a field at every byte
        would exceed the limit. `what` names the text in the error; memory holds it `copies` times.
        """
        most = copies * len(text) * (1 + limits.BYTES_PER_FIELD)
        if most > limits.FREE_BYTES and most > self.limit:
            fields = sum(map(text.count, (b"\n", b",", b" ", b"\t", b";")))
            self.check_size(path, copies * (len(text) + fields * limits.BYTES_PER_FIELD), what)

    def check_size(
        self, path: Path | str, num_bytes: float, what: str, *, so_far: bool = False
    ) -> None:
        """Raise `GraphFormatError` if a part of a file would take too much memory.

        `what` is the part, in the singular; `so_far` says that an unknown amount follows.
        """
        if num_bytes > limits.FREE_BYTES:
            limits.check_size(shown(Path(path)), num_bytes, what, self.limit, so_far=so_far)

    def check_num_nodes(self, path: Path | str, num_nodes: int) -> None:
        """`check_size` for a number of vertices that the file only claims."""
        if num_nodes > limits.SMALL:
            what = f"a graph of {num_nodes} vertices"
            self.check_size(path, num_nodes * limits.BYTES_PER_VERTEX, what)

    def check_table(
        self, path: Path | str, num_rows: int, num_columns: int, num_values: int | None = None
    ) -> None:
        """`check_size` for a table of Python values, of which `num_values` are not missing.

        A sparse table has the limit of `wis.base.limits.table_limit`, unless the user set one.
        """
        limit = self.limit
        stated = self.max_memory is not None or limits.stated_max_memory() is not None
        if num_values is not None and not stated:
            limit = limits.table_limit(num_values, limit)
        what = f"a table of {num_rows} rows and {num_columns} columns"
        num_bytes = num_rows * num_columns * limits.BYTES_PER_CELL
        limits.check_size(shown(Path(path)), num_bytes, what, limit)

    def resolved_num_nodes(self, stated: int, path: Path) -> int:
        """The number of vertices that the file states; `OptionError` if the caller gave another."""
        if self.num_nodes not in (None, stated):
            raise OptionError(
                f"num_nodes is {self.num_nodes}, but {path} says {stated}; leave it out"
            )
        return stated


def ending_of(path: Path) -> str:
    """The ending in lower case, without ``.gz``, ``.bz2`` or ``.xz``."""
    path = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return path.suffix.lower() or path.name


def shown(path: Path) -> str:
    """The path as an error names it."""
    return "standard input" if str(path) == STANDARD else echo(str(path), LONGEST_NAME)


@contextlib.contextmanager
def open_input(
    path: Path, options: ReadOptions | None = None, kind: str = "a graph file"
) -> Iterator[BinaryIO]:
    """Open a file or standard input for reading.

    Args:
        path: The file.
        options: Their memory limit holds for a stream, which is read into memory.
        kind: The expected content, for errors.

    Raises:
        GraphFileError: The file cannot be read.
        GraphFormatError: The file is empty, or too long.
    """
    try:
        with _opened(path, options or ReadOptions()) as file:
            if not file.read(1):
                raise GraphFormatError(f"{shown(path)}: is empty; expected {kind}")
            file.seek(0)
            yield file
    except WisError:
        raise
    except FileNotFoundError:
        raise GraphFileError(f"{shown(path)}: no such file") from None
    except IsADirectoryError:
        raise GraphFileError(
            f"{path}: is a folder; expected {kind.removesuffix(' file')} file"
        ) from None
    except OSError as error:
        raise GraphFileError(f"{shown(path)}: cannot be read: {error.strerror or error}") from None


def _opened(path: Path, options: ReadOptions) -> BinaryIO:
    if str(path) == STANDARD:
        return _bounded(sys.stdin.buffer, path, options, "the text")
    try:
        file = path.open("rb")
    except ValueError as error:
        raise GraphFileError(f"{echo(str(path))}: not a possible file name: {error}") from None
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    with file:
        return _bounded(file, path, options, "the content")


def _bounded(stream: BinaryIO, path: Path, options: ReadOptions, what: str) -> io.BytesIO:
    """All bytes of a stream of unknown length, unless they are too many."""
    content = io.BytesIO()
    while chunk := stream.read(CHUNK_BYTES):
        options.check_size(path, content.tell() + len(chunk), what, so_far=True)
        content.write(chunk)
    content.seek(0)
    return content


def read_bytes(path: Path, options: ReadOptions | None = None, kind: str = "a graph file") -> bytes:
    """The content of a file, decompressed if its first bytes are those of gzip, bz2 or xz.

    Raises:
        GraphFileError: The file cannot be read.
        GraphFormatError: The file is empty, damaged, too long, or not compressed despite its name.
    """
    options = options or ReadOptions()
    with open_input(path, options, kind) as file:
        options.check_size(path, file.seek(0, io.SEEK_END), "the content")
        file.seek(0)
        raw = file.read()  # without a second copy: the first seek has emptied the buffer
    packed = _packing(raw, path)
    if packed is None:
        return raw
    try:
        with packed.unpack(io.BytesIO(raw)) as unpacked:
            content = _bounded(unpacked, path, options, "the unpacked text")
    except WisError:
        raise
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        reason = "it ends too early" if isinstance(error, EOFError) else str(error)
        raise GraphFormatError(f"{shown(path)}: not {packed.name}, or damaged: {reason}") from None
    return content.getvalue()


def unpacked(file: BinaryIO, path: str) -> BinaryIO:
    """The decompressed content of a file as a stream, or the file itself if it is not compressed.

    Raises:
        GraphFormatError: The file is not compressed despite its name.
    """
    packed = _packing(file.read(max(len(packing.magic) for packing in _PACKINGS)), Path(path))
    file.seek(0)
    return file if packed is None else packed.unpack(file)


class _Members(io.RawIOBase):
    """The content of several compressed streams, one after another.

    `bz2.BZ2File` and `lzma.LZMAFile` ignore damage in every stream but the first.
    """

    def __init__(self, raw: BinaryIO, begin: Callable[[], Any], padding: bytes = b"") -> None:
        self._raw, self._begin, self._padding = raw, begin, padding
        self._member = begin()
        self._packed = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._member.eof:
                self._packed = self._behind(self._member.unused_data)
                if not self._packed:
                    return 0
                self._member = self._begin()
            elif self._member.needs_input:
                self._packed = self._raw.read(CHUNK_BYTES)
                if not self._packed:
                    raise EOFError
            data = self._member.decompress(self._packed, len(buffer))
            self._packed = b""
            if data:
                buffer[: len(data)] = data
                return len(data)

    def _behind(self, packed: bytes) -> bytes:
        """The first bytes of the next stream, empty if there is none."""
        packed = packed.lstrip(self._padding)
        while not packed and (more := self._raw.read(CHUNK_BYTES)):
            packed = more.lstrip(self._padding)
        return packed


@dataclass(frozen=True)
class _Packing:
    """A compression: its name in errors, its ending, its first bytes, the function that unpacks."""

    name: str
    ending: str
    magic: bytes
    unpack: Callable[[BinaryIO], Any]


_PACKINGS = (
    _Packing("a gzip file", ".gz", b"\x1f\x8b", lambda raw: gzip.GzipFile(fileobj=raw)),
    _Packing("a bz2 file", ".bz2", b"BZh",
             lambda raw: io.BufferedReader(_Members(raw, bz2.BZ2Decompressor))),
    _Packing("an xz file", ".xz", b"\xfd7zXZ\0",
             lambda raw: io.BufferedReader(_Members(raw, lzma.LZMADecompressor, b"\0"))),
)  # fmt: skip


def _packing(head: bytes, path: Path) -> _Packing | None:
    """The compression that the first bytes show; an error if only the name of the file does."""
    for packing in _PACKINGS:
        if head.startswith(packing.magic):
            return packing
    for packing in _PACKINGS:
        if packing.ending == path.suffix.lower():
            raise GraphFormatError(
                f"{shown(path)}: not {packing.name}, or damaged: it begins otherwise"
            )
    return None


@contextlib.contextmanager
def parsing(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a parser of ``"a GraphML file"``, say, raises into a `GraphFormatError`."""
    try:
        yield
    except WisError:
        raise
    except MemoryError:
        raise GraphFormatError(
            f"{shown(path)}: does not fit into memory, or is damaged; expected {kind}"
        ) from None
    except Exception as error:
        reason = " ".join(str(error).split()).split(". ")[0].rstrip(".") or type(error).__name__
        raise GraphFormatError(
            f"{shown(path)}: damaged, or not {kind}: {echo(reason, 200)}"
        ) from None


@dataclass(frozen=True)
class LineEnds:
    r"""How the lines of a text end: with ``\n``, ``\r\n`` or ``\r``, and whether all of them do."""

    mark: bytes
    are_mixed: bool = False

    def note(self) -> list[str]:
        """A note on mixed line ends, since all lines that are written end alike."""
        if not self.are_mixed:
            return []
        name = self.mark.decode().replace("\r", "\\r").replace("\n", "\\n")
        return [f"its lines end differently; where they are written back, all end with {name}"]


def read_text(path: Path, options: ReadOptions | None = None) -> tuple[bytes, LineEnds, bytes]:
    r"""`read_utf8` with ``\n`` at all line ends.

    Returns:
        The text without a byte order mark; its original line ends; the mark, or empty bytes.
    """
    options = options or ReadOptions()
    raw, mark = read_utf8(path, options)
    options.check_text(path, raw, "the table that the text holds")
    if b"\r" not in raw:
        return raw, LineEnds(b"\n"), mark
    both = raw.count(b"\r\n")
    alone = {b"\r": raw.count(b"\r") - both, b"\n": raw.count(b"\n") - both}
    raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if both:
        return raw, LineEnds(b"\r\n", are_mixed=any(alone.values())), mark
    return raw, LineEnds(b"\r", are_mixed=all(alone.values())), mark


def read_utf8(path: Path, options: ReadOptions | None = None) -> tuple[bytes, bytes]:
    """A decompressed text in UTF-8, and the byte order mark before it (or empty bytes).

    Raises:
        GraphFileError: The file cannot be read.
        GraphFormatError: The file is empty, too long, or not UTF-8; the message names the line.
    """
    whole = read_bytes(path, options)
    raw = whole.removeprefix(codecs.BOM_UTF8)
    check_utf8(raw, shown(path))
    if not raw or raw.isspace():
        raise GraphFormatError(f"{shown(path)}: is empty; expected a graph")
    return raw, whole[: len(whole) - len(raw)]


def check_utf8(raw: bytes, where: str, lines_before: int = 0) -> None:
    """Raise `GraphFormatError` if a text is not UTF-8 (naming the line) or holds zero bytes."""
    try:
        if not raw.isascii():
            raw.decode()
    except UnicodeDecodeError as error:
        line = lines_before + raw.count(b"\n", 0, error.start) + 1
        raise GraphFormatError(
            f"{where} line {line}: byte 0x{raw[error.start]:02x} is not UTF-8; "
            f"expected text in UTF-8"
        ) from None
    if b"\0" in raw:
        raise GraphFormatError(f"{where}: holds zero bytes; expected text")
