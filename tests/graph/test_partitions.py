"""Partitions: by list, by name, from a file; one line for whatever is wrong with them."""

from __future__ import annotations

import itertools
import json

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import edge_index_of, small_graphs
from torch_geometric.data import Data, HeteroData

from wis import datasets
from wis.errors import GraphFileError, GraphFormatError, OptionError, UnknownNameError
from wis.graph import UndirectedGraph
from wis.graph.partitions import CHOICES, canonical_choice, resolve_partitions
from wis.testing import odd_graph

PATH = UndirectedGraph.from_any(odd_graph("path"))  # 0 - 1 - 2 - 3 - 4 - 5 - 6


def resolved(partitions, graph=PATH, **options):
    """Pairs of a list of vertices and a target."""
    found = resolve_partitions(partitions, graph, **options)
    return [(s.tolist(), t) for s, t in zip(found.subsets, found.targets, strict=True)]


def named_path():
    names = ["ann", "bob", "cyd"]
    return Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3, name=names)


def test_list_may_mix_subsets_of_many_types_and_pairs():
    listed = [
        [3, 1],
        {2, 0},
        (4, 5),
        range(2),
        np.array([6, 6, 0]),
        torch.tensor([5]),
        ([1, 2], 0),
        (torch.tensor([1]), torch.tensor(3)),
        {"subset": [2], "target": 2},
        {"subset": [2]},
        [],
    ]
    assert resolved(listed) == [
        ([1, 3], None),
        ([0, 2], None),
        ([4, 5], None),
        ([0, 1], None),
        ([0, 6], None),
        ([5], None),
        ([1, 2], 0),
        ([1], 3),
        ([2], 2),
        ([2], None),
        ([], None),
    ]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ([7], "partition 1: vertex 7 is not in the graph; ids run from 0 to 6"),
        ([-1], "vertex -1 is not in the graph"),
        (([0], 9), "vertex 9 is not in the graph"),
        ([0.5], "0.5 is not a vertex"),
        ([True], "True is not a vertex"),
        (["ann"], "vertex 'ann': the graph has no vertex names, but ids"),
        (3, "3 is not a subset; expected a list of vertices"),
        ("abc", "'abc' is not a subset"),
        (torch.tensor(3), "is not a subset"),
        (torch.tensor([[1]]), r"\[1\] is not a vertex"),
        ({"subset": [0], "end": 3}, "has 'end'; expected 'subset' and optionally 'target'"),
        ({"target": 3}, "has no 'subset'"),
    ],
)
def test_malformed_item_is_named_by_its_position(item, message):
    with pytest.raises(OptionError, match=message):
        resolved([[0], item])


def test_names_of_vertices_stand_for_them():
    data = named_path()
    graph = UndirectedGraph.from_any(data)
    assert resolved([["cyd", 0], (["bob"], "ann")], graph, data=data) == [([0, 2], None), ([1], 0)]
    with pytest.raises(OptionError, match="'dan': the graph has no vertex of that name"):
        resolved([["dan"]], graph, data=data)


def test_singletons_are_each_vertex_with_itself_as_target():
    assert resolved("singletons") == [([t], t) for t in range(7)]


def test_balls_hold_what_is_near_each_vertex():
    assert resolved("balls")[:2] == [([0, 1], 0), ([0, 1, 2], 1)]
    assert resolved("balls:k=2")[3] == ([1, 2, 3, 4, 5], 3)
    assert resolved("balls:k=0") == resolved("singletons")


@given(graph=small_graphs(), k=st.integers(0, 3))
def test_balls_are_those_of_breadth_first_search(graph, k):
    num_nodes, arcs = graph
    canonical = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    if canonical.num_edges == 0:
        return
    network = nx.empty_graph(num_nodes)
    network.add_edges_from(arcs)
    network.remove_edges_from(list(nx.selfloop_edges(network)))
    balls = [sorted(nx.single_source_shortest_path_length(network, t, cutoff=k)) for t in network]
    crossed = [nx.cut_size(network, ball) > 0 for ball in balls]
    expected = [(ball, t) for t, ball in enumerate(balls) if crossed[t]]
    if not expected:
        with pytest.raises(OptionError, match="no edge crosses"):
            resolved(f"balls:k={k}", canonical)
    else:
        assert resolved(f"balls:k={k}", canonical) == expected


def test_communities_are_disjoint_largest_first_and_seeded():
    graph = UndirectedGraph.from_any(datasets.load("les-miserables"))
    found = [subset for subset, _ in resolved("communities", graph, seed=1)]
    assert sorted(itertools.chain(*found)) == list(range(77))
    assert [len(part) for part in found] == sorted(map(len, found), reverse=True)
    assert [subset for subset, _ in resolved("communities:number=2", graph, seed=1)] == found[:2]
    assert resolved("communities", graph, seed=2) == resolved("communities", graph, seed=2)
    finer = resolved("communities:resolution=3", graph, seed=1)
    assert len(finer) > len(found)


