"""Odd edge lists, as programs and people leave them: read right, noted, or refused with a way out.

| kind | tried here |
|---|---|
| separators | `,` `;` tabs, bars, runs of blanks and tabs, blanks after commas, two at once |
| headers | known names, unknown ones over numbers, doubtful ones over texts, none, too short |
| row numbers | pandas' index without a name, read back as `Unnamed: 0`, R's row names |
| columns | weights, times, relations, directions, decimal commas, empty ones at the end |
| comments | `#` and `%`, before, behind and between, also in csv |
| matrices | with labels, without, too short |
| ids | from 1, with zeros in front, quoted, padded, texts |
| two kinds | users and items, KONECT's `% bip` |
"""

import bz2
import dataclasses
import gzip
import lzma

import pytest

from wis.errors import GraphFormatError
from wis.io import read_graph


@dataclasses.dataclass
class Odd:
    """A list and what becomes of it.

    Attributes:
        name: Name of its file.
        text: What it holds.
        edges: The arcs by the names of their ends; None if it is refused.
        told: Words of the note or of the refusal; None if nothing is said.
        attributes: Some edge attributes, as lists.
        options: What the caller says.
    """

    name: str
    text: str | bytes
    edges: list[tuple] | None
    told: str | None = None
    attributes: dict = dataclasses.field(default_factory=dict)
    options: dict = dataclasses.field(default_factory=dict)


PATH = [(0, 1), (1, 2)]
NAMED = [("ann", "bob"), ("bob", "cid")]

