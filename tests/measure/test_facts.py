"""Facts about graphs, counted by hand."""

from __future__ import annotations

import json

import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import Data, HeteroData

from wis.base.limits import shown_size
from wis.datasets import load
from wis.errors import GraphFormatError
from wis.graph import UndirectedGraph
from wis.measure.facts import component_sizes, graph_facts
from wis.show import facts_as_text


def odd_graph():
    """Six vertices: 0-1 (twice 0→1, once 1→0), a double loop at 1, 2→3 one-way, 4 and 5 alone."""
    arcs = [[0, 0, 1, 1, 1, 2], [1, 1, 0, 1, 1, 3]]
    return Data(
        edge_index=torch.tensor(arcs),
        edge_attr=torch.ones(6, 2),
        x=torch.ones(6, 3, dtype=torch.float64),
        y=torch.tensor([0, 1, 2, 0, 1, 2]),
        train_mask=torch.tensor([True, False, True, False, False, False]),
        title="odd",
        num_nodes=6,
    )


def test_loops_repeats_and_one_way_edges_are_counted_as_defined():
    facts = graph_facts(odd_graph())
    assert (facts.num_nodes, facts.num_edges, facts.num_arcs) == (6, 2, 6)
    assert (facts.num_loops, facts.num_repeats, facts.num_one_way) == (2, 2, 1)
    assert facts.direction == "mixed"
    assert (facts.num_isolated, facts.num_components, facts.largest_component) == (2, 4, 2)


def test_degrees_are_those_of_the_undirected_graph_without_loops():
    degree = graph_facts(odd_graph()).degree
    assert (degree.min, degree.median, degree.max) == (0, 1, 1)
    assert degree.mean == pytest.approx(4 / 6)


def test_a_percentile_is_a_degree_that_so_many_vertices_do_not_exceed():
    star = torch.stack((torch.zeros(100, dtype=torch.int64), torch.arange(1, 101)))
    degree = graph_facts(star).degree
    assert (degree.p90, degree.p99, degree.max) == (1, 1, 100)


def test_attributes_are_told_apart_even_where_n_equals_the_number_of_arcs():
    attributes = {a.name: a for a in graph_facts(odd_graph()).attributes}
    assert attributes["edge_attr"].level == "edge"
    assert attributes["x"].level == "vertex"
    assert (attributes["x"].type, attributes["x"].shape) == ("float64", (6, 3))
    assert attributes["y"].note == "3 classes"
    assert attributes["train_mask"].note == "2 true"
    assert (attributes["title"].level, attributes["title"].shape) == ("graph", None)


def test_memory_is_the_size_of_all_tensors_and_arrays():
    data = Data(edge_index=torch.zeros(2, 5, dtype=torch.int64), x=torch.ones(3, 4), num_nodes=3)
    data.table = np.zeros(10, dtype=np.int16)
    assert graph_facts(data).memory_bytes == 2 * 5 * 8 + 3 * 4 * 4 + 20


def test_a_hetero_graph_is_counted_as_the_union_of_its_types():
    data = HeteroData()
    data["user"].x = torch.ones(3, 2)
    data["item"].num_nodes = 4
    data["user", "buys", "item"].edge_index = torch.tensor([[0, 1], [2, 3]])
    data["user", "buys", "item"].price = torch.ones(2)
    data["item", "bought_by", "user"].edge_index = torch.tensor([[2], [0]])
    facts = graph_facts(data)
    assert (facts.num_nodes, facts.num_edges, facts.num_arcs, facts.num_one_way) == (7, 2, 3, 1)
    assert facts.num_nodes_by_type == {"user": 3, "item": 4}
    assert facts.num_arcs_by_type == {"user buys item": 2, "item bought_by user": 1}
    assert [(a.level, a.store, a.name) for a in facts.attributes] == [
        ("vertex", "user", "x"),
        ("edge", "user buys item", "price"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=0),
        Data(edge_index=torch.tensor([[0], [0]]), num_nodes=1),
        HeteroData(),
        torch.empty(2, 0, dtype=torch.int64),
    ],
    ids=["no vertex", "one loop", "no type", "no arc"],
)
def test_graphs_with_next_to_nothing_have_facts(data):
    facts = graph_facts(data)
    assert (facts.num_edges, facts.direction) == (0, "undirected")
    assert facts.num_components == facts.num_nodes
    assert facts_as_text(facts)


def test_components_agree_with_networkx():
    data = load("rmat:scale=7,edges=120,seed=2")
    network = nx.empty_graph(data.num_nodes)
    network.add_edges_from(data.edge_index.t().tolist())
    expected = sorted(map(len, nx.connected_components(network)))
    assert sorted(component_sizes(UndirectedGraph.from_any(data)).tolist()) == expected


def test_the_facts_can_be_written_as_json():
    record = json.loads(json.dumps(graph_facts(odd_graph()).to_dict()))
    assert record["degree"]["max"] == 1
    assert {row["name"] for row in record["attributes"]} >= {"edge_attr", "x", "title"}


def test_the_text_shows_every_count_and_attribute():
    text = facts_as_text(graph_facts(odd_graph()))
    for words in ("vertices", "2 self-loops and 2 repeats", "mixed: 1 ", "x: float64 [6, 3]"):
        assert words in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_what_is_no_graph_is_refused():
    with pytest.raises(GraphFormatError):
        graph_facts(Data(x=torch.ones(3, 1)))


def test_sizes_are_shown_in_the_largest_unit_that_fits():
    assert shown_size(0) == "0 bytes"
    assert shown_size(1023) == "1023 bytes"
    assert shown_size(1536) == "1.5 KiB"
    assert shown_size(3 * 2**40) == "3.0 TiB"
