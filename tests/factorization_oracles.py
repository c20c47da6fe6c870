"""Slow twins of the factorization code that follow the thesis' formulas entry by entry."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from wis.theory.factorization import ModeTree


def outer(vectors: list[Tensor]) -> Tensor:
    """Tensor product of vectors or tensors."""
    product = vectors[0]
    for vector in vectors[1:]:
        product = torch.tensordot(product, vector, dims=0)
    return product


def cp_end(weights: list[Tensor]) -> Tensor:
    """Equation (2.3), component by component."""
    return sum(outer([weight[:, r] for weight in weights]) for r in range(weights[0].shape[1]))


def hierarchical_end(
    tree: ModeTree,
    weights: dict[tuple[int, ...], Tensor],
    only: tuple[tuple[int, ...], int] | None = None,
) -> Tensor:
    """Equation (3.3) with the mode permutation at every node; `only` keeps one local component."""

    def tensors(node: tuple[int, ...]) -> list[Tensor]:
        weight = weights[node]
        if node not in tree.children:
            return [weight[:, r] for r in range(weight.shape[1])]
        below = [tensors(child) for child in tree.children[node]]
        modes = [mode for child in tree.children[node] for mode in child]
        results = []
        for r in range(weight.shape[1]):
            total = 0.0
            for s in range(weight.shape[0]):
                if only is None or only[0] != node or only[1] == s:
                    total = total + weight[s, r] * outer([each[s] for each in below])
            results.append(total.permute(*np.argsort(modes).tolist()))
        return results

    return tensors(tree.root)[0]


def loss_of(end: Tensor, entries: dict[tuple[int, ...], float], kind: str, delta: float) -> Tensor:
    """Equation (2.1), entry by entry, averaged."""
    total = torch.zeros((), dtype=torch.float64)
    for index, value in entries.items():
        z = end[index] - value
        if kind == "square":
            total = total + z**2
        elif kind == "half_square" or abs(float(z)) < delta:
            total = total + z**2 / 2
        else:
            total = total + delta * (abs(z) - delta / 2)
    return total / len(entries)


def effective_rank(matrix: np.ndarray) -> float:
    """Definition 1 with numpy."""
    values = np.linalg.svd(matrix, compute_uv=False)
    shares = [value / values.sum() for value in values if value > 0]
    return math.exp(-sum(share * math.log(share) for share in shares))


def matricized(tensor: np.ndarray, rows: list[int]) -> np.ndarray:
    """Definition 6, footnote 5, index by index (from 0)."""
    columns = [mode for mode in range(tensor.ndim) if mode not in rows]
    shape = tensor.shape
    matrix = np.zeros((math.prod(shape[i] for i in rows), math.prod(shape[j] for j in columns)))
    for index in itertools.product(*(range(size) for size in shape)):
        place = []
        for modes in (rows, columns):
            position, stride = 0, 1
            for mode in modes:
                position += index[mode] * stride
                stride *= shape[mode]
            place.append(position)
        matrix[tuple(place)] = tensor[index]
    return matrix
