"""Networks with product aggregation, trained on the two tasks of Table 5.1.

The theory of Chapter 5 is about these networks, Table 5.1 about GCN, GAT and GIN. This experiment
trains product networks on the same tasks at a smaller size: with the cliques of the thesis an
output is a product of more than 10^5 numbers. A constant feature keeps the factors near one, and
least squares by Levenberg's and Marquardt's method replaces Adam, which these products make stall.

Source: Section 5.4.3, Table 5.1; the method of training is not the thesis'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from wis.theory.experiments.claims import Claim, each_seed, where
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.table5_1.patch_graphs import (
    PARTITIONS,
    ImagePairs,
    Partition,
    draw_pairs,
    two_cliques,
    vertices_of_image,
)

PIXEL_SCALE = 0.1
"""Pixels, of deviation 1, are multiplied by this; larger ones make the products spread too far."""
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1.0, 1e-9, 1e12


@dataclass(frozen=True)
class ProductFitSize:
    """Images in `num_segments` parts, the network, and its training."""

    images: str
    num_segments: int = 4
    num_train: int = 300
    num_test: int = 300
    depth: int = 2
    width: int = 8
    initializations: int = 5
    max_steps: int = 40


def features(pairs: ImagePairs, partition: Partition, num_segments: int) -> Tensor:
    """A constant and the scaled pixels of each vertex, float64 [k, 2 · segments, 1 + pixels].

    >>> pairs, _ = draw_pairs("digits", num_train=3, num_test=1)
    >>> features(pairs, "low", 4).shape
    torch.Size([3, 8, 17])
    """
    parts = pairs.segments.reshape(len(pairs.same), 2, num_segments, -1).double()
    x = ImagePairs(PIXEL_SCALE * parts, pairs.same).features(partition)
    return torch.nn.functional.pad(x, (1, 0), value=1.0)


def product_network(weights: Sequence[Tensor], x: Tensor, adjacent: Tensor) -> Tensor:
    """Equations (5.2), (5.3) and (5.5) for one graph: x [n, in_dim], adjacent bool [n, n]."""
    for weight in weights[:-1]:
        factors = x @ weight.t()
        x = torch.where(adjacent.unsqueeze(2), factors, 1.0).prod(dim=1)
    return x.prod(dim=0) @ weights[-1]


def first_weights(in_dim: int, width: int, depth: int, seed: int) -> list[Tensor]:
    """Weights that make factors near one and the output near zero."""
    draw = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw, dtype=torch.float64, device="cpu")

    first = 0.3 * noise(width, in_dim) / (in_dim - 1) ** 0.5
    first[:, 0] = 1
    inner = [(1 + 0.3 * noise(width, width)) / width for _ in range(depth - 1)]
    output = noise(width)
    return [first, *inner, (output - output.mean()) / width]


def least_squares(
    model: Callable[[Tensor, Tensor], Tensor], start: Tensor, x: Tensor, y: Tensor, max_steps: int
) -> Tensor:
    """Fit parameters [p] by Levenberg's and Marquardt's method; no step raises the error.

    The model maps parameters and one of the inputs x, [k, ...], to a number; y are targets, [k].
    """
    from torch.func import jacrev, vmap

    outputs = vmap(model, (None, 0))
    slopes = vmap(jacrev(model), (None, 0))
    theta, damping = start, FIRST_DAMPING
    left = outputs(theta, x) - y
    for _ in range(max_steps):
        jacobian = slopes(theta, x)
        square, gradient = jacobian.t() @ jacobian, jacobian.t() @ left
        while damping < MOST_DAMPING:
            shifted = square + damping * torch.eye(
                len(theta), dtype=square.dtype, device=square.device
            )
            tried = theta - torch.linalg.solve(shifted, gradient)
            after = outputs(tried, x) - y
            if after.square().sum() < left.square().sum():  # false for NaN
                theta, left, damping = tried, after, max(damping / 3, LEAST_DAMPING)
                break
            damping *= 4
    return theta


def product_fit(size: ProductFitSize, request: Request) -> Outcome:
    """Fit networks from several initializations to both tasks."""
    from wis.graph.walks import walk_index

    train, test = draw_pairs(
        size.images,
        num_train=size.num_train,
        num_test=size.num_test,
        seed=request.seed,
        root=request.data_root,
    )
    arcs, n = two_cliques(size.num_segments), 2 * size.num_segments
    adjacent = torch.eye(n, dtype=torch.bool, device="cpu")
    adjacent[arcs[1], arcs[0]] = True
    rows: list[Row] = []
    for start in request.each("product_table5_1", range(size.initializations)):
        for part in PARTITIONS:
            inside = vertices_of_image(0, part, size.num_segments)
            index = walk_index(arcs, inside, size.depth - 1, num_nodes=n)
            found = _fitted(size, train, test, adjacent, part, request.seed, start)
            rows.append({"initialization": start, "partition": part, "walk_index": index, **found})
    return Outcome(
        rows,
        f"{size.initializations} initializations on each task, {size.num_train} pairs of "
        f"{size.images} images in {size.num_segments} segments, depth {size.depth}, width "
        f"{size.width}; mean squared errors from {number(min(r['train_error'] for r in rows))} to "
        f"{number(max(r['train_error'] for r in rows))}, where 1 is that of the output 0.",
    )


def _fitted(
    size: ProductFitSize,
    train: ImagePairs,
    test: ImagePairs,
    adjacent: Tensor,
    part: Partition,
    seed: int,
    start: int,
) -> Row:
    x, x_test = (features(pairs, part, size.num_segments) for pairs in (train, test))
    y, y_test = (2 * pairs.same.double() - 1 for pairs in (train, test))
    # Both tasks start from the same weights.
    weights = first_weights(x.size(2), size.width, size.depth, 1000 * seed + start)
    sizes, shapes = [w.numel() for w in weights], [w.shape for w in weights]

    def model(theta: Tensor, one: Tensor) -> Tensor:
        parts = (
            each.view(shape) for each, shape in zip(torch.split(theta, sizes), shapes, strict=True)
        )
        return product_network([*parts], one, adjacent)

    flat = torch.cat([weight.reshape(-1) for weight in weights])
    theta = least_squares(model, flat, x, y, size.max_steps)
    outputs = torch.func.vmap(model, (None, 0))
    z, z_test = outputs(theta, x), outputs(theta, x_test)
    return {
        "train_error": float((z - y).square().mean()),
        "train_accuracy": float(((z > 0) == (y > 0)).double().mean()),
        "test_accuracy": float(((z_test > 0) == (y_test > 0)).double().mean()),
    }


def _gain(own: Sequence[Row], column: str) -> float | None:
    """High walk index minus low, the mean over the initializations of a seed."""
    high, low = ([row[column] for row in where(own, partition=part)] for part in ("high", "low"))
    return float(np.mean(high) - np.mean(low)) if high and low else None


def _claim(part: str) -> Claim:
    return Claim(
        f"{part}-accuracy",
        "Section 5.4.3; Table 5.1",
        f"Product networks reach a higher {part} accuracy on the task whose essential partition "
        "has a high walk index.",
        "Agrees if the 95 % interval over the seeds of the difference, which is the mean over "
        "initializations, lies above 0, disagrees if below.",
        each_seed(
            partial(_gain, column=f"{part}_accuracy"),
            f"{part} accuracy at high minus low walk index",
            above=0,
        ),
    )


add_experiments(
    Experiment(
        "product_table5_1",
        "product networks fit the task of Table 5.1 with the higher walk index better",
        product_fit,
        ProductFitSize("digits"),
        ProductFitSize("fashion-mnist", num_segments=8, num_train=1000, num_test=1000),
        (_claim("train"), _claim("test")),
        source="Section 5.4.3, Table 5.1",
    )
)