READ = {
    "SNAP": Odd(
        "snap.txt", "# Directed graph\n# Nodes: 3\n# FromNodeId\tToNodeId\n0\t1\n1\t2\n", PATH
    ),
    "KONECT": Odd(
        "out.moreno", "% sym weighted\n% 2 3 3\n0 1 5\t12\n1 2 6\t13\n", PATH,
        "columns 3 to 4 for attributes",
        {"edge_attr_1": [5, 6], "edge_attr_2": [12, 13]}, {"format": "txt"},
    ),
    "Network Repository": Odd("a.edges", "%%comment\n0, 1\n1, 2\n", PATH),
    "Network Repository, spaces": Odd("a.edges", "0 1 \n1 2 \n", PATH),
    "Gephi": Odd(
        "g.csv", "Id,Source,Target,Type,Weight\n0,0,1,Undirected,1.5\n1,1,2,Undirected,2\n", PATH,
        "edges have no direction", {"edge_weight": [1.5, 2]},
    ),
    "Gephi, semicolons": Odd("g.csv", "Source;Target\n0;1\n1;2\n", PATH),
    "Excel": Odd(
        "x.csv", "\ufeffsource;target;weight\r\n0;1;0,5\r\n1;2;1,25\r\n", PATH,
        "read as decimal points", {"edge_weight": [0.5, 1.25]},
    ),
    "Excel without a header": Odd(
        "x.csv", "0;1;0,5\n1;2;1,25\n", PATH, "no header", {"edge_weight": [0.5, 1.25]}
    ),
    "R, two rows of texts": Odd(
        "r.txt", '"V1" "V2"\n"1" "ann" "bob"\n"2" "bob" "cid"\n', NAMED, "'V1' and 'V2'"
    ),
    "a matrix with decimal commas": Odd(
        "m.csv", ";A;B\nA;0;0,5\nB;0,5;0\n", [("A", "B"), ("B", "A")], "read as decimal points",
        {"edge_weight": [0.5, 0.5]},
    ),
    "line ends of two kinds": Odd("m.txt", "0 1\r\n1 2\n", PATH, "all end with \\r\\n"),
    "line ends of old Macs and of Unix": Odd("m.txt", "0 1\r1 2\n", PATH, "all end with \\r"),
    "thousands or decimals": Odd(
        "x.csv", "source;target;pop\n0;1;1,500\n1;2;2,250\n", PATH, "thousands or decimals",
        {"edge_pop": ["1,500", "2,250"]},
    ),
    "pandas with its index": Odd("p.csv", ",source,target\n0,0,1\n1,1,2\n", PATH),
    "pandas with its index, other names": Odd(
        "p.csv", ",user,friend\n0,0,1\n1,1,2\n", PATH, "'user' and 'friend'"
    ),
    "pandas with its index, read back": Odd(
        "p.csv", "Unnamed: 0,user,friend\n0,0,1\n1,1,2\n", PATH, "counts the rows"
    ),
    "pandas with a gap": Odd("p.csv", "source,target\n0.0,1.0\n1.0,2.0\n", PATH),
    "R's write.csv": Odd(
        "r.csv", '"","from","to"\n"1",0,1\n"2",1,2\n', PATH
    ),
    "R's write.table": Odd(
        "r.txt", '"from" "to"\n"1" 0 1\n"2" 1 2\n', PATH
    ),
    "unknown names": Odd("h.csv", "follower_x,followee_x\n0,1\n1,2\n", PATH, "'follower_x'"),
    "names of the README of somebody": Odd("h.csv", "Node A,Node B\n0,1\n1,2\n", PATH, "'Node A'"),
    "a name over texts beside numbers": Odd(
        "h.csv", "one,other,strength\nann,bob,3\nbob,cid,4\n", NAMED, "'one' and 'other'",
        {"edge_strength": [3, 4]},
    ),
    "follower": Odd("h.csv", "follower,followee\n0,1\n1,2\n", PATH),
    "subject": Odd("h.csv", "subject,predicate,object\nann,knows,bob\nbob,likes,cid\n", NAMED),
    "known names over texts": Odd("h.csv", "source,target\nann,bob\nbob,cid\n", NAMED),
    "a header behind comments": Odd(
        "c.csv", "# made today\nsource,target\n# first, ones\n0,1\n  % indented\n1,2\n# end\n", PATH
    ),
    "the header alone": Odd("h.csv", "source,target\n", []),
    "text ids without a header": Odd("t.csv", "ann,bob\nbob,cid\n", NAMED),
    "one line": Odd("t.csv", "ann,bob\n", [("ann", "bob")], "the only line"),
    "one line of numbers": Odd("t.csv", "0,1\n", [(0, 1)]),
    "single letters": Odd("t.txt", "a b\nb c\n", [("a", "b"), ("b", "c")]),
    "a labelled matrix": Odd(
        "m.csv", ",A,B,C\nA,0,1,0\nB,1,0,2\nC,0,2,\n",
        [("A", "B"), ("B", "A"), ("B", "C"), ("C", "B")], "adjacency matrix",
        {"edge_weight": [1, 1, 2, 2]},
    ),
    "a labelled matrix between blanks": Odd(
        "m.txt", "A B C\nA 0 1 0\nB 1 0 1\nC 0 1 0\n",
        [("A", "B"), ("B", "A"), ("B", "C"), ("C", "B")], "adjacency matrix",
    ),
    "a matrix of numbers": Odd(
        "m.csv", ",0,1,2\n0,0,1,0\n1,0,0,1\n2,0,0,0\n", PATH, "adjacency matrix"
    ),
    "names that begin as comments do": Odd(
        "t.csv", "source,target\n#metoo,#x\nann,bob\nbob,cid\n", NAMED, "'#metoo,#x', are comments"
    ),
    "weighted edges whose numbers could be the labels of a matrix": Odd(
        "out.x", "1 2 1\n2 3 1\n1 3 2\n", [(1, 2), (2, 3), (1, 3)], "columns 1 and 2",
        {"edge_weight": [1, 1, 2]}, {"format": "txt"},
    ),
    "triples": Odd(
        "kg.tsv", "ann\tknows\tbob\nbob\tlikes\tcid\ncid\tknows\tann\n",
        [*NAMED, ("cid", "ann")], "column 2 for their type",
        {"edge_type": ["knows", "likes", "knows"]},
    ),
    "a label behind text ids": Odd(
        "l.csv", "ann,bob,friend\nbob,cid,foe\n", NAMED, "share ids",
        {"edge_weight": ["friend", "foe"]},
    ),
    "times behind": Odd("t.txt", "0 1 1082040961\n1 2 1082155839\n", PATH, "no header"),
    "ids from 1": Odd("o.csv", "1,2\n2,3\n", [(1, 2), (2, 3)], "no edge has the vertex 0"),
    "an empty column at the end": Odd("e.csv", "0,1,\n1,2,\n", PATH, "no header"),
    "an empty column without a name": Odd("e.csv", "source,target\n0,1,\n1,2,\n", PATH),
    "blanks at the end": Odd("b.txt", "0 1   \n1 2\t\n", PATH),
    "blanks and tabs at once": Odd("b.txt", " 0 \t 1\n1\t\t2\n", PATH),
    "tabs in a csv": Odd("b.csv", "0\t1\n1\t2\n", PATH),
    "bars": Odd("b.csv", "0|1\n1|2\n", PATH),
    "bars in a txt": Odd("b.txt", "source|target\n0|1\n1|2\n", PATH),
    "old line ends": Odd("b.csv", "source,target\r0,1\r1,2\r", PATH),
    "names with blanks between tabs": Odd(
        "n.txt", "New York\tBoston\nBoston\tLos Angeles City\n",
        [("New York", "Boston"), ("Boston", "Los Angeles City")],
    ),
    "names with blanks in quotes": Odd(
        "n.txt", '"New York" Boston\nBoston "Los Angeles"\n',
        [("New York", "Boston"), ("Boston", "Los Angeles")],
    ),
    "blanks in quotes belong to the name": Odd(
        "n.csv", '" ann",bob\nbob,"ann "\n', [(" ann", "bob"), ("bob", "ann ")]
    ),
    "quoted numbers": Odd("q.csv", '"0","1"\n"1","2"\n', PATH),
    "padded by hand": Odd("q.csv", "0, 1\n1,2\n", PATH, "blanks around fields"),
    "padded at the begin": Odd("q.csv", "source,target\n 0,1\n1,2\n", PATH, "blanks around fields"),
    "padded at the end": Odd("q.csv", "source,target\n0,1 \n1,2\n", PATH, "blanks around fields"),
    "commas in a third column": Odd(
        "q.txt", "0 1 a,b\n1 2 c,d\n", PATH, "no header", {"edge_weight": ["a,b", "c,d"]}
    ),
    "zip codes as attributes": Odd(
        "z.csv", "source,target,zip,since\n0,1,01234,2020-01-02\n1,2,99999,2021-03-04\n", PATH,
        None, {"edge_zip": ["01234", "99999"], "edge_since": ["2020-01-02", "2021-03-04"]},
    ),
    "dictionaries of numpy 2": Odd(
        "d.edgelist",
        "0 1 {'weight': np.float64(0.5), 'n': np.int64(3), 's': np.str_('x'), 'b': np.True_}\n"
        "1 2 {'weight': np.float64(nan), 'n': np.int32(4), 's': np.str_('y'), 'b': np.False_}\n",
        PATH, None, {"edge_n": [3, 4], "edge_s": ["x", "y"], "edge_b": [True, False]},
    ),
    "dictionaries between semicolons": Odd(
        "d.edgelist", "New York;Boston;{'weight': 1}\nBoston;New York;{'weight': 2}\n",
        [("New York", "Boston"), ("Boston", "New York")], None, {"edge_weight": [1, 2]},
    ),
    "users and items that share no id": Odd(
        "u.csv", "user_id,item_id\n0,2\n1,2\n", [(0, 2), (1, 2)], "'user_id' and 'item_id'"
    ),
    "users and items of one set": Odd(
        "u.csv", "user,item\n0,1\n1,2\n", PATH, "'user' and 'item'", {}, {"bipartite": False}
    ),
    "users and their friends": Odd(
        "u.csv", "user_id,friend_id\n0,1\n1,2\n", PATH, "'user_id' and 'friend_id'"
    ),
}  # fmt: skip

