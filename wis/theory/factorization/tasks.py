"""Tasks for factorizations: observed entries of a ground truth, or linear measurements.

Source: Equations (1.1), (1.6), (1.11), (1.16), (2.1) and (2.8), Appendices A.1, A.2.2.2, B.1,
B.2.2.1 and C.4.2.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, Protocol

import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.model import halves


@dataclass(frozen=True)
class Loss:
    """The loss of one observation as a function of the residual z.

    >>> Loss("huber", 0.5).value(torch.tensor([0.1, 2.0]))
    tensor([0.0050, 0.8750])

    Args:
        kind: ``"square"`` is z^2, ``"half_square"`` z^2 / 2, ``"huber"`` Equation (2.8).
        transition: Residual at which Huber's loss turns linear; positive.
    """

    kind: Literal["square", "half_square", "huber"] = "square"
    transition: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("square", "half_square", "huber") or not self.transition > 0:
            raise OptionError(
                f"{self}: the kind must be square, half_square or huber, the transition positive"
            )

    def value(self, residual: Tensor) -> Tensor:
        """The loss, entry by entry."""
        if self.kind == "huber":
            size = residual.abs()
            delta = self.transition
            return torch.where(size < delta, 0.5 * size.square(), delta * (size - 0.5 * delta))
        return residual.square() * (1.0 if self.kind == "square" else 0.5)

    def slope(self, residual: Tensor) -> Tensor:
        """The derivative of the loss, entry by entry."""
        if self.kind == "huber":
            return residual.clamp(-self.transition, self.transition)
        return 2 * residual if self.kind == "square" else residual


class Task(Protocol):
    """A loss of end tensors: one task for the whole batch, or one for each element."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions of the end tensors."""

    def loss_and_gradient(self, end: Tensor) -> tuple[Tensor, Tensor]:
        """The losses, [B], and their gradients with respect to the end tensors, [B, *shape]."""

    def select(self, ids: Tensor) -> Task:
        """The task of some elements of the batch."""

    def tensors(self) -> list[Tensor]:
        """The tensors that define the task; a checkpoint compares them."""


@dataclass(frozen=True)
class Completion:
    """The task with some observed entries.

    Args:
        observed: bool [T, *shape]: mask of the observed entries; T is 1 or the size of the batch.
        values: float64 [T, *shape]: the observations; values of other entries are ignored.
        loss: Loss of one entry.
        mean: Whether to average over the observed entries (2.1) or to sum (1.1).
    """

    observed: Tensor
    values: Tensor
    loss: Loss = Loss()
    mean: bool = True

    def __post_init__(self) -> None:
        if self.observed.shape != self.values.shape or self.observed.dtype != torch.bool:
            raise OptionError(
                f"observed is {self.observed.dtype} {tuple(self.observed.shape)}, values has the "
                f"dimensions {tuple(self.values.shape)}; expected bool and the same dimensions"
            )
        if not self.observed.flatten(1).any(dim=1).all():
            raise OptionError("a completion task without observed entries; observe at least one")

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions of the end tensors."""
        return tuple(self.observed.shape[1:])

    @cached_property
    def weighted(self) -> tuple[Tensor, Tensor]:
        """Weight and value of every entry, float64 [T, *shape]; 0 for unobserved entries."""
        mask = self.observed.to(self.values.dtype)
        axes = (-1,) + (1,) * (self.observed.dim() - 1)
        count = mask.flatten(1).sum(dim=1)
        weight = mask / (count if self.mean else torch.ones_like(count)).reshape(axes)
        return weight, torch.where(self.observed, self.values, 0.0)

    def loss_and_gradient(self, end: Tensor) -> tuple[Tensor, Tensor]:
        """Losses [B] and gradients [B, *shape]. Cost: linear in the entries."""
        weight, values = self.weighted
        residual = end - values
        losses = (self.loss.value(residual) * weight).flatten(1).sum(dim=1)
        return losses, self.loss.slope(residual) * weight

    def select(self, ids: Tensor) -> Completion:
        """The task of some elements of the batch."""
        if len(self.observed) == 1:
            return self
        return replace(self, observed=self.observed[ids], values=self.values[ids])

    def tensors(self) -> list[Tensor]:
        """Mask and observations."""
        return [self.observed, self.values]


@dataclass(frozen=True)
class Sensing:
    """The task with known inner products with measurement tensors.

    Args:
        measurements: float64 [M, *shape].
        values: float64 [M].
        loss: Loss of one measurement.
        mean: Whether to average over the measurements or to sum.

    References:
        Appendix B.1; Figure C.3 sums.
    """

    measurements: Tensor
    values: Tensor
    loss: Loss = Loss()
    mean: bool = True

    def __post_init__(self) -> None:
        if self.values.dim() != 1 or not len(self.values) == len(self.measurements) >= 1:
            raise OptionError(
                f"{len(self.measurements)} measurements with values of the dimensions "
                f"{tuple(self.values.shape)}; expected one value for each, and at least one"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions of the end tensors."""
        return tuple(self.measurements.shape[1:])

    def measured(self, tensors: Tensor) -> Tensor:
        """Inner products of tensors [B, *shape] with the measurements, float64 [B, M]."""
        return tensors.flatten(1) @ self.measurements.flatten(1).T

    def combined(self, factors: Tensor) -> Tensor:
        """Sums of the measurements times factors [B, M], float64 [B, *shape]."""
        return (factors @ self.measurements.flatten(1)).reshape(-1, *self.shape)

    def loss_and_gradient(self, end: Tensor) -> tuple[Tensor, Tensor]:
        """Losses [B] and gradients [B, *shape]. Cost: `measured` and `combined`."""
        residual = self.measured(end) - self.values
        scale = 1 / len(self.values) if self.mean else 1.0
        gradient = self.combined(self.loss.slope(residual) * scale)
        return self.loss.value(residual).sum(dim=1) * scale, gradient

    def select(self, ids: Tensor) -> Sensing:
        """The same task, because all elements of the batch share it."""
        return self

    def tensors(self) -> list[Tensor]:
        """Measurements and values."""
        return [self.measurements, self.values]


