"""What holds for every method: registering one enrols it here."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from method_cases import prepared, quick, vertex_data
from strategies import edge_index_of, large_graphs, rearranged, small_graphs

import wis
from wis.errors import OptionError, UnknownNameError
from wis.graph import UndirectedGraph
from wis.methods import get_method, register
from wis.testing import (
    ODD_GRAPHS,
    assert_is_permutation,
    assert_nested,
    assert_same_data,
    odd_graph,
)

each_method = pytest.mark.parametrize("method", wis.available_methods())
each_odd_graph = pytest.mark.parametrize("name", ODD_GRAPHS)


@functools.cache
def ordered(method, name):
    """An odd graph, and its whole order by a method."""
    data = prepared(method, odd_graph(name))
    return data, wis.removal_order(data, method, seed=7, **quick(method))


@each_method
@each_odd_graph
def test_order_is_a_permutation_of_the_edges(method, name):
    data, order = ordered(method, name)
    graph = UndirectedGraph.from_any(data)
    assert order.edges.dtype == torch.int64
    assert_is_permutation(graph.edge_ids(order.edges), graph.num_edges)


@each_method
@given(graph=small_graphs())
@settings(max_examples=40)
def test_order_of_a_small_graph_is_a_permutation_of_the_edges(method, graph):
    num_nodes, arcs = graph
    canonical = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    options = {"vertex_data": vertex_data(method, num_nodes, edge_index_of(arcs)), **quick(method)}
    order = wis.removal_order(canonical, method, **options)
    assert_is_permutation(canonical.edge_ids(order.edges), canonical.num_edges)


@each_method
@each_odd_graph
def test_same_seed_gives_the_same_order(method, name):
    data, order = ordered(method, name)
    again = wis.removal_order(data, method, seed=7, **quick(method))
    assert torch.equal(again.edges, order.edges)


@each_method
@each_odd_graph
def test_cuts_of_one_order_are_nested(method, name):
    data, order = ordered(method, name)
    cuts = [order.apply(data, remove=fraction) for fraction in (0.0, 0.2, 0.5, 0.9, 1.0)]
    assert_nested([data, *cuts])


@each_method
@each_odd_graph
def test_short_order_begins_the_whole_one(method, name):
    data, whole = ordered(method, name)
    for count in {0, len(whole) // 3, max(len(whole) - 1, 0)}:
        short = wis.removal_order(data, method, count=count, seed=7, **quick(method))
        assert torch.equal(short.edges, whole.edges[:, :count])


@each_method
@given(graph=large_graphs(), data=st.data())
@settings(max_examples=8)
def test_order_and_repeats_and_direction_of_arcs_do_not_matter(method, graph, data):
    num_nodes, arcs = graph
    other = data.draw(rearranged(arcs))
    orders = []
    for part in map(edge_index_of, (arcs, other)):
        options = {"vertex_data": vertex_data(method, num_nodes, part), **quick(method)}
        orders.append(wis.removal_order(part, method, num_nodes=num_nodes, **options))
    assert torch.equal(orders[0].edges, orders[1].edges)


@each_method
@each_odd_graph
def test_input_is_untouched(method, name):
    data = prepared(method, odd_graph(name))
    data.tag = torch.arange(data.num_nodes)
    before = copy.deepcopy(data)
    wis.sparsify(data, remove=0.5, method=method, **quick(method))
    assert_same_data(data, before)


@each_method
def test_progress_rises_to_at_most_the_count(method):
    data = prepared(method, odd_graph("power-law"))
    graph = UndirectedGraph.from_any(data)
    row, reports = get_method(method), []
    options = row.resolved_options(graph, quick(method))
    arguments, _ = row.prepare(graph, data, options, 0)
    row.order(graph, count=graph.num_edges, seed=0, progress=reports.append, **arguments)
    assert reports == sorted(reports)
    assert all(0 <= done <= graph.num_edges for done in reports)


@each_method
def test_method_has_a_summary_of_one_line_and_a_docstring(method):
    summary = wis.available_methods()[method]
    assert summary
    assert "\n" not in summary
    assert get_method(method).order.__doc__


@each_method
def test_name_may_be_written_with_capitals_and_underscores(method):
    assert get_method(f" {method.upper().replace('-', '_')} ") is get_method(method)


def test_unknown_method_is_answered_with_the_known_ones_and_the_closest():
    with pytest.raises(UnknownNameError) as error:
        wis.removal_order(odd_graph("path"), "randon")
    assert all(name in str(error.value) for name in wis.available_methods())
    assert "Did you mean 'random'?" in str(error.value)


@each_method
def test_unknown_option_is_answered_with_the_known_ones(method):
    with pytest.raises(OptionError, match="no option 'speed'"):
        wis.removal_order(odd_graph("path"), method, speed=3)


@each_method
def test_name_is_given_once(method):
    with pytest.raises(ValueError, match="registered already"):
        register(method.upper(), summary="")(get_method(method).order)
