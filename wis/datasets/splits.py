"""Masks of the vertices for training, for validation and for testing.

The thesis splits the labels of every data set but ogbn-arxiv at random into 80 % for training, 10 %
for validation and 10 % for testing (Appendix D.6.2.2, "Data"). Here a seed gives the same
permutation on every machine.

Some graphs come with several splits. PyTorch Geometric stores them in masks of shape [n, k], one
column per split (Chameleon, Tolokers). A mask of shape [n] beside them belongs to all splits
(WikiCS).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from wis.base.checks import checked_integer
from wis.errors import GraphFormatError, OptionError

if TYPE_CHECKING:
    from torch import Tensor
    from torch_geometric.data import Data

MASKS = ("train_mask", "val_mask", "test_mask")


def random_masks(
    num_nodes: int, *, seed: int, validation: float = 0.1, test: float = 0.1
) -> dict[str, Tensor]:
    """Split vertices by a seeded permutation, 80/10/10 by default.

    Args:
        num_nodes: Number of vertices, which all have labels.
        seed: Seed of the permutation, at least 0.
        validation: Fraction of the vertices for validation.
        test: Fraction of the vertices for testing; the rest is for training.

    Returns:
        Three bool tensors of shape [num_nodes] under the names in `MASKS`; each vertex is in
        exactly one of them. The sizes of the validation and test sets are rounded to the nearest
        integer.

    Raises:
        OptionError: The seed is not an integer of at least 0, or the fractions are out of range.

    References:
        Appendix D.6.2.2, "Data".

    >>> {name: int(mask.sum()) for name, mask in random_masks(20, seed=0).items()}
    {'train_mask': 16, 'val_mask': 2, 'test_mask': 2}
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
        masks[name] = torch.zeros(num_nodes, dtype=torch.bool, device="cpu")
        masks[name][part] = True
    return masks


def split_vertices(
    data: Data, *, seed: int = 0, train: float = 0.8, validation: float = 0.1
) -> Data:
    """Give a graph new masks for training, validation and test vertices.

    Args:
        data: A graph with labels `y`; vertices with a negative label are not in any mask.
        seed: Seed of the permutation, at least 0.
        train: Fraction of the labelled vertices for training.
        validation: Fraction for validation; the rest is for testing.

    Returns:
        A shallow copy with boolean `train_mask`, `val_mask` and `test_mask` of shape [num_nodes].
        If every vertex has a label, they equal the masks of `random_masks` for the same seed.

    Raises:
        OptionError: The fractions or the seed are out of range.
        GraphFormatError: The graph has no labels.

    >>> from wis import datasets
    >>> int(split_vertices(datasets.load("karate"), seed=0).train_mask.sum())
    28
    """
    if not (train > 0 and validation > 0 and train + validation < 1):
        raise OptionError(
            f"train is {train!r} and validation {validation!r}; expected positive fractions that "
            "leave some vertices for testing"
        )
    if getattr(data, "y", None) is None or data.y.dim() != 1:
        raise GraphFormatError("the graph has no labels y of shape [num_nodes]")
    import torch

    labelled = (data.y >= 0).nonzero().view(-1)
    test = round(1 - train - validation, 12)  # 0.1, not the 0.0999... of the subtraction
    masks = random_masks(len(labelled), seed=seed, validation=validation, test=test)
    result = copy.copy(data)
    for name, part in masks.items():
        mask = torch.zeros(data.y.size(0), dtype=torch.bool, device=data.y.device)
        mask[labelled] = part.to(mask.device)
        result[name] = mask
    return result


def num_splits(data: Data) -> int | None:
    """The number of splits that a graph comes with; None if its masks hold one split.

    Raises:
        GraphFormatError: Masks have different numbers of columns, or zero columns.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> num_splits(Data(train_mask=torch.ones(3, 10, dtype=torch.bool), num_nodes=3))
        10
    """
    masks = {name: getattr(data, name, None) for name in MASKS}
    numbers = {
        name: int(mask.size(1))
        for name, mask in masks.items()
        if mask is not None and hasattr(mask, "dim") and mask.dim() == 2
    }
    if not numbers:
        return None
    if len(set(numbers.values())) > 1 or 0 in numbers.values():
        found = ", ".join(f"{name} has {number}" for name, number in numbers.items())
        raise GraphFormatError(f"masks have a column for each split, but {found}")
    return next(iter(numbers.values()))


def take_split(data: Data, split: int | None) -> Data:
    """Take one of the splits that a graph comes with.

    Args:
        data: A graph with masks of shape [num_nodes, k].
        split: Number of the split, 0 to k - 1; None leaves the graph unchanged.

    Returns:
        A shallow copy with masks of shape [num_nodes].

    Raises:
        OptionError: The graph has no such split.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> data = Data(train_mask=torch.eye(3, dtype=torch.bool), num_nodes=3)
        >>> take_split(data, 1).train_mask.tolist()
        [False, True, False]
    """
    if split is None:
        return data
    number = num_splits(data)
    if number is None:
        raise OptionError(
            f"split is {split}, but the masks of the graph hold one split; leave it out"
        )
    expected = f"0 to {number - 1}, a split of the graph"
    checked_integer("split", split, 0, number - 1, expected=expected)
    result = copy.copy(data)
    for name in MASKS:
        mask = getattr(data, name, None)
        if mask is not None and mask.dim() == 2:
            result[name] = mask[:, split].clone()
    return result


def split_of_seed(data: Data, seed: int, split: int | None = None) -> int | None:
    """The number of the split of a run: `split` if it is given, else `seed` mod k of k splits.

    It is None if the graph has at most one split and `split` is not given.
    """
    number = num_splits(data)
    if split is not None or number is None:
        return split
    return seed % number
