"""Where bytes come from, and errors of one line when they do not.

Parsers of foreign formats fail in many ways on damaged bytes; `parsing` is the one place where
whatever they raise becomes a `GraphFormatError`. It goes around calls of such a parser and nothing
else.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wis.errors import GraphFileError, GraphFormatError, OptionError, WisError

STANDARD = "-"
COMPRESSED = ".gz"


@dataclass(frozen=True)
class ReadOptions:
    """How to read a graph.

    Attributes:
        trust_pickle: Let a file run code.
        relabel: Take the ids of an edge list as names.
        num_nodes: Number of vertices of a graph whose file does not say.
    """

    trust_pickle: bool = False
    relabel: bool = False
    num_nodes: int | None = None

    def resolved_num_nodes(self, stated: int, path: Path) -> int:
        """The number of vertices that the file states, unless the caller contradicts it.

        Raises:
            OptionError: He does.
        """
        if self.num_nodes not in (None, stated):
            raise OptionError(
                f"num_nodes is {self.num_nodes}, but {path} says {stated}; leave it out"
            )
        return stated


def shown(path: Path) -> str:
    """The path as an error names it."""
    return "standard input" if str(path) == STANDARD else str(path)


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, or standard input; it is not empty.

    Raises:
        GraphFileError: It cannot be read.
        GraphFormatError: It is empty.
    """
    try:
        with _opened(path) as file:
            if not file.read(1):
                raise GraphFormatError(f"{shown(path)}: is empty; expected a graph")
            file.seek(0)
            yield file
    except WisError:
        raise
    except FileNotFoundError:
        raise GraphFileError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise GraphFileError(f"{path}: is a folder; expected a graph file") from None
    except OSError as error:
        raise GraphFileError(f"{shown(path)}: cannot be read: {error.strerror or error}") from None


def _opened(path: Path) -> BinaryIO:
    if str(path) == STANDARD:
        return io.BytesIO(sys.stdin.buffer.read())
    try:
        file = path.open("rb")
    except ValueError as error:
        raise GraphFileError(f"{str(path)!r}: not a possible file name: {error}") from None
    if file.seekable():
        return file
    with file:
        return io.BytesIO(file.read())


def read_bytes(path: Path) -> bytes:
    """All of a file, decompressed if its name ends in ``.gz``.

    Raises:
        GraphFileError: It cannot be read.
        GraphFormatError: It is empty, or not gzip.
    """
    with open_input(path) as file:
        raw = _all_of(file)
    if path.suffix.lower() != COMPRESSED:
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as error:
        reason = "it ends too early" if isinstance(error, EOFError) else str(error)
        raise GraphFormatError(f"{path}: not a gzip file, or damaged: {reason}") from None


def _all_of(file: BinaryIO) -> bytes:
    """All bytes; a buffered file would copy them once more."""
    if isinstance(file, io.BufferedReader):
        file.raw.seek(0)
        everything: bytes = file.raw.readall()
        return everything
    return file.read()


@contextlib.contextmanager
def parsing(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a parser raises into one line.

    Args:
        path: The file, for the error.
        kind: What was expected, such as ``"a GraphML file"``.

    Raises:
        GraphFormatError: The parser failed.
    """
    try:
        yield
    except WisError:
        raise
    except MemoryError:
        raise GraphFormatError(
            f"{shown(path)}: does not fit into memory, or is damaged; expected {kind}"
        ) from None
    except Exception as error:
        reason = " ".join(str(error).split()).split(". ")[0][:200] or type(error).__name__
        raise GraphFormatError(
            f"{shown(path)}: damaged, or not {kind}: {reason.rstrip('.')}"
        ) from None


def read_text(path: Path) -> tuple[bytes, bytes]:
    r"""A text in UTF-8, decompressed.

    Returns:
        The text without a byte order mark, line ends as ``\n``; and what the line ends were.

    Raises:
        GraphFileError: It cannot be read.
        GraphFormatError: It is empty, or no text in UTF-8; the line is named.
    """
    raw = read_bytes(path).removeprefix(codecs.BOM_UTF8)
    _check_utf8(raw, path)
    if b"\0" in raw:
        raise GraphFormatError(f"{shown(path)}: holds zero bytes; expected text")
    line_end = b"\n"
    if b"\r" in raw:
        line_end = b"\r\n" if b"\r\n" in raw else b"\r"
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not raw or raw.isspace():
        raise GraphFormatError(f"{shown(path)}: is empty; expected a graph")
    return raw, line_end


def _check_utf8(raw: bytes, path: Path) -> None:
    if raw.isascii():
        return
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise GraphFormatError(
            f"{shown(path)} line {line}: byte 0x{raw[error.start]:02x} is not UTF-8; "
            f"expected text in UTF-8"
        ) from None
