"""Countering the locality of convolutional networks by regularization: Section 3.6 of the thesis.

`regularizer` defines a loss term for image models, `tasks` makes image data with dependencies of a
chosen range, and `fitting` defines and trains networks.
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
