"""`sparsify_files`: sparsify a folder of edge files into another folder."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from wis.base.checks import MAX_SEED, Amount, checked_factor, checked_integer, num_edges_to_remove
from wis.base.limits import parse_size
from wis.base.source import ReadOptions
from wis.base.tables import TableOptions
from wis.errors import OptionError, UnknownNameError, echo
from wis.io.graph_io import format_of_name
from wis.scale.files import EdgeFiles
from wis.scale.job import Job
from wis.scale.storage import is_local
from wis.scale.stream import run_here
from wis.scale.work import alone, kept_on_failure, places

Engine = Literal["stream", "dask", "spark"]
ENGINES = ("stream", "dask", "spark")
EPSILON = 0.1
BLOCK = 1 << 23
"""Edges in memory at a time, 800 MB at up to 100 bytes each; fewer need more passes over files."""


@dataclass(frozen=True)
class FilesResult:
    """The numbers of a run over a folder of edge files.

    Attributes:
        num_nodes: Number n of vertices.
        num_edges: Number m of edges of the input.
        num_removed: Edges removed.
        num_rows: Rows of the input.
        num_rows_kept: Rows of the output.
        num_phases: Phases of the relaxed rule.
        num_phases_resumed: Phases among these that an earlier run had finished.
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
    master: str | None = None,
    num_workers: int | None = None,
) -> FilesResult:
    r"""Sparsify a folder of edge files by relaxed 1-WIS; the edges need not fit into memory.

    It removes the same edges as ``wis.sparsify(..., epsilon=epsilon, seed=seed)``. The engine, the
    division into files, the block size and the number of workers do not change the result.

    Args:
        source: A folder of ``.parquet`` files or of text edge lists, also compressed, or one file.
            Each row is an arc: two columns of ids, and perhaps more columns. For a cluster
            the folder may be on any file system that fsspec knows. A folder with a file of another
            kind is refused.
        output: The folder to write: a Parquet file for each file of `source`, with all columns of
            the kept rows in their old order. It appears when it is complete.
        remove: The amount to remove (see `wis.base.checks`); or give `keep`.
        keep: The amount to keep.
        epsilon: Tolerance of the relaxed rule, above 0 (`wis.methods.one_wis.relaxed_rule`).
        seed: Seed of the priorities, 0 to 2^63 - 1.
        engine: ``"stream"``, which uses this machine and memory for O(n) numbers and one block, or
            ``"dask"`` or ``"spark"``, which use a cluster. All its machines must see the folders.
        relabel: Treat integer ids as names, so that they may have gaps. Texts are always names.
        num_nodes: Number of vertices; the largest id + 1 if not given.
        source_column: The column of the first endpoint, by name or by number from 1; guessed from
            the names and the first rows if not given, as `wis.io.read_graph` does.
        target_column: The column of the second endpoint.
        header: Whether the first line of a text names its columns; guessed if not given.
        delimiter: The delimiter of the columns of a text; guessed if not given.
        format: The format of all files, such as ``"csv"`` or ``"parquet"``; the endings of their
            names give it if it is not given.
        one_kind: Whether the ids of both columns belong to one set of vertices, even if the names
            of the columns suggest two kinds, such as ``user`` and ``item``. By default such columns
            are refused if they share ids.
        max_memory: Bytes for the state of the vertices, or a text such as ``"4GiB"``; half of the
            free memory if not given.
        block: Edges to hold in memory at a time, some 100 bytes each; it never changes the result.
        work: Folder for intermediate results, some 25 bytes per row; ``OUTPUT.wis-work`` if not
            given. It may hold other files. If a run is killed, or fails for another reason than its
            input, the same call continues from this folder.
        force: Replace an output that exists.
        progress: Show a bar always (true), never (false), or if it takes long, with a line every
            minute where stderr is no terminal (None).
        scheduler_address: Address of the Dask scheduler; a cluster on this machine if not given.
        master: Spark's master, such as ``"spark://host:7077"`` or ``"yarn"``; if not given, the
            Spark session of this process, or else one on this machine.
        num_workers: Number of processes of a cluster on this machine; the number of cores if not
            given.

    Raises:
        GraphFileError: A file cannot be read or written.
        GraphFormatError: A file is damaged, does not hold edges, or changed during the run.
        OutputExistsError: The output exists and `force` is false, or it holds other files than
            Parquet.
        BusyError: Another run works on the same output.
        OptionError: An option or the amount is out of range.
        MissingDependencyError: The engine or the file system needs a package that is not installed.
        ClusterError: The cluster does not answer, or fails.

    Cost: the input is read three times (more often for names). Each phase whose edges do not fit
        into a block reads 10 bytes per edge once or twice; see `benchmarks/README.md`.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "in").mkdir()
    >>> _ = (folder / "in" / "a.csv").write_text("source,target\n0,1\n1,2\n2,0\n2,3\n")
    >>> result = sparsify_files(folder / "in", folder / "out", remove=1)
    >>> result.num_edges, result.num_removed, result.num_rows_kept
    (4, 1, 3)
    """
    start = time.perf_counter()
    _check_options(engine, epsilon, seed, block)
    address = _address(engine, scheduler_address, master, num_workers)
    num_edges_to_remove(2**62, remove=remove, keep=keep)  # checks the amount
    bipartite = False if one_kind else None
    table = TableOptions(source_column, target_column, None, header, delimiter, bipartite)
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
            f"engine 'stream' needs a local work folder, not {folder.place}; pass --work-dir"
        )
    reading = ReadOptions(relabel=relabel, num_nodes=num_nodes, max_memory=limit)
    job = Job(files, target, folder, remove, keep, epsilon, seed, block, progress, reading)
    with alone(target, folder) as still_alone, kept_on_failure(target, folder):
        job = replace(job, still_alone=still_alone)
        noted, *numbers = _run(job, engine, address, num_workers)
    rows_kept, phases, resumed = numbers
    facts = noted["n"], noted["m"], noted["N"], noted["rows"]
    return FilesResult(*facts, rows_kept, phases, resumed, time.perf_counter() - start)


