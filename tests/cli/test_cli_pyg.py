"""The command line cuts PyG's objects as the library does."""

from __future__ import annotations

import warnings

import pytest
import torch
import torch_geometric.transforms as T
from pyg_objects import NUM_ARCS, arcs, plain, shop
from torch_geometric.data import Batch

import wis
from wis.io import read_graph, write_graph
from wis.testing import assert_same_data
from wis_cli.main import run

pytestmark = pytest.mark.filterwarnings("ignore:Sparse")
A = torch.arange(NUM_ARCS)


def with_matrix(data):
    """`adj_t` beside `edge_index`; torch says once that such tensors are new."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return T.ToSparseTensor(remove_edge_index=False)(data)


def matrix_only(data):
    """`adj_t` and no `edge_index`."""
    data = with_matrix(data)
    del data.edge_index
    return data


OBJECTS = {
    "a matrix": with_matrix(plain(edge_attr=A)),
    "labels of the arcs": plain(edge_label=A % 2, names=[f"arc {k}" for k in range(NUM_ARCS)]),
    "held-out pairs": plain(edge_label=A, edge_label_index=arcs().flip(1), num_arcs=NUM_ARCS),
    "types": with_matrix(shop(edge_label=torch.arange(5))),
    "a batch": Batch.from_data_list([plain(edge_attr=A), plain(edge_attr=A + 50)]),
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", OBJECTS)
def test_command_and_library_agree(name):
    data = OBJECTS[name]
    write_graph(data, "graph.pt")
    assert run(["sparsify", "graph.pt", "--remove", "40%", "-o", "cut.pt"]) == 0
    expected = wis.sparsify(data, remove="40%")
    found = read_graph("cut.pt").data
    assert_same_data(found, expected)
    if isinstance(data, Batch):
        for part, whole in zip(found.to_data_list(), expected.to_data_list(), strict=True):
            assert_same_data(part, whole)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (plain(edge_weight=torch.ones(2)), "graph.pt: edge_weight is [2] of float32; expected one"),
        (plain(face=torch.tensor([[0], [1], [2]])), "face (triangles) would no longer fit"),
        (matrix_only(plain()), "sparsify before ToSparseTensor"),
    ],
)
def test_what_cannot_be_cut_is_one_line(data, words, capsys):
    torch.save(data, "graph.pt")
    assert run(["sparsify", "graph.pt", "--remove", "1", "-o", "cut.pt"]) == 1
    line = capsys.readouterr().err
    assert words in line
    assert line.count("\n") == 1
