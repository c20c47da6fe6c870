"""Figure 2.3, Table B.1: predictors of low tensor rank fit natural data, but not random data.

The images are black and white, and a task predicts one class against the others. Source: Sections
2.5.2 and B.2.2.2.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.errors import MissingDependencyError, OptionError
from wis.theory.experiments.claims import Claim, Judgement, State, every, over_seeds, where
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.binary_predictors import (
    PredictorConfig,
    fit_predictors,
    predict,
    step_seconds,
)
from wis.theory.factorization.images import load_images

VARIANTS = ("original", "random images", "random labels")
RIDGE_ALPHA = 0.5

THESIS_LINEAR = {
    ("mnist", "original"): (3.90e-2, 3.92e-2),
    ("mnist", "random images"): (8.88e-2, 9.11e-2),
    ("mnist", "random labels"): (8.89e-2, 9.09e-2),
    ("fashion-mnist", "original"): (4.09e-2, 4.24e-2),
    ("fashion-mnist", "random images"): (8.88e-2, 9.12e-2),
    ("fashion-mnist", "random labels"): (8.88e-2, 9.11e-2),
}
"""Train and test errors of Table B.1."""

TOLERANCE = 0.05
"""Relative difference from Table B.1 that counts as equal. Random variants are other draws here."""

TRIVIAL = 0.8
"""Part of the variance of the label above which an error is close to trivial."""

FAR_FROM_ZERO = 0.25
"""Part of the variance of the label above which a fit is not accurate: it explains less than three
quarters of the variance."""

Data = list[tuple[Tensor, Tensor]]
"""For the training set and the test set: pixels, float64 [n, N] of zeros and ones, and one-vs-all
labels, float64 [n, 10]."""


@dataclass(frozen=True)
class ImageSize:
    """Size of Figure 2.3.

    Attributes:
        num_train: Number of training images, the first ones; None for all.
        num_test: Number of test images; None for all.
    """

    image_sets: tuple[str, ...]
    ranks: tuple[int, ...]
    num_train: int | None
    num_test: int | None
    config: PredictorConfig


def binary_data(name: str, variant: str, size: ImageSize, request: Request) -> Data:
    """The images of a variant, rounded to black and white (Appendix B.2.2.2).

    Raises:
        OptionError: The set has fewer images.
    """
    generator = np.random.default_rng([request.seed, VARIANTS.index(variant)])
    parts = []
    for train, count in ((True, size.num_train), (False, size.num_test)):
        images, classes = load_images(name, train=train, root=request.data_root)
        if count is not None and not 1 <= count <= len(images):
            raise OptionError(
                f"{count} {'training' if train else 'test'} images of {name}; expected 1 to "
                f"{len(images)}"
            )
        pixels = np.rint(images[:count].reshape(len(images[:count]), -1)).astype(np.float64)
        classes = classes[:count]
        if variant == "random images":
            pixels = generator.integers(0, 2, pixels.shape).astype(np.float64)
        elif variant == "random labels":
            classes = generator.permutation(classes)
        parts.append((torch.from_numpy(pixels), torch.from_numpy(np.eye(10)[classes])))
    return parts


def tensor_ranks(size: ImageSize, request: Request) -> Outcome:
    """Figure 2.3, together with the linear predictors of Table B.1."""
    rows: list[Row] = []
    for name, variant in itertools.product(size.image_sets, VARIANTS):
        data = binary_data(name, variant, size, request)
        if not rows:
            _forecast(size, data, request)
        with request.watch(f"{name}, {variant}", size.config.max_steps) as progress:
            fitted = fit_predictors(
                *data[0], list(size.ranks), size.config, seed=request.seed, progress=progress,
                checkpoint=request.checkpoint(f"{name}-{variant}".replace(" ", "-")),
            )  # fmt: skip
        about = {"image_set": name, "variant": variant, "predictor": "tensor"}
        for rank, weights in zip(size.ranks, fitted, strict=True):
            guesses = [predict(weights, pixels, size.config) for pixels, _ in data]
            rows.append({**_errors(guesses, data, size.config), **about, "rank": rank})
        rows.append(_linear(data, size, name, variant))
    return Outcome(rows, f"{_summary(rows)} {_linear_summary(rows)}")


def _forecast(size: ImageSize, data: Data, request: Request) -> None:
    """Forecast all fits from a step of the first one."""
    pixels, labels = data[0]
    seconds = step_seconds(pixels, labels, list(size.ranks), size.config)
    fits = len(size.image_sets) * len(VARIANTS)
    columns = labels.shape[1] * sum(size.ranks)
    numbers = 2 * pixels.numel() + columns * (10 * pixels.shape[1] + 8 * size.config.batch_size)
    request.forecast(seconds * size.config.max_steps * fits, 8 * numbers)


def linear(size: ImageSize, request: Request) -> Outcome:
    """Table B.1 alone."""
    rows = [
        _linear(binary_data(name, variant, size, request), size, name, variant)
        for name, variant in itertools.product(size.image_sets, VARIANTS)
    ]
    return Outcome(rows, _linear_summary(rows))


def _linear(data: Data, size: ImageSize, name: str, variant: str) -> Row:
    try:
        from sklearn.linear_model import Ridge
    except ImportError as error:
        raise MissingDependencyError.of("linear predictors need scikit-learn", "digits") from error
    model = Ridge(alpha=RIDGE_ALPHA).fit(data[0][0].numpy(), data[0][1].numpy())
    guesses = [torch.from_numpy(model.predict(pixels.numpy())) for pixels, _ in data]
    row: Row = {"image_set": name, "variant": variant, "predictor": "linear", "rank": None}
    if (name, variant) in THESIS_LINEAR:
        row["thesis_train"], row["thesis_test"] = THESIS_LINEAR[name, variant]
    return {**_errors(guesses, data, size.config), **row}


def _errors(guesses: list[Tensor], data: Data, config: PredictorConfig) -> Row:
    """Errors of all prediction tasks, their mean and deviation; test errors are clipped."""
    row: Row = {"label_variance": float(data[0][1].var(dim=0, correction=0).mean())}
    for part, guess, (_, labels) in zip(("train", "test"), guesses, data, strict=True):
        squares = (guess - labels).square()
        errors = (squares.clamp(max=config.clip) if part == "test" else squares).mean(dim=0)
        row[f"{part}_error"] = float(errors.mean())
        row[f"{part}_deviation"] = float(errors.std(correction=0))
        row[f"{part}_errors"] = errors.tolist()
    return row


def _summary(rows: list[Row]) -> str:
    tensors = where(rows, predictor="tensor")
    ends = [pick(row["rank"] for row in tensors) for pick in (min, max)]
    pieces = [
        f"{row['image_set']}, {row['variant']}, rank {row['rank']}: {_both(row, '{}_error')}"
        for row in tensors
        if row["rank"] in ends
    ]
    return f"Train and test errors: {'; '.join(pieces)}."


def _linear_summary(rows: list[Row]) -> str:
    text = []
    for row in where(rows, predictor="linear"):
        piece = f"{row['image_set']}, {row['variant']}: {_both(row, '{}_error')}"
        thesis = f" (thesis: {_both(row, 'thesis_{}')})" if "thesis_train" in row else ""
        text.append(piece + thesis)
    return "Linear predictors: " + "; ".join(text) + "."


def _both(row: Row, column: str) -> str:
    return " and ".join(number(row[column.format(part)]) for part in ("train", "test"))


def _task_means(
    rows: Sequence[Row], image_set: str, variant: str, predictor: str, value: str
) -> np.ndarray:
    """A value of each prediction task at the lowest rank, averaged over the seeds."""
    own = where(rows, image_set=image_set, predictor=predictor)
    low = min((row["rank"] for row in own if row["rank"]), default=None)
    found = [row[value] for row in where(own, variant=variant, rank=low)]
    return np.mean(found, axis=0) if found else np.empty(0)


def _each_set(
    judge: Callable[[Sequence[Row], str], Judgement], rows: Sequence[Row], *, seeds: int = 2
) -> Judgement:
    """Judge each set of images; the worst state counts."""
    if len({row["seed"] for row in rows}) < seeds:
        return Judgement(State.CANNOT_TELL, f"at least {seeds} seeds are needed")
    found = [judge(rows, name) for name in dict.fromkeys(row["image_set"] for row in rows)]
    order = (State.DISAGREES, State.CANNOT_TELL, State.AGREES)
    worst = min((each.state for each in found), key=order.index)
    interval = found[0].interval if len(found) == 1 else None
    return Judgement(worst, "; ".join(each.found for each in found), interval)


def _less(variants: Sequence[str], value: str, rows: Sequence[Row], name: str) -> Judgement:
    """Whether the error on random variants exceeds that on the original data."""
    means = [_task_means(rows, name, each, "tensor", value) for each in (*variants, "original")]
    label = f"{name}, {' and '.join(variants)} less original"
    return over_seeds(list(np.mean(means[:-1], axis=0) - means[-1]), label, above=0, unit="tasks")


def _above_part(
    part: float, predictor: str, variants: Sequence[str], rows: Sequence[Row], name: str
) -> Judgement:
    """Whether training errors exceed a part of the variance of the label."""
    variance = next(row["label_variance"] for row in rows if row["image_set"] == name)
    means = [_task_means(rows, name, each, predictor, "train_errors") for each in variants]
    parts = list(np.mean(means, axis=0) / variance)
    label = f"{name}, training error by variance of the label"
    return over_seeds(parts, label, above=part, unit="tasks")


def _linear_is_far(rows: Sequence[Row], name: str) -> Judgement:
    found = [_above_part(FAR_FROM_ZERO, "linear", (variant,), rows, name) for variant in VARIANTS]
    return min(found, key=lambda each: each.interval or (0, 0))


def _as_published(rows: Sequence[Row]) -> Judgement:
    pairs = [
        (row[f"{part}_error"], row[f"thesis_{part}"])
        for row in rows
        if "thesis_train" in row
        for part in ("train", "test")
    ]
    if not pairs:
        return Judgement(State.CANNOT_TELL, "Table B.1 has none of these sets of images")
    off = [abs(ours / thesis - 1) for ours, thesis in pairs]
    label = f"errors as in Table B.1, the farthest off by {100 * max(off):.1f} %"
    return every([each <= TOLERANCE for each in off], label)


OVER_TASKS = "has a 95 % t interval over the prediction tasks, averaged over two seeds or more,"

RANK_CLAIMS = (
    *(
        Claim(
            f"less-than-{variant.replace(' ', '-')}",
            "Section 2.5.2; Figure 2.3",
            f"A predictor of tensor rank one fits natural data better than {variant}.",
            f"The training error on {variant} less that on the original data, at the lowest rank, "
            f"{OVER_TASKS} above 0 for each set of images.",
            functools.partial(_each_set, functools.partial(_less, (variant,), "train_errors")),
        )
        for variant in VARIANTS[1:]
    ),
    Claim(
        "random-is-trivial",
        "Figure 2.3",
        "With tensor rank one, random data is hardly fit better than by a constant.",
        f"The training error on random data by the variance of the label, at the lowest rank, "
        f"{OVER_TASKS} above {TRIVIAL} for each set of images.",
        functools.partial(
            _each_set, functools.partial(_above_part, TRIVIAL, "tensor", VARIANTS[1:])
        ),
    ),
    Claim(
        "generalizes",
        "Section 2.5.2; Figure 2.3",
        "The low rank that fits natural data also predicts its test set, unlike random data.",
        f"The test error on random data less that on the original data, at the lowest rank, "
        f"{OVER_TASKS} above 0 for each set of images.",
        functools.partial(_each_set, functools.partial(_less, VARIANTS[1:], "test_errors")),
    ),
)

LINEAR_CLAIMS = (
    Claim(
        "linear-cannot-fit",
        "Table B.1",
        "Linear predictors cannot fit any of the data sets accurately.",
        "The training error by the variance of the label has a 95 % t interval over the prediction "
        f"tasks above {FAR_FROM_ZERO:.2f}, for each set of images and its random variants.",
        functools.partial(_each_set, _linear_is_far, seeds=1),
    ),
    Claim(
        "linear-as-published",
        "Table B.1",
        "Train and test errors of linear predictors are those of Table B.1.",
        f"Each of our errors differs from the thesis' by {100 * TOLERANCE:g} % at most.",
        _as_published,
    ),
)


QUICK_IMAGES = ImageSize(
    ("digits",), (1, 2, 4, 6), None, None, PredictorConfig(learning_rate=1e-2, max_steps=1000)
)
THESIS_IMAGES = ImageSize(
    ("mnist", "fashion-mnist"), tuple(range(1, 16)), None, None, PredictorConfig()
)

add_experiments(
    Experiment(
        "fig2_3",
        "tensor rank as a measure of complexity: natural and random images (with tableB_1)",
        tensor_ranks,
        QUICK_IMAGES,
        THESIS_IMAGES,
        (*RANK_CLAIMS, *LINEAR_CLAIMS),
    ),
    Experiment(
        "tableB_1",
        "linear predictors cannot fit these data sets",
        linear,
        QUICK_IMAGES,
        THESIS_IMAGES,
        LINEAR_CLAIMS,
    ),
)
