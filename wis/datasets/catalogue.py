"""The real data sets: their loaders, raw files, addresses and published sizes.

The sizes are those of the graphs that `wis` makes, without self-loops. Those of Cora, Chameleon,
Squirrel and Tolokers were checked on the real files. The number for ogbn-arxiv is from the thesis.
The others are PyG's numbers, halved where PyG counts both directions. OGB states 61,859,140 edges
for ogbn-products; others report 61,859,012 after duplicates are merged. The number for
ogbn-papers100M is that of its arcs, as OGB states it.

Table D.1 of the thesis counts half the columns of `to_undirected(edge_index)`, so that a self-loop
counts one half. It prints 31,396 for Chameleon, which has 31,371 edges and 50 self-loops, and
198,423 for Squirrel, which has 198,353 edges and 140 self-loops. For Amazon Computers it prints
13,381 vertices and 245,861 edges, which mixes two graphs. The data set has 13,752 vertices and
245,861 edges. Its largest component has 13,381 vertices and 245,778 edges, according to Shchur et
al., *Pitfalls of Graph Neural Network Evaluation*, 2018 (not checked on the file). PyG and wis read
the whole data set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.datasets.download import RawFiles, sha256_of
from wis.datasets.real import Reader, load_real, read_node_dataset
from wis.datasets.table import register
from wis.errors import OptionError

if TYPE_CHECKING:
    from torch_geometric.data import Data

Recipe = tuple[RawFiles, Reader]
GITHUB = "https://github.com"
GEOM_GCN = (
    "https://raw.githubusercontent.com/graphdml-uiuc-jlu/geom-gcn/"
    "f1fc0d14b3b019c562737240d06ec83b07d16a8f"
)
GEOM_GCN_PARTS = ("node_feature_label", "graph_edges")
OGB = "https://snap.stanford.edu/ogb/data/nodeproppred"
OGB_RAW = ("edge", "node-feat", "node-label", "num-node-list", "num-edge-list")
PLANETOID_PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
MIT = "MIT, the licence of the repository"


def _of_pyg(
    kind: str,
    name: str,
    folder: str,
    urls: Sequence[str],
    *,
    raw: str = "raw",
    size_mb: float | None = None,
    licence: str = MIT,
    **options: bool,
) -> Recipe:
    """The recipe of a data set that PyG's class `kind` reads from the files of `urls`."""

    def read(root: Path) -> Any:
        from torch_geometric import datasets

        names = [name] if folder else []
        return getattr(datasets, kind)(str(root / kind), *names, **options)[0]

    place = f"{kind}/{folder}".rstrip("/")
    names = tuple(f"{raw}/{url.rpartition('/')[2]}" for url in urls)
    sums = sha256_of(place, names)
    files = RawFiles(place, names, tuple(urls), size_mb=size_mb, licence=licence, sha256=sums)
    return files, read


def _planetoid(name: str, size_mb: float | None = None) -> Recipe:
    start = f"{GITHUB}/kimiyoung/planetoid/raw/master/data/ind.{name.lower()}"
    urls = [f"{start}.{part}" for part in PLANETOID_PARTS]
    return _of_pyg("Planetoid", name, name, urls, size_mb=size_mb)


def _geom_gcn(kind: str, name: str, folder: str, size_mb: float, **options: Any) -> Recipe:
    """The recipe of a data set of Geom-GCN: two texts, and ten splits."""
    urls = [f"{GEOM_GCN}/new_data/{name}/out1_{part}.txt" for part in GEOM_GCN_PARTS]
    urls += [f"{GEOM_GCN}/splits/{name}_split_0.6_0.2_{number}.npz" for number in range(10)]
    return _of_pyg(kind, name, folder, urls, size_mb=size_mb, licence=RawFiles.licence, **options)


def _wikipedia(name: str, size_mb: float) -> Recipe:
    options = {"raw": "geom_gcn/raw", "geom_gcn_preprocess": True}
    return _geom_gcn("WikipediaNetwork", name, name, size_mb, **options)


def _heterophilous(name: str, size_mb: float | None = None) -> Recipe:
    file = name.replace("-", "_")
    url = f"{GITHUB}/yandex-research/heterophilous-graphs/raw/main/data/{file}.npz"
    return _of_pyg("HeterophilousGraphDataset", name, file, [url], size_mb=size_mb)


def _citation_full(name: str) -> Recipe:
    url = f"{GITHUB}/abojchevski/graph2gauss/raw/master/data/{name}.npz"
    return _of_pyg("CitationFull", name, name, [url])


def _amazon(name: str) -> Recipe:
    file = f"amazon_electronics_{name.lower()}.npz"
    url = f"{GITHUB}/shchur/gnn-benchmark/raw/master/data/npz/{file}"
    return _of_pyg("Amazon", name, name, [url])


def _open_graph(
    name: str, raw: tuple[str, ...], split: str, size_mb: float, licence: str
) -> Recipe:
    folder, short = name.replace("-", "_"), name.removeprefix("ogbn-")

    def read(root: Path) -> Any:
        return read_node_dataset(name, root / "OGB" / folder)

    parts = [f"split/{split}/{part}" for part in ("train", "valid", "test")]
    return RawFiles(
        folder=f"OGB/{folder}",
        names=tuple(f"{file}.csv.gz" for file in (*(f"raw/{part}" for part in raw), *parts)),
        urls=(f"{OGB}/{short}.zip",),
        sha256=sha256_of(f"OGB/{folder}", [f"{short}.zip"]),
        archive=short,
        size_mb=size_mb,
        licence=licence,
        package="ogb",
    ), read


