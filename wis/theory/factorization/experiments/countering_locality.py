"""Figures 3.6 and C.5 to C.7: the regularizer against the locality of convolutional networks.

The size of the thesis needs torchvision's ResNets and the files of CIFAR-10 (`images`). Source:
Sections 3.6 and C.4.2.2.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.images import load_images
from wis.theory.factorization.locality.fitting import FitConfig, fit_network, image_network
from wis.theory.factorization.locality.regularizer import Region, random_patches
from wis.theory.factorization.locality.tasks import (
    PathfinderConfig,
    image_regions,
    is_same_class,
    pathfinder_samples,
)

PATCH = 2


@dataclass(frozen=True)
class Setting:
    """The regularization of one curve of the figures."""

    coefficient: float
    weight_decay: float = 0.0
    dropout: float = 0.0

    @property
    def label(self) -> str:
        """Label of the setting in the legend."""
        parts = [f"reg {self.coefficient:g}"]
        if self.weight_decay:
            parts.append(f"weight decay {self.weight_decay:g}")
        if self.dropout:
            parts.append(f"dropout {self.dropout:g}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Images:
    """Data sets of one kind with growing range.

    Attributes:
        kind: ``"same class"`` or ``"pathfinder"``.
        ranges: Distances in pixels, or path lengths in dashes.
        settings: Regularization of each curve.
        size: Height and width of a sample.
        num_train: Number of training samples.
        num_test: Number of test samples.
        image_set: Name of the images of IsSameClass.
        side: Height and width of these images.
        distractors: Number of distractors of Pathfinder.
    """

    kind: str
    ranges: tuple[int, ...]
    settings: tuple[Setting, ...]
    size: tuple[int, int]
    num_train: int
    num_test: int
    image_set: str = "digits"
    side: int = 8
    distractors: int = 6


@dataclass(frozen=True)
class LocalitySize:
    """Size of Figures 3.6 and C.5 to C.7."""

    network: str
    tasks: tuple[Images, ...]
    seeds: int
    config: FitConfig


def countering_locality(size: LocalitySize, request: Request) -> Outcome:
    """Train every setting on every data set; raises `OptionError` if `seeds` is 0."""
    if size.seeds < 1:
        raise OptionError(f"{size.seeds} seeds; expected at least 1")
    rows: list[Row] = []
    for images in size.tasks:
        for distance in images.ranges:
            data = [_samples(images, distance, train, request) for train in (True, False)]
            for setting, seed in itertools.product(images.settings, range(size.seeds)):
                about = {"task": images.kind, "range": distance, "setting": setting.label}
                regions = functools.partial(_regions, images, distance)
                watched = f"{images.kind} {distance}, {setting.label}"
                row = _fit(size, setting, data, regions, seed, request, watched)
                rows.append({**about, "trial": seed, **row})
    return Outcome(rows, _verdict(rows))


def _samples(images: Images, distance: int, train: bool, request: Request) -> tuple[Tensor, Tensor]:
    count = images.num_train if train else images.num_test
    seed = 2 * request.seed + (0 if train else 1)
    if images.kind == "pathfinder":
        config = PathfinderConfig(
            path_length=distance, size=images.size[0], num_distractors=images.distractors
        )
        return pathfinder_samples(config, count=count, seed=seed)
    pictures, classes = load_images(images.image_set, train=train, root=request.data_root)
    return is_same_class(
        pictures, classes, count=count, distance=distance, size=images.size, seed=seed
    )


def _regions(images: Images, distance: int, generator: torch.Generator) -> tuple[Region, Region]:
    """I and J: the two images of a sample, or two random small patches."""
    if images.kind == "pathfinder":
        return random_patches(*images.size, PATCH, generator)
    pair = image_regions((images.side, images.side), distance=distance, size=images.size)
    swap = bool(torch.randint(2, (1,), generator=generator, device="cpu"))
    return (pair[1], pair[0]) if swap else pair


def _fit(
    size: LocalitySize,
    setting: Setting,
    data: list[tuple[Tensor, Tensor]],
    regions: functools.partial[tuple[Region, Region]],
    seed: int,
    request: Request,
    watched: str,
) -> Row:
    seed += request.seed
    train, test = data
    channels = train[0].shape[1]
    network = image_network(size.network, channels, dropout=setting.dropout, seed=seed)
    own: Row = {"coefficient": setting.coefficient, "weight_decay": setting.weight_decay}
    config = replace(size.config, **own)
    with request.watch(watched, config.max_epochs) as progress, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout uses torch's global generator
        fit = fit_network(network, train, test, regions, config, seed=seed, progress=progress)
    return {**own, "dropout": setting.dropout, "network": size.network, **vars(fit)}


def _verdict(rows: list[Row]) -> str:
    text = []
    for task in dict.fromkeys(row["task"] for row in rows):
        own = [row for row in rows if row["task"] == task]
        near, far = (pick(row["range"] for row in own) for pick in (min, max))
        base = next(row["setting"] for row in own if row["coefficient"] == 0)
        helped = [row["setting"] for row in own if row["coefficient"] > 0]
        best = max(helped, key=lambda setting: _mean(own, setting, far, "test_accuracy"))
        at_near = _mean(own, base, near, "test_accuracy")
        plain, regular = (_mean(own, each, far, "test_accuracy") for each in (base, best))
        fitted = [number(_mean(own, each, far, "train_accuracy")) for each in (base, best)]
        text.append(
            f"{task}: without the regularizer the test accuracy is "
            f"{number(at_near)} at range {near} and {number(plain)} at range "
            f"{far}; with {best} it is {number(regular)} at range {far}, a difference of "
            f"{regular - plain:+.3f}. The training accuracies there are "
            f"{fitted[0]} and {fitted[1]}; far below 1 "
            "they mean that training was too short to tell."
        )
    return " ".join(text)


def _mean(rows: list[Row], setting: str, distance: int, key: str) -> float:
    """Mean of a column over the seeds, for a setting at a range."""
    chosen = [row for row in rows if (row["setting"], row["range"]) == (setting, distance)]
    return float(np.mean([row[key] for row in chosen]))


PLAIN = (Setting(0), Setting(0.5), Setting(1))
PLAIN_PATHS = (Setting(0), Setting(0.1), Setting(0.5))
SEEN_ON_TWO_CORES = LocalitySize(
    "small",
    (Images("same class", (0, 24), (Setting(0), Setting(0.1)), (8, 40), 560, 1000),),
    1,
    FitConfig(max_epochs=40, patience=2, learning_rate=0.05),
)
"""Long enough to fit the training pairs, so that differences in test accuracy are meaningful."""


def quick_locality(*settings: Setting) -> LocalitySize:
    """The small network on both tasks for a few epochs."""
    tasks = (
        Images("same class", (0, 16), settings, (8, 32), 480, 480),
        Images("pathfinder", (2, 3), settings, (64, 64), 160, 160, distractors=1),
    )
    return LocalitySize("small", tasks, 1, FitConfig(max_epochs=6, patience=3, learning_rate=0.05))


def thesis_locality(
    network: str, same: tuple[Setting, ...], path: tuple[Setting, ...], lengths: tuple[int, ...]
) -> LocalitySize:
    """The size for a ResNet, with regularization settings for both tasks and the path lengths."""
    distances = (0, 32, 64, 96, 128, 160)
    tasks = (
        Images("same class", distances, same, (224, 224), 5000, 10000, "cifar10", 32),
        Images("pathfinder", lengths, path, (224, 224), 10000, 10000),
    )
    return LocalitySize(network, tasks, 5, FitConfig())


add_experiments(
    Experiment(
        "fig3_6",
        "a regularizer counters the locality of convolutional networks (ResNet18)",
        countering_locality,
        SEEN_ON_TWO_CORES,
        thesis_locality("resnet18", PLAIN, PLAIN_PATHS, (3, 5, 7, 9)),
    ),
    Experiment(
        "figC_5",
        "the same with ResNet34",
        countering_locality,
        quick_locality(Setting(0), Setting(0.5)),
        thesis_locality("resnet34", PLAIN, PLAIN_PATHS, (3, 5, 7, 9, 11)),
    ),
    Experiment(
        "figC_6",
        "the regularizer, weight decay and dropout (ResNet18)",
        countering_locality,
        quick_locality(Setting(0, 1e-3), Setting(1, 1e-3), Setting(0, 0, 0.3), Setting(1, 0, 0.3)),
        thesis_locality(
            "resnet18",
            (Setting(0, 0.001), Setting(0, 0, 0.6), Setting(1, 0.001), Setting(1, 0, 0.5)),
            (Setting(0, 0.01), Setting(0, 0, 0.5), Setting(0.1, 0.01), Setting(0.1, 0, 0.4)),
            (3, 5, 7, 9),
        ),
    ),
    Experiment(
        "figC_7",
        "the regularizer, weight decay and dropout (ResNet34)",
        countering_locality,
        quick_locality(Setting(0, 1e-2), Setting(1, 1e-4), Setting(0, 0, 0.3), Setting(1, 0, 0.5)),
        thesis_locality(
            "resnet34",
            (Setting(0, 0.01), Setting(0, 0, 0.3), Setting(1, 0.0001), Setting(1, 0, 0.5)),
            (Setting(0, 0.001), Setting(0, 0, 0.2), Setting(0.1, 0.001), Setting(0.5, 0, 0.3)),
            (3, 5, 7, 9, 11),
        ),
    ),
)
