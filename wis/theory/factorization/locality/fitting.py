"""Networks for binary image tasks, trained with or without the long-range regularizer.

The networks are a small residual network and torchvision's ResNets, with dropout before the blocks
that widen. Source: Appendix C.4.2.2.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from wis.base.progress import Progress, silent
from wis.errors import DivergedError, MissingDependencyError, OptionError, UnknownNameError
from wis.theory.factorization.locality.regularizer import Region, long_range_regularizer
from wis.theory.factorization.locality.tasks import Samples

Regions = Callable[[torch.Generator], tuple[Region, Region]]

RESNETS = ("resnet18", "resnet34")
SMALL = {"small": 1, "small-deep": 2}
"""Blocks in each stage of the small residual networks."""

TRIED_NUMBERS = 2**20
"""About as many numbers are in the images of the step that forecasts the time."""


@dataclass(frozen=True)
class FitConfig:
    """Settings of the training; the defaults are the thesis'.

    Attributes:
        coefficient: Coefficient of the regularizer; 0 leaves it out.
        learning_rate: Learning rate of stochastic gradient descent.
        momentum: Momentum of stochastic gradient descent.
        weight_decay: Weight decay of stochastic gradient descent.
        batch_size: Number of images in a step.
        accumulate: Number of parts of a batch whose gradients are added up; batch normalization and
            the regularizer see one part. A part of a single image is left out.
        max_epochs: Epochs.
        patience: Consecutive epochs with perfect training accuracy after which training ends.
    """

    coefficient: float = 0.0
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    batch_size: int = 64
    accumulate: int = 1
    max_epochs: int = 150
    patience: int = 20

    @property
    def part_size(self) -> int:
        """Number of images in a part of a batch."""
        return -(-self.batch_size // self.accumulate)


@dataclass(frozen=True)
class Fit:
    """Result of training.

    Attributes:
        train_accuracy: Accuracy on the training samples, in [0, 1].
        test_accuracy: Accuracy on the test samples, in [0, 1].
        constant: Whether all test samples get the same label.
        epochs: Number of epochs.
        regularizer: Mean regularizer of the last epoch.
    """

    train_accuracy: float
    test_accuracy: float
    constant: bool
    epochs: int
    regularizer: float


def fit_network(
    network: nn.Module,
    train: Samples,
    test: Samples,
    regions: Regions,
    config: FitConfig,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress = silent,
) -> Fit:
    """Minimize binary cross-entropy plus the regularizer.

    Args:
        network: Maps images to logits [B, 1]; moved to the device and trained in place.
        train: Training samples.
        test: Test samples.
        regions: Draws I and J for each part of a batch.
        config: Settings of the training.
        seed: Seed of batches, regions and permutations.
        device: Device of the training.
        progress: Called with the number of epochs done.

    Raises:
        DivergedError: The loss is not finite.
        OptionError: Parts of batches or the training set have fewer than two images.

    Cost: a step with the regularizer takes about six passes instead of two.
    """
    if min(config.batch_size, config.accumulate) < 1 or min(config.part_size, len(train)) < 2:
        raise OptionError(
            f"batches of {config.batch_size} in {config.accumulate} parts from {len(train)} "
            "images; expected parts of 2 or more"
        )
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(
        network.to(device).parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    perfect = epoch = 0
    mean = 0.0
    for epoch in range(1, config.max_epochs + 1):
        accuracy, mean = _epoch(network, train, regions, config, optimizer, generator)
        progress(epoch)
        perfect = perfect + 1 if accuracy == 1 else 0
        if perfect >= config.patience:
            break
    answers = [_answers(network, samples) for samples in (train, test)]
    right = [
        float((answer == (samples.labels > 0.5)).double().mean())
        for answer, samples in zip(answers, (train, test), strict=True)
    ]
    constant = bool((answers[1] == answers[1][0]).all())
    return Fit(right[0], right[1], constant, epoch, mean)


def _epoch(
    network: nn.Module,
    train: Samples,
    regions: Regions,
    config: FitConfig,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> tuple[float, float]:
    """Train for an epoch; returns the training accuracy and the mean regularizer."""
    network.train()
    right, terms = [], []
    order = torch.randperm(len(train), generator=generator, device="cpu")
    for batch in torch.split(order, config.batch_size):
        optimizer.zero_grad()
        for part in torch.split(batch, config.part_size):
            if len(part) < 2:  # batch normalization and the exchange need two images
                continue
            images, labels = _on_device_of(network, train.draw(part), train.labels[part])
            logits = network(images).flatten()
            loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
            if config.coefficient:
                term = long_range_regularizer(network, images, *regions(generator), generator)
                terms.append(term.detach())
                loss = loss + config.coefficient * term
            if not bool(torch.isfinite(loss)):
                raise DivergedError(
                    "training diverged: the loss is not finite; lower the learning rate"
                )
            torch.autograd.backward(loss * (len(part) / len(batch)))
            right.append((logits > 0) == (labels > 0.5))
        optimizer.step()
    accuracy = float(torch.cat(right).double().mean())
    return accuracy, float(torch.stack(terms).mean()) if terms else 0.0


def _answers(network: nn.Module, samples: Samples) -> Tensor:
    """The labels that the network gives, bool [n] on the CPU."""
    network.eval()
    with torch.no_grad():
        parts = torch.split(torch.arange(len(samples), device="cpu"), 256)
        logits = [network(*_on_device_of(network, samples.draw(part))) for part in parts]
    return (torch.cat(logits) > 0).flatten().cpu()


def _on_device_of(network: nn.Module, *tensors: Tensor) -> list[Tensor]:
    device = next(network.parameters()).device
    return [tensor.to(device) for tensor in tensors]


def forecast_fit(
    network: nn.Module,
    shape: tuple[int, ...],
    counts: tuple[int, int],
    regions: Regions,
    config: FitConfig,
    device: torch.device | str = "cpu",
) -> tuple[float, float]:
    """Seconds and bytes that `fit_network` takes at most, measured on one step.

    The bytes are those of the outputs of all layers of a part of a batch: one pass keeps them, and
    the regularizer about five times as many. Images of the data set and parameters come on top.

    Args:
        network: The network; changed by the step.
        shape: Channels, height and width of an image.
        counts: Numbers of training and test samples.
        regions: As for `fit_network`.
        config: As for `fit_network`.
        device: As for `fit_network`.
    """
    tried = max(2, min(config.part_size, TRIED_NUMBERS // math.prod(shape)))
    ones = torch.ones(tried, *shape, device="cpu")
    blank = Samples(ones.flatten(1)[:, 0], shape, ones.__getitem__)
    outputs: list[int] = []
    hooks = [
        layer.register_forward_hook(lambda _layer, _inputs, output: outputs.append(output.numel()))
        for layer in network.to(device).modules()
        if not list(layer.children())
    ]
    evaluation = _seconds(lambda: _answers(network, blank))
    for hook in hooks:
        hook.remove()
    numbers = sum(outputs) / 2 / tried  # of an image; it was evaluated twice
    step = replace(config, batch_size=tried, accumulate=1, max_epochs=1)
    fit = _seconds(lambda: fit_network(network, blank, blank, regions, step, seed=0, device=device))
    training = max(fit - 2 * evaluation, fit / 3)
    seconds = training * counts[0] * config.max_epochs + evaluation * sum(counts)
    passes = 6 if config.coefficient else 1
    return seconds / tried, 4 * numbers * config.part_size * passes


def _seconds(run: Callable[[], object]) -> float:
    """Time of the second call; the first one also sets up the device."""
    run()
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


class SmallResidualNetwork(nn.Module):
    """A small residual network: three stages, global average pooling, a logit.

    The first convolution halves the image, and each stage that widens does so again.

    Args:
        channels: Channels of the images.
        width: Width of the first stage; each later stage doubles the width.
        blocks: Blocks in each stage.
        dropout: Probability before each stage that widens.
    """

    def __init__(
        self, channels: int, width: int = 8, blocks: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width]
        self.stem = nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False)
        self.stages = nn.ModuleList(
            nn.Sequential(
                _Block(before, after, stride=1 if before == after else 2),
                *(_Block(after, after, stride=1) for _ in range(1, blocks)),
            )
            for before, after in zip([width, *widths], widths, strict=False)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], 1)

    def forward(self, images: Tensor) -> Tensor:
        """From images, float [B, channels, height, width], to logits, [B, 1]."""
        hidden = self.stem(images)
        for position, stage in enumerate(self.stages):
            hidden = stage(self.dropout(hidden) if position else hidden)
        return cast(Tensor, self.head(hidden.mean(dim=(2, 3))))


class _Block(nn.Module):
    """Two convolutions with normalization beside a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = (
            nn.Identity() if before == after else nn.Conv2d(before, after, 1, stride, bias=False)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.relu(self.body(hidden) + self.shortcut(hidden))


def image_network(name: str, channels: int, *, dropout: float = 0.0, seed: int = 0) -> nn.Module:
    """A randomly initialized network with one logit.

    >>> image_network("small", channels=1)(torch.zeros(2, 1, 16, 16)).shape
    torch.Size([2, 1])

    Args:
        name: ``"small"``, ``"small-deep"``, ``"resnet18"`` or ``"resnet34"``.
        channels: Channels of the images; ResNets take 1 (repeated) or 3.
        dropout: Probability, in [0, 1).
        seed: Seed of the initialization.

    Raises:
        UnknownNameError: The network is unknown.
        MissingDependencyError: A ResNet is requested and torchvision is not installed.
        OptionError: Dropout is outside [0, 1), or a ResNet does not support the number of channels.
    """
    if not 0 <= dropout < 1:
        raise OptionError(f"dropout {dropout}; expected a probability in [0, 1)")
    if name not in (*SMALL, *RESNETS):
        raise UnknownNameError.among("network", name, (*SMALL, *RESNETS))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name in SMALL:
            return SmallResidualNetwork(channels, blocks=SMALL[name], dropout=dropout)
        return _ResNet(name, channels, dropout)


class _ResNet(nn.Module):
    """torchvision's network with one output and dropout before the layers that widen."""

    def __init__(self, name: str, channels: int, dropout: float) -> None:
        super().__init__()
        try:
            from torchvision import models
        except ImportError as error:
            raise MissingDependencyError.of(f"{name} needs torchvision", "vision") from error
        except RuntimeError as error:  # built for another torch, such as one for a GPU
            raise OptionError(
                f"torchvision does not fit torch {torch.__version__}; install both from the same "
                "index, such as https://download.pytorch.org/whl/cpu"
            ) from error
        if channels not in (1, 3):
            raise OptionError(f"images of {channels} channels; {name} takes 1 or 3")
        self.network = getattr(models, name)(num_classes=1)
        if dropout:
            for layer in (self.network.layer2, self.network.layer3, self.network.layer4):
                # A hook leaves the names of the parameters as torchvision has them.
                layer.register_forward_pre_hook(
                    lambda own, inputs: nn.functional.dropout(inputs[0], dropout, own.training)
                )

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.network(images.expand(-1, 3, -1, -1)))
