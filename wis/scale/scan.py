"""From edge files to the edges of a graph on disk, each once, in the order of their hashes.

Rows are distributed over buckets by the first bits of the hash of their edge, so that all repeats
of an edge meet in one bucket, whichever way round they are written; each bucket is then sorted, and
repeats left out. Buckets one after the other hold the edges in the order of their hashes, so that
an edge's position is its priority within a class (see `wis.methods.one_wis.relaxed_rule`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from wis.base.progress import Progress
from wis.methods.one_wis.relaxed_rule import hash_order
from wis.scale.files import EdgeFiles
from wis.scale.phases import edges_of_rows, hashes_of
from wis.scale.storage import writing
from wis.scale.vertices import Vertices

Vertex = np.uint32
MAX_BUCKETS = 1 << 9
SOURCES, TARGETS = "u.bin", "v.bin"


def scan_edges(
    files: EdgeFiles,
    vertices: Vertices,
    folder: Path,
    *,
    seed: int,
    num_rows: int,
    block: int,
    progress: Progress,
) -> int:
    """Write the edges of a folder to `SOURCES` and `TARGETS`, raw uint32, by rising hash.

    Args:
        files: The edge files.
        vertices: What their ids mean.
        folder: Where the two files go.
        seed: Seed of the hashes.
        num_rows: Number of rows of all files.
        block: Edges to hold in memory, about.
        progress: Told the number of rows read.

    Returns:
        Number m of edges.

    Cost: one pass over the files; 8 bytes of disk for each row and 8 for each edge.
    """
    bits = max(0, (2 * num_rows // max(block, 1)).bit_length())
    num_buckets = min(1 << bits, MAX_BUCKETS)
    paths = [folder / f"bucket-{number:05d}.bin" for number in range(num_buckets)]
    with contextlib.ExitStack() as stack, writing(str(folder)):
        buckets = [stack.enter_context(path.open("wb")) for path in paths]
        done = 0
        for u, v, rows in _proper_rows(files, vertices):
            _distribute(u, v, seed, buckets)
            done += rows
            progress(done)
    num_edges = 0
    with (
        writing(str(folder)),
        (folder / SOURCES).open("wb") as us,
        (folder / TARGETS).open("wb") as vs,
    ):
        for path in paths:
            u, v = _distinct(np.fromfile(path, Vertex).reshape(-1, 2), seed)
            us.write(u.data)
            vs.write(v.data)
            num_edges += u.size
            path.unlink()
    return num_edges


def _proper_rows(
    files: EdgeFiles, vertices: Vertices
) -> Iterator[tuple[NDArray[Vertex], NDArray[Vertex], int]]:
    """Smaller and larger end of each row that is no loop, batch by batch; and rows in all."""
    for index in range(len(files.paths)):
        for a, b in files.pairs(index, as_names=vertices.texts):
            edges, proper = edges_of_rows(vertices.number(a), vertices.number(b), 0)
            yield edges.u[proper].astype(Vertex), edges.v[proper].astype(Vertex), len(a)


def _distribute(
    u: NDArray[Vertex], v: NDArray[Vertex], seed: int, buckets: Sequence[BinaryIO]
) -> None:
    bits = len(buckets).bit_length() - 1
    rows = np.stack([u, v], axis=1)
    if bits == 0:
        buckets[0].write(rows.data)
        return
    number = (hashes_of(u, v, seed) >> (64 - bits)) + (len(buckets) >> 1)
    by_bucket = np.argsort(number.astype(np.uint16), kind="stable")
    rows = rows[by_bucket]
    ends = np.cumsum(np.bincount(number, minlength=len(buckets)))
    begin = 0
    for bucket, end in zip(buckets, ends.tolist(), strict=True):
        if end > begin:
            bucket.write(rows[begin:end].data)
        begin = end


def _distinct(rows: NDArray[Vertex], seed: int) -> tuple[NDArray[Vertex], NDArray[Vertex]]:
    """The edges among rows, each once, by rising hash."""
    hashes = hashes_of(rows[:, 0], rows[:, 1], seed)
    order = hash_order(torch.from_numpy(hashes)).numpy()
    hashes, rows = hashes[order], rows[order]
    first = np.ones(hashes.size, np.bool_)
    first[1:] = hashes[1:] != hashes[:-1]
    rows = rows[first]
    return np.ascontiguousarray(rows[:, 0]), np.ascontiguousarray(rows[:, 1])
