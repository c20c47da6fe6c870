"""A checked request to sparsify a folder, and the steps that both engines share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.base.checks import Amount, num_edges_to_remove
from wis.base.source import ReadOptions
from wis.errors import GraphFormatError
from wis.scale.files import EdgeFiles
from wis.scale.output import OutputFolder
from wis.scale.phases import Edges, hashes_of, left_after
from wis.scale.storage import is_local, pyarrow
from wis.scale.vertices import MapFiles, Vertices, look_at_ids, map_here
from wis.scale.work import WorkFolder

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
BYTES_PER_VERTEX = 80
"""Memory for degrees, budgets and cuts. 52 bytes were measured on 10^7 vertices with few edges; a
phase in which all vertices take part needs the rest."""


def _nothing() -> None:
    """Check nothing."""


@dataclass(frozen=True)
class Job:
    """A checked request."""

    files: EdgeFiles  # the input
    target: OutputFolder  # the output
    folder: WorkFolder  # the work folder
    remove: Amount | None  # the amount to remove, or None
    keep: Amount | None  # the amount to keep, or None
    epsilon: float  # the tolerance of the relaxed rule
    seed: int  # seed of the priorities
    block: int  # edges to hold in memory
    progress: bool | None  # whether to show a bar
    reading: ReadOptions  # options of the ids, and the limit of memory
    still_alone: Callable[[], None] = _nothing  # raises `BusyError` if another run took over

    def noted(
        self, write_edges: Callable[[Vertices, int], dict[str, Any]], map_files: MapFiles = map_here
    ) -> dict[str, Any]:
        """The facts of the input, noted by an earlier run or computed and noted now.

        Args:
            write_edges: Takes the vertices and the number of rows, writes each edge once into the
                work folder, and returns the number of edges ``m`` and perhaps more facts.
            map_files: Runs a task for each file.

        Returns:
            Vertices ``n``, edges ``m``, ``rows``, edges to remove ``N``, file of ``names``.
        """
        noted = self.folder.open()
        if noted is None:
            names = Path(self.folder.path) if is_local(self.folder.url) else None
            vertices, rows = self._look_at_ids(names, map_files)
            facts = write_edges(vertices, rows)
            self.files.check_unchanged()
            count = num_edges_to_remove(facts["m"], remove=self.remove, keep=self.keep)
            noted = {"n": vertices.num_nodes, "rows": rows, "N": count, "names": vertices.names}
            noted |= facts
            self.folder.note(**noted)
        return noted

    def _look_at_ids(self, names: Path | None, map_files: MapFiles) -> tuple[Vertices, int]:
        relabel, num_nodes = self.reading.relabel, self.reading.num_nodes
        vertices, rows = look_at_ids(
            self.files, names, map_files, relabel=relabel, num_nodes=num_nodes
        )
        size = vertices.num_nodes * BYTES_PER_VERTEX
        what = f"the state of {vertices.num_nodes} vertices"
        self.reading.check_size(self.files.root, size, what)
        return vertices, rows

    def write_file(self, index: int, vertices: Vertices, phases: int) -> tuple[int, int]:
        """Write the kept rows of a file: loops, and rows of edges that no phase took.

        Returns:
            The number of kept rows, and the number of all rows.
        """
        mask = self._kept_rows(index, vertices, phases)
        self.write_rows(index, vertices, mask)
        return int(np.count_nonzero(mask)), mask.size

    def write_rows(self, index: int, vertices: Vertices, mask: Bools) -> None:
        """Write the rows of a file at which a mask is true."""
        schema = self.files.schema(index, as_names=vertices.texts)
        batches = self.files.batches(index, schema, as_names=vertices.texts)
        rows = _selected(batches, mask, self.files.paths[index])
        self.target.write(self.files.names[index], rows, schema)

    def _kept_rows(self, index: int, vertices: Vertices, phases: int) -> Bools:
        """Mark the kept rows; each block of rows costs one pass over the phases."""
        masks = [np.zeros(0, np.bool_)]
        waiting: list[tuple[Ints, Ints]] = []
        for a, b in self.files.pairs(index, as_names=vertices.texts):
            waiting.append((vertices.number(a), vertices.number(b)))
            if sum(len(first) for first, _ in waiting) >= self.block:
                masks.append(self._kept(waiting, vertices, phases))
                waiting = []
        if waiting:
            masks.append(self._kept(waiting, vertices, phases))
        return np.concatenate(masks)

    def _kept(self, pairs: list[tuple[Ints, Ints]], vertices: Vertices, phases: int) -> Bools:
        a, b = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
        u, v = np.minimum(a, b), np.maximum(a, b)
        edges = Edges(u, v, hashes_of(u, v, self.seed))
        left = left_after(self.folder.url, phases, edges, vertices.num_nodes)
        return np.asarray(left | (u == v))

    def finish(self, num_rows: int | None = None, expected: int | None = None) -> None:
        """Give the output its name, unless the input has changed or another run took over."""
        if num_rows != expected:
            raise GraphFormatError(
                f"{self.files.root}: has {num_rows} rows now and had {expected}; it has changed "
                "while it was read. Run again when no program writes to it"
            )
        self.files.check_unchanged()
        self.still_alone()
        self.target.finish()


def proper_ends(a: Ints, b: Ints) -> tuple[Ints, Ints]:
    """The smaller and the larger end of each row that is not a loop."""
    proper = a != b
    a, b = a[proper], b[proper]
    return np.minimum(a, b), np.maximum(a, b)


def _selected(batches: Iterator[Any], mask: Bools, path: str) -> Iterator[Any]:
    """The rows of record batches where a mask is true; raises if the numbers of rows differ."""
    row = 0
    for batch in batches:
        part = mask[row : row + batch.num_rows]
        if part.size < batch.num_rows:
            break
        yield batch.filter(pyarrow().array(part))
        row += batch.num_rows
    else:
        if row == mask.size:
            return
    raise GraphFormatError(f"{path}: its rows changed while it was read; run again")
