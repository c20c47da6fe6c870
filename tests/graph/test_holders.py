"""Every kind of object that holds a graph is cut as its `edge_index` is, and keeps all the rest.

The oracle is the plain road: the arcs that the object lists, as a tensor. `KINDS` says for each
kind how to make an object of arcs and how to list the arcs of one, in other words than wis does.
"""

from __future__ import annotations

import copy
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
import torch_geometric.transforms as T
from hypothesis import given, settings
from strategies import edge_index_of, small_graphs
from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, Data, HeteroData, InMemoryDataset, TemporalData

import wis
from wis.errors import GraphFormatError, OptionError, ProtectionError
from wis.graph import holders
from wis.graph.stores import called
from wis.measure.facts import graph_facts
from wis.testing import assert_same_data, odd_graph, odd_graphs
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


# What is kept beside the arcs, and what is refused


def friends(kind: type = nx.Graph) -> Any:
    graph = kind(year=2026)
    graph.add_node("Eve", age=31)
    graph.add_node(("a", 1), age=7, role="child")
    graph.add_node("Bob", age=40)
    for u, v, hours in [("Eve", "Bob", 3), ("Bob", ("a", 1), 2), (("a", 1), "Eve", 9)]:
        graph.add_edge(u, v, weight=hours, since="May")
    graph.add_edge("Bob", "Bob", weight=1)
    return graph


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph])
def test_a_networkx_graph_keeps_names_attributes_and_loops(kind):
    graph = friends(kind)
    before = copy.deepcopy(graph)
    sparse = wis.sparsify(graph, remove=2, protect=[("Bob", "Eve")])
    assert nx.utils.graphs_equal(graph, before)
    assert type(sparse) is kind
    assert sparse.graph == {"year": 2026}
    assert list(sparse.nodes(data=True)) == list(before.nodes(data=True))
    assert sorted(sparse.edges(data="weight")) == [("Bob", "Bob", 1), ("Eve", "Bob", 3)]
    sparse.nodes["Eve"]["age"] = 0
    assert graph.nodes["Eve"]["age"] == 31


def test_repeats_of_a_multigraph_go_together_with_their_keys():
    graph = nx.MultiDiGraph([(0, 1, "a"), (1, 0, "b"), (0, 1, "c"), (1, 2, "d"), (2, 0, "e")])
    sparse = wis.removal_order(graph, "random", seed=1).apply(graph, remove=2)
    assert len({frozenset(edge[:2]) for edge in sparse.edges}) == 1
    assert set(sparse.edges(keys=True)) <= set(graph.edges(keys=True))
    left = wis.sparsify(graph, remove=2, protect=[(0, 1)])
    assert list(left.edges(keys=True)) == [(0, 1, "a"), (0, 1, "c"), (1, 0, "b")]


def test_vertices_that_are_0_to_n_minus_1_keep_their_numbers():
    graph = nx.Graph([(3, 1), (1, 0), (0, 2), (2, 3), (3, 0)])
    arcs = torch.tensor([list(edge) for edge in graph.edges]).T
    assert torch.equal(wis.removal_order(graph).edges, wis.removal_order(arcs).edges)
    assert wis.walk_index(graph, [3], 2) == wis.walk_index(arcs, [3], 2)


def test_names_of_vertices_are_subsets_and_targets():
    graph = friends()
    numbers = nx.convert_node_labels_to_integers(graph)
    named = wis.walk_index(graph, ["Eve", ("a", 1)], 2, target="Bob")
    assert named == wis.walk_index(numbers, [0, 1], 2, target=2) > 0
    with pytest.raises(OptionError, match="subset holds 'Ann', which is no vertex of the graph"):
        wis.walk_index(graph, ["Ann"], 2)
    with pytest.raises(OptionError, match="protect holds 0, which is no vertex"):
        wis.sparsify(graph, remove=1, protect=[(0, 1)])
    with pytest.raises(ProtectionError):
        wis.sparsify(graph, remove=3, protect=[("Eve", "Bob")])