def _papers100m() -> Data:
    raise OptionError(
        "it has 1.6 billion arcs and is read from disk block by block: wis sparsify "
        "ogbn-papers100M --engine stream, or wis.scale.sparsify_files on its raw/data.npz"
    )


def _add(
    name: str,
    recipe: Recipe,
    summary: str,
    source: str,
    size: tuple[int, int],
    *,
    table_d1: tuple[int, int] | None = None,
    default_split: str | None = "random",
) -> None:
    """Add a data set to the table; only one with a published split has the parameter `split`."""
    files, read = recipe
    make = _loader(name, read, default_split)
    register(
        name,
        summary=summary,
        source=source,
        num_nodes=size[0],
        num_edges=size[1],
        files=files,
        table_d1=table_d1,
    )(make)


def _loader(name: str, read: Reader, split: str | None) -> Callable[..., Data]:
    def load(*, split: str = split or "random", seed: int = 0, root: Path | None = None) -> Data:
        return load_real(name, root, read, split=split, seed=seed)

    def load_at_random(*, seed: int = 0, root: Path | None = None) -> Data:
        return load(seed=seed, root=root)

    return load if split else load_at_random


_add("cora", _planetoid("Cora", 0.6), "papers on machine learning, joined by citations",
     "PyG Planetoid", (2_708, 5_278), table_d1=(2_708, 5_278))  # fmt: skip
_add("dblp", _citation_full("dblp"), "papers of computer science, joined by citations",
     "PyG CitationFull", (17_716, 52_867), table_d1=(17_716, 52_867),
     default_split=None)  # fmt: skip
_add("ogbn-arxiv", _open_graph("ogbn-arxiv", (*OGB_RAW, "node_year"), "time", 81, "ODC-BY"),
     "papers of computer science on arXiv, joined by citations; split by year",
     "OGB", (169_343, 1_157_799), table_d1=(169_343, 1_157_799),
     default_split="public")  # fmt: skip
_add("chameleon", _wikipedia("chameleon", 11), "Wikipedia pages on chameleons, joined by links",
     "PyG WikipediaNetwork", (2_277, 31_371), table_d1=(2_277, 31_396))  # fmt: skip
_add("squirrel", _wikipedia("squirrel", 24), "Wikipedia pages on squirrels, joined by links",
     "PyG WikipediaNetwork", (5_201, 198_353), table_d1=(5_201, 198_423))  # fmt: skip
_add("computers", _amazon("Computers"), "products that Amazon's customers bought together",
     "PyG Amazon", (13_752, 245_861), table_d1=(13_381, 245_861),
     default_split=None)  # fmt: skip
_add("citeseer", _planetoid("CiteSeer"), "papers of computer science, joined by citations",
     "PyG Planetoid", (3_327, 4_552))  # fmt: skip
_add("pubmed", _planetoid("PubMed"), "papers on diabetes, joined by citations",
     "PyG Planetoid", (19_717, 44_324))  # fmt: skip
_add("tolokers", _heterophilous("tolokers", 1.3),
     "crowd workers who shared a task; label: was banned",
     "PyG HeterophilousGraphDataset", (11_758, 519_000))  # fmt: skip
_add("roman-empire", _heterophilous("roman-empire"),
     "words of an article, joined by order and syntax",
     "PyG HeterophilousGraphDataset", (22_662, 32_927))  # fmt: skip
_add("amazon-ratings", _heterophilous("amazon-ratings"),
     "products bought together; label: average rating",
     "PyG HeterophilousGraphDataset", (24_492, 93_050))  # fmt: skip
_add("ogbn-products",
     _open_graph("ogbn-products", OGB_RAW, "sales_ranking", 1_380, "Amazon license, says OGB"),
     "products bought together; split by sales rank",
     "OGB", (2_449_029, 61_859_012), default_split="public")  # fmt: skip
_add("minesweeper", _heterophilous("minesweeper"),
     "cells of a field of mines, joined to their neighbours; label: is a mine",
     "PyG HeterophilousGraphDataset", (10_000, 39_402))  # fmt: skip
_add("actor", _geom_gcn("Actor", "film", "", 15),
     "film actors, joined if they occur on one Wikipedia page",
     "PyG Actor", (7_600, 26_659))  # fmt: skip
register(
    "ogbn-papers100m",
    summary="papers on arXiv and all that they cite; for --engine stream only",
    source="OGB",
    num_nodes=111_059_956,
    num_edges=1_615_685_872,
    files=RawFiles(
        folder="OGB/ogbn_papers100M", names=("raw/data.npz", "raw/node-label.npz"),
        urls=(f"{OGB}/papers100M-bin.zip",), archive="papers100M-bin", size_mb=56_000,
        licence="ODC-BY", arcs="raw/data.npz",
    ),
)(_papers100m)  # fmt: skip
