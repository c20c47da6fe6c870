"""The writer of GML, for graphs that came from elsewhere; `wis.io.gml` reads it.

GML has no truth values (they become 1 and 0), and its keys are ASCII letters and digits. A number
that is NaN is left out, since few programs read it. The writer reports each of these.
"""

from __future__ import annotations

import re
from typing import Any

from wis.io.labelled import Column, Columns, LabelledGraph
from wis.io.labelled_writer import free_name

# Readers of other libraries join the lines of a text by blanks: a line break is an entity.
_SPECIAL = re.compile('[^\t\x20-\x7e]|["&]')
_FOR_ITSELF = {"vertex": ("id", "label"), "edge": ("source", "target"), "graph": ("node", "edge")}


def as_text(graph: LabelledGraph, dropped: list[str]) -> str:
    """A GML file; vertices that are called by numbers have these as ids."""
    graph = graph.one_way()
    numbers = _numbers(graph.names)
    ids = list(range(len(graph.names))) if numbers is None else numbers
    rows = {"vertex": _rows(_labelled(graph, numbers, dropped), "vertex", dropped)}
    rows["edge"] = _rows(graph.edges, "edge", dropped)
    about = Columns()
    for name, value in graph.about.items():
        about.put(0, name, value)
    lines = ["graph ["]
    lines += [] if graph.is_undirected else ["  directed 1"]
    lines += ["  multigraph 1"] if graph.has_repeats else []
    lines += [f"  {line}" for line in _rows(about, "graph", dropped).get(0, [])]
    for vertex, number in enumerate(ids):
        lines += ["  node [", f"    id {number}"]
        lines += [f"    {line}" for line in rows["vertex"].get(vertex, [])]
        lines.append("  ]")
    for edge, (u, v) in enumerate(zip(graph.sources.tolist(), graph.targets.tolist(), strict=True)):
        lines += ["  edge [", f"    source {ids[u]}", f"    target {ids[v]}"]
        lines += [f"    {line}" for line in rows["edge"].get(edge, [])]
        lines.append("  ]")
    return "\n".join([*lines, "]", ""])


def _numbers(names: list[str]) -> list[int] | None:
    if all(name.isascii() and name.isdigit() and len(name) < 10 for name in names):
        numbers = [int(name) for name in names]
        if list(map(str, numbers)) == names:
            return numbers
    return None


def _labelled(graph: LabelledGraph, numbers: list[int] | None, dropped: list[str]) -> Columns:
    """The attributes of the vertices, with a label for each: its own, or its name.

    Names that are numbers are ids besides, so their labels may be any. Other names make room only
    for labels that tell vertices apart, and then are an attribute of their own.
    """
    own = graph.vertices.get("label")
    rows = list(range(len(graph.names)))
    names = Column(rows, list(graph.names))
    if own is None:
        return Columns({"label": names, **graph.vertices})
    if numbers is not None:
        return graph.vertices
    texts = [text for text in own.values if type(text) is str and text]
    if len(set(texts)) == len(graph.names):
        key = free_name("name", graph.vertices)
        dropped.append(f"that vertices go by '{key}' rather than by their labels")
        return Columns({key: names, **graph.vertices})
    key = free_name("label", graph.vertices)
    dropped.append(f"the name of vertex attribute 'label' (now {key})")
    return Columns({"label": names, key: own, **graph.vertices.without("label")})


def _rows(columns: Columns, what: str, dropped: list[str]) -> dict[int, list[str]]:
    """The lines of each row."""
    rows: dict[int, list[str]] = {}
    keys: dict[str, str] = {}
    for name, column in columns.items():
        reserved = _FOR_ITSELF[what] if name != "label" else ("id",)
        key = free_name(_key(name), [*keys.values(), *reserved])
        keys[name] = key
        if key != name:
            dropped.append(f"the name of {what} attribute '{name}' (now {key})")
        if any(type(value) is bool for value in column.values):
            dropped.append(f"the type of {what} attribute '{name}' (true is 1, false is 0)")
        whole = True
        for row, value in zip(column.rows, column.values, strict=True):
            lines = _lines(key, value)
            whole &= bool(lines) or value != value
            rows.setdefault(row, []).extend(lines)
        if not whole:
            dropped.append(f"values of {what} attribute '{name}'")
        if any(value != value for value in column.values):
            dropped.append(f"the NaN of {what} attribute '{name}'")
    return rows


def _key(name: str) -> str:
    key = re.sub("[^A-Za-z0-9_]", "_", name)
    return key if key[:1].isalpha() else f"a{key}"


def _lines(key: str, value: Any) -> list[str]:
    """The lines of a value, none where GML has no such value; a list repeats its key."""
    if isinstance(value, dict):
        inner = [line for name, item in value.items() for line in _lines(_key(str(name)), item)]
        return [f"{key} [", *(f"  {line}" for line in inner), "]"]
    if isinstance(value, (list, tuple)):
        lines = [line for item in value for line in _lines(key, item)]
        return lines if len(value) > 1 else []
    text = _spelt(value)
    return [] if text is None else [f"{key} {text}"]


def _spelt(value: Any) -> str | None:
    if isinstance(value, str):
        return '"' + _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", value) + '"'
    if isinstance(value, int):
        return str(int(value))
    if not isinstance(value, float) or value != value:
        return None
    if value in (float("inf"), float("-inf")):
        return "+INF" if value > 0 else "-INF"
    mantissa, mark, exponent = repr(value).partition("e")
    if mark and "." not in mantissa:
        mantissa += ".0"
    return mantissa + (f"E{exponent}" if mark else "")
