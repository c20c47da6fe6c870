"""Statements of Chapters 5 and 6: tiny runs, and rules on rows where they must agree or not."""

from __future__ import annotations

import itertools
from dataclasses import replace

import oracles
import pytest
import torch

from wis.errors import OptionError
from wis.show.factorization_pictures import draw_experiment
from wis.theory.experiments import Request, State, get_experiment, run_experiment
from wis.theory.product_gnn import ProductGNN
from wis.theory.statements.chapter5 import best_by_degree, best_edges, kept_indices, without
from wis.theory.statements.product_fit import least_squares, product_network
from wis.theory.typed_graph import TypedGraph

AGREES, DISAGREES, CANNOT_TELL = State

TINY = {
    "theorem6": {"num_graphs": 2, "num_nodes": 4, "num_edges": 4, "max_side": 64},
    "algorithm1": {"num_graphs": 2, "num_nodes": 4, "num_edges": 4, "walk_lengths": (1, 2)},
    "theorem10": {"num_graphs": 2, "num_nodes": 3, "depths": (1, 2), "star_depths": (1, 5)},
    "product_table5_1": {"num_train": 30, "num_test": 20, "initializations": 2, "max_steps": 2},
    "chapter6": {"chains": (2, 4), "grids": ((2, 2),), "long_sides": (3, 4), "max_side": 64},
}


@pytest.mark.parametrize("name", TINY)
def test_an_experiment_gives_rows_verdicts_and_a_figure(name):
    experiment = get_experiment(name)
    size = replace(experiment.quick, **TINY[name])
    outcome = run_experiment(name, size=size, request=Request(seed=1))
    again = run_experiment(name, size=size, request=Request(seed=1))
    assert outcome.rows == again.rows
    assert [verdict.claim for verdict in outcome.verdicts] == list(experiment.claims)
    assert all(verdict.judgement.state is not DISAGREES for verdict in outcome.verdicts) or (
        name in ("product_table5_1", "chapter6")  # too small to show the effect
    )
    figure = draw_experiment(outcome)
    assert all(axis.get_title() and axis.get_xlabel() for axis in figure.axes)


def halves(order, task="vertex prediction, depth 2", graphs=3):
    """Four partitions of each graph, whose ranks are 1, 2, 3, 4 times a factor."""
    return [
        {"task": task, "graph": graph, "walk_index": index, "rank": rank, "seed": 0}
        for graph in range(graphs)
        for index, rank in zip((3, 5, 7, 9), order[graph % len(order)], strict=True)
    ]


UP, DOWN, MIXED = [(1, 2, 3, 4)], [(4, 3, 2, 1)], [(1, 2, 3, 4), (4, 3, 2, 1)]


def pruned(**changes):
    row = {"num_steps": 8, "greedy_steps": 8, "greedy_steps_of_scheme": 8, "steps_as_by_degree": 8}
    return [row | {"costs_ranks_least": True, "by_chance": 0.2} | changes]


def tolls(flags, graphs):
    """The first pruned edges of some graphs, the same for each, for walks of several lengths."""
    numbers = [(number, flag) for number in range(graphs) for flag in flags]
    return [
        row
        for number, flag in numbers
        for row in pruned(seed=number % 2, graph=number, costs_ranks_least=flag)
    ]


def bounded(rank=2.0, upper=3.0, lower=1.0, saturated=False, **more):
    row = {"family": "random", "log_rank": rank, "log_upper": upper, "log_cut": upper}
    return [row | {"log_lower": lower, "is_saturated": saturated, "log_undirected": 2.8} | more]


def star(ranks, depth):
    return bounded(family="star", rank=ranks, depth=depth, upper=9.0)


def fits(*gains, seeds=9):
    rows = []
    for start, gain in enumerate(gains):
        for part, value in (("low", 0.5), ("high", 0.5 + gain)):
            rows.append({"seed": start % seeds, "initialization": start, "partition": part,
                         "train_accuracy": value, "test_accuracy": value})  # fmt: skip
    return rows


def chain(partition, *ranks, depth=2, bound=False):
    return [
        {"family": "chain", "partition": partition, "depth": depth, "num_nodes": 2 * k + 2,
         "rank": rank, "is_saturated": bound and k == len(ranks) - 1, "settings": {"width": 2}}
        for k, rank in enumerate(ranks)
    ]  # fmt: skip


def scaling(factors):
    return [
        {"family": family, "partition": part, "depth": 2, "num_nodes": n, "walk_index": index}
        for (family, part), factor in zip(
            itertools.product(("chain", "grid"), ("contiguous", "interleaved")),
            factors, strict=True,
        )
        for n, index in ((100, 100), (400, 100 * factor))
    ]  # fmt: skip


