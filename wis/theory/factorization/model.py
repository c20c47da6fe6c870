"""What every factorization offers: an end tensor, and the gradient of a loss in closed form.

A model holds shapes only; its weights are passed in, with a batch dimension in front, so that one
call trains many factorizations (seeds, initialization scales, learning rates) at once. `forward`
keeps what `backward` needs; together they take the place of autograd's graph, whose bookkeeping
costs more than the arithmetic at these sizes (`benchmarks/bench_factorization.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from wis.errors import OptionError

Weights = list[Tensor]


class Factorization(Protocol):
    """A parameterization of a matrix or a tensor, whatever its structure."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions of the end tensor."""

    @property
    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Dimensions of each weight matrix."""

    def forward(self, weights: Weights) -> tuple[Tensor, Any]:
        """End tensors, float64 [B, *shape], and what `backward` wants to know."""

    def backward(self, saved: Any, gradient: Tensor) -> Weights:
        """Gradients with respect to the weights, given that with respect to the end tensors."""


def end_tensor(model: Factorization, weights: Weights) -> Tensor:
    """The end matrix or tensor of every factorization of the batch, float64 [B, *shape].

    References:
        Equations (1.3), (1.17), (2.3) and (3.3).
    """
    return model.forward(weights)[0]


def check_weights(model: Factorization, weights: Weights) -> None:
    """Refuse weights that do not fit the model.

    Raises:
        OptionError: A weight has the wrong dimensions, or the batches differ.
    """
    found = [tuple(weight.shape[1:]) for weight in weights]
    if found != model.weight_shapes or len({len(weight) for weight in weights}) != 1:
        raise OptionError(
            f"the weights have the dimensions {[tuple(weight.shape) for weight in weights]}; "
            f"expected one batch dimension and then {model.weight_shapes}"
        )


def positive_dimensions(what: str, dimensions: Sequence[int], at_least: int) -> tuple[int, ...]:
    """The dimensions as a tuple of positive integers.

    Raises:
        OptionError: One is not positive, or there are too few.
    """
    checked = tuple(int(dimension) for dimension in dimensions)
    if len(checked) < at_least or min(checked) < 1:
        raise OptionError(
            f"{what} are {checked}; expected at least {at_least} positive whole numbers"
        )
    return checked


def khatri_rao(left: Tensor, right: Tensor) -> Tensor:
    """Column-wise Kronecker products: [B, P, R] and [B, Q, R] to [B, P * Q, R], Q fastest."""
    return (left.unsqueeze(2) * right.unsqueeze(1)).flatten(1, 2)


def khatri_rao_all(matrices: Sequence[Tensor]) -> Tensor:
    """The Khatri-Rao product of one or more matrices, the last one's rows fastest."""
    product = matrices[0]
    for matrix in matrices[1:]:
        product = khatri_rao(product, matrix)
    return product


def khatri_rao_gradients(matrices: Sequence[Tensor], gradient: Tensor) -> Weights:
    """Gradients with respect to the factors of `khatri_rao_all`, given that of the product."""
    if len(matrices) == 1:
        return [gradient]
    first, rest = matrices[0], matrices[1:]
    other = khatri_rao_all(rest)
    gradient = gradient.reshape(len(gradient), first.shape[1], other.shape[1], -1)
    # Multiplying and summing is several times faster here than einsum, which permutes for a bmm.
    of_first = (gradient * other.unsqueeze(1)).sum(dim=2)
    of_rest = (gradient * first.unsqueeze(2)).sum(dim=1)
    return [of_first, *khatri_rao_gradients(rest, of_rest)]
