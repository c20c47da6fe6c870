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

from .framework import SectionOption
from .output import STANDARD, say

if TYPE_CHECKING:
    from wis.graph import CanonicalGraph
    from wis.io import GraphFile

COMPRESSED = (".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class TableChoice:
    """The options for edge lists and tables as they were typed; None where they were not.

    Attributes:
        source: The column of the first endpoint.
        target: The column of the second endpoint.
        weight: The column of the weights.
        header: Whether the first line names the columns.
        delimiter: The mark between columns.
        bipartite: Whether the endpoints are of two kinds.
        format: The format of the file.
    """

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
    """The GRAPH argument and the options that say how to read it.

    Attributes:
        name: The argument as it was typed.
        trust_pickle: Whether a `.pt` file may run code.
        relabel: Whether the ids of an edge list are names.
        num_nodes: Number of vertices; None to infer it from the file.
        data_root: Folder of the data sets; None for the usual one.
        table: The options for edge lists and tables.
    """

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
        """Read the file or make the named graph.

        Raises:
            GraphFileError: There is no such file and no such name, or it cannot be read.
            WisError: The graph is malformed.
        """
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
        from wis.io.formats import format_of_name, format_of_path

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
        """The folder or the file that the engines for edge files read.

        Raises:
            GraphFileError: The name is that of a graph that is not in such a file.
        """
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
        from wis.io.formats import format_of_name, formats

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


data_root_option = click.option(
    "--data-root", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    show_default="$WIS_DATA_ROOT, else ~/.cache/wis/data",
    help="Folder that holds the data sets, and to which they are downloaded.",
)  # fmt: skip


def _table_option(name: str, *flags: str, **settings: Any) -> Callable[[Any], Any]:
    """An option whose value becomes the field `name` of `TableChoice`."""
    section = "Options for edge lists and tables"
    return click.option(*flags, f"table_{name}", cls=SectionOption, section=section, **settings)


def _reading_options(*, has_target: bool) -> list[Callable[[Any], Any]]:
    """The options of reading; `has_target` is that of `graph_argument`."""
    target = ["--target-column"] if has_target else ["--target", "--target-column"]
    return [
        click.option(
            "--trust-pickle", is_flag=True,
            help="Read a .pt file that holds more than tensors and PyG's classes. Such a file can "
            "run any code.",
        ),
        click.option(
            "--relabel", is_flag=True,
            help="Treat the numbers of an edge list as names, so that they may have gaps.",
        ),
        click.option(
            "--num-nodes", type=click.IntRange(min=0), metavar="N",
            show_default="the largest id + 1",
            help="Number of vertices, if the file does not state it.",
        ),
        click.option(
            "--max-memory", metavar="SIZE", show_default="half of the machine's",
            help="Most memory that reading files may use, such as 4GiB or 500MB.",
        ),
        data_root_option,
        _table_option(
            "source", "--source", "--source-column", metavar="COLUMN",
            show_default="found by its name, else the first",
            help="Column of the first endpoint: its name, or its number counted from 1.",
        ),
        _table_option(
            "target", *target, metavar="COLUMN",
            show_default="found by its name, else the second",
            help="Column of the second endpoint.",
        ),
        _table_option(
            "weight", "--weight", metavar="COLUMN", show_default="the column named weight",
            help="Column of the edge weights.",
        ),
        _table_option(
            "header", "--header/--no-header", default=None,
            help="Whether the first line names the columns.",
        ),
        _table_option(
            "delimiter", "--delimiter", metavar="MARK",
            help="Mark between columns: , ; | tab or space (any blanks and tabs).",
        ),
        _table_option(
            "bipartite", "--bipartite/--no-bipartite", default=None,
            help="Whether the endpoints are of two kinds, each with ids of its own, such as users "
            "and items. The graph then has two types of vertices.",
        ),
        _table_option(
            "format", "--format", metavar="NAME", show_default="the ending of the file",
            help="Format of GRAPH, such as csv, txt, mtx or graphml, also on standard input.",
        ),
    ]  # fmt: skip


def graph_argument(command: Callable[..., Any], *, has_target: bool = False) -> Callable[..., Any]:
    """Add GRAPH and the options of reading; the command gets them as one `source`.

    Args:
        command: The command.
        has_target: Whether the command has another option `--target`, so that the column of the
            second endpoint is named `--target-column` only.
    """

    @functools.wraps(command)
    def with_source(*args: Any, graph: str, max_memory: str | None, **kwargs: Any) -> Any:
        from wis.base.limits import limited_to

        click.get_current_context().with_resource(limited_to(max_memory))
        table = TableChoice(**{name: kwargs.pop(f"table_{name}") for name in vars(NOTHING_SAID)})
        reading = ("trust_pickle", "relabel", "num_nodes", "data_root")
        source = GraphSource(graph, **{name: kwargs.pop(name) for name in reading}, table=table)
        return command(*args, source=source, **kwargs)

    decorated: Callable[..., Any] = with_source
    for option in reversed(_reading_options(has_target=has_target)):
        decorated = option(decorated)
    return click.argument("graph", shell_complete=complete_graph)(decorated)


graph_beside_target = functools.partial(graph_argument, has_target=True)
"""`graph_argument` for commands that have another option `--target`."""

directed_option = click.option(
    "--directed",
    is_flag=True,
    help="Treat every arc as an edge of its own: it is removed without its reverse, and walks "
    "follow its direction.",
)


def graph_of(file: GraphFile, *, directed: bool) -> CanonicalGraph:
    """The edges of a file, or its arcs if `directed`.

    Raises:
        OptionError: `directed` is wanted, but the edges of the file have no directions.
    """
    from wis.graph import canonical_graph

    if directed:
        check_has_directions(file)
    if file.table is None:
        return canonical_graph(file.data, directed=directed)
    return canonical_graph(file.edge_index, file.num_nodes, directed=directed)


def check_has_directions(file: GraphFile) -> None:
    """Raise `OptionError` if the edges of the file have no directions."""
    if file.undirected:
        raise OptionError(
            f"--directed: {file.path} holds undirected edges, which point nowhere; leave the "
            f"option out, or write the graph as a directed one"
        )
