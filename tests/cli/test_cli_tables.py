"""The options that say what an edge list holds, in every command that reads one."""

import bz2
import gzip
import io
import json
import lzma
import sys
from pathlib import Path

import pytest

from wis_cli.main import run

TIMED = "time,u,v,w\n10,0,1,0.5\n20,1,2,0.25\n30,2,0,1.5\n"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def inspect(capsys):
    """What `wis inspect` says, and the notes."""

    def look(*args):
        assert run(["inspect", *map(str, args), "--json"]) == 0, capsys.readouterr().err
        out, err = capsys.readouterr()
        return json.loads(out), err

    return look


def feed(monkeypatch, content):
    class Stream:
        buffer = io.BytesIO(content)

    monkeypatch.setattr(sys, "stdin", Stream)


@pytest.mark.parametrize("columns", [("u", "v", "w"), ("2", "3", "4"), ("u", "3", "w")])
def test_columns_go_by_name_or_by_number_from_1(columns, inspect):
    Path("t.csv").write_text(TIMED)
    source, target, weight = columns
    facts, err = inspect("t.csv", "--source", source, "--target", target, "--weight", weight)
    assert (facts["num_nodes"], facts["num_edges"]) == (3, 3)
    assert "edge_weight" in {attribute["name"] for attribute in facts["attributes"]}
    assert err == ""


def test_a_name_goes_before_a_number(inspect):
    Path("t.csv").write_text("2,1,3\n0,1,7\n1,2,8\n2,3,9\n")
    facts, _ = inspect("t.csv", "--header", "--source", "1", "--target", "2")
    assert facts["num_nodes"] == 4
    Path("u.csv").write_text("a,2,1\n9,0,1\n8,1,2\n7,2,0\n")
    facts, _ = inspect("u.csv", "--header", "--source", "1", "--target", "2")
    assert (facts["num_nodes"], facts["num_edges"]) == (3, 3)


