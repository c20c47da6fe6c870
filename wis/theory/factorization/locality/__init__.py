"""Countering the locality of convolutional networks by regularization: Section 3.6 of the thesis.

`regularizer` is a loss term for any image model; `tasks` makes image data whose dependencies have a
chosen range; `fitting` has networks and trains them.
"""

from wis.theory.factorization.locality.regularizer import (
    Region,
    derangement,
    long_range_regularizer,
    random_patches,
)
from wis.theory.factorization.locality.tasks import (
    PathfinderConfig,
    is_same_class,
    pathfinder_image,
)

__all__ = [
    "PathfinderConfig",
    "Region",
    "derangement",
    "is_same_class",
    "long_range_regularizer",
    "pathfinder_image",
    "random_patches",
]
