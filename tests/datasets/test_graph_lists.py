"""Graphs to classify: generated motifs, and the real loader of TUDataset on a miniature."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch_geometric.utils import to_networkx

from wis.datasets import load
from wis.datasets.graph_lists import MOTIFS, load_tu
from wis.errors import GraphFormatError, MissingDataError, OptionError
from wis.experiments.inputs import Source
from wis.training import TrainConfig, split_graphs, train


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WIS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WIS_OFFLINE", "1")


def test_motifs_are_three_connected_graphs_of_one_size():
    drawn = [nx.Graph(edges.tolist()) for edges in MOTIFS]
    assert {(graph.number_of_nodes(), graph.number_of_edges()) for graph in drawn} == {(6, 7)}
    assert all(map(nx.is_connected, drawn))
    for first in range(3):
        assert not any(nx.is_isomorphic(drawn[first], other) for other in drawn[first + 1 :])


def test_each_graph_holds_its_motif_and_all_have_as_many_edges():
    graphs = load("motifs:graphs=12,n=9,copies=2").to_data_list()
    assert {(graph.num_nodes, graph.num_edges) for graph in graphs} == {(21, 2 * (8 + 14 + 2))}
    for graph in graphs:
        whole = to_networkx(graph, to_undirected=True)
        assert nx.is_connected(whole)
        found = [
            nx.isomorphism.GraphMatcher(whole, nx.Graph(edges.tolist())).subgraph_is_monomorphic()
            for edges in MOTIFS
        ]
        assert found[int(graph.y)]
        assert len(nx.cycle_basis(whole)) == 4  # two in each motif, none in the rest
        assert bool((graph.x == 1).all())


def test_labels_need_edges():
    graphs = load("motifs:graphs=240,n=8,copies=1")
    config = TrainConfig("gin", task="graph", depth=3, width=16, max_epochs=60, learning_rate=0.01)
    whole = split_graphs(graphs.to_data_list(), test=0.3)
    bare = whole.clone()
    bare.edge_index = whole.edge_index[:, :0]
    scores = [train(data, config, progress=False).test_accuracy for data in (whole, bare)]
    assert scores[0] > 0.8 > 0.5 > scores[1]


@pytest.mark.parametrize(
    "spec", ["motifs:graphs=0", "motifs:copies=0", "motifs:n=1", "motifs:seed=-1"]
)
def test_impossible_motifs_are_told(spec):
    with pytest.raises(OptionError, match=rf"{spec}: .* expected"):
        load(spec)


def write_tu(root, name="TOY", **changes) -> None:
    """Three graphs as the collection writes them: a path, a single vertex, a triangle."""
    folder = root / "TUDataset" / name / "raw"
    folder.mkdir(parents=True)
    edges = [(1, 2), (2, 3), (5, 6), (6, 7), (5, 7)]
    files = {
        "A": [f"{u}, {v}" for pair in edges for u, v in (pair, pair[::-1])],
        "graph_indicator": [1, 1, 1, 2, 3, 3, 3],
        "graph_labels": [-1, 1, 1],
        "node_labels": [0, 1, 0, 1, 2, 2, 2],
        "node_attributes": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5],
        **changes,
    }
    for part, lines in files.items():
        if lines is not None:
            text = "\n".join(map(str, lines)) + "\n"
            (folder / f"{name}_{part}.txt").write_text(text)


def test_the_real_loader_reads_a_miniature(tmp_path):
    write_tu(tmp_path)
    batch = load_tu("TOY", root=tmp_path)
    graphs = batch.to_data_list()
    assert [graph.num_nodes for graph in graphs] == [3, 1, 3]
    assert [graph.num_edges for graph in graphs] == [4, 0, 6]
    assert batch.y.tolist() == [0, 1, 1]
    assert batch.x[:, 0].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    assert batch.x[:, 1:].argmax(dim=1).tolist() == [0, 1, 0, 1, 2, 2, 2]
    again = load_tu("TOY", root=tmp_path)  # from the cache
    assert torch.equal(again.edge_index, batch.edge_index)
    assert not (tmp_path / "TUDataset" / "TOY" / "processed").exists()


def test_vertices_without_labels_have_a_feature_of_1(tmp_path):
    write_tu(tmp_path, node_labels=None, node_attributes=None)
    assert torch.equal(load_tu("TOY", root=tmp_path).x, torch.ones(7, 1))


def test_a_sweep_reads_the_collection_by_its_prefix(tmp_path):
    write_tu(tmp_path)
    source = Source("tu:TOY", root=str(tmp_path), task="graph")
    assert source.load().num_graphs == 3
    assert source.part(0).train_mask.shape == (3,)


def test_missing_and_damaged_files_and_bad_names_are_told(tmp_path):
    with pytest.raises(MissingDataError, match=r"ENZYMES: 3 of 3 files are missing .*ENZYMES.zip"):
        load_tu("ENZYMES", root=tmp_path)
    write_tu(tmp_path, "BAD", graph_indicator=["one", "two"])
    with pytest.raises(GraphFormatError, match=r"BAD: a file below TUDataset/BAD/raw .* damaged"):
        load_tu("BAD", root=tmp_path)
    with pytest.raises(OptionError, match=r"'\.\./x' is no name of TUDataset"):
        load_tu("../x", root=tmp_path)
