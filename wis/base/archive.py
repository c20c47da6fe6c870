"""Read the arrays of an `.npz` file, each checked before memory is allocated for it.

`numpy.load` trusts an archive: it allocates whatever the header of an array states, unpacks data
that grows a thousandfold, and returns texts with impossible characters. This module first reads the
directory of the zip file and the headers. It refuses sizes that contradict each other or exceed the
limit, records, and texts with code points that Unicode does not have.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from wis.base.source import ReadOptions, parsing
from wis.errors import GraphFormatError, UnsafePickleError, echo

ENDING = ".npy"
_SURROGATES = (0xD800, 0xE000)
_CODE_POINTS = 0x110000
_LEAST_ITEM = 4  # numpy allocates one character for each empty text


def read_archive(
    file: BinaryIO, path: Path, options: ReadOptions, kind: str = "an .npz archive"
) -> tuple[dict[str, np.ndarray], bool]:
    """All arrays by name, and whether they were compressed.

    Args:
        file: The archive, open for reading.
        path: Its path, for errors.
        options: Whether objects may be unpickled, and the limit of memory.
        kind: The expected content, for errors.

    Raises:
        UnsafePickleError: An array holds Python objects, and the file is not trusted.
        GraphFormatError: The file is not an archive, is damaged, or has too large an array.
    """
    with parsing(path, kind):
        if not zipfile.is_zipfile(file):
            raise ValueError("not a zip archive")
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            members = _members(archive, path)
            total = sum(item.file_size for item in members.values())
            options.check_size(path, total, "the unpacked content")
            compressed = any(i.compress_type != zipfile.ZIP_STORED for i in members.values())
            for name, item in members.items():
                _check_member(archive, name, item, path, options)
            arrays = {
                name: _array(archive, item, options.trust_pickle) for name, item in members.items()
            }
    for name, array in arrays.items():
        _check_text(array, f"{path}: {echo(name)!r}")
    return arrays, compressed


def total_bytes(arrays: Mapping[str, np.ndarray]) -> int:
    """Bytes of memory that arrays take."""
    return sum(array.nbytes for array in arrays.values())


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Name of the array → member of the archive."""
    members: dict[str, zipfile.ZipInfo] = {}
    for item in archive.infolist():
        name = item.filename.removesuffix(ENDING)
        if name in members:
            raise GraphFormatError(f"{path}: holds {echo(name)!r} twice; expected each name once")
        if not name.isprintable() or name.startswith("/") or ".." in name.split("/"):
            raise GraphFormatError(f"{path}: {echo(name)!r} is no name of an array")
        if item.flag_bits & 1:
            raise GraphFormatError(f"{path}: is encrypted; decrypt it first")
        if name == item.filename:
            raise GraphFormatError(f"{path}: {echo(name)!r} is no numpy array")
        members[name] = item
    return members


def _check_member(
    archive: zipfile.ZipFile, name: str, item: zipfile.ZipInfo, path: Path, options: ReadOptions
) -> None:
    """Raise unless the header of an array agrees with its member's size, and with the limit."""
    where = f"{path}: {echo(name)!r}"
    with archive.open(item) as member:
        shape, dtype = _header(member, where)
        header = member.tell()
    count = math.prod(shape)
    if dtype.hasobject:
        if not options.trust_pickle:
            raise UnsafePickleError(
                f"{where} holds Python objects, which could run code; pass --trust-pickle "
                "(trust_pickle=True) if you trust where the file came from"
            )
        return
    if dtype.kind == "V":
        raise GraphFormatError(
            f"{where} holds records ({echo(str(dtype))}); expected an array of numbers or texts "
            "for each field"
        )
    if min(shape, default=0) < 0 or count * dtype.itemsize != item.file_size - header:
        raise GraphFormatError(
            f"{where} holds {item.file_size - header} bytes and says that its shape is "
            f"{echo(list(shape))} and its type {echo(str(dtype))}; the file is damaged"
        )
    options.check_size(path, count * max(dtype.itemsize, _LEAST_ITEM), f"the array {echo(name)!r}")


def _header(member: IO[bytes], where: str) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(member)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:  # only records need version 3
        raise GraphFormatError(f"{where} has a header of version {version[0]}; expected 1 or 2")
    shape, _, dtype = readers[version](member)
    return shape, dtype


def _array(archive: zipfile.ZipFile, item: zipfile.ZipInfo, trusted: bool) -> np.ndarray:
    with archive.open(item) as member:
        array: np.ndarray = np.lib.format.read_array(member, allow_pickle=trusted)
    return array


def _check_text(array: np.ndarray, where: str) -> None:
    """Raise `GraphFormatError` if UTF-8 cannot encode a character of a text."""
    if array.dtype.kind != "U" or not array.size:
        return
    codes = np.ascontiguousarray(array).reshape(-1).view(array.dtype.byteorder + "u4")
    wrong = (codes >= _CODE_POINTS) | ((codes >= _SURROGATES[0]) & (codes < _SURROGATES[1]))
    if wrong.any():
        raise GraphFormatError(
            f"{where} holds the code point {codes[wrong.argmax()]:#x}, which is no character"
        )
