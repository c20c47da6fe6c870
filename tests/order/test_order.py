"""Removal orders: cut, saved, loaded, refused."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from method_cases import prepared, quick
from strategies import edge_index_of, small_graphs

import wis
from wis.errors import (
    GraphFileError,
    GraphFormatError,
    OptionError,
    OrderMismatchError,
    OutputExistsError,
)
from wis.graph import UndirectedGraph
from wis.order import RemovalOrder
from wis.order.order import as_header
from wis.testing import assert_nested, assert_same_data, odd_graph


@given(small_graphs())
def test_cut_takes_the_first_edges_of_the_order(graph):
    num_nodes, arcs = graph
    canonical = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    order = wis.removal_order(canonical)
    for count in range(len(order) + 1):
        kept = order.apply(canonical, remove=count)
        left = canonical.edge_ids(order.edges[:, count:]).sort().values
        assert torch.equal(kept.edges, canonical.edges[:, left])


def test_cuts_of_one_order_are_nested():
    data = odd_graph("power-law")
    order = wis.removal_order(data)
    assert_nested([data, *(order.apply(data, keep=f"{keep}%") for keep in (90, 50, 10, 0))])


def test_edge_index_is_cut_with_the_vertices_of_the_order():
    data = odd_graph("isolated-vertices")
    order = wis.removal_order(data)
    assert torch.equal(
        order.apply(data.edge_index, remove=2), order.apply(data, remove=2).edge_index
    )


def test_order_of_the_same_graph_with_other_arcs_fits():
    data = odd_graph("clique")
    order = wis.removal_order(data)
    one_way = data.clone()
    one_way.edge_index = data.edge_index[:, ::2].flip(0)
    assert order.apply(one_way, remove=10).num_edges == 26


@pytest.mark.parametrize("other", ["cycle", "star", "isolated-vertices"])
def test_order_of_another_graph_is_refused(other):
    order = wis.removal_order(odd_graph("path"))
    with pytest.raises(OrderMismatchError, match="compute a new order"):
        order.apply(odd_graph(other), remove=1)


def test_order_of_another_graph_with_as_many_vertices_and_edges_is_refused():
    path = edge_index_of([(0, 1), (1, 2), (2, 3)])
    star = edge_index_of([(0, 1), (0, 2), (0, 3)])
    with pytest.raises(OrderMismatchError, match="as many vertices and edges"):
        wis.removal_order(path).apply(star, remove=1)


def test_cut_beyond_a_short_order_is_refused():
    data = odd_graph("clique")
    order = wis.removal_order(data, count=10)
    assert order.num_removed(remove=10) == 10
    with pytest.raises(OptionError, match="stopped after 10 of 36"):
        order.apply(data, remove=11)


def test_length_and_repr_say_what_it_is():
    order = wis.removal_order(odd_graph("clique"), "random", count=10)
    assert len(order) == 10
    assert repr(order).startswith("RemovalOrder(10 of 36 edges, 9 vertices, method='random'")


def test_copies_are_equal_and_independent():
    order = wis.removal_order(odd_graph("clique"))
    twin = copy.deepcopy(order)
    twin.edges[:] = 0
    assert bool(order.edges.any())
    assert twin.provenance == order.provenance


def test_order_cannot_be_reassigned():
    order = wis.removal_order(odd_graph("clique"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        order.num_edges = 3


# Files


@pytest.mark.parametrize("name", ["empty", "one-vertex", "path", "power-law"])
@pytest.mark.parametrize("method", wis.available_methods())
def test_saved_order_comes_back_the_same(tmp_path, name, method):
    data = prepared(method, odd_graph(name))
    order = wis.removal_order(data, method, seed=5, **quick(method))
    loaded = RemovalOrder.load(order.save(tmp_path / "a.order.npz"))
    assert torch.equal(loaded.edges, order.edges)
    assert loaded.edges.dtype == torch.int64
    assert (loaded.num_nodes, loaded.num_edges) == (order.num_nodes, order.num_edges)
    assert loaded.provenance == order.provenance
    assert_same_data(loaded.apply(data, remove="50%"), order.apply(data, remove="50%"))


def test_short_order_is_saved_as_such(tmp_path):
    data = odd_graph("clique")
    loaded = RemovalOrder.load(wis.removal_order(data, count=4).save(tmp_path / "short.npz"))
    assert (len(loaded), loaded.num_edges) == (4, 36)


def test_ending_is_added_where_it_is_missing(tmp_path):
    path = wis.removal_order(odd_graph("path")).save(tmp_path / "cora.order")
    assert path == tmp_path / "cora.order.npz"
    assert [file.name for file in tmp_path.iterdir()] == ["cora.order.npz"]


def test_existing_file_is_kept_unless_forced(tmp_path):
    order = wis.removal_order(odd_graph("path"))
    path = order.save(tmp_path / "a.npz")
    with pytest.raises(OutputExistsError):
        order.save(path, force=False)
    assert order.save(path) == path


def test_file_needs_no_pickle_and_its_header_is_json(tmp_path):
    path = wis.removal_order(odd_graph("path")).save(tmp_path / "a.npz")
    with np.load(path, allow_pickle=False) as archive:
        header = json.loads(archive["header"].tobytes())
    assert header["format"] == "wis-order"
    assert header["provenance"]["method"] == "wis"


@pytest.mark.parametrize("cut", [0, 1, 20, 0.3, 0.9])
def test_truncated_file_is_refused_in_one_line(tmp_path, cut):
    path = wis.removal_order(odd_graph("power-law")).save(tmp_path / "a.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: cut if isinstance(cut, int) else int(cut * len(whole))])
    with pytest.raises(GraphFormatError, match=r"a\.npz: ") as error:
        RemovalOrder.load(path)
    assert "\n" not in str(error.value)


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(GraphFileError, match="no such file"):
        RemovalOrder.load(tmp_path / "nothing.npz")
    with pytest.raises(GraphFileError, match="is a folder"):
        RemovalOrder.load(tmp_path)


def rewritten(path, tmp_path, **changes):
    """The order file with other header fields, or other edges."""
    with np.load(path) as archive:
        header, edges = json.loads(archive["header"].tobytes()), archive["edges"]
    edges = changes.pop("edges", edges)
    header.update(changes)
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(tmp_path / "changed.npz", header=text, edges=edges)
    return tmp_path / "changed.npz"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "format other"),
        ({"version": 99}, "version 99"),
        ({"num_edges": 2}, "3 edges in the order, 2 in the graph"),
        ({"num_nodes": 2}, "num_edges is 3; expected an integer from 0 to 2"),
        ({"num_nodes": 3}, "ids from 0 to 2"),
        ({"num_nodes": None}, "damaged"),
        ({"provenance": {}}, "damaged"),
        ({"provenance": None}, "damaged"),
        ({"edges": np.array([[0, 1, 0], [1, 2, 1]])}, "occurs twice"),
        ({"edges": np.array([[1, 1, 2], [0, 2, 3]])}, "pairs u < v"),
        ({"edges": np.array([[-1, 1, 2], [0, 2, 3]])}, "pairs u < v"),
        ({"edges": np.array([[0.5], [1.0]])}, "dtype float64"),
        ({"edges": np.array([0, 1, 2])}, "shape"),
        ({"edges": np.array([["a"], ["b"]])}, "dtype <U1"),
        ({"edges": np.array([[0, 1], [9, 2]])}, "ids from 0 to 3"),
        *[
            ({name: value}, f"{name} is .*; expected an integer from 0")
            for name in ("num_nodes", "num_edges")
            for value in (1e30, 4.0, -1, True, "4", [4], 10**30, 10**400)
        ],
        ({"num_nodes": float("inf")}, "holds Infinity, which is no number"),
        ({"num_nodes": float("nan")}, "holds NaN, which is no number"),
        ({"version": "1"}, "version 1"),
        ({"version": float("-inf")}, "holds -Infinity"),
        ({"format": "x" * 9999}, r"format xxx.* \(9999 characters\)"),
        ({"provenance": [1]}, r"provenance is \[1\]; expected a mapping"),
        ({"provenance": "\ud800"}, "damaged"),
        ({"deep": [[[]]]}, None),
    ],
)
def test_file_that_contradicts_itself_is_refused(tmp_path, changes, message):
    order = wis.removal_order(edge_index_of([(0, 1), (1, 2), (2, 3)]))
    path = rewritten(order.save(tmp_path / "a.npz"), tmp_path, **changes)
    if message is None:  # what a later version may add
        assert RemovalOrder.load(path).num_edges == 3
        return
    with pytest.raises(GraphFormatError, match=message) as caught:
        RemovalOrder.load(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("options", [1]),
        ("options", "walk_length"),
        ("options", None),
        ("method", 7),
        ("method", None),
        ("seed", 1.5),
        ("seed", True),
        ("seed", "0"),
        ("fingerprint", None),
        ("versions", ["wis"]),
        ("directed", "yes"),
        ("protections", [1]),
        ("num_removable", 1.5),
        ("unknown", 1),
    ],
)
def test_provenance_of_another_kind_is_refused(name, value, tmp_path):
    order = wis.removal_order(edge_index_of([(0, 1), (1, 2), (2, 3)]))
    provenance = {**as_header(order.provenance), name: value}
    path = rewritten(order.save(tmp_path / "a.npz"), tmp_path, provenance=provenance)
    with pytest.raises(GraphFormatError, match=name):
        RemovalOrder.load(path)


@pytest.mark.parametrize(
    "text", [b"", b"[" * 100_000, b"\xff", b"{}", b"[]", b"null", b'{"format": "wis-order"}']
)
def test_a_header_that_is_none_is_one_line(text, tmp_path):
    np.savez(tmp_path / "a.npz", header=np.frombuffer(text, np.uint8), edges=np.zeros((2, 0), int))
    with pytest.raises(GraphFormatError, match=r"a\.npz: damaged order file") as caught:
        RemovalOrder.load(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)


def test_npz_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", edge_index=np.zeros((2, 3)))
    with pytest.raises(GraphFormatError, match="not an order file"):
        RemovalOrder.load(tmp_path / "other.npz")


def test_pickled_array_is_not_unpickled(tmp_path):
    np.savez(tmp_path / "evil.npz", header=np.array([print], dtype=object), edges=np.zeros((2, 0)))
    with pytest.raises(GraphFormatError, match="not an order file"):
        RemovalOrder.load(tmp_path / "evil.npz")
