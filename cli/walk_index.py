"""`wis walk-index`: how many walks start on the boundary of a set of vertices."""

from __future__ import annotations

import contextlib
import difflib
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import click

from wis.errors import GraphFileError, GraphFormatError, OptionError, WisError

from .framework import Command
from .graphs import STANDARD, GraphSource, graph_argument
from .listings import json_option
from .output import emit, emit_json, say

if TYPE_CHECKING:
    from wis.io import GraphFile

FROM_FILE = "@"
MOST_NAMES_COMPARED = 10_000  # looking for the closest of a million names takes minutes


class Given(NamedTuple):
    """A vertex as it was typed or read from a file of ids.

    Attributes:
        text: Its id or name.
        where: The option, or the line of the file.
        error: What to raise if there is no such vertex: bad usage, or bad data.
    """

    text: str
    where: str
    error: type[WisError]


@click.command(
    "walk-index",
    cls=Command,
    examples=[
        "wis walk-index karate --subset 0,3,5 --walk-length 2",
        "wis walk-index les-miserables --subset Valjean,Javert --walk-length 3 --target Cosette",
        "seq 0 16 | wis walk-index karate --subset @- --walk-length 2 --json",
    ],
)
@graph_argument
@click.option(
    "--subset",
    required=True,
    metavar="IDS",
    help="One side of the partition: ids or names of vertices with commas between them, or @FILE "
    "with one on each line (@- for standard input).",
)
@click.option(
    "--walk-length",
    type=click.IntRange(min=0),
    required=True,
    metavar="K",
    help="Steps of the walks: K = depth of the network - 1.",
)
@click.option("--target", metavar="ID", help="Count only the walks that end at this vertex.")
@click.option(
    "--directed",
    is_flag=True,
    help="Walk along the arcs as they point, rather than along edges in both directions.",
)
@json_option
def walk_index(
    source: GraphSource,
    subset: str,
    walk_length: int,
    target: str | None,
    directed: bool,
    as_json: bool,
) -> None:
    """Count walks from the boundary of a subset.

    The boundary holds the vertices with an edge between the subset and the rest; walks may also
    stay where they are. The more walks, the more interaction between the two sides a graph neural
    network of depth K + 1 can model. The number is exact however large it is.
    """
    source.check()
    if source.name == STANDARD and subset == FROM_FILE + STANDARD:
        raise click.UsageError("GRAPH and --subset cannot both be standard input.")
    given = _given_vertices(subset)
    from wis import walks
    from wis.graph import UndirectedGraph

    file = source.open()
    graph = UndirectedGraph.from_any(file.data)
    find = _Finder(file, graph.num_nodes)
    members = find.distinct(given)
    end = None if target is None else find(Given(target.strip(), "--target", OptionError))
    start = time.perf_counter()
    num_boundary = walks.boundary(graph, members, directed=directed).numel()
    number = walks.walk_index(graph, members, walk_length, target=end, directed=directed)
    seconds = time.perf_counter() - start
    with _integers_of_any_size():
        if as_json:
            emit_json(
                {
                    "input": source.name,
                    "num_nodes": graph.num_nodes,
                    "num_edges": graph.num_edges,
                    "num_subset": len(members),
                    "num_boundary": num_boundary,
                    "walk_length": walk_length,
                    "target": end,
                    "directed": directed,
                    "walk_index": number,
                    "seconds": round(seconds, 6),
                }
            )
        else:
            emit(str(number))
    along = "arcs" if directed else "edges"
    where = "" if target is None else f" to vertex {target.strip()}"
    say(
        f"{source.name}: {num_boundary} of {graph.num_nodes} vertices are on the boundary; walks "
        f"of length {walk_length} from there{where} along {along}; {seconds:.2f} s"
    )


def _given_vertices(subset: str) -> list[Given]:
    """The vertices that ``--subset`` lists.

    Raises:
        OptionError: There is none, or nothing between two commas.
        GraphFileError: The file of ids cannot be read.
        GraphFormatError: It holds no id, or is no text.
    """
    if subset.startswith(FROM_FILE):
        return _read_ids(subset.removeprefix(FROM_FILE))
    texts = [text.strip() for text in subset.split(",")]
    if not all(texts):
        raise OptionError(
            f"--subset is {subset!r}; expected ids or names with commas between them, or @FILE"
        )
    return [Given(text, "--subset", OptionError) for text in texts]


def _read_ids(path: str) -> list[Given]:
    shown = "standard input" if path == STANDARD else path
    try:
        with click.open_file(path, encoding="utf-8-sig") as lines:
            texts = [line.strip() for line in lines]
    except UnicodeDecodeError:
        raise GraphFormatError(f"{shown}: no UTF-8 text; expected one vertex a line") from None
    except OSError as error:
        reason = error.strerror or error
        raise GraphFileError(f"{shown or '@'}: ids cannot be read: {reason}") from None
    given = [
        Given(text, f"{shown} line {number}", GraphFormatError)
        for number, text in enumerate(texts, start=1)
        if text
    ]
    if not given:
        raise GraphFormatError(f"{shown}: is empty; expected one vertex a line")
    return given


class _Finder:
    """From the name or id of a vertex to its id.

    Names come first. Where some vertex is named by a number, as with ``--relabel``, a number is
    always a name: to take it for an id as well would answer for a vertex that was not meant.
    """

    def __init__(self, file: GraphFile, num_nodes: int) -> None:
        from wis.io.edge_table import vertex_names

        names = vertex_names(file) or ()
        self.num_nodes = num_nodes
        self.id_of: Mapping[str, int] = {name: i for i, name in enumerate(names)}
        self.takes_ids = not any(_as_integer(name) is not None for name in names)

    def __call__(self, given: Given) -> int:
        if given.text in self.id_of:
            return self.id_of[given.text]
        number = _as_integer(given.text) if self.takes_ids else None
        if number is None or not 0 <= number < self.num_nodes:
            raise given.error(f"{given.where}: no vertex {given.text!r}; {self._hint(given.text)}")
        return number

    def distinct(self, given: list[Given]) -> list[int]:
        """The ids of several vertices, none of which may be given twice."""
        seen: dict[int, Given] = {}
        for one in given:
            if (before := seen.setdefault(self(one), one)) is not one:
                again = "" if before.text == one.text else f" as {before.text!r}"
                raise one.error(f"{one.where}: vertex {one.text!r} is given twice{again}")
        return list(seen)

    def _hint(self, text: str) -> str:
        if not self.num_nodes:
            return "the graph has no vertices"
        ids = f"ids run from 0 to {self.num_nodes - 1}"
        if not self.id_of:
            return ids
        hint = f"vertices have names{f', and {ids}' if self.takes_ids else ''}"
        few = self.id_of if len(self.id_of) <= MOST_NAMES_COMPARED else ()
        close = difflib.get_close_matches(text, few, n=1)
        return f"{hint}. Did you mean {close[0]!r}?" if close else hint


def _as_integer(text: str) -> int | None:
    try:
        return int(text) if text.isascii() and text.lstrip("-").isdigit() else None
    except ValueError:  # thousands of digits
        return None


@contextlib.contextmanager
def _integers_of_any_size() -> Iterator[None]:
    """Lift Python's limit of 4,300 digits to a printed integer: long walks pass it."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)
