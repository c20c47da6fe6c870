"""Batch normalisation over classes of twins, followed by ReLU, with a gradient of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


class _TwinNormRelu(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, shares: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        weights = (shares / x.size(1)).t().expand(-1, x.size(1)).reshape(1, -1)
        rows = x.flatten(0, 1)
        mean = torch.mm(weights, rows)
        centred = rows - mean
        variance = torch.mm(weights, centred.square())
        inverse = (variance + eps).rsqrt_()
        out = torch.addcmul(shift, centred, scale * inverse).relu_()
        ctx.save_for_backward(centred, inverse, scale, out, weights)
        statistics = mean.view(-1), variance.view(-1)
        ctx.mark_non_differentiable(*statistics)
        return out.view_as(x), *statistics

    @staticmethod
    def backward(
        ctx: Any, gradient: Tensor, _mean: Tensor, _variance: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None, None]:
        centred, inverse, scale, out, weights = ctx.saved_tensors
        rows = torch.ops.aten.threshold_backward(gradient.reshape(out.shape), out, 0)
        ones = torch.ones_like(weights)
        of_shift = torch.mm(ones, rows)
        of_scale = torch.mm(ones, rows * centred) * inverse
        factor = scale * inverse
        through_statistics = torch.addcmul(of_shift, centred, of_scale * inverse)
        through_statistics *= weights.t()
        of_x = (rows - through_statistics).mul_(factor)
        return of_x.view(gradient.shape), of_scale.view(-1), of_shift.view(-1), None, None


def twin_norm_relu(
    x: Tensor, scale: Tensor, shift: Tensor, shares: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """ReLU of a batch normalisation in which a class of twins counts as often as it has members.

    Args:
        x: Float [r, G, width]: r classes in G graphs.
        scale: Float [width].
        shift: Float [width].
        shares: Float [1, r]: the share of each class in the vertices of a graph; they add up to 1.
        eps: Added to the variance.

    Returns:
        The result, the means [width] and the (biased) variances [width].
    """
    out, mean, variance = _TwinNormRelu.apply(x, scale, shift, shares, eps)  # type: ignore[no-untyped-call]
    return out, mean, variance
