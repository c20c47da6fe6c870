"""Node-link `.json`, as networkx, D3 and others have it: a list of nodes, a list of links.

Links are called `links` or `edges`. Nodes have ids, or else links count them from 0. Whether edges
are directed is said by `directed`; a file that does not say so holds undirected ones, as in
networkx. Attributes may be of any type; lists, records and nulls stay in the file unless the other
format has them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wis.base.source import ReadOptions, parsing, read_utf8, shown
from wis.errors import GraphFormatError, echo
from wis.io.graph_file import GraphFile
from wis.io.labelled import Columns, LabelledGraph, graph_file
from wis.io.labelled_writer import write_labelled
from wis.io.located import Edit, Located

_BYTES_PER_BYTE = 8  # of Python objects for each byte of text: measured 8.3
_BLANK = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LISTS = ("links", "edges")
_OTHERS = (
    ({"elements"}, "JSON of Cytoscape, which networkx.cytoscape_graph reads"),
    ({"adjacency", "nodes"}, "adjacency lists, which networkx.adjacency_graph reads"),
    ({"children"}, "a tree, which networkx.tree_graph reads"),
    ({"graphs"}, "JSON Graph Format with several graphs, which the package jgf reads"),
    ({"graph"}, "JSON Graph Format, which the package jgf reads into networkx"),
    ({"features"}, "GeoJSON, of which momepy makes a graph"),
)


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a graph.

    Raises:
        GraphFormatError: It is malformed, or JSON of another kind.
    """
    raw, mark = read_utf8(path, options)
    options.check_size(path, _BYTES_PER_BYTE * len(raw), "the graph")
    text = raw.decode()
    with parsing(path, "a JSON file"):
        try:
            members = dict(_members(text))
        except RecursionError:
            raise GraphFormatError(f"{shown(path)}: lists nested too deep") from None
    _check_characters(text, members, path)
    reader = _Reader(path, text, members)
    return graph_file(reader.graph(), reader.located(mark), path, "node-link", options)


