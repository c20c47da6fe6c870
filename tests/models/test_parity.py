"""Networks of wis compute what PyTorch Geometric's own layers do, with the same parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch_geometric.nn import DeepGCNLayer, GATConv, GCNConv, GENConv, GINConv, SAGEConv
from torch_geometric.utils import softmax

from wis.models import build_model
from wis.models.batch_norm import BatchNormRelu, kept_entries
from wis.training.sparse import Arcs, SparseProducts


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


def deeper_gcn(model, variant):
    """PyG's layers with the parameters of a ResGCN of wis; a function of features and arcs."""
    published = variant == "deepergcn"
    norm = nn.BatchNorm1d if published else nn.LayerNorm
    given = {"aggr": "softmax_sg", "t": 0.1} if published else {"aggr": "softmax"}
    layers = [
        DeepGCNLayer(
            GENConv(8, 8, num_layers=1, bias=True, **given),
            norm(8),
            nn.ReLU(),
            dropout=0.5 * published,
        ).double()
        for _ in model.layers
    ]
    for ours, theirs in zip(model.layers, layers, strict=True):
        theirs.load_state_dict(ours.state_dict())
        theirs.train(model.training)

    def logits(x, arcs):
        hidden = layers[0].conv(model.encoder(x), arcs)
        for layer in layers[1:]:
            hidden = layer(hidden, arcs)
        hidden = layers[0].act(layers[0].norm(hidden))
        hidden = nn.functional.dropout(hidden, layers[0].dropout, model.training)
        return model.output(hidden), layers

    return logits


@pytest.mark.parametrize("variant", ["deepergcn", "layer-norm"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fast", [True, False])
def test_resgcn_is_deeper_gcn_of_pyg(variant, training, fast, monkeypatch):
    monkeypatch.setattr(
        nn.functional,
        "dropout",
        lambda x, p, training: x * kept_entries(x, p) / (1 - p) if training and p else x,
    )
    options = {"variant": variant, "seed": 1, "dtype": torch.float64}
    model = build_model("resgcn", 5, 3, depth=4, width=8, **options).train(training)
    x, arcs = case()
    logits = deeper_gcn(model, variant)
    torch.manual_seed(3)
    expected, layers = logits(x, arcs)
    torch.manual_seed(3)
    ones = torch.ones(arcs.size(1), dtype=torch.float64)
    found = model.over(x, SparseProducts(Arcs(arcs, 12), ones)) if fast else model(x, arcs)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    same = list(model.encoder.parameters()) + list(model.output.parameters())
    ours = [*same, *model.layers.parameters()]
    theirs = [*same, *(value for layer in layers for value in layer.parameters())]
    gradients = (
        torch.autograd.grad(out.sin().sum(), inputs, allow_unused=True)
        for out, inputs in ((found, ours), (expected, theirs))
    )
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)
    for ours_, theirs_ in zip(model.layers, layers, strict=True):  # running means
        torch.testing.assert_close(ours_.state_dict(), theirs_.state_dict())


def test_masks_of_resgcn_multiply_before_the_relu_of_a_message():
    model = build_model("resgcn", 5, 3, depth=2, width=8, seed=1, dtype=torch.float64).eval()
    x, arcs = case()
    weights = random(arcs.size(1)).abs()
    weights[:5] = 0
    weights.requires_grad_()
    found = model(x, arcs, weights)
    hidden = model.encoder(x)
    for k, layer in enumerate(model.layers):
        z = layer.norm(hidden, None) if k else hidden
        sent = (weights.unsqueeze(1) * z[arcs[0]]).relu() + 1e-7
        shares = softmax(0.1 * sent.detach(), arcs[1], num_nodes=12)
        mean = torch.zeros_like(z).index_add(0, arcs[1], shares * sent)
        hidden = layer.conv.mlp(z + mean) + (hidden if k else 0)
    expected = model.output(model.layers[0].norm(hidden))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    (one,), (other,) = (torch.autograd.grad(out.sin().sum(), weights) for out in (found, expected))
    torch.testing.assert_close(one[5:], other[5:])  # at 0 the ReLU has no gradient
    assert not torch.allclose(found, model(x, arcs[:, 5:], weights[5:])), "an arc of 0 stays one"


@pytest.mark.parametrize("share", [0.5, 0.2])
@pytest.mark.parametrize("shape", [(1000, 7), (3,), (0, 4)])
def test_dropout_leaves_out_its_share_of_the_entries(share, shape):
    torch.manual_seed(0)
    kept = kept_entries(torch.empty(shape), share)
    assert kept.shape == shape
    assert kept.dtype == torch.float32
    assert set(kept.unique().tolist()) <= {0.0, 1.0}
    if kept.numel() == 7000:
        assert abs(float(kept.mean()) - 1 + share) < 0.02  # four standard deviations
        places = kept.view(-1, 8).mean(0)
        assert (places - 1 + share).abs().max() < 0.07
        assert not torch.equal(kept, kept_entries(kept, share))


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
