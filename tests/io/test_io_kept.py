"""A graph that was only cut is written back as its file, minus the edges that went.

Tried on the files of `foreign_files`, in the styles of Gephi (GEXF 1.1 to 1.3, dynamic), yEd,
igraph, networkx, Cytoscape, Newman, Pajek, D3, SuiteSparse and KaHIP, and on tables and archives:

- zero edges cut: the same bytes; for tables and archives the same attributes and types;
- some edges cut: the text without the elements of these edges and with its counts mended; read
  again it is the cut graph.
"""

import bz2
import codecs
import gzip
import pickle
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from foreign_files import FILES, raw
from torch_geometric.data import Data

import wis
from wis.errors import GraphFileError
from wis.io import edge_list, read_graph, write_graph
from wis.measure.facts import graph_facts


@pytest.fixture
def put(tmp_path):
    """Write one of the files."""

    def write(name, content=None):
        path = tmp_path / f"in{FILES[name][0]}"
        path.write_bytes(raw(name) if content is None else content)
        return path

    return write


def names_of(file):
    return file.vertex_names or [str(i) for i in range(file.data.num_nodes)]


def arcs_of(file):
    names = names_of(file)
    return sorted((names[u], names[v]) for u, v in file.data.edge_index.T.tolist())


@pytest.mark.parametrize("name", FILES)
def test_arcs_are_those_that_the_file_says(put, name):
    file = read_graph(put(name))
    edges = FILES[name][2]
    back = [(v, u) for u, v, one_way in edges if not one_way and u != v]
    assert arcs_of(file) == sorted([(u, v) for u, v, _ in edges] + back)
    assert file.undirected == (name != "skew matrix" and not any(one for *_, one in edges))
    if file.undirected:
        assert graph_facts(file.data).direction == "undirected"


@pytest.mark.parametrize("name", FILES)
def test_zero_edges_cut_is_the_same_file(put, tmp_path, name):
    path = put(name)
    file = read_graph(path)
    dropped = []
    for graph in (file, file.with_data(wis.sparsify(file.data, remove=0))):
        out = write_graph(graph, tmp_path / f"out{path.suffix}", force=True, dropped=dropped)
        assert out.read_bytes() == path.read_bytes()
        zipped = write_graph(graph, tmp_path / f"o{path.suffix}.gz", force=True, dropped=dropped)
        assert gzip.decompress(zipped.read_bytes()) == path.read_bytes()
    assert dropped == []


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("name", [name for name in FILES if name != "mixed GraphML"])
def test_marks_and_line_ends_of_windows_stay(put, tmp_path, name, mark):
    content = mark + raw(name).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    file = read_graph(put(name, content))
    assert arcs_of(file) == arcs_of(read_graph(put(name)))
    out = write_graph(file, tmp_path / f"out{FILES[name][0]}")
    assert out.read_bytes() == content
    cut = file.with_data(wis.sparsify(file.data, remove=1, seed=3, method="random"))
    left = write_graph(cut, out, force=True).read_bytes()
    assert left.startswith(mark)
    assert b"\n" not in left.replace(b"\r\n", b"")
    assert arcs_of(read_graph(out)) == arcs_of(cut)


@pytest.mark.parametrize("remove", [1, 2, "100%"])
@pytest.mark.parametrize("name", FILES)
def test_a_cut_is_the_file_minus_the_edges(put, tmp_path, name, remove):
    path = put(name)
    file = read_graph(path)
    count = wis.UndirectedGraph.from_any(file.data).num_edges
    remove = min(remove, count) if isinstance(remove, int) else remove
    cut = file.with_data(wis.sparsify(file.data, remove=remove, method="random", seed=1))
    dropped = []
    out = write_graph(cut, tmp_path / f"out{path.suffix}", dropped=dropped)
    again = read_graph(out)
    assert dropped == []
    assert names_of(again) == names_of(file)
    assert arcs_of(again) == arcs_of(cut)
    same = [key for key in cut.data.keys() if not key.startswith("edge_")]  # noqa: SIM118
    for key in same:
        pair = [np.asarray(data[key]) for data in (again.data, cut.data)]
        assert np.array_equal(*pair, equal_nan=pair[0].dtype.kind == "f")
    before, after = words(path), words(out)
    if path.suffix != ".json" and "matrix" not in name:  # commas move, cells become 0
        rest = iter(before)
        assert all(word in rest for word in after), "not a part of the text, in its order"


