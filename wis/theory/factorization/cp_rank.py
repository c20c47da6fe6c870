"""Tensor rank by alternating least squares (tensorly).

Exact tensor rank is hard; in practice it is the smallest number of components with which
alternating least squares comes below a mean squared error. Source: Appendix A.2.2.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.errors import MissingDependencyError, OptionError
from wis.theory.factorization.measures import matricization

THRESHOLD = 1e-6
ITERATIONS = 500
RESTARTS = 2


def cp_rank(
    tensor: Tensor,
    *,
    threshold: float = THRESHOLD,
    max_rank: int | None = None,
    restarts: int = RESTARTS,
    seed: int = 0,
) -> int:
    """The smallest number of components that fits a tensor; 0 if the zero tensor does.

    The search starts where no tensor of lower rank can be close enough: every matricization of a
    tensor of rank k has rank at most k, so what its best approximation of rank k leaves is a lower
    bound of the error.

    Args:
        tensor: float64 [D_1, ..., D_N].
        threshold: Of the mean squared error, positive.
        max_rank: Where to give up; if not given, the number that suffices for every tensor of
            these dimensions.
        restarts: Random starts after the one from singular vectors.
        seed: Of the random starts.

    Returns:
        The rank; `max_rank` if nothing below it fits, which is certain only for the default.

    Raises:
        MissingDependencyError: tensorly is not installed.
        OptionError: A number is impossible, or an entry is not finite.

    Cost: for each number tried, up to 500 sweeps, each linear in its product with the entries.

    References:
        Appendix A.2.2.2, with its threshold of 1e-6.
    """
    if not threshold > 0 or restarts < 0 or (max_rank is not None and max_rank < 1):
        raise OptionError(
            f"threshold {threshold}, {restarts} restarts and highest rank {max_rank}; the "
            "threshold and the rank must be positive, the restarts not negative"
        )
    if not bool(torch.isfinite(tensor).all()):
        raise OptionError("tensor rank: the tensor has entries that are not finite")
    last = tensor.numel() // max(tensor.shape) if max_rank is None else max_rank
    start = _lower_bound(tensor, threshold * tensor.numel())
    for rank in range(start, last):
        if rank == 0 or _fits(tensor.numpy(), rank, threshold, restarts, seed):
            return rank
    return last


def _lower_bound(tensor: Tensor, allowed: float) -> int:
    """Smallest rank at which the singular values of no matricization forbid that squared error."""
    found = 0 if float(tensor.square().sum()) < allowed else 1
    for mode in range(tensor.dim()):
        energy = np.linalg.svd(matricization(tensor, [mode]).numpy(), compute_uv=False) ** 2
        left = np.append(np.cumsum(energy[::-1])[::-1], 0.0)
        found = max(found, int(np.argmax(left < allowed)))
    return found


def _fits(tensor: np.ndarray, rank: int, threshold: float, restarts: int, seed: int) -> bool:
    tensorly, parafac = _tensorly()
    for attempt in range(1 + restarts):
        fitted = parafac(
            tensor,
            rank=rank,
            n_iter_max=ITERATIONS,
            init="svd" if attempt == 0 and rank <= min(tensor.shape) else "random",
            tol=1e-9,
            random_state=np.random.RandomState(seed + attempt),
            l2_reg=1e-12,
        )
        error = np.mean((tensorly.cp_to_tensor(fitted) - tensor) ** 2)
        if error < threshold:
            return True
    return False


def _tensorly() -> tuple[Any, Any]:
    try:
        import tensorly
        from tensorly.decomposition import parafac
    except ImportError as error:
        raise MissingDependencyError.of(
            "tensor rank by alternating least squares needs tensorly", "theory"
        ) from error
    return tensorly, parafac