COMMANDS = {
    "inspect": ["inspect", "t.csv"],
    "sparsify": ["sparsify", "t.csv", "--remove", "1", "-o", "-"],
    "order": ["order", "t.csv", "-o", "o.npz"],
    "verify": ["verify", "t.csv", "ready.npz"],
    "compare": ["compare", "t.csv", "t.csv"],
    "walk-index": ["walk-index", "t.csv", "--subset", "0", "--walk-length", "2"],
    "bounds": ["theory", "bounds", "t.csv", "--subset", "0", "--depth", "2"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_them(name, capsys):
    Path("t.csv").write_text(TIMED)
    said = ["--source-column", "u", "--target-column", "v"]
    assert run(["order", "t.csv", "-o", "ready.npz", *said]) == 0
    capsys.readouterr()
    assert run([*COMMANDS[name], *said[:2], "--target-column", "nothing"]) == 2
    err = capsys.readouterr().err
    assert run([*COMMANDS[name], *said]) == 0, capsys.readouterr().err
    assert "target is 'nothing', but" in err
    assert "time, u, v, w" in err


def test_a_target_of_its_own_is_a_vertex(capsys):
    Path("t.csv").write_text(TIMED)
    args = ["walk-index", "t.csv", "--subset", "0", "--walk-length", "2", "--target", "2"]
    assert run([*args, "--source", "u", "--target-column", "v"]) == 0
    assert "to vertex 2" in capsys.readouterr().err


def test_a_guess_is_one_line_and_no_guess_is_none(inspect):
    Path("a.csv").write_text("follower_x,followee_x\n0,1\n1,2\n")
    facts, err = inspect("a.csv")
    assert facts["num_edges"] == 2
    assert err.startswith("Note: a.csv: took the columns 'follower_x' and 'followee_x'")
    assert len(err.splitlines()) == 1
    for text in ("0,1\n1,2\n", "source,target\n0,1\n1,2\n", "src,dst,weight\n0,1,2\n1,2,3\n"):
        Path("b.csv").write_text(text)
        assert inspect("b.csv")[1] == ""


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        (",", "0,1\n1,2\n"), (";", "0;1\n1;2\n"), ("tab", "0\t1\n1\t2\n"), (r"\t", "0\t1\n1\t2\n"),
        ("\t", "0\t1\n1\t2\n"), ("space", " 0  1\n1\t2\n"), (" ", "0 1\n1 2\n"),
        ("|", "0|1\n1|2\n"), ("::", "0::1\n1::2\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.dat"])
def test_the_delimiter_can_be_said(mark, text, name, inspect):
    Path(name).write_text(text)
    facts, err = inspect(name, "--delimiter", mark, "--format", "csv")
    assert (facts["num_nodes"], facts["num_edges"], err) == (3, 2, "")


def test_header_and_no_header_decide(inspect, capsys):
    Path("a.csv").write_text("drug,gene\naspirin,cox\n")
    assert run(["inspect", "a.csv"]) == 1
    assert "--header or --no-header" in capsys.readouterr().err
    assert inspect("a.csv", "--header")[0]["num_edges"] == 1
    assert inspect("a.csv", "--no-header")[0]["num_edges"] == 2


FORMATS = {
    "csv": "source,target\n0,1\n1,2\n",
    "tsv": "0\t1\n1\t2\n",
    "txt": "0 1\n1 2\n",
    "edge-list": "0 1\n1 2\n",
    ".edgelist": "0 1 {}\n1 2 {}\n",
    "mtx": "%%MatrixMarket matrix coordinate pattern general\n3 3 2\n1 2\n2 3\n",
    "gml": "graph [\n node [ id 0 ]\n node [ id 1 ]\n node [ id 2 ]\n"
    " edge [ source 0 target 1 ]\n edge [ source 1 target 2 ]\n]\n",
    "graphml": '<?xml version="1.0"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    '<graph edgedefault="directed"><node id="0"/><node id="1"/><node id="2"/>'
    '<edge source="0" target="1"/><edge source="1" target="2"/></graph></graphml>',
    "metis": "3 2\n2\n1 3\n2\n",
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", FORMATS)
def test_any_text_is_read_from_any_name_and_from_standard_input(name, pack, inspect, monkeypatch):
    content = pack(FORMATS[name].encode())
    for file in ("graph.dat", "out.graph-x", "nothing"):
        Path(file).write_bytes(content)
        facts, _ = inspect(file, "--format", name)
        assert (facts["num_nodes"], facts["num_edges"]) == (3, 2)
    feed(monkeypatch, content)
    facts, _ = inspect("-", "--format", name)
    assert (facts["num_nodes"], facts["num_edges"]) == (3, 2)


def test_without_a_format_an_unknown_ending_says_so(capsys):
    Path("a.dat").write_text("0,1\n")
    Path("nothing").write_text("0,1\n")
    for name, words in {"a.dat": "unknown ending '.dat'", "nothing": "no ending"}.items():
        assert run(["inspect", name]) == 1
        err = capsys.readouterr().err
        assert words in err
        assert "--format csv" in err
        assert len(err.splitlines()) == 1
    assert run(["inspect", "a.dat", "--format", "cvs"]) == 2
    assert "Did you mean 'csv'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said", "output"),
    [
        ("a.dat", "csv", "a.dat-sparse.csv"),
        ("out.karate", "txt", "out.karate-sparse.txt"),
        ("a.csv.bz2", None, "a-sparse.csv.bz2"),
        ("a.csv.xz", None, "a-sparse.csv.xz"),
    ],
)
def test_the_output_can_be_read_back(name, said, output, inspect):
    text = b"source,target\n0,1\n1,2\n" if said != "txt" else b"0 1\n1 2\n"
    pack = {".bz2": bz2.compress, ".xz": lzma.compress}.get(Path(name).suffix, bytes)
    Path(name).write_bytes(pack(text))
    options = [] if said is None else ["--format", said]
    assert run(["sparsify", name, "--remove", "1", *options]) == 0
    assert inspect(output)[0]["num_edges"] == 1


USERS = "user,item,rating\n0,0,5\n0,1,4\n1,0,3\n"


