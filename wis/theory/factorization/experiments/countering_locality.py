"""Figures 3.6 and C.5 to C.7: the regularizer against the locality of convolutional networks.

The size of the thesis needs torchvision's ResNets and the files of CIFAR-10 (`images`). The thesis
does not print the distances and coefficients of its curves; they are those of the plots published
with the authors' program. At the quick sizes, on pairs of zeros and ones, a sum of functions of
each digit fits the training pairs and is at chance on others. Source: Sections 3.6, C.4.2.2.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from wis.base.checks import checked_device
from wis.errors import OptionError
from wis.theory.experiments.claims import Claim, Judgement, State, grouped, over_seeds, where
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.images import load_images
from wis.theory.factorization.locality.fitting import (
    FitConfig,
    fit_network,
    forecast_fit,
    image_network,
)
from wis.theory.factorization.locality.regularizer import Region, random_patches
from wis.theory.factorization.locality.tasks import (
    PathfinderConfig,
    Samples,
    image_regions,
    is_same_class,
    pathfinder_samples,
)

PATCH = 2
KINDS = ("same class", "pathfinder")

FITTED = 0.9
"""Least training accuracy of a fit that counts. The thesis trains until it is perfect."""


@dataclass(frozen=True)
class Setting:
    """The regularization of one curve of the figures."""

    coefficient: float
    weight_decay: float = 0.0
    dropout: float = 0.0

    @property
    def technique(self) -> str:
        """How the network is regularized besides the regularizer."""
        return "weight decay" if self.weight_decay else "dropout" if self.dropout else "plain"

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
        classes: Number of their classes that are used, the first ones.
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
    classes: int = 10
    distractors: int = 6

    @property
    def channels(self) -> int:
        """Channels of a sample."""
        return 3 if self.kind == "same class" and self.image_set == "cifar10" else 1


@dataclass(frozen=True)
class LocalitySize:
    """Size of Figures 3.6 and C.5 to C.7.

    Attributes:
        network: Name of the network.
        tasks: The data sets.
        seeds: Number of fits of each network, with the same data.
        config: Settings of the training.
        kinds: Kinds of tasks to run.
    """

    network: str
    tasks: tuple[Images, ...]
    seeds: int
    config: FitConfig
    kinds: tuple[str, ...] = KINDS


def countering_locality(size: LocalitySize, request: Request) -> Outcome:
    """Train every setting on every data set; raises `OptionError` if `seeds` is 0."""
    tasks = [images for images in size.tasks if images.kind in size.kinds]
    if size.seeds < 1 or not tasks:
        raise OptionError(
            f"{size.seeds} seeds of {', '.join(size.kinds)}; expected one seed or more of "
            f"{' or '.join(map(repr, KINDS))}"
        )
    checked_device(request.device)
    _forecast(size, tasks, request)
    rows: list[Row] = []
    for images in tasks:
        for distance in images.ranges:
            samples = functools.cache(functools.partial(_samples, images, distance, request))
            for setting, trial in itertools.product(images.settings, range(size.seeds)):
                title = f"{images.kind} {distance}, {setting.label}, fit {trial}"
                fit = functools.partial(
                    _fit, size, images, distance, setting, samples, trial, request, title
                )
                about = (size.network, size.config, images, distance, setting, request.seed)
                rows.append(request.kept(title.replace(", ", "-").replace(" ", "_"), about, fit))
    return Outcome(rows, _summary(rows))


def _samples(images: Images, distance: int, request: Request, train: bool) -> Samples:
    count = images.num_train if train else images.num_test
    seed = 2 * request.seed + (0 if train else 1)
    if images.kind == "pathfinder":
        config = PathfinderConfig(
            path_length=distance, size=images.size[0], num_distractors=images.distractors
        )
        return pathfinder_samples(config, count=count, seed=seed)
    pictures, classes = load_images(images.image_set, train=train, root=request.data_root)
    some, options = classes < images.classes, {"count": count, "distance": distance, "seed": seed}
    return is_same_class(pictures[some], classes[some], size=images.size, **options)


def _regions(images: Images, distance: int, generator: torch.Generator) -> tuple[Region, Region]:
    """I and J: the two images of a sample, or two random small patches."""
    if images.kind == "pathfinder":
        return random_patches(*images.size, PATCH, generator)
    pair = image_regions((images.side, images.side), distance=distance, size=images.size)
    swap = bool(torch.randint(2, (1,), generator=generator, device="cpu"))
    return (pair[1], pair[0]) if swap else pair


def _prepared(
    size: LocalitySize, images: Images, distance: int, setting: Setting, seed: int
) -> tuple[torch.nn.Module, functools.partial[tuple[Region, Region]], FitConfig]:
    """The network, the regions and the settings of a fit."""
    network = image_network(size.network, images.channels, dropout=setting.dropout, seed=seed)
    config = replace(
        size.config, coefficient=setting.coefficient, weight_decay=setting.weight_decay
    )
    return network, functools.partial(_regions, images, distance), config


def _forecast(size: LocalitySize, tasks: Sequence[Images], request: Request) -> None:
    """Forecast the time of all fits from a step of each kind."""
    seconds, num_bytes = 0.0, 0.0
    for images in tasks:
        counts = images.num_train, images.num_test
        for regularized in {bool(setting.coefficient) for setting in images.settings}:
            fits = [each for each in images.settings if bool(each.coefficient) == regularized]
            network, regions, config = _prepared(size, images, images.ranges[0], fits[0], 0)
            shape = (images.channels, *images.size)
            found = forecast_fit(network, shape, counts, regions, config, request.device)
            seconds += found[0] * len(fits) * len(images.ranges) * size.seeds
            num_bytes = max(num_bytes, found[1])
    request.forecast(seconds, num_bytes)


def _fit(
    size: LocalitySize,
    images: Images,
    distance: int,
    setting: Setting,
    samples: Callable[[bool], Samples],
    trial: int,
    request: Request,
    title: str,
) -> Row:
    seed = int(np.random.SeedSequence([request.seed, trial]).generate_state(1)[0])
    network, regions, config = _prepared(size, images, distance, setting, seed)
    devices = [request.device] if torch.device(request.device).type == "cuda" else []
    unchanged = torch.random.fork_rng(devices=devices)
    with request.watch(title, config.max_epochs) as progress, unchanged:
        torch.manual_seed(seed)  # dropout uses torch's global generators
        fit = fit_network(
            network, samples(True), samples(False), regions, config,
            seed=seed, device=request.device, progress=progress,
        )  # fmt: skip
    return {
        "task": images.kind, "range": distance, "setting": setting.label,
        "technique": setting.technique, "trial": trial, "network": size.network,
        **vars(setting), **vars(fit),
    }  # fmt: skip


def is_usable(row: Mapping[str, Any]) -> bool:
    """Whether a fit says anything: it reached the training accuracy, and tells samples apart."""
    return not row["constant"] and row["train_accuracy"] >= FITTED


def _summary(rows: list[Row]) -> str:
    """The mean test accuracies of the usable fits."""
    text = []
    for (task, setting), own in grouped(rows, "task", "setting").items():
        pieces = []
        for (distance,), fits in sorted(grouped(own, "range").items()):
            found = [row["test_accuracy"] for row in filter(is_usable, fits)]
            mean = number(float(np.mean(found))) if found else "no usable fit"
            pieces.append(f"{mean} at {distance}")
        text.append(f"{task}, {setting}: {', '.join(pieces)}")
    return "Test accuracies: " + "; ".join(text) + "."


Chosen = Callable[[Row], bool]


def _paired(rows: Sequence[Row], first: Chosen, second: Chosen, label: str) -> Judgement:
    """Mean test accuracy of some fits less that of others, with the same seed and trial."""
    one, other = (
        {
            pair: float(np.mean([row["test_accuracy"] for row in own]))
            for pair, own in grouped(usable, "seed", "trial").items()
        }
        for usable in (filter(is_usable, filter(chosen, rows)) for chosen in (first, second))
    )
    gains = [one[pair] - other[pair] for pair in sorted(one.keys() & other.keys())]
    judged = over_seeds(gains, label, above=0, unit="pairs")
    out = sum(not is_usable(row) for row in rows if first(row) or second(row))
    return replace(judged, found=f"{judged.found}; {out} unusable fits left out")


def _falls(task: str, technique: str, rows: Sequence[Row]) -> Judgement:
    own = where(rows, task=task, technique=technique, coefficient=0)
    near, far = (pick((row["range"] for row in own), default=0) for pick in (min, max))
    if near == far:
        return Judgement(State.CANNOT_TELL, f"{task}, {technique}: there are no two ranges")
    label = f"accuracy at {near} less that at {far}"
    return _paired(own, lambda row: row["range"] == near, lambda row: row["range"] == far, label)


def _helps(task: str, technique: str, rows: Sequence[Row]) -> Judgement:
    own = where(rows, task=task, technique=technique)
    far = max((row["range"] for row in own), default=0)
    label = f"accuracy at {far} with the regularizer less that without"
    own = where(own, range=far)
    return _paired(
        own, lambda row: row["coefficient"] > 0, lambda row: not row["coefficient"], label
    )


STATEMENTS = {
    "falls": (
        _falls,
        "{}: the test accuracy of a network{} falls as the {}.",
        "The accuracy at the shortest range less that at the longest, without the regularizer,",
    ),
    "regularizer": (
        _helps,
        "{}: the regularizer raises the test accuracy of a network{} when the {}.",
        "The mean accuracy at the longest range over the regularizer's coefficients, less that "
        "without it,",
    ),
}
RULE = (
    "{} has a 95 % t interval over seeds and fits above 0; fits that answer one label or have a "
    f"training accuracy below {FITTED} are left out."
)


def locality_claims(source: str, techniques: Sequence[str]) -> tuple[Claim, ...]:
    """The claims of a figure for both tasks and some techniques of regularization."""
    claims = []
    for task, technique, ending in itertools.product(KINDS, techniques, STATEMENTS):
        judge, statement, rule = STATEMENTS[ending]
        grows = "path gets longer" if task == "pathfinder" else "distance between the images grows"
        network = "" if technique == "plain" else f" with {technique}"
        claims.append(
            Claim(
                f"{task}-{technique}-{ending}".replace(" ", "-"),
                source,
                statement.format(task, network, grows),
                RULE.format(rule),
                functools.partial(judge, task, technique),
            )
        )
    return tuple(claims)


def quick_locality(network: str, *settings: Setting) -> LocalitySize:
    """Pairs of zeros and ones, side by side and far apart for the network's receptive field."""
    far = 48 if network == "small-deep" else 24
    pairs = Images("same class", (0, far), settings, (8, 16 + far), 128, 1000, classes=2)
    return LocalitySize(network, (pairs,), 1, FitConfig(max_epochs=60, learning_rate=0.05))


