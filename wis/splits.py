"""Which vertices a network learns from, which stop it, and which judge it.

The thesis splits the labels of every data set but ogbn-arxiv at random into 80 % for training, 10 %
for validation and 10 % for testing (Appendix D.6.2.2, "Data"). Here a seed fixes the permutation,
the same on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wis.errors import OptionError

if TYPE_CHECKING:
    from torch import Tensor

MASKS = ("train_mask", "val_mask", "test_mask")


def random_masks(
    num_nodes: int, *, seed: int, validation: float = 0.1, test: float = 0.1
) -> dict[str, Tensor]:
    """Split vertices by a seeded permutation, 80/10/10 unless told otherwise.

    Args:
        num_nodes: Number of vertices, all of which have a label.
        seed: Seed of the permutation, from 0 on.
        validation: Fraction of the vertices to validate on.
        test: Fraction to test on; the rest is for training.

    Returns:
        Three bool tensors of shape [num_nodes] under the names in `MASKS`, of which each vertex is
        in exactly one. Validation and test get the nearest whole number of vertices to their
        fraction, training the rest.

    Raises:
        OptionError: The seed is negative or no integer, or the fractions are impossible.

    References:
        Appendix D.6.2.2, "Data".
    """
    import torch

    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise OptionError(f"seed is {seed}; expected an integer, at least 0")
    if not (validation >= 0 and test >= 0 and validation + test <= 1):
        raise OptionError(
            f"validation is {validation} and test {test}; expected fractions of at most 1 in all"
        )
    shuffled = np.random.default_rng(seed).permutation(num_nodes)
    num_validation, num_test = round(validation * num_nodes), round(test * num_nodes)
    parts = np.split(shuffled, [num_validation, num_validation + num_test])
    masks = {}
    for name, part in zip(MASKS, (parts[2], parts[0], parts[1]), strict=True):
        masks[name] = torch.zeros(num_nodes, dtype=torch.bool)
        masks[name][part] = True
    return masks
