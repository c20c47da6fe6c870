"""Figure 2.3, Table B.1: predictors of low tensor rank fit natural data, but not random data.

The images are black and white, and a task predicts one class against the others. Source: Sections
2.5.2 and B.2.2.2.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.errors import MissingDependencyError, OptionError
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.binary_predictors import PredictorConfig, fit_predictors, predict
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

Data = list[tuple[Tensor, Tensor]]
"""For the training set and the test set: pixels, float64 [n, N] of zeros and ones, and one-vs-all
labels, float64 [n, 10]."""


@dataclass(frozen=True)
class ImageSize:
    """Size of Figure 2.3.

    Attributes:
        image_sets: Names.
        ranks: Tensor ranks.
        num_train: Number of training images, the first ones; None for all.
        num_test: Number of test images; None for all.
        config: Settings of the fit.
    """

    image_sets: tuple[str, ...]
    ranks: tuple[int, ...]
    num_train: int | None
    num_test: int | None
    config: PredictorConfig


def binary_data(name: str, variant: str, size: ImageSize, request: Request) -> Data:
    """The images of a variant, rounded to black and white.

    Raises:
        OptionError: The set has fewer images.

    References:
        Appendix B.2.2.2.
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
        with request.watch(f"{name}, {variant}", size.config.max_steps) as progress:
            fitted = fit_predictors(
                *data[0], list(size.ranks), size.config, seed=request.seed, progress=progress
            )
        about = {"image_set": name, "variant": variant, "predictor": "tensor"}
        for rank, weights in zip(size.ranks, fitted, strict=True):
            squares = [
                (predict(weights, pixels, size.config) - labels).square() for pixels, labels in data
            ]
            rows.append({**_errors(squares, size.config), **about, "rank": rank})
        rows.append(_linear(data, size, name, variant))
    return Outcome(rows, _verdict(rows) + " " + _linear_verdict(rows))


def linear(size: ImageSize, request: Request) -> Outcome:
    """Table B.1 alone."""
    rows = [
        _linear(binary_data(name, variant, size, request), size, name, variant)
        for name, variant in itertools.product(size.image_sets, VARIANTS)
    ]
    return Outcome(rows, _linear_verdict(rows))


def _linear(data: Data, size: ImageSize, name: str, variant: str) -> Row:
    try:
        from sklearn.linear_model import Ridge
    except ImportError as error:
        raise MissingDependencyError.of("linear predictors need scikit-learn", "digits") from error
    model = Ridge(alpha=RIDGE_ALPHA).fit(data[0][0].numpy(), data[0][1].numpy())
    squares = [
        torch.from_numpy((model.predict(pixels.numpy()) - labels.numpy()) ** 2)
        for pixels, labels in data
    ]
    row: Row = {"image_set": name, "variant": variant, "predictor": "linear", "rank": None}
    if (name, variant) in THESIS_LINEAR:
        row["thesis_train"], row["thesis_test"] = THESIS_LINEAR[name, variant]
    return {**_errors(squares, size.config), **row}


def _errors(squares: list[Tensor], config: PredictorConfig) -> Row:
    """Mean and deviation over the prediction tasks; test errors are clipped."""
    train, test = squares[0].mean(dim=0), squares[1].clamp(max=config.clip).mean(dim=0)
    return {
        "train_error": float(train.mean()),
        "train_deviation": float(train.std(correction=0)),
        "test_error": float(test.mean()),
        "test_deviation": float(test.std(correction=0)),
    }


def _verdict(rows: list[Row]) -> str:
    text = []
    for name in dict.fromkeys(row["image_set"] for row in rows):
        own = [row for row in rows if row["image_set"] == name and row["predictor"] == "tensor"]
        low, high = min(row["rank"] for row in own), max(row["rank"] for row in own)
        found = {(row["variant"], row["rank"]): row for row in own}
        pieces = [
            f"{variant} {number(found[variant, low]['train_error'])} (rank {high}: "
            f"{number(found[variant, high]['train_error'])})"
            for variant in VARIANTS
        ]
        lowest = min(VARIANTS, key=lambda variant: found[variant, low]["train_error"])
        text.append(
            f"{name}: with tensor rank {low} the training error is {', '.join(pieces)}; the "
            f"{lowest} data is fitted best, with a test error of "
            f"{number(found[lowest, low]['test_error'])}."
        )
    return " ".join(text)


def _linear_verdict(rows: list[Row]) -> str:
    text = []
    for row in rows:
        if row["predictor"] == "linear":
            piece = (
                f"{row['image_set']}, {row['variant']}: {number(row['train_error'])} and "
                f"{number(row['test_error'])}"
            )
            if "thesis_train" in row:
                thesis = f"{number(row['thesis_train'])} and {number(row['thesis_test'])}"
                piece += f" (thesis: {thesis})"
            text.append(piece)
    return "Linear predictors, train and test errors: " + "; ".join(text) + "."


QUICK_IMAGES = ImageSize(
    ("digits",), (1, 2, 4, 6), 600, None, PredictorConfig(learning_rate=3e-3, max_steps=400)
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
    ),
    Experiment(
        "tableB_1",
        "linear predictors cannot fit these data sets",
        linear,
        QUICK_IMAGES,
        THESIS_IMAGES,
    ),
)