def test_cuts_are_balanced_and_seeded():
    found = resolved("cuts:number=5", seed=3)
    assert [len(subset) for subset, _ in found] == [3] * 5
    assert resolved("cuts:number=5", seed=3) == found != resolved("cuts:number=5", seed=4)
    assert len(resolved("cuts")) == 8


@pytest.mark.parametrize("kind", [torch.tensor, np.array])
def test_attribute_gives_a_partition_for_each_value(kind):
    data = Data(edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]), y=kind([1, -1, 1, 5]))
    data.column, data.mask = torch.tensor([[0], [0], [2], [2]]), torch.tensor([True] * 3 + [False])
    data.num_nodes = 4
    graph = UndirectedGraph.from_any(data)
    assert resolved("attribute:y", graph, data=data) == [([1], None), ([0, 2], None), ([3], None)]
    assert resolved("attribute:column", graph, data=data) == [([0, 1], None), ([2, 3], None)]
    assert resolved("attribute:mask", graph, data=data) == [([3], None), ([0, 1, 2], None)]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("z", UnknownNameError, "unknown vertex attribute 'z'; known: .*'y'"),
        ("x", OptionError, "expected 34 integers, one for each vertex; got torch.float32"),
        ("edge_index", OptionError, r"torch.int64 of shape \[2, 156\]"),
        ("num_nodes", OptionError, "got a int"),
    ],
)
def test_attribute_that_is_none_of_integers_is_refused(name, error, message):
    data = datasets.load("karate")
    if name == "z":
        message = "unknown vertex attribute 'z'; known: "
    with pytest.raises(error, match=message):
        resolved(f"attribute:{name}", UndirectedGraph.from_any(data), data=data)


def test_attribute_needs_a_graph_that_has_attributes():
    hetero = HeteroData()
    hetero["a"].num_nodes = 2
    hetero["a", "to", "a"].edge_index = torch.tensor([[0], [1]])
    for data, message in ((None, "need a PyG Data"), (PATH, "need a PyG"), (hetero, "one type")):
        with pytest.raises(OptionError, match=message):
            resolved("attribute:y", data=data)


def test_partitions_that_no_edge_crosses_are_left_out_of_choices_but_not_of_lists():
    data = odd_graph("disconnected")  # a clique on 0-3, 4 alone, a clique on 5-9, an edge
    data.y = torch.tensor([0, 0, 1, 1, 2, 3, 3, 3, 3, 3, 4, 4])
    graph = UndirectedGraph.from_any(data)
    assert resolved("attribute:y", graph, data=data) == [([0, 1], None), ([2, 3], None)]
    assert len(resolved("singletons", graph)) == 12
    assert resolved([[4]], graph) == [([4], None)]
    with pytest.raises(OptionError, match="no edge crosses any of them"):
        resolved("communities", graph)


@pytest.mark.parametrize("name", ["empty", "one-vertex-with-a-loop"])
def test_choices_take_graphs_without_edges(name):
    data = odd_graph(name)
    data.y = torch.zeros(data.num_nodes, dtype=torch.int64)
    for choice in CHOICES:
        spec = "attribute:y" if choice == "attribute" else choice
        found = resolve_partitions(spec, UndirectedGraph.from_any(data), data=data)
        assert len(found) == (data.num_nodes if choice == "singletons" else 0)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("singleton", UnknownNameError, "Did you mean 'singletons'.*ending in .json or .csv"),
        ("balls:2", OptionError, "'2' is not a parameter; known: k=1"),
        ("balls:k=two", OptionError, "k is two; expected an integer from 0 on"),
        ("balls:k=-1", OptionError, "expected an integer from 0 on"),
        ("singletons:k=1", OptionError, "known: none"),
        ("communities:resolution=nan", OptionError, "expected a number from 0.0 on"),
        ("attribute", OptionError, "needs a name, as in attribute:y"),
    ],
)
def test_malformed_choice_is_one_line(spec, error, message):
    with pytest.raises(error, match=message):
        resolved(spec)


def test_choice_is_recorded_with_all_its_parameters():
    assert canonical_choice(" Balls ") == "balls:k=1"
    assert canonical_choice("communities:number=3") == "communities:number=3,resolution=1.0"
    assert canonical_choice("attribute:my y") == "attribute:my y"
    assert resolve_partitions("cuts", PATH).choice == "cuts:number=8"


def test_digest_tells_subsets_targets_and_their_order_apart():
    listed = [[[0], [1]], [[1], [0]], [[0, 1]], [([0], 1)], [([0], 0)], [[0]], [[], [0]]]
    digests = [resolve_partitions(partitions, PATH).digest for partitions in listed]
    assert len(set(digests)) == len(digests)
    assert resolve_partitions([{1, 0}], PATH).digest == resolve_partitions([[1, 0, 1]], PATH).digest


