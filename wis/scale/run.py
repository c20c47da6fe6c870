"""From a folder of edge files to one with fewer edges: `sparsify_files`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from wis.base.amount import Amount, num_edges_to_remove
from wis.base.checks import MAX_SEED, checked_factor, checked_integer
from wis.base.limits import parse_size
from wis.base.progress import progress_bar
from wis.base.source import ReadOptions
from wis.base.table_options import TableOptions
from wis.errors import (
    GraphFormatError,
    OptionError,
    UnknownNameError,
    echo,
)
from wis.io.formats import format_of_name
from wis.scale.files import EdgeFiles
from wis.scale.output import kept_rows, write_kept
from wis.scale.phases import saved_phases
from wis.scale.places import alone, kept_on_failure, places
from wis.scale.scan import scan_edges
from wis.scale.storage import is_local
from wis.scale.stream import Stream
from wis.scale.target import OutputFolder
from wis.scale.vertices import Vertices, look_at_ids
from wis.scale.work import WorkFolder

Engine = Literal["stream", "dask"]
ENGINES = ("stream", "dask")
EPSILON = 0.1
BLOCK = 1 << 23
BYTES_PER_VERTEX = 80
"""Degrees, budgets, cuts: 52 were measured on 10^7 vertices with few edges; the rest is room for a
phase in which all of them take part."""


@dataclass(frozen=True)
class FilesResult:
    """What was done to a folder of edge files.

    Attributes:
        num_nodes: Number n of vertices.
        num_edges: Number m of edges of the input.
        num_removed: Edges removed.
        num_rows: Rows of the input.
        num_rows_kept: Rows of the output.
        num_phases: Phases of the relaxed rule.
        num_phases_resumed: Those of them that an earlier run had finished.
        seconds: Time of this run.
    """

    num_nodes: int
    num_edges: int
    num_removed: int
    num_rows: int
    num_rows_kept: int
    num_phases: int
    num_phases_resumed: int
    seconds: float


def sparsify_files(
    source: str | Path,
    output: str | Path,
    *,
    remove: Amount | None = None,
    keep: Amount | None = None,
    epsilon: float = EPSILON,
    seed: int = 0,
    engine: Engine = "stream",
    relabel: bool = False,
    num_nodes: int | None = None,
    source_column: str | int | None = None,
    target_column: str | int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    format: str | None = None,
    one_kind: bool = False,
    max_memory: int | str | None = None,
    block: int = BLOCK,
    work: str | Path | None = None,
    force: bool = False,
    progress: bool | None = None,
    scheduler_address: str | None = None,
    num_workers: int | None = None,
) -> FilesResult:
    """Sparsify a folder of edge files that need not fit into memory, by relaxed 1-WIS.

    The edges that go are those that ``wis.sparsify(..., epsilon=epsilon, seed=seed)`` would remove,
    whatever the engine, the division into files, the size of blocks and the number of workers.

    Args:
        source: A folder of ``.parquet`` files or of edge lists as text, also compressed (or one
            file), a row for each arc, two columns of ids and perhaps more; for ``"dask"`` on any
            file system that fsspec knows. All files count; one of another kind is refused.
        output: The folder to write: a Parquet file for each file of `source`, with the rows that
            are left in their old order and all columns. It appears when it is complete.
        remove: What to take away (see `wis.base.amount`), or give `keep`.
        keep: What to keep.
        epsilon: How far below the best an edge may be, more than 0
            (`wis.methods.one_wis.relaxed_rule`).
        seed: Seed of the priorities, 0 to 2^63 - 1.
        engine: ``"stream"``, on this machine with O(n) memory and a block; or ``"dask"``.
        relabel: Take integer ids as names: they may be any, with gaps. Texts always are.
        num_nodes: Number of vertices; the largest id + 1 if not given.
        source_column: The column of the first endpoint, by name or by number from 1; guessed from
            the names and the first rows if not given, as `wis.io.read_graph` does.
        target_column: That of the second one.
        header: Whether the first line of a text names its columns; found out if not given.
        delimiter: What stands between the columns of a text; found out if not given.
        format: What all files hold, such as ``"csv"`` or ``"parquet"``, whatever they are called.
        one_kind: Two columns whose names speak of two kinds, such as ``user`` and ``item``, hold
            ids of one set of vertices all the same; else such columns are refused if they share
            ids.
        max_memory: Bytes that the state of the vertices may take, or a text such as ``"4GiB"``;
            half of what the machine leaves if not given.
        block: Edges to hold in memory at a time, some 100 bytes each; it never changes the result.
        work: Folder for intermediate results, ``OUTPUT.wis-work`` if not given; some 20 bytes for
            each row. It may hold other things. A run that was killed, or that failed for another
            reason than its input, is taken up from there by the same call.
        force: Replace an output that is there.
        progress: Show a bar (true), never (false), or where it takes long on a terminal (None).
        scheduler_address: Dask: the scheduler of a cluster; one on this machine if not given.
        num_workers: Dask: processes of the cluster on this machine; the number of cores if not
            given.

    Returns:
        The numbers of it.

    Raises:
        GraphFileError: A file cannot be read or written.
        GraphFormatError: A file is damaged or not made of edges, or has changed meanwhile.
        OutputExistsError: The output is there and `force` is false, or holds something else than
            Parquet files.
        BusyError: Another run is at work on the same output.
        OptionError: An option or amount is impossible.
        MissingDependencyError: pyarrow, or for ``"dask"`` dask or distributed, or what fsspec needs
            for a file system is not installed.
        ClusterError: The cluster does not answer, or gave up.

    Cost: the input is read three times (more for names), 10 bytes for each edge once or twice in
        each phase whose edges do not fit into a block; see `benchmarks/README.md`.
    """
    start = time.perf_counter()
    _check_options(engine, epsilon, seed, block)
    _check_cluster(engine, scheduler_address, num_workers)
    num_edges_to_remove(2**62, remove=remove, keep=keep)  # raises unless it is an amount
    table = TableOptions(
        source=source_column,
        target=target_column,
        header=header,
        delimiter=delimiter,
        bipartite=False if one_kind else None,
    )
    ending = None if format is None else _ending_of(format)
    limit = None if max_memory is None else parse_size(max_memory)
    target, folder, files = places(
        str(source),
        str(output),
        None if work is None else str(work),
        force,
        lambda: EdgeFiles.of(str(source), table, ending),
        {
            "epsilon": repr(epsilon),
            "seed": seed,
            "relabel": relabel,
            "num_nodes": num_nodes,
            "table": [repr(value) for value in vars(table).values()],
            "ending": ending,
            "amount": [repr(remove), repr(keep)],
            "engine": engine,
        },
    )
    if engine == "stream" and not is_local(folder.url):
        raise OptionError(
            f"engine 'stream' needs a work folder on this machine, not {folder.place}; give one"
        )
    reading = ReadOptions(relabel=relabel, num_nodes=num_nodes, max_memory=limit)
    job = Job(files, target, folder, epsilon, seed, block, progress, reading)
    with alone(target, folder) as still_alone, kept_on_failure(target, folder):
        job = replace(job, still_alone=still_alone)
        if engine == "dask":
            from wis.scale.cluster import run_on_cluster

            numbers = run_on_cluster(job, remove, keep, scheduler_address, num_workers)
        else:
            numbers = job.stream(remove, keep)
    return FilesResult(*numbers, time.perf_counter() - start)


def _ending_of(name: str) -> str:
    """The ending that stands for a format of edges."""
    found, ending = format_of_name(name)
    if not found.is_edge_table:
        raise OptionError(
            f"format is {echo(name)}; folders hold edge lists or tables: csv, tsv, txt or parquet"
        )
    return ending


Numbers = tuple[int, int, int, int, int, int, int]


@dataclass(frozen=True)
class Job:
    """What was asked for, checked."""

    files: EdgeFiles
    target: OutputFolder
    folder: WorkFolder
    epsilon: float
    seed: int
    block: int
    progress: bool | None
    reading: ReadOptions
    still_alone: Callable[[], None] = field(default=lambda: None)

    def look_at_ids(self, names: Path | None) -> tuple[Vertices, int]:
        """What the ids mean, and the number of rows; names are numbered in a folder.

        Raises:
            GraphFormatError: The vertices take more memory than they may.
        """
        relabel, num_nodes = self.reading.relabel, self.reading.num_nodes
        vertices, rows = look_at_ids(self.files, names, relabel=relabel, num_nodes=num_nodes)
        size = vertices.num_nodes * BYTES_PER_VERTEX
        what = f"the state of {vertices.num_nodes} vertices"
        self.reading.check_size(self.files.root, size, what)
        return vertices, rows

    def check_rows(self, now: int, before: int) -> None:
        """Raise unless the files have as many rows as at the beginning."""
        if now != before:
            raise GraphFormatError(
                f"{self.files.root}: has {now} rows now and had {before}; it has changed while it "
                "was read. Run it again when the folder is at rest"
            )

    def finish(self) -> None:
        """Let the output appear, unless the input has changed or another run took over.

        Raises:
            GraphFormatError: The input has changed.
            BusyError: Another run is at work.
        """
        self.files.check_unchanged()
        self.still_alone()
        self.target.finish()

    def stream(self, remove: Amount | None, keep: Amount | None) -> Numbers:
        """All of it on this machine."""
        folder = Path(self.folder.path)
        noted = self.folder.open()
        if noted is None:
            vertices, rows = self.look_at_ids(folder)
            with progress_bar("read edges", rows, show=self.progress) as report:
                num_edges = scan_edges(
                    self.files,
                    vertices,
                    folder,
                    seed=self.seed,
                    num_rows=rows,
                    block=self.block,
                    progress=report,
                )
            self.files.check_unchanged()
            count = num_edges_to_remove(num_edges, remove=remove, keep=keep)
            noted = {"n": vertices.num_nodes, "m": num_edges, "rows": rows, "N": count}
            self.folder.note(**noted, names=vertices.names)
            noted["names"] = vertices.names
        vertices = Vertices(noted["n"], noted["names"])
        state = Stream.open(
            folder,
            noted["n"],
            noted["m"],
            seed=self.seed,
            factor=checked_factor(self.epsilon),
            block=self.block,
        )
        resumed = state.num_finished
        with progress_bar("remove edges", noted["N"], show=self.progress) as report:
            phases = state.peel(noted["N"], report)
        del state
        kept = self.write(vertices, phases, noted["rows"])
        return noted["n"], noted["m"], noted["N"], noted["rows"], kept, phases, resumed

    def write(self, vertices: Vertices, phases: int, rows: int) -> int:
        """Write the output from this machine; returns the number of rows kept."""
        self.files.check_unchanged()
        self.target.begin()
        kept = done = 0
        with progress_bar("write edges", rows, show=self.progress) as report:
            for index in range(len(self.files.paths)):
                mask = kept_rows(
                    self.files,
                    index,
                    vertices,
                    lambda: saved_phases(self.folder.url, phases),
                    seed=self.seed,
                    block=self.block,
                )
                write_kept(self.files, index, mask, self.target, as_names=vertices.texts)
                kept += int(np.count_nonzero(mask))
                done += mask.size
                report(done)
        self.check_rows(done, rows)
        self.finish()
        return kept


def _check_options(engine: str, epsilon: float, seed: int, block: int) -> None:
    if engine not in ENGINES:
        raise UnknownNameError.among("engine", str(engine), ENGINES)
    if checked_factor(epsilon) == 1:
        raise OptionError(
            f"engine {engine!r} is for epsilon above 0, such as 0.1; epsilon=0 is the exact rule, "
            "one long chain of decisions: use engine 'bitset' on a graph in memory"
        )
    for name, value, least in (("seed", seed, 0), ("block", block, 1)):
        expected = f"an integer from {least} to 2^63 - 1"
        checked_integer(name, value, least, MAX_SEED, expected=expected)


def _check_cluster(engine: str, scheduler_address: str | None, num_workers: int | None) -> None:
    given = {"scheduler_address": scheduler_address, "num_workers": num_workers}
    for name, value in given.items():
        if value is not None and engine != "dask":
            raise OptionError(f"{name} is for engine 'dask'; leave it out with {engine!r}")
    if num_workers is not None:
        checked_integer("num_workers", num_workers, 1, expected="an integer from 1 on")