GRAPH = "graph prediction, depth 2"

CASES = [
    ("theorem6", "graph-order", halves(UP, GRAPH), AGREES),
    ("theorem6", "graph-order", halves(DOWN, GRAPH), DISAGREES),
    ("theorem6", "graph-order", halves(MIXED, GRAPH), CANNOT_TELL),
    ("theorem6", "graph-order", halves(UP), CANNOT_TELL),  # no row of that task
    ("theorem6", "vertex-order", halves(UP), AGREES),
    ("theorem6", "vertex-order", halves(DOWN), DISAGREES),
    ("theorem6", "vertex-order", halves(UP, graphs=1), CANNOT_TELL),
    ("theorem6", "primarily", halves(UP), AGREES),
    ("theorem6", "primarily", halves([(3, 1, 2, 4)]), DISAGREES),  # a correlation of 0.4
    ("theorem6", "primarily", halves(MIXED), CANNOT_TELL),
    ("algorithm1", "greedy", pruned(), AGREES),
    ("algorithm1", "greedy", pruned(greedy_steps=7), DISAGREES),
    ("algorithm1", "greedy", [], CANNOT_TELL),
    ("algorithm1", "degrees-suffice", pruned(), AGREES),
    ("algorithm1", "degrees-suffice", pruned(steps_as_by_degree=7), DISAGREES),
    ("algorithm1", "degrees-suffice", pruned(steps_as_by_degree=None), CANNOT_TELL),
    ("algorithm1", "instance-of-the-scheme", pruned(), AGREES),
    ("algorithm1", "instance-of-the-scheme", pruned(greedy_steps_of_scheme=0), DISAGREES),
    ("algorithm1", "instance-of-the-scheme", [], CANNOT_TELL),
    ("algorithm1", "smallest-toll", tolls((True, True, True), graphs=9), AGREES),
    ("algorithm1", "smallest-toll", tolls((True, False, True), graphs=9), DISAGREES),
    ("algorithm1", "smallest-toll", tolls((True, True, True), graphs=3), CANNOT_TELL),  # 9 rows
    ("algorithm1", "smallest-toll", [], CANNOT_TELL),
    ("theorem10", "upper", bounded(), AGREES),
    ("theorem10", "upper", bounded(rank=3.1), DISAGREES),
    ("theorem10", "upper", bounded(rank=3.1, saturated=True), DISAGREES),
    ("theorem10", "upper", bounded(saturated=True), CANNOT_TELL),
    ("theorem10", "cut", bounded(rank=None), AGREES),
    ("theorem10", "cut", bounded(rank=3.1), DISAGREES),
    ("theorem10", "cut", [], CANNOT_TELL),
    ("theorem10", "lower", bounded(), AGREES),
    ("theorem10", "lower", bounded(saturated=True), AGREES),
    ("theorem10", "lower", bounded(rank=0.9), DISAGREES),
    ("theorem10", "lower", bounded(rank=0.9, saturated=True), CANNOT_TELL),
    ("theorem10", "shorter-walks", star(3.0, 5), AGREES),
    ("theorem10", "shorter-walks", star(2.7, 7), DISAGREES),
    ("theorem10", "shorter-walks", star(2.7, 5), CANNOT_TELL),
    ("theorem10", "shorter-walks", bounded(), CANNOT_TELL),  # no star
    ("product_table5_1", "train-accuracy", fits(0.1, 0.2, 0.15), AGREES),
    ("product_table5_1", "train-accuracy", fits(-0.1, -0.2, -0.15), DISAGREES),
    ("product_table5_1", "train-accuracy", fits(0.1), CANNOT_TELL),
    ("product_table5_1", "train-accuracy", fits(0.1, 0.2, 0.15, seeds=1), CANNOT_TELL),
    ("product_table5_1", "test-accuracy", fits(0.1, 0.2, 0.15), AGREES),
    ("product_table5_1", "test-accuracy", fits(-0.1, -0.2, -0.15), DISAGREES),
    ("product_table5_1", "test-accuracy", fits(0.1, -0.1, 0.0), CANNOT_TELL),
    ("chapter6", "interleaved-grows",
     chain("contiguous", 5, 9, 9) + chain("interleaved", 5, 20, 90), AGREES),
    ("chapter6", "interleaved-grows",
     chain("contiguous", 5, 9, 12) + chain("interleaved", 5, 20, 90), DISAGREES),
    ("chapter6", "interleaved-grows",
     chain("contiguous", 5, 9, 9) + chain("interleaved", 5, 7, 9), DISAGREES),
    ("chapter6", "interleaved-grows",
     chain("contiguous", 5, 9, 9) + chain("interleaved", 5, 20, 64, bound=True), CANNOT_TELL),
    ("chapter6", "depth-multiplies",
     chain("contiguous", 2, 2, depth=1) + chain("contiguous", 3, 9), AGREES),
    ("chapter6", "depth-multiplies",
     chain("contiguous", 2, 3, depth=1) + chain("contiguous", 3, 9), DISAGREES),
    ("chapter6", "depth-multiplies",
     chain("contiguous", 2, 2, depth=1) + chain("contiguous", 3, 4), DISAGREES),
    ("chapter6", "depth-multiplies", chain("contiguous", 2, 2, depth=1), CANNOT_TELL),
    ("chapter6", "walk-indices", scaling((1, 4, 2, 4)), AGREES),
    ("chapter6", "walk-indices", scaling((4, 4, 2, 4)), DISAGREES),
    ("chapter6", "walk-indices", scaling((1, 4, 2, 4))[:3], CANNOT_TELL),
]  # fmt: skip