REFUSED = {
    "a header over texts": Odd("r.csv", "drug,gene\naspirin,cox\nasa,vkor\n", None, "--header"),
    "single letters over words": Odd("r.csv", "u,v\nann,bob\nbob,cid\n", None, "--header"),
    "a header with a number": Odd("r.csv", "country,2020\n0,1\n1,2\n", None, "--header"),
    "known names that are vertices": Odd(
        "r.csv", "source,target\ntarget,x\nx,y\n", None, "--no-header"
    ),
    "an index that counts and nothing else": Odd("r.csv", ",user\n0,5\n1,7\n", None, "--source"),
    "an index that does not count": Odd("r.csv", ",user,friend\n7,0,1\n3,1,2\n", None, "--source"),
    "an index with a name": Odd("r.csv", "id,user,friend\n0,0,1\n1,1,2\n", None, "--source"),
    "a matrix of two kinds": Odd("r.csv", ",x,y\na,0,1\nb,1,0\n", None, "--source"),
    "a matrix that ends early": Odd("r.csv", ",A,B,C\nA,0,1,0\nB,1,0,1\n", None, "--source"),
    "a matrix with labels in the first line alone": Odd(
        "r.csv", "A,B,C\n0,1,0\n1,0,1\n0,1,0\n", None, "--source 1 --target 2"
    ),
    "a matrix with numbers for labels and corner": Odd(
        "r.csv", "0,1,0\n1,0,1\n0,1,0\n", None, "--source 1 --target 2"
    ),
    "a one-way matrix without labels": Odd(
        "r.txt", "0 1 0 1\n0 0 1 0\n0 1 0 1\n1 0 0 0\n", None, "--source 1 --target 2"
    ),
    "a weighted matrix without labels": Odd(
        "r.csv", "0,2.5,0,1\n2.5,0,1,0\n0,1,0,1\n1,0,1,0\n", None, "'2.5' is not an integer"
    ),
    "a matrix without labels": Odd("r.csv", "0,1,1\n1,0,0\n1,0,0\n", None, "--source 1 --target 2"),
    "times in front": Odd("r.txt", "1082040961 0 1\n1082155839 1 2\n", None, "--source"),
    "triples with blanks": Odd("r.txt", "ann knows bob\nbob likes cid\n", None, "--target 3"),
    "triples of codes": Odd("r.tsv", "0\tisa\t1\n1\tpart\t2\n", None, "--source 1 --target 3"),
    "names with blanks": Odd("r.edgelist", "New York Boston {}\n", None, "names that hold blanks"),
    "dates in front": Odd("r.txt", '"2004-04-15" 1 2 1\n"2004-04-16" 2 3 1\n', None, "--source"),
    "dates second": Odd("r.csv", "1,2004-04-15,2\n2,2004-04-16,3\n", None, "second column"),
    "a column of times": Odd("r.csv", "time,user,friend\n5,2,3\n6,3,4\n", None, "'time' seems"),
    "dates below a name": Odd("r.csv", "when,a,b\n2004-04-15,2,3\n", None, "'when' seems"),
    "vertices and their labels": Odd("r.csv", "Id,Label\n1,Ann\n2,Bob\n", None, "of vertices"),
    "vertices and their names": Odd("r.tsv", "node_id\tname\tx\n1\tAnn\t2\n", None, "of vertices"),
    **{
        f"a comment of another kind, {mark}": Odd(
            "r.txt", f"{mark} c\n1 2\n2 3\n", None, "comments begin with # or %"
        )
        for mark in ("//", ";", "--", "!", "/*")
    },
    "Excel's separator": Odd("r.csv", "sep=;\n0;1\n1;2\n", None, "tells Excel that ';' sep"),
    "Excel's separator, quoted": Odd("r.csv", '"sep=,"\r\n0,1\r\n', None, "tells Excel that ','"),
    "a matrix with thousands": Odd(
        "r.csv", ";A;B\nA;0;1,500\nB;1,500;0\n", None, "thousands or decimals"
    ),
    "two words each": Odd("r.txt", "New York\tLos Pinos\nLas Vegas\tSan Jo\n", None, "--delimiter"),
    "two separators": Odd("r.csv", "a;b,c;d\ne;f,g;h\n", None, "--delimiter"),
    "a line with more": Odd("r.csv", "0,1\n1,2\n2,3,4\n", None, "line 3: 3 columns; expected 2"),
    "one column": Odd("r.csv", "0\n1\n", None, "--delimiter"),
    "zeros in front": Odd("r.csv", "007,012\n012,040\n", None, "pass --relabel"),
    "one zero in front": Odd("r.csv", "source,target\n1,2\n2,03\n", None, "line 3: vertex id '03'"),
    "a sign": Odd("r.csv", "1,2\n2,+3\n", None, "line 2: vertex id '+3' is not an integer in its"),
    "an exponent": Odd("r.csv", "1,2\n2,1e3\n", None, "line 2: vertex id '1e3'"),
    "a line below": Odd("r.csv", "1,2\n2,1_0\n", None, "line 2: vertex id '1_0'"),
    "other digits": Odd("r.csv", "1,2\n2,٣\n", None, "line 2: vertex id '٣'"),
    "minus zero": Odd("r.csv", "1,2\n2,-0\n", None, "line 2: vertex id '-0'"),
    "hexadecimal": Odd("r.csv", "1,2\n2,0x1F\n", None, "line 2: vertex id '0x1F'"),
    "control characters": Odd("r.csv", "1,2\n2,3\x1c\n", None, "line 2: vertex id '3\\\\x1c'"),
    "users and items": Odd("r.csv", "user,item\n0,1\n1,2\n", None, "--bipartite"),
    "other ids": Odd("r.csv", "org_id,dept_id\n0,1\n1,2\n", None, "--no-bipartite"),
    "KONECT of two kinds": Odd(
        "out.x", "% bip unweighted\n1 1\n1 2\n2 1\n", None, "--bipartite", {}, {"format": "txt"}
    ),
    "Matrix Market": Odd("r.txt", "%%MatrixMarket matrix\n2 2 1\n1 2\n", None, "--format mtx"),
    "GML": Odd("r.txt", "graph [\n node [ id 0 ]\n]\n", None, "--format gml"),
    "GraphML": Odd("r.txt", "<?xml version='1.0'?>\n<graphml/>\n", None, "--format graphml"),
    "blanks alone": Odd("r.csv", " " * 70_000, None, "is empty"),
}  # fmt: skip


