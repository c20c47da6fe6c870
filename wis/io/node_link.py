"""Node-link `.json` of networkx, D3 and others: a list of nodes, and a list of links.

The list of links is called `links` or `edges`. Nodes have ids; otherwise links count them from 0.
Edges are directed if the member `directed` is true; without it they are undirected, as in networkx.
Attributes may be of any type; only formats with lists, records and nulls keep these.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wis.base.source import ReadOptions, parsing, shown
from wis.errors import GraphFormatError, echo
from wis.io.graph_file import GraphFile
from wis.io.labelled import Columns, LabelledGraph
from wis.io.labelled_reader import GraphReader, text_of
from wis.io.labelled_writer import writer
from wis.io.located import Edit, Located

_BYTES_PER_BYTE = 8  # memory per byte of text; measured 8.3
_BLANK = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LISTS = ("links", "edges")
_OTHERS = (
    ({"elements"}, "JSON of Cytoscape, which networkx.cytoscape_graph reads"),
    ({"adjacency", "nodes"}, "adjacency lists, which networkx.adjacency_graph reads"),
    ({"children"}, "a tree, which networkx.tree_graph reads"),
    ({"graphs"}, "JSON Graph Format with several graphs, which the package jgf reads"),
    ({"graph"}, "JSON Graph Format, which the package jgf reads into networkx"),
    ({"features"}, "GeoJSON, which momepy turns into a graph"),
)


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a graph.

    Raises:
        GraphFormatError: The file is malformed, or not node-link JSON.
    """
    text, mark = text_of(path, options, _BYTES_PER_BYTE)
    with parsing(path, "a JSON file"):
        try:
            members = dict(_members(text))
        except RecursionError:
            raise GraphFormatError(f"{shown(path)}: lists nested too deep") from None
    _check_characters(text, members, path)
    reader = _Reader(path, text, members)
    return reader.file(Located(text, reader.edits, mark=mark), options)


def _members(text: str) -> Iterator[tuple[str, tuple[Any, int]]]:
    """The members of the outermost object: key, value, and first position of the value."""
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
    """Refuse repeated keys, since Python would silently keep only the last value."""
    content = dict(pairs)
    if len(content) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"an object has the key {echo(twice, 40)!r} twice")
    return content


def _check_characters(text: str, members: dict[str, Any], path: Path) -> None:
    r"""Refuse lone surrogates (\\ud800), which JSON can spell but other formats cannot hold."""
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


