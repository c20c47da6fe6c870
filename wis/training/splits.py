"""Random splits of the labelled vertices, as in Appendix D.6.2.2: 80 % / 10 % / 10 %."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch

from wis.errors import GraphFormatError, OptionError

if TYPE_CHECKING:
    from torch_geometric.data import Data


def split_vertices(
    data: Data, *, seed: int = 0, train: float = 0.8, validation: float = 0.1
) -> Data:
    """Give a graph new masks for training, validation and test vertices.

    Args:
        data: A graph with labels `y`; vertices with a negative label are in no part.
        seed: Of the permutation, at least 0.
        train: Fraction of the labelled vertices to train on.
        validation: Fraction to validate on; the rest is for testing.

    Returns:
        A shallow copy with boolean `train_mask`, `val_mask` and `test_mask` of shape [num_nodes].

    Raises:
        OptionError: The fractions or the seed are impossible.
        GraphFormatError: There are no labels.
    """
    if not (train > 0 and validation > 0 and train + validation < 1):
        raise OptionError(
            f"train is {train!r} and validation {validation!r}; expected positive fractions that "
            "leave some vertices for testing"
        )
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected at least 0")
    if getattr(data, "y", None) is None or data.y.dim() != 1:
        raise GraphFormatError("the graph has no labels y of shape [num_nodes]")
    labelled = (data.y >= 0).nonzero().view(-1).cpu().numpy()
    shuffled = labelled[np.random.default_rng(seed).permutation(len(labelled))]
    num_validation = round(validation * len(labelled))
    num_test = round((1 - train - validation) * len(labelled))
    parts = np.split(shuffled, [num_validation, num_validation + num_test])
    result = copy.copy(data)
    for name, part in zip(("val_mask", "test_mask", "train_mask"), parts, strict=True):
        mask = torch.zeros(data.y.size(0), dtype=torch.bool, device=data.y.device)
        mask[torch.from_numpy(part).to(mask.device)] = True
        result[name] = mask
    return result