def named(kind: str) -> Any:
    """A path of four vertices with names, with other weights in the two directions of an edge."""
    rows = [("d", "a", 1.0, "x"), ("a", "b", 2.0, "y"), ("b", "c", 3.0, "y"), ("c", "b", 4.0, "x")]
    table = pd.DataFrame(rows, columns=["source", "target", "weight", "type"])
    if kind == "pyarrow":
        return pa.Table.from_pandas(table)
    if kind == "pandas":
        return table
    return nx.from_pandas_edgelist(table, edge_attr=True, create_using=getattr(nx, kind))


NAMED = ("DiGraph", "MultiGraph", "MultiDiGraph", "pandas", "pyarrow")


@pytest.mark.parametrize("kind", NAMED)
def test_errors_call_vertices_by_their_names(kind):
    with pytest.raises(ProtectionError, match=r"protect holds \('d', 'c'\), which is no edge"):
        wis.sparsify(named(kind), remove=1, protect=[("d", "c")])
    with pytest.raises(GraphFormatError, match=r"between the arcs of edge \('b', 'c'\)"):
        wis.sparsify(named(kind), remove=1, method="weight")
    with pytest.raises(OptionError, match=r"scores has no entry for \('b', 'c'\)"):
        wis.sparsify(named(kind), remove=1, scores={("a", "d"): 1, ("a", "b"): 2})


@pytest.mark.parametrize("kind", NAMED)
def test_pairs_of_names_come_in_any_form(kind):
    pairs = [("b", "a"), ("d", "a")]
    forms = [pairs, np.array(pairs).T, pd.DataFrame(pairs)]
    for form in forms:
        left = holders.opened(wis.sparsify(named(kind), remove=1, protect=form))
        assert {called(left, arc) for arc in left.edge_index.T.tolist()} <= {
            ("b", "a"), ("a", "b"), ("d", "a"), ("a", "d"),
        }  # fmt: skip
    for wrong in (3, [3], np.array(pairs + pairs)):
        with pytest.raises(OptionError, match=r"protect .*expected"):
            wis.sparsify(named(kind), remove=1, protect=wrong)
    with pytest.raises(OptionError, match="subset"):
        wis.walk_index(named(kind), 3, 2)


@pytest.mark.parametrize("kind", NAMED)
def test_scores_by_pairs_are_those_of_the_edges_in_any_order(kind):
    scores = {("b", "c"): 1.0, ("b", "a"): 3.0, ("a", "d"): 2.0}
    order = wis.removal_order(named(kind), scores=scores)
    ids = {name: vertex for vertex, name in enumerate("abcd" if kind[0] == "p" else "dabc")}
    assert [{*pair} for pair in order.edges.T.tolist()] == [
        {ids[u], ids[v]} for u, v in sorted(scores, key=scores.__getitem__)
    ]


@pytest.mark.parametrize("kind", NAMED)
def test_a_column_type_holds_the_types_as_in_a_file(kind):
    graph = named(kind)
    given, usual = (wis.sparsify(graph, remove=1, per_type=how) for how in ("type", True))
    assert holders.opened(given).edge_index.equal(holders.opened(usual).edge_index)


def test_a_series_goes_by_the_labels_of_the_rows():
    table = named("pandas").set_axis(list("wxyz"))
    shuffled = table["weight"].iloc[[3, 0, 2, 1]]
    assert wis.sparsify(table, remove=2, scores=shuffled).index.tolist() == ["y", "z"]
    other = shuffled.reset_index(drop=True)  # other labels: in the order of the rows
    assert wis.sparsify(table, remove=1, scores=other).index.tolist() == ["w", "y", "z"]


def test_arcs_of_an_undirected_networkx_graph_have_no_direction():
    with pytest.raises(OptionError, match=r"pass graph.to_directed\(\)"):
        wis.sparsify(friends(), remove=1, directed=True)
    sparse = wis.sparsify(friends().to_directed(), remove=1, directed=True)
    assert sparse.number_of_edges() == 6


