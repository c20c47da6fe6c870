"""Real data sets: every loader on a miniature in the true raw format."""

from __future__ import annotations

import gc
import logging
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from raw_datasets import MINIATURES, assert_masks, edge_set, write
from torch_geometric.utils import to_undirected

from wis.datasets import available_datasets, find, load, real
from wis.datasets.splits import random_masks
from wis.errors import (
    GraphFileError,
    GraphFormatError,
    MissingDataError,
    MissingDependencyError,
    OptionError,
)

TEN_SPLITS = ["chameleon", "squirrel", "tolokers", "roman-empire", "amazon-ratings"]
TEN_SPLITS += ["minesweeper", "actor"]
ONE_SPLIT = ["cora", "citeseer", "pubmed", "ogbn-arxiv", "ogbn-products"]
NO_SPLIT = ["dblp", "computers"]
# the file of each family that holds the edges
EDGE_FILE = {
    "cora": "Planetoid/Cora/raw/ind.cora.graph",
    "chameleon": "WikipediaNetwork/chameleon/geom_gcn/raw/out1_graph_edges.txt",
    "tolokers": "HeterophilousGraphDataset/tolokers/raw/tolokers.npz",
    "dblp": "CitationFull/dblp/raw/dblp.npz",
    "computers": "Amazon/Computers/raw/amazon_electronics_computers.npz",
    "ogbn-arxiv": "OGB/ogbn_arxiv/raw/edge.csv.gz",
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WIS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("WIS_DATA_ROOT", raising=False)
    return tmp_path / "cache"


def test_every_data_set_that_has_files_has_a_miniature():
    streamed = {"ogbn-papers100m"}  # see tests/scale/test_archives.py
    named = {data.name for data in available_datasets() if data.files}
    assert named == set(MINIATURES) | streamed
    assert set(TEN_SPLITS + ONE_SPLIT + NO_SPLIT) == set(MINIATURES)


@pytest.mark.parametrize("name", MINIATURES)
def test_a_loader_makes_the_graph_undirected_and_simple_and_keeps_features_and_labels(
    name, tmp_path
):
    expected = write(name, tmp_path)
    data = load(f"{name}:seed=0", root=tmp_path)
    assert data.num_nodes == expected.num_nodes
    assert edge_set(data) == expected.edges
    arcs = {tuple(arc) for arc in data.edge_index.t().tolist()}
    assert len(arcs) == data.num_edges == 2 * len(expected.edges)
    assert np.array_equal(data.x.numpy(), expected.x)
    assert data.x.dtype == torch.float32
    assert data.y.tolist() == expected.y.tolist()
    assert data.validate()


@pytest.mark.parametrize("name", MINIATURES)
def test_the_random_split_is_the_seeded_one_of_the_thesis(name, tmp_path):
    size = write(name, tmp_path).num_nodes
    choice = "split=random," if "split" in find(name).parameters else ""
    data = load(f"{name}:{choice}seed=5", root=tmp_path)
    assert_masks(data, random_masks(size, seed=5).values())
    assert abs(int(data.train_mask.sum()) - 0.8 * size) <= 1


@pytest.mark.parametrize("name", TEN_SPLITS)
def test_the_seed_chooses_among_ten_public_splits(name, tmp_path):
    expected = write(name, tmp_path)
    for number in (0, 9):
        data = load(f"{name}:split=public,seed={number}", root=tmp_path)
        assert_masks(data, expected.public[number])
    with pytest.raises(OptionError, match="number of a public split, 0 to 9"):
        load(f"{name}:split=public,seed=10", root=tmp_path)


@pytest.mark.parametrize("name", ONE_SPLIT)
def test_the_public_split_is_that_of_the_files(name, tmp_path):
    expected = write(name, tmp_path)
    assert_masks(load(f"{name}:split=public", root=tmp_path), expected.public[0])
    with pytest.raises(OptionError, match="since there is only one"):
        load(f"{name}:split=public,seed=1", root=tmp_path)


def test_only_the_open_graph_benchmark_uses_its_own_split_unless_told_otherwise():
    defaults = {name: find(name).parameters.get("split") for name in MINIATURES}
    public = {"ogbn-arxiv", "ogbn-products"}
    assert {name for name, split in defaults.items() if split == "public"} == public
    assert {name for name, split in defaults.items() if split is None} == set(NO_SPLIT)


def test_the_years_of_ogbn_arxiv_are_kept(tmp_path):
    expected = write("ogbn-arxiv", tmp_path)
    assert (
        load("ogbn-arxiv", root=tmp_path).node_year.view(-1).tolist()
        == (2000 + expected.y).tolist()
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("cora:split=geom", "split is 'geom'; expected random, public or all"),
        ("cora:seed=-1", "seed is -1; expected at least 0"),
        ("dblp:seed=x", "seed is 'x'; expected an integer"),
    ],
)
def test_bad_parameters_are_refused_before_files_are_looked_for(spec, words, tmp_path):
    with pytest.raises(OptionError, match=words):
        load(spec, root=tmp_path)


