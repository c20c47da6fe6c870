"""A loss term that rewards a model for interaction between distant regions of an image.

A function of separation rank one with respect to a region I is g(x_I) * h(x_J). A change of x_J
changes the length of its gradient with respect to x_I, but not the direction. The term is the
absolute cosine between the gradients before and after x_J is exchanged. It is 1 for such a
function, and smaller the more the regions interact. Source: Sections 3.6.1 and C.4.2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wis.errors import OptionError

TINY = 1e-12


@dataclass(frozen=True)
class Region:
    """A rectangle of pixels.

    Attributes:
        top: First row.
        left: First column.
        height: Rows.
        width: Columns.
    """

    top: int
    left: int
    height: int
    width: int

    def of(self, images: Tensor) -> Tensor:
        """The pixels of the rectangle in every image, a view [..., height, width]."""
        rows = slice(self.top, self.top + self.height)
        return images[..., rows, self.left : self.left + self.width]

    def overlaps(self, other: Region) -> bool:
        """Whether the rectangles share a pixel."""
        return (
            self.top < other.top + other.height
            and other.top < self.top + self.height
            and self.left < other.left + other.width
            and other.left < self.left + self.width
        )


def long_range_regularizer(
    model: Callable[[Tensor], Tensor],
    images: Tensor,
    region: Region,
    other: Region,
    generator: torch.Generator,
) -> Tensor:
    """Mean absolute cosine of the input gradients before and after the other region is exchanged.

    >>> left, right = Region(0, 0, 2, 2), Region(0, 2, 2, 2)
    >>> product = lambda images: left.of(images).sum((1, 2, 3)) * right.of(images).sum((1, 2, 3))
    >>> images = torch.rand(4, 1, 2, 4, generator=torch.Generator().manual_seed(0))
    >>> long_range_regularizer(product, images, left, right, torch.Generator()).round().item()
    1.0

    Multiply the term by a coefficient and add it to the loss. The exchanged pixels come from other
    images of the batch. Images with exchanged pixels enter this term only.

    Args:
        model: Maps images to one number each, [B] or [B, 1].
        images: float [B, channels, height, width], B at least 2.
        region: I, the region of the gradients.
        other: J, the region of exchanged pixels; disjoint from I.
        generator: Generator of the permutation.

    Returns:
        A scalar in [0, 1] that can be differentiated with respect to the model's parameters. Images
        whose gradient vanishes count as 0.

    Raises:
        OptionError: The regions overlap or leave the image, or there is a single image.

    Cost: two forward and two backward passes, and the second derivatives when the term is
    differentiated.

    References:
        Section 3.6.1.
    """
    _check(images, region, other)
    order = derangement(len(images), generator).to(images.device)
    changed = images.clone()
    other.of(changed).copy_(other.of(images)[order])
    gradients = [region.of(_input_gradient(model, each)).flatten(1) for each in (images, changed)]
    first, second = gradients
    product = (first * second).sum(dim=1)
    # The norm has no derivative at 0, so zero gradients are left out first.
    squares = first.square().sum(dim=1) * second.square().sum(dim=1)
    there = squares > TINY**2
    safe = torch.where(there, squares, 1.0)
    return torch.where(there, product.abs() / safe.sqrt(), 0.0).mean()


def _input_gradient(model: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    tracked = images.detach().requires_grad_()
    output = model(tracked)
    if output.numel() != len(images):
        raise OptionError(
            f"the model gives {tuple(output.shape)} for {len(images)} images; expected one number "
            "for each, such as the logit of a binary classifier"
        )
    return torch.autograd.grad(output.sum(), tracked, create_graph=True)[0]


def _check(images: Tensor, region: Region, other: Region) -> None:
    height, width = images.shape[-2:]
    for each in (region, other):
        inside = (
            min(each.top, each.left) >= 0
            and each.top + each.height <= height
            and each.left + each.width <= width
            and min(each.height, each.width) > 0
        )
        if not inside:
            raise OptionError(f"{each} is not inside an image of {height} by {width} pixels")
    if region.overlaps(other) or len(images) < 2:
        raise OptionError(
            f"{region} and {other} on {len(images)} images; expected disjoint regions and at least "
            "two images"
        )


def derangement(size: int, generator: torch.Generator) -> Tensor:
    """A uniformly random permutation without fixed points, int64 [size]; size is at least 2.

    >>> derangement(2, torch.Generator().manual_seed(0)).tolist()
    [1, 0]

    Cost: about e permutations on average.
    """
    if size < 2:
        raise OptionError(
            f"no permutation of {size} things is without fixed points; give 2 or more"
        )
    identity = torch.arange(size, device="cpu")
    while True:
        order = torch.randperm(size, generator=generator, device="cpu")
        if not bool((order == identity).any()):
            return order


def random_patches(
    height: int, width: int, size: int, generator: torch.Generator
) -> tuple[Region, Region]:
    """Two square patches that do not overlap, uniform over all such pairs.

    >>> first, second = random_patches(8, 8, 2, torch.Generator().manual_seed(0))
    >>> first.overlaps(second)
    False

    References:
        Appendix C.4.2.2: 2-by-2 patches for Pathfinder.
    """
    if size < 1 or min(height, width) < size or max(height, width) < 2 * size:
        raise OptionError(
            f"two patches of {size} pixels do not fit into {height} by {width} side by side"
        )
    while True:
        tops = torch.randint(height - size + 1, (2,), generator=generator, device="cpu").tolist()
        lefts = torch.randint(width - size + 1, (2,), generator=generator, device="cpu").tolist()
        first, second = (Region(*at, size, size) for at in zip(tops, lefts, strict=True))
        if not first.overlaps(second):
            return first, second
