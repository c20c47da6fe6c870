"""Random splits of the labelled vertices of a graph, those of `wis.datasets.splits`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from wis.datasets.splits import random_masks
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
        Where every vertex has a label, the masks for a seed are those that `wis.datasets` gives a
        data set for it.

    Raises:
        OptionError: The fractions or the seed are impossible.
        GraphFormatError: There are no labels.
    """
    if not (train > 0 and validation > 0 and train + validation < 1):
        raise OptionError(
            f"train is {train!r} and validation {validation!r}; expected positive fractions that "
            "leave some vertices for testing"
        )
    if getattr(data, "y", None) is None or data.y.dim() != 1:
        raise GraphFormatError("the graph has no labels y of shape [num_nodes]")
    labelled = (data.y >= 0).nonzero().view(-1)
    test = round(1 - train - validation, 12)  # 0.1, not the 0.0999... of the subtraction
    masks = random_masks(len(labelled), seed=seed, validation=validation, test=test)
    result = copy.copy(data)
    for name, part in masks.items():
        mask = torch.zeros(data.y.size(0), dtype=torch.bool, device=data.y.device)
        mask[labelled] = part.to(mask.device)
        result[name] = mask
    return result
