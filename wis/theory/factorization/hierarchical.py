"""Hierarchical tensor factorization: local tensor factorizations, one at each node of a mode tree.

Every node carries a matrix whose columns are its tensors, flattened in the order in which the tree
reads the modes; an interior node takes the Khatri-Rao product of its children's matrices times its
weight. The modes are put into ascending order once, at the root, which amounts to doing so at every
node. The root's product is split into two halves as in `tensor`. Source: Section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.mode_tree import ModeTree, Node
from wis.theory.factorization.model import (
    Weights,
    khatri_rao_all,
    khatri_rao_gradients,
    positive_dimensions,
)

Saved = tuple[dict[Node, Tensor], dict[Node, Tensor], dict[Node, Tensor], Tensor, Tensor]


@dataclass(frozen=True)
class HierarchicalFactorization:
    """The end tensor of Equation (3.3), for any mode tree.

    Args:
        shape: D_1, ..., D_N.
        tree: Over the N modes.
        num_local: R_v, the number of local components: one number for all interior nodes, or one
            for each.

    References:
        Definitions 4, 5 and 8, Equation (3.3).
    """

    shape: tuple[int, ...]
    tree: ModeTree
    num_local: int | dict[Node, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", positive_dimensions("the modes", self.shape, 2))
        if len(self.shape) != self.tree.order:
            raise OptionError(
                f"{len(self.shape)} modes, but the mode tree has {self.tree.order} leaves"
            )
        wanted = set(self.tree.interior)
        if isinstance(self.num_local, dict) and set(self.num_local) != wanted:
            raise OptionError(
                f"local components are given for {sorted(self.num_local)}; expected the interior "
                f"nodes {sorted(wanted)}"
            )
        if min(self.width(node) for node in wanted) < 1:
            raise OptionError(f"{self.num_local} local components; expected at least 1 at a node")

    def width(self, node: Node) -> int:
        """R_v: local components of an interior node, the dimension of a leaf."""
        if node not in self.tree.children:
            return self.shape[node[0]]
        return self.num_local[node] if isinstance(self.num_local, dict) else self.num_local

    @property
    def nodes(self) -> list[Node]:
        """The nodes in the order of the weights: children first, the root last."""
        return self.tree.nodes

    @property
    def weight_shapes(self) -> list[tuple[int, ...]]:
        """R_v rows and as many columns as the parent has local components, 1 at the root."""
        root = self.tree.root
        return [
            (self.width(node), 1 if node == root else self.width(self.tree.parent(node)))
            for node in self.nodes
        ]

    def by_node(self, weights: Weights) -> dict[Node, Tensor]:
        """The weights under their nodes."""
        return dict(zip(self.nodes, weights, strict=True))

    def forward(self, weights: Weights) -> tuple[Tensor, Saved]:
        """End tensors; saved: weights, nodes' products and matrices, the root's two halves.

        Cost: at each interior node but the root a matrix product of R_v times R_parent times the
        entries of its tensors; at the root one of R times the entries of the end tensor.
        """
        weight, children = self.by_node(weights), self.tree.children
        products: dict[Node, Tensor] = {}
        matrices: dict[Node, Tensor] = {}
        for node in self.nodes[:-1]:
            if node in children:
                products[node] = khatri_rao_all([matrices[child] for child in children[node]])
                matrices[node] = products[node] @ weight[node]
            else:
                matrices[node] = weight[node]
        left, right = self._halves(matrices)
        end = self._sorted((left * weight[self.tree.root].mT) @ right.mT)
        return end, (weight, products, matrices, left, right)

    def backward(self, saved: Saved, gradient: Tensor) -> Weights:
        """Gradients of the weights, in their order. Cost: about twice that of `forward`."""
        weight, products, matrices, left, right = saved
        root, children = self.tree.root, self.tree.children
        matrix = self._unsorted(gradient).reshape(len(gradient), left.shape[1], right.shape[1])
        row = weight[root].mT
        toward_left = matrix @ right
        found = {root: (left * toward_left).sum(dim=1, keepdim=True).mT}
        half = (len(children[root]) + 1) // 2
        below = [matrices[child] for child in children[root]]
        of_children = khatri_rao_gradients(below[:half], toward_left * row)
        of_children += khatri_rao_gradients(below[half:], (matrix.mT @ left) * row)
        pending = dict(zip(children[root], of_children, strict=True))
        for node in reversed(self.nodes[:-1]):
            arrived = pending.pop(node)
            if node not in children:
                found[node] = arrived
                continue
            found[node] = products[node].mT @ arrived
            below = [matrices[child] for child in children[node]]
            onward = khatri_rao_gradients(below, arrived @ weight[node].mT)
            pending.update(zip(children[node], onward, strict=True))
        return [found[node] for node in self.nodes]

    def _halves(self, matrices: dict[Node, Tensor]) -> tuple[Tensor, Tensor]:
        below = [matrices[child] for child in self.tree.children[self.tree.root]]
        half = (len(below) + 1) // 2
        return khatri_rao_all(below[:half]), khatri_rao_all(below[half:])

    def _sorted(self, end: Tensor) -> Tensor:
        """From the tree's order of modes to the ascending one (the permutation pi of (3.3))."""
        order = self.tree.leaf_order
        end = end.reshape(len(end), *(self.shape[mode] for mode in order))
        return end.permute(0, *(1 + order.index(mode) for mode in range(len(order))))

    def _unsorted(self, end: Tensor) -> Tensor:
        return end.permute(0, *(1 + mode for mode in self.tree.leaf_order))

    def squared_norms(self, weights: Weights, node: Node) -> Tensor:
        """Squared norms of the vectors of each local component, float64 [L_v, B, R_v].

        References:
            LC(v, r) of Definition 5; L_v of Theorem 5.
        """
        weight = self.by_node(weights)
        if node not in self.tree.children:
            raise OptionError(
                f"{node} is no interior node; interior nodes: {sorted(self.tree.interior)}"
            )
        below = [weight[child].square().sum(dim=1) for child in self.tree.children[node]]
        return torch.stack([weight[node].square().sum(dim=2), *below])

    def component_norms(self, weights: Weights, node: Node) -> Tensor:
        """Norms of the local components at an interior node, float64 [B, R_v] (Definition 5)."""
        return self.squared_norms(weights, node).prod(dim=0).sqrt()

    def unbalancedness(self, weights: Weights) -> Tensor:
        """Largest difference of two squared norms in one local component, [B] (Definition 8)."""
        gaps = []
        for node in self.tree.interior:
            squares = self.squared_norms(weights, node)
            gaps.append((squares.amax(dim=0) - squares.amin(dim=0)).amax(dim=1))
        return torch.stack(gaps).amax(dim=0)
