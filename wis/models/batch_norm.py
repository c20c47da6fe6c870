"""`BatchNormRelu`: batch normalisation, ReLU and dropout in one operation."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function


class BatchNormRelu(nn.BatchNorm1d):
    """ReLU of the batch normalisation of x + bias over all vertices, with few temporaries.

    For a single vertex, which has no variance, the result is the ReLU of the shift, and the running
    statistics do not change.
    """

    def forward(
        self,
        x: Tensor,
        bias: Tensor | None = None,
        counts: Tensor | None = None,
        *,
        dropout: float = 0.0,
    ) -> Tensor:
        """Normalise, in the module's mode of training or evaluation.

        Args:
            x: Float tensor of shape [r, ..., width].
            bias: Float tensor of shape [width]; None for zeros.
            counts: Float tensor of shape [r], the number of vertices that each row stands for; None
                if each row is a vertex.
            dropout: Share of the entries of the result that become zero in training.
        """
        bias = x.new_zeros(x.size(-1)) if bias is None else bias
        running: tuple[Any, Any] = self.running_mean, self.running_var  # never None
        if not self.training:
            factor = self.weight * (running[1] + self.eps).rsqrt()
            return torch.addcmul(self.bias + (bias - running[0]) * factor, x, factor).relu_()
        kept = kept_entries(x, dropout) if dropout else None
        if counts is None and x.dim() == 2 and len(x) > 1:
            total = len(x)
            given = x, bias, self.weight, self.bias, kept, 1 - dropout, self.eps
            out, mean, variance = _PlainBatchNormRelu.apply(*given)  # type: ignore[no-untyped-call]
        else:
            per_entry = x[0, ..., 0].numel() if len(x) else 0
            total = len(x) * per_entry if counts is None else int(counts.sum()) * per_entry
            each = x.new_ones(len(x)) if counts is None else counts
            weights = (each / max(total, 1)).repeat_interleave(per_entry).unsqueeze(0)
            scale, shift = self.weight / (1 - dropout), self.bias / (1 - dropout)
            out, mean, variance = _BatchNormRelu.apply(  # type: ignore[no-untyped-call]
                x, bias, scale, shift, weights, kept, self.eps
            )
        if total > 1:
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            running[0].lerp_(mean, self.momentum)
            running[1].lerp_(variance * (total / (total - 1)), self.momentum)
        normalised: Tensor = out
        return normalised


class _PlainBatchNormRelu(Function):
    """`_BatchNormRelu` by torch's batch normalisation, for rows that stand for one vertex each.

    Scale and shift are divided by the share of the entries that are kept.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        bias: Tensor,
        scale: Tensor,
        shift: Tensor,
        kept: Tensor | None,
        share: float,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        scale = scale / share
        out, mean, inverse = torch.native_batch_norm(
            x, scale, shift / share, None, None, True, 0.0, eps
        )
        out = out.relu_() if kept is None else out.relu_().mul_(kept)
        ctx.share, ctx.eps = share, eps
        ctx.save_for_backward(x, scale, mean, inverse, out)
        statistics = mean + bias, inverse**-2 - eps
        ctx.mark_non_differentiable(*statistics)
        return out, *statistics

    @staticmethod
    def backward(
        ctx: Any, gradient: Tensor, _mean: Tensor, _variance: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None, None]:
        x, scale, mean, inverse, out = ctx.saved_tensors
        rows = torch.ops.aten.threshold_backward(gradient, out, 0)
        of_x, of_scale, of_shift = torch.ops.aten.native_batch_norm_backward(
            rows, x, scale, None, None, mean, inverse, True, ctx.eps, [True, True, True]
        )
        of_bias = torch.zeros_like(scale)
        return of_x, of_bias, of_scale / ctx.share, of_shift / ctx.share, None, None, None


def kept_entries(x: Tensor, dropout: float) -> Tensor:
    """A random tensor of the shape of x: 0 for a share `dropout` of the entries, else 1.

    For a half, each random byte decides eight entries: much faster than `torch.bernoulli`.
    """
    if dropout != 0.5:
        return torch.empty_like(x).bernoulli_(1 - dropout)
    drawn = torch.randint(256, (-(-x.numel() // 8),), dtype=torch.int32, device=x.device)
    bits = _bits_of_bytes(x.device, x.dtype).index_select(0, drawn)
    return bits.view(-1)[: x.numel()].view(x.shape)


@cache
def _bits_of_bytes(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The eight bits of each byte, [256, 8]."""
    bits = torch.arange(256, device=device).view(-1, 1) >> torch.arange(8, device=device)
    return (bits & 1).to(dtype)


class _BatchNormRelu(Function):
    """ReLU of a batch normalisation, times the kept entries.

    The bias only shifts the mean, so its gradient is zero.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        bias: Tensor,
        scale: Tensor,
        shift: Tensor,
        weights: Tensor,
        kept: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows = x.flatten(0, -2)
        mean = torch.mm(weights, rows)
        centred = rows - mean
        variance = torch.mm(weights, centred.square())
        inverse = (variance + eps).rsqrt_()
        out = torch.addcmul(shift, centred, scale * inverse).relu_()
        if kept is not None:
            out.mul_(kept.view(out.shape))
        ctx.save_for_backward(centred, inverse, scale, out, weights)
        statistics = mean.view(-1) + bias, variance.view(-1)
        ctx.mark_non_differentiable(*statistics)
        return out.view_as(x), *statistics

    @staticmethod
    def backward(
        ctx: Any, gradient: Tensor, _mean: Tensor, _variance: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None, None]:
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
        gradients = of_x.view_as(gradient), of_bias, of_scale.view(-1), of_shift.view(-1)
        return *gradients, None, None, None
