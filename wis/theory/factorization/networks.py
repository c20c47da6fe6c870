"""The network that is equivalent to a hierarchical tensor factorization.

It is an independent implementation that shares only the weights, so that Propositions 8 and 9 can
be checked. Over a tree of root and leaves it is the network of Figure 1.3, with one hidden layer
and global product pooling. Source: Figures 1.3 and 3.2, Appendix C.1, Proposition 8.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wis.theory.factorization.hierarchical import HierarchicalFactorization, Node
from wis.theory.factorization.model import Weights


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
