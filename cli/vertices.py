"""Vertices on the command line: ids or names, as arguments or read from a file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from wis.errors import GraphFileError, GraphFormatError, OptionError, WisError, echo

from .framework import option
from .output import STANDARD

if TYPE_CHECKING:
    from wis.io import GraphFile

FROM_FILE = "@"
MOST_NAMES_COMPARED = 10_000  # looking for the closest of a million names takes minutes


def subset_option(*, required: bool) -> Callable[[Any], Any]:
    """The option ``--subset``."""
    return option(
        "--subset IDS",
        "One side of the partition: ids or names of vertices, separated by commas. @FILE reads one "
        "vertex from each line of a file, @- from standard input.",
        required=required,
    )


class Given(NamedTuple):
    """A vertex as it was typed or read from a file of ids.

    Attributes:
        text: Its id or name.
        where: The option, or the line of the file.
        error: The error to raise if the vertex does not exist: bad usage, or bad data.
    """

    text: str
    where: str
    error: type[WisError]


def given_vertices(subset: str) -> list[Given]:
    """The vertices that ``--subset`` lists."""
    if subset.startswith(FROM_FILE):
        return _read_ids(subset.removeprefix(FROM_FILE))
    texts = [text.strip() for text in subset.split(",")]
    if not all(texts):
        raise OptionError(
            f"--subset is {echo(subset)!r}; expected ids or names with commas between them, or "
            "@FILE"
        )
    return [Given(text, "--subset", OptionError) for text in texts]


def _read_ids(path: str) -> list[Given]:
    shown = "standard input" if path == STANDARD else echo(path)
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


class VertexFinder:
    """Finds the id of a vertex by its name or id.

    A name takes precedence over an id. If some vertex has a number as its name, as with
    ``--relabel``, then every number is a name: taken as an id, it could mean another vertex.
    """

    def __init__(self, file: GraphFile, num_nodes: int) -> None:
        from wis.io.edge_table import vertex_names

        names = vertex_names(file) or ()
        self.num_nodes = num_nodes
        self.id_of: Mapping[str, int] = {name: i for i, name in enumerate(names)}
        self.takes_ids = not any(_as_integer(name) is not None for name in names)

    def __call__(self, given: Given) -> int:
        """The id of a vertex; raises `given.error` if there is no such vertex."""
        if given.text in self.id_of:
            return self.id_of[given.text]
        number = _as_integer(given.text) if self.takes_ids else None
        if number is None or not 0 <= number < self.num_nodes:
            raise given.error(
                f"{given.where}: no vertex {echo(given.text)!r}; {self._hint(given.text)}"
            )
        return number

    def distinct(self, given: list[Given]) -> list[int]:
        """The ids of several vertices; raises if one is given twice."""
        seen: dict[int, Given] = {}
        for one in given:
            if (before := seen.setdefault(self(one), one)) is not one:
                again = "" if before.text == one.text else f" as {echo(before.text)!r}"
                raise one.error(f"{one.where}: vertex {echo(one.text)!r} is given twice{again}")
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