@dataclass(frozen=True)
class ProductSensing(Sensing):
    """Sensing by rank one tensors: outer products of a tensor of some modes and of the others.

    Each of both matrix products of a gradient takes M times the entries of the end tensor, as with
    whole measurements, but reads M times a few numbers.

    Args:
        measurements: float64 [M, *first dimensions].
        right: float64 [M, *last dimensions].
    """

    right: Tensor = field(kw_only=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions of the end tensors."""
        return (*self.measurements.shape[1:], *self.right.shape[1:])

    def measured(self, tensors: Tensor) -> Tensor:
        """Inner products of tensors [B, *shape] with the measurements, float64 [B, M]."""
        left, right = self.measurements.flatten(1), self.right.flatten(1)
        return ((left @ tensors.reshape(-1, left.shape[1], right.shape[1])) * right).sum(dim=2)

    def combined(self, factors: Tensor) -> Tensor:
        """Sums of the measurements times factors [B, M], float64 [B, *shape]."""
        scaled = factors.unsqueeze(2) * self.right.flatten(1)
        return (self.measurements.flatten(1).T @ scaled).reshape(-1, *self.shape)

    def tensors(self) -> list[Tensor]:
        """Both halves of the measurements, and their values."""
        return [self.measurements, self.right, self.values]


def random_entries(shape: tuple[int, ...], count: int, generator: torch.Generator) -> Tensor:
    """A mask with `count` entries chosen uniformly without repetition, bool [*shape].

    >>> int(random_entries((3, 4), 5, torch.Generator()).sum())
    5

    Raises:
        OptionError: The tensor has fewer entries.
    """
    total = math.prod(shape)
    if not 1 <= count <= total:
        raise OptionError(f"{count} observed entries; a tensor of {shape} has 1 to {total}")
    mask = torch.zeros(total, dtype=torch.bool, device="cpu")
    mask[torch.randperm(total, generator=generator, device="cpu")[:count]] = True
    return mask.reshape(shape)


def gaussian_sensing(
    truth: Tensor, count: int, generator: torch.Generator, *, loss: Loss | None = None
) -> Sensing:
    """Measurements by tensors of independent Gaussian entries, with expected squared norm 1.

    References:
        Figure B.3, Appendix B.2.2.1.
    """
    noise = torch.randn(count, *truth.shape, dtype=torch.float64, generator=generator, device="cpu")
    noise /= math.sqrt(truth.numel())
    return Sensing(noise, noise.flatten(1) @ truth.flatten(), loss or Loss())


def rank_one_sensing(
    truth: Tensor, count: int, generator: torch.Generator, *, mean: bool = False
) -> ProductSensing:
    """Measurements by outer products of Gaussian vectors, of mean squared norm 1.

    The losses are summed, as the text of the thesis says, or averaged if `mean` is set.

    References:
        Figure C.3, Appendix C.4.2.1.
    """
    deviation = truth.numel() ** (-0.5 / truth.dim())
    vectors = [
        deviation
        * torch.randn(count, dimension, dtype=torch.float64, generator=generator, device="cpu")
        for dimension in truth.shape
    ]
    # Each column of the Khatri-Rao products is a measurement.
    left, right = (each[0].T.contiguous() for each in halves([each.T[None] for each in vectors]))
    half = (truth.dim() + 1) // 2
    task = ProductSensing(
        left.reshape(count, *truth.shape[:half]), left.new_zeros(count), mean=mean,
        right=right.reshape(count, *truth.shape[half:]),
    )  # fmt: skip
    return replace(task, values=task.measured(truth[None])[0])


def norm_divergence_problem(
    num_rows: int = 2,
    num_columns: int = 2,
    *,
    unobserved: tuple[int, int] = (0, 0),
    adjacent: tuple[float, float] = (1.0, 1.0),
    opposite: float = 0.0,
) -> Completion:
    """The completion problem in which low norms and low rank contradict each other.

    >>> norm_divergence_problem().values.tolist()
    [[[0.0, 1.0], [1.0, 0.0]]]

    Args:
        num_rows: D, at least 2.
        num_columns: D', at least 2.
        unobserved: Position of the unobserved entry, from 0; within the top left 2-by-2 block, and
            (0, 0) unless the matrix is 2-by-2.
        adjacent: The observations z in the row and z' in the column of the unobserved entry.
        opposite: The observation diagonally opposite.

    Raises:
        OptionError: The matrix is too small, or the position is outside the block.

    References:
        Equations (1.6) and (1.11), Theorem 2, Equation (A.1).
    """
    row, column = unobserved
    square = num_rows == num_columns == 2
    if (
        min(num_rows, num_columns) < 2
        or {row, column} - {0, 1}
        or not (square or (row, column) == (0, 0))
    ):
        raise OptionError(
            f"a {num_rows}-by-{num_columns} matrix with {unobserved} unobserved; expected at least "
            "2-by-2, positions 0 or 1, and (0, 0) where it is larger"
        )
    values = torch.eye(num_rows, num_columns, dtype=torch.float64, device="cpu")
    values[row, 1 - column], values[1 - row, column] = adjacent
    values[1 - row, 1 - column], values[row, column] = opposite, 0.0
    observed = torch.ones(num_rows, num_columns, dtype=torch.bool, device="cpu")
    observed[row, column] = False
    return Completion(observed[None], values[None], Loss("half_square"), mean=False)
