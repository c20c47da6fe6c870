"""Edge tables in Parquet."""

import pytest
import torch
from torch_geometric.data import Data

import wis
from wis.errors import GraphFormatError, OptionError
from wis.io import read_graph, write_graph

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def put(tmp_path):
    def write(**columns):
        pq.write_table(pa.table(columns), tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    return write


def test_a_cut_keeps_every_column_and_its_type(put, tmp_path):
    path = put(
        weight=pa.array([0.5, None, 2.5], pa.float32()),
        target=pa.array([1, 2, 0], pa.int32()),
        source=pa.array([0, 1, 2], pa.uint16()),
        kind=pa.array(["x", "y", "z"]).dictionary_encode(),
        when=pa.array([0, 1, 2], pa.timestamp("ms")),
        parts=pa.array([[1], [], [2, 3]]),
        flag=pa.array([True, False, True]),
        small=pa.array([1, 2, 3], pa.int8()),
        text=pa.array(["p", "q", "r"], pa.large_string()),
    )
    file = read_graph(path)
    assert file.data.edge_index.T.tolist() == [[0, 1], [1, 2], [2, 0]]
    assert file.data.edge_small.dtype == torch.int8
    assert file.data.edge_text == ["p", "q", "r"]
    assert file.data.edge_weight.isnan().tolist() == [False, True, False]
    assert file.unread == ("column 'kind'", "column 'when'", "column 'parts'")
    cut = file.with_data(wis.sparsify(file.data, remove=1))
    before, after = pq.read_table(path), pq.read_table(write_graph(cut, tmp_path / "b.parquet"))
    assert after.schema.equals(before.schema)
    rows = before.to_pylist()
    assert [row for row in after.to_pylist() if row in rows] == after.to_pylist()
    assert after.num_rows == 2
    dropped = []
    write_graph(cut, tmp_path / "b.csv", dropped=dropped)
    assert dropped[:3] == list(file.unread)


def test_the_number_of_vertices_is_kept(tmp_path):
    write_graph(Data(edge_index=torch.tensor([[0], [1]]), num_nodes=7), tmp_path / "a.parquet")
    assert read_graph(tmp_path / "a.parquet").data.num_nodes == 7
    with pytest.raises(OptionError, match="num_nodes is 8"):
        read_graph(tmp_path / "a.parquet", num_nodes=8)
    again = read_graph(tmp_path / "a.parquet")
    cut = again.with_data(wis.sparsify(again.data, remove=1))
    assert read_graph(write_graph(cut, tmp_path / "b.parquet")).data.num_nodes == 7


def test_text_ids_come_back(put, tmp_path):
    file = read_graph(put(src=["b", "a"], dst=["a", "c"]))
    assert file.vertex_names == ["a", "b", "c"]
    dropped = []
    cut = file.with_data(wis.sparsify(file.data, remove=1))
    write_graph(cut, tmp_path / "b.parquet", dropped=dropped)
    assert dropped == ["1 vertex without edges"]
    write_graph(file, tmp_path / "c.csv")
    write_graph(read_graph(tmp_path / "c.csv"), tmp_path / "d.parquet")
    assert pq.read_table(tmp_path / "d.parquet").to_pylist() == [
        {"source": "b", "target": "a"}, {"source": "a", "target": "c"},
    ]  # fmt: skip
    assert read_graph(put(u=[1, 2], v=["a", "b"])).vertex_names == ["1", "2", "a", "b"]


def test_relabel_takes_integers_as_names(put):
    assert read_graph(put(u=[10**12, -3], v=[5, 5]), relabel=True).vertex_names == [
        "-3", "5", str(10**12),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"u": [0]}, "1 columns; expected two with the endpoints"),
        ({"u": [0, None], "v": [1, 2]}, "row 2: vertex id in column 'u' is missing"),
        ({"u": [0, -1], "v": [1, 2]}, "row 2: vertex id -1 is negative"),
        ({"u": [0.5, 1], "v": [1, 2]}, "column 'u' holds numbers that are no integers"),
        ({"u": [float("nan"), 1], "v": [1, 2]}, "column 'u' holds numbers that are no integers"),
        ({"u": [True], "v": [1]}, "column 'u' holds bool; expected text, or integers below 2^63"),
        ({"u": pa.array([2**63], pa.uint64()), "v": [1]}, "integers below 2^63"),
        ({"u": [0], "v": [10**12]}, "row 1: vertex id 1000000000000 is very large"),
    ],
)
def test_a_bad_table_is_one_line(put, columns, message):
    path = put(**columns)
    with pytest.raises(GraphFormatError) as caught:
        read_graph(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_truncated_and_other_files_are_damaged(put, tmp_path):
    raw = put(u=[0, 1], v=[1, 2]).read_bytes()
    for bad in (raw[:-5], raw[:20], b"PAR1", b"hello"):
        (tmp_path / "b.parquet").write_bytes(bad)
        with pytest.raises(GraphFormatError, match=r"b\.parquet: damaged, or not a Parquet table"):
            read_graph(tmp_path / "b.parquet")


def _table(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_options_name_the_columns_of_a_table(tmp_path):
    path = _table(tmp_path / "a.parquet", time=[1, 2], u=[0, 1], v=[1, 2], w=[0.5, 2.0])
    for source, target, weight in (("u", "v", "w"), (2, 3, 4)):
        file = read_graph(path, source=source, target=target, weight=weight)
        assert file.data.edge_index.tolist() == [[0, 1], [1, 2]]
        assert file.data.edge_weight.tolist() == [0.5, 2]
        assert file.notes == ()
    with pytest.raises(OptionError, match="header is for edge lists"):
        read_graph(path, header=True)


def test_texts_that_look_like_integers_stay_texts(tmp_path):
    path = _table(tmp_path / "a.parquet", source=["007", "7", "+7"], target=["7", "1e3", " 7"])
    assert read_graph(path).vertex_names == sorted(["007", "7", "+7", "1e3", " 7"])
    assert read_graph(path, relabel=True).vertex_names == read_graph(path).vertex_names


def test_unknown_names_of_columns_are_told_and_relations_refused(tmp_path):
    path = _table(tmp_path / "a.parquet", one=[0, 1], other=[1, 2])
    assert "'one' and 'other'" in read_graph(path).notes[0]
    index = {"Unnamed: 0": [0, 1], "one": [5, 6], "other": [6, 7]}
    file = read_graph(_table(tmp_path / "b.parquet", **index))
    assert file.data.edge_index.tolist() == [[5, 6], [6, 7]]


def test_two_kinds_are_kept_apart_or_refused(tmp_path):
    path = _table(tmp_path / "a.parquet", user=[0, 0, 1], item=[0, 1, 0], rating=[1, 2, 3])
    with pytest.raises(GraphFormatError, match="--bipartite"):
        read_graph(path)
    file = read_graph(path, bipartite=True)
    assert file.num_nodes == file.data.num_nodes == 4
    assert file.data.node_types == ["user", "item"]
    cut = file.with_data(wis.sparsify(file.data, remove=1, method="random"))
    again = read_graph(write_graph(cut, tmp_path / "b.parquet"), bipartite=True)
    assert again.data["user", "to", "item"].num_edges == 2
    assert read_graph(path, bipartite=False).data.num_nodes == 2