def thesis_locality(
    network: str, same: tuple[Setting, ...], path: tuple[Setting, ...]
) -> LocalitySize:
    """The size for a ResNet, with regularization settings for both tasks."""
    deep = network == "resnet34"
    distances, lengths = (0, 40, 80, 120, 160), (3, 5, 7, 9, 11) if deep else (3, 5, 7, 9)
    tasks = (
        Images("same class", distances, same, (224, 224), 5000, 10000, "cifar10", 32),
        Images("pathfinder", lengths, path, (224, 224), 10000, 10000),
    )
    # The thesis saves memory of its GPU by two parts of a batch.
    return LocalitySize(network, tasks, 5, FitConfig(accumulate=2 if deep else 1))


def _add(name: str, summary: str, quick: LocalitySize, thesis: LocalitySize) -> None:
    techniques = dict.fromkeys(setting.technique for setting in thesis.tasks[0].settings)
    claims = locality_claims(f"Section 3.6; Figure {name[3:].replace('_', '.')}", list(techniques))
    add_experiments(
        Experiment(name, summary, countering_locality, quick, thesis, claims, takes_device=True)
    )


PLAIN = (Setting(0), Setting(0.1), Setting(1))
PLAIN_PATHS = (Setting(0), Setting(3), Setting(9))
DECAY_AND_DROPOUT = (
    *(Setting(0, 1e-3), Setting(0.5, 1e-3)),
    *(Setting(0, 0, 0.3), Setting(0.5, 0, 0.3)),
)

