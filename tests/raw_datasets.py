"""Miniature data sets in the raw formats of the real ones, so that the real loaders read them.

Each writer makes the files of one data set below a data root, from the same kind of graph: arcs in
one direction or both, some of them twice, and self-loops. It returns what must come out.
"""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from torch_geometric.data import Data

from wis.datasets.splits import MASKS


@dataclass
class Expected:
    """What a loader must make of a miniature; `public` lists (train, val, test) masks."""

    num_nodes: int
    arcs: np.ndarray  # [k, 2], as they are in the file
    x: np.ndarray
    y: np.ndarray
    public: list[tuple[np.ndarray, np.ndarray, np.ndarray]]

    @property
    def edges(self) -> set[frozenset[int]]:
        return {frozenset(arc) for arc in self.arcs.tolist() if arc[0] != arc[1]}

    @property
    def num_loops(self) -> int:
        return len({u for u, v in self.arcs.tolist() if u == v})


def miniature(num_nodes: int, num_features: int, classes: int, seed: int = 0) -> Expected:
    rng = np.random.default_rng(seed)
    arcs = rng.integers(0, num_nodes, (2 * num_nodes, 2))
    loops = np.repeat([[1], [5], [5]], 2, axis=1)
    arcs = np.concatenate([arcs, arcs[:7], arcs[3:11, ::-1], loops])
    x = rng.integers(0, 2, (num_nodes, num_features)).astype(np.float32)
    return Expected(num_nodes, arcs, x, rng.integers(0, classes, num_nodes), [])


