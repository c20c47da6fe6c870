"""Tensor factorization: a tensor as a sum of R outer products (CP, or CANDECOMP/PARAFAC).

The modes are split into two halves. With A and B the Khatri-Rao products of their factors, the end
tensor is the matrix A B^T, and its gradient G gives G B and G^T A: three matrix products do nearly
all the work. Source: Sections 1.4.2 and 2.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.model import (
    Weights,
    khatri_rao_all,
    khatri_rao_gradients,
    positive_dimensions,
)


@dataclass(frozen=True)
class TensorFactorization:
    """The sum over r of w_r^1 x ... x w_r^N; the vectors w_r^n are the columns of N weights.

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
        """With enough components for every tensor: all dimensions but the largest, multiplied.

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

    def forward(self, weights: Weights) -> tuple[Tensor, tuple[Weights, Tensor, Tensor]]:
        """End tensors; saved: the weights and the Khatri-Rao products of both halves.

        Cost: one matrix product with R times the entries of the end tensor.
        """
        half = (self.order + 1) // 2
        rows, columns = khatri_rao_all(weights[:half]), khatri_rao_all(weights[half:])
        end = (rows @ columns.mT).reshape(-1, *self.shape)
        return end, (weights, rows, columns)

    def backward(self, saved: tuple[Weights, Tensor, Tensor], gradient: Tensor) -> Weights:
        """Gradients of the N weights.

        Cost: two matrix products with R times the entries of the end tensor.
        """
        weights, rows, columns = saved
        half = (self.order + 1) // 2
        matrix = gradient.reshape(len(gradient), rows.shape[1], columns.shape[1])
        return khatri_rao_gradients(weights[:half], matrix @ columns) + khatri_rao_gradients(
            weights[half:], matrix.mT @ rows
        )

    def component_norms(self, weights: Weights) -> Tensor:
        """Frobenius norms of the components, float64 [B, R] (Section 2.3)."""
        return torch.stack([weight.norm(dim=1) for weight in weights]).prod(dim=0)

    def unbalancedness(self, weights: Weights) -> Tensor:
        """Largest difference of two squared norms in one component, [B] (Definition 3)."""
        squares = torch.stack([weight.square().sum(dim=1) for weight in weights])
        return (squares.amax(dim=0) - squares.amin(dim=0)).amax(dim=1)
