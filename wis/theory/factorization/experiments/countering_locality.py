"""Figures 3.6 and C.5 to C.7: the regularizer against the locality of convolutional networks.

The thesis size uses torchvision's ResNets and CIFAR-10's files (`images`). The quick size uses the
small residual network and scikit-learn's digits. Which distances and path lengths the figures show
the thesis does not say in words, up to the largest. Source: Sections 3.6 and C.4.2.2.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.experiments.outcome import Outcome, Request, Row, number
from wis.theory.factorization.experiments.pictures import accuracies_against_range
from wis.theory.factorization.experiments.registry import register
from wis.theory.factorization.images import load_images
from wis.theory.factorization.locality.fitting import FitConfig, fit_network
from wis.theory.factorization.locality.networks import image_network
from wis.theory.factorization.locality.pathfinder import PathfinderConfig, pathfinder_samples
from wis.theory.factorization.locality.regularizer import Region, random_patches
from wis.theory.factorization.locality.same_class import image_regions, is_same_class

PATCH = 2


@dataclass(frozen=True)
class Setting:
    """A curve of the figures.

    Attributes:
        coefficient: Of the regularizer.
        weight_decay: Beside it.
        dropout: Beside it.
    """

    coefficient: float
    weight_decay: float = 0.0
    dropout: float = 0.0

    @property
    def label(self) -> str:
        """As the legend shows it."""
        parts = [f"reg {self.coefficient:g}"]
        if self.weight_decay:
            parts.append(f"weight decay {self.weight_decay:g}")
        if self.dropout:
            parts.append(f"dropout {self.dropout:g}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Images:
    """A family of data sets of growing range.

    Attributes:
        kind: ``"same class"`` or ``"pathfinder"``.
        ranges: Distances in pixels, or path lengths in dashes.
        settings: Curves.
        size: Height and width of a sample.
        num_train: Training samples.
        num_test: Test samples.
        image_set: Of IsSameClass.
        side: Height and width of its images.
        distractors: Of Pathfinder.
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
    """Of Figures 3.6 and C.5 to C.7."""

    network: str
    tasks: tuple[Images, ...]
    seeds: int
    config: FitConfig


def countering_locality(size: LocalitySize, request: Request) -> Outcome:
    """Train every setting on every data set.

    Raises:
        OptionError: There is to be no seed.
    """
    if size.seeds < 1:
        raise OptionError(f"{size.seeds} seeds; expected at least 1")
    rows: list[Row] = []
    for images in size.tasks:
        for distance in images.ranges:
            train = _samples(images, distance, True, request)
            test = _samples(images, distance, False, request)
            for setting, seed in itertools.product(images.settings, range(size.seeds)):
                rows.append(_fit(size, images, distance, setting, train, test, seed, request))
    return Outcome(rows, _verdict(rows), functools.partial(_draw, rows))


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
    """I and J: one of the two images and the other, or two small patches anywhere."""
    if images.kind == "pathfinder":
        return random_patches(*images.size, PATCH, generator)
    pair = image_regions((images.side, images.side), distance=distance, size=images.size)
    swap = bool(torch.randint(2, (1,), generator=generator, device="cpu"))
    return (pair[1], pair[0]) if swap else pair


def _fit(
    size: LocalitySize,
    images: Images,
    distance: int,
    setting: Setting,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    seed: int,
    request: Request,
) -> Row:
    network = image_network(
        size.network, train[0].shape[1], dropout=setting.dropout, seed=request.seed + seed
    )
    own = {"coefficient": setting.coefficient, "weight_decay": setting.weight_decay}
    config = FitConfig(**{**size.config.__dict__, **own})
    with (
        request.watch(f"{images.kind} {distance}, {setting.label}", config.max_epochs) as progress,
        torch.random.fork_rng(devices=[]),
    ):
        torch.manual_seed(request.seed + seed)  # dropout draws from torch's own generator
        fit = fit_network(
            network,
            train,
            test,
            functools.partial(_regions, images, distance),
            config,
            seed=request.seed + seed,
            progress=progress,
        )
    return {
        "task": images.kind,
        "range": distance,
        "setting": setting.label,
        **own,
        "dropout": setting.dropout,
        "network": size.network,
        "trial": seed,
        "train_accuracy": fit.train_accuracy,
        "test_accuracy": fit.test_accuracy,
        "epochs": fit.epochs,
        "regularizer": fit.regularizer,
    }