def test_edges_of_networkx_are_cut_by_their_types_and_weights():
    graph = nx.complete_graph(8)
    for number, (u, v) in enumerate(graph.edges):
        graph.edges[u, v].update(kind="near" if number % 4 else "far", weight=float(number))
    sparse = wis.sparsify(graph, remove=0.5, per_type="kind")
    kinds = [kind for *_, kind in sparse.edges(data="kind")]
    assert (kinds.count("near"), kinds.count("far")) == (11, 3) or len(kinds) == 14
    light = wis.sparsify(graph, remove=14, method="weight")
    assert min(weight for *_, weight in light.edges(data="weight")) == 14
    assert wis.sparsify(graph, remove=1, scores="weight").number_of_edges() == 27
    seen = []
    wis.sparsify(graph, remove=1, scores=lambda given: seen.append(given) or [1.0] * 28)
    assert seen[0] is graph


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array, sp.csc_matrix, sp.coo_matrix])
def test_a_matrix_of_scipy_keeps_its_class_type_and_explicit_zeros(kind):
    rows, columns = [0, 1, 1, 2, 2], [1, 0, 2, 1, 2]
    matrix = kind((np.array([5, 5, 0, 7, 9], np.int16), (rows, columns)), shape=(4, 4))
    sparse = wis.sparsify(matrix, remove=1, protect=[(1, 2)])
    assert (type(sparse), sparse.dtype, sparse.shape) == (kind, np.int16, (4, 4))
    assert sparse.nnz == 3  # the arc of weight 0, its reverse, the loop
    assert sparse.toarray().tolist() == [[0] * 4, [0, 0, 0, 0], [0, 7, 9, 0], [0] * 4]
    assert matrix.nnz == 5


def test_values_of_matrices_are_weights():
    matrix = sp.csr_array(np.triu(np.arange(36.0).reshape(6, 6), 1))
    for graph in (
        matrix,
        torch.tensor(matrix.toarray()),
        torch.tensor(matrix.toarray()).to_sparse(),
    ):
        sparse = wis.sparsify(graph, remove=10, method="weight")
        dense = sparse.toarray() if sp.issparse(sparse) else sparse.to_dense().numpy()
        assert sorted(dense[dense > 0].tolist()) == sorted(matrix.data.tolist())[10:]


def test_gradients_flow_through_a_cut_sparse_tensor():
    weight = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    matrix = torch.sparse_coo_tensor([[0, 1, 2], [1, 2, 0]], weight, (3, 3), check_invariants=True)
    wis.sparsify(matrix, remove=1).coalesce().values().sum().backward()
    assert sorted(weight.grad.tolist()) == [0, 1, 1]


def people(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "hours": [3.0, 2.0, 9.0, 4.0],
            "from": ["Eve", "Bob", "Ann", "Eve"],
            "to": ["Bob", "Ann", "Eve", "Eve"],
            "since": pd.to_datetime(["2024-01-01"] * 4),
            **columns,
        },
        index=["w", "x", "y", "z"],
    )


def test_a_table_keeps_columns_types_index_and_names():
    table = people()
    sparse = wis.sparsify(table, remove=1, protect=[("Eve", "Bob"), ("Ann", "Bob")])
    assert sparse.equals(table.loc[["w", "x", "z"]])
    assert (sparse.dtypes == table.dtypes).all()
    order = wis.removal_order(table)  # Ann 0, Bob 1, Eve 2
    assert order.num_nodes == 3
    assert order.apply(table, remove=3).index.tolist() == ["z"]
    arrow = pa.Table.from_pandas(table)
    again = wis.sparsify(arrow, remove=1, protect=[("Eve", "Bob"), ("Ann", "Bob")])
    assert again.schema.equals(arrow.schema, check_metadata=True)
    assert again.to_pandas().equals(sparse)
    batch = wis.sparsify(arrow.to_batches()[0], remove=1)
    assert isinstance(batch, pa.RecordBatch)
    assert batch.num_rows == 3


def test_columns_of_a_table_are_weights_and_types():
    table = people().rename(columns={"hours": "weight"}).assign(kind=["a", "b", "a", "a"])
    assert wis.sparsify(table, remove=1, method="weight").index.tolist() == ["w", "y", "z"]
    assert len(wis.sparsify(table, remove=1.0, per_type="kind")) == 1


