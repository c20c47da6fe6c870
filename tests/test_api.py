"""Graph in, order or sparser graph out."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from method_cases import prepared, quick
from strategies import as_pairs
from torch_geometric.data.hypergraph_data import HyperGraphData
from torch_geometric.loader import DataLoader

import wis
from wis.errors import GraphFormatError, OptionError, UnknownNameError, WisError
from wis.graph import UndirectedGraph
from wis.io import GraphFile
from wis.measure.facts import graph_facts
from wis.testing import assert_same_data, odd_graph
from wis.transforms import Sparsify

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("remove", [0, 5, 0.3, "50%", 1.0])
@pytest.mark.parametrize("method", wis.available_methods())
def test_sparsify_is_order_and_cut(remove, method):
    data = prepared(method, odd_graph("random-dense"))
    cut = wis.removal_order(data, method, seed=3, **quick(method)).apply(data, remove=remove)
    sparse = wis.sparsify(data, remove=remove, method=method, seed=3, **quick(method))
    assert_same_data(sparse, cut)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 1.0])
def test_as_many_edges_go_as_are_asked_for(fraction):
    data = odd_graph("power-law")
    before = UndirectedGraph.from_any(data).num_edges
    after = UndirectedGraph.from_any(wis.sparsify(data, remove=fraction)).num_edges
    assert after == before - round(fraction * before)


def test_keep_is_the_complement_of_remove():
    data = odd_graph("power-law")
    assert_same_data(wis.sparsify(data, keep="30%"), wis.sparsify(data, remove="70%"))


def test_edge_index_in_edge_index_out():
    data = odd_graph("parallel-arcs")
    sparse = wis.sparsify(data.edge_index, remove=1, num_nodes=data.num_nodes)
    assert isinstance(sparse, torch.Tensor)
    assert torch.equal(sparse, wis.sparsify(data, remove=1).edge_index)


def test_undirected_graph_in_undirected_graph_out():
    graph = UndirectedGraph.from_any(odd_graph("random-dense"))
    sparse = wis.sparsify(graph, remove="50%")
    assert sparse.num_edges == graph.num_edges - round(graph.num_edges / 2)
    assert sparse.num_nodes == graph.num_nodes


def test_integer_dtype_of_an_edge_index_is_kept():
    edge_index = odd_graph("clique").edge_index.to(torch.int32)
    assert wis.sparsify(edge_index, remove=0.5).dtype == torch.int32


def test_order_lists_edges_with_the_smaller_vertex_first():
    order = wis.removal_order(odd_graph("random-dense"))
    assert bool((order.edges[0] < order.edges[1]).all())


def test_count_stops_early_and_the_order_says_so():
    order = wis.removal_order(odd_graph("clique"), count=5)
    assert len(order) == order.edges.size(1) == 5
    assert order.num_edges == 36


def test_device_does_not_change_the_result():
    data = odd_graph("random-dense")
    named = wis.removal_order(data, device="cpu")
    assert torch.equal(named.edges, wis.removal_order(data).edges)


@pytest.mark.parametrize("device", ["nowhere", "cuda:99", "meta:x"])
def test_device_that_is_not_there_is_refused(device):
    with pytest.raises(OptionError, match="cannot be used here"):
        wis.removal_order(odd_graph("path"), device=device)


@pytest.mark.parametrize("count", [-1, 7, 1.0, "3", True])
def test_impossible_count_is_refused(count):
    with pytest.raises(OptionError, match="count"):
        wis.removal_order(odd_graph("path"), count=count)


@pytest.mark.parametrize("progress", [None, False, True])
def test_progress_changes_nothing_on_stdout(progress, capsys):
    wis.removal_order(odd_graph("path"), progress=progress)
    assert capsys.readouterr().out == ""


def test_order_of_named_tuple_options_is_recorded():
    order = wis.removal_order(odd_graph("path"), "wis", walk_length=1)
    assert order.provenance.method == "wis"
    assert order.provenance.options["walk_length"] == 1
    assert order.provenance.seed is None
    assert order.provenance.versions.keys() >= {"wis", "torch", "numpy", "python"}


def test_every_error_is_a_wis_error_and_the_builtin_one_expects():
    with pytest.raises(ValueError, match="remove") as option:
        wis.sparsify(odd_graph("path"), remove=9.5)
    with pytest.raises(LookupError) as name:
        wis.sparsify(odd_graph("path"), remove=1, method="nothing")
    with pytest.raises(ValueError, match="ndarray") as graph:
        wis.sparsify(np.zeros((2, 2)), remove=1)
    kinds = [type(error.value) for error in (option, name, graph)]
    assert kinds == [OptionError, UnknownNameError, GraphFormatError]
    assert all(issubclass(kind, WisError) for kind in kinds)


FOREIGN = {
    "two rows of floats": (np.ones((2, 2)), "only as scipy.sparse.coo_array(array)"),
    "an array to transpose": (np.ones((5, 2), int), "arcs are integers of shape [2, num_arcs]"),
    "a path": (Path("graph.csv"), "wis.io.read_graph(path).data"),
    "a name": ("karate", "wis.datasets.load('karate')"),
    "pairs": ([(0, 1), (1, 2)], "torch.tensor(pairs).T"),
    "a loader": (DataLoader([odd_graph("path")]), "dataset.transform = wis.transforms.Sparsify"),
    "a hypergraph": (HyperGraphData(edge_index=torch.zeros(2, 2).long()), "hyperedges"),
    "a file": (GraphFile(odd_graph("path")), "file.data"),
    "an order": (wis.removal_order(odd_graph("path")), "order.apply(data, remove=...)"),
    "nothing": (None, "got a NoneType; expected a PyG Data"),
    "a number": (5, "got a int; expected a PyG Data"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_graph_is_refused_with_the_way_to_make_one(kind):
    given, hint = FOREIGN[kind]
    order = wis.removal_order(odd_graph("path"))
    ways = [
        lambda: wis.sparsify(given, remove=1),
        lambda: wis.removal_order(given),
        lambda: order.apply(given, remove=1),
        lambda: wis.walk_index(given, [0], 1),
        lambda: wis.verify_order(given, order),
        lambda: graph_facts(given),
    ]
    for way in ways:
        with pytest.raises(GraphFormatError) as found:
            way()
        assert hint in str(found.value)
        assert "expected a PyG Data or HeteroData, an edge_index of shape" in str(found.value)
        assert "\n" not in str(found.value)


def test_a_tensor_that_has_to_be_transposed_is_refused():
    with pytest.raises(GraphFormatError, match="transpose it"):
        wis.sparsify(torch.ones(5, 2).long(), remove=1)


def test_removing_all_edges_leaves_the_loops():
    data = odd_graph("self-loops")
    sparse = wis.sparsify(data, remove="100%")
    assert as_pairs(sparse.edge_index) == [(0, 0), (1, 1), (3, 3), (3, 3)]


def test_unknown_name_of_the_menu_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'sparsity'"):
        _ = wis.sparsity


@pytest.mark.parametrize(
    "options",
    [{"walk_length": np.int64(2)}, {"batch_size": np.int32(3)}, {"epsilon": np.float64(1)}],
)
def test_numbers_of_numpy_are_options_as_those_of_python_are(options):
    pairs = torch.combinations(torch.arange(6)).T
    plain = {name: value.item() for name, value in options.items()}
    order = wis.removal_order(pairs, **options)
    assert dict(order.provenance.options) == dict(
        wis.removal_order(pairs, **plain).provenance.options
    )
    assert repr(Sparsify(1, **options)) == repr(Sparsify(1, **plain))
    wis.verify_order(pairs, order, **options)


NAMED = ["walk_length", "epsilon", "batch_size", "engine"]


@pytest.mark.parametrize(
    "call", [wis.sparsify, wis.removal_order, Sparsify, wis.transforms.WalkIndexSparsification]
)
def test_options_of_wis_are_parameters_that_the_help_explains(call):
    parameters = inspect.signature(call).parameters
    assert {*NAMED, "keep_connected", "min_degree", "protect"} <= parameters.keys()
    assert all(f"{name}: " in inspect.getdoc(call) for name in NAMED)


def test_an_option_that_is_none_is_the_methods_own_default():
    data = odd_graph("power-law")
    given = wis.removal_order(data, **dict.fromkeys(NAMED), count=5)
    assert given.provenance.options == wis.removal_order(data, count=5).provenance.options
    with pytest.raises(OptionError, match=r"no option 'walk_length' with the method 'random'"):
        wis.sparsify(data, remove=1, method="random", walk_length=1)


TYPES = """
from typing import assert_type
from torch import Tensor
from torch_geometric.data import Batch, Data, HeteroData
import wis

