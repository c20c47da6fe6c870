"""METIS adjacency lists."""

import pytest
import torch
from torch_geometric.data import Data

import wis
from wis.errors import GraphFormatError, OptionError
from wis.io import read_graph, write_graph

# the graph of the METIS 5 manual, figure 2: 7 vertices, 11 edges
MANUAL = "7 11\n5 3 2\n1 3 4\n5 4 2 1\n2 3 6 7\n1 3 6\n5 4 7\n6 4\n"
MANUAL_EDGE_WEIGHTS = (
    "7 11 001\n5 1 3 2 2 1\n1 1 3 2 4 1\n5 3 4 2 2 2 1 2\n2 1 3 2 6 2 7 5\n"
    "1 1 3 3 6 2\n5 2 4 2 7 6\n6 6 4 5\n"
)
MANUAL_VERTEX_WEIGHTS = (
    "7 11 010 3\n1 2 0 5 3 2\n0 2 2 1 3 4\n4 1 1 5 4 2 1\n2 2 3 2 3 6 7\n"
    "1 1 1 1 3 6\n6 2 1 5 4 7\n1 2 1 6 4\n"
)


@pytest.fixture
def put(tmp_path):
    def write(text):
        path = tmp_path / "a.graph"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("text", [MANUAL, MANUAL_EDGE_WEIGHTS, MANUAL_VERTEX_WEIGHTS])
def test_graphs_of_the_manual_are_read_and_written(put, text, tmp_path):
    file = read_graph(put(text))
    graph = wis.UndirectedGraph.from_any(file.data)
    assert (graph.num_nodes, graph.num_edges, graph.num_arcs) == (7, 11, 22)
    again = read_graph(write_graph(file, tmp_path / "b.graph")).data
    assert wis.UndirectedGraph.from_any(again).fingerprint == graph.fingerprint
    for name in ("edge_weight", "node_weight"):
        assert (name in again) == (name in file.data)
    assert (tmp_path / "b.graph").read_text().split("\n")[0] == text.split("\n")[0]


def test_weights_of_the_manual_are_those_of_its_figure(put):
    data = read_graph(put(MANUAL_EDGE_WEIGHTS)).data
    weights = {
        tuple(arc): weight
        for arc, weight in zip(data.edge_index.T.tolist(), data.edge_weight.tolist(), strict=True)
    }
    assert weights[0, 4] == weights[4, 0] == 1
    assert weights[5, 6] == weights[6, 5] == 6
    data = read_graph(put(MANUAL_VERTEX_WEIGHTS)).data
    assert data.node_weight.shape == (7, 3)
    assert data.node_weight[2].tolist() == [4, 1, 1]


def test_a_cut_is_a_valid_file(put, tmp_path):
    file = read_graph(put("% comment\n" + MANUAL_EDGE_WEIGHTS))
    cut = file.with_data(wis.sparsify(file.data, remove=6))
    write_graph(cut, tmp_path / "b.graph")
    again = read_graph(tmp_path / "b.graph").data
    assert (again.num_nodes, again.num_edges) == (7, 10)
    assert (tmp_path / "b.graph").read_text().startswith("% comment\n7 5 001\n")


def test_vertices_without_neighbours_have_an_empty_line(put, tmp_path):
    for text in (
        "3 1\n2\n1\n\n",
        "3 1\n2\n1",
        "3 1\n\n3\n2\n",
        "2 0\n\n\n",
        "1 0\n\n",
        "1 0",
        "0 0\n",
    ):
        file = read_graph(put(text))
        assert file.data.num_nodes == int(text[0])
        write_graph(file, tmp_path / "b.graph", force=True)
        assert read_graph(tmp_path / "b.graph").data.num_nodes == int(text[0])


BAD = {
    "line 1: 'a b'; expected 'vertices edges": "a b\n",
    "line 1: '3'; expected 'vertices edges": "3\n",
    "line 1: '3 1 2'; expected 'vertices edges": "3 1 2\n2\n1\n\n",
    "3 vertices announced, 1 lines found": "3 1\n2\n",
    "1 vertices announced, 2 lines found": "1 0\n\n1\n",
    "line 3: '-1'; expected non-negative": "2 1\n2\n-1\n",
    "line 2: '1.5'; expected non-negative": "2 1\n1.5\n1\n",
    "line 2: '99999999999999999999'; expected": "2 1\n99999999999999999999\n1\n",
    "line 2: neighbour 3; vertices count from 1 to 2": "2 1\n3\n1\n",
    "line 4: neighbour 0; vertices count from 1 to 2": "2 1\n% x\n2\n0\n",
    "line 3: vertex 2 is its own neighbour": "2 1\n\n2\n",
    "the lines of vertices 1 and 2 do not agree": "2 1\n2\n\n",
    "the lines of vertices 2 and 1 do not agree": "2 1 1\n2 5\n1 6\n",
    "the lines of vertices 1 and 2 do not": "2 2\n2 2\n1 1\n",
    "2 edges announced, 1 found": "2 2\n2\n1\n",
    "line 2: 1 numbers; expected 0 for the vertex and 2 for each": "2 1 001\n2\n1\n",
    "line 3: 0 numbers; expected 1 for the vertex": "2 0 010\n1\n\n",
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_line_is_named(put, message):
    if message.startswith("the lines of vertices 2"):
        message, text = "do not agree about their edge", BAD[message]
    else:
        text = BAD[message]
    path = put(text)
    with pytest.raises(GraphFormatError) as caught:
        read_graph(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_num_nodes_must_not_contradict_the_file(put):
    with pytest.raises(OptionError, match="num_nodes is 4"):
        read_graph(put(MANUAL), num_nodes=4)


def test_what_metis_has_no_place_for_is_told(tmp_path):
    data = Data(
        edge_index=torch.tensor([[0, 1, 1, 2, 3, 0], [1, 0, 2, 3, 3, 1]]),
        edge_weight=torch.tensor([1.0, 1, 2, 3, 4, 1]),
        edge_kind=list("abcdef"),
        x=torch.zeros(5, 1),
        node_weight=torch.arange(5),
        num_nodes=5,
        name=list("vwxyz"),
    )
    dropped = []
    write_graph(data, tmp_path / "a.graph", dropped=dropped)
    assert dropped == [
        "x", "kind", "the names of the vertices",
        "1 self-loops", "1 repeated arcs", "2 directions of one-way arcs",
    ]  # fmt: skip
    again = read_graph(tmp_path / "a.graph").data
    assert again.num_edges == 6
    assert again.node_weight.tolist() == [0, 1, 2, 3, 4]
    assert sorted(again.edge_weight.tolist()) == [1, 1, 2, 2, 3, 3]
    for weight in ([1.5, 1.5, 2, 2, 3, 3], [1, 2, 3, 4, 5, 6]):
        data.edge_weight = torch.tensor(weight)
        dropped.clear()
        write_graph(data, tmp_path / "a.graph", force=True, dropped=dropped)
        assert "weight" in dropped
