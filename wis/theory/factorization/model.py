"""Matrix and tensor factorizations: end tensors, and gradients in closed form.

A model holds shapes only. Its weights are arguments, float64 with a leading batch dimension, so
that one call trains many factorizations (seeds, initialization scales, learning rates) at once.
`forward` returns the intermediate products that `backward` needs. They replace autograd, whose
bookkeeping costs more than the arithmetic at these sizes (`benchmarks/bench_factorization.py`).

The modes of a tensor are split into two halves. Let A and B be the Khatri-Rao products of the
factors of each half. Then the end tensor is the matrix A B^T. If its gradient is G, the gradients
of A and B are G B and G^T A. These three matrix products do nearly all the work. Source: Sections
1.2, 1.4.2 and 2.2 of the thesis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from wis.errors import OptionError

Weights = list[Tensor]
Halves = tuple[Tensor, Tensor]


class Factorization(Protocol):
    """A parameterization of a matrix or a tensor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions of the end tensor."""

    @property
    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Dimensions of each weight matrix."""

    def forward(self, weights: Weights) -> tuple[Tensor, Any]:
        """End tensors, float64 [B, *shape], and the intermediate products that `backward` needs."""

    def backward(self, saved: Any, gradient: Tensor) -> Weights:
        """Gradients with respect to the weights, from those with respect to the end tensors."""


def end_tensor(model: Factorization, weights: Weights) -> Tensor:
    """The end matrix or tensor of every factorization of the batch, float64 [B, *shape].

    >>> model = MatrixFactorization((2, 3, 2))
    >>> end_tensor(model, [torch.ones(1, *shape) for shape in model.weight_shapes]).tolist()
    [[[3.0, 3.0], [3.0, 3.0]]]

    References:
        Equations (1.3), (1.17), (2.3) and (3.3).
    """
    return model.forward(weights)[0]


@dataclass(frozen=True)
class MatrixFactorization:
    """W = W_L ... W_1, where W_l is D_l by D_(l-1): a linear neural network (Equation (1.3)).

    >>> MatrixFactorization.unconstrained(4, 3, depth=3).weight_shapes
    [(3, 3), (3, 3), (4, 3)]

    Args:
        dimensions: D_0, ..., D_L: the columns of the end matrix, the hidden dimensions, its rows.
    """

    dimensions: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "dimensions", positive_dimensions("the dimensions", self.dimensions, 3)
        )

    @classmethod
    def unconstrained(cls, num_rows: int, num_columns: int, depth: int) -> MatrixFactorization:
        """The narrowest factorization that can express every matrix (Appendix A.2.2.1)."""
        if depth < 2:
            raise OptionError(f"the depth is {depth}; a factorization has at least 2 matrices")
        hidden = min(num_rows, num_columns)
        return cls((num_columns, *(hidden,) * (depth - 1), num_rows))

    @property
    def depth(self) -> int:
        """L, the number of matrices."""
        return len(self.dimensions) - 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns of the end matrix."""
        return self.dimensions[-1], self.dimensions[0]

    @property
    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Rows and columns of each matrix, W_1 first."""
        return list(zip(self.dimensions[1:], self.dimensions[:-1], strict=True))

    def forward(self, weights: Weights) -> tuple[Tensor, tuple[Weights, Weights]]:
        """End matrices; saved: the weights and the products W_l ... W_1 for each l.

        Cost: L - 1 matrix products.
        """
        products = [weights[0]]
        for weight in weights[1:]:
            products.append(weight @ products[-1])
        return products[-1], (weights, products)

    def backward(self, saved: tuple[Weights, Weights], gradient: Tensor) -> Weights:
        """Gradient of W_l: (W_L ... W_(l+1))^T G (W_(l-1) ... W_1)^T. Cost: twice `forward`."""
        weights, products = saved
        gradients = []
        for level in range(self.depth - 1, 0, -1):
            gradients.append(gradient @ products[level - 1].mT)
            gradient = weights[level].mT @ gradient
        return [gradient, *reversed(gradients)]


