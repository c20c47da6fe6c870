"""The GRAPH argument: a file, standard input, or the name of a graph; and the options to read it.

The options for edge lists and tables replace the guesses that reading makes.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from wis.base.progress import step
from wis.errors import GraphFileError, OptionError, UnknownNameError, echo

from .framework import Table, option, with_options
from .output import STANDARD, say

if TYPE_CHECKING:
    from wis.graph import CanonicalGraph
    from wis.io import GraphFile

COMPRESSED = (".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class TableChoice:
    """The options of `TABLES` as they were typed; None where they were not."""

    source: str | None = None
    target: str | None = None
    weight: str | None = None
    header: bool | None = None
    delimiter: str | None = None
    bipartite: bool | None = None
    format: str | None = None


NOTHING_SAID = TableChoice()


@dataclass(frozen=True)
class GraphSource:
    """The argument GRAPH, `name`, and the options that say how to read it, as they were typed."""

    name: str
    trust_pickle: bool
    relabel: bool
    num_nodes: int | None
    data_root: Path | None = None
    table: TableChoice = NOTHING_SAID

    @property
    def is_file(self) -> bool:
        """Whether the argument is a file or standard input rather than the name of a graph.

        A file takes precedence over a name. A folder does not: a folder `cora` may hold the data
        set of that name.
        """
        if self.name == STANDARD:
            return True
        path = Path(self.name)
        try:
            return path.exists() and not (path.is_dir() and self._is_known())
        except OSError:  # the name is longer than that of any file
            return False

    def _is_known(self) -> bool:
        from wis.datasets import is_known

        return is_known(self.name, self.data_root)

    def open(self) -> GraphFile:
        """Read the file or make the named graph."""
        from wis.io import GraphFile, read_graph

        if self.is_file:
            self._refuse_data_root()
            with step(f"read {self}"):
                file = read_graph(
                    self.name,
                    trust_pickle=self.trust_pickle,
                    relabel=self.relabel,
                    num_nodes=self.num_nodes,
                    **vars(self.table),
                )
            for note in file.notes:
                say(f"Note: {note}" if note.startswith(self.name) else f"Note: {self}: {note}")
            return file
        if not self._is_known():
            raise self._nothing_found()
        self._refuse_reading_options()
        from wis import datasets

        data = datasets.load(self.name, root=self.data_root)
        return GraphFile(data, vertex_names=data.get("name"))

    def __str__(self) -> str:
        """The argument as a message repeats it."""
        return "standard input" if self.name == STANDARD else echo(self.name)

    def fitting(self) -> GraphSource:
        """This source without the options that do not apply to the format of its file.

        A command that reads two graphs has each option only once, and one of the two may need it.
        """
        from wis.io.graph_io import format_of_name, format_of_path

        file = dataclasses.replace(self, table=NOTHING_SAID, relabel=False)
        if not self.is_file:
            return file
        try:
            found = format_of_path(self.name)
        except UnknownNameError:
            if self.table.format is None:
                return self
            found = format_of_name(self.table.format)[0]
            return (
                self
                if found.is_edge_table
                else dataclasses.replace(file, table=TableChoice(format=self.table.format))
            )
        if self.name == STANDARD:
            return self
        table = dataclasses.replace(self.table, format=None)
        return dataclasses.replace(self, table=table) if found.is_edge_table else file

    def _given(self) -> dict[str, Any]:
        """The flags of reading that were typed, with their values."""
        own = {
            "trust-pickle": self.trust_pickle or None,
            "relabel": self.relabel or None,
            "num-nodes": self.num_nodes,
            "data-root": self.data_root,
        }
        given = {k: value for k, value in {**own, **vars(self.table)}.items() if value is not None}
        return {f"--{'no-' * (value is False)}{name}": value for name, value in given.items()}

    def typed(self) -> list[str]:
        """The options that were typed, as words of a command line."""
        given = self._given().items()
        return [str(word) for pair in given for word in pair if not isinstance(word, bool)]

    def check(self) -> None:
        """Raise at once if no file and no graph has this name."""
        if not self.is_file and not self._is_known():
            raise self._nothing_found()

    def edge_files(self) -> str:
        """The folder or the file that the engines for edge files read."""
        if self.is_file or not self._is_known():
            return self.name
        from wis.datasets import data_root, fetch, find

        files = find(self.name, self.data_root).files
        if files is None or files.arcs is None:
            raise GraphFileError(
                f"{self}: is a named graph, and this engine reads edge files; save it as one first"
            )
        fetch(self.name, root=self.data_root)
        return str(data_root(self.data_root) / files.folder / files.arcs)

    def refuse_folder(self) -> None:
        """Raise `GraphFileError` for a folder; the message names the engines that read folders."""
        if self.name != STANDARD and self.is_file and Path(self.name).is_dir():
            raise GraphFileError(
                f"{self.name}: is a folder; expected a graph file, or --engine stream (dask, "
                "spark) for a folder of edge files"
            )

    def default_output(self) -> Path:
        """The default path of a sparsified graph: beside the file, or in the current folder."""
        if self.name == STANDARD:
            return Path(STANDARD)
        if not self.is_file:
            return Path(re.sub(r"[^\w.]+", "-", self.name).strip("-") + "-sparse.pt")
        path = Path(self.name)
        ending = path.suffix
        if ending.lower() in COMPRESSED:
            ending = Path(path.stem).suffix + ending
        if self.table.format is not None:
            return self._with_ending_of_format(path, ending)
        return path.with_name(f"{path.name.removesuffix(ending)}-sparse{ending}")

    def _with_ending_of_format(self, path: Path, ending: str) -> Path:
        """The default path if --format is given: with the ending of that format."""
        from wis.io.graph_io import format_of_name, formats

        said = format_of_name(self.table.format or "")[1]
        stem = path.name.removesuffix(ending) if ending.lower() in formats() else path.name
        return path.with_name(f"{stem}-sparse{said}")

    def _nothing_found(self) -> Exception:
        from wis.datasets import available_datasets

        names = [dataset.name for dataset in available_datasets(self.data_root)]
        if Path(self.name).suffix or len(Path(self.name).parts) > 1:
            known = ", ".join(names)
            return GraphFileError(f"{self}: no such file, nor a graph of that name ({known})")
        error = UnknownNameError.among("graph", echo(self.name.partition(":")[0]), names)
        return UnknownNameError(f"{self}: no such file; {error}")

    def _refuse_reading_options(self) -> None:
        for flag in self._given():
            if flag != "--data-root":
                raise click.UsageError(
                    f"{flag} is for files; {echo(self.name)!r} is a named graph."
                )

    def _refuse_data_root(self) -> None:
        if self.data_root is not None:
            raise click.UsageError(f"--data-root is for data sets; {echo(self.name)!r} is a file.")


def complete_graph(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete GRAPH: names of graphs that begin with the text, or files."""
    items = [
        CompletionItem(name)
        for name in complete_dataset(context, parameter, incomplete)
        if incomplete
    ]
    return [CompletionItem(incomplete, type="file"), *items]