def _verdict(rows: list[Row]) -> str:
    text = []
    for task in dict.fromkeys(row["task"] for row in rows):
        own = [row for row in rows if row["task"] == task]
        ranges = sorted({row["range"] for row in own})
        settings = list(dict.fromkeys(row["setting"] for row in own))
        means = {
            (setting, at): float(
                np.mean(
                    [r["test_accuracy"] for r in own if (r["setting"], r["range"]) == (setting, at)]
                )
            )
            for setting in settings
            for at in ranges
        }
        near, far = ranges[0], ranges[-1]
        base = next(row["setting"] for row in own if row["coefficient"] == 0)
        helped = [row["setting"] for row in own if row["coefficient"] > 0]
        best = max(helped, key=lambda setting: means[setting, far])
        text.append(
            f"{task}: without the regularizer the test accuracy is "
            f"{number(means[base, near])} at range {near} and {number(means[base, far])} at range "
            f"{far}; with {best} it is {number(means[best, far])} at range {far}, a difference of "
            f"{means[best, far] - means[base, far]:+.3f}. The training accuracies there are "
            f"{number(_fitted(own, base, far))} and {number(_fitted(own, best, far))}; far below 1 "
            "they mean that training was too short to tell."
        )
    return " ".join(text)


def _fitted(rows: list[Row], setting: str, distance: int) -> float:
    """Mean training accuracy of a setting at a range."""
    chosen = [row for row in rows if (row["setting"], row["range"]) == (setting, distance)]
    return float(np.mean([row["train_accuracy"] for row in chosen]))


def _draw(rows: list[Row], figure: object) -> None:
    panels = []
    for task in dict.fromkeys(row["task"] for row in rows):
        settings: dict[str, dict[int, list[float]]] = {}
        for row in rows:
            if row["task"] == task:
                values = settings.setdefault(row["setting"], {})
                values.setdefault(row["range"], []).append(row["test_accuracy"])
        label = "path length" if task == "pathfinder" else "distance between images (pixels)"
        panels.append((task, label, settings))
    accuracies_against_range(figure, panels)


def _quick(settings: tuple[Setting, ...]) -> LocalitySize:
    tasks = (
        Images("same class", (0, 16), settings, (8, 32), 480, 480),
        Images("pathfinder", (2, 3), settings, (64, 64), 160, 160, distractors=1),
    )
    return LocalitySize("small", tasks, 1, FitConfig(max_epochs=6, patience=3, learning_rate=0.05))


def _thesis(
    network: str, same: tuple[Setting, ...], path: tuple[Setting, ...], lengths: tuple[int, ...]
) -> LocalitySize:
    tasks = (
        Images(
            "same class", (0, 32, 64, 96, 128, 160), same, (224, 224), 5000, 10000, "cifar10", 32
        ),
        Images("pathfinder", lengths, path, (224, 224), 10000, 10000),
    )
    return LocalitySize(network, tasks, 5, FitConfig())


PLAIN = (Setting(0), Setting(0.5), Setting(1))
SEEN_ON_TWO_CORES = LocalitySize(
    "small",
    (Images("same class", (0, 24), (Setting(0), Setting(0.1)), (8, 40), 560, 1000),),
    1,
    FitConfig(max_epochs=40, patience=2, learning_rate=0.05),
)
"""Long enough to fit the training pairs, so that a difference in test accuracy means something."""

register(
    "fig3_6",
    "a regularizer counters the locality of convolutional networks (ResNet18)",
    quick=SEEN_ON_TWO_CORES,
    thesis=_thesis("resnet18", PLAIN, (Setting(0), Setting(0.1), Setting(0.5)), (3, 5, 7, 9)),
    runner=countering_locality,
)
register(
    "figC_5",
    "the same with ResNet34",
    quick=_quick((Setting(0), Setting(0.5))),
    thesis=_thesis("resnet34", PLAIN, (Setting(0), Setting(0.1), Setting(0.5)), (3, 5, 7, 9, 11)),
    runner=countering_locality,
)
register(
    "figC_6",
    "beside weight decay and dropout (ResNet18)",
    quick=_quick((Setting(0, 1e-3), Setting(1, 1e-3), Setting(0, 0, 0.3), Setting(1, 0, 0.3))),
    thesis=_thesis(
        "resnet18",
        (Setting(0, 0.001), Setting(0, 0, 0.6), Setting(1, 0.001), Setting(1, 0, 0.5)),
        (Setting(0, 0.01), Setting(0, 0, 0.5), Setting(0.1, 0.01), Setting(0.1, 0, 0.4)),
        (3, 5, 7, 9),
    ),
    runner=countering_locality,
)
register(
    "figC_7",
    "beside weight decay and dropout (ResNet34)",
    quick=_quick((Setting(0, 1e-2), Setting(1, 1e-4), Setting(0, 0, 0.3), Setting(1, 0, 0.5))),
    thesis=_thesis(
        "resnet34",
        (Setting(0, 0.01), Setting(0, 0, 0.3), Setting(1, 0.0001), Setting(1, 0, 0.5)),
        (Setting(0, 0.001), Setting(0, 0, 0.2), Setting(0.1, 0.001), Setting(0.5, 0, 0.3)),
        (3, 5, 7, 9, 11),
    ),
    runner=countering_locality,
)
