"""Graph files below the data root go by their stems."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from raw_datasets import write

import wis
from wis.datasets import available_datasets, fetch, find, is_known, load
from wis.errors import GraphFormatError, UnknownNameError
from wis.experiments.inputs import Source
from wis.testing import odd_graph
from wis_cli.main import run


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("WIS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WIS_DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.setenv("WIS_OFFLINE", "1")
    (tmp_path / "data" / "graphs").mkdir(parents=True)
    return tmp_path / "data"


def save(root, name, **arrays):
    data = odd_graph("random-dense")
    number = data.num_nodes
    usual = {
        "edge_index": data.edge_index.numpy(),
        "edge_type": np.arange(data.num_edges) % 3,
        "num_nodes": np.array(number),
        "x": np.ones((number, 2), np.float32),
        "y": np.arange(number) % 2,
        "train_mask": np.arange(number) % 3 == 0,
        "val_mask": np.arange(number) % 3 == 1,
        "test_mask": np.arange(number) % 3 == 2,
    }
    np.savez(root / "graphs" / f"{name}.npz", **usual | arrays)
    return data


def test_a_graph_file_is_listed_and_loaded_by_its_stem(root):
    data = save(root, "My_Packages")
    assert "my-packages" in [row.name for row in available_datasets()]
    assert is_known("my-packages")
    assert find("My_Packages").source == "graphs/My_Packages.npz"
    assert fetch("my-packages") == [root / "graphs" / "My_Packages.npz"]
    loaded = load("my-packages")
    assert torch.equal(loaded.edge_index, data.edge_index)
    assert loaded.num_nodes == data.num_nodes
    assert loaded.train_mask.dtype == torch.bool
    assert loaded.y.tolist() == [v % 2 for v in range(data.num_nodes)]
    assert torch.equal(load("my-packages", root=root).edge_index, data.edge_index)
    with pytest.raises(UnknownNameError):
        load("my-packages", root=root / "elsewhere")


def test_masks_of_a_graph_file_are_its_split_in_a_sweep(root):
    data = save(root, "packages")
    masks = Source("packages").load()
    assert masks.test_mask.tolist() == [v % 3 == 2 for v in range(data.num_nodes)]


def test_commands_take_the_stem_of_a_graph_file(root, monkeypatch, capsys):
    save(root, "packages")
    monkeypatch.chdir(root)
    assert run(["sparsify", "packages", "--remove", "50%"]) == 0
    cut = wis.io.read_graph(root / "packages-sparse.pt").data
    assert cut.edge_type.size(0) == cut.num_edges
    assert run(["datasets"]) == run(["datasets", "packages"]) == 0
    listing, described = capsys.readouterr().out.split("graph  ", 1)
    assert "packages" in listing
    assert "graphs/packages.npz" in described


def test_a_data_set_whose_files_are_there_goes_before_a_graph_file_of_its_name(root, caplog):
    data = save(root, "cora")
    with caplog.at_level(logging.WARNING, "wis"):
        assert load("cora").num_nodes == data.num_nodes
    assert "cora.npz is read, since files of that data set are missing" in caplog.text
    expected = write("cora", root)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "wis"):
        assert load("cora").num_nodes == expected.num_nodes
    assert "the data set is read, and not" in caplog.text


def test_a_name_does_not_leave_the_folder_of_graph_files(root):
    save(root, "packages")
    assert not is_known("../graphs/packages")
    assert not is_known("packages.npz")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"edge_index": np.zeros((2, 3))}, "dtype torch.float64"),
        ({"edge_index": np.full((2, 3), 10**6)}, "holds vertex id 1000000"),
        ({"x": np.array([object()])}, "packages.npz"),
    ],
)
def test_a_damaged_graph_file_is_refused(arrays, message, root):
    save(root, "packages", **arrays)
    with pytest.raises(wis.WisError, match=message):
        load("packages")


def test_an_archive_without_arcs_is_refused(root):
    np.savez(root / "graphs" / "nothing.npz", x=np.zeros(3))
    with pytest.raises(GraphFormatError, match="has no edge_index"):
        load("nothing")