def test_json_file_is_a_list_of_subsets_and_objects(tmp_path):
    path = tmp_path / "parts.json"
    path.write_text(json.dumps([[0, 1], {"subset": [2, 3], "target": 5}, {"subset": [6]}]))
    assert resolved(path) == resolved(str(path)) == [([0, 1], None), ([2, 3], 5), ([6], None)]
    assert resolve_partitions(path, PATH).choice == str(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[0],\n[1,]]", "parts.json line 2: not JSON: "),
        ('{"subset": [0]}', "holds a dict; expected a list"),
        ("[[0], [9]]", "partition 1: vertex 9 is not in the graph"),
        ("[[[0], 1]]", r"partition 0: \[0\] is not a vertex"),
        ("[0, 1]", "partition 0: 0 is not a subset"),
        ("[]", "holds no partition"),
        ("[" * 100_000, "parts.json.*not JSON"),
        ("[" * 400 + "]" * 400, r"partition 0: \[\[\["),
        (f"[[{'7' * 5000}]]", "holds an integer of too many digits"),
        (f"[[{'7' * 4000}]]", r"vertex 7777.* \(4000 characters\) is not in the graph"),
        ("[[1e30]]", r"partition 0: 1e\+30 is not a vertex"),
        ("[[NaN, Infinity]]", "partition 0: nan is not a vertex"),
        ("[[true]]", "partition 0: True is not a vertex"),
        ('[{"subset": [0], "subset": [1]}]', "an object holds 'subset' twice"),
        (f'[{{"{"x" * 9999}": 1}}]', r"partition 0: has 'xxxx.* \(9999 characters\)'"),
        (r'[["\ud800"]]', r"vertex '.*ud800': the graph has no vertex names"),
    ],
)
def test_malformed_json_file_is_one_line_that_names_the_item(text, message, tmp_path):
    path = tmp_path / "parts.json"
    path.write_text(text)
    with pytest.raises(GraphFormatError, match=message) as error:
        resolved(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300 + len(str(path))


@pytest.mark.parametrize("header", ["", "partition,vertex,target\n", "Partition, Vertex, Target\n"])
def test_csv_file_has_a_line_for_each_vertex(header, tmp_path):
    path = tmp_path / "parts.csv"
    path.write_text(header + "left,1,\nright,5,0\nleft,0,\n\nright,4\nright,4,0\n")
    assert resolved(path) == [([0, 1], None), ([4, 5], 0)]


def test_csv_file_may_hold_names(tmp_path):
    path, data = tmp_path / "parts.CSV", named_path()
    path.write_text("partition,vertex\nA,cyd\nA,ann\n", encoding="utf-8-sig")
    assert resolved(path, UndirectedGraph.from_any(data), data=data) == [([0, 2], None)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,0\na,7\n", "parts.csv line 2: vertex 7 is not in the graph"),
        ("partition,vertex\na,x\n", "line 2: vertex 'x': the graph has no vertex names"),
        ("a\n", "line 1: 1 entries; expected partition,vertex"),
        ("a,0,1,2\n", "line 1: 4 entries"),
        ("a,0,1\na,1,2\n", "line 2: partition 'a' has another target, '2', than above"),
        ("partition,vertex\n", "holds no partition"),
        (f"a,0\nb,{'1' * 200_000}\n", "line 2: field larger than field limit"),
        (f"a,{'1' * 5000}\n", r"line 1: vertex '1111.* \(5000 characters\)'"),
        ("a,1_0\n", "line 1: vertex '1_0': the graph has no vertex names"),
        ("a,007\n", "line 1: vertex '007'"),
        ("a,٣\n", "line 1: vertex '٣'"),
        ('a,0\n"b,1\nc,2\n', "line 3: unexpected end of data"),
        ("a,0\n\0,1\n", "parts.csv: holds zero bytes"),
        ("a,\x1b[31m\n", r"line 1: vertex '.*x1b\[31m'"),
        ("", "is empty; expected a file of partitions"),
    ],
)
def test_malformed_csv_file_is_one_line_that_names_the_line(text, message, tmp_path):
    path = tmp_path / "parts.csv"
    path.write_text(text)
    with pytest.raises(GraphFormatError, match=message) as error:
        resolved(path)
    assert "\n" not in str(error.value)


def test_file_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(GraphFileError, match="no such file"):
        resolved(tmp_path / "none.csv")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(GraphFileError, match="is a folder; expected a file of partitions"):
        resolved(tmp_path / "folder.json")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GraphFormatError, match="not text in UTF-8"):
        resolved(tmp_path / "bytes.csv")
    with pytest.raises(OptionError, match=r"unknown ending '.txt'; expected .json or .csv"):
        resolved(tmp_path / "parts.txt")
