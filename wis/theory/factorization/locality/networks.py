"""Networks for binary image classification: a small residual one, and torchvision's ResNets.

Source: Appendix C.4.2.2, for ResNets with dropout before the blocks that widen.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from wis.errors import MissingDependencyError, OptionError, UnknownNameError

RESNETS = ("resnet18", "resnet34")
SMALL = "small"


class SmallResidualNetwork(nn.Module):
    """A residual network that trains on two cores: three stages, global average pooling, a logit.

    The first convolution halves the image, and each stage that widens does so again.

    Args:
        channels: Of the images.
        width: Of the first stage; it doubles with each.
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

    Args:
        name: ``"small"``, ``"resnet18"`` or ``"resnet34"``.
        channels: Of the images; ResNets take 1 (repeated) or 3.
        dropout: Probability, in [0, 1).
        seed: Of the initialization.

    Raises:
        UnknownNameError: There is no such network.
        MissingDependencyError: A ResNet without torchvision.
        OptionError: Dropout outside [0, 1), or channels a ResNet does not take.
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