def check(
    data: Data, hetero: HeteroData, batch: Batch, arcs: Tensor, graph: wis.UndirectedGraph
) -> None:
    assert_type(wis.sparsify(data, remove=0.5, walk_length=2), Data)
    assert_type(wis.sparsify(hetero, remove=0.5), HeteroData)
    assert_type(wis.sparsify(batch, remove=0.5), Batch)
    assert_type(wis.sparsify(arcs, remove="50%", num_nodes=3), Tensor)
    assert_type(wis.sparsify(graph, remove=1), wis.UndirectedGraph)
    order = wis.removal_order(data, engine="bitset")
    assert_type(order.apply(data, remove=0.5), Data)
    assert_type(order.apply(arcs, remove=0.5), Tensor)
    assert_type(wis.sparsify(hetero, remove=0.5), Data)  # which is wrong
"""


ANY = "from typing import Any\ndef __getattr__(name: str) -> Any: ...\n"
STUBS = {"torch": f"{ANY}class Tensor: ...\n", "torch_geometric": "", "numpy": ANY, "networkx": ANY}
CLASSES = "class Data: ...\nclass HeteroData: ...\nclass Batch(Data): ...\n"


def test_a_type_checker_knows_that_data_gives_data():
    folder = ROOT / ".mypy_cache" / "types"  # what mypy knows of modules that are as they were
    for name, text in STUBS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "__init__.pyi").write_text(text)
    (folder / "torch_geometric" / "data.pyi").write_text(CLASSES)
    (error,) = checked(folder, TYPES).splitlines()
    line = TYPES.splitlines().index(next(x for x in TYPES.splitlines() if "wrong" in x)) + 1
    assert error.startswith(f"program.py:{line}: error: Expression is of type")


def checked(folder, code):
    """The errors that mypy finds in a program, with stubs for large packages."""
    (folder / "program.py").write_text(code)
    options = ["--follow-imports=silent", "--ignore-missing-imports", "--no-error-summary"]
    options += ["--no-site-packages", "--cache-dir", "cache"]  # torch has 1,200 modules
    run = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "program.py"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )
    return run.stdout + run.stderr