def words(path):
    """What a text is made of, without counts of edges."""
    text = path.read_bytes().decode("latin-1")
    if path.suffix in (".mtx", ".graph"):  # the first line that is no comment
        text = re.sub(r"(?m)^[^%\s].*$", "", text, count=1)
    return re.findall(r"[^\s<>\[\]]+", re.sub(r'(count|edges)="\d+"', "", text))


@pytest.mark.parametrize("name", [n for n, row in FILES.items() if row[0] in (".gexf", ".graphml")])
def test_of_an_xml_file_only_elements_of_edges_go(put, tmp_path, name):
    path = put(name)
    file = read_graph(path)
    cut = file.with_data(wis.sparsify(file.data, remove=1, method="random", seed=2))
    out = write_graph(cut, tmp_path / f"out{path.suffix}")
    before, after = ElementTree.parse(path).getroot(), ElementTree.parse(out).getroot()
    (group,) = [e for e in before.iter() if any(tag(child) == "edge" for child in e)]
    left = [ElementTree.tostring(e).strip() for e in after.iter() if tag(e) == "edge"]
    gone = [e for e in group if tag(e) == "edge" and ElementTree.tostring(e).strip() not in left]
    assert gone
    for edge in gone:
        group.remove(edge)
    for tree in (before, after):
        for element in tree.iter():
            element.tail = (element.tail or "").strip()
            element.text = (element.text or "").strip()
            for count in ("count", "parse.edges"):
                if count in element.attrib and tag(element) in ("edges", "graph"):
                    element.set(count, str(sum(tag(child) == "edge" for child in element)))
    assert ElementTree.tostring(before) == ElementTree.tostring(after)
    (stated,) = re.findall(rb'(?:edges count|parse.edges)="(\d+)"', out.read_bytes()) or [b"-1"]
    assert int(stated) in (-1, len(left))


def tag(element):
    return element.tag.rpartition("}")[2]


def test_texts_in_other_encodings_stay_in_them(put, tmp_path):
    text = FILES["igraph, GraphML"][1]
    for encoding in ("utf-16", "utf-16-be", "iso-8859-9", "utf-8"):
        mark = "\ufeff" if encoding == "utf-16-be" else ""
        content = (mark + text.replace("UTF-8", encoding, 1)).encode(encoding)
        path = put("igraph, GraphML", content)
        file = read_graph(path)
        out = write_graph(file, tmp_path / "out.graphml", force=True)
        assert out.read_bytes() == content
        cut = file.with_data(wis.sparsify(file.data, remove=1))
        write_graph(cut, out, force=True)
        assert "Çelik" in out.read_bytes().decode(encoding)
        assert arcs_of(read_graph(out)) == arcs_of(cut)


def test_one_direction_of_an_undirected_edge_makes_a_directed_graph(put, tmp_path):
    """Taken out by hand, since no command does so: the text can no longer say it."""
    for name, row in FILES.items():
        file = read_graph(put(name))
        if not file.undirected or row[0] == ".graph":
            continue
        data = file.data.clone()
        edge_level = [key for key in data.keys() if key.startswith("edge_")]  # noqa: SIM118
        keep = torch.arange(data.num_edges) != int(data.edge_index.diff(dim=0).nonzero()[0, 1])
        for key in edge_level:
            value = data[key]
            if isinstance(value, list):
                data[key] = [item for item, stays in zip(value, keep, strict=True) if stays]
            else:
                data[key] = value[..., keep]
        out = write_graph(file.with_data(data), tmp_path / f"o{row[0]}", force=True, dropped=[])
        again = read_graph(out)
        assert not again.undirected
        assert len(arcs_of(again)) == data.num_edges


TABLES = {
    ".csv": "source,target,when,ok\n1,2,2020-01-01,true\n2,3,,false\n3,1,x,true\n",
    ".tsv": "a\tb\t0.10\nb\tc\t2\nc\ta\t1e3\n",
    ".txt": "# nodes 3\n0 1\n1 2\n\n2 0\n",
    ".edgelist": "0 1 {'weight': 1.50}\n1 2 {}\n2 0 {'weight': 2}\n",
}


@pytest.mark.parametrize("ending", TABLES)
def test_zero_lines_cut_is_the_same_list(tmp_path, ending):
    path = tmp_path / f"in{ending}"
    path.write_text(TABLES[ending])
    out = write_graph(read_graph(path), tmp_path / f"out{ending}")
    assert out.read_text() == TABLES[ending]


