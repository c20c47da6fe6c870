"""IsSameClass: do two small images at a chosen distance show the same class?

Source: Section 3.6, Appendix C.4.2.2.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.locality.regularizer import Region


def is_same_class(
    images: np.ndarray,
    classes: np.ndarray,
    *,
    count: int,
    distance: int,
    size: tuple[int, int],
    seed: int,
) -> tuple[Tensor, Tensor]:
    """Draw samples: a label, an image, and a second one of the same class or of another.

    Args:
        images: float [n, height, width] or [n, channels, height, width].
        classes: int64 [n], at least two different ones.
        count: Samples.
        distance: Columns between the two images.
        size: Height and width of a sample, which is zero elsewhere.
        seed: Of the draws.

    Returns:
        float32 [count, channels, *size] and float32 [count], 1 for the same class.

    Raises:
        OptionError: The images do not fit, or are of a single class.

    References:
        Appendix C.4.2.2.
    """
    stacked = images[:, None] if images.ndim == 3 else images
    regions = image_regions(stacked.shape[2:], distance=distance, size=size)
    kinds = np.unique(classes)
    if len(kinds) < 2:
        raise OptionError("images of a single class; IsSameClass needs at least two")
    generator = np.random.default_rng(seed)
    same = generator.integers(0, 2, count)
    first = generator.integers(0, len(classes), count)
    members = {kind: np.flatnonzero(classes == kind) for kind in kinds}
    others = {kind: np.flatnonzero(classes != kind) for kind in kinds}
    second = np.array(
        [
            generator.choice((members if label else others)[classes[index]])
            for label, index in zip(same, first, strict=True)
        ]
    )
    samples = torch.zeros(count, stacked.shape[1], *size, device="cpu")
    for region, chosen in zip(regions, (first, second), strict=True):
        region.of(samples).copy_(torch.from_numpy(stacked[chosen].astype(np.float32)))
    return samples, torch.from_numpy(same.astype(np.float32))


def image_regions(
    image: tuple[int, ...], *, distance: int, size: tuple[int, int]
) -> tuple[Region, Region]:
    """Where the two images lie: symmetrically around the centre, `distance` columns apart.

    Args:
        image: Height and width of the images.
        distance: Columns between them.
        size: Height and width of a sample.
    """
    height, width = image
    left = (size[1] - 2 * width - distance) // 2
    top = (size[0] - height) // 2
    if distance < 0 or left < 0 or top < 0:
        raise OptionError(
            f"two images of {height} by {width} pixels, {distance} apart, do not fit into {size}"
        )
    return Region(top, left, height, width), Region(top, left + width + distance, height, width)