def test_two_kinds_are_kept_apart(inspect, capsys):
    Path("u.csv").write_text(USERS)
    assert run(["inspect", "u.csv"]) == 1
    err = capsys.readouterr().err
    assert "--bipartite" in err
    assert "--no-bipartite" in err
    assert inspect("u.csv", "--bipartite")[0]["num_nodes"] == 4
    assert inspect("u.csv", "--no-bipartite")[0]["num_nodes"] == 2
    said = ["--source", "1", "--target", "2"]
    assert run(["inspect", "u.csv", *said]) == 1


@pytest.mark.parametrize("text", [USERS, USERS.replace("0,", "ann,").replace("1,0,", "bob,x,")])
@pytest.mark.parametrize("ending", ["csv", "txt", "parquet"])
def test_two_kinds_are_written_back_with_their_ids(text, ending, capsys):
    from wis.io import read_graph

    Path("u.csv").write_text(text)
    args = ["sparsify", "u.csv", "--bipartite", "--method", "random", "--remove", "1"]
    assert run([*args, "-o", f"o.{ending}"]) == 0, capsys.readouterr().err
    before = read_graph("u.csv", bipartite=True).data
    after = read_graph(f"o.{ending}", bipartite=True).data
    assert after.edge_types == before.edge_types == [("user", "to", "item")]
    rows = {_row(before, i) for i in range(3)}
    assert {_row(after, i) for i in range(2)} < rows
    if ending == "csv":
        lines = Path("o.csv").read_text().splitlines()
        assert lines[0] == "user,item,rating"
        assert set(lines) < set(text.splitlines())


def _row(data, edge):
    ends = data["user", "to", "item"].edge_index[:, edge].tolist()
    names = [data[kind].get("name") for kind in ("user", "item")]
    ids = [str(i) if known is None else known[i] for i, known in zip(ends, names, strict=True)]
    return (*ids, float(data["user", "to", "item"].edge_rating[edge]))


def test_options_of_tables_are_refused_elsewhere(capsys):
    assert run(["sparsify", "karate", "--remove", "1", "-o", "k.pt"]) == 0
    for args, words in {
        ("k.pt", "--source", "1"): "source is for edge lists and tables",
        ("karate", "--delimiter", ","): "--delimiter is for files",
        ("karate", "--format", "csv"): "--format is for files",
    }.items():
        assert run(["inspect", *args]) == 2
        assert words in capsys.readouterr().err


def test_compare_gives_each_graph_the_options_that_fit(capsys):
    Path("t.csv").write_text(TIMED)
    said = ["--source", "u", "--target", "v"]
    assert run(["sparsify", "t.csv", "--remove", "1", "-o", "t.pt", *said]) == 0
    assert run(["sparsify", "t.csv", "--remove", "1", "-o", "o.csv", *said]) == 0
    assert run(["compare", "t.csv", "t.pt", *said]) == 0, capsys.readouterr().err
    assert run(["compare", "t.csv", "o.csv", *said]) == 0, capsys.readouterr().err


def test_types_are_taken_from_a_column_of_texts(capsys):
    rows = "a,b,x,p\nb,c,x,p\nc,d,y,q\nd,a,y,q\n"
    Path("t.csv").write_text(f"source,target,type,Kind Of\n{rows}")
    for flags in (["--per-type"], ["--type-column", "Kind Of"], ["--type-column", "edge_kind_of"]):
        assert run(["sparsify", "t.csv", "--remove", "50%", "-o", "-", *flags]) == 0
        left = capsys.readouterr().out.splitlines()[1:]
        assert sorted(line.split(",")[2] for line in left) == ["x", "y"]
    assert run(["sparsify", "t.csv", "--remove", "1", "-o", "-", "--type-column", "Kind"]) == 2
    assert "those there are: type, Kind Of" in capsys.readouterr().err


def test_weights_are_named_as_in_the_file(capsys):
    Path("t.csv").write_text("source,target,Strength of it\n0,1,1\n1,2,2\n2,0,9\n")
    args = ["sparsify", "t.csv", "--remove", "1", "-o", "-", "--method", "spectral", "--option"]
    assert run([*args, "edge_weight=Strength of it"]) == 0
    named = capsys.readouterr().out
    assert run([*args, "edge_weight=edge_strength_of_it"]) == 0
    assert capsys.readouterr().out == named
    assert run([*args, "edge_weight=strength"]) == 2
    assert "those there are: Strength of it" in capsys.readouterr().err


