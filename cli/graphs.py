"""The GRAPH argument: a file, standard input, or the name of a graph."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from wis.errors import GraphFileError, UnknownNameError

from .output import say

if TYPE_CHECKING:
    from wis.io import GraphFile

STANDARD = "-"
COMPRESSED = (".gz",)


@dataclass(frozen=True)
class GraphSource:
    """The GRAPH argument and the options that say how to read it.

    Attributes:
        name: The argument as it was typed.
        trust_pickle: Let a `.pt` file run code.
        relabel: Take the ids of an edge list as names.
        num_nodes: Number of vertices of a file that does not say, None to infer it.
    """

    name: str
    trust_pickle: bool
    relabel: bool
    num_nodes: int | None

    @property
    def is_file(self) -> bool:
        """Whether the argument is a file or standard input rather than the name of a graph."""
        return self.name == STANDARD or Path(self.name).exists()

    def open(self) -> GraphFile:
        """Read the file or make the named graph.

        Raises:
            GraphFileError: There is no such file and no such name, or it cannot be read.
            WisError: The graph is malformed.
        """
        from wis import datasets
        from wis.io import GraphFile, read_graph

        if self.is_file:
            return read_graph(
                self.name,
                trust_pickle=self.trust_pickle,
                relabel=self.relabel,
                num_nodes=self.num_nodes,
            )
        if not datasets.is_known(self.name):
            raise self._nothing_found()
        self._refuse_reading_options()
        data = datasets.load(self.name)
        return GraphFile(data, vertex_names=data.get("name"))

    def check(self) -> None:
        """Raise, before anything slow happens, if there is neither such a file nor such a name."""
        from wis import datasets

        if not self.is_file and not datasets.is_known(self.name):
            raise self._nothing_found()

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
        return path.with_name(f"{path.name.removesuffix(ending)}-sparse{ending}")

    def _nothing_found(self) -> Exception:
        from wis.datasets import available_datasets

        names = [dataset.name for dataset in available_datasets()]
        if Path(self.name).suffix or len(Path(self.name).parts) > 1:
            known = ", ".join(names)
            return GraphFileError(f"{self.name}: no such file, nor an embedded graph ({known})")
        error = UnknownNameError.among("graph", self.name.partition(":")[0], names)
        return UnknownNameError(f"{self.name}: no such file; {error}")

    def _refuse_reading_options(self) -> None:
        given = {
            "--trust-pickle": self.trust_pickle,
            "--relabel": self.relabel,
            "--num-nodes": self.num_nodes is not None,
        }
        for flag, is_given in given.items():
            if is_given:
                raise click.UsageError(f"{flag} is for files; {self.name!r} is an embedded graph.")


def write_with_notes(file: GraphFile, path: Path, *, force: bool) -> None:
    """Write a graph; what its new format has no place for is noted on standard error."""
    from wis.io import write_graph

    dropped: list[str] = []
    write_graph(file, path, force=force, dropped=dropped)
    if dropped:
        where = "standard output" if str(path) == STANDARD else path
        say(f"Note: {where}: left out {', '.join(dropped)}; the format has no place for it")


def complete_graph(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names that begin so, or else files."""
    from wis.datasets import available_datasets

    names = [dataset.name for dataset in available_datasets()]
    items = [CompletionItem(name) for name in names if incomplete and name.startswith(incomplete)]
    return [CompletionItem(incomplete, type="file"), *items]


def graph_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add GRAPH and the options of reading; the command gets them as one `source`."""

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
    @functools.wraps(command)
    def with_source(
        *args: Any,
        graph: str,
        trust_pickle: bool,
        relabel: bool,
        num_nodes: int | None,
        **kwargs: Any,
    ) -> Any:
        source = GraphSource(graph, trust_pickle, relabel, num_nodes)
        return command(*args, source=source, **kwargs)

    return with_source
