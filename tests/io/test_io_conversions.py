"""Every format into every other: names, directions and attributes survive, or a note names them.

Kinds tried, each in the files of all programs in `foreign_files` that can have them: numbers (also
beyond 53 bits), texts, truth values, lists and records; values that some elements lack; attributes
of vertices and of edges; names that are numbers, texts, or not distinct; repeats, loops, isolated
vertices; undirected, directed and mixed edges.
"""

import math
import re

import pytest
from foreign_files import FILES, raw

from wis.io import read_graph, write_graph
from wis.io.graph_file import column_name
from wis.io.labelled import LabelledLayout
from wis.measure.facts import graph_facts

ENDINGS = [
    ".graphml", ".gexf", ".gml", ".json", ".net", ".mtx", ".graph", ".npz", ".pt", ".parquet",
    ".csv", ".tsv", ".txt", ".edgelist",
]  # fmt: skip
TEXTS = (".csv", ".tsv", ".txt", ".edgelist")
NUMBERS = "that the names of the vertices are not their numbers (read it with --relabel)"
ONE_LINE_EACH = "that edges have no direction (each is one line)"
LOSSES_OF_EDGES = re.compile(r"\d+ (self-loops|repeated arcs|directions of one-way arcs)")


def names_of(file, given=None):
    """The name of each vertex; the given ones where the file has none."""
    return file.vertex_names or given or [str(i) for i in range(file.data.num_nodes)]


def is_there(value):
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def key(name):
    """A name as far as all formats can have it."""
    return re.sub(r"\W", "_", name).lower()


def vertex_attributes(file, names):
    """For each attribute the value of each vertex that has one."""
    if isinstance(file.layout, LabelledLayout):
        columns = file.layout.graph.vertices
        dense = {name: column.dense(len(names)) for name, column in columns.items()}
    else:
        skipped = {"edge_index", "num_nodes", "name"} | set(file.columns)
        dense = {}
        for name in file.data.keys():  # noqa: SIM118
            value = file.data[name]
            if name not in skipped and len(value) == len(names):
                dense[name] = value.tolist() if hasattr(value, "tolist") else value
    return {
        key(name): {
            vertex: value for vertex, value in zip(names, values, strict=True) if is_there(value)
        }
        for name, values in dense.items()
    }


def arcs_of(file, names):
    return [(names[u], names[v]) for u, v in file.data.edge_index.T.tolist()]


def edge_attributes(file, names):
    """For each attribute its values with the arcs that have them, in some fixed order."""
    arcs = arcs_of(file, names)
    found = {}
    if isinstance(file.layout, LabelledLayout):
        graph = file.layout.graph
        for name, column in graph.edges.items():
            dense = column.dense(graph.num_edges)
            found[name] = [dense[edge] for edge in file.layout.edge_of_arc.tolist()]
    else:
        for name in file.data.keys():  # noqa: SIM118
            if name in file.columns or (name.startswith("edge_") and name != "edge_index"):
                value = file.data[name]
                column = file.columns.get(name) or column_name(name, {})
                found[column] = value.tolist() if hasattr(value, "tolist") else value
    return {
        key(name).removeprefix("attr_"): sorted(
            ((*arc, repr(plain(value))) for arc, value in zip(arcs, values, strict=True)
             if is_there(value))
        )
        for name, values in found.items()
    }  # fmt: skip


def plain(value):
    """3 and 3.0 are one number; so are true and 1 where a note says so."""
    return float(value) if isinstance(value, (bool, int, float)) and abs(value) < 2**53 else value


def spelt(attributes):
    """Texts have no types: the text 0 and the number 0 are one."""
    return {
        name: [(u, v, re.sub(r"[\"']|\.0$", "", value)) for u, v, value in values]
        for name, values in attributes.items()
    }


def compared(before, after, dropped, what):
    for name, values in before.items():
        if any(key(f"{what} attribute '{name}'") in key(phrase) for phrase in dropped):
            continue
        if name in {key(phrase) for phrase in dropped} | {"networkx_key"}:
            continue
        assert name in after, (what, name, dropped)
        assert after[name] == values, (what, name)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", FILES)
def test_what_a_file_says_survives_or_is_named(name, ending, tmp_path):
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    source = tmp_path / f"in{FILES[name][0]}"
    source.write_bytes(raw(name))
    before = read_graph(source)
    dropped = []
    write_graph(before, tmp_path / f"out{ending}", dropped=dropped)
    after = read_graph(tmp_path / f"out{ending}", relabel=NUMBERS in dropped)
    names = names_of(before)
    nameless = any(phrase.startswith("the names of the vertices") for phrase in dropped)
    assert nameless or before.vertex_names is None or after.vertex_names is not None
    lost_vertices = any("without edges" in phrase for phrase in dropped)
    by_label = ending in (".gml", ".net") and "label" in vertex_attributes(before, names)
    if by_label and names_of(after) != names:
        labels = vertex_attributes(before, names)["label"]
        assert names_of(after) == [labels[name] for name in names]
        assert before.vertex_names is None or any(
            "the use of 'name'" in phrase for phrase in dropped
        )
        return
    if not lost_vertices and not nameless:
        assert sorted(names_of(after)) == sorted(names)
    found = names_of(after, names if nameless else None)
    arcs, expected = sorted(arcs_of(after, found)), sorted(arcs_of(before, names))
    if ONE_LINE_EACH in dropped:
        assert before.undirected
        assert sorted({*arcs, *((v, u) for u, v in arcs)}) == sorted(set(expected))
        return
    if any(LOSSES_OF_EDGES.fullmatch(phrase) for phrase in dropped):
        assert set(expected) - {(u, u) for u in names} <= set(arcs)
        return
    assert arcs == expected
    directions = [graph_facts(file.data).direction for file in (before, after)]
    assert directions[0] == directions[1]
    assert after.undirected == before.undirected or ending in (*ONE_ARC_A_LINE, ".graph")
    if ending in TEXTS:
        given, got = (spelt(edge_attributes(*pair)) for pair in ((before, names), (after, found)))
        compared(given, got, dropped, "edge")
    else:
        compared(edge_attributes(before, names), edge_attributes(after, found), dropped, "edge")
    if ending not in (*TEXTS, ".parquet"):
        compared(
            vertex_attributes(before, names), vertex_attributes(after, found), dropped, "vertex"
        )
    else:
        assert not vertex_attributes(before, names) or dropped


ONE_ARC_A_LINE = (".npz", ".pt", ".parquet", ".csv", ".tsv", ".txt", ".edgelist")
"""Formats that cannot say that edges have no direction, other than by both arcs."""