@dataclass(frozen=True)
class TensorFactorization:
    """The sum over r of w_r^1 x ... x w_r^N (CP); the vectors w_r^n are columns of N weights.

    >>> TensorFactorization.unconstrained((2, 3, 4)).weight_shapes
    [(2, 6), (3, 6), (4, 6)]

    Args:
        shape: D_1, ..., D_N, N at least 2.
        num_components: R.

    References:
        Equations (1.17) and (2.3).
    """

    shape: tuple[int, ...]
    num_components: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", positive_dimensions("the modes", self.shape, 2))
        if self.num_components < 1:
            raise OptionError(f"{self.num_components} components; expected at least 1")

    @classmethod
    def unconstrained(cls, shape: tuple[int, ...]) -> TensorFactorization:
        """With enough components for every tensor: the product of all dimensions but the largest.

        References:
            Appendix A.2.2.2, footnote 3.
        """
        return cls(shape, math.prod(shape) // max(shape))

    @property
    def order(self) -> int:
        """N, the number of modes."""
        return len(self.shape)

    @property
    def weight_shapes(self) -> list[tuple[int, ...]]:
        """D_n rows and R columns for each mode."""
        return [(dimension, self.num_components) for dimension in self.shape]

    def forward(self, weights: Weights) -> tuple[Tensor, tuple[Weights, Halves]]:
        """End tensors; saved: the weights and the Khatri-Rao products of both halves.

        Cost: one matrix product with R times the entries of the end tensor.
        """
        rows, columns = halves(weights)
        return (rows @ columns.mT).reshape(-1, *self.shape), (weights, (rows, columns))

    def backward(self, saved: tuple[Weights, Halves], gradient: Tensor) -> Weights:
        """Gradients of the N weights. Cost: two matrix products of the size of `forward`'s."""
        weights, (rows, columns) = saved
        matrix = gradient.reshape(len(gradient), rows.shape[1], columns.shape[1])
        return halves_gradients(weights, matrix @ columns, matrix.mT @ rows)

    def component_norms(self, weights: Weights) -> Tensor:
        """Frobenius norms of the components, float64 [B, R] (Section 2.3)."""
        return torch.stack([weight.norm(dim=1) for weight in weights]).prod(dim=0)

    def squared_norms(self, weights: Weights) -> Tensor:
        """Squared norms of the vectors of each component, float64 [N, B, R]."""
        return torch.stack([weight.square().sum(dim=1) for weight in weights])

    def unbalancedness(self, weights: Weights) -> Tensor:
        """Largest difference of two squared norms in one component, [B] (Definition 3)."""
        squares = self.squared_norms(weights)
        return (squares.amax(dim=0) - squares.amin(dim=0)).amax(dim=1)


def khatri_rao(matrices: Sequence[Tensor]) -> Tensor:
    """Column-wise Kronecker product of matrices [B, P_i, R], the last one's rows fastest."""
    product = matrices[0]
    for matrix in matrices[1:]:
        product = (product.unsqueeze(2) * matrix.unsqueeze(1)).flatten(1, 2)
    return product


def khatri_rao_gradients(matrices: Sequence[Tensor], gradient: Tensor) -> Weights:
    """Gradients with respect to the factors of `khatri_rao`, from the gradient of the product."""
    if len(matrices) == 1:
        return [gradient]
    first, rest = matrices[0], matrices[1:]
    other = khatri_rao(rest)
    gradient = gradient.reshape(len(gradient), first.shape[1], other.shape[1], -1)
    # Multiplying and summing is several times faster here than einsum, which permutes for a bmm.
    of_first = (gradient * other.unsqueeze(1)).sum(dim=2)
    of_rest = (gradient * first.unsqueeze(2)).sum(dim=1)
    return [of_first, *khatri_rao_gradients(rest, of_rest)]


def halves(matrices: Sequence[Tensor]) -> Halves:
    """The Khatri-Rao products of the first half of the matrices and of the others."""
    half = (len(matrices) + 1) // 2
    return khatri_rao(matrices[:half]), khatri_rao(matrices[half:])


def halves_gradients(matrices: Sequence[Tensor], left: Tensor, right: Tensor) -> Weights:
    """Gradients of all matrices, from those of both products of `halves`."""
    half = (len(matrices) + 1) // 2
    return khatri_rao_gradients(matrices[:half], left) + khatri_rao_gradients(
        matrices[half:], right
    )


def positive_dimensions(noun: str, dimensions: Sequence[int], at_least: int) -> tuple[int, ...]:
    """The dimensions as a tuple; raises `OptionError` unless there are `at_least`, all positive."""
    checked = tuple(int(dimension) for dimension in dimensions)
    if len(checked) < at_least or min(checked) < 1:
        raise OptionError(
            f"{noun} are {checked}; expected at least {at_least} positive whole numbers"
        )
    return checked
