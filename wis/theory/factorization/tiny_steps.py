"""Gradient steps of matrix factorizations so small that calls cost more than arithmetic.

A step in NumPy takes a third to a sixth of the time of one in torch, and the runs of Figures 1.1,
A.1 and A.2 have up to five million of them. `TinySteps` takes the steps that need no attention;
`wis.theory.factorization.optimization` takes those at which it records something or a run finishes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.theory.factorization.model import Factorization, MatrixFactorization, Weights
from wis.theory.factorization.tasks import Completion, Task

LARGEST = 16
"""The most rows and columns of a weight. Measured: the gain over torch falls from here on, to a
factor of 1.4 to 3 at 32."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class TinySteps:
    """Steps of fixed length on a square loss of observed entries.

    Attributes:
        slope: float64 [T, D_L, D_0], derivative of the loss of each entry over its residual.
        values: float64 [T, D_L, D_0], the observations.
        rates: float64 [T, 1, 1], learning rates, negative.
    """

    slope: Doubles
    values: Doubles
    rates: Doubles

    @classmethod
    def of(cls, model: Factorization, task: Task, rates: Tensor) -> TinySteps | None:
        """The steps for a small matrix factorization and such a loss; None for anything else."""
        if not isinstance(model, MatrixFactorization) or max(model.dimensions) > LARGEST:
            return None
        if not isinstance(task, Completion) or task.loss.kind == "huber":
            return None
        weight, values = (entries.numpy() for entries in task.weighted)
        slope = weight * (2.0 if task.loss.kind == "square" else 1.0)
        return cls(slope, values, rates.numpy())

    def run(
        self,
        weights: Weights,
        calm: Tensor,
        steps: range,
        *,
        loss: float,
        patience: int,
        needs_attention: Callable[[int], bool],
    ) -> int:
        """Step on until something needs attention; weights and `calm` are changed in place.

        Args:
            weights: float64 [B, *weight shape] each.
            calm: int64 [B], steps in a row with a loss below `loss`.
            steps: From the number of steps taken so far to the last one to take.
            loss: An element is about to finish if its loss is below this ...
            patience: ... for so many steps.
            needs_attention: Whether to stop before a step.

        Returns:
            The number of steps taken, those before included.

        Cost: 3 (L - 1) products of stacks of matrices for each step.
        """
        matrices = [weight.numpy() for weight in weights]
        quiet: Any = calm.numpy()
        with np.errstate(all="ignore"):  # numbers that are not finite are found by the next record
            for step in steps:
                if needs_attention(step):
                    return step
                losses, gradients = self._gradients(matrices)
                below = losses < loss
                if below.any():
                    longer = np.where(below, quiet + 1, 0)
                    if (longer >= patience).any():
                        return step
                    quiet[:] = longer
                else:
                    quiet[:] = 0
                for matrix, gradient in zip(matrices, gradients, strict=True):
                    matrix += self.rates * gradient
        return steps.stop

    def _gradients(self, matrices: list[Doubles]) -> tuple[Doubles, list[Doubles]]:
        """Losses, and gradients as in `MatrixFactorization.backward`."""
        products = [matrices[0]]
        for matrix in matrices[1:]:
            products.append(matrix @ products[-1])
        residual = products[-1] - self.values
        gradient = self.slope * residual
        losses = 0.5 * (gradient * residual).sum(axis=(1, 2))
        gradients = []
        for level in range(len(matrices) - 1, 0, -1):
            gradients.append(gradient @ products[level - 1].transpose(0, 2, 1))
            gradient = matrices[level].transpose(0, 2, 1) @ gradient
        return losses, [gradient, *reversed(gradients)]
