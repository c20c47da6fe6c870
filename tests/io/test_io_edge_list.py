"""Edge lists as text: how they are recognised, what is refused, what comes back."""

import gzip
import io
import sys

import numpy as np
import pytest
import torch

import wis
from wis.errors import GraphFileError, GraphFormatError, OptionError, WisError
from wis.io import DroppedDataWarning, read_graph, write_graph
from wis.io import text_columns as parsers


@pytest.fixture(params=["pyarrow", "lines"])
def parser(request, monkeypatch):
    """Each of the two parsers: pyarrow's, and the one that reads line by line."""
    if request.param == "lines":
        monkeypatch.setattr(parsers, "_with_pyarrow", lambda *_: None)
    return request.param


@pytest.fixture
def put(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def arcs(file):
    """The arcs by the names of their ends."""
    names = file.vertex_names
    return [
        (u, v) if names is None else (names[u], names[v])
        for u, v in file.data.edge_index.T.tolist()
    ]


LAYOUTS = {
    "comma.csv": "0,1\n1,2\n",
    "header.csv": "source,target\n0,1\n1,2\n",
    "semicolon.csv": "src;dst\n0;1\n1;2",
    "other_words.csv": "one,another\n0,1\n1,2\n",
    "unordered.csv": "weight,to,from\n0.5,1,0\n1,2,1\n",
    "tab.tsv": "0\t1\n1\t2\n",
    "spaces.txt": "  0   1\n\n1 2  \n",
    "comments.txt": "# FromNodeId\tToNodeId\n% more\n0\t1\n# middle\n1\t2\n",
    "windows.csv": "source,target\r\n0,1\r\n1,2\r\n",
    "mac.csv": "0,1\r1,2\r",
    "marked.csv": "\ufeff0,1\n1,2\n",
    "quoted.csv": '"source","target"\n"0","1"\n"1","2"\n',
    "blank.csv": "\n  \n0,1\n\n1,2\n\n",
    "floats.csv": "0.0,1.0\n1.0,2.0\n",
    "padded.csv": "0, 1\n1, 2\n",
    "plain.edgelist": "0 1\n1 2\n",
    "networkx.edgelist": "0 1 {}\n1 2 {}\n",
    "ids.csv": "id_1,id_2\n0,1\n1,2\n",
    "index.csv": ",source,target\n0,0,1\n1,1,2\n",
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_path_on_three_vertices_is_read_from_any_layout(name, put, parser):
    file = read_graph(put(name, LAYOUTS[name]))
    assert arcs(file) == [(0, 1), (1, 2)]
    assert file.data.num_nodes == 3
    assert file.data.edge_index.dtype == torch.int64


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_was_not_changed_is_written_back_word_for_word(name, put, tmp_path):
    path = put(name, LAYOUTS[name])
    out = write_graph(read_graph(path), tmp_path / f"out-{name}")
    assert out.read_bytes() == path.read_bytes()


def test_a_cut_drops_lines_and_touches_no_other(put, tmp_path):
    text = "# a comment\n%x\n0 1 0.50 a\n1 0 1e0 b\n\n2 1  007 c\n# last\n3\t3 1 d\n2 0 1 e\n"
    file = read_graph(put("a.txt", text))
    cut = file.with_data(wis.sparsify(file.data, remove=1))  # one of three edges; (3, 3) is a loop
    removed = {(0, 1), (1, 2), (0, 2)} - {tuple(sorted(arc)) for arc in arcs(cut)}
    kept = [line for line in text.splitlines() if _ends(line) not in removed]
    write_graph(cut, tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_text() == "\n".join(kept) + "\n"


def _ends(line):
    fields = line.split()
    return tuple(sorted(map(int, fields[:2]))) if fields and fields[0].isdigit() else None


def test_attributes_are_typed_columns(put, parser):
    text = (
        "source,target,weight,count,seen,kind,gap,long,day,none\n"
        "0,1,0.1,7,true,x,1,1,2020-01-01,\n"
        "1,2,2,8,False,,,99999999999999999999,2020-01-02,\n"
    )
    data = read_graph(put("a.csv", text)).data
    assert data.edge_weight.dtype == torch.float64
    assert data.edge_weight.tolist() == [0.1, 2]
    assert data.edge_count.dtype == torch.int64
    assert data.edge_seen.tolist() == [True, False]
    assert data.edge_kind == ["x", ""]
    assert data.edge_gap[0] == 1
    assert data.edge_gap[1].isnan()
    assert data.edge_long == ["1", "99999999999999999999"]
    assert data.edge_day == ["2020-01-01", "2020-01-02"]
    assert data.edge_none == ["", ""]


@pytest.mark.parametrize("beside", ["", "0.5", "nan", "0.25"])
def test_integers_that_floats_would_round_stay_texts(beside, put, parser):
    for long in ("9007199254740993", "-9007199254740993", "9223372036854775807"):
        data = read_graph(put("a.csv", f"source,target,time\n0,1,{long}\n1,2,{beside}\n")).data
        assert data.edge_time == [long, beside]
    data = read_graph(put("b.csv", f"source,target,time\n0,1,{2**60}\n1,2,{beside}\n")).data
    assert float(data.edge_time[0]) == 2**60


def test_names_of_attributes_say_that_they_are_edge_level(put):
    """PyG tells by length; where n equals the number of arcs only the name can tell."""
    text = "source,target,label,index,attrs,Edge Weight,x y,x-y\n" + "".join(
        f"{u},{(u + 1) % 4},{u},{u},{u},{u},{u},{u}\n" for u in range(4)
    )
    file = read_graph(put("ring.csv", text))
    assert file.data.num_nodes == file.data.num_edges == 4
    cut = wis.sparsify(file.data, remove=1)
    assert set(file.columns) == {
        "edge_attr_label", "edge_attr_index", "edge_attr_attrs",
        "edge_weight", "edge_x_y", "edge_x_y_2",
    }  # fmt: skip
    assert all(cut[name].numel() == 3 for name in file.columns)


def test_text_ids_are_numbered_in_their_order_and_written_back(put, tmp_path, parser):
    file = read_graph(put("a.csv", "zoe,adam\nadam, bob \nbob,zoë\n"))
    assert file.vertex_names == ["adam", "bob", "zoe", "zoë"]
    assert arcs(file) == [("zoe", "adam"), ("adam", "bob"), ("bob", "zoë")]
    changed = file.data.clone()
    changed.edge_weight = torch.tensor([1.0, 0.5, 2.0])
    write_graph(file.with_data(changed), tmp_path / "b.csv")
    again = read_graph(tmp_path / "b.csv")
    assert arcs(again) == arcs(file)
    assert again.data.edge_weight.tolist() == [1, 0.5, 2]


def test_numbers_do_not_depend_on_the_order_of_lines(put):
    lines = ["c,a", "b,c", "d,a"]
    first, second = (
        read_graph(put(name, "\n".join(order)))
        for name, order in (("1.csv", lines), ("2.csv", lines[::-1]))
    )
    assert first.vertex_names == second.vertex_names
    assert torch.equal(first.data.edge_index, second.data.edge_index.flip(1))


def test_relabel_takes_integers_by_value_and_anything_else_as_text(put, parser):
    file = read_graph(put("a.csv", "10,-5\n7,10\n99999999999,7\n"), relabel=True)
    assert file.vertex_names == ["-5", "7", "10", "99999999999"]
    assert arcs(file) == [("10", "-5"), ("7", "10"), ("99999999999", "7")]
    mixed = read_graph(put("b.csv", "10,2\nx,1.5\n"), relabel=True)
    assert mixed.vertex_names == ["1.5", "10", "2", "x"]


def test_num_nodes_adds_vertices_at_the_end(put):
    assert read_graph(put("a.csv", "0,1\n"), num_nodes=5).data.num_nodes == 5
    assert read_graph(put("a.csv", "0,99999999\n"), num_nodes=10**8).data.num_nodes == 10**8
    with pytest.raises(GraphFormatError, match="at most 3037000499 are supported"):
        read_graph(put("a.csv", "0,99999999999\n"), num_nodes=10**11)
    with pytest.raises(OptionError, match="names 2 vertices"):
        read_graph(put("b.csv", "a,b\n"), num_nodes=5)
    with pytest.raises(OptionError, match="num_nodes is -1"):
        read_graph(put("a.csv", "0,1\n"), num_nodes=-1)


BAD = {
    "line 2: vertex id -1 is negative; ids run from 0 to num_nodes - 1. Renumber, or pass ": (
        "0,1\n-1,2\n"
    ),
    "line 3: vertex id '1.5' is not an integer": "source,target\n0,1\n1.5,2\n",
    "line 1: vertex id '1.5' is not an integer": "1.5,2\n",
    "line 2: vertex id is 'nan'": "0,1\nnan,1\n",
    "line 2: vertex id is 'NaN'": "0,1\n1,NaN\n",
    "line 2: vertex id is missing": "0,1\n,1\n",
    "line 3: vertex id is missing": "a,b\n\nc,\n",
    "line 2: vertex id 'x' is not an integer": "0,1\nx,2\n",
    "line 2: 3 columns; expected 2, as in the first line": "0,1\n1,2,3\n",
    "line 4: 1 columns; expected 2, as in the first line": "0,1\n1,2\n\n1\n",
    "line 2: vertex id 99999999999 is very large for 2 edges": "0,1\n99999999999,0\n",
    "line 2: vertex id 99999999999999999999 does not fit into 64 bits": (
        "0,1\n99999999999999999999,0\n"
    ),
    "line 2: vertex id 'inf' is not an integer": "0,1\ninf,0\n",
    "line 1: one column ('0')": "0\n1\n",
    "line 2: a quote is not closed in its line": 'a,b\n"a,b\nc,d\n',
    "is empty": "",
    "is empty; expected a graph": "\n \n",
    "line 2: byte 0xff is not UTF-8": b"0,1\n\xff,2\n",
    "line 1: byte 0xff is not UTF-8": "0,1\n".encode("utf-16"),
    "holds zero bytes": "0,1\n\0,2\n",
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_line_is_named(message, put, parser):
    path = put("a.csv", BAD[message])
    with pytest.raises(GraphFormatError) as caught:
        read_graph(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_an_id_that_is_not_below_num_nodes_is_named(put):
    with pytest.raises(GraphFormatError, match="line 2: vertex id 7, but num_nodes is 5"):
        read_graph(put("a.csv", "0,1\n1,7\n"), num_nodes=5)


def test_bad_dictionaries_are_named(put):
    for text, words in {
        "0 1 {}\n1 2\n": "line 2: expected two ids and a dictionary",
        "0 1 {}\n1 2 {1\n": "line 2: expected two ids and a dictionary",
        "0 1 {}\n1 2 {open('x')}\n": "line 2: damaged, or not a dictionary",
        "0 1 {}\n1 2 {1}\n": "line 2: '.1.' is no dictionary",
        "0 1 {}\nx 2 {}\n": "line 2: vertex id 'x' is not an integer",
    }.items():
        with pytest.raises(GraphFormatError, match=words):
            read_graph(put("a.edgelist", text))


def test_lists_of_dictionaries_are_those_of_networkx(tmp_path):
    import networkx as nx

    graph = nx.les_miserables_graph()
    nx.write_edgelist(
        nx.relabel_nodes(graph, lambda name: name.replace(" ", "")), tmp_path / "a.edgelist"
    )
    file = read_graph(tmp_path / "a.edgelist")
    assert file.data.num_edges == 254
    changed = file.data.clone()
    changed.edge_weight *= 2
    again = nx.read_edgelist(write_graph(file.with_data(changed), tmp_path / "b.edgelist"))
    assert again["Valjean"]["Javert"] == {"weight": 34}
    (tmp_path / "c.edgelist").write_text("0 1 {'a': 1}\n1 2 {'a': 'x', 'b': 2}\n")
    file = read_graph(tmp_path / "c.edgelist")
    assert file.unread == ("edge attribute 'a'",)
    assert file.data.edge_b.tolist()[1] == 2


def test_missing_files_folders_and_endings_are_one_line(tmp_path, put):
    with pytest.raises(GraphFileError, match="no such file"):
        read_graph(tmp_path / "none.csv")
    with pytest.raises(GraphFileError, match="no such file"):
        read_graph(tmp_path / "none.unknown")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(GraphFileError, match="is a folder"):
        read_graph(tmp_path / "folder.csv")
    with pytest.raises(GraphFileError, match="is a folder"):
        read_graph(tmp_path)
    with pytest.raises(GraphFormatError, match=r"unknown ending '.xlsx'; expected one of .*\.csv"):
        read_graph(put("a.xlsx", "0,1"))
    with pytest.raises(GraphFormatError, match="unknown ending"):
        read_graph(put("a.pt.gz", "0,1"))
    with pytest.raises(GraphFileError, match="not a possible file name"):
        read_graph("a\0.csv")


def test_gzip_is_transparent_and_its_damage_one_line(put, tmp_path):
    raw = gzip.compress(b"0,1\n1,2\n" * 1000)
    file = read_graph(put("a.csv.gz", raw))
    assert file.data.num_edges == 2000
    out = write_graph(file, tmp_path / "b.csv.gz")
    assert gzip.decompress(out.read_bytes()) == b"0,1\n1,2\n" * 1000
    for bad in (raw[:-30], raw[:8], b"0,1\n", raw[:30] + b"\0\1\2" + raw[33:], gzip.compress(b"")):
        with pytest.raises(GraphFormatError, match=r"c\.csv\.gz: "):
            read_graph(put("c.csv.gz", bad))


def test_standard_input_and_output_are_edge_lists(monkeypatch, capfdbinary):
    class Stream:
        buffer = io.BytesIO(b"a b\nb c\n")

    monkeypatch.setattr(sys, "stdin", Stream)
    file = read_graph("-")
    assert arcs(file) == [("a", "b"), ("b", "c")]
    write_graph(file, "-")
    assert capfdbinary.readouterr().out == b"a b\nb c\n"
    Stream.buffer = io.BytesIO(b"")
    with pytest.raises(GraphFormatError, match=r"^standard input: is empty"):
        read_graph("-")


def test_an_edge_list_without_edges_can_be_read_back(put, tmp_path):
    for name in ("a.csv", "a.txt", "a.tsv", "a.edgelist"):
        separator = {"a.csv": ",", "a.tsv": "\t"}.get(name, " ")
        file = read_graph(put(name, f"0{separator}1\n"))
        empty = write_graph(
            file.with_data(wis.sparsify(file.data, remove=1)), tmp_path / f"b{name}", dropped=[]
        )
        again = read_graph(empty, num_nodes=2).data
        assert (again.num_edges, again.num_nodes) == (0, 2)


def test_a_header_that_only_its_lines_give_away_does_not_become_an_edge(put, tmp_path):
    file = read_graph(put("a.csv", "one,another,much\n0,1,2\n"))
    empty = file.with_data(wis.sparsify(file.data, remove=1))
    write_graph(empty, tmp_path / "b.csv", dropped=[])
    assert (tmp_path / "b.csv").read_text() == "source,target,much\n"
    assert read_graph(tmp_path / "b.csv").data.num_edges == 0


def test_changed_attributes_are_written_anew(put, tmp_path):
    file = read_graph(put("a.csv", "from;to;Strength\n0;1;0.50\n1;2;1\n"))
    changed = file.data.clone()
    changed.edge_strength *= 2
    write_graph(file.with_data(changed), tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text() == "from;to;Strength\n0;1;1.0\n1;2;2.0\n"


def test_attributes_changed_in_place_are_not_written_as_they_were(put, tmp_path):
    file = read_graph(put("a.csv", "0,1,0.5\n1,2,1.5\n"))
    file.data.edge_weight.mul_(2)
    write_graph(file, tmp_path / "b.csv")
    assert read_graph(tmp_path / "b.csv").data.edge_weight.tolist() == [1, 3]


def test_awkward_texts_survive(tmp_path):
    from torch_geometric.data import Data

    names = ["#tag", "a,b", 'say "hi"', "two  words", "%", "ü", "hard\u00a0space; x\x1cy"]
    ring = torch.tensor([range(7), [1, 2, 3, 4, 5, 6, 0]])
    data = Data(edge_index=ring, num_nodes=7, name=names, edge_note=["", *names[:6]])
    for name in ("a.csv", "a.tsv", "a.txt", "a.csv.gz", "a.edgelist"):
        file = read_graph(write_graph(data, tmp_path / name))
        assert sorted(file.vertex_names) == sorted(names)
        assert arcs(file) == [(names[u], names[v]) for u, v in ring.T.tolist()]
        assert file.data.edge_note == data.edge_note


def test_names_that_no_line_can_hold_are_left_out(tmp_path):
    from torch_geometric.data import Data

    data = Data(
        edge_index=torch.tensor([[0], [1]]), num_nodes=2, name=["a\nb", "c"], edge_note=["d\ne"]
    )
    dropped = []
    file = read_graph(write_graph(data, tmp_path / "a.csv", dropped=dropped))
    assert dropped == ["note", r"the names of the vertices (one is 'a\nb')"]
    assert arcs(file) == [(0, 1)]
    again = read_graph(write_graph(data, tmp_path / "a.graphml"))
    assert again.vertex_names == data.name
    assert again.data.edge_note == data.edge_note


def test_what_has_no_place_is_told(tmp_path):
    from torch_geometric.data import Data

    data = Data(
        edge_index=torch.tensor([[0, 1], [1, 0]]),
        x=torch.zeros(4, 2),
        edge_attr=torch.tensor([[1.5, 2], [3.5, 4]]),
        meta={"a": 1},
    )
    dropped = []
    write_graph(data, tmp_path / "a.csv", dropped=dropped)
    assert dropped == [
        "x", "meta", "2 vertices without edges at the end (read it with --num-nodes 4)",
    ]  # fmt: skip
    assert (tmp_path / "a.csv").read_text() == (
        "source,target,edge_attr_0,edge_attr_1\n0,1,1.5,2.0\n1,0,3.5,4.0\n"
    )
    with pytest.warns(DroppedDataWarning, match=r"b\.csv: left out x, meta, 2 vertices"):
        write_graph(data, tmp_path / "b.csv")


def test_floats_stay_floats_and_exact(tmp_path):
    from torch_geometric.data import Data

    values = torch.tensor([1.0, 3e20, -0.0, 0.1, 1 / 3, 5e-324, float("inf")], dtype=torch.float64)
    arcs_of_ring = torch.tensor([range(7), [1, 2, 3, 4, 5, 6, 0]])
    for part in (values, values[:3].repeat(3)[:7]):
        data = Data(edge_index=arcs_of_ring, edge_weight=part, num_nodes=7)
        write_graph(data, tmp_path / "a.csv", force=True)
        again = read_graph(tmp_path / "a.csv").data.edge_weight
        assert np.array_equal(again.numpy(), part.numpy())


def test_attributes_of_any_type_are_written_as_columns(tmp_path):
    from torch_geometric.data import Data

    data = Data(
        edge_index=torch.tensor([[0, 1], [1, 0]]),
        num_nodes=2,
        edge_a=torch.tensor([0.1, 2]),
        edge_b=torch.tensor([True, False]),
        edge_c=["x", "y z"],
        edge_d=torch.tensor([1, 2], dtype=torch.int8),
    )
    write_graph(data, tmp_path / "a.csv")
    again = read_graph(tmp_path / "a.csv").data
    assert again.edge_a.to(torch.float32).tolist() == data.edge_a.tolist()
    assert again.edge_b.tolist() == [True, False]
    assert again.edge_c == ["x", "y z"]
    assert again.edge_d.tolist() == [1, 2]


def test_relabel_is_for_edge_lists(tmp_path):
    write_graph(torch.tensor([[0], [1]]), tmp_path / "a.npz")
    with pytest.raises(OptionError, match="relabel is for edge lists"):
        read_graph(tmp_path / "a.npz", relabel=True)


def test_an_unknown_ending_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(WisError, match=r"unknown ending '\.cvs'.*Did you mean '\.csv'"):
        write_graph(torch.tensor([[0], [1]]), tmp_path / "a.cvs")
    assert list(tmp_path.iterdir()) == []