def ten_splits(num_nodes: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(7)
    parts = [rng.choice(3, num_nodes, p=[0.6, 0.2, 0.2]) for _ in range(10)]
    return [(part == 0, part == 1, part == 2) for part in parts]


def planetoid(name: str) -> Callable[[Path], Expected]:
    """Pickles `ind.*`: `allx` first, then test vertices in the order of `test.index`."""

    def write(root: Path) -> Expected:
        folder = root / "Planetoid" / name / "raw"
        folder.mkdir(parents=True)
        # the public split has 500 validation vertices right behind the training ones
        num_train, num_known, num_test = 9, 520, 30
        graph = miniature(num_known + num_test, 12, 3)
        one_hot = np.eye(3, dtype=np.int32)[graph.y]
        test = num_known + np.random.default_rng(1).permutation(num_test)
        if name == "CiteSeer":  # some vertices of the real one have no features and no label
            gone = num_known + np.array([4, 11])
            test = test[~np.isin(test, gone)]
            graph.x[gone], graph.y[gone] = 0, 0
        parts = {
            "x": sp.csr_matrix(graph.x[:num_train]),
            "y": one_hot[:num_train],
            "allx": sp.csr_matrix(graph.x[:num_known]),
            "ally": one_hot[:num_known],
            "tx": sp.csr_matrix(graph.x[test]),
            "ty": one_hot[test],
            "graph": neighbours(graph),
        }
        for part, content in parts.items():
            with open(folder / f"ind.{name.lower()}.{part}", "wb") as file:
                pickle.dump(content, file, protocol=2)
        np.savetxt(folder / f"ind.{name.lower()}.test.index", test, fmt="%d")
        ids = np.arange(graph.num_nodes)
        is_val = (ids >= num_train) & (ids < num_train + 500)
        graph.public = [(ids < num_train, is_val, np.isin(ids, test))]
        return graph

    return write


def neighbours(graph: Expected) -> dict[int, list[int]]:
    lists: dict[int, list[int]] = {vertex: [] for vertex in range(graph.num_nodes)}
    for u, v in graph.arcs.tolist():
        lists[u].append(v)
    return lists


def wikipedia(
    name: str, place: str = "", text: Callable[[np.ndarray], np.ndarray] = lambda row: row
) -> Callable[[Path], Expected]:
    """Geom-GCN's text files and its ten splits; `text` is what it writes of a row of features."""

    def write(root: Path) -> Expected:
        folder = root / (place or f"WikipediaNetwork/{name}/geom_gcn/raw")
        folder.mkdir(parents=True)
        graph = miniature(40, 6, 5)
        graph.x[:, -1] = 1
        graph.public = ten_splits(40)
        lines = ["node_id\tfeature\tlabel"]
        for vertex, (row, label) in enumerate(zip(graph.x, graph.y, strict=True)):
            lines.append(f"{vertex}\t{','.join(str(int(value)) for value in text(row))}\t{label}")
        (folder / "out1_node_feature_label.txt").write_text("\n".join(lines) + "\n")
        lines = ["node_id\tnode_id", *(f"{u}\t{v}" for u, v in graph.arcs)]
        (folder / "out1_graph_edges.txt").write_text("\n".join(lines) + "\n")
        for number, (train, val, test) in enumerate(graph.public):
            np.savez(
                folder / f"{name}_split_0.6_0.2_{number}.npz",
                train_mask=train.astype(np.uint8),
                val_mask=val.astype(np.uint8),
                test_mask=test.astype(np.uint8),
            )
        return graph

    return write


def heterophilous(name: str) -> Callable[[Path], Expected]:
    """One npz with features, labels, edges and ten splits."""

    def write(root: Path) -> Expected:
        folder = root / "HeterophilousGraphDataset" / name / "raw"
        folder.mkdir(parents=True)
        graph = miniature(50, 4, 2)
        graph.public = ten_splits(50)
        train, val, test = (np.stack(masks) for masks in zip(*graph.public, strict=True))
        np.savez(
            folder / f"{name}.npz",
            node_features=graph.x,
            node_labels=graph.y,
            edges=graph.arcs,
            train_masks=train,
            val_masks=val,
            test_masks=test,
        )
        return graph

    return write


def sparse_npz(path: str) -> Callable[[Path], Expected]:
    """The npz of CitationFull and Amazon: two CSR matrices and labels; no split."""

    def write(root: Path) -> Expected:
        (root / path).parent.mkdir(parents=True)
        graph = miniature(30, 8, 4)
        ones = np.ones(len(graph.arcs), np.float32)
        adjacency = sp.csr_matrix((ones, graph.arcs.T), shape=(30, 30))
        attributes = sp.csr_matrix(graph.x * 3)  # counts of words, which the loader makes 0 or 1
        np.savez(
            root / path,
            adj_data=adjacency.data,
            adj_indices=adjacency.indices,
            adj_indptr=adjacency.indptr,
            adj_shape=adjacency.shape,
            attr_data=attributes.data,
            attr_indices=attributes.indices,
            attr_indptr=attributes.indptr,
            attr_shape=attributes.shape,
            labels=graph.y,
        )
        return graph

    return write


def open_graph(name: str, split: str, *, years: bool) -> Callable[[Path], Expected]:
    """The csv.gz files of the Open Graph Benchmark, with `split` and `mapping` folders."""

    def write(root: Path) -> Expected:
        folder = root / "OGB" / name
        graph = miniature(60, 5, 40)
        graph.x += np.float32(0.25)
        write_csv(folder / "raw" / "edge.csv.gz", graph.arcs)
        write_csv(folder / "raw" / "num-node-list.csv.gz", [[60]])
        write_csv(folder / "raw" / "num-edge-list.csv.gz", [[len(graph.arcs)]])
        write_csv(folder / "raw" / "node-feat.csv.gz", graph.x)
        write_csv(folder / "raw" / "node-label.csv.gz", graph.y[:, None])
        if years:
            write_csv(folder / "raw" / "node_year.csv.gz", 2000 + graph.y[:, None])
        ids = np.random.default_rng(2).permutation(60)
        parts = {"train": ids[:30], "valid": ids[30:40], "test": ids[40:]}
        for part, members in parts.items():
            write_csv(folder / "split" / split / f"{part}.csv.gz", members[:, None])
        write_csv(folder / "mapping" / "nodeidx2paperid.csv.gz", ids[:, None])
        graph.public = [tuple(np.isin(np.arange(60), part) for part in parts.values())]
        return graph

    return write


def write_csv(path: Path, rows: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        np.savetxt(file, np.asarray(rows), fmt="%g", delimiter=",")


MINIATURES: dict[str, Callable[[Path], Expected]] = {
    "cora": planetoid("Cora"),
    "citeseer": planetoid("CiteSeer"),
    "pubmed": planetoid("PubMed"),
    "chameleon": wikipedia("chameleon"),
    "squirrel": wikipedia("squirrel"),
    "tolokers": heterophilous("tolokers"),
    "minesweeper": heterophilous("minesweeper"),
    "actor": wikipedia("film", "Actor/raw", np.flatnonzero),
    "roman-empire": heterophilous("roman_empire"),
    "amazon-ratings": heterophilous("amazon_ratings"),
    "dblp": sparse_npz("CitationFull/dblp/raw/dblp.npz"),
    "computers": sparse_npz("Amazon/Computers/raw/amazon_electronics_computers.npz"),
    "ogbn-arxiv": open_graph("ogbn_arxiv", "time", years=True),
    "ogbn-products": open_graph("ogbn_products", "sales_ranking", years=False),
}


def write(name: str, root: Path) -> Expected:
    """Make the files of a data set below a data root."""
    return MINIATURES[name](root)


# What came of the files


def edge_set(data: Data) -> set[frozenset[int]]:
    return {frozenset(arc) for arc in data.edge_index.t().tolist()}


def assert_masks(data: Data, expected: Iterable[np.ndarray | torch.Tensor]) -> None:
    """The three masks are these: training, validation, test."""
    for name, mask in zip(MASKS, expected, strict=True):
        assert torch.equal(data[name], torch.as_tensor(mask)), name
