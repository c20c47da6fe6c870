"""The few operations that a stacked network spends its time in, each with its own gradient.

All work on S networks at once: embeddings have the shape [S, n, width], one slice for each network,
and a sparse matrix has the S·n rows of all of them. What is fused here saves whole passes over
such tensors; that the gradients are right is tested against those of the plain formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from wis.models.network import weighted_softmax
from wis.training.sparse import entries, sparse_product, transposed

SAFE_EXPONENT = 40.0
"""exp of a number in [0, 40], times counts and values, is far from the limits of float32."""


@dataclass(frozen=True, eq=False)
class Operator:
    """A constant sparse matrix and its transpose; one tensor if it is symmetric."""

    matrix: Tensor
    transpose: Tensor

    @classmethod
    def of(cls, matrix: Tensor) -> Operator:
        """Add the transpose."""
        other = transposed(matrix)
        return cls(matrix, matrix if _equal(matrix, other) else other)


def _equal(a: Tensor, b: Tensor) -> bool:
    """Whether two matrices in compressed rows hold the same entries."""
    return (
        a.shape == b.shape
        and torch.equal(a.crow_indices(), b.crow_indices())
        and torch.equal(a.col_indices(), b.col_indices())
        and torch.equal(a.values(), b.values())
    )


def multiply(matrix: Tensor, h: Tensor) -> Tensor:
    """A sparse matrix with S·k columns times [S, k, width]."""
    flat = h.reshape(-1, h.size(2))
    return sparse_product(matrix, flat).view(h.size(0), -1, h.size(2))


def project(weight: Tensor, features: Operator | Tensor) -> Tensor:
    """Features times weights [S, in, width].

    Args:
        weight: Float tensor of shape [S, in, width].
        features: A dense matrix [n, in] that all networks share, or the sparse ones of all along
            a diagonal.
    """
    if isinstance(features, Operator):
        return propagate(weight, features)
    return torch.matmul(features, weight)


class _Propagate(Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, operator: Operator) -> Tensor:
        ctx.operator = operator
        return multiply(operator.matrix, h)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return multiply(ctx.operator.transpose, gradient), None


def propagate(h: Tensor, operator: Operator) -> Tensor:
    """A sparse matrix with S·k columns times [S, k, width]."""
    out: Tensor = _Propagate.apply(h, operator)  # type: ignore[no-untyped-call]
    return out


class _PropagateBiasRelu(Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, bias: Tensor, operator: Operator | None) -> Tensor:
        out = h + bias if operator is None else multiply(operator.matrix, h).add_(bias)
        out.relu_()
        ctx.operator = operator
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        (out,) = ctx.saved_tensors
        gradient = torch.ops.aten.threshold_backward(gradient, out, 0)
        of_bias = gradient.sum(dim=1, keepdim=True)
        if ctx.operator is not None:
            gradient = multiply(ctx.operator.transpose, gradient)
        return gradient, of_bias, None


def propagate_bias_relu(h: Tensor, bias: Tensor, operator: Operator | None) -> Tensor:
    """ReLU(M h + b) for h of shape [S, n, width] and b of shape [S, 1, width]; M may be missing."""
    out: Tensor = _PropagateBiasRelu.apply(h, bias, operator)  # type: ignore[no-untyped-call]
    return out


class _BatchNormRelu(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, bias: Tensor, scale: Tensor, shift: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean = x.mean(dim=1, keepdim=True)
        centred = x - mean
        variance = centred.square().mean(dim=1, keepdim=True)
        inverse = (variance + eps).rsqrt()
        out = torch.addcmul(shift, centred, scale * inverse).relu_()
        ctx.save_for_backward(centred, inverse, scale, out)
        mean = mean + bias
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    def backward(
        ctx: Any, gradient: Tensor, _mean: Tensor, _variance: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        centred, inverse, scale, out = ctx.saved_tensors
        gradient = torch.ops.aten.threshold_backward(gradient, out, 0)
        of_shift = gradient.sum(dim=1, keepdim=True)
        of_scale = (gradient * centred).sum(dim=1, keepdim=True) * inverse
        factor = scale * inverse / centred.size(1)
        of_x = torch.addcmul(-factor * of_shift, gradient, scale * inverse)
        of_x.addcmul_(centred, -factor * inverse * of_scale)
        return of_x, torch.zeros_like(of_shift), of_scale, of_shift, None


def batch_norm_relu(
    x: Tensor, bias: Tensor, scale: Tensor, shift: Tensor, eps: float = 1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """ReLU of the batch normalisation of x + bias over the vertices of each network.

    A bias before a batch normalisation changes nothing but the mean: its gradient is exactly zero.

    Args:
        x: Float tensor of shape [S, n, width].
        bias: Shape [S, 1, width].
        scale: Shape [S, 1, width].
        shift: Shape [S, 1, width].
        eps: Added to the variance.

    Returns:
        The result, the means of x + bias, and the (biased) variances.
    """
    out, mean, variance = _BatchNormRelu.apply(x, bias, scale, shift, eps)  # type: ignore[no-untyped-call]
    return out, mean, variance


class _SoftmaxAggregate(Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, operator: Operator, temperature: float, eps: float) -> Tensor:
        values = z.relu() + eps
        mass = torch.exp(temperature * values)
        total = multiply(operator.matrix, mass)
        total[total == 0] = 1  # no neighbours
        mean = multiply(operator.matrix, mass * values).div_(total)
        ctx.operator, ctx.temperature = operator, temperature
        ctx.save_for_backward(z, values, mass, total, mean)
        return mean + z

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        z, values, mass, total, mean = ctx.saved_tensors
        scaled = gradient / total
        of_product = multiply(ctx.operator.transpose, scaled)
        of_mass = multiply(ctx.operator.transpose, scaled.mul_(mean).neg_())
        of_mass.addcmul_(of_product, values)
        of_values = of_mass.mul_(ctx.temperature).add_(of_product).mul_(mass)
        return torch.ops.aten.threshold_backward(of_values, z, 0) + gradient, None, None, None


def softmax_aggregate(
    z: Tensor, operator: Operator, temperature: float, eps: float = 1e-7
) -> Tensor:
    """Add to z the softmax-weighted mean of ReLU(z) + eps over the neighbours, coordinate-wise.

    A message depends on its sender alone, so numerator and denominator of the mean are two sparse
    products. Where a value is so large that exponentials could overflow, each neighbourhood is
    shifted by its own maximum instead, arc by arc, which is slower.

    Args:
        z: Float tensor of shape [S, n, width].
        operator: The numbers of arcs between vertices.
        temperature: Factor before the exponential.
        eps: Added to each message.
    """
    if temperature * float(z.detach().max()) <= SAFE_EXPONENT:
        out: Tensor = _SoftmaxAggregate.apply(z, operator, temperature, eps)  # type: ignore[no-untyped-call]
        return out
    return _softmax_aggregate_by_arcs(z, operator, temperature, eps)


def _softmax_aggregate_by_arcs(
    z: Tensor, operator: Operator, temperature: float, eps: float
) -> Tensor:
    ends, sources, counts = entries(operator.matrix)
    flat = z.reshape(-1, z.size(2))
    messages = (flat.relu() + eps).index_select(0, sources)
    share = weighted_softmax(temperature * messages, counts, ends, flat.size(0))
    return flat.index_add(0, ends, share * messages).view_as(z)
