"""Slow twins of the factorization code that follow the thesis' formulas entry by entry."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor, nn

from wis.theory.factorization import ModeTree
from wis.theory.factorization.dynamics import Speeds


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


class LinearNetwork(nn.Module):
    """x to W_L ... W_1 x (Section 1.2)."""

    def __init__(self, weights: list[Tensor]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Linear(*w.shape[::-1], bias=False, dtype=torch.float64) for w in weights)
        )
        with torch.no_grad():
            for layer, weight in zip(self.layers, weights, strict=True):
                layer.weight.copy_(weight)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layers(inputs)


class ShallowConvolutionalNetwork(nn.Module):
    """One locally connected layer, global product pooling, a sum (Figure 1.3)."""

    def __init__(self, weights: list[Tensor]) -> None:
        super().__init__()
        self.filters = nn.ParameterList(nn.Parameter(weight.clone()) for weight in weights)

    def forward(self, inputs: list[Tensor]) -> Tensor:
        hidden = [position @ weight for position, weight in zip(inputs, self.filters, strict=True)]
        return torch.stack(hidden).prod(dim=0).sum(dim=1)


def tensor_of_network(network: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """The network's outputs for all tuples of one-hot inputs (Section 2.2.1)."""
    index = torch.tensor(list(np.ndindex(*shape)))
    columns = zip(index.T, shape, strict=True)
    inputs = [nn.functional.one_hot(column, size).double() for column, size in columns]
    with torch.no_grad():
        return network(inputs).reshape(*shape)


def speed_bounds(speeds: Speeds, parts: int, epsilon: Tensor) -> tuple[Tensor, Tensor]:
    """Lower and upper bound of the speeds for an unbalancedness (Theorems 3 and 9)."""
    pull = speeds.balanced / speeds.norms.pow(2 - 2 / parts)  # L <-grad L, C>
    raised = speeds.norms.pow(2 / parts) + epsilon
    ends = pull * raised.pow(parts - 1), pull * speeds.norms.square() / raised
    return torch.minimum(*ends), torch.maximum(*ends)