# numpy does not close a damaged archive
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", EDGE_FILE)
@pytest.mark.parametrize("damage", ["garbage", "cut short", "empty"])
def test_a_damaged_file_is_one_line_that_names_the_files(name, damage, tmp_path, cache):
    write(name, tmp_path)
    path = tmp_path / EDGE_FILE[name]
    raw = path.read_bytes()
    path.write_bytes({"garbage": b"\x00gar\x80bage", "cut short": raw[:-90], "empty": b""}[damage])
    if (name, damage) == ("chameleon", "cut short"):
        path.write_bytes(raw[:-90] + b"\t7\n1")  # a text may break off where a line ends
    with pytest.raises(GraphFormatError) as caught:
        load(name, root=tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{name}: a file below {find(name).files.folder}")
    assert path.name in message
    assert "\n" not in message
    assert caught.value.exit_code == 1
    assert not list((cache / "processed").iterdir()), "a failure leaves nothing behind"
    del caught
    gc.collect()


def test_files_that_contradict_each_other_are_refused(tmp_path):
    write("tolokers", tmp_path)
    path = tmp_path / EDGE_FILE["tolokers"]
    with np.load(path) as archive:
        good = dict(archive)
    for change in (
        {"edges": np.array([[0, 50]])},
        {"edges": np.array([[0, -1]])},
        {"node_labels": good["node_labels"][:-1]},
        {"train_masks": good["train_masks"][:, :-1]},
    ):
        np.savez(path, **{**good, **change})
        with pytest.raises(GraphFormatError, match="damaged or not in the expected format"):
            load("tolokers", root=tmp_path)


@pytest.mark.parametrize("name", MINIATURES)
def test_missing_files_are_one_line_that_says_which_to_put_where(name, tmp_path):
    with pytest.raises(MissingDataError) as caught:
        load(name, root=tmp_path / "nowhere")
    message = str(caught.value)
    files = find(name).files
    assert "WIS_OFFLINE is set" in message
    assert str(tmp_path / "nowhere" / files.folder) in message
    assert all(Path(file).name in message for file in files.names)
    assert files.urls[0].rpartition("/")[0] in message
    assert "\n" not in message
    assert caught.value.exit_code == 1
    assert not (tmp_path / "nowhere").exists()


def test_only_the_files_that_are_missing_are_asked_for(tmp_path):
    write("cora", tmp_path)
    path = tmp_path / EDGE_FILE["cora"]
    path.unlink()
    assert find("cora").missing(tmp_path) == [path]
    with pytest.raises(MissingDataError, match=r"1 of 8 files .* Put ind\.cora\.graph from "):
        load("cora", root=tmp_path)


def test_a_size_that_was_not_published_is_pointed_out_each_time(tmp_path, caplog):
    write("dblp", tmp_path)
    for _ in range(2):
        caplog.clear()
        load("dblp", root=tmp_path)
        assert "dblp: has 30 vertices and " in caplog.text
        assert "the published data set has 17716 and 52867" in caplog.text


@pytest.mark.parametrize("name", MINIATURES)
def test_loaders_are_silent(name, tmp_path, capfd, monkeypatch):
    """PyG tells on standard error that it works, ogb tells it on standard output."""
    write(name, tmp_path)
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
    monkeypatch.setattr(logging.getLogger("wis"), "disabled", True)
    logging.getLogger("wis.datasets").setLevel(logging.CRITICAL)
    try:
        load(name, root=tmp_path)
    finally:
        logging.getLogger("wis.datasets").setLevel(logging.NOTSET)
    assert capfd.readouterr() == ("", "")


def test_ogb_asks_nothing_and_leaves_the_list_of_safe_classes_as_it_was(tmp_path, monkeypatch):
    write("ogbn-arxiv", tmp_path)
    monkeypatch.setattr("builtins.input", lambda *args: pytest.fail("asked a question"))
    before = set(torch.serialization.get_safe_globals())
    load("ogbn-arxiv", root=tmp_path)
    assert set(torch.serialization.get_safe_globals()) == before


def test_ogb_is_imported_without_asking_the_package_index_for_a_newer_version(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("ogb", "outdated")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("threading.Thread.start", lambda self: pytest.fail("asks"))
    real._import_loader()
    assert sys.modules["ogb.version"].check_outdated is None
    assert "outdated" not in sys.modules, "others can still import it"
    for name in [name for name in sys.modules if name.split(".")[0] == "ogb"]:
        del sys.modules[name]


def test_a_data_set_whose_package_is_missing_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        MissingDependencyError, match=r"needs ogb: pip install .*'wis-sparsify\[ogb\]'"
    ):
        load("ogbn-arxiv", root=tmp_path)


@pytest.mark.parametrize(
    ("failure", "error", "words"),
    [
        (
            ModuleNotFoundError("No module named 'six'"),
            MissingDependencyError,
            "cannot be imported",
        ),
        (OSError(28, "No space left on device"), GraphFileError, "No space left on device"),
        (MemoryError(), GraphFormatError, "does not fit into memory"),
        (AssertionError(), GraphFormatError, "AssertionError"),
    ],
)
def test_what_stops_a_loader_is_told_apart(failure, error, words, tmp_path, monkeypatch):
    write("dblp", tmp_path)

    def stop(path, to_undirected):
        raise failure

    monkeypatch.setattr("torch_geometric.datasets.citation_full.read_npz", stop)
    with pytest.raises(error, match=words) as caught:
        load("dblp", root=tmp_path)
    assert type(caught.value) is error


def test_the_notes_on_data_sets_agree_with_the_table():
    notes = (Path(__file__).parents[2] / "datasets" / "README.md").read_text(encoding="utf-8")
    graphs = notes.split("## Images")[0]
    rows = {line.split("`")[1]: line for line in graphs.splitlines() if line.startswith("| `")}
    for dataset in available_datasets():
        if dataset.num_nodes is None:
            assert dataset.spec in rows
            continue
        row = rows[dataset.name]
        assert f"| {dataset.num_nodes:,} | {dataset.num_edges:,}" in row
        if dataset.files is not None:
            assert f"`{dataset.files.folder}/" in row
            assert dataset.files.licence.split(",")[0].split(" says")[0] in row.replace(
                "not stated", "not stated by the source"
            )


def test_the_addresses_are_those_of_the_loaders():
    from ogb.nodeproppred import dataset_pyg
    from torch_geometric import datasets as pyg

    wikipedia = pyg.WikipediaNetwork.processed_url
    expected = {
        "cora": f"{pyg.Planetoid.url}/ind.cora.x",
        "dblp": pyg.CitationFull.url.format("dblp"),
        "computers": f"{pyg.Amazon.url}amazon_electronics_computers.npz",
        "tolokers": f"{pyg.HeterophilousGraphDataset.url}/tolokers.npz",
        "chameleon": f"{wikipedia}/new_data/chameleon/out1_node_feature_label.txt",
    }
    for name, url in expected.items():
        assert find(name).files.urls[0] == url
    assert find("squirrel").files.urls[-1] == f"{wikipedia}/splits/squirrel_split_0.6_0.2_9.npz"
    assert find("actor").files.urls[0].endswith("/new_data/film/out1_node_feature_label.txt")
    for name in ("ogbn-arxiv", "ogbn-products", "ogbn-papers100M"):
        facts, files = real._facts(dataset_pyg, name), find(name).files
        assert files.urls[0] == facts["url"].replace("http:", "https:")
        assert files.archive == facts["download_name"]
        if name == "ogbn-papers100M":  # is streamed, so its split is not needed
            continue
        assert files.names[-1].split("/")[1] == facts["split"]


# --- the real ones ---

needs_data = [
    pytest.mark.data,
    pytest.mark.skipif("WIS_DATA_ROOT" not in os.environ, reason="WIS_DATA_ROOT is not set"),
]
REAL_ROOT = os.environ.get("WIS_DATA_ROOT", "")


@pytest.mark.parametrize(
    ("name", "num_features", "num_classes"),
    [
        pytest.param("cora", 1433, 7, marks=needs_data),
        pytest.param("chameleon", 2325, 5, marks=needs_data),
        pytest.param("squirrel", 2089, 5, marks=needs_data),
        pytest.param("tolokers", 10, 2, marks=needs_data),
    ],
)
def test_a_real_data_set_has_its_published_size(name, num_features, num_classes, caplog):
    data = load(name, root=REAL_ROOT)
    dataset = find(name)
    assert (data.num_nodes, data.num_edges) == (dataset.num_nodes, 2 * dataset.num_edges)
    assert data.x.size(1) == num_features
    assert len(data.y.unique()) == num_classes
    assert int(data.test_mask.sum()) == round(data.num_nodes / 10)
    assert "published" not in caplog.text


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_data) for name in ("chameleon", "squirrel")]
)
def test_the_counts_of_table_d1_are_reproduced_from_the_raw_edges(name):
    path = Path(REAL_ROOT) / f"WikipediaNetwork/{name}/geom_gcn/raw/out1_graph_edges.txt"
    arcs = torch.from_numpy(np.loadtxt(path, dtype=np.int64, skiprows=1)).t()
    num_nodes, num_edges = find(name).table_d1
    both = to_undirected(arcs, num_nodes=num_nodes)  # two columns for an edge, one for a loop
    assert both.size(1) / 2 == num_edges
    loops = len(arcs[0][arcs[0] == arcs[1]].unique())
    assert num_edges == find(name).num_edges + loops / 2


def test_table_d1_is_recorded_for_the_data_sets_of_the_thesis():
    # the thesis, Table D.1
    assert {data.name: data.table_d1 for data in available_datasets() if data.table_d1} == {
        "cora": (2_708, 5_278),
        "dblp": (17_716, 52_867),
        "ogbn-arxiv": (169_343, 1_157_799),
        "chameleon": (2_277, 31_396),
        "squirrel": (5_201, 198_423),
        "computers": (13_381, 245_861),
    }