def test_weights_that_are_none_are_named_as_in_the_file(capsys):
    Path("t.csv").write_text("source,target,Kind Of,Length\n0,1,a,nan\n1,2,b,1\n2,0,a,1\n")
    args = ["sparsify", "t.csv", "--remove", "1", "-o", "-", "--method", "spectral", "--option"]
    assert run([*args, "edge_weight=Kind Of"]) == 1
    assert "Error: Kind Of is a list of texts" in capsys.readouterr().err
    assert run([*args, "edge_weight=Length"]) == 1
    assert "Error: Length is nan at arc" in capsys.readouterr().err
    assert run([*args, "edge_weight=edge_kind_of"]) == 1
    assert "Error: edge_kind_of is a list of texts" in capsys.readouterr().err


def test_protected_edges_may_have_a_header(capsys):
    Path("g.csv").write_text("ann,bob\nbob,cid\ncid,ann\n")
    Path("p.csv").write_text("one,other\nann,bob\nbob,cid\n")
    assert run(["sparsify", "g.csv", "--remove", "1", "--protect", "p.csv", "-o", "-"]) == 0
    assert capsys.readouterr().out == "ann,bob\nbob,cid\n"


def test_ids_are_not_taken_for_others(inspect, capsys):
    Path("f.csv").write_text("source,target\n01001,1001\n01001,01003\n1001,01005\n01003,01005\n")
    facts, _ = inspect("f.csv", "--relabel")
    assert (facts["num_nodes"], facts["num_edges"]) == (4, 4)
    assert run(["sparsify", "f.csv", "--relabel", "--remove", "0", "-o", "f.graphml"]) == 0
    assert 'id="01001"' in Path("f.graphml").read_text()
    Path("g.csv").write_text("0,1\n1,7\n")
    capsys.readouterr()
    Path("p.csv").write_text("0,01\n")
    assert run(["sparsify", "g.csv", "--remove", "1", "--protect", "p.csv", "-o", "-"]) == 1
    assert "no vertex '01'" in capsys.readouterr().err


LONG = "a" * 5000


@pytest.mark.parametrize(
    "args",
    [
        ["inspect", LONG], ["inspect", f"{LONG}.csv"], ["inspect", f"karate/{LONG}"],
        ["compare", "karate", LONG], ["verify", "karate", LONG], ["order", "karate", "-o", LONG],
        *(
            ["sparsify", "karate", "--remove", "1", flag, LONG + ending]
            for flag, ending in {
                "-o": ".csv", "--save-order": ".npz", "--order": ".npz", "--plot": ".png",
                "--protect": ".csv",
            }.items()
        ),
        ["walk-index", "karate", "--walk-length", "1", "--subset", f"@{LONG}"],
    ],
)  # fmt: skip
def test_a_name_that_no_file_can_have_is_one_short_line(args, capsys):
    assert run(args) in (1, 2)
    err = capsys.readouterr().err
    assert err.startswith("Error: ")
    assert len(err.splitlines()) == 1
    assert len(err) < 900


def test_a_folder_is_called_a_folder(capsys):
    Path("tmp").mkdir()
    Path("x.csv").mkdir()
    for args in (["inspect", "tmp"], ["sparsify", "karate", "--remove", "1", "-o", "tmp"]):
        assert run(args) == 1
        assert "tmp: is a folder" in capsys.readouterr().err
    assert run(["sparsify", "karate", "--remove", "1", "-o", "x.csv"]) == 1
    assert "x.csv: is a folder" in capsys.readouterr().err


def test_the_help_names_every_ending(capsys):
    from wis.io import formats

    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    twins = {".pth": ".pt", ".metis": ".graph"}
    assert all(twins.get(ending, ending) in text for ending in [*formats(), ".gz", ".bz2", ".xz"])
