"""Archives of numpy with an `edge_index`, such as `data.npz` of ogbn-papers100M, block by block.

The array has the shape [2, num_arcs] and may be larger than the memory. Its two rows lie one behind
the other (or column by column, if it was saved transposed), so two readers go through it side by
side. Other arrays of the archive, such as features, are not read, except for the number of vertices
in `num_nodes` or `num_nodes_list`.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.errors import GraphFormatError

ENDING = ".npz"
ENDS = ("source", "target")
ARRAY = "edge_index.npy"
SIZES = ("num_nodes.npy", "num_nodes_list.npy")
Ints = NDArray[np.int64]


def stated_size(file: Any, path: str) -> int | None:
    """The number of vertices that an archive states; raises if it has no `edge_index`."""
    with _archive(file, path) as archive:
        with archive.open(ARRAY) as member:
            _header(member, path)
        for name in SIZES:
            if name in archive.namelist():
                with archive.open(name) as member:
                    return int(np.lib.format.read_array(member, allow_pickle=False).sum())
    return None


def pairs(file: Any, path: str, rows: int) -> Iterator[tuple[Ints, Ints]]:
    """The two ends of all arcs, `rows` at a time, int64."""
    with _archive(file, path) as archive, contextlib.ExitStack() as stack:
        members = [stack.enter_context(archive.open(ARRAY)) for _ in range(2)]
        (num_arcs, by_column, dtype), _ = (_header(member, path) for member in members)
        if not by_column:
            members[1].seek(num_arcs * dtype.itemsize, 1)
        for begin in range(0, num_arcs, rows):
            size = min(rows, num_arcs - begin)
            if by_column:
                ends = _read(members[0], dtype, 2 * size, path).reshape(size, 2).T
            else:
                ends = np.stack([_read(member, dtype, size, path) for member in members])
            yield np.ascontiguousarray(ends[0]), np.ascontiguousarray(ends[1])


@contextlib.contextmanager
def _archive(file: Any, path: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            if ARRAY not in archive.namelist():
                raise GraphFormatError(
                    f"{path}: has no edge_index; expected an array of integers [2, num_arcs]"
                )
            yield archive
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise GraphFormatError(f"{path}: is damaged, or not an archive of numpy: {error}") from None


def _header(member: Any, path: str) -> tuple[int, bool, np.dtype[Any]]:
    """Number of arcs, whether both ends of an arc lie together, and the type of the ids."""
    try:
        read = np.lib.format.read_array_header_1_0
        if np.lib.format.read_magic(member) != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, by_column, dtype = read(member)
    except ValueError as error:
        raise GraphFormatError(f"{path}: edge_index is damaged: {error}") from None
    if len(shape) != 2 or shape[0] != 2 or dtype.kind not in "iu":
        raise GraphFormatError(
            f"{path}: edge_index has shape {list(shape)} and dtype {dtype}; expected integers "
            f"[2, num_arcs]"
        )
    return shape[1], by_column, dtype


def _read(member: Any, dtype: np.dtype[Any], count: int, path: str) -> Ints:
    content = member.read(count * dtype.itemsize)
    if len(content) != count * dtype.itemsize:
        raise GraphFormatError(f"{path}: edge_index ends too early")
    return np.frombuffer(content, dtype).astype(np.int64)
