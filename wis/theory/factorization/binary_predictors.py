"""Predictors of low tensor rank over binary pixels: sums of products with one factor per pixel.

A tensor of order N with modes of dimension 2 and rank k predicts, for pixels x_n in {0, 1},

    sum over r of the product over n of w[r, n, x_n].

The logarithms of such products are linear in the pixels. So one matrix product gives the magnitudes
for all images, components and prediction tasks, and a second one gives the signs. The derivative
with respect to w[r, n, b] is the sum, over images with x_n = b, of the product divided by that
factor, which is again one matrix product.

Source: Sections 2.5.2 and B.2.2.2.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wis.base.progress import Progress, silent
from wis.errors import OptionError
from wis.theory.factorization.resumable import run_to_end

PRECISIONS = ("float64", "float32")

SMALLEST = 1e-30
"""Smallest magnitude of a factor, so that a product can be divided by its factors."""


def products(weights: Tensor, pixels: Tensor) -> Tensor:
    """Products over the pixels, float64 [n, R], by weights [2, N, R] without zeros.

    Cost: two products of the pixels with a matrix of N rows and R columns.
    """
    logs = weights.abs().log()
    exponent = logs[0].sum(dim=0) + pixels @ (logs[1] - logs[0])
    negative = (weights < 0).to(pixels.dtype)
    if not bool(negative.any()):
        return exponent.exp()
    count = negative[0].sum(dim=0) + pixels @ (negative[1] - negative[0])
    return exponent.exp() * (1 - 2 * (count % 2))


def product_gradients(weights: Tensor, pixels: Tensor, values: Tensor, slopes: Tensor) -> Tensor:
    """Gradient with respect to the weights, float64 [2, N, R].

    `values` [n, R] are those of `products`, `slopes` [n, R] the derivatives of the loss by them.
    """
    pulled = slopes * values
    ones = pixels.T @ pulled
    zeros = pulled.sum(dim=0) - ones
    return torch.stack([zeros, ones]) / weights


@dataclass(frozen=True)
class PredictorConfig:
    """Settings of the fit; the defaults are the thesis' (Appendix B.2.2.2).

    Attributes:
        loss: Mean squared error of all tasks over a batch at which fitting ends.
        deviation: Standard deviation of the initial weights around one.
        label_scale: Factor of the labels in fitting; predictions are divided by it.
        symmetric: Also multiply labels by the rank. Weights start near one, so predictions start
            near the rank. With this factor the labels are symmetric about the initial predictions
            for all ranks. With the factor of the thesis, which gives that as its reason, they are
            so for rank one only, and higher ranks have to unlearn their start.
        clip: Upper limit of squared test errors.
        precision: ``"float64"`` or ``"float32"``, which takes half of the time.
    """

    learning_rate: float = 5e-4
    batch_size: int = 5000
    max_steps: int = 10_000
    loss: float = 1e-8
    deviation: float = 1e-3
    label_scale: float = 2.0
    symmetric: bool = False
    clip: float = 1.0
    precision: str = "float64"

    def scale(self, rank: int) -> float:
        """The factor of the labels for predictors of a rank."""
        return self.label_scale * (rank if self.symmetric else 1)


def fit_predictors(
    pixels: Tensor,
    labels: Tensor,
    ranks: list[int],
    config: PredictorConfig,
    *,
    seed: int,
    progress: Progress = silent,
    checkpoint: Path | None = None,
) -> list[Tensor]:
    """Fit a predictor for each tensor rank and each task by Adam.

    All ranks and tasks are fitted on the same batches; their components are columns of one matrix.

    Pixels are float64 [n, N], zeros and ones; labels float64 [n, T], one column for each task. The
    checkpoint is as in `run_to_end`.

    Returns:
        Weights, float64 [2, N, T, k] for each rank k.

    Raises:
        OptionError: Pixels, labels, ranks or settings are invalid.
        CheckpointError: The checkpoint belongs to another fit.

    Cost: for each step, four products of a batch with a matrix of N rows and T * (sum of ranks)
    columns.
    """
    if not bool(((pixels == 0) | (pixels == 1)).all()) or len(labels) != len(pixels):
        raise OptionError("expected pixels of zeros and ones, and labels for each image")
    if not ranks or min(ranks) < 1 or config.batch_size < 1 or config.precision not in PRECISIONS:
        raise OptionError(
            f"ranks {ranks} in batches of {config.batch_size} images and {config.precision}; "
            f"expected one rank or more, positive numbers, and {' or '.join(PRECISIONS)}"
        )
    fit = _Fit(pixels, labels, ranks, config, seed)
    run_to_end(fit, checkpoint, progress)
    sizes = [labels.shape[1] * rank for rank in ranks]
    return [
        part.reshape(2, pixels.shape[1], labels.shape[1], rank).double()
        for part, rank in zip(torch.split(fit.weights, sizes, dim=2), ranks, strict=True)
    ]


def step_seconds(
    pixels: Tensor, labels: Tensor, ranks: list[int], config: PredictorConfig
) -> float:
    """Time of a step of `fit_predictors`, the second of two."""
    fit = _Fit(pixels, labels, ranks, config, 0)
    fit.advance()
    started = time.perf_counter()
    fit.advance()
    return time.perf_counter() - started


class _Fit:
    """The state of a fit."""

    def __init__(
        self, pixels: Tensor, labels: Tensor, ranks: list[int], config: PredictorConfig, seed: int
    ) -> None:
        kind = getattr(torch, config.precision)
        num_tasks = labels.shape[1]
        columns = num_tasks * sum(ranks)
        generator = torch.Generator().manual_seed(seed)
        start = torch.randn(
            2, pixels.shape[1], columns, dtype=torch.float64, generator=generator, device="cpu"
        )
        self.weights = (1 + config.deviation * start).to(kind)
        # Each column of the weights belongs to one predictor: a task at a rank.
        predictors = torch.arange(num_tasks * len(ranks), device="cpu")
        self.owner = predictors.repeat_interleave(
            torch.tensor(ranks, device="cpu").repeat_interleave(num_tasks)
        )
        self.collect = torch.zeros(columns, len(predictors), dtype=kind, device="cpu")
        self.collect[torch.arange(columns, device="cpu"), self.owner] = 1.0
        self.targets = torch.cat([config.scale(rank) * labels for rank in ranks], dim=1).to(kind)
        self.pixels, self.config, self.step = pixels.to(kind), config, 0
        self.optimizer = torch.optim.Adam([self.weights], lr=config.learning_rate)
        self.batches = _batches(len(pixels), config.batch_size, generator)
        self.fitted = pixels, labels, ranks, config, seed

    def identity(self) -> str:
        """The arguments, with a hash of the images and labels."""
        pixels, labels, ranks, config, seed = self.fitted
        digest = hashlib.sha256(pixels.numpy().tobytes() + labels.numpy().tobytes()).hexdigest()
        return f"fit of {tuple(pixels.shape)}, {ranks}, {config}, {seed}, {digest}"

    def state(self) -> dict[str, Any]:
        """The content of a checkpoint."""
        optimizer = self.optimizer.state_dict()
        return {"step": self.step, "weights": self.weights, "optimizer": optimizer}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint, with the batches that are left."""
        self.step = state["step"]
        self.weights.copy_(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.batches = itertools.islice(self.batches, self.step, None)

    def advance(self) -> bool:
        """Take a step, unless the fit has ended."""
        if self.step >= self.config.max_steps:
            return False
        batch = next(self.batches)
        pixels = self.pixels[batch]
        values = products(self.weights, pixels)
        residual = values @ self.collect - self.targets[batch]
        if float(residual.square().mean(dim=0).max()) < self.config.loss:
            return False
        slopes = (2 / len(batch)) * residual[:, self.owner]
        self.weights.grad = product_gradients(self.weights, pixels, values, slopes)
        self.optimizer.step()
        self.weights.copy_(torch.where(self.weights.abs() < SMALLEST, SMALLEST, self.weights))
        self.step += 1
        return True


def _batches(num_images: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Random batches without repetition; the images are reshuffled when too few are left."""
    while True:
        order = torch.randperm(num_images, generator=generator, device="cpu")
        for start in range(0, max(1, num_images - size + 1), size):
            yield order[start : start + size]


def predict(weights: Tensor, pixels: Tensor, config: PredictorConfig) -> Tensor:
    """Predictions for each task, float64 [n, T], on the scale of the labels."""
    _, num_pixels, num_tasks, rank = weights.shape
    values = products(weights.reshape(2, num_pixels, num_tasks * rank), pixels)
    return values.reshape(-1, num_tasks, rank).sum(dim=2) / config.scale(rank)
