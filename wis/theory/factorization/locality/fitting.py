"""Train a network on a binary image task, with or without the long-range regularizer.

Source: Appendix C.4.2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wis.base.progress import Progress, silent
from wis.errors import DivergedError, OptionError
from wis.theory.factorization.locality.regularizer import Region, long_range_regularizer

Regions = Callable[[torch.Generator], tuple[Region, Region]]


@dataclass(frozen=True)
class FitConfig:
    """How a network is trained; the defaults are the thesis'.

    Attributes:
        coefficient: Of the regularizer; 0 leaves it out.
        learning_rate: Of stochastic gradient descent.
        momentum: Of it.
        weight_decay: Of it.
        batch_size: Images in a step, 2 or more; a last batch of a single image is left out.
        max_epochs: Epochs.
        patience: Epochs in a row with perfect training accuracy after which training ends.
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
    """How training ended: accuracies in [0, 1], epochs, and the mean regularizer of the last."""

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
        network: From images to [B, 1]; trained in place.
        train: float32 [n, channels, height, width] and labels float32 [n] of zeros and ones.
        test: The same.
        regions: Draws I and J for each step.
        config: How.
        seed: Of batches, regions and permutations.
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
    """Training accuracy while training, and the mean of the regularizer."""
    network.train()
    images, labels = train
    right, seen, terms = 0, 0, []
    for batch in torch.split(
        torch.randperm(len(images), generator=generator, device="cpu"), config.batch_size
    ):
        if len(batch) < 2:  # batch normalization and the exchange need two
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
