"""Which real data sets there are: their loaders, raw files, addresses and published sizes.

The sizes are those of the graph that `wis` makes, self-loops not counted. Those of Cora, Chameleon,
Squirrel and Tolokers were checked on the real files; the others are what PyG documents, halved
where it counts both directions, and for ogbn-arxiv what the thesis and others count. OGB states
61,859,140 edges for ogbn-products; 61,859,012 is what others report once repeats are merged.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.datasets.checksums import sha256_of
from wis.datasets.raw_files import RawFiles
from wis.datasets.real import Reader, load_real
from wis.datasets.registry import register

if TYPE_CHECKING:
    from torch_geometric.data import Data

GITHUB = "https://github.com"
GEOM_GCN = (
    "https://raw.githubusercontent.com/graphdml-uiuc-jlu/geom-gcn/"
    "f1fc0d14b3b019c562737240d06ec83b07d16a8f"
)
OGB = "https://snap.stanford.edu/ogb/data/nodeproppred"
PLANETOID_PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
MIT = "MIT, that of the repository"


def _planetoid(name: str, size_mb: float | None = None) -> tuple[RawFiles, Reader]:
    def read(root: Path) -> Any:
        from torch_geometric.datasets import Planetoid

        return Planetoid(str(root / "Planetoid"), name)[0]

    files = [f"ind.{name.lower()}.{part}" for part in PLANETOID_PARTS]
    folder, names = f"Planetoid/{name}", tuple(f"raw/{file}" for file in files)
    return RawFiles(
        folder=folder,
        names=names,
        sha256=sha256_of(folder, names),
        urls=tuple(f"{GITHUB}/kimiyoung/planetoid/raw/master/data/{file}" for file in files),
        size_mb=size_mb,
        licence=MIT,
    ), read


def _wikipedia(name: str, size_mb: float) -> tuple[RawFiles, Reader]:
    def read(root: Path) -> Any:
        from torch_geometric.datasets import WikipediaNetwork

        folder = str(root / "WikipediaNetwork")
        return WikipediaNetwork(folder, name, geom_gcn_preprocess=True)[0]

    graph = ("out1_node_feature_label.txt", "out1_graph_edges.txt")
    splits = tuple(f"{name}_split_0.6_0.2_{number}.npz" for number in range(10))
    place, names = f"WikipediaNetwork/{name}", [f"geom_gcn/raw/{file}" for file in graph + splits]
    return RawFiles(
        folder=place,
        names=tuple(names),
        sha256=sha256_of(place, names),
        urls=(
            *(f"{GEOM_GCN}/new_data/{name}/{file}" for file in graph),
            *(f"{GEOM_GCN}/splits/{file}" for file in splits),
        ),
        size_mb=size_mb,
    ), read


def _heterophilous(name: str, size_mb: float | None = None) -> tuple[RawFiles, Reader]:
    def read(root: Path) -> Any:
        from torch_geometric.datasets import HeterophilousGraphDataset

        return HeterophilousGraphDataset(str(root / "HeterophilousGraphDataset"), name)[0]

    file = name.replace("-", "_")
    return RawFiles(
        folder=f"HeterophilousGraphDataset/{file}",
        names=(f"raw/{file}.npz",),
        sha256=sha256_of(f"HeterophilousGraphDataset/{file}", [f"raw/{file}.npz"]),
        urls=(f"{GITHUB}/yandex-research/heterophilous-graphs/raw/main/data/{file}.npz",),
        size_mb=size_mb,
        licence=MIT,
    ), read


def _citation_full(name: str) -> tuple[RawFiles, Reader]:
    def read(root: Path) -> Any:
        from torch_geometric.datasets import CitationFull

        return CitationFull(str(root / "CitationFull"), name)[0]

    return RawFiles(
        folder=f"CitationFull/{name}",
        names=(f"raw/{name}.npz",),
        sha256=sha256_of(f"CitationFull/{name}", [f"raw/{name}.npz"]),
        urls=(f"{GITHUB}/abojchevski/graph2gauss/raw/master/data/{name}.npz",),
        licence=MIT,
    ), read


def _amazon(name: str) -> tuple[RawFiles, Reader]:
    def read(root: Path) -> Any:
        from torch_geometric.datasets import Amazon

        return Amazon(str(root / "Amazon"), name)[0]

    file = f"amazon_electronics_{name.lower()}.npz"
    return RawFiles(
        folder=f"Amazon/{name}",
        names=(f"raw/{file}",),
        sha256=sha256_of(f"Amazon/{name}", [f"raw/{file}"]),
        urls=(f"{GITHUB}/shchur/gnn-benchmark/raw/master/data/npz/{file}",),
        licence=MIT,
    ), read


def _open_graph(
    name: str, raw: tuple[str, ...], split: str, size_mb: float, licence: str
) -> tuple[RawFiles, Reader]:
    folder, short = name.replace("-", "_"), name.removeprefix("ogbn-")

    def read(root: Path) -> Any:
        from wis.datasets.open_graph import read_node_dataset

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


OGB_RAW = ("edge", "node-feat", "node-label", "num-node-list", "num-edge-list")


def _add(
    name: str,
    recipe: tuple[RawFiles, Reader],
    *,
    summary: str,
    source: str,
    size: tuple[int, int],
    table_d1: tuple[int, int] | None = None,
    default_split: str | None = "random",
) -> None:
    """Put a data set into the table; without a public split there is no choice of it."""
    files, read = recipe
    make = _with_choice(name, read, default_split) if default_split else _with_seed(name, read)
    register(
        name,
        summary=summary,
        source=source,
        num_nodes=size[0],
        num_edges=size[1],
        files=files,
        table_d1=table_d1,
    )(make)


def _with_choice(name: str, read: Reader, default: str) -> Callable[..., Data]:
    def load(*, split: str = default, seed: int = 0, root: Path | None = None) -> Data:
        return load_real(name, root, read, split=split, seed=seed)

    return load


def _with_seed(name: str, read: Reader) -> Callable[..., Data]:
    def load(*, seed: int = 0, root: Path | None = None) -> Data:
        return load_real(name, root, read, split="random", seed=seed)

    return load


_add(
    "cora",
    _planetoid("Cora", 0.6),
    summary="papers on machine learning, joined by citations",
    source="PyG Planetoid",
    size=(2_708, 5_278),
    table_d1=(2_708, 5_278),
)
_add(
    "dblp",
    _citation_full("dblp"),
    summary="papers of computer science, joined by citations",
    source="PyG CitationFull",
    size=(17_716, 52_867),
    table_d1=(17_716, 52_867),
    default_split=None,
)
_add(
    "ogbn-arxiv",
    _open_graph("ogbn-arxiv", (*OGB_RAW, "node_year"), "time", 81, "ODC-BY"),
    summary="papers of computer science on arXiv, joined by citations; split by year",
    source="OGB",
    size=(169_343, 1_157_799),
    table_d1=(169_343, 1_157_799),
    default_split="public",
)
_add(
    "chameleon",
    _wikipedia("chameleon", 11),
    summary="Wikipedia pages on chameleons, joined by links",
    source="PyG WikipediaNetwork",
    size=(2_277, 31_371),
    table_d1=(2_277, 31_396),
)
_add(
    "squirrel",
    _wikipedia("squirrel", 24),
    summary="Wikipedia pages on squirrels, joined by links",
    source="PyG WikipediaNetwork",
    size=(5_201, 198_353),
    table_d1=(5_201, 198_423),
)
_add(
    "computers",
    _amazon("Computers"),
    summary="products that Amazon's customers bought together",
    source="PyG Amazon",
    size=(13_752, 245_861),
    table_d1=(13_381, 245_861),
    default_split=None,
)
_add(
    "citeseer",
    _planetoid("CiteSeer"),
    summary="papers of computer science, joined by citations",
    source="PyG Planetoid",
    size=(3_327, 4_552),
)
_add(
    "pubmed",
    _planetoid("PubMed"),
    summary="papers on diabetes, joined by citations",
    source="PyG Planetoid",
    size=(19_717, 44_324),
)
_add(
    "tolokers",
    _heterophilous("tolokers", 1.3),
    summary="crowd workers who shared a task; label: was banned",
    source="PyG HeterophilousGraphDataset",
    size=(11_758, 519_000),
)
_add(
    "roman-empire",
    _heterophilous("roman-empire"),
    summary="words of an article, joined by order and syntax",
    source="PyG HeterophilousGraphDataset",
    size=(22_662, 32_927),
)
_add(
    "amazon-ratings",
    _heterophilous("amazon-ratings"),
    summary="products bought together; label: average rating",
    source="PyG HeterophilousGraphDataset",
    size=(24_492, 93_050),
)
_add(
    "ogbn-products",
    _open_graph("ogbn-products", OGB_RAW, "sales_ranking", 1_380, "Amazon license, says OGB"),
    summary="products bought together; split by sales rank",
    source="OGB",
    size=(2_449_029, 61_859_012),
    default_split="public",
)
