"""Odd graphs through every format that can hold them."""

import string
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import edge_index_of, small_graphs
from torch_geometric.data import Data

import wis
from wis import UndirectedGraph
from wis.errors import UnknownNameError
from wis.io import format_of_path, formats, read_graph, write_graph

TEXTS = [".csv", ".tsv", ".txt", ".edgelist", ".edges"]
ARCS_IN_ORDER = [".pt", ".pth", ".npz", ".mtx", ".parquet", *TEXTS]
LABELLED = [".graphml", ".gml", ".gexf", ".json"]
ENDINGS = [*ARCS_IN_ORDER, *LABELLED, ".net", ".graph", ".metis"]
COMPRESSED = [".csv.gz", ".tsv.gz", ".txt.gz", ".mtx.gz", ".graphml.gz", ".graph.gz"]


@st.composite
def graphs(draw):
    """A `Data` with whatever arcs, and attributes of several types."""
    num_nodes, arcs = draw(small_graphs(max_num_nodes=7, max_num_arcs=12))
    edge_index = edge_index_of(arcs)
    data = Data(edge_index=edge_index, num_nodes=num_nodes)
    size = len(arcs)
    integers = st.integers(-(2**31), 2**31 - 1)
    floats = st.floats(allow_nan=False, allow_infinity=False, width=64)
    words = st.text(string.ascii_letters + ' ,;"#%', min_size=1, max_size=4)
    if draw(st.booleans()):
        data.edge_weight = torch.tensor(
            draw(st.lists(floats, min_size=size, max_size=size)), dtype=torch.float64
        )
    if draw(st.booleans()):
        data.edge_count = torch.tensor(
            draw(st.lists(integers, min_size=size, max_size=size)), dtype=torch.int64
        )
    if size and draw(st.booleans()):
        data.edge_kind = [
            f"k{word}" for word in draw(st.lists(words, min_size=size, max_size=size))
        ]
    if num_nodes and draw(st.booleans()):
        names = st.lists(words.map(lambda word: f"n_{word}n"), unique=True)
        chosen = draw(names.filter(bool) if num_nodes == 1 else names)
        data.name = [*chosen, *(f"v{i}" for i in range(num_nodes))][:num_nodes]
    return data


def written(graph, ending, **options):
    """The graph through a file."""
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    with tempfile.TemporaryDirectory() as folder:
        path = write_graph(graph, Path(folder) / f"a{ending}", dropped=[])
        return read_graph(path, **options)


def rows(file):
    """Every arc with the names of its ends and its attributes, in order."""
    names = file.vertex_names if hasattr(file, "vertex_names") else file.get("name")
    data = getattr(file, "data", file)
    columns = [data[key] for key in ("edge_weight", "edge_count", "edge_kind") if key in data]
    columns = [part.tolist() if isinstance(part, torch.Tensor) else part for part in columns]
    ends = [
        [str(u if names is None else names[u]) for u in end] for end in data.edge_index.tolist()
    ]
    return list(zip(*ends, *columns, strict=True))


def turned(row):
    """The arc in the other direction."""
    return (row[1], row[0], *row[2:])


@pytest.mark.parametrize("ending", [*ARCS_IN_ORDER, ".csv.gz", ".mtx.gz"])
@given(graph=graphs())
def test_arcs_come_back_in_order_with_their_attributes(ending, graph):
    if ending.startswith(".mtx"):
        graph = Data(**{key: graph[key] for key in ("edge_index", "num_nodes")})
    options = {} if "name" in graph or ending not in TEXTS else {"num_nodes": graph.num_nodes}
    again = written(graph, ending, **options)
    assert rows(again) == rows(graph)
    if "name" not in graph or ending in (".pt", ".pth", ".npz") or options:
        assert ending == ".csv.gz" or again.data.num_nodes == graph.num_nodes


@pytest.mark.parametrize("ending", [*LABELLED, ".graphml.gz"])
@given(graph=graphs())
def test_labelled_formats_hold_the_same_edges_and_vertices(ending, graph):
    if graph.num_nodes:
        graph.name = [f"v{i}" for i in range(graph.num_nodes)]
    again = written(graph, ending)
    assert again.vertex_names == graph.get("name")
    assert sorted(rows(again)) == sorted(rows(graph))
    assert again.undirected == (sorted(rows(graph)) == sorted(map(turned, rows(graph))))


@pytest.mark.parametrize("ending", [".graph", ".metis", ".graph.gz"])
@given(graph=graphs())
def test_metis_holds_the_same_undirected_graph(ending, graph):
    again = written(graph, ending)
    fingerprints = [UndirectedGraph.from_any(data).fingerprint for data in (again.data, graph)]
    assert fingerprints[0] == fingerprints[1]


@pytest.mark.parametrize("ending", [*ENDINGS, *COMPRESSED])
@given(graph=graphs(), data=st.data())
def test_a_cut_file_is_the_cut_graph(ending, graph, data):
    """Read, sparsify, write and read again: what is left are the rows that the cut left."""
    if ending.startswith((".graph", ".metis", ".mtx")) and not ending.startswith(".graphml"):
        graph = Data(**{key: graph[key] for key in ("edge_index", "num_nodes")})
    file = written(graph, ending)
    num_edges = UndirectedGraph.from_any(file.data).num_edges
    count = data.draw(st.integers(0, num_edges))
    cut = file.with_data(wis.sparsify(file.data, remove=count, method="random"))
    again = written(cut, ending)
    if ending.startswith((".graph", ".metis", ".net", *LABELLED)):
        assert sorted(rows(again)) == sorted(rows(cut))
    else:
        assert rows(again) == rows(cut)


def test_every_ending_is_tested():
    assert set(formats()) == set(ENDINGS)
    for ending in ENDINGS:
        assert formats()[ending] == format_of_path(f"A{ending.upper()}").summary
    with pytest.raises(UnknownNameError):
        format_of_path("a")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_is_one_line_in_every_format(ending, monkeypatch, tmp_path):
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    full = tmp_path / f"full{ending}"
    full.symlink_to("/dev/full")
    data = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    with pytest.raises(wis.WisError, match="cannot be written: No space left on device"):
        write_graph(data, full)