def _members(text: str) -> Iterator[tuple[str, tuple[Any, int]]]:
    """The members of the outermost object: key, value, and where that begins."""
    seen: set[str] = set()
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeats)
    position = _skip(text, 0)
    if text[position : position + 1] != "{":
        decoder.decode(text)
        raise ValueError("no object with nodes and links")
    position = _skip(text, position + 1)
    while text[position : position + 1] != "}":
        key, position = decoder.raw_decode(text, position)
        position = _skip(text, position)
        if not isinstance(key, str) or text[position : position + 1] != ":":
            raise ValueError(f"no key and colon at character {position}")
        if key in seen:
            raise ValueError(f"an object has the key {echo(key, 40)!r} twice")
        seen.add(key)
        begin = _skip(text, position + 1)
        value, position = decoder.raw_decode(text, begin)
        yield key, (value, begin)
        position = _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "}":
            raise ValueError(f"no comma or brace at character {position}")
    if _skip(text, position + 1) != len(text):
        raise ValueError(f"more text behind the object, at character {position + 1}")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of a key that repeats, Python would keep the last value and tell nobody."""
    content = dict(pairs)
    if len(content) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"an object has the key {echo(twice, 40)!r} twice")
    return content


def _check_characters(text: str, members: dict[str, Any], path: Path) -> None:
    r"""Refuse halves of characters, which JSON can spell (\\ud800) and no other format can hold."""
    if _SURROGATE.search(text) is None:
        return
    try:
        json.dumps(members, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ord(error.object[error.start])
        raise GraphFormatError(
            f"{shown(path)}: holds half of a character, \\u{half:04x}; expected whole ones"
        ) from None


def _skip(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return position if found is None else found.end()


class _Reader:
    """Collects what a node-link file says."""

    def __init__(self, path: Path, text: str, members: dict[str, tuple[Any, int]]) -> None:
        self.path = path
        self.where = shown(path)
        self.text = text
        self.members = {key: value for key, (value, _) in members.items()}
        self.nodes = self._list("nodes", members)
        lists = [name for name in _LISTS if isinstance(self.members.get(name), list)]
        if self.nodes is None or len(lists) != 1:
            raise self._other_kind(lists)
        self.links = self._list(lists[0], members) or []
        self.begin = members[lists[0]][1]
        self.notes: list[str] = []

    def _list(self, name: str, members: dict[str, tuple[Any, int]]) -> list[dict[str, Any]] | None:
        value = members.get(name, (None, 0))[0]
        if not isinstance(value, list):
            return None
        for number, item in enumerate(value):
            if not isinstance(item, dict):
                raise GraphFormatError(
                    f"{self.where}: item {number + 1} of '{name}' is {echo(item)}; expected an "
                    "object"
                )
        return value

    def _other_kind(self, lists: list[str]) -> GraphFormatError:
        expected = "expected node-link JSON: an object with 'nodes' and 'links' (or 'edges')"
        if len(lists) == 2:
            return GraphFormatError(f"{self.where}: has both 'links' and 'edges'; expected one")
        for keys, kind in _OTHERS:
            if self.members.keys() >= keys:
                return GraphFormatError(f"{self.where}: {kind}; {expected}")
        found = ", ".join(map(repr, self.members))
        return GraphFormatError(f"{self.where}: holds {echo(found) or 'nothing'}; {expected}")

    def graph(self) -> LabelledGraph:
        """The graph."""
        nodes = self.nodes or []
        if any("key" in node and "attributes" in node for node in nodes[:1]):
            raise GraphFormatError(
                f"{self.where}: JSON of graphology (Sigma); expected node-link JSON, whose nodes "
                "have an 'id'. its package graphology-gexf writes GEXF."
            )
        names, position = self._names(nodes)
        sources, targets = (self._ends(end, position) for end in ("source", "target"))
        directed = self._flag("directed")
        skipped = {"source", "target"}
        keys = [link.get("key") for link in self.links]
        if self._flag("multigraph") and all(type(key) in (int, type(None)) for key in keys):
            skipped.add("key")  # networkx numbers repeated edges
        about = self.members.get("graph") or {}
        return LabelledGraph(
            names, sources, targets, np.full(sources.size, not directed), directed,
            _columns(nodes, self._passed), _columns(self.links, skipped),
            dict(about) if isinstance(about, dict) else {}, self._private(about), self.notes,
        )  # fmt: skip

    def _private(self, about: Any) -> list[str]:
        known = {"directed", "multigraph", "graph", "nodes", *_LISTS}
        private = [f"'{echo(key)}'" for key in self.members if key not in known]
        return private if isinstance(about, dict) else [*private, "the attributes of the graph"]

    def _flag(self, name: str) -> bool:
        value = self.members.get(name, False)
        if not isinstance(value, (bool, int)):
            raise GraphFormatError(
                f"{self.where}: '{name}' is {echo(value)}; expected true or false"
            )
        if name not in self.members and name == "directed":
            self.notes.append(
                f"{self.where}: does not say whether edges are directed ('directed'); taken as "
                "undirected, as networkx does"
            )
        return bool(value)

    def _names(self, nodes: list[dict[str, Any]]) -> tuple[list[str], dict[Any, int]]:
        if nodes and not any("id" in node for node in nodes):
            return self._names_without_ids(nodes)
        self._passed = {"id"}
        position: dict[Any, int] = {}
        for number, node in enumerate(nodes):
            name = node.get("id")
            if type(name) not in (str, int, float):
                raise GraphFormatError(
                    f"{self.where}: node {number + 1} has the id {echo(name)}; expected a text or "
                    "a number"
                )
            if _key(name) in position:
                raise GraphFormatError(f"{self.where}: a second node with the id {echo(name)}")
            position[_key(name)] = number
        names = [str(node["id"]) for node in nodes]
        if len(set(names)) != len(names):
            raise GraphFormatError(
                f"{self.where}: some ids are numbers and others the same as texts"
            )
        return names, position

    def _names_without_ids(self, nodes: list[dict[str, Any]]) -> tuple[list[str], dict[Any, int]]:
        self._passed = set()
        position: dict[Any, int] = {_key(number): number for number in range(len(nodes))}
        self.notes.append(f"{self.where}: nodes have no 'id'; links count them from 0")
        names = [node.get("name") for node in nodes]
        texts = [name for name in names if isinstance(name, str) and name]
        if len(set(texts)) == len(nodes):
            self._passed = {"name"}
            return texts, position
        return [str(number) for number in range(len(nodes))], position

    def _ends(self, end: str, position: dict[Any, int]) -> np.ndarray:
        ids = []
        for number, link in enumerate(self.links):
            name = link.get(end)
            if isinstance(name, dict):  # D3 replaces ids by the nodes themselves
                name = name.get("id")
            if type(name) not in (str, int, float):
                raise GraphFormatError(
                    f"{self.where}: link {number + 1} has the {end} {echo(name)}; expected the id "
                    "of a node"
                )
            if _key(name) not in position:
                raise GraphFormatError(
                    f"{self.where}: link {number + 1} has the {end} {echo(name)}, and the file has "
                    "no such node"
                )
            ids.append(position[_key(name)])
        return np.array(ids, dtype=np.int64)

    def located(self, mark: bytes) -> Located:
        """The text and its links."""

        def edits(kept: np.ndarray) -> Iterator[Edit]:
            decoder = json.JSONDecoder()
            items: list[str] = []
            end = before = self.begin + 1
            for stays in kept.tolist():
                item = _skip(self.text, before)
                _, end = decoder.raw_decode(self.text, item)
                if stays:
                    blank = self.text[before:item]
                    items.append(blank + self.text[item:end])
                comma = _skip(self.text, end)
                before = comma + 1 if self.text[comma : comma + 1] == "," else end
            yield self.begin + 1, end, ",".join(items)

        return Located(self.text, edits, mark=mark)


def _key(name: Any) -> tuple[bool, Any]:
    """An id such that the text "1" and the number 1 are two."""
    return isinstance(name, str), name


def _columns(rows: list[dict[str, Any]], skipped: set[str]) -> Columns:
    columns = Columns()
    for number, row in enumerate(rows):
        for name, value in row.items():
            if name not in skipped:
                columns.put(number, name, value)
    return columns


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a graph.

    Raises:
        GraphFormatError: The graph has several types of vertices.
    """
    write_labelled(file, path, stream, dropped, "node-link", as_text)