def arcs(file):
    """The arcs by the names of their ends."""
    names = file.vertex_names
    return [
        (u, v) if names is None else (names[u], names[v])
        for u, v in file.data.edge_index.T.tolist()
    ]


def put(folder, odd):
    path = folder / odd.name
    path.write_bytes(odd.text if isinstance(odd.text, bytes) else odd.text.encode())
    return path


@pytest.mark.parametrize("kind", READ)
def test_what_can_be_told_is_read_and_what_was_guessed_is_told(kind, tmp_path):
    odd = READ[kind]
    file = read_graph(put(tmp_path, odd), **odd.options)
    assert arcs(file) == odd.edges
    if odd.told is None:
        assert file.notes == ()
    else:
        assert any(odd.told in note for note in file.notes), file.notes
    assert all("\n" not in note for note in file.notes)
    for name, values in odd.attributes.items():
        assert list(map(_plain, file.data[name])) == values


def _plain(value):
    return value.item() if hasattr(value, "item") else value


@pytest.mark.parametrize("kind", REFUSED)
def test_in_doubt_a_list_is_refused_with_the_way_out(kind, tmp_path):
    odd = REFUSED[kind]
    with pytest.raises(GraphFormatError) as caught:
        read_graph(put(tmp_path, odd), **odd.options)
    message = str(caught.value)
    assert odd.told in message
    assert message.startswith(str(tmp_path / odd.name))
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("kind", READ)
def test_line_by_line_the_same_is_read(kind, tmp_path, monkeypatch):
    from wis.io import text_columns

    odd = READ[kind]
    path = put(tmp_path, odd)
    usual = read_graph(path, **odd.options)
    monkeypatch.setattr(text_columns, "_with_pyarrow", lambda *_: None)
    file = read_graph(path, **odd.options)
    assert arcs(file) == arcs(usual)
    assert file.notes == usual.notes
    for name in odd.attributes:
        assert [*map(repr, file.data[name])] == [*map(repr, usual.data[name])]


