"""Models: hand-computed forward passes, edge weights, sparse features, seeds, options."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wis.errors import GraphFormatError, OptionError, UnknownNameError
from wis.models import available_models, build_model, get_model, register
from wis.models.operators import Messages

NAMES = sorted(available_models())

# a path 0 - 1 - 2 whose second edge has weight 0.5, as arcs; the numbers below are written out
ARCS = [(0, 1), (1, 0), (1, 2), (2, 1)]
WEIGHTS = [1.0, 1.0, 0.5, 0.5]
X = np.array([[1.0, -2.0], [0.5, 0.25], [-1.0, 3.0]])


def numbers(model):
    return {name: value.detach().numpy() for name, value in model.state_dict().items()}


def relu(a):
    return np.maximum(a, 0)


def layer_norm(a, p, name):
    centred = a - a.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return scaled * p[f"{name}.weight"] + p[f"{name}.bias"]


def batch_norm(a, p, name):
    scaled = (a - a.mean(axis=0)) / np.sqrt(a.var(axis=0) + 1e-5)
    return scaled * p[f"{name}.weight"] + p[f"{name}.bias"]


def gcn_by_hand(x, p, depth):
    # degrees with the self-loop: 2, 2.5, 1.5
    normalised = np.array(
        [
            [1 / 2, 1 / np.sqrt(2 * 2.5), 0],
            [1 / np.sqrt(2 * 2.5), 1 / 2.5, 0.5 / np.sqrt(2.5 * 1.5)],
            [0, 0.5 / np.sqrt(2.5 * 1.5), 1 / 1.5],
        ]
    )
    for layer in range(depth):
        x = normalised @ x @ p[f"layers.{layer}.lin.weight"].T + p[f"layers.{layer}.bias"]
        x = layer_norm(relu(x), p, f"norms.{layer}")
    return x


def gin_by_hand(x, p, depth):
    weighted = np.array([[0, 1, 0], [1, 0, 0.5], [0, 0.5, 0]])
    for layer in range(depth):
        here = f"layers.{layer}"
        x = weighted @ x + (1 + p[f"{here}.eps"]) * x
        x = x @ p[f"{here}.lin.weight"].T + p[f"{here}.bias"]
        x = relu(batch_norm(x, p, f"{here}.nn.0"))
        x = x @ p[f"{here}.nn.2.weight"].T + p[f"{here}.nn.2.bias"]
        x = relu(batch_norm(x, p, f"{here}.nn.3"))
        x = layer_norm(relu(x), p, f"norms.{layer}")
    return x


def gat_by_hand(x, p, depth, heads=2):
    neighbours = {0: [(0, 1), (1, 1)], 1: [(0, 1), (1, 1), (2, 0.5)], 2: [(1, 0.5), (2, 1)]}
    for layer in range(depth):
        here = f"layers.{layer}"
        z = (x @ p[f"{here}.lin.weight"].T).reshape(3, heads, -1)
        out = np.zeros_like(z)
        for i, around in neighbours.items():
            for h in range(heads):
                a, b = p[f"{here}.att_src"][0, h], p[f"{here}.att_dst"][0, h]
                score = [z[j, h] @ a + z[i, h] @ b for j, _ in around]
                score = [s if s > 0 else 0.2 * s for s in score]
                mass = [w * np.exp(s) for s, (_, w) in zip(score, around, strict=True)]
                for (j, _), m in zip(around, mass, strict=True):
                    out[i, h] += m / sum(mass) * z[j, h]
        x = layer_norm(relu(out.reshape(3, -1) + p[f"{here}.bias"]), p, f"norms.{layer}")
    return x


def resgcn_by_hand(x, p, depth):
    neighbours = {0: [(1, 1)], 1: [(0, 1), (2, 0.5)], 2: [(1, 0.5)]}

    def convolution(z, layer):
        m = relu(z) + 1e-7
        total = z.copy()
        for i, around in neighbours.items():
            mass = sum(w * np.exp(m[j]) for j, w in around)
            for j, w in around:
                total[i] += w * np.exp(m[j]) / mass * (w * m[j])
        here = f"layers.{layer}.conv.mlp.0"
        return total @ p[f"{here}.weight"].T + p[f"{here}.bias"]

    x = x @ p["encoder.weight"].T + p["encoder.bias"]
    x = convolution(x, 0)
    for layer in range(1, depth):
        x = x + convolution(relu(layer_norm(x, p, f"layers.{layer}.norm")), layer)
    return relu(layer_norm(x, p, "layers.0.norm"))


def sage_by_hand(x, p, depth):
    means = np.array([[0, 1, 0], [1 / 1.5, 0, 0.5 / 1.5], [0, 1, 0]])  # of weights 1 and 0.5
    for layer in range(depth):
        here = f"layers.{layer}"
        around = means @ x @ p[f"{here}.lin_l.weight"].T + p[f"{here}.lin_l.bias"]
        x = layer_norm(relu(around + x @ p[f"{here}.lin_r.weight"].T), p, f"norms.{layer}")
    return x


BY_HAND = {
    "gcn": gcn_by_hand,
    "gin": gin_by_hand,
    "gat": gat_by_hand,
    "resgcn": resgcn_by_hand,
    "sage": sage_by_hand,
}
OPTIONS = {"gat": {"heads": 2}, "resgcn": {"variant": "layer-norm"}}


def small(name, *, task="vertex", depth=3, in_dim=2, seed=1, **options):
    """A model in float64 whose normalisations and biases are no longer at their initial values."""
    options = {**OPTIONS.get(name, {}), **options}
    model = build_model(
        name,
        in_dim,
        3,
        depth=depth,
        width=4,
        task=task,
        seed=seed,
        dtype=torch.float64,
        **options,
    )
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(
                parameter.shape, generator=generator, dtype=torch.float64
            )
    return model


def graph(num_nodes=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(num_nodes, 5, generator=generator, dtype=torch.float64)
    arcs = torch.randint(num_nodes, (2, 4 * num_nodes), generator=generator)
    arcs = arcs[:, arcs[0] != arcs[1]]
    return x, torch.cat([arcs, arcs.flip(0)], dim=1)


def test_every_model_is_checked_by_hand():
    assert sorted(BY_HAND) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("depth", [1, 3])
def test_forward_equals_the_one_by_hand(name, depth):
    model = small(name, depth=depth)
    p = numbers(model)
    edge_index, weights = torch.tensor(ARCS).T, torch.tensor(WEIGHTS, dtype=torch.float64)
    found = model(torch.from_numpy(X), edge_index, weights).detach().numpy()
    expected = BY_HAND[name](X, p, depth) @ p["output.weight"].T + p["output.bias"]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_graph_prediction_is_the_output_of_the_mean_embedding(name):
    model = small(name, task="graph")
    p = numbers(model)
    edge_index, weights = torch.tensor(ARCS).T, torch.tensor(WEIGHTS, dtype=torch.float64)
    found = model(torch.from_numpy(X), edge_index, weights).detach().numpy()
    embedding = BY_HAND[name](X, p, 3).mean(axis=0, keepdims=True)
    expected = embedding @ p["output.weight"].T + p["output.bias"]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_graphs_of_a_batch_do_not_influence_each_other(name):
    model = small(name, task="graph", in_dim=5).eval()
    (x, arcs), (other_x, other_arcs) = graph(), graph(9, seed=3)
    batch = torch.tensor([0] * 12 + [1] * 9)
    together = model(
        torch.cat([x, other_x]), torch.cat([arcs, other_arcs + 12], dim=1), batch=batch
    )
    alone = torch.cat([model(x, arcs), model(other_x, other_arcs)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("name", NAMES)
def test_weight_one_is_no_weight(name):
    model = small(name, in_dim=5)
    x, arcs = graph()
    ones = torch.ones(arcs.size(1), dtype=torch.float64)
    assert torch.equal(model(x, arcs), model(x, arcs, ones))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_weight_zero_removes_the_arc(name, share):
    model = small(name, in_dim=5)
    x, arcs = graph()
    generator = torch.Generator().manual_seed(5)
    removed = torch.rand(arcs.size(1), generator=generator) < share
    masked = model(x, arcs, (~removed).to(torch.float64))
    torch.testing.assert_close(masked, model(x, arcs[:, ~removed]), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sign", [1, -1])
def test_weight_zero_removes_the_arc_however_large_its_message(name, sign):
    model = small(name, depth=1).to(torch.float32)
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3e3 * sign, 3e3 * sign]])
    arcs, weights = torch.tensor([[1, 2], [0, 0]]), torch.tensor([1.0, 0.0])
    if name == "gin":
        model.eval()  # a batch normalisation sees all vertices
    torch.testing.assert_close(model(x, arcs, weights)[0], model(x, arcs[:, :1])[0])


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_weights_are_those_of_finite_differences(name):
    model = small(name, depth=2)
    edge_index = torch.tensor(ARCS).T
    weights = torch.tensor([1.0, 0.8, 0.5, 0.7], dtype=torch.float64, requires_grad=True)
    x = torch.from_numpy(X)
    assert torch.autograd.gradcheck(lambda w: model(x, edge_index, w), (weights,))
    (gradient,) = torch.autograd.grad(model(x, edge_index, weights).square().sum(), weights)
    assert (gradient != 0).all()


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("two_threads")
def test_gradients_on_several_threads_are_the_same_every_time(name):
    generator = torch.Generator().manual_seed(0)
    arcs = torch.randint(200, (2, 60_000), generator=generator)
    weights = torch.rand(60_000, generator=generator).requires_grad_()
    x = torch.randn(200, 8, generator=generator)
    model = build_model(name, 8, 3, depth=2, width=8, seed=0)
    found = []
    for _ in range(5):
        torch.manual_seed(0)  # of dropout
        loss = model(x, arcs, weights).square().sum()
        found.append(torch.autograd.grad(loss, [weights, *model.parameters()]))
    for gradients in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(gradients, found[0], strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_at_weight_zero(name):
    model = small(name)
    weights = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    model(torch.from_numpy(X), torch.tensor(ARCS).T, weights).square().sum().backward()
    assert torch.isfinite(weights.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_self_loops_of_the_input_change_nothing(name):
    model = small(name, in_dim=5)
    x, arcs = graph()
    loops = torch.tensor([[0, 3, 3], [0, 3, 3]])
    weights = torch.full((arcs.size(1) + 3,), 0.5, dtype=torch.float64)
    found = model(x, torch.cat([loops, arcs], dim=1), weights)
    torch.testing.assert_close(found, model(x, arcs, weights[3:]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_coo])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta state")
def test_sparse_features_give_what_dense_ones_do(name, layout):
    model = small(name, in_dim=5)
    x, arcs = graph()
    x = x * (x > 0)
    expected = torch.autograd.grad(model(x, arcs).square().sum(), list(model.parameters()))
    sparse = x.to_sparse(layout=layout)
    found = torch.autograd.grad(model(sparse, arcs).square().sum(), list(model.parameters()))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a.to_dense() if a.layout != torch.strided else a, b)


@pytest.mark.parametrize("name", NAMES)
def test_no_arcs_at_all(name):
    model = small(name)
    logits = model(torch.from_numpy(X), torch.empty((2, 0), dtype=torch.int64))
    assert logits.shape == (3, 3)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_single_vertex_can_be_trained_on(name):
    model = small(name)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    logits = model(torch.from_numpy(X[:1]), torch.empty((2, 0), dtype=torch.int64))
    assert logits.shape == (1, 3)
    logits.sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
    if name == "gin":
        p = numbers(model)
        expected = layer_norm(relu(p["layers.2.nn.3.bias"])[None], p, "norms.2")
        expected = expected @ p["output.weight"].T + p["output.bias"]
        np.testing.assert_allclose(logits.detach().numpy(), expected, rtol=1e-9)
        assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)


def test_gin_keeps_epsilon_at_zero_on_demand():
    trained, fixed = build_model("gin", 2, 3), build_model("gin", 2, 3, train_eps=False)
    assert sum(name.endswith("eps") for name, _ in trained.named_parameters()) == 3
    assert not any(name.endswith("eps") for name, _ in fixed.named_parameters())
    assert all(float(layer.eps) == 0 for layer in fixed.layers)


def test_temperature_zero_is_the_mean_over_neighbours():
    model = small("resgcn", depth=1, temperature=0.0)
    p = numbers(model)
    z = X @ p["encoder.weight"].T + p["encoder.bias"]
    m = relu(z) + 1e-7
    total = z + np.array([m[1], (m[0] + m[2]) / 2, m[1]])
    total = total @ p["layers.0.conv.mlp.0.weight"].T + p["layers.0.conv.mlp.0.bias"]
    expected = relu(layer_norm(total, p, "layers.0.norm")) @ p["output.weight"].T
    found = model(torch.from_numpy(X), torch.tensor(ARCS).T).detach().numpy()
    np.testing.assert_allclose(found, expected + p["output.bias"], rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_parameters_and_leaves_the_global_generator_alone(name):
    before = torch.get_rng_state()
    first, second, other = (build_model(name, 5, 3, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert str(first.state_dict()) == str(second.state_dict())
    assert not torch.equal(first.output.weight, other.output.weight)


def test_resgcn_has_ten_layers_unless_told_otherwise_and_the_others_three():
    assert {name: len(build_model(name, 2, 2).layers) for name in NAMES} == {
        "gcn": 3,
        "gat": 3,
        "gin": 3,
        "resgcn": 10,
        "sage": 3,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 0}, "depth is 0; expected an integer of at least 1"),
        ({"width": 2.5}, "width is 2.5; expected an integer"),
        ({"seed": -1}, "seed is -1; expected an integer from 0"),
        ({"seed": 2**63}, "seed is 9223372036854775808; expected an integer from 0"),
        ({"task": "edge"}, "task is 'edge'; expected 'vertex' or 'graph'"),
        ({"heads": 3}, "heads is 3; expected a divisor of the width, which is 64"),
        ({"dtype": torch.int64}, "expected torch.float32 or torch.float64"),
        ({"colour": 1}, "model 'gat' has no option 'colour'; its options: heads"),
    ],
)
def test_impossible_options_are_told(change, message):
    with pytest.raises(OptionError, match=message):
        build_model("gat", 5, 3, **change)


@pytest.mark.parametrize("number", [-1, float("inf"), float("nan"), "hot"])
@pytest.mark.parametrize("name", ["temperature", "dropout"])
def test_an_impossible_temperature_or_dropout_is_told(name, number):
    with pytest.raises(OptionError, match=rf"{name} is .*; expected a number of at least 0"):
        build_model("resgcn", 5, 3, **{name: number})


def test_gin_counts_a_vertex_once_or_twice():
    x, arcs = graph()
    once, twice = (small("gin", depth=1, in_dim=5, own=own, train_eps=False) for own in (1, 2))
    loops = torch.arange(12).expand(2, -1)
    layer = once.layers[0]
    summed = torch.zeros(12, 5, dtype=torch.float64)
    looped = torch.cat([arcs, loops], dim=1)
    summed.index_add_(0, looped[1], x[looped[0]])  # a self-loop is a neighbour
    first = (x + summed) @ layer.lin.weight.T
    messages = Messages(arcs, x.new_ones(arcs.size(1)), 12)
    own = torch.tensor(twice.own + float(twice.layers[0].eps))
    torch.testing.assert_close(messages.total(x, layer.lin.weight, own), first)
    assert not torch.allclose(once(x, arcs), twice(x, arcs))
    with pytest.raises(OptionError, match="own is 3; expected 1 or 2"):
        build_model("gin", 5, 3, own=3)


def test_unknown_model_lists_those_there_are():
    with pytest.raises(
        UnknownNameError, match=r"known: gat, gcn, gin, resgcn, sage\. Did you mean 'resgcn'"
    ):
        build_model("resgnc", 2, 2)


def test_a_name_cannot_be_taken_twice():
    with pytest.raises(ValueError, match="'gcn' is registered already"):
        register("GCN", summary="again")(get_model("gcn").build)


@pytest.mark.parametrize(
    ("x", "arcs", "weights", "message"),
    [
        (torch.ones(3, 4), [[0], [1]], None, r"x has shape \(3, 4\); expected \[num_nodes, 2\]"),
        (torch.ones(3, 2), [[0], [1], [2]], None, r"edge_index has shape \(3, 1\)"),
        (torch.ones(3, 2), [[0], [1]], [1.0, 2.0], r"one number for each arc, \[1\]"),
    ],
)
def test_shapes_that_do_not_fit_are_told(x, arcs, weights, message):
    model = build_model("gcn", 2, 2)
    weights = None if weights is None else torch.tensor(weights)
    with pytest.raises(GraphFormatError, match=message):
        model(x, torch.tensor(arcs), weights)
