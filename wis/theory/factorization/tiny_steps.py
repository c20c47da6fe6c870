"""Fast gradient steps for small matrix factorizations.

For small matrices the overhead of a call exceeds the arithmetic. A step in NumPy takes a third to a
sixth of the time of a step in torch, and the runs of Figures 1.1, A.1 and A.2 have up to five
million steps. `wis.theory.factorization.optimization` itself takes the steps that are recorded or
end a run; `TinySteps` takes all others.
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
"""Largest number of rows and columns of a weight. In measurements the speed-up over torch falls
above this size, to a factor of 1.4 to 3 at 32."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class TinySteps:
    """Steps of fixed length on a square loss of observed entries.

    Attributes:
        slope: float64 [T, D_L, D_0], derivative of the loss of each entry divided by its residual.
        values: float64 [T, D_L, D_0], the observations.
        rates: float64 [T, 1, 1], learning rates, negative.
    """

    slope: Doubles
    values: Doubles
    rates: Doubles

    @classmethod
    def of(cls, model: Factorization, task: Task, rates: Tensor) -> TinySteps | None:
        """The steps for a small matrix factorization with a square loss; None for others."""
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
        """Take steps until one needs attention; weights and `calm` are changed in place.

        Args:
            weights: float64 [B, *weight shape] each.
            calm: int64 [B], steps in a row with a loss below `loss`.
            steps: Range from the number of steps so far to the last step.
            loss: An element finishes if its loss stays below this value for `patience` steps.
            patience: Number of consecutive steps.
            needs_attention: Returns whether to stop before a step.

        Returns:
            The number of steps taken in total.

        Cost: 3 (L - 1) products of stacks of matrices for each step.
        """
        matrices = [weight.numpy() for weight in weights]
        quiet: Any = calm.numpy()
        with np.errstate(all="ignore"):  # the next record detects numbers that are not finite
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
