"""Text files of a folder mean what they mean in memory, whatever they look like."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wis.errors import GraphFileError, GraphFormatError, OptionError, WisError
from wis.io import read_graph
from wis.scale import sparsify_files, texts
from wis.scale.files import EdgeFiles
from wis.scale.vertices import look_at_ids

FIELDS = [
    *("0", "1", "2", "3", "10", "11", "7"),
    *("007", "3.0", "1_0", "+5", "1e3", "-1", "-0", "0x1F", "٣", "nan", "NA", "2.5", "1e300"),
    *("a", "b", "c d", "é", "", " 4", "5 ", '"6"', '"x y"', '"a""b"', '"', "#1", "%2", "true"),
    *("9223372036854775807", "9223372036854775808", "source", "target", "A", "B", "|"),
]
PLAIN = FIELDS[:7]
HEADERS = ["source,target", "follower,followee", "A,B", "u\tv", "from to", ",source,target", "x"]
MARKS = [",", ",", "\t", " ", ";", "  ", ", "]


@st.composite
def lists(draw):
    """An edge list as strangers write them: mostly regular, with something odd somewhere."""
    mark = draw(st.sampled_from(MARKS))
    width = draw(st.sampled_from([2, 2, 2, 3, 4]))
    odd = draw(st.lists(st.sampled_from(FIELDS), max_size=2))
    field = st.sampled_from([*PLAIN, *PLAIN, *odd])
    lines = [
        mark.join(draw(st.lists(field, min_size=width, max_size=width)))
        for _ in range(draw(st.integers(0, 12)))
    ]
    if draw(st.booleans()):
        lines.insert(0, draw(st.sampled_from(HEADERS)))
    extra = st.sampled_from(["", " ", "# note", "% note", " # note", "0,1,2,3,4,5", "1", "\ufeff"])
    for line in draw(st.lists(extra, max_size=2)):
        lines.insert(draw(st.integers(0, len(lines))), line)
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    text = end.join(lines) + draw(st.sampled_from(["", end]))
    return (draw(st.sampled_from(["", "", "\ufeff"])) + text).encode()


def in_memory(path, relabel):
    """Arcs, number of vertices and names of a list; None if it is refused."""
    try:
        file = read_graph(path, relabel=relabel)
    except WisError:
        return None
    return file.data.edge_index.tolist(), file.data.num_nodes, file.vertex_names or None


def streamed(path, relabel):
    """The same by the reader of folders."""
    try:
        files = EdgeFiles.of(str(path))
        vertices, _ = look_at_ids(files, path.parent, relabel=relabel, num_nodes=None)
        pairs = list(files.pairs(0, as_names=vertices.texts))
    except WisError as error:
        # A matrix and a list with dictionaries have no columns of endpoints: memory can hold them.
        return in_memory(path, relabel) if "read it without --engine" in str(error) else None
    ends = [[vertices.number(pair[end]) for pair in pairs] for end in (0, 1)]
    arcs = [np.concatenate([np.empty(0, np.int64), *end]).astype(int).tolist() for end in ends]
    names = None
    if vertices.names is not None:
        names = [str(name) for part in vertices._names.ranges for name in part.to_pylist()]
    return arcs, vertices.num_nodes, names or None


@given(lists(), st.sampled_from(texts.ENDINGS), st.booleans(), st.sampled_from([7, 33, 1 << 20]))
@example(b"source,target\n01001,1001\n01001,01003\n1001,01005\n01003,01005\n", ".csv", True, 7)
@example(b"source,target\n007,7\n7,8\n8,9\n007,9\n", ".csv", True, 1 << 20)
@example(b"1,2\n3,4\n" * 20 + b"x,5\n", ".csv", True, 7)
@example(b"1,2\n3,4\n" * 20 + b"x,5\n", ".csv", False, 7)
@settings(
    max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
)
def test_a_list_is_the_same_graph_in_memory_and_chunk_by_chunk_or_refused_by_both(
    tmp_path_factory, text, ending, relabel, size
):
    path = tmp_path_factory.mktemp("list") / f"list{ending}"
    path.write_bytes(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "CHUNK_BYTES", size)
        assert streamed(path, relabel) == in_memory(path, relabel)


def edges_of(folder):
    return sorted(
        edge
        for path in Path(folder).rglob("*.parquet")
        for edge in zip(*pq.read_table(path).columns, strict=True)
    )


@pytest.mark.parametrize("named", [True, False], ids=["by its name", "by its content"])
@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_compressed_files_count(tmp_path, ending, pack, named):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "part-0.csv").write_text("source,target\n0,1\n1,2\n")
    name = f"part-1.csv{ending if named else ''}"
    (tmp_path / "in" / name).write_bytes(pack(b"source,target\n2,3\n3,0\n0,2\n"))
    result = sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)
    assert (result.num_edges, result.num_rows) == (5, 5)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"part-0.csv.parquet", f"{name}.parquet"}


def test_a_damaged_compressed_file_is_one_line(tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.csv.gz"
    for content in (gzip.compress(b"0,1\n" * 999)[:-9], b"0,1\n", b"\x1f\x8b\x08 nonsense"):
        path.write_bytes(content)
        with pytest.raises(GraphFormatError, match=r"a\.csv\.gz") as caught:
            sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)
        assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("name", ["notes.md", "part-1.csv.zst", "edges", "deep/graph.pt", "a.CSV~"])
def test_a_file_of_another_kind_is_named_and_refused(tmp_path, name):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "part-0.csv").write_text("source,target\n0,1\n1,2\n")
    (tmp_path / "in" / name).write_text("0,1\n")
    with pytest.raises(GraphFormatError, match=f"holds {name}, which is not an edge file"):
        sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)


@pytest.mark.parametrize(
    "name", ["_SUCCESS", "._SUCCESS.crc", ".part-0.csv.crc", "part-0.csv.crc", "_temporary/0/x.bin"]
)
def test_what_spark_and_hadoop_leave_beside_their_data_is_no_data(tmp_path, caplog, name):
    (tmp_path / "in" / name).parent.mkdir(parents=True)
    (tmp_path / "in" / "part-0.csv").write_text("source,target\n0,1\n1,2\n")
    (tmp_path / "in" / name).write_text("x")
    with caplog.at_level("INFO", "wis"):
        result = sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)
    assert result.num_rows == 2
    assert caplog.text == ""


def test_an_edge_file_that_is_left_out_is_named(tmp_path, caplog):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "part-0.csv").write_text("source,target\n0,1\n1,2\n")
    (tmp_path / "in" / "_old.csv").write_text("source,target\n5,6\n")
    with caplog.at_level("INFO", "wis"):
        assert sparsify_files(tmp_path / "in", tmp_path / "out", remove=0).num_rows == 2
    assert "skipped _old.csv" in caplog.text


@pytest.mark.parametrize(("log", "kind"), [("_delta_log", "Delta"), (".hoodie", "Hudi")])
def test_a_table_whose_log_says_which_files_count_is_refused(tmp_path, log, kind):
    (tmp_path / "in" / log).mkdir(parents=True)
    (tmp_path / "in" / "part-0.csv").write_text("source,target\n0,1\n1,2\n")
    (tmp_path / "in" / log / "0.json").write_text("{}")
    with pytest.raises(GraphFormatError, match=f"is a {kind} table"):
        sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)


def test_folders_below_count_and_keep_their_names(tmp_path):
    for year in (2020, 2021):
        folder = tmp_path / "in" / f"year={year}"
        folder.mkdir(parents=True)
        (folder / "part.csv").write_text(f"source,target\n0,{year}\n")
    result = sparsify_files(
        tmp_path / "in", tmp_path / "out", remove=0, relabel=True, progress=False
    )
    assert (result.num_rows, result.num_nodes) == (2, 3)
    written = sorted(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.parquet"))
    assert list(map(str, written)) == ["year=2020/part.csv.parquet", "year=2021/part.csv.parquet"]


def test_an_endpoint_in_the_name_of_a_folder_is_refused(tmp_path):
    (tmp_path / "in" / "source=3").mkdir(parents=True)
    (tmp_path / "in" / "source=3" / "part.csv").write_text("target,weight\n0,1\n")
    with pytest.raises(GraphFormatError, match=r"path of source=3.part.csv holds the column s"):
        sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)


def test_two_files_that_would_be_one_are_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("source,target\n0,1\n1,2\n")
    sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)
    (tmp_path / "out" / "a.csv.parquet").rename(tmp_path / "in" / "a.csv.parquet")
    with pytest.raises(GraphFormatError, match="would be written to one file"):
        sparsify_files(tmp_path / "in", tmp_path / "again", remove=0, progress=False)


def test_names_that_look_like_numbers_keep_their_spelling(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("source,target\n7,8\n8,9\n")
    (tmp_path / "in" / "b.csv").write_text("source,target\n007,7\n007,9\n")
    with pytest.raises(GraphFormatError, match="--relabel"):
        sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)
    result = sparsify_files(
        tmp_path / "in", tmp_path / "out", remove=0, relabel=True, progress=False
    )
    assert (result.num_nodes, result.num_edges) == (4, 4)
    table = pq.read_table(tmp_path / "out" / "b.csv.parquet")
    assert table.to_pydict() == {"source": ["007", "007"], "target": ["7", "9"]}


def test_a_column_has_one_type_in_all_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "CHUNK_BYTES", 24)
    rows = [f"{i},{i + 1},{i},{'' if i < 5 else i},{i if i < 9 else 'x'},00{i}" for i in range(12)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("source,target,i,gap,text,code\n" + "\n".join(rows))
    sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)
    table = pq.read_table(tmp_path / "out" / "a.csv.parquet")
    assert table["i"].to_pylist() == list(range(12))
    assert str(table["gap"].to_pylist()[:6]) == "[nan, nan, nan, nan, nan, 5.0]"
    assert table["text"].to_pylist() == [*map(str, range(9)), "x", "x", "x"]
    whole = read_graph(tmp_path / "in" / "a.csv").data
    assert table["code"].to_pylist() == list(whole["edge_code"])


def test_the_line_of_an_error_is_counted_from_the_beginning_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "CHUNK_BYTES", 32)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("source,target\n# c\n" + "0,1\n" * 50 + "0,x\n")
    with pytest.raises(GraphFormatError, match=r"a\.csv line 53: "):
        sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)


def test_an_absurdly_long_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "LONGEST_LINE", 99)
    monkeypatch.setattr(texts, "CHUNK_BYTES", 10)
    monkeypatch.setattr(texts, "HEAD_BYTES", 10)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("0,1\n" + "0" * 200)
    with pytest.raises(GraphFormatError, match="line 2: is longer than 99 bytes"):
        sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)


def test_a_file_that_cannot_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("0,1\n")

    def broken(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(texts, "unpacked", broken)
    with pytest.raises(GraphFileError, match="cannot be read: Input/output error"):
        sparsify_files(tmp_path / "in", tmp_path / "out", remove=0, progress=False)


# What is said instead of guessed


def written(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize("engine", ["stream", "parquet"])
def test_columns_are_chosen_by_name_and_by_number(tmp_path, engine):
    source = written(tmp_path / "in", a__csv="time,who,whom\n7,0,1\n8,1,2\n9,2,0\n9,2,3\n")
    if engine == "parquet":
        sparsify_files(source, tmp_path / "plain", remove=0, source_column=1, target_column=3,
                       relabel=True, progress=False)  # fmt: skip
        source = tmp_path / "plain"
    for number, said in enumerate([("who", "whom"), (2, 3), ("2", "3")]):
        output = tmp_path / f"out-{number}"
        columns = {"source_column": said[0], "target_column": said[1]}
        result = sparsify_files(source, output, remove=0, progress=False, **columns)
        assert (result.num_nodes, result.num_edges, result.num_rows) == (4, 4, 4)
    with pytest.raises(OptionError, match=r"source is 'nobody', but .* columns time, who, whom"):
        sparsify_files(source, tmp_path / "none", remove=0, source_column="nobody",
                       target_column="whom", progress=False)  # fmt: skip


def test_a_header_and_a_delimiter_are_taken_as_they_are_said(tmp_path):
    source = written(tmp_path / "in", a__csv="ann|bob\neve|joe\n")
    with pytest.raises(GraphFormatError, match="--header or --no-header"):
        sparsify_files(source, tmp_path / "out", remove=0, delimiter="|", progress=False)
    for header, rows in ((True, 1), (False, 2)):
        result = sparsify_files(
            *(source, tmp_path / f"out-{rows}"),
            remove=0,
            delimiter="pipe",
            header=header,
            progress=False,
        )
        assert (result.num_rows, result.num_nodes) == (rows, 2 * rows)


def test_files_of_any_name_are_read_in_the_format_that_is_said(tmp_path):
    source = written(tmp_path / "in", **{"out.x": "0,1\n1,2\n", "part-00001": "2,3\n"})
    with pytest.raises(GraphFormatError, match="give the format of all files with --format"):
        sparsify_files(source, tmp_path / "out", remove=0, progress=False)
    result = sparsify_files(source, tmp_path / "out", remove=0, format="csv", progress=False)
    assert result.num_rows == 3
    with pytest.raises(OptionError, match="format is mtx; folders hold edge lists or tables"):
        sparsify_files(source, tmp_path / "none", remove=0, format="mtx", progress=False)


@pytest.mark.parametrize("names", [("0", "1", "2"), ("ann", "bob", "eve")])
def test_two_kinds_of_vertices_are_not_merged_unless_they_are_said_to_be_one(tmp_path, names):
    a, b, c = names
    source = written(
        tmp_path / "in", a__csv=f"user,item\n{a},{b}\n", b__csv=f"user,item\n{b},{c}\n"
    )
    said = {"remove": 0, "header": True, "progress": False}
    with pytest.raises(GraphFormatError, match="share 1 of them; pass --bipartite"):
        sparsify_files(source, tmp_path / "out", **said)
    assert sparsify_files(source, tmp_path / "out", one_kind=True, **said).num_nodes == 3
    apart = written(tmp_path / "apart", a__csv="user,item,rating\nann,x,5\nbob,y,4\n")
    assert sparsify_files(apart, tmp_path / "too", **said).num_nodes == 4


def test_what_was_guessed_is_said(tmp_path, caplog):
    source = written(tmp_path / "in", a__csv="who,whom\n3,1\n1,2\n2,3\n")
    with caplog.at_level("INFO", "wis"):
        sparsify_files(source, tmp_path / "out", remove=0, progress=False)
    assert "took the columns 'who' and 'whom' for the endpoints" in caplog.text
    assert "no edge has the vertex 0" in caplog.text


def test_the_number_of_vertices_that_a_table_states_counts(tmp_path):
    (tmp_path / "in").mkdir()
    table = pa.table({"source": [0, 1], "target": [1, 2]})
    stated = table.replace_schema_metadata({"num_nodes": "9"})
    pq.write_table(stated, tmp_path / "in" / "a.parquet")
    result = sparsify_files(tmp_path / "in", tmp_path / "out", remove=1, progress=False)
    assert result.num_nodes == read_graph(tmp_path / "in" / "a.parquet").data.num_nodes == 9
    assert pq.read_schema(tmp_path / "out" / "a.parquet").metadata[b"num_nodes"] == b"9"
    with pytest.raises(OptionError, match=r"num_nodes is 5, but .* says 9"):
        sparsify_files(tmp_path / "in", tmp_path / "no", remove=1, num_nodes=5, progress=False)


def test_the_state_of_vertices_is_held_within_the_memory_that_is_allowed(tmp_path):
    source = written(tmp_path / "in", a__csv="0,1\n1,2\n")
    with pytest.raises(GraphFormatError, match="the state of 1000000 vertices takes"):
        sparsify_files(
            *(source, tmp_path / "out"),
            remove=0,
            num_nodes=10**6,
            max_memory="1MB",
            progress=False,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 1 {'weight': 3}\n", "holds attributes as Python dictionaries"),
        (",a,b\na,0,1\nb,1,0\n", "holds an adjacency matrix"),
        ("%%MatrixMarket matrix\n0 1\n", "pass --format mtx"),
        ("# nothing but a comment\n \n", None),
    ],
)
def test_what_is_no_list_of_edges_is_refused(tmp_path, text, words):
    source = written(tmp_path / "in", a__edgelist=text, b__edgelist="0 1\n")
    if words is None:
        assert sparsify_files(source, tmp_path / "out", remove=0, progress=False).num_rows == 1
        return
    with pytest.raises(GraphFormatError, match=words):
        sparsify_files(source, tmp_path / "out", remove=0, progress=False)
