"""Figure 5.2 and what removal orders preserve, with their pictures."""

from __future__ import annotations

import math

import pytest
import torch

import wis
from wis.datasets import load
from wis.errors import OptionError, OrderMismatchError
from wis.graph import UndirectedGraph
from wis.graph.partitions import resolve_partitions
from wis.show.theory_pictures import (
    draw_bounds,
    draw_figure5_2,
    draw_preserved,
    draw_spectrum,
    save_figure,
)
from wis.theory.bounds import SeparationBounds
from wis.theory.figure5_2 import figure5_2, partitions, two_cliques
from wis.theory.preserved import preserved, sample_of
from wis.theory.separation_rank import random_templates, separation_rank
from wis.theory.typed_graph import TypedGraph

KARATE = load("karate")


def singletons():
    return resolve_partitions("singletons", UndirectedGraph.from_any(KARATE))


def few():
    choice = [([t], t) for t in (0, 3, 11, 33)]
    return resolve_partitions(choice, UndirectedGraph.from_any(KARATE))


@pytest.mark.parametrize("size", [2, 3, 6])
def test_walk_indices_of_figure_5_2_are_those_of_the_caption(size):
    rows = figure5_2(size, 3, 2, max_side=8)
    found = {(row.name, row.target): row.bounds for row in rows}
    # from an end of the bridge: size walks of length 1 inside its clique and one over the bridge
    step = [size, size + 1]  # neighbours of an inner vertex and of an end, the vertex among them
    end, inner = (size - 1) * step[0] + 2 * step[1], (size - 1) * step[0] + step[1]
    assert found["I1", None].walk_index == 2 * end
    assert found["I2", None].walk_index == 2 * end + 2 * (size - 1) * inner
    assert len(found["I1", None].boundary) == 2
    assert len(found["I2", None].boundary) == 2 * size
    assert found["I1", 0].walk_index == step[0] + 1
    assert found["I2", 0].walk_index == (size - 1) * step[0] + step[1]


def test_the_second_partition_of_figure_5_2_has_the_higher_measured_rank():
    rows = {(row.name, row.target): row.measured for row in figure5_2(3, 2, 2)}
    assert not any(measured.is_saturated for measured in rows.values())
    assert rows["I1", None].rank < rows["I2", None].rank
    assert rows["I1", 0].rank < rows["I2", 0].rank


def test_partitions_of_figure_5_2_are_balanced():
    for size in (2, 3, 4, 7):
        assert UndirectedGraph.from_any(two_cliques(size)).num_edges == size * (size - 1) + 1
        assert all(len(subset) == size for subset in partitions(size).values())
    for size in (1, True, 2.0):
        with pytest.raises(OptionError, match="expected an integer of at least 2"):
            two_cliques(size)


def test_shares_are_those_of_the_graphs_that_are_left():
    order = wis.removal_order(KARATE)
    chosen = singletons()
    rows = preserved(KARATE, {"1-WIS": order}, chosen, depth=3, width=4, fractions=[0, 0.5, 1])
    assert [(row.num_removed, row.walk_index) for row in rows[::2]] == [(0, 1.0), (78, 0.0)]
    before, after = (TypedGraph.from_any(order.apply(KARATE, remove=r)) for r in (0, 0.5))
    ratios = {"walk_index": [], "cut": [], "lower": []}
    for t in range(34):
        walks = [wis.walk_index(order.apply(KARATE, remove=r), [t], 2, target=t) for r in (0.5, 0)]
        ratios["walk_index"].append(walks[0] / walks[1])
        left, whole = (
            SeparationBounds(graph, [t], 3, 4, target=t, method="greedy")
            for graph in (after, before)
        )
        ratios["cut"].append(left.cut.log_weight / whole.cut.log_weight)
        ratios["lower"].append(left.lower.log / whole.lower.log)
    for field, values in ratios.items():
        assert math.isclose(getattr(rows[1], field), sum(values) / 34), field
    assert rows[1].least_walk_index == min(ratios["walk_index"])
    smallest = [
        min(wis.walk_index(order.apply(KARATE, remove=r), [t], 2, target=t) for t in range(34))
        for r in (0.5, 0)
    ]
    assert rows[1].smallest_walk_index == smallest[0] / smallest[1]


def test_a_sample_of_partitions_is_named_and_taken_only_where_all_take_long():
    graph, every = TypedGraph.from_any(KARATE), singletons()
    assert sample_of(every, graph, 3, num_cuts=44) is every
    drawn = sample_of(every, graph, 3, num_cuts=44, most=10, seed=1)
    assert drawn.choice == "10 of 34 singletons"
    assert drawn.targets == sample_of(every, graph, 3, num_cuts=44, most=10, seed=1).targets
    assert drawn.targets != sample_of(every, graph, 3, num_cuts=44, most=10, seed=2).targets
    many = resolve_partitions([[t % 34] for t in range(300)], UndirectedGraph.from_any(KARATE))
    assert len(sample_of(many, graph, 10**6, num_cuts=44)) == 100
    assert len(sample_of(many, graph, 3, num_cuts=44)) == 300


