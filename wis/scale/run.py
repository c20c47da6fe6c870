"""From a folder of edge files to one with fewer edges: `sparsify_files`."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from wis.base.amount import Amount, num_edges_to_remove
from wis.base.checks import MAX_SEED, checked_factor, checked_integer
from wis.base.limits import parse_size
from wis.base.source import ReadOptions
from wis.base.table_options import TableOptions
from wis.errors import OptionError, UnknownNameError, echo
from wis.io.formats import format_of_name
from wis.scale.files import EdgeFiles
from wis.scale.job import Job
from wis.scale.storage import is_local
from wis.scale.stream import run_here
from wis.scale.work import alone, kept_on_failure, places

Engine = Literal["stream", "dask"]
ENGINES = ("stream", "dask")
EPSILON = 0.1
BLOCK = 1 << 23
"""Edges in memory at a time, some 100 bytes each: 800 MB. Fewer save memory and read more often."""


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
    num_workers: int | None = None,
) -> FilesResult:
    r"""Sparsify a folder of edge files that need not fit into memory, by relaxed 1-WIS.

    The edges that go are those that ``wis.sparsify(..., epsilon=epsilon, seed=seed)`` would remove,
    whatever the engine, the division into files, the size of blocks and the number of workers.

    Args:
        source: A folder of ``.parquet`` files or of edge lists as text, also compressed (or one
            file), a row for each arc, two columns of ids and perhaps more; for ``"dask"`` on any
            file system that fsspec knows. All files count; one of another kind is refused.
        output: The folder to write: a Parquet file for each file of `source`, with the rows that
            are left in their old order and all columns. It appears when it is complete.
        remove: The amount to remove (see `wis.base.amount`); or give `keep`.
        keep: The amount to keep.
        epsilon: How far below the best an edge may be, more than 0
            (`wis.methods.one_wis.relaxed_rule`).
        seed: Seed of the priorities, 0 to 2^63 - 1.
        engine: ``"stream"``, on this machine with O(n) memory and a block; or ``"dask"``.
        relabel: Take integer ids as names, so that they may have gaps. Texts are always names.
        num_nodes: Number of vertices; the largest id + 1 if not given.
        source_column: The column of the first endpoint, by name or by number from 1; guessed from
            the names and the first rows if not given, as `wis.io.read_graph` does.
        target_column: The column of the second endpoint.
        header: Whether the first line of a text names its columns; guessed if not given.
        delimiter: The mark between the columns of a text; guessed if not given.
        format: The format of all files, such as ``"csv"`` or ``"parquet"``, instead of the one that
            their names say.
        one_kind: The ids of both columns belong to one set of vertices, even if the names of the
            columns speak of two kinds, such as ``user`` and ``item``. Without it such columns are
            refused if they share ids.
        max_memory: Bytes for the state of the vertices, or a text such as ``"4GiB"``; half of the
            free memory if not given.
        block: Edges to hold in memory at a time, some 100 bytes each; it never changes the result.
        work: Folder for intermediate results, some 20 bytes for each row; ``OUTPUT.wis-work`` if
            not given. It may hold other things. If a run is killed, or fails for another reason
            than its input, the same call continues from there.
        force: Replace an output that exists.
        progress: Show a bar (true), never (false), or if it takes long on a terminal (None).
        scheduler_address: Dask: the scheduler of a cluster; one on this machine if not given.
        num_workers: Dask: processes of the cluster on this machine; the number of cores if not
            given.

    Raises:
        GraphFileError: A file cannot be read or written.
        GraphFormatError: A file is damaged, does not hold edges, or has changed meanwhile.
        OutputExistsError: The output exists and `force` is false, or it holds other files than
            Parquet.
        BusyError: Another run works on the same output.
        OptionError: An option or amount is impossible.
        MissingDependencyError: The engine or the file system needs a package that is not installed.
        ClusterError: The cluster does not answer, or gave up.

    Cost: the input is read three times (more often for names), and 10 bytes for each edge once or
        twice in each phase whose edges do not fit into a block; see `benchmarks/README.md`.

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
    _check_cluster(engine, scheduler_address, num_workers)
    num_edges_to_remove(2**62, remove=remove, keep=keep)  # raises unless it is an amount
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
            f"engine 'stream' needs a work folder on this machine, not {folder.place}; give one"
        )
    reading = ReadOptions(relabel=relabel, num_nodes=num_nodes, max_memory=limit)
    job = Job(files, target, folder, remove, keep, epsilon, seed, block, progress, reading)
    with alone(target, folder) as still_alone, kept_on_failure(target, folder):
        job = replace(job, still_alone=still_alone)
        if engine == "dask":
            from wis.scale.cluster import run_on_cluster

            noted, *numbers = run_on_cluster(job, scheduler_address, num_workers)
        else:
            noted, *numbers = run_here(job)
    rows_kept, phases, resumed = numbers
    facts = noted["n"], noted["m"], noted["N"], noted["rows"]
    return FilesResult(*facts, rows_kept, phases, resumed, time.perf_counter() - start)


def _ending_of(name: str) -> str:
    """The ending that stands for a format of edges."""
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