def complete_dataset(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete the name of a graph."""
    from wis.datasets import available_datasets

    names = [dataset.name for dataset in available_datasets()]
    return [name for name in names if name.startswith(incomplete)]


data_root_option = option(
    "--data-root DIR = ($WIS_DATA_ROOT, else ~/.cache/wis/data)",
    "Folder that holds the data sets, and to which they are downloaded.",
    type=click.Path(file_okay=False, path_type=Path),
)

READING: Table = {
    "--trust-pickle": "Read a .pt file that holds more than tensors and PyG's classes. Such a file "
    "can run any code.",
    "--relabel": "Treat the numbers of an edge list as names, so that they may have gaps.",
    "--num-nodes N>=0 = (the largest id + 1)": "Number of vertices, if the file does not state it.",
    "--max-memory SIZE = (half of the machine's)": "Most memory that reading files may use, such "
    "as 4GiB or 500MB.",
}
TARGET = "--target, --target-column COLUMN = (found by its name, else the second)"
TABLES: Table = {
    "--source, --source-column COLUMN = (found by its name, else the first)": (
        "Column of the first endpoint: its name, or its number counted from 1.",
        {"name": "table_source"},
    ),
    TARGET: ("Column of the second endpoint.", {"name": "table_target"}),
    "--weight COLUMN = (the column named weight)": (
        "Column of the edge weights.",
        {"name": "table_weight"},
    ),
    "--header/--no-header": (
        "Whether the first line names the columns.",
        {"name": "table_header", "default": None},
    ),
    "--delimiter MARK": (
        "Mark between columns: , ; | tab or space (any blanks and tabs).",
        {"name": "table_delimiter"},
    ),
    "--bipartite/--no-bipartite": (
        "Whether the endpoints are of two kinds, each with ids of its own, such as users and "
        "items. The graph then has two types of vertices.",
        {"name": "table_bipartite", "default": None},
    ),
    "--format NAME = (the ending of the file)": (
        "Format of GRAPH, such as csv, txt, mtx or graphml, also on standard input.",
        {"name": "table_format"},
    ),
}
"""Options for edge lists and tables, whose values become the fields of `TableChoice`."""


def graph_argument(command: Callable[..., Any], *, has_target: bool = False) -> Callable[..., Any]:
    """Add GRAPH and the options of reading; the command gets them as one `source`.

    For a command that `has_target`, another option --target, the column of the second endpoint is
    named --target-column only.
    """

    @functools.wraps(command)
    def with_source(*args: Any, graph: str, max_memory: str | None, **kwargs: Any) -> Any:
        if max_memory is not None:
            from wis.base.limits import limited_to

            click.get_current_context().with_resource(limited_to(max_memory))
        table = TableChoice(**{name: kwargs.pop(f"table_{name}") for name in vars(NOTHING_SAID)})
        reading = ("trust_pickle", "relabel", "num_nodes", "data_root")
        source = GraphSource(graph, **{name: kwargs.pop(name) for name in reading}, table=table)
        return command(*args, source=source, **kwargs)

    flags = {TARGET: TARGET.replace("--target, ", "")} if has_target else {}
    tables = {flags.get(spelt, spelt): settings for spelt, settings in TABLES.items()}
    section = "Options for edge lists and tables"
    decorated: Callable[..., Any] = with_options(tables, section=section)(with_source)
    decorated = with_options(READING, data_root_option)(decorated)
    return click.argument("graph", shell_complete=complete_graph)(decorated)


graph_beside_target = functools.partial(graph_argument, has_target=True)
"""`graph_argument` for commands that have another option `--target`."""

directed_option = option(
    "--directed",
    "Treat every arc as an edge of its own: it is removed without its reverse, and walks follow "
    "its direction.",
)


def graph_of(file: GraphFile, *, directed: bool) -> CanonicalGraph:
    """The edges of a file, or its arcs if `directed`."""
    from wis.graph import DirectedGraph, UndirectedGraph

    if directed:
        check_has_directions(file)
    kind = DirectedGraph if directed else UndirectedGraph
    if file.table is None:
        return kind.from_any(file.data)
    return kind.of_checked((file.edge_index,), file.num_nodes)


def check_has_directions(file: GraphFile) -> None:
    """Raise `OptionError` if the edges of the file have no directions."""
    if file.undirected:
        raise OptionError(
            f"--directed: {file.path} holds undirected edges, which point nowhere; leave the "
            f"option out, or write the graph as a directed one"
        )