@pytest.mark.parametrize("pack", ["gzip", "bz2", "lzma"])
def test_what_is_packed_is_known_by_its_bytes(pack, tmp_path):
    module = __import__(pack)
    path = tmp_path / "packed.csv"
    path.write_bytes(module.compress(b"0,1\n1,2\n"))
    assert arcs(read_graph(path)) == PATH
    other = tmp_path / "packed.graph"
    other.write_bytes(gzip.compress(b"0,1\n1,2\n"))
    assert arcs(read_graph(other, format="csv")) == PATH


@pytest.mark.parametrize("module", [bz2, gzip, lzma])
def test_all_that_is_packed_in_several_streams_is_read_or_refused(module, tmp_path):
    first, second = module.compress(b"0,1\n"), module.compress(b"1,2\n" * 1000)
    path = tmp_path / "a.csv"
    path.write_bytes(first + second + module.compress(b""))
    assert arcs(read_graph(path)) == [(0, 1), *[(1, 2)] * 1000]
    damaged = [b"XX" + second[2:], second[:-1], second[:3], second + b"rest", b"rest"]
    for behind in damaged:
        path.write_bytes(first + behind)
        with pytest.raises(GraphFormatError, match="damaged"):
            read_graph(path)


def test_zeros_between_xz_streams_are_no_damage(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(lzma.compress(b"0,1\n") + bytes(8) + lzma.compress(b"1,2\n") + bytes(4))
    assert arcs(read_graph(path)) == PATH