@pytest.mark.parametrize(
    ("ids", "num_nodes"),
    [([5, 0], 6), ([-1, 3], 2), ([10**15, 3], 2), ([1.5, 2.0], 2), ([True, False], 2)],
)
def test_small_integers_are_vertex_ids_and_all_else_are_names(ids, num_nodes):
    table = pd.DataFrame({"a": ids, "b": ids[::-1]})
    assert wis.removal_order(table).num_nodes == num_nodes
    assert len(wis.sparsify(table, remove=1)) == 0


def test_nullable_integers_are_vertex_ids():
    table = pd.DataFrame({"source": [0, 7], "target": [7, 0]}, dtype="Int64")
    assert wis.removal_order(table).num_nodes == 8


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"a": [1], "b": [2], "c": [3]}), "has the columns a, b, c; expected one row"),
        (
            pd.DataFrame({"source": ["a", None], "target": ["b", "c"]}),
            "an end of an arc is missing",
        ),
        (pd.DataFrame({"source": [1, None], "target": [2, 3]}), "an end of an arc is missing"),
        (pd.DataFrame({"source": ["a", 1], "target": ["b", "c"]}), "cannot be sorted"),
        (pa.table({"source": [1, None], "target": [2, 3]}), "an end of an arc is missing"),
        (sp.coo_array((2, 3)), r"has the shape \[2, 3\]; an adjacency matrix is square"),
    ],
)
def test_what_is_no_graph_among_them_is_refused(table, message):
    for way in (wis.removal_order, lambda graph: wis.sparsify(graph, remove=1)):
        with pytest.raises(GraphFormatError, match=message):
            way(table)


@pytest.mark.parametrize("name", ["nx.DiGraph", "scipy csr", "pandas", "array of arcs"])
def test_options_that_do_not_fit_a_kind_are_refused(name):
    graph = KINDS[name].make(4, [(0, 1), (1, 2), (2, 3)])
    with pytest.raises(OptionError, match="edge_attrs names attributes of a PyG object"):
        wis.sparsify(graph, remove=1, edge_attrs=["weight"])
    with pytest.raises(OptionError, match="per_type needs edge types"):
        wis.sparsify(graph, remove=1, per_type=True)
    if name in ("pandas", "array of arcs"):
        assert wis.removal_order(graph, num_nodes=9).num_nodes == 9
    else:
        with pytest.raises(OptionError, match="this graph has its own"):
            wis.removal_order(graph, num_nodes=9)


def test_events_of_removed_pairs_go_with_all_their_attributes():
    source, target = torch.tensor([0, 1, 0, 2, 2, 3]), torch.tensor([1, 0, 1, 3, 2, 2])
    data = TemporalData(src=source, dst=target, t=torch.arange(6), msg=torch.arange(12).view(6, 2))
    sparse = wis.sparsify(data, remove=1, protect=[(2, 3)])
    assert sparse.t.tolist() == [3, 4, 5]
    assert sparse.msg[:, 0].tolist() == [6, 8, 10]
    assert data.num_events == 6


def test_events_may_have_attributes_of_any_type():
    parts = {"word": list("abc"), "array": np.arange(3), "scale": torch.tensor(2), "title": "abc"}
    ends = {"src": torch.tensor([0, 1, 0]), "dst": torch.tensor([1, 2, 1])}
    sparse = wis.sparsify(TemporalData(**ends, t=torch.arange(3), **parts), remove=1, scores=[0, 1])
    assert sparse.t.tolist() == sparse.array.tolist() == [1]
    assert (sparse.word, sparse.scale, sparse.title) == (["b"], 2, "abc")


@pytest.mark.parametrize("ends", [{}, {"src": torch.arange(3), "dst": torch.arange(2)}])
def test_events_without_two_ends_are_refused(ends):
    with pytest.raises(GraphFormatError, match="src and dst of the TemporalData have the shapes"):
        wis.sparsify(TemporalData(**ends), remove=1)


# Several graphs


class Few(InMemoryDataset):
    """Graphs in memory."""

    def __init__(self, graphs: list[Any], transform: Any = None) -> None:
        super().__init__(transform=transform)
        self.data, self.slices = self.collate(graphs)