@pytest.mark.parametrize(("experiment", "name", "rows", "state"), CASES)
def test_a_rule_says_agrees_disagrees_and_cannot_tell(experiment, name, rows, state):
    (claim,) = (each for each in get_experiment(experiment).claims if each.name == name)
    assert claim.judge(rows).state is state


def test_correlations_say_over_how_many_graphs_they_are():
    claim = get_experiment("theorem6").claims[0]
    rows = halves(UP, GRAPH) + [row | {"seed": 1, "rank": 7} for row in halves(UP, GRAPH)]
    assert "over 3 graphs, 3 left out because" in claim.judge(rows).found


@pytest.mark.parametrize("name", ["theorem6", "algorithm1", "theorem10"])
def test_no_graph_is_refused(name):
    with pytest.raises(OptionError, match="num_graphs is 0; expected an integer, 1 or more"):
        run_experiment(name, size=replace(get_experiment(name).quick, num_graphs=0))


def test_every_claim_has_rows_for_each_state():
    covered = {(experiment, name, state) for experiment, name, _, state in CASES}
    claims = [(name, claim.name) for name in TINY for claim in get_experiment(name).claims]
    assert covered == {(*claim, state) for claim in claims for state in State}


@pytest.mark.parametrize("walk_length", [1, 2, 3])
def test_walk_indices_and_degrees_are_those_of_algorithms_1_and_2(walk_length):
    edges = [(0, 1), (0, 2), (1, 2), (2, 3), (4, 5)]  # a triangle, a tail, a far edge, vertex 6
    tuples = oracles.algorithm_1_tuples(7, edges, walk_length + 1)
    ours = {edge: kept_indices(without(edges, edge), 7, walk_length) for edge in edges}
    assert {edge: list(values) for edge, values in ours.items()} == tuples
    assert best_edges(ours) == set(oracles.algorithm_1_argmax(7, edges, walk_length + 1))
    assert best_by_degree(edges, 7) == set(oracles.algorithm_2_argmax(7, edges))


def test_the_network_that_is_fitted_is_a_product_network():
    gnn = ProductGNN(in_dim=3, width=2, depth=2, seed=1)
    arcs = torch.tensor([[0, 1, 2], [1, 2, 3]])
    graph = TypedGraph.from_any(arcs, 5)
    adjacent = torch.zeros(5, 5, dtype=torch.bool)
    adjacent[graph.arcs[1], graph.arcs[0]] = True
    x = torch.rand(5, 3, dtype=torch.float64)
    weights = [*(weight[0] for weight in gnn.weights), gnn.output[0]]
    torch.testing.assert_close(product_network(weights, x, adjacent), gnn(x, graph)[0])


def test_least_squares_solves_a_linear_problem_and_never_gets_worse():
    x = torch.randn(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    truth = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    found = least_squares(lambda theta, one: one @ theta, torch.zeros_like(truth), x, x @ truth, 30)
    torch.testing.assert_close(found, truth)
    start = torch.tensor([0.3, 0.3, 0.3], dtype=torch.float64)

    def error(theta):
        return float(((x @ theta).sin() - 1).square().sum())

    steps = [
        error(least_squares(lambda theta, one: (one @ theta).sin(), start, x, torch.ones(20), k))
        for k in range(4)
    ]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] < steps[0]
