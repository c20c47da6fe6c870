"""Countering the locality of convolutional networks by regularization: Section 3.6 of the thesis.

`regularizer` is a loss term for any image model; `same_class` and `pathfinder` make tasks whose
dependencies have a chosen range; `networks` and `fitting` train on them.
"""

from wis.theory.factorization.locality.pathfinder import PathfinderConfig, pathfinder_image
from wis.theory.factorization.locality.regularizer import (
    Region,
    derangement,
    long_range_regularizer,
    random_patches,
)
from wis.theory.factorization.locality.same_class import is_same_class

__all__ = [
    "PathfinderConfig",
    "Region",
    "derangement",
    "is_same_class",
    "long_range_regularizer",
    "pathfinder_image",
    "random_patches",
]