def _ending_of(name: str) -> str:
    """The file ending of a format of edge lists or tables."""
    found, ending = format_of_name(name)
    if not found.is_edge_table:
        raise OptionError(
            f"format is {echo(name)}; folders hold edge lists or tables: csv, tsv, txt or parquet"
        )
    return ending


def _check_options(engine: str, epsilon: float, seed: int, block: int) -> None:
    if engine not in ENGINES:
        raise UnknownNameError.among("engine", str(engine), ENGINES)
    if checked_factor(epsilon) == 1:
        raise OptionError(
            f"engine {engine!r} is for epsilon above 0, such as 0.1; epsilon=0 is the exact rule, "
            "which is sequential: use engine 'bitset' on a graph in memory"
        )
    for name, value, least in (("seed", seed, 0), ("block", block, 1)):
        expected = f"an integer from {least} to 2^63 - 1"
        checked_integer(name, value, least, MAX_SEED, expected=expected)


def _address(
    engine: str, scheduler_address: str | None, master: str | None, num_workers: int | None
) -> str | None:
    """The address of the cluster; raises `OptionError` for options of another engine."""
    given = {
        "scheduler_address": (scheduler_address, ("dask",)),
        "master": (master, ("spark",)),
        "num_workers": (num_workers, ("dask", "spark")),
    }
    for name, (value, engines) in given.items():
        if value is not None and engine not in engines:
            known = " and ".join(map(repr, engines))
            raise OptionError(f"{name} is for engine {known}; leave it out with {engine!r}")
    if num_workers is not None:
        checked_integer("num_workers", num_workers, 1, expected="an integer from 1 on")
    return scheduler_address if engine == "dask" else master


def _run(
    job: Job, engine: str, address: str | None, num_workers: int | None
) -> tuple[dict[str, Any], int, int, int]:
    """Run an engine; each imports its package when it starts."""
    if engine == "stream":
        return run_here(job)
    from wis.scale.clients import dask_engine
    from wis.scale.cluster import run_on_cluster
    from wis.scale.spark import spark_engine

    open_engine = dask_engine if engine == "dask" else spark_engine
    with open_engine(address, num_workers) as cluster:
        return run_on_cluster(job, cluster)
