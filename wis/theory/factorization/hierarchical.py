"""Mode trees, hierarchical tensor factorizations over them, and the equivalent networks.

Source: Section 3.3, Figures 1.3 and 3.2, Appendix C.1, Proposition 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from wis.errors import OptionError
from wis.theory.factorization.model import (
    Halves,
    Weights,
    halves,
    halves_gradients,
    khatri_rao,
    khatri_rao_gradients,
    positive_dimensions,
)

Node = tuple[int, ...]


@dataclass(frozen=True)
class ModeTree:
    """A rooted tree over the modes 0, ..., N - 1, which gives the order in which modes are joined.

    Nodes are sets of modes; a parent is the union of its children, at least two.

    Args:
        children: For each interior node its children in order; nodes are sorted tuples of modes.

    References:
        Definition 4.
    """

    children: dict[Node, tuple[Node, ...]]

    def __post_init__(self) -> None:
        for node, children in self.children.items():
            joined = [mode for child in children for mode in child]
            if sorted(joined) != list(node) or len(children) < 2:
                raise OptionError(
                    f"mode tree: node {node} has the children {children}; expected two "
                    "or more sorted nodes whose disjoint union it is"
                )
        leaves = sorted(node for node in self.nodes if node not in self.children)
        if leaves != [(mode,) for mode in range(self.order)]:
            raise OptionError(
                f"mode tree: the leaves are {leaves}; expected one for every mode from 0 on"
            )
        unreachable = set(self.children) - set(self.nodes)
        if unreachable:
            raise OptionError(f"mode tree: {sorted(unreachable)} are not below the root")

    @cached_property
    def root(self) -> Node:
        """The node of all modes."""
        if not self.children:
            raise OptionError("mode tree: it has no interior node; give at least the root's")
        return max(self.children, key=len)

    @property
    def order(self) -> int:
        """N, the number of modes."""
        return len(self.root)

    @cached_property
    def nodes(self) -> list[Node]:
        """All nodes, children before their parents, the root last."""
        found: list[Node] = []
        stack = [self.root]
        while stack:
            node = stack.pop()
            found.append(node)
            stack.extend(self.children.get(node, ()))
        return found[::-1]

    @cached_property
    def interior(self) -> list[Node]:
        """The nodes that are not leaves, children before their parents."""
        return [node for node in self.nodes if node in self.children]

    def parent(self, node: Node) -> Node:
        """The parent of a node."""
        return next(above for above, below in self.children.items() if node in below)

    @cached_property
    def leaf_order(self) -> list[int]:
        """Modes in the order of the leaves of the tree."""

        def below(node: Node) -> list[int]:
            if node not in self.children:
                return list(node)
            return [mode for child in self.children[node] for mode in below(child)]

        return below(self.root)


def shallow_tree(order: int) -> ModeTree:
    """The tree of root and leaves, which gives tensor factorization (Figure 3.4).

    >>> shallow_tree(3)
    ModeTree(children={(0, 1, 2): ((0,), (1,), (2,))})
    """
    leaves = tuple((mode,) for mode in range(order))
    return ModeTree({tuple(range(order)): leaves})


def perfect_tree(order: int, arity: int = 2) -> ModeTree:
    """The perfect `arity`-ary tree over adjacent modes (Figure 3.4, Appendix C.1).

    >>> perfect_tree(4).interior
    [(0, 1), (2, 3), (0, 1, 2, 3)]

    Raises:
        OptionError: The order is not a power of the arity.
    """
    level: list[Node] = [(mode,) for mode in range(order)]
    children: dict[Node, tuple[Node, ...]] = {}
    while len(level) > 1:
        if arity < 2 or len(level) % arity:
            raise OptionError(
                f"a perfect tree of order {order} with {arity} children a node does not exist; "
                "the order must be a power of the number of children, which is at least 2"
            )
        groups = [tuple(level[at : at + arity]) for at in range(0, len(level), arity)]
        level = [tuple(mode for node in group for mode in node) for group in groups]
        children.update(zip(level, groups, strict=True))
    return ModeTree(children)


Saved = tuple[dict[Node, Tensor], dict[Node, Tensor], dict[Node, Tensor], Halves]


@dataclass(frozen=True)
class HierarchicalFactorization:
    """A hierarchical tensor factorization: a tensor factorization at each interior node of a tree.

    >>> HierarchicalFactorization((2, 2, 2, 2), perfect_tree(4), 3).weight_shapes[-3:]
    [(2, 3), (3, 3), (3, 1)]

    Every node has a matrix; its columns are the tensors of the node, flattened in the tree's order
    of modes. The matrix of an interior node is the Khatri-Rao product of its children's matrices
    times its weight. The modes are sorted once, at the root, which is equivalent to sorting them at
    every node.

    Args:
        shape: D_1, ..., D_N.
        tree: A mode tree over the N modes.
        num_local: R_v, the number of local components, for all interior nodes or for each one.

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
        """R_v: the number of local components of an interior node, or the dimension of a leaf."""
        if node not in self.tree.children:
            return self.shape[node[0]]
        return self.num_local[node] if isinstance(self.num_local, dict) else self.num_local

    @property
    def nodes(self) -> list[Node]:
        """The nodes in the order of the weights: children first, the root last."""
        return self.tree.nodes

    @property
    def weight_shapes(self) -> list[tuple[int, ...]]:
        """R_v rows, and a column for each local component of the parent (1 column at the root)."""
        *below, root = self.nodes
        shapes = [(self.width(node), self.width(self.tree.parent(node))) for node in below]
        return [*shapes, (self.width(root), 1)]

    def by_node(self, weights: Weights) -> dict[Node, Tensor]:
        """The weights by node."""
        return dict(zip(self.nodes, weights, strict=True))

    def forward(self, weights: Weights) -> tuple[Tensor, Saved]:
        """End tensors; saved: weights, products and matrices by node, both halves at the root.

        Cost: at the root one matrix product of R times the entries of the end tensor; at each other
            interior node one of R_v times R_parent times the entries of its tensors.
        """
        weight, children = self.by_node(weights), self.tree.children
        products: dict[Node, Tensor] = {}
        matrices: dict[Node, Tensor] = {}
        for node in self.nodes[:-1]:
            matrices[node] = weight[node]
            if node in children:
                products[node] = khatri_rao([matrices[child] for child in children[node]])
                matrices[node] = products[node] @ weight[node]
        left, right = halves([matrices[child] for child in children[self.tree.root]])
        end = (left * weight[self.tree.root].mT) @ right.mT
        return self._ascending(end), (weight, products, matrices, (left, right))

    def backward(self, saved: Saved, gradient: Tensor) -> Weights:
        """Gradients of the weights, in their order. Cost: about twice that of `forward`."""
        weight, products, matrices, (left, right) = saved
        root, children = self.tree.root, self.tree.children
        # The root: the end matrix is (left · row) right^T.
        gradient = gradient.permute(0, *(1 + mode for mode in self.tree.leaf_order))
        matrix = gradient.reshape(len(gradient), left.shape[1], right.shape[1])
        row = weight[root].mT
        toward_left = matrix @ right
        found = {root: (left * toward_left).sum(dim=1, keepdim=True).mT}
        below = [matrices[child] for child in children[root]]
        onward = halves_gradients(below, toward_left * row, (matrix.mT @ left) * row)
        pending = dict(zip(children[root], onward, strict=True))
        # Each other node passes the gradient of its matrix on to its children.
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

    def _ascending(self, end: Tensor) -> Tensor:
        """Sort the modes, from the order of the tree (the permutation pi of (3.3))."""
        order = self.tree.leaf_order
        end = end.reshape(len(end), *(self.shape[mode] for mode in order))
        return end.permute(0, *(1 + order.index(mode) for mode in range(len(order))))

    def squared_norms(self, weights: Weights, node: Node) -> Tensor:
        """Squared norms of the vectors of each local component, float64 [L_v, B, R_v].

        References:
            LC(v, r) of Definition 5; L_v of Theorem 5.
        """
        weight = self.by_node(weights)
        if node not in self.tree.children:
            raise OptionError(
                f"{node} is not an interior node; interior nodes: {sorted(self.tree.interior)}"
            )
        below = [weight[child].square().sum(dim=1) for child in self.tree.children[node]]
        return torch.stack([weight[node].square().sum(dim=2), *below])

    def component_norms(self, weights: Weights, node: Node) -> Tensor:
        """Norms of the local components at an interior node, float64 [B, R_v] (Definition 5)."""
        return self.squared_norms(weights, node).prod(dim=0).sqrt()

    def unbalancedness(self, weights: Weights) -> Tensor:
        """Largest difference of two squared norms in one local component, [B] (Definition 8)."""
        squares = [self.squared_norms(weights, node) for node in self.tree.interior]
        gaps = [(each.amax(dim=0) - each.amin(dim=0)).amax(dim=1) for each in squares]
        return torch.stack(gaps).amax(dim=0)


class DeepConvolutionalNetwork(nn.Module):
    """Locally connected layers with product pooling over the children of each tree node.

    It realizes the inner product with the end tensor of a hierarchical factorization (Proposition
    8), with which it shares only the weights. A perfect P-ary tree gives the network of Appendix
    C.1: windows of size P, log_P N hidden layers, then a linear layer. Other trees give windows of
    different sizes.
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
