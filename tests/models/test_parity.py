"""Networks of wis compute what PyTorch Geometric's own layers do, with the same parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch_geometric.nn import DeepGCNLayer, GATConv, GCNConv, GENConv, GINConv, SAGEConv

from wis.models import build_model
from wis.models.gin import BatchNormRelu


def case():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 5, generator=generator, dtype=torch.float64)
    arcs = torch.randint(12, (2, 40), generator=generator)
    return x, arcs[:, arcs[0] != arcs[1]]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gin_layer(width_in, width, layer):
    """PyG's layer with the parameters of a layer of wis, whose first linear map is apart."""
    first = nn.Linear(width_in, width)
    first.weight, first.bias = layer.lin.weight, layer.bias
    parts = []
    for module in layer.nn:
        if isinstance(module, BatchNormRelu):
            norm = nn.BatchNorm1d(width)
            norm.load_state_dict(module.state_dict())
            module = norm
        parts.append(module)
    conv = GINConv(nn.Sequential(first, *parts), train_eps=True).double()
    conv.eps = layer.eps
    return conv


CONVOLUTIONS = {
    "gcn": lambda size, width: GCNConv(size, width),
    "gat": lambda size, width: GATConv(size, width // 4, 4),
    "sage": lambda size, width: SAGEConv(size, width),
}


@pytest.mark.parametrize("name", [*CONVOLUTIONS, "gin"])
@pytest.mark.parametrize("training", [True, False])
def test_logits_are_those_of_the_layers_of_pyg(name, training):
    model = build_model(name, 5, 3, depth=3, width=8, seed=1, dtype=torch.float64).train(training)
    x, arcs = case()
    hidden = x
    for layer, norm in zip(model.layers, model.norms, strict=True):
        width_in = hidden.size(1)
        if name == "gin":
            conv = gin_layer(width_in, 8, layer).train(training)
        else:
            conv = CONVOLUTIONS[name](width_in, 8).double()
            conv.load_state_dict(layer.state_dict())
        hidden = norm(conv(hidden, arcs).relu())
    torch.testing.assert_close(model(x, arcs), model.output(hidden), rtol=1e-9, atol=1e-9)


def test_resgcn_is_deeper_gcn_of_pyg():
    model = build_model("resgcn", 5, 3, depth=4, width=8, seed=1, dtype=torch.float64)
    x, arcs = case()
    layers = [
        DeepGCNLayer(
            GENConv(8, 8, aggr="softmax", num_layers=1, bias=True), nn.LayerNorm(8), nn.ReLU()
        ).double()
        for _ in range(4)
    ]
    for ours, theirs in zip(model.layers, layers, strict=True):
        theirs.load_state_dict(ours.state_dict())
    hidden = layers[0].conv(model.encoder(x), arcs)
    for layer in layers[1:]:
        hidden = layer(hidden, arcs)
    hidden = layers[0].act(layers[0].norm(hidden))
    torch.testing.assert_close(model(x, arcs), model.output(hidden), rtol=1e-9, atol=1e-9)


def norms(width):
    """The fused layer and torch's, with the same parameters."""
    fused, plain = BatchNormRelu(width).double(), nn.BatchNorm1d(width).double()
    with torch.no_grad():
        fused.weight.copy_(random(width, seed=1)), fused.bias.copy_(random(width, seed=2))
    plain.load_state_dict(fused.state_dict())
    return fused, plain


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_and_relu_are_those_of_torch(training):
    fused, plain = (norm.train(training) for norm in norms(3))
    x, bias = random(7, 3), random(3, seed=3)
    torch.testing.assert_close(fused(x, bias), plain(x + bias).relu())
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(fused.state_dict()[name], value)


def test_an_entry_that_stands_for_several_vertices_counts_several_times():
    fused, plain = norms(3)
    x, bias, counts = random(3, 4, 3), random(3, seed=3), torch.tensor([1.0, 3.0, 2.0]).double()
    repeated = x.repeat_interleave(counts.long(), dim=0)
    expected = plain((repeated + bias).flatten(0, 1)).relu().view_as(repeated)
    torch.testing.assert_close(fused(x, bias, counts), expected[[0, 1, 4]])
    torch.testing.assert_close(fused.running_mean, plain.running_mean)
    torch.testing.assert_close(fused.running_var, plain.running_var)


def test_batch_norm_and_relu_have_the_right_gradient():
    fused, _ = norms(3)
    counts = torch.tensor([1.0, 3.0]).double()
    x, bias = random(2, 4, 3).requires_grad_(), random(3, seed=3).requires_grad_()
    scale, shift = fused.weight, fused.bias

    def apply(x, bias, scale, shift):
        parameters = {"weight": scale, "bias": shift}
        return torch.func.functional_call(fused, parameters, (x, bias, counts))

    assert torch.autograd.gradcheck(apply, (x, bias, scale, shift))
