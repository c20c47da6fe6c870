"""Mode trees: which modes a hierarchical tensor factorization joins first.

Source: Definition 4. Nodes are sets of modes, so a node with a single child would be that child;
every interior node therefore has at least two. Modes are counted from 0 here.
"""

from __future__ import annotations

from dataclasses import dataclass

from wis.errors import OptionError

Node = tuple[int, ...]


@dataclass(frozen=True)
class ModeTree:
    """A rooted tree over the modes 0, ..., N - 1.

    Args:
        children: Of each interior node, its children in order; nodes are sorted tuples of modes.
    """

    children: dict[Node, tuple[Node, ...]]

    def __post_init__(self) -> None:
        for node in self.children:
            joined = [mode for child in self.children[node] for mode in child]
            if sorted(joined) != list(node) or len(self.children[node]) < 2:
                raise OptionError(
                    f"mode tree: node {node} has the children {self.children[node]}; expected two "
                    "or more sorted nodes whose disjoint union it is"
                )
        nodes = self.nodes
        leaves = sorted(node for node in nodes if node not in self.children)
        if leaves != [(mode,) for mode in range(self.order)]:
            raise OptionError(
                f"mode tree: the leaves are {leaves}; expected one for every mode from 0 on"
            )
        unreachable = set(self.children) - set(nodes)
        if unreachable:
            raise OptionError(f"mode tree: {sorted(unreachable)} are not below the root")

    @property
    def root(self) -> Node:
        """The node of all modes."""
        if not self.children:
            raise OptionError("mode tree: it has no interior node; give at least the root's")
        return max(self.children, key=len)

    @property
    def order(self) -> int:
        """N, the number of modes."""
        return len(self.root)

    @property
    def nodes(self) -> list[Node]:
        """All nodes, children before their parents, the root last."""
        found: list[Node] = []
        stack = [self.root]
        while stack:
            node = stack.pop()
            found.append(node)
            stack.extend(self.children.get(node, ()))
        return found[::-1]

    @property
    def interior(self) -> list[Node]:
        """The nodes that are no leaves, children before their parents."""
        return [node for node in self.nodes if node in self.children]

    def parent(self, node: Node) -> Node:
        """The node that `node` is a child of."""
        return next(above for above, below in self.children.items() if node in below)

    @property
    def leaf_order(self) -> list[int]:
        """Modes in the order in which the tree reads them."""

        def below(node: Node) -> list[int]:
            if node not in self.children:
                return list(node)
            return [mode for child in self.children[node] for mode in below(child)]

        return below(self.root)


def shallow_tree(order: int) -> ModeTree:
    """Root and leaves only: tensor factorization (Figure 3.4)."""
    leaves = tuple((mode,) for mode in range(order))
    return ModeTree({tuple(range(order)): leaves})


def perfect_tree(order: int, arity: int = 2) -> ModeTree:
    """The perfect `arity`-ary tree that joins adjacent modes (Figure 3.4, Appendix C.1).

    Raises:
        OptionError: The order is no power of the arity.
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
