"""A product network on a graph whose vertices are parted in two.

The bounds of Chapter 5, the exact rank and the proof of Theorem 8 are about such a network.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.errors import OptionError
from wis.theory.typed_graph import TypedGraph, check_members, check_size, check_target


class PartitionedNetwork:
    """The sizes of a product network, its graph, and one side of a partition of the vertices.

    >>> import torch
    >>> chain = TypedGraph.from_any(torch.tensor([[0, 1, 2], [1, 2, 3]]))
    >>> network = PartitionedNetwork(chain, [0, 1], depth=2, width=3)
    >>> network.boundary, network.walk_index
    ([1, 2], 6)

    Args:
        graph: The graph, directed or not.
        subset: The set I of vertices, ids in 0 ... n - 1.
        depth: Number L of layers.
        width: Width D_h.
        in_dim: Number D_x of features; the width if not given.
        target: Vertex t for vertex prediction; graph prediction if not given.

    Raises:
        OptionError: A size, the subset or the target is invalid, or the graph has no vertices.
    """

    def __init__(
        self,
        graph: TypedGraph,
        subset: Iterable[int] | Tensor,
        depth: int,
        width: int,
        *,
        in_dim: int | None = None,
        target: int | None = None,
    ) -> None:
        self.graph = graph
        self.subset = check_members("subset", subset, graph.num_nodes)
        self.depth, self.width = check_size("depth", depth), check_size("width", width)
        self.in_dim = self.width if in_dim is None else check_size("in_dim", in_dim)
        self.target = check_target(target, graph.num_nodes)
        if not graph.num_nodes:
            raise OptionError("the graph has no vertices; expected at least one")

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Which vertices are in I, [n]."""
        inside = np.zeros(self.graph.num_nodes, dtype=bool)
        inside[self.subset] = True
        return inside

    @cached_property
    def boundary(self) -> list[int]:
        """Vertices that an arc enters from the other side: C_I (Definition 11), or C_I^->."""
        tails, heads = self.graph.arcs.numpy()
        crosses = self.inside[tails] != self.inside[heads]
        return [int(head) for head in np.unique(heads[crosses])]

    @cached_property
    def walks(self) -> list[int]:
        """Number of walks of length L - 1 from each vertex, to the target if there is one."""
        return self.graph.walks_to(self.depth - 1, self.target)

    @property
    def walk_index(self) -> int:
        """WI_{L-1}(I) or WI_{L-1,t}(I); for directed graphs rho_{L-1} from the boundary."""
        return sum(self.walks[vertex] for vertex in self.boundary)
