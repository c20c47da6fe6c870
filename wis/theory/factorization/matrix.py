"""Deep matrix factorization: a matrix as the product of L matrices, a linear neural network.

Source: Section 1.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.model import Weights, positive_dimensions


@dataclass(frozen=True)
class MatrixFactorization:
    """W = W_L ... W_1 with W_l of D_l rows and D_(l-1) columns.

    Args:
        dimensions: D_0, ..., D_L: the columns of the end matrix, the hidden dimensions, its rows.

    References:
        Equation (1.3).
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
        """Of W_1 first."""
        return [
            (rows, columns)
            for columns, rows in zip(self.dimensions, self.dimensions[1:], strict=False)
        ]

    def forward(self, weights: Weights) -> tuple[Tensor, tuple[Weights, Weights]]:
        """End matrices; saved: the weights and the products W_l ... W_1 for each l.

        Cost: L - 1 matrix products.
        """
        products = [weights[0]]
        for weight in weights[1:]:
            products.append(weight @ products[-1])
        return products[-1], (weights, products)

    def backward(self, saved: tuple[Weights, Weights], gradient: Tensor) -> Weights:
        """Gradient of W_l: (W_L ... W_(l+1))^T G (W_(l-1) ... W_1)^T, from the last to the first.

        Cost: 2 (L - 1) matrix products.
        """
        weights, products = saved
        gradients = []
        for level in range(self.depth - 1, 0, -1):
            gradients.append(gradient @ products[level - 1].mT)
            gradient = weights[level].mT @ gradient
        return [gradient, *reversed(gradients)]
