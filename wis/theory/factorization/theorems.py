"""Theorems 1 and 2 along a run: norms must grow and ranks fall with the loss of 2-by-2 completion.

Each bound comes with its margin: by how much the measured side is on the side where the theorem
wants it. The theorems speak of gradient flow from a balanced start; along gradient descent the
margins say how well it follows. Source: Sections 1.3.2 and 1.3.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.measures import distance_from_rank, effective_rank, schatten_norm


@dataclass(frozen=True)
class Bound:
    """One inequality, at every matrix that was asked about.

    Attributes:
        measured: float64 [T].
        bound: float64 [T].
        lower: Whether `bound` is a lower bound of `measured`.
    """

    measured: Tensor
    bound: Tensor
    lower: bool

    @property
    def margin(self) -> Tensor:
        """Not negative where the inequality holds, float64 [T]."""
        return (self.measured - self.bound) * (1 if self.lower else -1)


def theorem_1_bounds(ends: Tensor, losses: Tensor, p: float = 1.0) -> dict[str, Bound]:
    """The three bounds of Theorem 1 for end matrices with a positive determinant at the start.

    Args:
        ends: float64 [T, 2, 2], end matrices along a run.
        losses: float64 [T], the sum of half squares over the three observations.
        p: Of the Schatten-p (quasi-)norm.

    Returns:
        ``"norm"`` (1.8), ``"effective rank"`` (1.9) and ``"distance from rank 1"`` (1.10).

    References:
        Theorem 1.
    """
    _check(ends, losses)
    triangle = _weakened_triangle(p)
    factor = 1 / (math.sqrt(2) * triangle)
    offset = max(math.sqrt(2) * factor, 8 * triangle**2)
    root = losses.sqrt()
    return {
        "norm": Bound(schatten_norm(ends, p), factor / root - offset, lower=True),
        "effective rank": Bound(
            effective_rank(ends), 1 + 2 * math.sqrt(12) / math.log(2) * root, lower=False
        ),
        "distance from rank 1": Bound(
            distance_from_rank(ends, 1), 3 * math.sqrt(2) * root, lower=False
        ),
    }


def theorem_2_bounds(
    ends: Tensor,
    losses: Tensor,
    *,
    adjacent: tuple[float, float],
    opposite: float,
    p: float = 1.0,
) -> dict[str, Bound]:
    """The three bounds of Theorem 2, for perturbed observations and any unobserved entry.

    Args:
        ends: float64 [T, 2, 2].
        losses: float64 [T], the sum of half squares over the three observations.
        adjacent: z and z', the observations beside the unobserved entry; not zero.
        opposite: The observation diagonally opposite.
        p: Of the Schatten-p (quasi-)norm.

    Returns:
        ``"norm"`` (1.13), ``"effective rank"`` (1.14) and ``"distance from rank 1"`` (1.15).

    References:
        Theorem 2.
    """
    _check(ends, losses)
    first, second = abs(adjacent[0]), abs(adjacent[1])
    epsilon, smaller = abs(opposite), min(first, second)
    if smaller == 0:
        raise OptionError(f"the adjacent observations are {adjacent}; neither may be zero")
    triangle = _weakened_triangle(p)
    factor = 1 / triangle
    offset = max(
        factor * first * second / (epsilon + smaller),
        8 * triangle**2 * max(first, second, epsilon),
    )
    root = (2 * losses).sqrt()
    slope = 4 + math.sqrt(first * second) / smaller
    return {
        "norm": Bound(
            schatten_norm(ends, p), factor * first * second / (epsilon + root) - offset, lower=True
        ),
        "effective rank": Bound(
            effective_rank(ends), 1 + 16 / smaller * (epsilon + root), lower=False
        ),
        "distance from rank 1": Bound(
            distance_from_rank(ends, 1), 4 * epsilon + slope * root, lower=False
        ),
    }


def _check(ends: Tensor, losses: Tensor) -> None:
    if ends.shape[-2:] != (2, 2) or ends.shape[:-2] != losses.shape:
        raise OptionError(
            f"end matrices {tuple(ends.shape)} with losses {tuple(losses.shape)}; expected "
            "[T, 2, 2] and [T]"
        )


def _weakened_triangle(p: float) -> float:
    """The constant c with |A + B| <= c (|A| + |B|) for the Schatten-p (quasi-)norm."""
    return 1.0 if p >= 1 else 2 ** (1 / p - 1)