@pytest.mark.parametrize("ending", [".pt", ".npz", ".parquet"])
def test_zero_arcs_cut_is_the_same_archive_attribute_by_attribute(tmp_path, ending):
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    data = Data(
        edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]], dtype=torch.int32),
        edge_weight=torch.tensor([0.5, float("nan"), 3], dtype=torch.float32),
        edge_count=torch.tensor([2**62, 1, -5]),
        num_nodes=4,
    )
    if ending != ".parquet":
        data.x = torch.randn(4, 2, dtype=torch.float64)
        data.mask = torch.tensor([True, False, True, True])
    first = write_graph(data, tmp_path / f"in{ending}")
    before = read_graph(first).data
    after = read_graph(write_graph(read_graph(first), tmp_path / f"out{ending}")).data
    assert before.to_dict().keys() == after.to_dict().keys()
    for key, value in before.to_dict().items():
        if isinstance(value, torch.Tensor):
            assert value.dtype == after[key].dtype
            assert np.array_equal(value.numpy(), after[key].numpy(), equal_nan="count" not in key)
        else:
            assert value == after[key]


@pytest.mark.parametrize("at_once", [1, 9, 1 << 20])
@pytest.mark.parametrize("last", ["\n", ""])
@pytest.mark.parametrize("kept_in_memory", [True, False])
def test_a_list_that_is_cut_in_pieces_loses_the_same_lines(
    tmp_path, monkeypatch, at_once, last, kept_in_memory
):
    monkeypatch.setattr(edge_list, "CUT_AT_ONCE", at_once)
    monkeypatch.setattr(edge_list, "LONG", 1000 if kept_in_memory else 0)
    lines = ["source,target", "0,1", "# note", "1,2", "", "2,3", "3,0"]
    path = tmp_path / "in.csv"
    path.write_text("\n".join(lines) + last)
    file = read_graph(path)
    write_graph(file.keep(np.array([True, False, True, False])), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "source,target\n0,1\n# note\n\n2,3\n"


LONG_LIST = b"source,target\n0,1\n# note\n1,2\n2,3\n3,0\n"
CUT_LIST = b"source,target\n0,1\n# note\n2,3\n"


@pytest.fixture
def long_list(tmp_path, monkeypatch):
    """Read a list that counts as long, so that its lines stay in its file; and cut it."""
    monkeypatch.setattr(edge_list, "LONG", 1)

    def read(content=LONG_LIST, name="in.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        file = read_graph(path).keep(np.array([True, False, True, False]))
        assert isinstance(file.layout.text, edge_list.OpenFile)
        return path, file

    return read


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_long_list_is_cut_like_a_short_one(long_list, tmp_path, pack, mark, line_end):
    def as_stored(text):
        return mark + text.replace(b"\n", line_end)

    _, file = long_list(pack(as_stored(LONG_LIST)))
    assert write_graph(file, tmp_path / "out.csv").read_bytes() == as_stored(CUT_LIST)


def test_a_long_list_can_be_written_to_its_own_path_twice(long_list):
    path, file = long_list()
    assert write_graph(file, path, force=True, dropped=[]).read_bytes() == CUT_LIST
    rest = file.keep(np.array([True, False]))
    write_graph(rest, path, force=True, dropped=[])
    assert path.read_bytes() == CUT_LIST.removesuffix(b"2,3\n")


def test_a_long_list_outlives_its_path(long_list, tmp_path):
    path, file = long_list()
    path.unlink()
    assert write_graph(file, tmp_path / "out.csv").read_bytes() == CUT_LIST


def test_a_long_list_that_was_changed_in_place_is_refused(long_list, tmp_path):
    path, file = long_list()
    with path.open("ab") as stream:
        stream.write(b"0,2\n")
    with pytest.raises(GraphFileError, match=r"in\.csv: was changed after it was read"):
        write_graph(file, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_long_list_can_be_read_by_two_at_once(long_list, monkeypatch):
    monkeypatch.setattr(edge_list, "CUT_AT_ONCE", 1)
    content = LONG_LIST + b"# more\n" * 5000
    _, file = long_list(content)
    both = zip(file.layout.pieces(), file.layout.pieces(), strict=True)
    assert b"".join(one for one, other in both if one == other) == content


def test_a_long_list_that_went_while_it_was_read_is_kept_in_memory(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(LONG_LIST)
    opened = edge_list.OpenFile.of(path)
    path.unlink()
    text = b"0,1\n" * (edge_list.LONG // 4)
    assert edge_list.kept_text(text, opened, b"\n") is text


def test_a_pickled_long_list_brings_its_text_along(long_list, tmp_path):
    path, file = long_list()
    again = pickle.loads(pickle.dumps(file))
    path.write_bytes(b"")
    assert write_graph(again, tmp_path / "out.csv").read_bytes() == CUT_LIST
