"""GIN: sums over neighbours, a two-layer perceptron, ReLU and layer normalisation, layer by layer.

Source: Appendix D.6.2; Xu, Hu, Leskovec, Jegelka, ICLR 2019.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import linear
from torch_geometric.nn import GINConv, Linear

from wis.models.network import GraphNetwork, Task
from wis.models.operators import Messages
from wis.models.registry import register


@register("gin", summary="sums over neighbours and two-layer perceptrons (Xu et al. 2019)")
class GIN(GraphNetwork):
    """Each layer: MLP((1 + ε) x_i + Σ_j x_j), then ReLU, then layer normalisation.

    A layer of the MLP is linear, batch normalisation, ReLU; there are two. The first linear map is
    applied before the sum, which changes nothing but the cost: the sum runs over `width` numbers
    for each arc instead of `in_dim`.

    Args:
        in_dim: Number of features of a vertex.
        out_dim: Number of outputs.
        depth: Number of layers.
        width: Size of the hidden embeddings.
        task: ``"vertex"`` or ``"graph"``.
        train_eps: Whether ε is trained (Figure D.5) or stays zero (Table 5.1).
    """

    same_in_evaluation = False

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        depth: int,
        width: int,
        task: Task = "vertex",
        train_eps: bool = True,
    ) -> None:
        super().__init__(in_dim, out_dim, width=width, task=task)
        sizes = [in_dim] + [width] * (depth - 1)
        self.layers = nn.ModuleList(_layer(size, width, train_eps) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes)

    def embed(self, x: Any, graph: Messages) -> Tensor:
        """Hidden embeddings of the last layer."""
        layers: Any = self.layers
        for layer, norm in zip(layers, self.norms, strict=True):
            first_norm, _, second, second_norm, _ = layer.nn
            x = graph.total(x, layer.lin.weight, 1 + layer.eps)
            x = first_norm(x, layer.bias, graph.row_counts)
            x = norm(second_norm(linear(x, second.weight), second.bias, graph.row_counts))
        hidden: Tensor = x
        return hidden


def _layer(in_dim: int, width: int, train_eps: bool) -> GINConv:
    """The parameters of a layer; the first linear map is `lin`, its bias `bias`."""
    second = nn.Linear(width, width)
    parts = (BatchNormRelu(width), nn.ReLU(), second, BatchNormRelu(width), nn.ReLU())
    layer = GINConv(nn.Sequential(*parts), train_eps=train_eps)
    first = nn.Linear(in_dim, width)
    layer.lin = Linear(in_dim, width, bias=False)
    layer.lin.weight, layer.bias = first.weight, first.bias
    return layer


class BatchNormRelu(nn.BatchNorm1d):
    """ReLU of the batch normalisation of x + bias over all vertices, with few temporaries.

    For a single vertex, which has no variance, the result is the ReLU of the shift, and the running
    statistics do not change.
    """

    def forward(self, x: Tensor, bias: Tensor, counts: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """Normalise, in the module's mode of training or evaluation.

        Args:
            x: Float tensor of shape [r, ..., width].
            bias: Float tensor of shape [width].
            counts: Float tensor of shape [r], the number of vertices that each row stands for; None
                if each row is a vertex.
        """
        running: tuple[Any, Any] = self.running_mean, self.running_var  # never None
        if not self.training:
            factor = self.weight * (running[1] + self.eps).rsqrt()
            return torch.addcmul(self.bias + (bias - running[0]) * factor, x, factor).relu_()
        per_entry = x[0, ..., 0].numel() if len(x) else 0
        total = len(x) * per_entry if counts is None else int(counts.sum()) * per_entry
        each = x.new_ones(len(x)) if counts is None else counts
        weights = (each / max(total, 1)).repeat_interleave(per_entry).unsqueeze(0)
        out, mean, variance = _BatchNormRelu.apply(  # type: ignore[no-untyped-call]
            x, bias, self.weight, self.bias, weights, self.eps
        )
        if total > 1:
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            running[0].lerp_(mean, self.momentum)
            running[1].lerp_(variance * (total / (total - 1)), self.momentum)
        normalised: Tensor = out
        return normalised


class _BatchNormRelu(Function):
    """ReLU of a batch normalisation. The bias only shifts the mean, so its gradient is zero."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, bias: Tensor, scale: Tensor, shift: Tensor, weights: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows = x.flatten(0, -2)
        mean = torch.mm(weights, rows)
        centred = rows - mean
        variance = torch.mm(weights, centred.square())
        inverse = (variance + eps).rsqrt_()
        out = torch.addcmul(shift, centred, scale * inverse).relu_()
        ctx.save_for_backward(centred, inverse, scale, out, weights)
        statistics = mean.view(-1) + bias, variance.view(-1)
        ctx.mark_non_differentiable(*statistics)
        return out.view_as(x), *statistics

    @staticmethod
    def backward(
        ctx: Any, gradient: Tensor, _mean: Tensor, _variance: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None]:
        centred, inverse, scale, out, weights = ctx.saved_tensors
        rows = torch.ops.aten.threshold_backward(gradient.reshape(out.shape), out, 0)
        ones = torch.ones_like(weights)  # sums over all rows
        of_shift = torch.mm(ones, rows)
        of_scale = torch.mm(ones, rows * centred) * inverse
        # subtract the gradients through the mean and the variance, by the weight of each row
        through_statistics = torch.addcmul(of_shift, centred, of_scale * inverse)
        through_statistics *= weights.t()
        of_x = (rows - through_statistics).mul_(scale * inverse)
        of_bias = torch.zeros_like(scale)
        return of_x.view_as(gradient), of_bias, of_scale.view(-1), of_shift.view(-1), None, None
