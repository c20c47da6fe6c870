"""The two containers of `torch.save`: a zip archive, and before torch 1.6 a row of pickles.

Both hold one pickle of the object and, separately, the bytes of the tensors, which are read
directly into memory of torch. Every length is compared with the length of the file, so that reading
needs at most as many bytes of memory as the file has. `torch.save` never compresses, so compressed
members are refused.
"""

from __future__ import annotations

import io
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Container, Mapping
from typing import Any, BinaryIO

import torch

from wis.base.unpickle.machine import Machine
from wis.base.unpickle.nodes import Stored, damaged
from wis.errors import GraphFormatError, UnsafePickleError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_CHUNK = 1 << 17  # a chunk is still in the cache when its checksum is computed
_LOCAL_HEADER = struct.Struct("<4s22xHH")

Known = Container[tuple[str, str]]
Types = Mapping[tuple[str, str], torch.dtype]


class Archive:
    """A pickled object as nodes, and the bytes of its tensors by key.

    Attributes:
        root: The node of the object.
        num_bytes: Size of the file.
    """

    root: Any
    num_bytes: int

    def storage(self, stored: Stored, dtype: torch.dtype) -> torch.UntypedStorage:
        """The bytes of a tensor; each storage is read once."""
        raise NotImplementedError


def open_archive(file: BinaryIO, known: Known, types: Types, max_bytes: int) -> Archive:
    """Read the pickle of a file of `torch.save`; a zip archive reads its tensors later.

    `types` has the type of the elements for each name of a storage type.

    Raises:
        GraphFormatError: The file is damaged, or not a file of `torch.save`.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(4) == b"PK\3\4":
        return _Zipped(file, end, known, max_bytes)
    file.seek(0)
    return _Row(file, end, known, types, max_bytes)


class _Zipped(Archive):
    def __init__(self, file: BinaryIO, end: int, known: Known, max_bytes: int) -> None:
        self.file, self.num_bytes = file, end
        self.members = _members(file, end)
        self.folder = _folder(self.members)
        raw = bytes(self._content("data.pkl"))
        self.root = Machine(io.BytesIO(raw), len(raw), known, max_bytes).load()
        self.swapped = self._is_swapped()
        self.storages: dict[str, tuple[torch.UntypedStorage, torch.dtype]] = {}

    def _is_swapped(self) -> bool:
        name = f"{self.folder}byteorder"
        order = bytes(self._content("byteorder")) if name in self.members else b"little"
        if order not in (b"little", b"big"):
            raise damaged("its byte order is neither little nor big")
        return order.decode() != sys.byteorder

    def storage(self, stored: Stored, dtype: torch.dtype) -> torch.UntypedStorage:
        found = self.storages.get(stored.key)
        if found is None:
            content = self._content(f"data/{stored.key}")
            found = self.storages[stored.key] = (content.untyped_storage(), dtype)
            if self.swapped:
                _swap_bytes(content, dtype)
        storage, was = found
        if storage.nbytes() != stored.num_bytes(dtype):
            raise damaged("the size of a tensor's storage differs from that in the pickle")
        if self.swapped and was != dtype:
            raise damaged("one storage is used by tensors of several types")
        return storage

    def _content(self, name: str) -> Any:
        """The bytes of a member; a checksum of 0 means that torch computed none."""
        member = self.members.get(self.folder + name)
        if member is None:
            raise damaged(f"it lacks {name[:40]!r}")
        self.file.seek(member.header_offset)
        header = self.file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\3\4":
            raise damaged(f"{name[:40]!r} is not at the position in its directory")
        _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        self.file.seek(name_length + extra_length, os.SEEK_CUR)
        content, checksum = _read_into(self.file, member.file_size, self.num_bytes)
        if member.CRC not in (0, checksum):
            raise damaged(f"the checksum of {name[:40]!r} does not match")
        return content if name.startswith("data/") else content.numpy()


def _members(file: BinaryIO, end: int) -> dict[str, zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError):
        raise damaged("its directory is not that of a zip archive") from None
    members = {info.filename: info for info in infos}
    if len(members) != len(infos) or sum(info.file_size for info in infos) > end:
        raise damaged("its members overlap")
    if any(name.endswith("/constants.pkl") for name in members):
        raise damaged("it holds a program of TorchScript")
    for info in infos:
        if not 0 <= info.header_offset < end:
            raise damaged("its directory is not that of a zip archive")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise damaged("its members are compressed, which torch.save never does")
        if info.flag_bits & 1:
            raise damaged("its members are encrypted")
    return members


def _folder(members: Mapping[str, zipfile.ZipInfo]) -> str:
    """The common folder of all names."""
    folders = [name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl")]
    if len(folders) != 1:
        raise damaged("it lacks 'data.pkl'" if not folders else "it holds several pickles")
    return folders[0]


class _Row(Archive):
    def __init__(
        self, file: BinaryIO, end: int, known: Known, types: Types, max_bytes: int
    ) -> None:
        self.file, self.num_bytes = file, end
        self.swapped = _is_big_endian(file, end, max_bytes) != (sys.byteorder == "big")
        machine = Machine(file, end, known, max_bytes)
        self.root = machine.load()
        keys = Machine(file, end, (), max_bytes).load()
        self.storages = self._read(keys, machine.stored, types)

    def _read(
        self, keys: Any, stored: list[Stored], types: Types
    ) -> dict[str, torch.UntypedStorage]:
        expected = {item.key: item for item in reversed(stored)}
        if not isinstance(keys, list) or set(map(type, keys)) - {str}:
            raise damaged("its list of storages is malformed")
        if len(set(keys)) != len(keys) or set(keys) != set(expected):
            raise damaged("its list of storages is not that of its tensors")
        storages = {}
        for key in keys:
            dtype = types.get(expected[key].storage_type.pair, torch.uint8)
            count = self.file.read(8)
            if count != struct.pack("<q", expected[key].num_elements):
                raise damaged("the size of a tensor's storage differs from that in the pickle")
            num_bytes = expected[key].num_elements * dtype.itemsize
            content, _ = _read_into(self.file, num_bytes, self.num_bytes, checked=False)
            if self.swapped:
                _swap_bytes(content, dtype)
            storages[key] = content.untyped_storage()
        return storages

    def storage(self, stored: Stored, dtype: torch.dtype) -> torch.UntypedStorage:
        storage = self.storages[stored.key]
        if storage.nbytes() != stored.num_bytes(dtype):
            raise damaged("one storage is used by tensors of several types")
        return storage


def _is_big_endian(file: BinaryIO, end: int, max_bytes: int) -> bool:
    """Read the record of the machine that wrote the file; raises if it is not a file of torch."""
    try:
        magic, protocol, system = (Machine(file, end, (), max_bytes).load() for _ in range(3))
    except UnsafePickleError:
        raise damaged(
            "it is a plain pickle; read it with Python and save it by torch.save"
        ) from None
    except GraphFormatError:
        magic, protocol, system = None, None, None
    if (magic, protocol) != (_MAGIC, _PROTOCOL):
        raise damaged("it does not begin like a file of torch.save")
    entries = getattr(system, "pairs", None) or []
    return any(key == "little_endian" and value is False for key, value in entries)


def _read_into(
    file: BinaryIO, num_bytes: int, end: int, *, checked: bool = True
) -> tuple[torch.Tensor, int]:
    """Read bytes into a tensor of uint8; also return their checksum."""
    if num_bytes > end - file.tell():
        raise damaged("it ends too early")
    content = torch.empty(num_bytes, dtype=torch.uint8, device="cpu")
    array: Any = content.numpy()
    view, checksum = memoryview(array), 0
    chunk = _CHUNK if checked else 1 << 30
    for start in range(0, num_bytes, chunk):
        part = view[start : start + chunk]
        if file.readinto(part) != len(part):  # type: ignore[attr-defined]
            raise damaged("it ends too early")
        checksum = zlib.crc32(part, checksum) if checked else 0
    return content, checksum


def _swap_bytes(content: torch.Tensor, dtype: torch.dtype) -> None:
    """Reverse the bytes of each number, in place."""
    unit = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
    if unit > 1 and content.numel() % unit == 0:
        content.numpy().view(f"u{unit}").byteswap(inplace=True)
