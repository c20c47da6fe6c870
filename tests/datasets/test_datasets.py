"""Embedded graphs and generators: what they are, that a seed repeats them, what is refused.

The data sets that are read from files have tests of their own in `test_real_datasets`.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from raw_datasets import edge_set

from wis.datasets import available_datasets, find, is_known, load, table
from wis.datasets.generators import (
    barabasi_albert,
    contextual_block_model,
    rmat,
    stochastic_block_model,
)
from wis.datasets.splits import MASKS, random_masks
from wis.errors import OptionError, UnknownNameError, WisError

TOY = Path(__file__).parents[2] / "datasets" / "toy"
SMALL = {
    "rmat": "rmat:scale=8,edges=1000",
    "barabasi-albert": "barabasi-albert:n=200,degree=3",
    "sbm": "sbm:n=100,blocks=3,p_in=0.3,p_out=0.02",
    "csbm": "csbm:n=100,features=7",
    "motifs": "motifs:graphs=6,n=9",
}
NAMES = [dataset.name for dataset in available_datasets() if dataset.files is None]


@pytest.mark.parametrize("name", NAMES)
def test_every_graph_is_simple_and_holds_both_directions(name):
    data = load(SMALL.get(name, name))
    arcs = {tuple(arc) for arc in data.edge_index.t().tolist()}
    assert len(arcs) == data.edge_index.size(1), "no repeats"
    assert all((v, u) in arcs and u != v for u, v in arcs)
    assert data.validate()


@pytest.mark.parametrize("name", NAMES)
def test_loading_twice_gives_the_same_graph(name):
    first, second = load(SMALL.get(name, name)), load(SMALL.get(name, name))
    assert torch.equal(first.edge_index, second.edge_index)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_another_seed_gives_another_graph(name):
    assert edge_set(load(SMALL[name])) != edge_set(load(SMALL[name] + ",seed=1"))


def test_karate_is_the_graph_of_networkx_with_its_factions():
    data, graph = load("karate"), nx.karate_club_graph()
    assert edge_set(data) == {frozenset(edge) for edge in graph.edges}
    assert data.y.tolist() == [int(graph.nodes[v]["club"] == "Officer") for v in graph]
    weight = {
        frozenset(arc): value
        for arc, value in zip(data.edge_index.t().tolist(), data.edge_weight.tolist(), strict=True)
    }
    assert weight[frozenset((0, 1))] == graph.edges[0, 1]["weight"]


def test_les_miserables_keeps_its_names():
    data, graph = load("Les_Miserables"), nx.les_miserables_graph()
    named = {frozenset(data.name[v] for v in edge) for edge in edge_set(data)}
    assert named == {frozenset(edge) for edge in graph.edges}


def test_digits_have_features_labels_and_masks_that_split_the_vertices():
    data = load("digits")
    assert data.x.shape == (1797, 64)
    assert float(data.x.max()) == 1.0
    masks = torch.stack([data.train_mask, data.val_mask, data.test_mask])
    assert masks.sum(dim=0).eq(1).all()
    assert masks.sum(dim=1).tolist() == [1437, 180, 180]
    degree = torch.bincount(data.edge_index[0])
    assert int(degree.min()) >= 8, "each image chooses eight neighbours"
    same = data.y[data.edge_index[0]] == data.y[data.edge_index[1]]
    assert float(same.float().mean()) > 0.9, "neighbours mostly show the same digit"


def literal_rmat(scale, edges, seed):
    """The definition, one long draw for each level."""
    rng = np.random.default_rng(seed)
    u = v = np.zeros(edges, dtype=np.int64)
    for _ in range(scale):
        r = rng.random(edges)
        u = 2 * u + (r >= 0.76)
        v = 2 * v + (((r >= 0.57) & (r < 0.76)) | (r >= 0.95))
    p = rng.permutation(2**scale)
    pairs = zip(p[u].tolist(), p[v].tolist(), strict=True)
    return {frozenset(pair) for pair in pairs if pair[0] != pair[1]}


@pytest.mark.parametrize(
    ("scale", "edges", "seed"), [(10, 5000, 0), (6, 300, 3), (0, 5, 0), (3, 0, 1)]
)
def test_rmat_follows_its_definition(scale, edges, seed):
    data = rmat(scale=scale, edges=edges, seed=seed)
    assert data.num_nodes == 2**scale
    assert edge_set(data) == literal_rmat(scale, edges, seed)


def test_rmat_does_not_depend_on_how_its_draws_are_chunked(monkeypatch):
    whole = rmat(scale=7, edges=1000)
    monkeypatch.setattr("wis.datasets.generators.CHUNK", 64)
    assert torch.equal(rmat(scale=7, edges=1000).edge_index, whole.edge_index)


@pytest.mark.parametrize(("n", "degree"), [(2, 1), (9, 8), (50, 1), (300, 5)])
def test_barabasi_albert_has_exactly_n_minus_degree_times_degree_edges(n, degree):
    data = barabasi_albert(n=n, degree=degree)
    assert len(edge_set(data)) == (n - degree) * degree
    assert data.num_nodes == n


def test_barabasi_albert_prefers_the_vertices_of_high_degree():
    degree = torch.bincount(barabasi_albert(n=3000, degree=4).edge_index[0])
    assert int(degree.max()) > 60, "a uniform choice stays below 40"
    assert int(degree.min()) == 4


def test_a_stochastic_block_model_has_the_expected_densities():
    n, blocks, p_in, p_out = 600, 3, 0.1, 0.01
    data = stochastic_block_model(n=n, blocks=blocks, p_in=p_in, p_out=p_out)
    assert torch.bincount(data.y).tolist() == [200, 200, 200]
    same = data.y[data.edge_index[0]] == data.y[data.edge_index[1]]
    for pairs, p, found in (
        (blocks * math.comb(200, 2), p_in, int(same.sum()) // 2),
        (math.comb(blocks, 2) * 200**2, p_out, int((~same).sum()) // 2),
    ):
        assert abs(found - pairs * p) < 5 * math.sqrt(pairs * p)


def test_a_stochastic_block_model_at_the_extremes_is_complete_or_empty():
    complete = stochastic_block_model(n=11, blocks=3, p_in=1.0, p_out=1.0)
    assert len(edge_set(complete)) == 55
    assert stochastic_block_model(n=5, blocks=5, p_in=0.0, p_out=0.0).num_edges == 0
    cliques = stochastic_block_model(n=6, blocks=2, p_in=1.0, p_out=0.0)
    assert edge_set(cliques) == {
        frozenset(pair) for b in (0, 3) for pair in ((b, b + 1), (b, b + 2), (b + 1, b + 2))
    }


def test_a_contextual_block_model_has_the_densities_and_features_of_its_definition():
    n, p, d, graph_signal, mu = 3000, 50, 9.0, 2.0, 40.0
    data = contextual_block_model(
        n=n, features=p, degree=d, graph_signal=graph_signal, feature_signal=mu
    )
    sign = 2 * data.y.double() - 1
    assert abs(float(sign.sum())) < 5 * math.sqrt(n)
    plus = int((sign > 0).sum())
    same = data.y[data.edge_index[0]] == data.y[data.edge_index[1]]
    for pairs, rate, found in (
        (math.comb(plus, 2) + math.comb(n - plus, 2), (d + 6) / n, int(same.sum()) // 2),
        (plus * (n - plus), (d - 6) / n, int((~same).sum()) // 2),
    ):
        assert abs(found - pairs * rate) < 5 * math.sqrt(pairs * rate)
    # x = sqrt(mu/n) v u' + z/sqrt(p): its projection on v is sqrt(mu n) u up to noise, |u| = 1
    projection = sign @ data.x.double() / n
    assert float(projection.norm()) == pytest.approx(math.sqrt(mu / n), rel=0.35)
    rest = data.x.double() - sign[:, None] * projection
    assert float(rest.var()) == pytest.approx(1 / p, rel=0.05)


def test_a_contextual_block_model_can_be_heterophilous_and_carries_a_split():
    data = contextual_block_model(n=1000, graph_signal=-3.0, seed=4)
    same = data.y[data.edge_index[0]] == data.y[data.edge_index[1]]
    assert float(same.float().mean()) < 0.1
    assert [int(data[mask].sum()) for mask in MASKS] == [800, 100, 100]
    assert data.x.dtype == torch.float32


@pytest.mark.parametrize("num_nodes", [0, 1, 5, 10, 17, 1797])
def test_a_random_split_puts_each_vertex_into_one_of_three_parts(num_nodes):
    masks = random_masks(num_nodes, seed=3)
    assert list(masks) == list(MASKS)
    assert torch.stack(list(masks.values())).sum(dim=0).eq(1).all()
    tenth = round(num_nodes / 10)
    assert [int(mask.sum()) for mask in masks.values()] == [num_nodes - 2 * tenth, tenth, tenth]
    again, other = random_masks(num_nodes, seed=3), random_masks(num_nodes, seed=4)
    assert all(torch.equal(masks[name], again[name]) for name in MASKS)
    if num_nodes > 10:
        assert not torch.equal(masks["test_mask"], other["test_mask"])


def test_a_random_split_of_a_seed_stays_what_it_was():
    # as first released; another numpy or another code must not move a published split
    masks = random_masks(20, seed=0)
    assert masks["val_mask"].nonzero().view(-1).tolist() == [4, 19]
    assert masks["test_mask"].nonzero().view(-1).tolist() == [2, 6]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": 1.5}, "seed is 1.5; expected an integer"),
        ({"seed": 0, "test": float("nan")}, "test nan; expected fractions"),
        ({"seed": 0, "validation": 0.7, "test": 0.4}, "validation is 0.7 and test 0.4"),
    ],
)
def test_an_impossible_split_is_one_line(options, words):
    with pytest.raises(OptionError, match=words):
        random_masks(20, **options)


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ("karat", UnknownNameError, "Did you mean 'karate'?"),
        ("", UnknownNameError, "known: "),
        ("rmat:scal=3", UnknownNameError, "parameter of rmat 'scal'"),
        ("karate:seed=1", UnknownNameError, "parameter of karate 'seed'"),
        ("rmat:scale", OptionError, "not of the form key=value, as in rmat:scale="),
        ("rmat:scale=3.5", OptionError, "scale is '3.5'; expected an integer"),
        ("rmat:scale=3,scale=4", OptionError, "scale is given twice"),
        ("rmat:scale=40", OptionError, "scale is 40; expected a value from 0 to 31"),
        ("rmat:edges=-1", OptionError, "edges is -1; expected at least 0"),
        ("rmat:seed=-1", OptionError, "seed is -1"),
        ("sbm:p_in=nan", OptionError, "p_in is nan; expected a value from 0 to 1"),
        ("sbm:p_out=x", OptionError, "p_out is 'x'; expected a number"),
        ("sbm:n=3,blocks=4", OptionError, "blocks is 4; expected a value from 1 to 3"),
        ("barabasi-albert:n=8,degree=8", OptionError, "n is 8; expected a value from 9 to"),
        ("digits:neighbors=1797", OptionError, "expected 1 to 1796"),
        ("digits:seed=-2", OptionError, "seed is -2"),
        ("csbm:n=0", OptionError, "n is 0; expected a value from 1 to"),
        ("csbm:graph_signal=4", OptionError, "graph_signal is 4.0; expected a value from -3.16"),
        ("csbm:n=10,degree=10,graph_signal=1", OptionError, "expected at most 1"),
        ("csbm:feature_signal=inf", OptionError, "feature_signal is inf"),
        ("csbm:features=100000000000000", OptionError, "the graph does not fit into memory"),
        ("sbm:n=10000000000000000000", OptionError, "expected a value from 1 to 2147483648"),
    ],
)
def test_a_bad_spec_is_one_clear_line(spec, error, words):
    with pytest.raises(error) as caught:
        load(spec)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, WisError)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rmat(scale=2.5), "scale is 2.5; expected an integer"),
        (lambda: rmat(edges=True), "edges is True; expected an integer"),
        (lambda: barabasi_albert(degree="3"), "degree is '3'; expected an integer"),
        (lambda: stochastic_block_model(n=10.0), "n is 10.0; expected an integer"),
        (lambda: contextual_block_model(seed=None), "seed is None; expected an integer"),
    ],
)
def test_numbers_of_things_are_integers(make, words):
    with pytest.raises(OptionError, match=words):
        make()


def test_a_registered_name_is_found_however_it_is_written():
    with table.DATASETS.restored():
        table.register("My_Graph", summary="")(lambda: None)
        assert find("my-graph") is find("MY_GRAPH")
        with pytest.raises(ValueError, match="'my-graph' is registered already"):
            table.register("my-graph", summary="")(lambda: None)
    assert not is_known("my-graph")


def test_a_name_is_known_with_and_without_parameters():
    assert is_known("karate")
    assert is_known("RMAT:scale=3")
    assert not is_known("karate.pt")


def test_every_spec_of_the_table_can_be_typed():
    for dataset in available_datasets():
        assert is_known(dataset.spec)
    for name in NAMES:
        assert load(SMALL.get(name, find(name).spec)).num_nodes > 0


def test_the_table_states_the_size_of_graphs_that_have_one():
    for name in ("karate", "les-miserables", "digits"):
        data, dataset = load(name), find(name)
        assert (data.num_nodes, len(edge_set(data))) == (dataset.num_nodes, dataset.num_edges)


def test_the_toy_graph_is_a_table_of_pairs_with_one_attribute():
    with open(TOY / "friends.csv", newline="", encoding="utf-8") as file:
        heading, *rows = csv.reader(file)
    assert heading == ["source", "target", "hours"]
    people = {name for row in rows for name in row[:2]}
    assert (len(people), len(rows)) == (10, 14)