def as_text(graph: LabelledGraph, dropped: list[str]) -> str:
    """A node-link file as networkx writes it; vertices called by numbers have these as ids."""
    graph = graph.one_way()
    numbered = graph.names == [str(vertex) for vertex in range(len(graph.names))]
    ids: list[Any] = list(range(len(graph.names))) if numbered else graph.names
    nodes: list[dict[str, Any]] = [{"id": name} for name in ids]
    _fill(nodes, graph.vertices, {"id"}, "vertex", dropped)
    links: list[dict[str, Any]] = [
        {"source": ids[u], "target": ids[v]}
        for u, v in zip(graph.sources.tolist(), graph.targets.tolist(), strict=True)
    ]
    _fill(links, graph.edges, {"source", "target"}, "edge", dropped)
    content = {
        "directed": not graph.is_undirected,
        "multigraph": graph.has_repeats,
        "graph": graph.about,
        "nodes": nodes,
        "edges": links,
    }
    parts = [f"{json.dumps(key)}: {_dumped(value)}" for key, value in content.items()]
    return "{" + ",\n".join(parts) + "}\n"


def _fill(
    rows: list[dict[str, Any]], columns: Columns, taken: set[str], what: str, dropped: list[str]
) -> None:
    for name, column in columns.items():
        key = name if name not in taken else f"{name}_"
        if key != name:
            dropped.append(f"the name of {what} attribute '{name}' (now {key})")
        for row, value in zip(column.rows, column.values, strict=True):
            rows[row][key] = value


def _dumped(value: Any) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    return "[" + ",".join(f"\n{json.dumps(item)}" for item in value) + "]"
