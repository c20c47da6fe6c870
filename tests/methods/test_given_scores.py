"""The method scores: numbers of the user's own become an order."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import edge_index_of, small_graphs
from torch_geometric.data import Data, HeteroData

import wis
from wis import datasets
from wis.errors import GraphFormatError, NotGreedyError, OptionError, UnknownNameError
from wis.graph import canonical_graph
from wis.graph.edge_weights import COMBINE, edge_scores
from wis.transforms import Sparsify, WalkIndexSparsification
from wis_cli.main import run

ONE = {"mean": lambda values: math.fsum(values) / len(values), "sum": sum, "min": min, "max": max}
ARCS = [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)]


def triangle(**attributes):
    """Edges 0-1, 0-2 and 1-2, in this order by id."""
    return Data(edge_index=edge_index_of(ARCS), num_nodes=3, **attributes)


def pairs_in(order):
    return order.edges.T.tolist()


@given(
    graph=small_graphs(),
    directed=st.booleans(),
    combine=st.sampled_from(sorted(COMBINE)),
    data=st.data(),
)
@settings(max_examples=100)
def test_scores_of_arcs_are_combined_by_edge(graph, directed, combine, data):
    num_nodes, arcs = graph
    numbers = st.lists(st.floats(-1e6, 1e6), min_size=len(arcs), max_size=len(arcs))
    scores = data.draw(numbers)
    canonical = canonical_graph(edge_index_of(arcs), num_nodes, directed=directed)
    by_edge: dict[tuple[int, ...], list[float]] = {}
    for arc, score in zip(arcs, scores, strict=True):
        by_edge.setdefault(tuple(arc) if directed else tuple(sorted(arc)), []).append(score)
    found = edge_scores(canonical, None, torch.tensor(scores, dtype=torch.float64), combine)
    expected = [ONE[combine](by_edge[tuple(pair)]) for pair in canonical.edges.T.tolist()]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)
    if combine == "mean":  # equal numbers stay what they are
        assert set(edge_scores(canonical, None, [0.1] * len(arcs)).tolist()) <= {0.1}


@pytest.mark.parametrize("combine", COMBINE)
def test_the_order_of_arcs_does_not_change_a_score_by_a_digit(combine):
    graph = wis.UndirectedGraph.from_any(edge_index_of([(0, 1)] * 4))
    orders = itertools.permutations([0.1, 0.7, 0.3, -1e5 / 3])
    assert len({float(edge_scores(graph, None, list(each), combine)[0]) for each in orders}) == 1


BY_ARC = torch.tensor([4.0, 2.0, 1.0, 1.0, 2.0, 2.0])
BY_EDGE = [3, 2, 1]


@pytest.mark.parametrize(
    "scores",
    [
        BY_ARC,
        BY_ARC.view(-1, 1),
        BY_ARC.to(torch.bfloat16),
        BY_ARC.numpy(),
        BY_ARC.tolist(),
        BY_EDGE,
        torch.tensor(BY_EDGE),
        np.array(BY_EDGE, dtype=np.uint8),
        "mask",
        lambda data: data.mask,
        lambda data: "mask",
    ],
    ids=lambda scores: type(scores).__name__,
)
def test_low_scores_go_first_in_whatever_form_they_come(scores):
    data = triangle(mask=BY_ARC, edge_tag=torch.arange(6))
    order = wis.removal_order(data, scores=scores)
    assert pairs_in(order) == [[1, 2], [0, 2], [0, 1]]
    assert order.provenance.method == "scores"
    cut = wis.sparsify(data, remove=1, scores=scores)
    assert cut.edge_tag.tolist() == [0, 1, 4, 5]
    backwards = wis.removal_order(data, "scores", scores=scores, reverse=True)
    assert pairs_in(backwards) == pairs_in(order)[::-1]


def test_as_many_arcs_as_edges_are_scored_in_the_order_of_edge_index():
    data = Data(edge_index=edge_index_of([(2, 1), (1, 0)]), num_nodes=3)  # edge ids 1 and 0
    assert pairs_in(wis.removal_order(data, scores=[1.0, 2.0])) == [[1, 2], [0, 1]]


def test_arcs_of_a_directed_graph_have_scores_of_their_own():
    order = wis.removal_order(triangle(), scores=[6.0, 5.0, 4.0, 3.0, 2.0, 1.0], directed=True)
    assert pairs_in(order) == [list(arc) for arc in reversed(ARCS)]


def test_self_loops_need_no_scores():
    data = Data(edge_index=edge_index_of([(0, 0), (0, 1), (1, 2)]), num_nodes=3)
    assert pairs_in(wis.removal_order(data, scores=[math.nan, 2.0, 1.0])) == [[1, 2], [0, 1]]


def two_types():
    data = HeteroData()
    data["a"].num_nodes, data["b"].num_nodes = 2, 2
    data["a", "to", "b"].edge_index = edge_index_of([(0, 0), (1, 1)])
    data["a", "to", "b"].strength = torch.tensor([4.0, 1.0])
    data["a", "on", "a"].edge_index = edge_index_of([(0, 1)])
    data["a", "on", "a"].strength = torch.tensor([2.0])
    return data


@pytest.mark.parametrize(
    "scores",
    [
        "strength",
        {("a", "to", "b"): [4.0, 1.0], ("a", "on", "a"): torch.tensor([2])},
        [4.0, 1.0, 2.0],
        lambda data: data.collect("strength"),
    ],
)
def test_edge_types_have_scores_of_their_own(scores):
    assert pairs_in(wis.removal_order(two_types(), scores=scores)) == [[1, 3], [0, 1], [0, 2]]


@pytest.mark.parametrize(
    ("scores", "error", "text"),
    [
        ([1.0], GraphFormatError, "holds 1 numbers; expected one for each of 6 arcs, or one for"),
        (torch.ones(3, 2), GraphFormatError, r"scores is \[3, 2\] of float32; expected real"),
        (torch.tensor(1.0), GraphFormatError, r"scores is \[\] of float32; expected real"),
        (["a", "b", "c"], GraphFormatError, "expected real numbers"),
        ([1, [2, 3]], GraphFormatError, "expected real numbers"),
        (torch.ones(3, dtype=torch.complex64), GraphFormatError, "complex64; expected real"),
        ([1.0, math.nan, 2.0], GraphFormatError, "scores is nan at edge 1; expected finite"),
        (BY_ARC.where(BY_ARC < 4, math.inf), GraphFormatError, "scores is inf at arc 0"),
        ("mask", OptionError, "no attribute 'mask' to take edge weights or scores from"),
        ("word", GraphFormatError, "word is a list of texts; expected one number for each of 6"),
        ("hole", GraphFormatError, "hole is nan at arc 2; expected finite numbers"),
        (
            {("a", "to", "b"): [1.0]},
            OptionError,
            r"scores has no entry for \(0, 1\); expected a number for each pair of vertices",
        ),
        (lambda data: None, GraphFormatError, "scores is a NoneType; expected real numbers"),
    ],
)
def test_numbers_that_are_no_scores_are_refused(scores, error, text):
    data = triangle(word=list("abcdef"), hole=BY_ARC.where(BY_ARC > 1, math.nan))
    with pytest.raises(error, match=text):
        wis.sparsify(data, remove=1, scores=scores)


def test_scores_of_edge_types_must_fit_them():
    short = {("a", "to", "b"): [4.0], ("a", "on", "a"): [2.0]}
    with pytest.raises(GraphFormatError, match="holds 1 numbers; expected one for each of 2 arcs"):
        wis.removal_order(two_types(), scores=short)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"method": "scores"}, OptionError, r"needs scores .*: one number for each arc or edge"),
        ({"method": "wis", "scores": BY_ARC}, OptionError, "no option 'scores' with the method"),
        ({"scores": BY_ARC, "combine": "median"}, UnknownNameError, "combine"),
        ({"scores": BY_ARC, "reverse": 1}, OptionError, "reverse is 1; expected true or false"),
        ({"scores": "mask"}, OptionError, "names attributes; a bare edge_index has none"),
    ],
)
def test_wrong_options_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        wis.removal_order(edge_index_of(ARCS), **options)


# Saved, protected, verified


@pytest.mark.parametrize(
    ("scores", "origin"),
    [("mask", "mask"), (BY_ARC, "(given)"), (lambda data: data.mask, "function <lambda>")],
)
def test_a_saved_order_knows_its_scores(scores, origin, tmp_path):
    data = triangle(mask=BY_ARC)
    order = wis.removal_order(data, scores=scores)
    order = wis.RemovalOrder.load(order.save(tmp_path / "order"))
    assert order.provenance.options["scores"] == origin
    again = {} if origin == "mask" else {"scores": scores}
    assert str(wis.verify_order(data, order, **again)) == "all 3 steps are greedy"
    with pytest.raises(OptionError, match="these scores are not those that the order was made for"):
        wis.verify_order(data, order, scores=-BY_ARC)
    if again:
        with pytest.raises(OptionError, match="give them again with scores="):
            wis.verify_order(data, order)


def test_a_step_past_a_lower_score_is_found():
    data = triangle(mask=BY_ARC)
    order = wis.removal_order(data, scores="mask", count=2)
    wrong = wis.RemovalOrder(order.edges.flip(1), 3, 3, order.provenance)
    with pytest.raises(NotGreedyError, match=r"step 1 .* \(0, 2\), .* is 1, not 2") as fault:
        wis.verify_order(data, wrong)
    assert (fault.value.step, fault.value.edge) == (0, (0, 2))
    skipped = wis.RemovalOrder(order.edges[:, 1:], 3, 3, order.provenance)
    with pytest.raises(NotGreedyError, match=r"although edge \(1, 2\) is left"):
        wis.verify_order(data, skipped)


def test_a_protected_order_passes_over_what_must_stay():
    data = datasets.load("karate")
    order = wis.removal_order(data, scores="edge_weight", keep_connected=True, min_degree=1)
    assert len(order) == 78 - 33
    found = wis.verify_order(data, order)
    assert str(found) == "all 45 steps are greedy among the edges that may go"
    back = dataclasses.replace(order, edges=order.edges.flip(1))
    with pytest.raises(NotGreedyError, match=r"step 1 of 45 .* is left, whose score is"):
        wis.verify_order(data, back)


# Transforms


def by_weight(data):
    """The weights of a graph."""
    return data.edge_weight


@pytest.mark.parametrize(
    ("scores", "shown"), [("edge_weight", "'edge_weight'"), (by_weight, f"{__name__}.by_weight")]
)
def test_transforms_rank_each_graph_by_its_own_scores(scores, shown):
    transform = Sparsify("50%", scores=scores)
    assert str(transform) == f"Sparsify(remove='50%', method='scores', scores={shown})"
    graphs = [datasets.load(name) for name in ("karate", "les-miserables")]
    for graph, cut in zip(graphs, transform(graphs), strict=True):
        assert torch.equal(
            cut.edge_index, wis.sparsify(graph, remove="50%", scores=graph.edge_weight).edge_index
        )
        assert cut.edge_weight.mean() > graph.edge_weight.mean()


def test_transforms_refuse_the_numbers_of_one_graph():
    with pytest.raises(OptionError, match="scores is a Tensor; a transform is for many graphs"):
        Sparsify("50%", scores=BY_ARC)
    with pytest.raises(OptionError, match="no option 'scores' with the method 'wis'"):
        WalkIndexSparsification("50%", scores="edge_weight")


# The command line

TABLE = "source,target,Strength of it,kind,hole\n0,1,3,a,nan\n1,2,1,b,1\n2,0,2,a,1\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "friends.csv"
    path.write_text(TABLE)
    return str(path)


def test_the_command_line_ranks_by_a_column(table, tmp_path, capsys):
    assert run(["sparsify", table, "--scores", "Strength of it", "--remove", "1", "-o", "-"]) == 0
    assert [line[:3] for line in capsys.readouterr().out.split()[3:]] == ["0,1", "2,0"]
    saved = str(tmp_path / "order.npz")
    assert run(["order", table, "--scores", "Strength of it", "--directed", "-o", saved]) == 0
    assert pairs_in(wis.RemovalOrder.load(saved)) == [[1, 2], [2, 0], [0, 1]]
    assert run(["verify", table, saved]) == 0
    assert "all 3 steps are greedy" in capsys.readouterr().err


@pytest.mark.parametrize(
    "ending",
    [
        "csv",
        "tsv",
        "txt",
        "parquet",
        "mtx",
        "graphml",
        "gml",
        "gexf",
        "net",
        "json",
        "pt",
        "npz",
        "graph",
    ],
)
def test_the_weights_of_a_file_of_any_format_are_called_weight(ending, tmp_path, capsys):
    path = tmp_path / f"strength.{ending}"
    weighted = wis.datasets.load("les-miserables").clone()
    weighted.edge_weight = weighted.edge_weight.long()  # METIS holds integers
    wis.io.write_graph(weighted, path, dropped=[])
    for options in (
        ["--scores", "weight"],
        ["--method", "weight", "--option", "edge_weight=weight"],
    ):
        assert run(["sparsify", str(path), *options, "--remove", "100", "--force"]) == 0, options
        sparse = wis.io.read_graph(tmp_path / f"strength-sparse.{ending}").data
        assert sparse.edge_weight.min() >= 2
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--scores", "kind"], 1, "Error: kind is a list of texts; expected one number"),
        (["--scores", "hole"], 1, "Error: hole is nan at arc 0; expected finite numbers"),
        (["--scores", "age"], 2, "those there are: Strength of it, kind, hole"),
        (["--method", "scores"], 2, "needs scores (--scores COLUMN)"),
        (["--method", "wis", "--scores", "hole"], 2, "--scores does not apply to the method 'wis'"),
        (["--option", "weights=hole"], 2, "takes no weights: walk indices count walks"),
        (["--engine", "stream", "--scores", "hole"], 2, "--scores does not go with --engine"),
    ],
)
def test_the_command_line_says_what_is_wrong_in_one_line(table, options, code, text, capsys):
    assert run(["sparsify", table, "--remove", "1", "-o", "-", *options]) == code
    out, err = capsys.readouterr()
    assert (out, text in err.splitlines()[-1]) == ("", True), err
