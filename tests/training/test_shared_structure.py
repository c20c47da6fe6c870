"""Networks over a shared structure: they are PyTorch Geometric's, computed in another way."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from wis.errors import GraphFormatError, OptionError
from wis.models import build_model
from wis.theory.table5_1.shared_structure import (
    SHARED,
    SharedStructure,
    Twins,
    check_shareable,
    in_parts,
)
from wis.theory.table5_1.twin_attention import attend

MODELS = sorted(SHARED)


def network(model: str, *, in_dim: int = 3, depth: int = 3, seed: int = 0):
    options = {"train_eps": False} if model == "gin" else {}
    return build_model(
        model,
        in_dim,
        2,
        depth=depth,
        width=8,
        task="graph",
        seed=seed,
        dtype=torch.float64,
        **options,
    )


@st.composite
def structures(draw: st.DrawFn) -> tuple[torch.Tensor, int]:
    """Distinct arcs in any order, one-way ones and loops among them, perhaps with twins."""
    num_nodes = draw(st.integers(1, 7))
    ids = st.integers(0, num_nodes - 1)
    arcs = draw(st.lists(st.tuples(ids, ids), unique=True, max_size=25))
    if draw(st.booleans()):
        arcs = list(dict.fromkeys([*arcs, *((v, u) for u, v in arcs)]))
    return torch.tensor(arcs, dtype=torch.int64).reshape(-1, 2).t(), num_nodes


def by_pyg(module, x, edge_index):
    batch = Batch.from_data_list([Data(x=one, edge_index=edge_index) for one in x])
    return module(batch.x, batch.edge_index, batch=batch.batch, num_graphs=len(x))


def assert_same_network(
    model: str, edge_index, num_nodes: int, *, graphs: int, depth: int, seed: int
):
    """Logits, gradients and running statistics agree with PyG's, training and evaluating."""
    theirs = network(model, depth=depth, seed=seed)
    ours = copy.deepcopy(theirs)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(graphs, num_nodes, 3, generator=generator, dtype=torch.float64)
    weight = torch.randn(graphs, 2, generator=generator, dtype=torch.float64)
    shared = Twins(SharedStructure.of(edge_index, num_nodes), x)
    for training in (True, False):
        theirs.train(training), ours.train(training)
        expected, found = by_pyg(theirs, x, edge_index), ours.over(x, shared)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
        (weight * expected).sum().backward()
        (weight * found).sum().backward()
    for (name, p), q in zip(theirs.named_parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(q.grad, p.grad, rtol=1e-6, atol=1e-7, msg=name)
    for p, q in zip(theirs.buffers(), ours.buffers(), strict=True):
        torch.testing.assert_close(q, p, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=15)
@given(
    structure=structures(),
    graphs=st.integers(2, 4),
    depth=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_logits_gradients_and_statistics_are_those_of_pyg(model, structure, graphs, depth, seed):
    assert_same_network(model, *structure, graphs=graphs, depth=depth, seed=seed)


@pytest.mark.parametrize("model", MODELS)
def test_two_cliques_of_sixteen_give_what_pyg_gives(model):
    from wis.theory.table5_1.patch_graphs import two_cliques

    assert_same_network(model, two_cliques(), 32, graphs=6, depth=3, seed=1)


def test_two_joined_cliques_have_four_classes_of_twins():
    from wis.theory.table5_1.patch_graphs import two_cliques

    structure = SharedStructure.of(two_cliques(5), 10)
    assert structure.twin_class.tolist() == [0, 1, 1, 1, 1, 2, 3, 3, 3, 3]
    assert structure.sizes.tolist() == [1, 4, 1, 4]
    blocks = {tuple(block.neighbors.shape): block for block in structure.blocks()}
    assert blocks[2, 6].members.tolist() == [[0], [5]]  # the ends of the bridge
    assert blocks[2, 5].members.tolist() == [[1, 2, 3, 4], [6, 7, 8, 9]]


def test_vertices_that_only_send_to_the_same_are_no_twins():
    # 0 and 1 both send to 2, but receive from themselves only
    structure = SharedStructure.of(torch.tensor([[0, 1], [2, 2]]), 3)
    assert structure.num_classes == 3


@pytest.mark.parametrize("model", ["gcn", "gat"])
def test_parts_of_the_graphs_add_up_to_the_gradient_of_all(model):
    from wis.theory.table5_1.patch_graphs import two_cliques

    gradients = []
    x = torch.randn(8, 6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for size in (3, 100):
        module = network(model)
        parts = in_parts(SharedStructure.of(two_cliques(3), 6), x, size)
        assert len(parts) == (3 if size == 3 else 1)
        for part in parts:
            module.over(part.features, part).square().sum().backward()
        gradients.append([p.grad for p in module.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_a_repeated_arc_is_refused():
    with pytest.raises(GraphFormatError, match="coalesce"):
        SharedStructure.of(torch.tensor([[0, 0], [1, 1]]), 2)


def test_an_id_beyond_the_vertices_is_refused():
    with pytest.raises(GraphFormatError, match="expected 0 to 1"):
        SharedStructure.of(torch.tensor([[0], [2]]), 2)


def test_networks_that_cannot_be_shared_are_refused():
    with pytest.raises(OptionError, match="task='graph'"):
        check_shareable(build_model("gcn", 3, 1))
    with pytest.raises(OptionError, match="train_eps"):
        check_shareable(build_model("gin", 3, 1, task="graph"))


def literal_attention(at_source, at_end, values, closed, slope):
    scores = at_source.unsqueeze(2) + at_end.unsqueeze(3)  # [G, heads, i, j]
    scores = torch.nn.functional.leaky_relu(scores, slope).masked_fill(~closed, -torch.inf)
    return scores.softmax(dim=3) @ values


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_attention_and_its_gradient_follow_the_softmax_even_of_huge_scores(scale):
    generator = torch.Generator().manual_seed(0)
    edge_index = torch.tensor([[0, 1, 1, 2, 3, 0], [1, 0, 2, 1, 0, 3]])
    structure = SharedStructure.of(edge_index, 5)
    inputs = [
        torch.randn(2, 3, 5, *rest, generator=generator, dtype=torch.float64) * factor
        for rest, factor in (((), scale), ((), scale), ((4,), 1.0))
    ]
    weight = torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64)
    results = []
    for function, graph in (
        (attend, structure.blocks()),
        (literal_attention, torch.from_numpy(structure.closed > 0)),
    ):
        leaves = [value.clone().requires_grad_() for value in inputs]
        out = function(*leaves, graph, 0.2)
        (weight * out).sum().backward()
        results.append([out.detach(), *(leaf.grad for leaf in leaves)])
    for found, expected in zip(*results, strict=True):
        assert bool(found.isfinite().all())
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)
