"""Neural networks that are equivalent to the factorizations.

A matrix factorization is equivalent to a linear network. A tensor factorization is equivalent to a
locally connected convolutional network with one hidden layer and global product pooling. A
hierarchical tensor factorization is equivalent to a deep network of this kind. The networks are
independent implementations that share only the weights, so that tests can compare the two. Source:
Figures 1.3 and 3.2, Appendix C.1, Proposition 8.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from wis.errors import OptionError
from wis.theory.factorization.hierarchical import HierarchicalFactorization, Node
from wis.theory.factorization.measures import matricization, matrix_rank
from wis.theory.factorization.model import MatrixFactorization, TensorFactorization, Weights


class LinearNetwork(nn.Module):
    """x to W_L ... W_1 x (Section 1.2)."""

    def __init__(self, model: MatrixFactorization, weights: Weights) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Linear(columns, rows, bias=False, dtype=torch.float64)
            for rows, columns in model.weight_shapes
        )
        for layer, weight in zip(self.layers, weights, strict=True):
            with torch.no_grad():
                cast(nn.Linear, layer).weight.copy_(weight)

    def forward(self, inputs: Tensor) -> Tensor:
        """float64 [n, D'] to [n, D]."""
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs


class ShallowConvolutionalNetwork(nn.Module):
    """One locally connected layer of width R, global product pooling, a sum (Figure 1.3)."""

    def __init__(self, model: TensorFactorization, weights: Weights) -> None:
        super().__init__()
        self.shape = model.shape
        self.filters = nn.ParameterList(nn.Parameter(weight.clone()) for weight in weights)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """One float64 [n, D_n] for each position to [n]."""
        hidden = [position @ weight for position, weight in zip(inputs, self.filters, strict=True)]
        return torch.stack(hidden).prod(dim=0).sum(dim=1)


class DeepConvolutionalNetwork(nn.Module):
    """Locally connected layers with product pooling over the children of each tree node.

    A perfect P-ary tree gives the network of Appendix C.1: windows of size P, log_P N hidden
    layers, then a linear layer. Other trees give windows of different sizes.
    """

    def __init__(self, model: HierarchicalFactorization, weights: Weights) -> None:
        super().__init__()
        self.model = model
        self.weights = nn.ParameterList(nn.Parameter(weight.clone()) for weight in weights)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """One float64 [n, D_n] for each position to [n]."""
        children = self.model.tree.children
        hidden: dict[Node, Tensor] = {(mode,): position for mode, position in enumerate(inputs)}
        for node, weight in zip(self.model.nodes, self.weights, strict=True):
            if node in children:  # pool the outputs of the windows below
                pooled = torch.stack([hidden[child] for child in children[node]]).prod(dim=0)
                hidden[node] = pooled
            hidden[node] = hidden[node] @ weight
        return hidden[self.model.tree.root].squeeze(1)


def tensor_of_network(network: nn.Module, shape: Sequence[int]) -> Tensor:
    """The tensor of the network's outputs for all tuples of one-hot inputs.

    >>> from wis.theory.factorization import end_tensor
    >>> from wis.theory.factorization.initialization import gaussian_weights
    >>> model = TensorFactorization((2, 3), 4)
    >>> weights = gaussian_weights(model, [1.0], [0])
    >>> network = ShallowConvolutionalNetwork(model, [weight[0] for weight in weights])
    >>> torch.allclose(tensor_of_network(network, (2, 3)), end_tensor(model, weights)[0])
    True

    Args:
        network: Takes one [n, D_n] for each position.
        shape: D_1, ..., D_N; their product is the number of inputs.

    References:
        Section 2.2.1. By Proposition 8 this is the end tensor.
    """
    if len(shape) < 1 or min(shape) < 1:
        raise OptionError(f"dimensions {tuple(shape)}; expected at least one, all positive")
    index = torch.tensor(
        list(itertools.product(*(range(dimension) for dimension in shape))), device="cpu"
    )
    inputs = [
        nn.functional.one_hot(index[:, mode], dimension).to(torch.float64)
        for mode, dimension in enumerate(shape)
    ]
    with torch.no_grad():
        outputs: Tensor = network(inputs)
    return outputs.reshape(*shape)


def separation_rank_of_network(
    network: nn.Module, shape: Sequence[int], modes: Sequence[int]
) -> int:
    """Separation rank of the network's function with respect to some of its inputs.

    >>> from wis.theory.factorization import gaussian_weights
    >>> model = TensorFactorization((3, 3), 2)
    >>> weights = [weight[0] for weight in gaussian_weights(model, [1.0], [0])]
    >>> separation_rank_of_network(ShallowConvolutionalNetwork(model, weights), (3, 3), [0])
    2

    The function is multilinear, so by Proposition 9 it is the rank of a matricization of the tensor
    that `tensor_of_network` reads from the network's outputs.

    References:
        Definition 9, Proposition 9.
    """
    return int(matrix_rank(matricization(tensor_of_network(network, shape), modes)))
