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


def random_masks(num_nodes: int, *, seed: int) -> dict[str, Tensor]:
    """Split the vertices 80/10/10 by a seeded permutation.

    Args:
        num_nodes: Number of vertices, all of which have a label.
        seed: Seed of the permutation, from 0 on.

    Returns:
        Three bool tensors of shape [num_nodes] under the names in `MASKS`, of which each vertex is
        in exactly one. Validation and test get round(num_nodes / 10) vertices each, training the
        rest.

    Raises:
        OptionError: The seed is negative.

    References:
        Appendix D.6.2.2, "Data".
    """
    import torch

    if seed < 0:
        raise OptionError(f"seed is {seed}; expected at least 0")
    shuffled = np.random.default_rng(seed).permutation(num_nodes)
    tenth = round(num_nodes / 10)
    parts = np.split(shuffled, [tenth, 2 * tenth])  # validation, test, training
    masks = {}
    for name, part in zip(MASKS, (parts[2], parts[0], parts[1]), strict=True):
        masks[name] = torch.zeros(num_nodes, dtype=torch.bool)
        masks[name][part] = True
    return masks