_add(
    "fig3_6",
    "a regularizer counters the locality of convolutional networks (ResNet18)",
    quick_locality("small", Setting(0), Setting(0.5)),
    thesis_locality("resnet18", PLAIN, PLAIN_PATHS),
)
_add(
    "figC_5",
    "the same with ResNet34",
    quick_locality("small-deep", Setting(0), Setting(0.5)),
    thesis_locality("resnet34", PLAIN, PLAIN_PATHS),
)
_add(
    "figC_6",
    "the regularizer, weight decay and dropout (ResNet18)",
    quick_locality("small", *DECAY_AND_DROPOUT),
    thesis_locality(
        "resnet18",
        (Setting(0, 0.001), Setting(0, 0, 0.6), Setting(1, 0.001), Setting(1, 0, 0.5)),
        (Setting(0, 0.01), Setting(0, 0, 0.5), Setting(0.1, 0.01), Setting(0.1, 0, 0.4)),
    ),
)
_add(
    "figC_7",
    "the regularizer, weight decay and dropout (ResNet34)",
    quick_locality("small-deep", *DECAY_AND_DROPOUT),
    thesis_locality(
        "resnet34",
        (Setting(0, 0.01), Setting(0, 0, 0.3), Setting(1, 0.0001), Setting(1, 0, 0.5)),
        (Setting(0, 0.001), Setting(0, 0, 0.2), Setting(0.1, 0.001), Setting(0.5, 0, 0.3)),
    ),
)
