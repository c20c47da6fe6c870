"""The dense engine: what edges do to the matrices of walk counts, in bulk and exactly."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import Graph, edge_index_of, small_graphs

from wis.graph import DirectedGraph, UndirectedGraph
from wis.methods.k_wis import dense_walks
from wis.methods.k_wis.dense_walks import DenseWalks
from wis.methods.k_wis.signatures import _ranked_by

each_kind = pytest.mark.parametrize("exact_below", [2.0**53, 0.0], ids=["float64", "int64"])


@each_kind
@given(
    graph=small_graphs(),
    directed=st.booleans(),
    depth=st.integers(2, 6),
    picked=st.lists(st.integers(0, 99), max_size=6),
)
def test_edges_that_go_together_leave_the_matrices_of_the_graph_without_them(
    exact_below: float, graph: Graph, directed: bool, depth: int, picked: list[int]
) -> None:
    kind = DirectedGraph if directed else UndirectedGraph
    before = kind.from_any(edge_index_of(graph[1]), graph[0])
    gone = torch.tensor(sorted({e % before.num_edges for e in picked if before.num_edges})).long()
    is_left = torch.ones(before.num_edges, dtype=torch.bool)
    is_left[gone] = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense_walks, "FLOAT_EXACT", exact_below)
        state = DenseWalks(before, depth)
        expected = DenseWalks(kind(before.num_nodes, before.edges[:, is_left]), depth)
    state.remove(gone)
    assert torch.equal(state.value, expected.value)
    assert torch.equal(state.entering, expected.entering)
    for q, power in expected.powers.items():
        assert torch.equal(state.powers[q], power)


@given(st.integers(0, 2**31), st.integers(1, 29))
def test_products_of_int64_are_exact_up_to_the_largest_sums(seed: int, bits: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    terms = 2 * dense_walks.MOST_TERMS + 1
    a = torch.randint(0, 1 << bits, (3, terms), generator=rng)
    b = torch.randint(0, 1 << (48 - bits), (terms, 2), generator=rng)
    assert torch.equal(dense_walks._product(a, b), a @ b)
    one = torch.tensor([[2**61 - 1, 1]])
    assert dense_walks._product(one, torch.tensor([[1], [2**60]])).item() == 2**61 - 1 + 2**60


@given(st.data(), st.integers(1, 70), st.integers(1, 12))
def test_columns_are_ranked_as_tuples_of_integers(data, num_rows, num_columns):
    # with few values the first rows seldom decide; 70 rows need more than one round of packing
    values = st.lists(st.sampled_from([-(2**62), 0, 1, 2**62]), min_size=0, max_size=num_columns)
    late = data.draw(st.integers(0, num_rows - 1))
    keys = torch.zeros(num_rows, num_columns, dtype=torch.int64)
    for row in {late, num_rows - 1}:
        drawn = data.draw(values)
        keys[row, : len(drawn)] = torch.tensor(drawn, dtype=torch.int64)
    columns = [tuple(column) for column in keys.T.tolist()]
    rank = {column: place for place, column in enumerate(sorted(set(columns)))}
    assert _ranked_by(keys).tolist() == [rank[column] for column in columns]
