"""Orders with protections: saved, loaded, and verified."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from method_cases import prepared, quick
from torch_geometric.data import Data
from torch_geometric.utils import degree, subgraph

import wis
from wis.errors import GraphFormatError, NotGreedyError, OptionError, ProtectionError
from wis.order import Provenance, RemovalOrder
from wis.testing import odd_graph

each_method = pytest.mark.parametrize("method", wis.available_methods())
CERTIFIED = ("wis", "gwis", "scores", "weight")


# Files


@each_method
def test_protections_are_saved_and_loaded(tmp_path, method):
    data = prepared(method, odd_graph("power-law"))
    protections = {"keep_connected": True, "min_degree": 2, "protect": data.edge_index[:, :9]}
    order = wis.removal_order(data, method, **protections, **quick(method))
    loaded = RemovalOrder.load(order.save(tmp_path / "order.npz"))
    assert loaded.provenance == order.provenance
    assert torch.equal(loaded.edges, order.edges)
    assert "keep_connected, min_degree=2, " in repr(loaded)
    with pytest.raises(ProtectionError, match=f"only {len(order)} of {order.num_edges} edges"):
        loaded.apply(data, remove="100%")


def header_of(path):
    with np.load(path) as archive:
        return json.loads(archive["header"].tobytes()), archive["edges"]


def test_file_of_an_unprotected_order_is_what_it_was_before_there_were_protections(tmp_path):
    header, _ = header_of(wis.removal_order(odd_graph("path")).save(tmp_path / "order.npz"))
    assert header["provenance"].keys() == {"method", "options", "seed", "fingerprint", "versions"}


@pytest.mark.parametrize(
    "changes",
    [
        {"protections": None},
        {"protections": {}},
        {"protections": {"edge_ids": 3}},
        {"protections": {"keep_connected": 2, "min_degree": 0, "edge_ids": []}},
        {"protections": {"keep_connected": True, "min_degree": -1, "edge_ids": []}},
        {"protections": {"keep_connected": True, "min_degree": 0, "edge_ids": [6]}},
        {"protections": {"keep_connected": True, "min_degree": 0, "edge_ids": [], "new": 1}},
        {"num_removable": None},
        {"num_removable": 7},
    ],
)
def test_damaged_protections_are_refused(tmp_path, changes):
    path = wis.removal_order(odd_graph("path"), min_degree=1).save(tmp_path / "order.npz")
    header, edges = header_of(path)
    header["provenance"].update(changes)
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), edges=edges)
    with pytest.raises(GraphFormatError, match="damaged"):
        RemovalOrder.load(path)


# Certificates


def graph_for(method):
    """A graph, of 40 vertices for gwis: its certificate counts walks anew at every step."""
    data = odd_graph("power-law")
    if method == "gwis":
        hubs = degree(data.edge_index[0], data.num_nodes).topk(40).indices
        arcs, _ = subgraph(hubs, data.edge_index, relabel_nodes=True, num_nodes=data.num_nodes)
        data = Data(edge_index=arcs, num_nodes=40)
    return prepared(method, data)


def given(method):
    """Options that an order cannot look up, since they were given as a function."""
    return {name: value for name, value in quick(method).items() if name == "scores"}


@each_method
@pytest.mark.parametrize("count", [None, 20])
def test_protected_order_is_verified_by_its_certificate_or_by_computing_it_again(
    tmp_path, method, count
):
    data = graph_for(method)
    protections = {"keep_connected": True, "min_degree": 2}
    order = wis.removal_order(data, method, seed=3, count=count, **protections, **quick(method))
    check = "certificate" if method in CERTIFIED else "recomputation"
    assert wis.verify_order(data, order, **given(method)).check == check
    loaded = RemovalOrder.load(order.save(tmp_path / "order.npz"))
    assert wis.verify_order(data, loaded, **given(method)).check == check


@pytest.mark.parametrize("protections", [{"min_degree": 2}, {"keep_connected": True}], ids=str)
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 7},
        {"epsilon": 0.2, "seed": 3},
        {"walk_length": 2},
        {"walk_length": 2, "batch_size": 7},
        {"method": "gwis"},
        {"method": "gwis", "argmax": "sum", "batch_size": 7},
    ],
    ids=str,
)
def test_wrong_step_of_a_protected_order_is_named(options, protections):
    data = wis.datasets.load("karate")
    protect = data.edge_index[:, ::9]
    order = wis.removal_order(data, **options, protect=protect, **protections)
    found = wis.verify_order(data, order)
    assert (found.check, found.is_complete) == ("certificate", True)
    steps = list(range(len(order)))
    changed = order.edges[:, [steps[-1], *steps[1:-1], 0]]
    last = tuple(order.edges[:, -1].tolist())
    with pytest.raises(NotGreedyError, match="although edge") as error:
        wis.verify_order(data, dataclasses.replace(order, edges=changed))
    assert (error.value.step, error.value.edge) == (0, last)
    stays = order.graph_of(data).edges[:, order.provenance.protections.edge_ids[:1]]
    more = torch.cat([order.edges[:, :5], stays, order.edges[:, 5:]], dim=1)
    with pytest.raises(NotGreedyError, match=r"step 6 of .*, which has to stay") as error:
        wis.verify_order(data, dataclasses.replace(order, edges=more))
    assert error.value.edge == tuple(stays[:, 0].tolist())


@pytest.mark.parametrize("name", ["empty", "one-vertex", "one-vertex-with-a-loop"])
@pytest.mark.parametrize(
    "options",
    [{}, {"batch_size": 7}, {"epsilon": 0.2}, {"walk_length": 2, "batch_size": 7}],
    ids=str,
)
def test_protected_order_of_no_edges_is_greedy(name, options):
    data = odd_graph(name)
    order = wis.removal_order(data, **options, keep_connected=True, min_degree=1)
    assert wis.verify_order(data, order).check == "certificate"


def test_unprotected_order_is_verified_by_its_certificate():
    data = odd_graph("power-law")
    assert wis.verify_order(data, wis.removal_order(data)).check == "certificate"


@each_method
def test_first_step_that_differs_from_a_protected_order_is_named(method):
    data = graph_for(method)
    order = wis.removal_order(data, method, keep_connected=True, **quick(method))
    edges = order.edges.clone()
    edges[:, [0, -1]] = edges[:, [-1, 0]]
    with pytest.raises(NotGreedyError) as error:
        wis.verify_order(data, dataclasses.replace(order, edges=edges), **given(method))
    assert (error.value.step, error.value.edge) == (0, tuple(edges[:, 0].tolist()))
    if method not in CERTIFIED:
        assert f"edge {tuple(edges[:, -1].tolist())} goes there" in str(error.value)


def test_step_beyond_what_can_go_is_named():
    data = odd_graph("cycle")
    order = wis.removal_order(data, keep_connected=True)
    whole = wis.removal_order(data).edges
    left = whole[:, (whole != order.edges).any(dim=0)]
    longer = dataclasses.replace(order, edges=torch.cat((order.edges, left[:, :1]), dim=1))
    with pytest.raises(
        NotGreedyError, match=r"step 2 of 2 removes edge .*, although its component falls apart"
    ):
        wis.verify_order(data, longer)


@pytest.mark.parametrize("question", [{"method": "random"}, {"walk_length": 2}])
def test_protected_order_is_checked_against_what_made_it_only(question):
    data = odd_graph("clique")
    order = wis.removal_order(data, keep_connected=True)
    with pytest.raises(OptionError, match="checked against what made it"):
        wis.verify_order(data, order, **question)


def test_protected_order_with_an_option_that_is_gone_is_refused():
    data = odd_graph("clique")
    made = wis.removal_order(data, keep_connected=True)
    options = {**made.provenance.options, "steam": 1}
    provenance: Provenance = dataclasses.replace(made.provenance, options=options)
    with pytest.raises(OptionError, match="no option 'steam'"):
        wis.verify_order(data, dataclasses.replace(made, provenance=provenance))


def test_order_of_an_earlier_wis_is_told_from_one_among_the_edges_that_may_go(tmp_path):
    data = odd_graph("power-law")
    protections = {"keep_connected": True, "protect": data.edge_index[:, :9]}
    made = wis.removal_order(data, **protections)
    graph = made.graph_of(data)
    ids = made.provenance.protections.removable(graph, wis.removal_order(data).ranked(graph).ids)
    provenance = dataclasses.replace(made.provenance, guarded=False)
    old = dataclasses.replace(made, edges=graph.edges[:, ids], provenance=provenance)
    old = RemovalOrder.load(old.save(tmp_path / "old.npz"))
    assert "guarded" not in header_of(tmp_path / "old.npz")[0]["provenance"]
    found = wis.verify_order(data, old)
    assert found.check == "recomputation"
    assert "which passed over protected edges of an order of the whole graph" in found.limits
    assert old.apply(data, remove="20%").num_edges < data.num_edges