class _Reader(GraphReader):
    """Collects the content of a node-link file."""

    format, kind = "node-link", "a JSON file"

    def __init__(self, path: Path, text: str, members: dict[str, tuple[Any, int]]) -> None:
        super().__init__(path)
        self.text = text
        self.members = {key: value for key, (value, _) in members.items()}
        lists = [name for name in _LISTS if isinstance(self.members.get(name), list)]
        self.nodes = self._list("nodes")
        if not isinstance(self.members.get("nodes"), list) or len(lists) != 1:
            raise self._other_kind(lists)
        self.links = self._list(lists[0])
        self.begin = members[lists[0]][1]

    def _list(self, name: str) -> list[dict[str, Any]]:
        value = self.members.get(name)
        items = value if isinstance(value, list) else []
        for number, item in enumerate(items):
            if not isinstance(item, dict):
                raise self.error(
                    f"item {number + 1} of '{name}' is {echo(item)}; expected an object"
                )
        return items

    def _other_kind(self, lists: list[str]) -> GraphFormatError:
        expected = "expected node-link JSON: an object with 'nodes' and 'links' (or 'edges')"
        if len(lists) == 2:
            return self.error("has both 'links' and 'edges'; expected one")
        for keys, kind in _OTHERS:
            if self.members.keys() >= keys:
                return self.error(f"{kind}; {expected}")
        found = ", ".join(map(repr, self.members))
        return self.error(f"holds {echo(found) or 'nothing'}; {expected}")

    def graph(self) -> LabelledGraph:
        """The graph of the file."""
        if any("key" in node and "attributes" in node for node in self.nodes[:1]):
            raise self.error(
                "JSON of graphology (Sigma); expected node-link JSON, whose nodes have an 'id'. "
                "its package graphology-gexf writes GEXF."
            )
        names, position, passed = self._names()
        self.vertices = Columns.of_rows(self.nodes, passed)
        for end, column in zip(("source", "target"), self.ends, strict=True):
            column.extend(self._end(number, end, position) for number in range(len(self.links)))
        directed = self._flag("directed")
        self.both = [not directed] * len(self.links)
        skipped = {"source", "target"}
        keys = [link.get("key") for link in self.links]
        if self._flag("multigraph") and all(type(key) in (int, type(None)) for key in keys):
            skipped.add("key")  # networkx numbers repeated edges
        self.edges = Columns.of_rows(self.links, skipped)
        known = {"directed", "multigraph", "graph", "nodes", *_LISTS}
        self.private |= {f"'{echo(key)}'": None for key in self.members if key not in known}
        about = self.members.get("graph") or {}
        if not isinstance(about, dict):
            self.private["the attributes of the graph"] = None
            about = {}
        return self.labelled(names, range(len(names)), lambda _: self.place, directed, dict(about))

    def _flag(self, name: str) -> bool:
        value = self.members.get(name, False)
        if not isinstance(value, (bool, int)):
            raise self.error(f"'{name}' is {echo(value)}; expected true or false")
        if name not in self.members and name == "directed":
            self.note(
                "the member 'directed' is missing; the edges are read as undirected, as networkx "
                "does"
            )
        return bool(value)

    def _names(self) -> tuple[list[str], dict[Any, int], set[str]]:
        """The names of the vertices, their numbers by id, and their attributes in the file."""
        if self.nodes and not any("id" in node for node in self.nodes):
            return self._names_without_ids()
        position: dict[Any, int] = {}
        for number, node in enumerate(self.nodes):
            name = node.get("id")
            if type(name) not in (str, int, float):
                raise self.error(
                    f"node {number + 1} has the id {echo(name)}; expected a text or a number"
                )
            if _key(name) in position:
                raise self.error(f"a second node with the id {echo(name)}")
            position[_key(name)] = number
        return self.distinct([str(node["id"]) for node in self.nodes]), position, {"id"}

    def _names_without_ids(self) -> tuple[list[str], dict[Any, int], set[str]]:
        self.note("nodes have no 'id'; links count them from 0")
        position: dict[Any, int] = {_key(number): number for number in range(len(self.nodes))}
        names = [node.get("name") for node in self.nodes]
        texts = [name for name in names if isinstance(name, str) and name]
        if len(set(texts)) == len(self.nodes):
            return texts, position, {"name"}
        return [str(number) for number in range(len(self.nodes))], position, set()

    def _end(self, number: int, end: str, position: dict[Any, int]) -> int:
        name = self.links[number].get(end)
        if isinstance(name, dict):  # D3 replaces ids by the nodes themselves
            name = name.get("id")
        sound = type(name) in (str, int, float)
        if not sound or _key(name) not in position:
            wrong = ", but the file has no such node" if sound else "; expected the id of a node"
            raise self.error(f"link {number + 1} has the {end} {echo(name)}{wrong}")
        return position[_key(name)]

    def edits(self, kept: np.ndarray) -> Iterator[Edit]:
        """One edit of the whole list of links, since commas between links must go too."""
        decoder = json.JSONDecoder()
        items: list[str] = []
        end = before = self.begin + 1
        for stays in kept.tolist():
            item = _skip(self.text, before)
            _, end = decoder.raw_decode(self.text, item)
            if stays:
                items.append(self.text[before:end])
            comma = _skip(self.text, end)
            before = comma + 1 if self.text[comma : comma + 1] == "," else end
        yield self.begin + 1, end, ",".join(items)


def _key(name: Any) -> tuple[bool, Any]:
    """A key for an id that keeps the text "1" and the number 1 apart."""
    return isinstance(name, str), name


def as_text(graph: LabelledGraph, dropped: list[str]) -> str:
    """A node-link file as networkx writes it; names of vertices that are numbers become ids."""
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


write = writer("node-link", as_text)


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