def some_graphs() -> list[Data]:
    return [odd_graph(name) for name in ("clique", "path", "self-loops", "random-dense")]


@pytest.mark.parametrize("collection", [list, tuple, Few])
def test_each_graph_of_a_collection_is_cut_by_itself(collection):
    given = collection(some_graphs())
    for cut in (wis.sparsify(given, remove="50%"), Sparsify("50%")(given)):
        assert type(cut) is type(given)
        assert len(cut) == 4
        for sparse, graph in zip(cut, some_graphs(), strict=True):
            assert_same_data(sparse, wis.sparsify(graph, remove="50%"))
    for kept, graph in zip(given, some_graphs(), strict=True):
        assert_same_data(kept, graph)
    with pytest.raises(GraphFormatError, match=r"wis\.sparsify cuts each graph"):
        wis.removal_order(given)


def test_a_part_of_a_dataset_keeps_its_transform_and_its_vertices():
    graphs = [Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3) for _ in range(3)]
    graphs += [Data(edge_index=torch.tensor([[0], [1]]), num_nodes=9)]
    dataset = Few(graphs, T.Constant())[1:]
    cut = wis.sparsify(dataset, remove=1)
    assert [(graph.num_nodes, graph.num_edges) for graph in cut] == [(3, 1), (3, 1), (9, 0)]
    assert cut.transform is dataset.transform
    assert cut[2].x.shape == (9, 1)
    assert [graph.num_edges for graph in dataset] == [2, 2, 1]


def test_graphs_without_a_stated_number_keep_their_vertices_in_a_dataset():
    graphs = [Data(edge_index=torch.tensor([[0, 1], [1, k]]), x=None) for k in (2, 5)]
    cut = wis.sparsify(Few(graphs), remove="100%")
    assert [graph.num_nodes for graph in cut] == [3, 6]


def test_the_storage_of_a_dataset_is_no_graph():
    dataset = Few([Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)] * 2)
    with pytest.raises(GraphFormatError, match="holds the 2 graphs of a dataset"):
        wis.sparsify(dataset._data, remove=1)
    batch = Batch.from_data_list(list(dataset))
    assert wis.sparsify(batch, remove=1).num_edges == 3
    assert wis.sparsify(wis.sparsify(batch, remove=1), remove=1).num_edges == 2
    assert wis.sparsify(batch[1], remove=1).num_edges == 1


def test_graphs_of_other_kinds_may_be_in_a_list():
    hetero = HeteroData()
    hetero["a"].num_nodes = 3
    hetero["a", "to", "a"].edge_index = torch.tensor([[0, 1], [1, 2]])
    cut = wis.sparsify([nx.path_graph(5), sp.eye_array(3).tocsr(), hetero], remove="50%")
    assert [type(graph) for graph in cut] == [nx.Graph, sp.csr_array, HeteroData]
    assert cut[0].number_of_edges() == 2
    assert wis.sparsify([], remove="50%") == []


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_may_be_in_a_list_and_errors_name_its_place(name):
    graph = KINDS[name].make(4, [(0, 1), (1, 2), (2, 3)])
    cut = wis.sparsify([graph, graph], remove=1)
    alone = wis.sparsify(graph, remove=1)
    assert [[*KINDS[name].arcs(each)] for each in cut] == [[*KINDS[name].arcs(alone)]] * 2
    with pytest.raises(GraphFormatError, match="item 1 of the 2 is no graph: got NoneType"):
        wis.sparsify([graph, None], remove=1)
    with pytest.raises(OptionError, match="graph 1 of 2: remove is 2 edges, but the graph has 0"):
        wis.sparsify([graph, sp.csr_array((3, 3))], remove=2)


def test_an_edge_index_of_pyg_states_its_number_of_vertices():
    index = EdgeIndex([[0, 1], [1, 0]], sparse_size=(5, 5), sort_order="row")
    assert wis.removal_order(index).num_nodes == 5
    sparse = wis.sparsify(index, remove=1)
    assert (type(sparse), sparse.sparse_size()) == (EdgeIndex, (5, 5))
