"""What is written as an edge list is read back as the same graph, whatever its vertices are called.

Names that look like a header, a comment, a number, a quote or a separator; with and without
attributes; whole and cut. Where a list cannot tell that ids are names, the note says so.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

import wis
from wis.base.tables import is_integer_id
from wis.io import read_graph, write_graph
from wis.io.graph_file import GraphFile

ENDINGS = [".csv", ".tsv", ".txt", ".edgelist", ".csv.gz", ".txt.xz"]
NASTY = [
    "A", "B", "u", "v", "source", "target", "src", "dst", "from", "to", "head", "tail", "weight",
    "#tag", "# x", "%", "%%MatrixMarket", "007", "7", "0", "1e3", "3.0", "-1", "nan", "NA", "true",
    '"', 'say "hi"', "'", "a,b", "a;b", "a\tb", "a|b", "New York", " ann", "ann ", "{}",
    "{'a': 1}", "é", "\u00a0", "2020-01-01", "=1+1", "<?xml", "graph [", "*Vertices",
]  # fmt: skip


@st.composite
def named_graphs(draw):
    names = draw(
        st.lists(
            st.one_of(st.sampled_from(NASTY), st.text(max_size=4)),
            min_size=2, max_size=5, unique=True,
        )
    )  # fmt: skip
    vertex = st.integers(0, len(names) - 1)
    arcs = draw(st.lists(st.tuples(vertex, vertex), min_size=1, max_size=6))
    data = Data(edge_index=torch.tensor(arcs).T, num_nodes=len(names), name=names)
    if draw(st.booleans()):
        texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=3))
        data.edge_note = draw(st.lists(texts, min_size=len(arcs), max_size=len(arcs)))
    return data


def graph_of(*names, **attributes):
    arcs = torch.tensor([range(0, len(names), 2), range(1, len(names), 2)])
    return Data(edge_index=arcs, num_nodes=len(names), name=list(names), **attributes)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=50, deadline=None)
@given(data=named_graphs())
@example(data=graph_of("A", "B"))
@example(data=graph_of("source", "target"))
@example(data=graph_of("source", "target", "src", "dst", "from", "to", "head", "tail"))
@example(data=graph_of("New York", "Los Angeles"))
@example(data=graph_of("ann", "knows", "bob", "likes"))
@example(data=graph_of("#a", "%b", '"c"', "d,e"))
@example(data=graph_of(" ann", "ann", edge_note=[""]))
@example(data=graph_of("user", "item", edge_note=["{}"]))
def test_what_is_written_is_read_back(ending, data):
    with TemporaryDirectory() as folder:
        dropped = []
        path = write_graph(data, Path(folder) / f"a{ending}", dropped=dropped)
        again = read_graph(path, relabel=any("--relabel" in phrase for phrase in dropped))
        has_names = not any(p.startswith("the names of the vertices") for p in dropped)
        assert ends(again.data, again.vertex_names if has_names else None) == ends(
            data, data.name if has_names else None
        )
        notes = again.data.get("edge_note")
        if "edge_note" in data and "note" not in dropped and isinstance(notes, list):
            assert notes == data.edge_note  # a column of texts like 7 is one of numbers


def ends(data, names):
    arcs = data.edge_index.T.tolist()
    return [(u, v) if names is None else (names[u], names[v]) for u, v in arcs]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt"])
@pytest.mark.parametrize("kept", [1, 2])
def test_a_cut_list_whose_first_line_would_be_a_header_gets_one(ending, kept, tmp_path):
    mark = {".csv": ",", ".tsv": "\t", ".txt": " "}[ending]
    lines = ["ann bob", "cid dan", "dan ann"]
    path = tmp_path / f"a{ending}"
    path.write_text("".join(line.replace(" ", mark) + "\n" for line in lines))
    file = read_graph(path)
    keep = torch.tensor([True, kept == 2, False])
    data = file.data.clone()
    data.edge_index = data.edge_index[:, keep]
    out = write_graph(file.with_data(data), tmp_path / f"b{ending}", dropped=[])
    again = read_graph(out)
    assert again.notes == ()
    names = [(again.vertex_names[u], again.vertex_names[v]) for u, v in again.data.edge_index.T]
    assert names == [("ann", "bob"), ("cid", "dan")][:kept]


def test_names_that_are_numbers_are_told_where_a_list_cannot(tmp_path):
    data = graph_of("5", "7")
    dropped = []
    path = write_graph(data, tmp_path / "a.csv", dropped=dropped)
    assert dropped == [
        "that the names of the vertices are not their numbers (read it with --relabel)"
    ]
    assert read_graph(path, relabel=True).vertex_names == ["5", "7"]
    assert all(map(is_integer_id, data.name))


def test_comments_stay_where_they_stand(tmp_path):
    text = "# before\nsource,target\n  # behind the header\n0,1\n%between\n1,2\n\n2,3\n# end\n"
    path = tmp_path / "a.csv"
    path.write_text(text)
    file = read_graph(path)
    assert file.data.num_edges == 3
    cut = file.with_data(wis.sparsify(file.data, remove=1))
    left = write_graph(cut, tmp_path / "b.csv", dropped=[]).read_text().splitlines()
    kept = [line for line in text.splitlines() if line in left]
    assert left == kept
    assert len(left) == len(text.splitlines()) - 1
    assert all(line in left for line in text.splitlines() if "," not in line)


@pytest.mark.parametrize("ending", ["csv", "tsv", "edgelist", "txt", "edges"])
def test_a_name_that_begins_with_a_byte_order_mark_keeps_it_on_the_first_line(ending, tmp_path):
    names, pairs = ["\ufeffz", "a", "b"], torch.tensor([[0, 0, 1], [1, 2, 2]])
    made = GraphFile(Data(edge_index=pairs, num_nodes=3), vertex_names=names)
    write_graph(made, tmp_path / f"list.{ending}")
    read = read_graph(tmp_path / f"list.{ending}")
    assert sorted(read.vertex_names) == sorted(names)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt"])
def test_blanks_around_a_name_are_written_in_quotes(ending, tmp_path):
    data = graph_of("\ttab", "  lead", "c", "end ", "\u00a0hard", "both ")
    dropped = []
    again = read_graph(write_graph(data, tmp_path / f"a{ending}", dropped=dropped))
    assert dropped == []
    assert ends(again.data, again.vertex_names) == ends(data, data.name)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt", ".edgelist"])
@pytest.mark.parametrize(
    ("name", "reason"), [("", "one is empty"), (" ", "one is empty"), ("a\rb", r"one is 'a\rb'")]
)
def test_a_name_that_no_list_can_hold_is_named(ending, name, reason, tmp_path):
    dropped = []
    write_graph(graph_of("ann", name), tmp_path / f"a{ending}", dropped=dropped)
    assert f"the names of the vertices ({reason})" in dropped


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt"])
@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "2"], "numbers"),
        (["1.5", ""], "numbers"),
        (["nan", "inf"], "numbers"),
        (["True", "false"], "truth values"),
        (["1", "x"], None),
        (["007", "1"], None),
    ],
)
def test_texts_that_are_read_back_as_numbers_are_told(ending, texts, kind, tmp_path):
    data = graph_of("ann", "bob", "cid", "dee", edge_tag=texts)
    dropped = []
    again = read_graph(write_graph(data, tmp_path / f"a{ending}", dropped=dropped))
    told = [phrase for phrase in dropped if "'tag'" in phrase]
    assert told == ([] if kind is None else [f"that the {kind} in the column 'tag' are texts"])
    assert isinstance(again.data.edge_tag, list) == (kind is None)