def test_wis_preserves_more_of_its_own_walk_indices_than_chance():
    orders = {
        "2-WIS": wis.removal_order(KARATE, walk_length=2),
        "random": wis.removal_order(KARATE, "random"),
    }
    rows = preserved(KARATE, orders, singletons(), depth=3, width=4, fractions=[0.2, 0.5])
    kept = {(row.method, row.fraction): row.walk_index for row in rows}
    assert all(kept["2-WIS", part] > kept["random", part] for part in (0.2, 0.5))


def test_walk_index_and_cut_only_fall_as_edges_go():
    orders = {"random": wis.removal_order(KARATE, "random", seed=3)}
    rows = preserved(KARATE, orders, few(), depth=2, width=3)
    for field in ("walk_index", "least_walk_index", "cut"):
        values = [getattr(row, field) for row in rows]
        assert values == sorted(values, reverse=True)


def test_protected_orders_are_followed_as_far_as_they_go():
    order = wis.removal_order(KARATE, keep_connected=True)
    rows = preserved(KARATE, {"kept": order}, few(), depth=2, width=3)
    assert [row.fraction for row in rows] == [0, 0.1, 0.2, 0.3, 0.4, 0.5]  # 45 of 78 can go


def test_directed_orders_are_measured_along_arcs():
    order = wis.removal_order(KARATE, directed=True)
    arcs = order.graph_of(KARATE)
    chosen = resolve_partitions([[0, 1, 2], ([5], 5)], arcs)
    rows = preserved(KARATE, {"a": order}, chosen, depth=2, width=3, fractions=[0.25])
    cut = order.apply(KARATE, remove=0.25)
    ratios = [
        wis.walk_index(cut, subset, 1, directed=True, target=target)
        / wis.walk_index(KARATE, subset, 1, directed=True, target=target)
        for subset, target in (([0, 1, 2], None), ([5], 5))
    ]
    assert rows[0].num_removed == 39
    assert math.isclose(rows[0].walk_index, sum(ratios) / 2)


def test_a_share_of_nothing_is_no_number():
    order = wis.removal_order(KARATE)
    rows = preserved(KARATE, {"a": order}, few(), depth=2, width=1, fractions=[0, 0.5])
    assert all(math.isnan(row.cut) and math.isnan(row.lower) for row in rows)
    assert rows[0].walk_index == rows[0].least_walk_index == 1


def test_other_graphs_and_endless_work_are_refused():
    order = wis.removal_order(KARATE)
    other = KARATE.clone()
    other.edge_index = other.edge_index[:, (other.edge_index < 33).all(dim=0)]
    with pytest.raises(OrderMismatchError):
        preserved(other, {"a": order}, singletons(), depth=2, width=3)
    mixed = {"a": order, "b": wis.removal_order(KARATE, directed=True)}
    with pytest.raises(OptionError, match="expected all of them or none"):
        preserved(KARATE, mixed, singletons(), depth=2, width=3)
    with pytest.raises(OptionError, match="times the longest allowed; take fewer partitions"):
        preserved(KARATE, {"a": order}, singletons(), depth=10**7, width=3)


def test_pictures_show_what_was_computed(tmp_path):
    rows = figure5_2(2, 2, 2)
    figure = draw_figure5_2(rows, 2, 2, 2)
    text = " ".join(part.get_text() for axes in figure.axes for part in axes.texts)
    assert f"rank {rows[1].measured.rank}" in text
    assert f"1-walk index {rows[0].bounds.walk_index}" in text
    save_figure(figure, tmp_path / "figure.svg")
    bars = draw_bounds(rows[0].bounds, rows[0].measured, "title").axes[0]
    assert sorted(bar.get_width() for bar in bars.patches)[-1] == rows[0].bounds.upper.log
    labels = [label.get_text() for label in bars.get_yticklabels()]
    assert "separation rank\nproven" in labels
    assert "walk index\nTheorem 7, Equation (5.6)" in labels
    far = figure5_2(4, 3, 4, target=1)[0]
    labels = draw_bounds(far.bounds, far.measured, "title").axes[0].get_yticklabels()
    assert "at least (proven)" in [label.get_text() for label in labels]
    assert len(draw_bounds(rows[0].bounds, None, "title").axes[0].patches) == 6
    result = separation_rank(lambda x: x.sum((1, 2)), [0], random_templates(4, 2), 2)
    lines = draw_spectrum(result, "title").axes[0].lines
    assert (len(lines[0].get_xdata()), len(lines[1].get_xdata())) == (2, 2)
    order = wis.removal_order(KARATE)
    shares = preserved(KARATE, {"WIS": order}, few(), depth=2, width=3, fractions=[0, 0.4, 1])
    panels = draw_preserved(shares, 2, "title").axes
    assert panels[0].lines[0].get_ydata().tolist() == [row.walk_index for row in shares]
    assert panels[1].lines[0].get_ydata().tolist() == [row.smallest_walk_index for row in shares]
    assert panels[2].lines[0].get_ydata().tolist() == [row.cut for row in shares]
    assert (tmp_path / "figure.svg").stat().st_size > 5000


def test_menu_of_the_theory_leads_to_its_modules():
    import wis.theory

    for name in wis.theory.__all__:
        assert callable(getattr(wis.theory, name))
        assert name in dir(wis.theory)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = wis.theory.nothing
    assert torch.is_tensor(wis.theory.TypedGraph.from_any(two_cliques(2)).arcs)
