"""Networks for binary image tasks, trained with or without the long-range regularizer.

The networks are a small residual network and torchvision's ResNets, with dropout before the blocks
that widen. Source: Appendix C.4.2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from wis.base.progress import Progress, silent
from wis.errors import DivergedError, MissingDependencyError, OptionError, UnknownNameError
from wis.theory.factorization.locality.regularizer import Region, long_range_regularizer

Regions = Callable[[torch.Generator], tuple[Region, Region]]

RESNETS = ("resnet18", "resnet34")
SMALL = "small"


@dataclass(frozen=True)
class FitConfig:
    """Settings of the training; the defaults are the thesis'.

    Attributes:
        coefficient: Coefficient of the regularizer; 0 leaves it out.
        learning_rate: Learning rate of stochastic gradient descent.
        momentum: Momentum of stochastic gradient descent.
        weight_decay: Weight decay of stochastic gradient descent.
        batch_size: Number of images in a step, 2 or more; a last batch of a single image is left
            out.
        max_epochs: Epochs.
        patience: Consecutive epochs with perfect training accuracy after which training ends.
    """

    coefficient: float = 0.0
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    batch_size: int = 64
    max_epochs: int = 150
    patience: int = 20


@dataclass(frozen=True)
class Fit:
    """Result of training: accuracies in [0, 1], epochs, mean regularizer of the last epoch."""

    train_accuracy: float
    test_accuracy: float
    epochs: int
    regularizer: float


def fit_network(
    network: nn.Module,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    regions: Regions,
    config: FitConfig,
    *,
    seed: int,
    progress: Progress = silent,
) -> Fit:
    """Minimize binary cross-entropy plus the regularizer.

    Args:
        network: Maps images to logits [B, 1]; trained in place.
        train: float32 [n, channels, height, width] and labels float32 [n] of zeros and ones.
        test: Test images and labels, as `train`.
        regions: Draws I and J for each step.
        config: Settings of the training.
        seed: Seed of batches, regions and permutations.
        progress: Called with the number of epochs done.

    Raises:
        DivergedError: The loss is not finite.
        OptionError: Batches or the training set have fewer than two images.

    Cost: a step with the regularizer takes about six passes instead of two.
    """
    if min(config.batch_size, len(train[0])) < 2:
        raise OptionError(
            f"batches of {config.batch_size} from {len(train[0])} images; expected 2 or more"
        )
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(
        network.parameters(),
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
    return Fit(_accuracy(network, *train), _accuracy(network, *test), epoch, mean)


def _epoch(
    network: nn.Module,
    train: tuple[Tensor, Tensor],
    regions: Regions,
    config: FitConfig,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> tuple[float, float]:
    """Train for an epoch; returns the training accuracy and the mean regularizer."""
    network.train()
    images, labels = train
    right, seen, terms = 0, 0, []
    for batch in torch.split(
        torch.randperm(len(images), generator=generator, device="cpu"), config.batch_size
    ):
        if len(batch) < 2:  # batch normalization and the exchange need two images
            continue
        logits = network(images[batch]).flatten()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels[batch])
        if config.coefficient:
            pair = regions(generator)
            term = long_range_regularizer(network, images[batch], *pair, generator)
            terms.append(float(term.detach()))
            loss = loss + config.coefficient * term
        if not bool(torch.isfinite(loss)):
            raise DivergedError(
                "training diverged: the loss is not finite; lower the learning rate"
            )
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        right += int(((logits > 0) == (labels[batch] > 0.5)).sum())
        seen += len(batch)
    return right / seen, sum(terms) / len(terms) if terms else 0.0


def _accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    network.eval()
    with torch.no_grad():
        logits = torch.cat([network(part).flatten() for part in torch.split(images, 256)])
    return float(((logits > 0) == (labels > 0.5)).double().mean())


class SmallResidualNetwork(nn.Module):
    """A small residual network: three stages, global average pooling, a logit.

    The first convolution halves the image, and each stage that widens does so again.

    Args:
        channels: Channels of the images.
        width: Width of the first stage; each later stage doubles the width.
        dropout: Probability before each stage that widens.
    """

    def __init__(self, channels: int, width: int = 8, dropout: float = 0.0) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width]
        self.stem = nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False)
        self.stages = nn.ModuleList(
            _Block(before, after, stride=1 if before == after else 2)
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
        name: ``"small"``, ``"resnet18"`` or ``"resnet34"``.
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
    if name not in (SMALL, *RESNETS):
        raise UnknownNameError.among("network", name, (SMALL, *RESNETS))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name == SMALL:
            return SmallResidualNetwork(channels, dropout=dropout)
        return _ResNet(name, channels, dropout)


class _ResNet(nn.Module):
    """torchvision's network with one output and dropout before the layers that widen."""

    def __init__(self, name: str, channels: int, dropout: float) -> None:
        super().__init__()
        try:
            from torchvision import models
        except ImportError as error:
            raise MissingDependencyError.of(f"{name} needs torchvision", "vision") from error
        if channels not in (1, 3):
            raise OptionError(f"images of {channels} channels; {name} takes 1 or 3")
        self.network = getattr(models, name)(num_classes=1)
        if dropout:
            for layer in ("layer2", "layer3", "layer4"):
                block = getattr(self.network, layer)
                setattr(self.network, layer, nn.Sequential(nn.Dropout(dropout), block))

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.network(images.expand(-1, 3, -1, -1)))
