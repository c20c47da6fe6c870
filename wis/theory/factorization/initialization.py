"""Random initial weights near zero, for every seed of a batch.

Every element has its own generator, so its weights do not depend on the rest of the batch. Source:
Appendices A.2.2.1, A.2.2.2, B.2.2.1 and C.4.2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from wis.errors import NumericalError, OptionError
from wis.theory.factorization.hierarchical import HierarchicalFactorization
from wis.theory.factorization.model import Factorization, MatrixFactorization, Weights, end_tensor

ATTEMPTS = 200

BALANCING = 2000
"""Number of rounds that scale rows and columns (Sinkhorn, Knopp) to given norms."""

Sample = Callable[[torch.Generator, float], Weights]
"""Draws the weights of one element, given a generator and a scale."""


def gaussian_weights(
    model: Factorization, deviations: Sequence[float], seeds: Sequence[int]
) -> Weights:
    """Independent Gaussian weights with mean zero (Appendices A.2.2.2, B.2.2.1 and C.4.2.1).

    >>> model = MatrixFactorization((2, 3, 2))
    >>> [tuple(weight.shape) for weight in gaussian_weights(model, [0.1, 0.2], [0, 1])]
    [(2, 3, 2), (2, 2, 3)]

    Args:
        model: The factorization.
        deviations: Standard deviation of the weights of each element, [B].
        seeds: Seed of each element, [B].

    Returns:
        float64 [B, *weight shape] for each weight.
    """
    return _batched(
        lambda generator, deviation: [
            deviation * _normal(shape, generator) for shape in model.weight_shapes
        ],
        deviations,
        seeds,
    )


def unbalanced_matrices(
    model: MatrixFactorization,
    deviations: Sequence[float],
    seeds: Sequence[int],
    *,
    determinant_sign: int = 0,
) -> Weights:
    """Independent Gaussian layers, scaled to a standard deviation of the end matrix' entries.

    >>> model = MatrixFactorization((2, 2, 2))
    >>> start = unbalanced_matrices(model, [0.1], [0], determinant_sign=1)
    >>> bool(torch.linalg.det(end_tensor(model, start)[0]) > 0)
    True

    Args:
        model: A factorization with equal hidden dimensions.
        deviations: alpha, the standard deviation of the entries of the end matrix, [B].
        seeds: Seed of each element, [B].
        determinant_sign: 1 or -1: repeat the draw until the determinant of the end matrix, or of
            its square top left block, has this sign; 0 accepts the first draw. Rows or columns
            outside the block are set to zero.

    Returns:
        float64 [B, *weight shape] for each weight.

    References:
        Appendix A.2.2.1 (i).
    """
    hidden = set(model.dimensions[1:-1])
    if len(hidden) != 1:
        raise OptionError(
            f"hidden dimensions {model.dimensions[1:-1]}; the calibration needs them to be equal"
        )
    depth, width = model.depth, hidden.pop()

    def sample(generator: torch.Generator, alpha: float) -> Weights:
        deviation = (alpha**2 / width ** (depth - 1)) ** (1 / (2 * depth))
        weights = [deviation * _normal(shape, generator) for shape in model.weight_shapes]
        rows, columns = model.shape
        weights[-1][columns:] = 0
        weights[0][:, rows:] = 0
        return weights

    return _batched(_with_sign(model, sample, determinant_sign), deviations, seeds)


def balanced_matrices(
    model: MatrixFactorization,
    deviations: Sequence[float],
    seeds: Sequence[int],
    *,
    determinant_sign: int = 0,
) -> Weights:
    """Balanced layers, Equation (1.5), whose product is a Gaussian matrix.

    >>> from wis.theory.factorization.measures import unbalancedness_of_matrices
    >>> start = balanced_matrices(MatrixFactorization((2, 3, 2)), [0.1], [0])
    >>> float(unbalancedness_of_matrices(start)) < 1e-12
    True

    Let U S V^T be the singular value decomposition of the Gaussian matrix. Then W_L is U S^(1/L),
    W_1 is S^(1/L) V^T and the layers between are S^(1/L), each padded with zeros. Arguments and
    result are those of `unbalanced_matrices`, but hidden dimensions may differ. None may be smaller
    than both dimensions of the end matrix.

    References:
        Equation (1.5); Appendix A.2.2.1 (ii): Procedure 1 of Arora, Cohen, Golowich, Hu, ICLR 2019.
    """
    rows, columns = model.shape
    rank = min(rows, columns)
    if min(model.dimensions) < rank:
        raise OptionError(
            f"dimensions {model.dimensions}; balanced initialization needs none below {rank}"
        )

    def sample(generator: torch.Generator, alpha: float) -> Weights:
        target = alpha * _normal((rows, columns), generator)
        target[columns:] = 0
        target[:, rows:] = 0
        left, values, right = torch.linalg.svd(target, full_matrices=False)
        root = values.pow(1 / model.depth)
        middle = [torch.diag(root)] * (model.depth - 2)
        layers = [root[:, None] * right, *middle, left * root]
        return [
            torch.nn.functional.pad(
                layer, (0, shape[1] - layer.shape[1], 0, shape[0] - layer.shape[0])
            )
            for layer, shape in zip(layers, model.weight_shapes, strict=True)
        ]

    return _batched(_with_sign(model, sample, determinant_sign), deviations, seeds)


def balanced_components(
    model: Factorization, norms: Sequence[float], seeds: Sequence[int]
) -> Weights:
    """Columns of equal norm in random directions: a tensor factorization of unbalancedness 0.

    >>> from wis.theory.factorization import TensorFactorization
    >>> model = TensorFactorization((3, 4, 2), 2)
    >>> float(model.unbalancedness(balanced_components(model, [0.5], [0]))) < 1e-12
    True

    There is one norm of all weight vectors for each element, [B] (Assumption 2).
    """

    def sample(generator: torch.Generator, norm: float) -> Weights:
        drawn = [_normal(shape, generator) for shape in model.weight_shapes]
        return [norm * weight / weight.norm(dim=0, keepdim=True) for weight in drawn]

    return _batched(sample, norms, seeds)


def balanced_tree(
    model: HierarchicalFactorization, norms: Sequence[float], seeds: Sequence[int]
) -> Weights:
    """Hierarchical weights of unbalancedness 0; all nodes have local components of the same norms.

    >>> from wis.theory.factorization import perfect_tree
    >>> model = HierarchicalFactorization((2, 2, 2, 2), perfect_tree(4), 3)
    >>> start = balanced_tree(model, [0.1, 0.5, 1.0], [0])
    >>> float(model.unbalancedness(start)) < 1e-12
    True

    There is one norm for each of the local components, of which all nodes have as many (Definition
    8, Theorem 5).
    """
    wanted = torch.tensor(norms, dtype=torch.float64, device="cpu")
    if {model.width(node) for node in model.tree.interior} != {len(wanted)} or wanted.min() <= 0:
        raise OptionError(
            f"norms {tuple(norms)}; expected a positive norm for each local component of a node"
        )

    def sample(generator: torch.Generator, _: float) -> Weights:
        drawn = [_normal(shape, generator) for shape in model.weight_shapes]
        signs, squares = [each.sign() for each in drawn], [each.square() for each in drawn]
        for node, square in zip(model.nodes[:-1], squares, strict=False):
            inner = node in model.tree.children
            # Rows get the norms of the node's components, columns those of its parent's.
            for _ in range(BALANCING if inner else 1):
                if inner:
                    square *= (wanted.square() / square.sum(dim=1))[:, None]
                square *= wanted.square() / square.sum(dim=0)
        squares[-1] = wanted.square()[:, None]
        return [sign * square.sqrt() for sign, square in zip(signs, squares, strict=True)]

    return _batched(sample, [1.0] * len(seeds), seeds)


def _with_sign(model: MatrixFactorization, sample: Sample, sign: int) -> Sample:
    """Repeat the draw until the determinant has the sign (two attempts on average)."""
    size = min(model.shape)

    def signed(generator: torch.Generator, alpha: float) -> Weights:
        for _ in range(ATTEMPTS):
            weights = sample(generator, alpha)
            end = end_tensor(model, [weight[None] for weight in weights])[0, :size, :size]
            # The logarithmic form is used because it cannot underflow.
            if sign == 0 or float(torch.linalg.slogdet(end)[0]) == sign:
                return weights
        raise NumericalError(
            f"no initialization with a determinant of sign {sign} in {ATTEMPTS} draws; hidden "
            "dimensions below the matrix' own make every determinant zero"
        )

    return signed


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=generator, device="cpu")


def _batched(sample: Sample, scales: Sequence[float], seeds: Sequence[int]) -> Weights:
    if len(scales) != len(seeds) or not scales or min(scales) <= 0:
        raise OptionError(
            f"{len(scales)} scales for {len(seeds)} seeds; expected as many, at least one, and "
            "positive scales"
        )
    drawn = [
        sample(torch.Generator().manual_seed(seed), scale)
        for scale, seed in zip(scales, seeds, strict=True)
    ]
    return [torch.stack(column) for column in zip(*drawn, strict=True)]
