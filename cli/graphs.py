"""The GRAPH argument: a file, standard input, or the name of a graph."""

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

from wis.errors import GraphFileError, UnknownNameError, echo

from .output import say
from .table_options import NOTHING_SAID, TableChoice, table_choice, table_options

if TYPE_CHECKING:
    from wis.io import GraphFile

STANDARD = "-"
COMPRESSED = (".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class GraphSource:
    """The GRAPH argument and the options that say how to read it.

    Attributes:
        name: The argument as it was typed.
        trust_pickle: Let a `.pt` file run code.
        relabel: Take the ids of an edge list as names.
        num_nodes: Number of vertices of a file that does not say, None to infer it.
        data_root: Folder below which data sets lie, None for the usual one.
        table: What the file holds, as far as it was typed.
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

        A file goes before a name, a folder does not: one called `cora` may well hold the data set.
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

        return is_known(self.name)

    def open(self) -> GraphFile:
        """Read the file or make the named graph.

        Raises:
            GraphFileError: There is no such file and no such name, or it cannot be read.
            WisError: The graph is malformed.
        """
        from wis.io import GraphFile, read_graph

        if self.is_file:
            self._refuse_data_root()
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
        """The same without options for edge lists and tables if the file is something else.

        A command that reads two graphs has each option once.
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

    def check(self) -> None:
        """Raise, before anything slow happens, if there is neither such a file nor such a name."""
        if not self.is_file and not self._is_known():
            raise self._nothing_found()

    def refuse_folder(self) -> None:
        """Raise `GraphFileError` for a folder, with the engines that take one."""
        if self.name != STANDARD and self.is_file and Path(self.name).is_dir():
            raise GraphFileError(
                f"{self.name}: is a folder; expected a graph file, or --engine stream (or dask) "
                "for a folder of edge files"
            )

    def default_output(self) -> Path:
        """Where a sparsified graph goes: beside the file, or into the current folder."""
        if self.name == STANDARD:
            return Path(STANDARD)
        if not self.is_file:
            return Path(re.sub(r"[^\w.]+", "-", self.name).strip("-") + "-sparse.pt")
        path = Path(self.name)
        ending = path.suffix
        if ending.lower() in COMPRESSED:
            ending = Path(path.stem).suffix + ending
        if self.table.format is not None:
            return self._of_said_format(path, ending)
        return path.with_name(f"{path.name.removesuffix(ending)}-sparse{ending}")

    def _of_said_format(self, path: Path, ending: str) -> Path:
        """Where the output goes: to a file with the ending of its format, known or not before."""
        from wis.io.formats import format_of_name, formats

        said = format_of_name(self.table.format or "")[1]
        stem = path.name.removesuffix(ending) if ending.lower() in formats() else path.name
        return path.with_name(f"{stem}-sparse{said}")

    def _nothing_found(self) -> Exception:
        from wis.datasets import available_datasets

        names = [dataset.name for dataset in available_datasets()]
        if Path(self.name).suffix or len(Path(self.name).parts) > 1:
            known = ", ".join(names)
            return GraphFileError(f"{self}: no such file, nor a graph of that name ({known})")
        error = UnknownNameError.among("graph", echo(self.name.partition(":")[0]), names)
        return UnknownNameError(f"{self}: no such file; {error}")

    def _refuse_reading_options(self) -> None:
        given = {
            "--trust-pickle": self.trust_pickle,
            "--relabel": self.relabel,
            "--num-nodes": self.num_nodes is not None,
            **dict.fromkeys(self.table.given_flags(), True),
        }
        for flag, is_given in given.items():
            if is_given:
                raise click.UsageError(
                    f"{flag} is for files; {echo(self.name)!r} is a named graph."
                )

    def _refuse_data_root(self) -> None:
        if self.data_root is not None:
            raise click.UsageError(f"--data-root is for data sets; {echo(self.name)!r} is a file.")


def write_with_notes(file: GraphFile, path: Path, *, force: bool) -> None:
    """Write a graph; what is lost on the way is noted on standard error."""
    from wis.io import write_graph
    from wis.io.graph_io import left_out

    dropped: list[str] = []
    write_graph(file, path, force=force, dropped=dropped)
    for note in left_out(file, path, dropped):
        say(f"Note: {note}")


def complete_graph(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names that begin so, or else files."""
    items = [
        CompletionItem(name)
        for name in complete_dataset(context, parameter, incomplete)
        if incomplete
    ]
    return [CompletionItem(incomplete, type="file"), *items]


def complete_dataset(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Names of graphs that begin so."""
    from wis.datasets import available_datasets

    names = [dataset.name for dataset in available_datasets()]
    return [name for name in names if name.startswith(incomplete)]


data_root_option = click.option(
    "--data-root",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    show_default="$WIS_DATA_ROOT, else ~/.cache/wis/data",
    help="Folder below which data sets lie or are downloaded to.",
)


def graph_argument(command: Callable[..., Any], *, has_target: bool = False) -> Callable[..., Any]:
    """Add GRAPH and the options of reading; the command gets them as one `source`.

    Args:
        command: The command.
        has_target: Whether it has a `--target` of its own; see `table_options`.
    """

    @click.argument("graph", shell_complete=complete_graph)
    @click.option(
        "--trust-pickle",
        is_flag=True,
        help="Read a .pt file that needs more than tensors and PyG's classes. It can run any code.",
    )
    @click.option(
        "--relabel",
        is_flag=True,
        help="Take the numbers of an edge list as names: they may be any, with gaps.",
    )
    @click.option(
        "--num-nodes",
        type=click.IntRange(min=0),
        metavar="N",
        show_default="the largest id + 1",
        help="Number of vertices, where the file does not say it.",
    )
    @click.option(
        "--max-memory",
        metavar="SIZE",
        show_default="half of the machine's",
        help="What reading files may take, such as 4GiB or 500MB.",
    )
    @data_root_option
    @functools.wraps(command)
    def with_source(
        *args: Any,
        graph: str,
        trust_pickle: bool,
        relabel: bool,
        num_nodes: int | None,
        max_memory: str | None,
        data_root: Path | None,
        **kwargs: Any,
    ) -> Any:
        from wis.base.limits import limited_to

        click.get_current_context().with_resource(limited_to(max_memory))
        table = table_choice(kwargs)
        source = GraphSource(graph, trust_pickle, relabel, num_nodes, data_root, table)
        return command(*args, source=source, **kwargs)

    return table_options(with_source, has_target=has_target)


graph_beside_target = functools.partial(graph_argument, has_target=True)
"""`graph_argument` for commands with a `--target` of their own."""
