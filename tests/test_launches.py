"""Launches and waits: the counter of `benchmarks/launches.py`, and bounds for the engines."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from wis import UndirectedGraph, datasets
from wis.base.progress import silent
from wis.methods import get_method
from wis.methods.k_wis.dense_walks import DenseWalks
from wis.methods.one_wis.bitset import peel_with_bitsets
from wis.methods.one_wis.levels import Peeling

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from launches import Launches, pretend

THERE = pretend(torch.arange(6))
MASK = pretend(torch.arange(6) > 2)


@pytest.mark.parametrize(
    ("act", "launches", "waits"),
    [
        (lambda: THERE + 1, 1, 0),
        (lambda: THERE.view(2, 3).T, 0, 0),
        (lambda: torch.empty(3, device=THERE.device), 0, 0),
        (lambda: torch.zeros(3, device=THERE.device), 1, 0),
        (lambda: THERE.index_select(0, THERE), 1, 0),
        (lambda: THERE[MASK], 1, 1),
        (lambda: int(THERE[3]), 1, 1),
        (lambda: THERE.tolist(), 1, 1),
        (lambda: torch.ones(3).to(THERE.device), 2, 1),
        (lambda: THERE.new_tensor([1]), 1, 1),
        (lambda: torch.tensor([1, 2], device=THERE.device), 1, 1),
        (lambda: THERE.new_full((1,), 1), 1, 0),
        (lambda: THERE.repeat_interleave(THERE), 2, 1),
        (lambda: THERE.repeat_interleave(THERE, output_size=15), 2, 0),
        (lambda: torch.bincount(THERE), 1, 1),
        (lambda: THERE.clone().masked_fill_(MASK, 0), 2, 0),
    ],
)
def test_each_operation_counts_its_launches_and_waits(act, launches, waits):
    with Launches() as counted:
        act()
    assert (counted.launches, counted.waits) == (launches, waits)


def test_bytes_are_read_and_written_once_and_operations_are_numbers_computed():
    a, b = (pretend(torch.ones(4, 4, dtype=torch.float64)) for _ in range(2))
    with Launches() as counted:
        a @ b
    assert (counted.bytes, counted.operations) == (3 * 16 * 8, 2 * 4**3)
    sparse, dense = torch.eye(100).to_sparse(), torch.ones(100, 3)
    with Launches() as counted:
        sparse @ dense
    assert counted.operations == 2 * 100 * 3
    assert counted.bytes == 100 * (4 + 2 * 8) + 2 * 100 * 3 * 4
    with Launches() as counted:
        a[torch.ones(2, dtype=torch.int64).to(a.device)]
    # the copy of 2 numbers, made twice, and 2 rows read and written by their indices
    assert counted.bytes == 16 + 2 * 2 * 8 + 2 * 2 * 4 * 8 + 2 * 8


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda: THERE + torch.arange(6), RuntimeError),
        (lambda: THERE.numpy(), TypeError),
        (lambda: torch.cat([THERE, torch.arange(2)]), RuntimeError),
    ],
)
def test_the_pretended_device_refuses_what_a_gpu_refuses(act, error):
    with pytest.raises(error, match="device"), Launches():
        act()


BOUNDS = {
    # launches and waits, for each level, phase or round
    "rounds": ({"engine": "rounds"}, 250, 18),
    "relaxed": ({"epsilon": 0.1}, 180, 34),
    "dense": ({"walk_length": 2, "engine": "dense", "batch_size": 50}, 400, 24),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_engines_give_the_same_order_elsewhere_with_few_launches_and_waits(name):
    options, launches, waits = BOUNDS[name]
    graph = UndirectedGraph.from_any(datasets.load("barabasi-albert:n=300,degree=4,seed=0"))
    method = get_method("wis")

    def order(graph, progress):
        found = method.resolved_options(graph, options)
        return method.order(graph, count=graph.num_edges, seed=0, progress=progress.append, **found)

    expected = order(graph, [])
    steps = []
    with Launches() as counted:
        found = order(UndirectedGraph(graph.num_nodes, pretend(graph.edges)), steps)
        assert torch.equal(found.cpu(), expected)
    summary = counted.summary(step=len(steps))
    assert summary["launches_per_step"] < launches
    assert summary["waits_per_step"] < waits


@pytest.mark.parametrize("walk_length", [2, 4])
def test_a_round_of_the_dense_engine_launches_as_much_for_many_edges_as_for_few(walk_length):
    graph = UndirectedGraph.from_any(datasets.load("barabasi-albert:n=60,degree=4,seed=0"))
    there = UndirectedGraph(graph.num_nodes, pretend(graph.edges))
    seen = []
    for size in (2, 40):
        with Launches():
            state = DenseWalks(there, walk_length + 1)
            edges = torch.arange(size, device=there.device)
        with Launches() as counted:
            state.remove(edges)
        seen.append((counted.launches, counted.waits))
    assert seen[0] == seen[1]
    assert seen[0][1] <= 1  # which vertices are near


def test_bit_sets_hand_over_to_rounds_on_the_device_of_the_graph():
    graph = UndirectedGraph.from_any(datasets.load("rmat:scale=8,edges=1500,seed=1"))
    orders = []
    for edges in (graph.edges, pretend(graph.edges)):
        with Launches():
            state = Peeling.of(UndirectedGraph(graph.num_nodes, edges))
            peel_with_bitsets(state, graph.num_edges, silent, core_size=40)
            found = state.result(graph.num_edges)
        assert found.device == edges.device
        orders.append(found.cpu())
    assert torch.equal(*orders)
