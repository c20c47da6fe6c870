"""Every kind of object that holds a graph is cut as its `edge_index` is, and keeps all the rest.

The oracle is the plain road: the arcs that the object lists, as a tensor. `KINDS` says for each
kind how to make an object of arcs and how to list the arcs of one, in other words than wis does.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from strategies import edge_index_of, small_graphs
from torch_geometric import EdgeIndex
from torch_geometric.data import TemporalData

import wis
from wis.graph import holders
from wis.measure.facts import graph_facts
from wis.testing import odd_graph, odd_graphs
from wis.transforms import Sparsify

Arcs = list[tuple[int, int]]


class Kind(NamedTuple):
    """How to make an object of one kind, and how to list its arcs."""

    make: Callable[[int, Arcs], Any]
    arcs: Callable[[Any], Any]
    directed: bool = True
    is_sorted: bool = True  # whether two objects with the same arcs list them in the same order


def from_networkx(kind: type) -> Callable[[int, Arcs], Any]:
    def make(num_nodes: int, arcs: Arcs) -> Any:
        graph = kind()
        graph.add_nodes_from(range(num_nodes))
        graph.add_edges_from(arcs)
        return graph

    return make


def matrix_of(num_nodes: int, arcs: Arcs) -> sp.coo_array:
    rows, columns = edge_index_of(arcs).numpy()
    return sp.coo_array((np.ones(len(arcs)), (rows, columns)), shape=(num_nodes, num_nodes))


def from_scipy(layout: str) -> Callable[[int, Arcs], Any]:
    return lambda num_nodes, arcs: matrix_of(num_nodes, arcs).asformat(layout)


def arcs_of_scipy(matrix: Any) -> Any:
    found = matrix.tocoo()
    stored = found.data != 0  # a block of bsr is filled up with zeros
    return zip(found.row[stored].tolist(), found.col[stored].tolist(), strict=True)


def from_torch(layout: torch.layout) -> Callable[[int, Arcs], torch.Tensor]:
    def make(num_nodes: int, arcs: Arcs) -> torch.Tensor:
        size = (num_nodes, num_nodes)
        matrix = torch.sparse_coo_tensor(
            edge_index_of(arcs), torch.ones(len(arcs)), size, check_invariants=False
        )
        if layout == torch.sparse_coo:
            return matrix
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse C.. tensor support")
            return matrix.to_sparse(layout=layout)

    return make


def arcs_of_torch(matrix: torch.Tensor) -> Any:
    if matrix.layout != torch.sparse_coo:
        matrix = matrix.to_sparse(layout=torch.sparse_coo)
    return matrix._indices().T.tolist()


def ends(arcs: Arcs) -> dict[str, list[int]]:
    return {"source": [u for u, _ in arcs], "target": [v for _, v in arcs]}


def frame(num_nodes: int, arcs: Arcs) -> pd.DataFrame:
    return pd.DataFrame(ends(arcs), dtype=np.int64)


def table(num_nodes: int, arcs: Arcs) -> pa.Table:
    return pa.table(ends(arcs), schema=pa.schema([("source", pa.int64()), ("target", pa.int64())]))


def events(num_nodes: int, arcs: Arcs) -> TemporalData:
    source, target = edge_index_of(arcs)
    return TemporalData(src=source, dst=target, t=torch.arange(len(arcs)))


KINDS = {
    "nx.Graph": Kind(from_networkx(nx.Graph), lambda g: g.edges, False, False),
    "nx.DiGraph": Kind(from_networkx(nx.DiGraph), lambda g: g.edges, True, False),
    "nx.MultiGraph": Kind(from_networkx(nx.MultiGraph), lambda g: g.edges(), False, False),
    "nx.MultiDiGraph": Kind(from_networkx(nx.MultiDiGraph), lambda g: g.edges(), True, False),
    "sparse COO": Kind(from_torch(torch.sparse_coo), arcs_of_torch),
    "sparse CSR": Kind(from_torch(torch.sparse_csr), arcs_of_torch),
    "sparse CSC": Kind(from_torch(torch.sparse_csc), arcs_of_torch, is_sorted=False),
    "square tensor": Kind(
        lambda n, arcs: from_torch(torch.sparse_coo)(n, arcs).to_dense(),
        lambda matrix: matrix.nonzero().tolist(),
    ),
    "square array": Kind(
        lambda n, arcs: matrix_of(n, arcs).toarray(), lambda array: np.argwhere(array).tolist()
    ),
    "array of arcs": Kind(
        lambda n, arcs: edge_index_of(arcs).numpy().astype(np.int32), lambda array: array.T.tolist()
    ),
    "pandas": Kind(frame, lambda f: zip(f["source"], f["target"], strict=True)),
    "pyarrow": Kind(table, lambda t: zip(*t.to_pydict().values(), strict=True)),
    "events": Kind(events, lambda e: zip(e.src.tolist(), e.dst.tolist(), strict=True)),
    "EdgeIndex": Kind(
        lambda n, arcs: EdgeIndex(edge_index_of(arcs), sparse_size=(n, n)),
        lambda index: index.as_tensor().T.tolist(),
    ),
} | {
    f"scipy {layout}": Kind(from_scipy(layout), arcs_of_scipy, is_sorted=layout in ("coo", "csr"))
    for layout in ("coo", "csr", "csc", "lil", "dok", "dia", "bsr")
}
WAYS: list[dict[str, Any]] = [
    {},
    {"walk_length": 2},
    {"method": "random", "seed": 5},
    {"method": "local-degree", "remove": 1.0},
]


def listed(kind: Kind, graph: Any) -> Arcs:
    arcs = [(int(u), int(v)) for u, v in kind.arcs(graph)]
    if not kind.directed:
        arcs = [(min(arc), max(arc)) for arc in arcs]
    return arcs if kind.is_sorted else sorted(arcs)


def fits(name: str, num_nodes: int) -> bool:
    """A square matrix of two vertices would be an `edge_index` of two arcs; dia has no size 0."""
    return not (name.startswith("square") and num_nodes == 2)


def facts_of(graph: Any) -> list[Any]:
    """What no cut changes."""
    if isinstance(graph, nx.Graph):
        return [type(graph), list(graph)]
    names = ("dtype", "layout", "format", "dtypes", "schema", "shape")
    is_matrix = sp.issparse(graph) or holders._is_square(graph) or getattr(graph, "is_sparse", 0)
    kept = names if is_matrix else names[:-1]
    return [type(graph), *(str(getattr(graph, attribute, None)) for attribute in kept)]


def check(name: str, num_nodes: int, arcs: Arcs, **options: Any) -> None:
    kind = KINDS[name]
    graph = kind.make(num_nodes, arcs)
    before = listed(kind, graph), facts_of(graph)
    plain = edge_index_of(listed(kind, graph))
    states = name not in ("array of arcs", "pandas", "pyarrow", "events")
    size = {} if not states else {"num_nodes": num_nodes}
    options = {"remove": "50%"} | options
    sparse = wis.sparsify(graph, **options)
    expected = [tuple(arc) for arc in wis.sparsify(plain, **size, **options).T.tolist()]
    assert (listed(kind, graph), facts_of(graph)) == before
    assert (listed(kind, sparse), facts_of(sparse)) == (expected, before[1])
    order_options = {key: value for key, value in options.items() if key != "remove"}
    order = wis.removal_order(graph, **order_options)
    assert torch.equal(order.edges, wis.removal_order(plain, **size, **order_options).edges)
    assert listed(kind, order.apply(graph, remove=options["remove"])) == expected
    assert listed(kind, Sparsify(**options)(graph)) == expected


wide_dia = pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")


@wide_dia
@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_cut_as_its_arcs_are(name, options):
    for graph in odd_graphs().values():
        if fits(name, graph.num_nodes):
            arcs = [tuple(arc) for arc in graph.edge_index.T.tolist()]
            check(name, graph.num_nodes, arcs, **options)


@wide_dia
@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=25, deadline=None)
@given(graph=small_graphs())
def test_odd_graphs_of_each_kind_are_cut_as_their_arcs_are(name, graph):
    if fits(name, graph[0]):
        check(name, *graph)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.directed])
@settings(max_examples=10, deadline=None)
@given(graph=small_graphs())
def test_arcs_of_each_kind_go_without_their_reverses(name, graph):
    if fits(name, graph[0]):
        check(name, *graph, directed=True)


def test_all_rows_of_the_table_are_tried():
    made = [kind.make(3, [(0, 1), (1, 2)]) for kind in KINDS.values()]
    owners = {id(holders.kind_of(graph)) for graph in made}
    assert {id(kind) for kind in holders.KINDS.values()} <= owners


@pytest.mark.parametrize("name", ["nx.Graph", "scipy csr", "pandas", "events", "square array"])
def test_other_functions_take_each_kind(name):
    data = odd_graph("random-dense")
    arcs = [tuple(arc) for arc in data.edge_index.T.tolist()]
    graph = KINDS[name].make(data.num_nodes, arcs)
    order = wis.removal_order(graph)
    assert str(wis.verify_order(graph, order)).startswith("all ")
    assert wis.walk_index(graph, [0, 1], 2) == wis.walk_index(data, [0, 1], 2)
    assert graph_facts(graph).num_edges == graph_facts(data).num_edges
    (cut,), (plain,) = order.compare(graph, ["50%"]), order.compare(data, ["50%"])
    names = ("edges", "diameter", "log_walk_index_2")
    assert all(cut.after[name] == plain.after[name] for name in names)
