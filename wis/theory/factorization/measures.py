"""Norms and ranks of matrices and tensors.

All functions of matrices take leading batch dimensions. Source: Definitions 1, 2, 6 and 7, footnote
5 of Chapter 1, Appendix A.2.2.2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from wis.errors import MissingDependencyError, OptionError
from wis.theory.factorization.hierarchical import ModeTree, Node
from wis.theory.separation_rank import matricize

RANK_TOLERANCE = 1e-10
"""Singular values below this share of the largest count as zero."""

CP_THRESHOLD = 1e-6
CP_ITERATIONS = 500


def effective_rank(matrix: Tensor) -> Tensor:
    """The exponential of the entropy of the normalized singular values; NaN for a zero matrix.

    >>> round(effective_rank(torch.eye(3, dtype=torch.float64)).item(), 9)
    3.0

    Args:
        matrix: float64 [..., D, D'].

    References:
        Definition 1.
    """
    values: Tensor = torch.linalg.svdvals(matrix)
    shares = values / values.sum(dim=-1, keepdim=True)
    entropy: Tensor = torch.special.entr(shares).sum(dim=-1)
    return entropy.exp()


def schatten_norm(matrix: Tensor, p: float) -> Tensor:
    """The Schatten-p norm, a quasi-norm for p below 1 (Footnote 5 of Chapter 1).

    >>> schatten_norm(torch.diag(torch.tensor([3.0, 4.0])), 2).item()
    5.0

    Args:
        matrix: float64 [..., D, D'].
        p: Positive, or infinity for the spectral norm.
    """
    if not p > 0:
        raise OptionError(f"Schatten norm: p is {p}; it must be positive, infinity included")
    values: Tensor = torch.linalg.svdvals(matrix)
    if math.isinf(p):
        return values.amax(dim=-1)
    return values.pow(p).sum(dim=-1).pow(1 / p)


def distance_from_rank(matrix: Tensor, rank: int) -> Tensor:
    """Frobenius distance from the nearest matrix of at most the given rank.

    >>> distance_from_rank(torch.diag(torch.tensor([3.0, 4.0])), 1).item()
    3.0

    For the infimal rank of a solution set this is the distance of Definition 2. The infimal rank is
    1 for all problems of Section 1.3, and D - 1 for D-by-D problems (Appendix A.1).
    """
    values: Tensor = torch.linalg.svdvals(matrix)
    return values[..., rank:].square().sum(dim=-1).sqrt()


def matrix_rank(matrix: Tensor, tolerance: float = RANK_TOLERANCE) -> Tensor:
    """Number of singular values above `tolerance` times the largest, int64 [...]."""
    values: Tensor = torch.linalg.svdvals(matrix)
    return (values > tolerance * values[..., :1]).sum(dim=-1)


def matricization(tensor: Tensor, modes: Sequence[int]) -> Tensor:
    """`wis.theory.separation_rank.matricize`, refusing no mode and all modes (Definition 6)."""
    chosen = sorted(set(modes))
    known = range(tensor.dim())
    if not 0 < len(chosen) < tensor.dim() or not set(chosen) <= set(known):
        raise OptionError(
            f"matricization with respect to {tuple(modes)}; expected some, but not all, of the "
            f"modes 0 to {tensor.dim() - 1}"
        )
    return matricize(tensor, chosen)


def hierarchical_rank(
    tensor: Tensor, tree: ModeTree, tolerance: float = RANK_TOLERANCE
) -> dict[Node, int]:
    """Ranks of the matricizations with respect to every node but the root (Definition 7).

    >>> from wis.theory.factorization.hierarchical import shallow_tree
    >>> hierarchical_rank(torch.ones(2, 2, 2).double(), shallow_tree(3))
    {(0,): 1, (1,): 1, (2,): 1}
    """
    return {
        node: int(matrix_rank(matricization(tensor, node), tolerance)) for node in tree.nodes[:-1]
    }


def reconstruction_error(end: Tensor, truth: Tensor, *, normalized: bool) -> Tensor:
    """Frobenius distance from the ground truth, [B]; divided by its norm if `normalized`.

    References:
        Figure 1.2 (not normalized), Appendix C.4.2.1 (normalized).
    """
    distance: Tensor = torch.linalg.vector_norm((end - truth).flatten(1), dim=1)
    return distance / torch.linalg.vector_norm(truth) if normalized else distance


def largest(values: Tensor, count: int) -> Tensor:
    """The `count` largest entries of each row in descending order, padded with zeros."""
    top = values.topk(min(count, values.shape[-1]), dim=-1).values
    padded: Tensor = torch.nn.functional.pad(top, (0, count - top.shape[-1]))
    return padded


def gaps_of_matrices(weights: list[Tensor]) -> list[Tensor]:
    """W_l W_l^T - W_(l+1)^T W_(l+1) for each l, float64 [B, D_l, D_l]; zero when balanced.

    References:
        Equation (1.5), Section 3.2.1.
    """
    return [lower @ lower.mT - upper.mT @ upper for lower, upper in itertools.pairwise(weights)]


def unbalancedness_of_matrices(weights: list[Tensor]) -> Tensor:
    """Largest Frobenius norm of `gaps_of_matrices`, [B]."""
    return torch.stack([each.flatten(1).norm(dim=1) for each in gaps_of_matrices(weights)]).amax(0)


def cp_rank(tensor: Tensor, *, max_rank: int | None = None, restarts: int = 2) -> int:
    """Tensor rank: the smallest number of components that fits a tensor; 0 for a zero tensor.

    >>> cp_rank(torch.ones(3, 3, 3, dtype=torch.float64))
    1

    Exact tensor rank is hard to compute. The result is the smallest number of components with which
    alternating least squares (tensorly) gets below a mean squared error of 1e-6, by bisection.

    Args:
        tensor: float64 [D_1, ..., D_N].
        max_rank: The largest rank to try; default: a rank that suffices for every tensor of these
            dimensions.
        restarts: Number of random starts after a start from singular vectors.

    Returns:
        The estimated rank; `max_rank` if no smaller rank fits. Such a result is reliable only for
        the default of `max_rank`.

    Raises:
        MissingDependencyError: tensorly is not installed.
        OptionError: A number is invalid, or an entry is not finite.

    Cost: up to 500 sweeps for each rank; a sweep is linear in the rank times the number of entries.

    References:
        Appendix A.2.2.2.
    """
    if restarts < 0 or (max_rank is not None and max_rank < 1):
        raise OptionError(
            f"{restarts} restarts and highest rank {max_rank}; the rank must be positive, the "
            "restarts not negative"
        )
    if not bool(torch.isfinite(tensor).all()):
        raise OptionError("tensor rank: the tensor has entries that are not finite")
    last = tensor.numel() // max(tensor.shape) if max_rank is None else max_rank
    # Every matricization of a tensor of rank k has rank at most k. So the search starts at the
    # smallest rank for which the best approximation of every matricization is close enough.
    allowed = CP_THRESHOLD * tensor.numel()
    start = 0 if float(tensor.square().sum()) < allowed else 1
    sizes = range(1, tensor.dim() // 2 + 1)
    for modes in (m for size in sizes for m in itertools.combinations(range(tensor.dim()), size)):
        energy = np.linalg.svd(matricization(tensor, modes).numpy(), compute_uv=False) ** 2
        left = np.append(np.cumsum(energy[::-1])[::-1], 0.0)
        start = max(start, int(np.argmax(left < allowed)))

    def fits(rank: int) -> bool:
        return rank == 0 or rank >= last or _fits(tensor.numpy(), rank, restarts)

    # Ranks start, start + 1, start + 3, start + 7, ... until one fits, then bisection.
    below, rank = start - 1, start
    while not fits(rank):
        below, rank = rank, min(last, 2 * rank - start + 1)
    while rank - below > 1:
        middle = (below + rank) // 2
        below, rank = (below, middle) if fits(middle) else (middle, rank)
    return min(rank, last)


def _fits(tensor: np.ndarray, rank: int, restarts: int) -> bool:
    try:
        import tensorly
        from tensorly.decomposition import parafac
    except ImportError as error:
        raise MissingDependencyError.of(
            "tensor rank by alternating least squares needs tensorly", "theory"
        ) from error
    for attempt in range(1 + restarts):
        fitted = parafac(
            tensor,
            rank=rank,
            n_iter_max=CP_ITERATIONS,
            init="svd" if attempt == 0 and rank <= min(tensor.shape) else "random",
            tol=1e-9,
            random_state=np.random.RandomState(attempt),
            l2_reg=1e-12,
        )
        if np.mean((tensorly.cp_to_tensor(fitted) - tensor) ** 2) < CP_THRESHOLD:
            return True
    return False
