"""Matrix Market files."""

import io

import pytest
import scipy.io
import scipy.sparse
import torch
from torch_geometric.data import Data

import wis
from wis.errors import GraphFormatError, OptionError
from wis.io import read_graph, write_graph

HEAD = "%%MatrixMarket matrix coordinate"


@pytest.fixture
def put(tmp_path):
    def write(text):
        path = tmp_path / "a.mtx"
        path.write_text(text)
        return path

    return write


def test_one_triangle_stays_one_triangle_word_for_word(put, tmp_path):
    text = f"{HEAD} real symmetric\n% by hand\n\n5 5 4\n2 1 0.50\n3 2 1\n3 1 2e0\n4 4 7\n"
    file = read_graph(put(text))
    assert file.data.num_nodes == 5
    stored = [[1, 0], [2, 1], [2, 0], [3, 3]]
    assert file.data.edge_index.T.tolist() == [*stored, [0, 1], [1, 2], [0, 2]]
    assert file.data.edge_weight.tolist() == [0.5, 1, 2, 7, 0.5, 1, 2]
    assert file.undirected
    assert file.data.edge_weight.dtype == torch.float64
    cut = file.with_data(wis.sparsify(file.data, remove=1))
    again = write_graph(cut, tmp_path / "b.mtx").read_text()
    lines = text.splitlines()
    assert again.splitlines()[:3] == lines[:3]
    assert again.splitlines()[3] == "5 5 3"
    assert set(again.splitlines()[4:]) < set(lines[4:])
    assert read_graph(write_graph(file, tmp_path / "c.mtx")).path.read_text() == text


@pytest.mark.parametrize(
    ("field", "values", "dtype"),
    [
        ("pattern", ("", ""), None),
        ("integer", (" 3", " -4"), torch.int64),
        ("real", (" 3", " 1e-3"), torch.float64),
        ("complex", (" 1 2", " 0 -1.5"), torch.complex128),
    ],
)
def test_every_field_is_what_scipy_reads(put, field, values, dtype):
    path = put(f"{HEAD} {field} general\n3 3 2\n1 2{values[0]}\n3 1{values[1]}\n")
    data = read_graph(path).data
    expected = scipy.sparse.coo_array(scipy.io.mmread(path))
    assert data.edge_index.T.tolist() == [[0, 1], [2, 0]]
    if dtype is None:
        assert "edge_weight" not in data
    else:
        assert data.edge_weight.dtype == dtype
        dense = expected.toarray()
        assert data.edge_weight.tolist() == [dense[0, 1], dense[2, 0]]


def test_what_is_written_is_what_scipy_reads(tmp_path):
    weight = torch.tensor([0.5, 2.0])
    data = Data(edge_index=torch.tensor([[0, 2], [1, 0]]), edge_weight=weight, num_nodes=4)
    matrix = scipy.io.mmread(write_graph(data, tmp_path / "a.mtx"))
    assert matrix.shape == (4, 4)
    assert scipy.sparse.coo_array(matrix).toarray()[2, 0] == 2
    again = read_graph(tmp_path / "a.mtx").data
    assert torch.equal(again.edge_index, data.edge_index)


def test_scipys_own_files_are_read(tmp_path):
    matrix = scipy.sparse.random_array((9, 9), density=0.3, rng=0)
    stream = io.BytesIO()
    scipy.io.mmwrite(stream, matrix, symmetry="general")
    (tmp_path / "a.mtx").write_bytes(stream.getvalue())
    data = read_graph(tmp_path / "a.mtx").data
    assert data.num_edges == matrix.nnz


BAD = {
    "line 1: 'hello'; expected '%%MatrixMarket": "hello\n",
    "line 1: a dense matrix (array)": "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n",
    "line 2: '2 2'; expected the numbers of": f"{HEAD} real general\n2 2\n1 2 3\n",
    "line 1: ''; expected the numbers of": f"{HEAD} real general\n",
    "line 3: the matrix has 2 rows and 3": f"{HEAD} real general\n%\n2 3 1\n1 2 3\n",
    "line 2: 2 entries announced, 1 found": f"{HEAD} real general\n2 2 2\n1 2 3\n",
    "line 2: 0 entries announced, 1 found": f"{HEAD} real general\n2 2 0\n1 2 3\n",
    "line 4: entry (3, 1) in a matrix of 2": f"{HEAD} pattern general\n2 2 2\n1 2\n3 1\n",
    "line 3: entry (0, 1) in a matrix of 2": f"{HEAD} pattern general\n2 2 1\n0 1\n",
    "line 3: 2 columns; expected 3": f"{HEAD} real general\n2 2 1\n1 2\n",
    "line 3: vertex id 'x' is not an integer": f"{HEAD} real general\n2 2 1\nx 2 1\n",
    "line 3: 'x'; expected a number": f"{HEAD} real general\n2 2 1\n1 2 x\n",
    "at most 3037000499 are supported": f"{HEAD} real general\n9999999999 9999999999 0\n",
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_line_is_named(put, message):
    path = put(BAD[message])
    with pytest.raises(GraphFormatError) as caught:
        read_graph(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_num_nodes_must_not_contradict_the_file(put):
    path = put(f"{HEAD} pattern general\n3 3 1\n1 2\n")
    assert read_graph(path, num_nodes=3).data.num_nodes == 3
    with pytest.raises(OptionError, match="num_nodes is 4"):
        read_graph(path, num_nodes=4)


def test_a_graph_without_edges_gets_no_weights(tmp_path):
    data = Data(edge_index=torch.zeros((2, 0), dtype=torch.int64), num_nodes=3)
    path = write_graph(data, tmp_path / "a.mtx")
    assert scipy.io.mmread(path).shape == (3, 3)
    again = read_graph(path).data
    assert again.num_nodes == 3
    assert "edge_weight" not in again
