"""Remove edges from the text of a file.

A graph that was only cut is written as the text of its file without the elements of the removed
edges. All other bytes stay: ids, comments, drawings, the spelling of numbers, and all content that
wis does not read.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from wis.io.graph_file import GraphFile

Edit = tuple[int, int, str]
"""Begin and end of a piece of the text, and its replacement."""
Text = TypeVar("Text", str, bytes)


@dataclass(frozen=True, eq=False)
class Located:
    """A text and the positions of its edges.

    Attributes:
        text: The text, in characters or in bytes of UTF-8, the unit of the edits.
        edits: Makes the edits, in ascending order, that remove the edges for which a bool array is
            false.
        encoding: The encoding of the file.
        mark: The byte order mark before the text.
    """

    text: str | bytes
    edits: Callable[[np.ndarray], Iterable[Edit]]
    encoding: str = "utf-8"
    mark: bytes = b""

    def without(self, kept: np.ndarray) -> bytes:
        """The file without the edges for which `kept` is false."""
        text: Any = self.text
        if not kept.all():
            text = edited(text, self.edits(kept))
        if isinstance(text, bytes):
            if codecs.lookup(self.encoding).name in ("utf-8", "ascii"):
                return self.mark + bytes(text)
            text = text.decode()
        raw: bytes = text.encode(self.encoding)
        return self.mark + raw


@dataclass(frozen=True, eq=False)
class LocatedLayout:
    """The text of a file, and the edge in the text for each arc of the `Data`.

    Attributes:
        located: The text.
        format: Name of the format.
        edge_of_arc: int64 array: the number of the edge of each arc in the file.
        num_edges: Number of edges in the file.
    """

    located: Located
    format: str
    edge_of_arc: np.ndarray
    num_edges: int

    def surviving_edges(self, file: GraphFile) -> np.ndarray | None:
        """Mark the edges of the file that are left, bool [num_edges].

        It is None if the graph changed in another way than by removed edges, for example if one
        direction of an undirected edge was removed.
        """
        kept = file.surviving_arcs()
        if kept is None:
            return None
        there = np.bincount(self.edge_of_arc, minlength=self.num_edges)
        left = np.bincount(self.edge_of_arc[kept], minlength=self.num_edges)
        if ((left > 0) & (left < there)).any():
            return None
        survives: np.ndarray = left > 0
        return survives


def edited(text: Text, edits: Iterable[Edit]) -> Text:
    """Apply edits to a text; they must be in ascending order and must not overlap."""
    parts: list[Any] = []
    done = 0
    for begin, end, instead in edits:
        parts.append(text[done:begin])
        parts.append(instead if isinstance(text, str) else instead.encode())
        done = end
    parts.append(text[done:])
    return type(text)().join(parts)


def without_blanks_before(text: str | bytes, begin: int) -> int:
    """The offset of the blanks before a piece, so that they are removed with it."""
    blanks: Any = " \t\r\n" if isinstance(text, str) else b" \t\r\n"
    while begin > 0 and text[begin - 1] in blanks:
        begin -= 1
    return begin
