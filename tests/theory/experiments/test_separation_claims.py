"""Claims on separation ranks: rules on hand-made rows, and figures that hold what was found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wis.theory.experiments import Request, State, get_experiment, run_experiment
from wis.theory.statements.more_edges import additions
from wis.theory.statements.separation import LIMITS

AGREES, DISAGREES, CANNOT_TELL = State


def state_of(experiment, claim, rows):
    claims = {each.name: each for each in get_experiment(experiment).claims}
    return claims[claim].judge(rows).state


def growth(values, name="I1", task="graph"):
    """Rows of graphs of 8, 16, ... vertices."""
    return [
        {"partition": name, "task": task, "num_nodes": 8 << k, "walk_index": value}
        for k, value in enumerate(values)
    ]


@pytest.mark.parametrize(("name", "task"), LIMITS)
def test_growth_is_judged_by_its_limit(name, task):
    power, factor = LIMITS[name, task]

    def rows(wrong, constant=1.0, lower=0):
        nodes = (8, 16, 32)
        return growth(
            [wrong * factor * n ** (power - lower) * (1 + constant / n) for n in nodes], name, task
        )

    claim = f"{name}-{task}"
    assert state_of("fig5_2", claim, rows(1)) is AGREES
    assert state_of("fig5_2", claim, rows(1, lower=1)) is DISAGREES  # a lower power
    assert state_of("fig5_2", claim, rows(1.3)) is DISAGREES
    assert state_of("fig5_2", claim, rows(1.05)) is CANNOT_TELL
    assert state_of("fig5_2", claim, rows(1)[:1]) is CANNOT_TELL


@pytest.mark.parametrize(
    ("second", "state"),
    [((5, 9), AGREES), ((3, 9), CANNOT_TELL), ((0, 1), DISAGREES), (None, CANNOT_TELL)],
)
def test_intervals_of_both_partitions_decide_which_rank_is_higher(second, state):
    ends = {"I1": (2, 4)} | ({} if second is None else {"I2": second})
    rows = [
        {"partition": name, "task": "graph", "num_nodes": 8, "log_at_least": a, "log_at_most": b}
        for name, (a, b) in ends.items()
    ]
    assert state_of("fig5_2", "I2-is-stronger", rows) is state


@pytest.mark.parametrize(
    ("claim", "family", "least"),
    [("complete-graphs-are-covered", "complete", 1.0), ("half-of-a-chain", "chain", 0.5)],
)
def test_one_boundary_that_is_not_covered_refutes_the_claim(claim, family, least):
    good = {"family": family, "num_boundary": 4, "covered": least}
    bad = {**good, "covered": least - 0.25}
    assert state_of("appendixD_1", claim, [good, good]) is AGREES
    assert state_of("appendixD_1", claim, [good, bad]) is DISAGREES
    assert state_of("appendixD_1", claim, [{**bad, "num_boundary": 0}]) is CANNOT_TELL
    assert state_of("appendixD_1", claim, [{**bad, "family": "star"}]) is CANNOT_TELL


@pytest.mark.parametrize("claim", ["tight-if-wide", "tight-at-fixed-width"])
@pytest.mark.parametrize(
    ("ratio", "state"), [(4.0, AGREES), (4.8, CANNOT_TELL), (9.0, DISAGREES), (None, CANNOT_TELL)]
)
def test_bounds_are_tight_if_their_ratio_grows_as_a_logarithm(claim, ratio, state):
    regime = "width = walk index" if claim == "tight-if-wide" else "width 16"
    sizes = [(10, 2.0)] + ([] if ratio is None else [(100, ratio)])  # twice the logarithm
    rows = [
        {"family": "complete", "regime": regime, "walk_index": walks, "theorem_7": value,
         "theorem_8": 1.0}
        for walks, value in sizes
    ]  # fmt: skip
    assert state_of("appendixD_1", claim, rows) is state


def edges(*ranks_of_seeds, task="graph", walks=(1, 2, 3, 4), state="proven"):
    return [
        {"seed": seed, "graph": 0, "task": task, "num_edges": 4 + k, "rank": rank,
         "walk_index": walks[k], "state": state}
        for seed, ranks in enumerate(ranks_of_seeds)
        for k, rank in enumerate(ranks)
    ]  # fmt: skip


@pytest.mark.parametrize("task", ["graph", "vertex"])
@pytest.mark.parametrize(
    ("rows", "raised", "ordered"),
    [
        (([1, 2, 3, 4], [1, 2, 4, 5]), AGREES, AGREES),
        (([4, 3, 2, 1], [5, 4, 2, 1]), DISAGREES, DISAGREES),
        (([1, 2, 3, 4], [4, 3, 2, 1]), CANNOT_TELL, CANNOT_TELL),
        (([1, 2, 3, 4],), CANNOT_TELL, CANNOT_TELL),
        (([2, 2, 2, 2], [3, 3, 3, 3]), CANNOT_TELL, CANNOT_TELL),
    ],
)
def test_added_edges_are_judged_over_seeds(task, rows, raised, ordered):
    given = edges(*rows, task=task)
    assert state_of("more_edges", f"edges-raise-the-rank-{task}", given) is raised
    assert state_of("more_edges", f"walk-index-orders-ranks-{task}", given) is ordered
    unknown = edges(*rows, task=task, state="interval")
    assert state_of("more_edges", f"edges-raise-the-rank-{task}", unknown) is CANNOT_TELL
    assert state_of("more_edges", f"walk-index-orders-ranks-{task}", unknown) is CANNOT_TELL


def test_additions_are_single_edges_of_one_graph_and_seed():
    rows = edges([1, 2, 3], [4, 5, 6])
    assert [(a["rank"], b["rank"]) for a, b in additions(rows, "graph")] == [
        (1, 2), (2, 3), (4, 5), (5, 6),
    ]  # fmt: skip
    for row in rows[:2]:
        row["state"] = "interval"
    assert [(a["rank"], b["rank"]) for a, b in additions(rows, "graph")] == [(2, 3), (4, 5), (5, 6)]
    assert additions(rows, "vertex") == []


def test_experiments_repeat_by_their_seed_and_say_what_they_found():
    size = replace(get_experiment("more_edges").quick, graphs=1)
    first, again = (run_experiment("more_edges", size=size, request=Request(3)) for _ in range(2))
    assert first.rows == again.rows
    complete = [row for row in first.rows if row["num_edges"] == 10]
    # a complete graph of 5, depth 2, width 2: a form of degree 25 in 2 variables; 5 for a vertex
    assert [row["rank"] for row in complete] == [26, 6]
    found = run_experiment("fig5_2", quick=True)
    assert [verdict.judgement.state for verdict in found.verdicts[2:]] == [AGREES] * 3
