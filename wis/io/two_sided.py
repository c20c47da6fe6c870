"""Edges between vertices of two kinds, such as users and items, each kind with ids of its own.

User 3 and item 3 are then two vertices. With the option ``bipartite`` the graph is a `HeteroData`
with two types of vertices and one of edges. Without the option, a file is refused if the names of
its columns suggest two kinds and the columns share ids.

Two names suggest two kinds if one is an actor and the other a thing (`_ACTORS`, `_THINGS`), or if
both end in ``id`` and begin differently, such as ``org_id,dept_id``. Two roles of one kind do not:
``follower,followee``, ``user_id,friend_id``, ``sender,receiver``, and all names of endpoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from wis.base.source import ReadOptions
from wis.base.tables import named_endpoints
from wis.errors import GraphFormatError, OptionError, echo
from wis.graph.cut import edge_attribute_names
from wis.graph.stores import NAMES
from wis.io.columns import AttributeColumns, Numbered, number_vertices
from wis.io.edge_table import EdgeTable, columns_of
from wis.io.graph_file import ArcTable, GraphFile, narrow

_ACTORS = frozenset(
    (
        "user", "customer", "reader", "author", "actor", "actress", "student", "patient",
        "person", "member", "reviewer", "viewer", "listener", "buyer", "client", "employee",
        "player", "artist", "director", "worker", "researcher", "inventor", "subscriber",
        "visitor", "voter", "donor", "shopper", "consumer",
    )
)  # fmt: skip
_THINGS = frozenset(
    (
        "item", "movie", "film", "product", "book", "paper", "article", "song", "track", "album",
        "course", "class", "lecture", "business", "page", "site", "url", "group", "event",
        "document", "doc", "word", "tag", "term", "company", "firm", "team", "drug", "disease",
        "gene", "symptom", "recipe", "restaurant", "place", "venue", "location", "post", "video",
        "game", "app", "repo", "repository", "project", "patent", "bill", "stock", "ad", "query",
        "topic", "category", "genre", "hashtag", "anime", "show", "artist",
    )
)  # fmt: skip
_ROLES = frozenset(
    (
        "friend", "follower", "followee", "followed", "parent", "child", "neighbor", "neighbour",
        "peer", "contact", "other", "reply", "mentor", "sender", "receiver", "recipient", "from",
        "to", "source", "target", "src", "dst", "caller", "callee", "trustor", "trustee",
        "truster", "citing", "cited", "buyer", "seller", "lender", "borrower", "manager",
        "partner", "alter", "ego", "ref",
    )
)  # fmt: skip
_KONECT = re.compile(rb"% *bip\b")
_ID = re.compile(r"(.*?)[ _.-]?id", flags=re.IGNORECASE)

Kinds = tuple[tuple[str, str], tuple[str, str]]


@dataclass(frozen=True, eq=False)
class TwoSided:
    """Layout of a file whose graph is a `HeteroData` of two types of vertices.

    Attributes:
        flat: The same edges over one set of vertices, those of the first kind before the others,
            with the layout of the file.
        kinds: Names of the two types.
        ends: Names of the two columns in a table.
        sizes: Number of vertices of each type.
    """

    flat: GraphFile
    kinds: tuple[str, str]
    ends: tuple[str, str]
    sizes: tuple[int, int]

    def flattened(self, file: GraphFile) -> GraphFile:
        """A graph of these two types as a graph over one set of vertices."""
        store = file.data[self.kinds[0], "to", self.kinds[1]]
        flat = self.flat.data.clone()
        for name in edge_attribute_names(store):
            flat[name] = store[name]
        flat.edge_index = _shifted(store.edge_index, self.sizes[0])
        return replace(self.flat, content=flat, kept=file.kept)


def _shifted(edge_index: torch.Tensor, by: int) -> torch.Tensor:
    return edge_index + torch.tensor([[0], [by]], device=edge_index.device)


def kinds_of(names: Sequence[str] | None) -> tuple[str, str] | None:
    """The two kinds of vertices that the names of two columns suggest, None for one kind."""
    if names is None:
        return None
    first, second = (kind_of_name(name) for name in names)
    if first == second or not first or not second or named_endpoints(names) is not None:
        return None
    if first in _ROLES or second in _ROLES:
        return None
    pairs = ((first, second), (second, first))
    is_id = all(_ID.fullmatch(name.strip()) for name in names)
    known = any(one in _ACTORS and other in _THINGS for one, other in pairs)
    return (first, second) if known or is_id else None


def kinds_of_list(text: bytes, names: Sequence[str] | None) -> Kinds | None:
    """Names of the two columns of endpoints and of the two kinds in them; None for one kind.

    A list of KONECT has no header; its first line is a comment with the word ``bip``.
    """
    if names is None and _KONECT.match(text):
        return ("column 1", "column 2"), ("the first", "the second")
    kinds = kinds_of(names)
    return None if names is None or kinds is None else ((names[0], names[1]), kinds)


def kind_of_name(name: str) -> str:
    """The kind that a name stands for: ``user`` for ``user_id``, ``UserID`` and ``users``."""
    short = name.strip()
    found = _ID.fullmatch(short)
    short = re.sub(r"\W+", "_", found[1] if found else short).strip("_").lower()
    singular = short.removesuffix("s")
    return singular if singular in _ACTORS | _THINGS | _ROLES else short


def refuse_merging(
    names: Sequence[str], kinds: tuple[str, str], ends: Iterable[np.ndarray], where: str
) -> None:
    """Raise `GraphFormatError` if two kinds of vertices share ids; `ends` holds those of each."""
    sources, targets = ends
    shared = np.intersect1d(sources, targets).size
    if shared:
        first, second = (echo(name, 40) for name in names)
        raise GraphFormatError(
            f"{where}: the columns {first!r} and {second!r} seem to hold ids of two kinds, and "
            f"share {shared} of them; pass --bipartite if equal ids are different vertices, or "
            f"--no-bipartite if {kinds[0]} and {kinds[1]} are one set of vertices"
        )


def two_sided(
    file: GraphFile,
    attributes: AttributeColumns,
    ends: tuple[Any, Any],
    names: Sequence[str] | None,
    options: ReadOptions,
    where: str,
    place_of: Any,
) -> GraphFile:
    """Add the graph of a table with two types of vertices to a file.

    `ends` are the two columns of ids, and `names` their names, if any; `place_of` gives the file
    and the line of an arc for errors.

    Raises:
        GraphFormatError: An id is negative or absurdly large.
        OptionError: A number of vertices is given.
    """
    from torch_geometric.data import HeteroData

    if options.num_nodes is not None:
        raise OptionError(f"num_nodes is for one set of vertices; {where} is read with two")
    sides = [number_vertices((end, end), options, where, place_of) for end in ends]
    kinds = _kinds(names)
    data = HeteroData()
    for kind, side in zip(kinds, sides, strict=True):
        data[kind].num_nodes = side.num_nodes
        if side.names is not None:
            data[kind][NAMES] = list(side.names)
    values, columns = attributes.named()
    edges = data[kinds[0], "to", kinds[1]]
    edges.edge_index = torch.from_numpy(np.stack([s.arcs[0] for s in sides], dtype=np.int64))
    for key, value in values.items():
        edges[key] = value.clone() if isinstance(value, torch.Tensor) else value
    sizes = sides[0].num_nodes, sides[1].num_nodes
    arcs = narrow(_shifted(edges.edge_index, sizes[0]).numpy(), sum(sizes))
    table = ArcTable(arcs, {"num_nodes": sum(sizes), **values}, frozenset(values))
    file = replace(file, columns=columns)
    flat = replace(file, content=table, vertex_names=_all_names(sides), unread=())
    titles = tuple(names) if names is not None else kinds
    return replace(file, content=data, layout=TwoSided(flat, kinds, (titles[0], titles[1]), sizes))


def _kinds(names: Sequence[str] | None) -> tuple[str, str]:
    stems = [kind_of_name(name) for name in names or ()]
    if len(stems) < 2 or stems[0] == stems[1] or not all(stems):
        return "source", "target"
    return stems[0], stems[1]


def _all_names(sides: Sequence[Numbered]) -> list[str] | None:
    if all(side.names is None for side in sides):
        return None
    return [name for side in sides for name in side.names or map(str, range(side.num_nodes))]


def two_sided_table(file: GraphFile, dropped: list[str], *, any_text: bool = False) -> EdgeTable:
    """The edges of a graph of `two_sided` as a table, each column with the ids of its own kind.

    The arguments are those of `wis.io.edge_table.edge_table`.
    """
    layout: TwoSided = file.layout
    flat = layout.flattened(file)
    store = flat.data._store
    attributes = columns_of(store, edge_attribute_names(store), file, dropped, any_text)
    dropped.extend(file.unread)
    names = flat.vertex_names
    arcs = flat.data.edge_index.detach().cpu().numpy().astype(np.int64)
    if names is None:
        arcs = arcs - np.array([[0], [layout.sizes[0]]])
    return EdgeTable(arcs, sum(layout.sizes), None if names is None else list(names), attributes)
