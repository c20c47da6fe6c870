"""The tree tensor networks that are equivalent to product networks (Appendix D.3).

Contracting such a network gives the output of the product network (Proposition 10). Its leaves are
copies of the feature vectors. Above them, layer by layer, are weight matrices and delta-tensors,
which have ones on their hyper-diagonal. A tree cannot reuse a hidden embedding. It holds one copy
for every walk, so tensor networks are large. `network_size` predicts the size;
`build_tensor_network` refuses a network above a limit.

The names of nodes and legs follow Equations (D.6) and (D.7), with vertices counted from 0 as
everywhere in wis and copies from 1 as in the thesis. For directed graphs and edge types the
neighbours are the incoming ones, and the node of W^(l) below delta^(l,i) stands for W^(l, tau(j,i))
(Appendix D.7.4).

opt_einsum contracts the network. A delta-tensor is one index that all its legs share; as an array
it would have D_h^order entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor

from wis.errors import GraphFormatError, MissingDependencyError, OptionError
from wis.theory.typed_graph import TypedGraph, check_size, check_target

if TYPE_CHECKING:
    from wis.theory.product_gnn import ProductGNN

Kind = Literal["x", "W", "delta", "delta_out", "W_out"]

MAX_NODES = 20_000


@dataclass(frozen=True)
class NetworkSize:
    """Numbers of nodes of a tensor network, exact.

    Attributes:
        num_features: Copies of feature vectors, the leaves: rho_L(V, V), or rho_L(V, {t}).
        num_weights: Copies of weight matrices with W^(o): the sum of rho_l over l = 1 ... L, plus
            1.
        num_deltas: delta-tensors: the sum of rho_l over l = 0 ... L - 1, plus 1 for graph
            prediction.
    """

    num_features: int
    num_weights: int
    num_deltas: int

    @property
    def num_nodes(self) -> int:
        """Number of all nodes."""
        return self.num_features + self.num_weights + self.num_deltas

    @property
    def num_legs(self) -> int:
        """Number of legs of the tree."""
        return self.num_nodes - 1


@dataclass(frozen=True)
class Node:
    """A node of a tensor network.

    Attributes:
        kind: Feature vector, weight matrix, delta-tensor, or one of the two of the output layer.
        layer: l, None for feature vectors and the output layer.
        vertex: i, None for the output layer.
        copy: gamma, counted from 1.
        edge_type: q, for a copy of the matrix W^(l,q).
    """

    kind: Kind
    layer: int | None = None
    vertex: int | None = None
    copy: int = 1
    edge_type: int = 0


@dataclass(frozen=True)
class Leg:
    """A leg between two nodes.

    Attributes:
        ends: For each end the position of its node in the list of nodes, and its mode, counted from
            1.
        weight: Dimension of the leg, D_x or D_h.
    """

    ends: tuple[tuple[int, int], tuple[int, int]]
    weight: int


def network_size(graph: TypedGraph, depth: int, *, target: int | None = None) -> NetworkSize:
    """Size of the tensor network of a product network, without building it.

    >>> import torch
    >>> network_size(TypedGraph.from_any(torch.tensor([[0], [1]])), depth=2)
    NetworkSize(num_features=8, num_weights=13, num_deltas=7)

    Raises:
        OptionError: The depth or the target is invalid.

    Cost: O(depth · m) additions of Python integers.

    References:
        Appendix D.3.3.1: rho_L({i}, V) copies of x^(i), rho_{L-l+1}(V, V) of W^(l), and
        rho_{L-l}({i}, V) delta-tensors for each vertex i and layer l; with {t} for the prediction
        over a target t.
    """
    check_target(target, graph.num_nodes)
    walks = [sum(counts) for counts in graph.walks_up_to(check_size("depth", depth), target)]
    return NetworkSize(walks[-1], sum(walks[1:]) + 1, sum(walks[:-1]) + (target is None))


def build_tensor_network(
    graph: TypedGraph,
    depth: int,
    *,
    width: int,
    in_dim: int,
    target: int | None = None,
    max_nodes: int = MAX_NODES,
) -> TensorNetwork:
    """The tensor network T(X) of graph prediction, or T^(t)(X) of prediction over a vertex.

    >>> import torch
    >>> edge = TypedGraph.from_any(torch.tensor([[0], [1]]))
    >>> len(build_tensor_network(edge, 1, width=2, in_dim=3).nodes)
    12

    Arguments are those of `PartitionedNetwork`. Legs at feature vectors have the
    weight `in_dim`, all others have the weight `width`.

    Returns:
        The network without arrays; `TensorNetwork.contract` fills them in.

    Raises:
        OptionError: The network would have more nodes than `max_nodes`, the graph has no vertices,
            or a size or the target is invalid.

    Cost: O(nodes), which is O(walks of length L).

    References:
        Equations (D.6) and (D.7), Appendix D.7.4.
    """
    if not graph.num_nodes:
        raise OptionError("the graph has no vertices; expected at least one")
    size = network_size(graph, depth, target=target)
    if size.num_nodes > max_nodes:
        raise OptionError(
            f"the tensor network would have {size.num_nodes} nodes, more than max_nodes = "
            f"{max_nodes}; take a smaller depth or graph, a target, or raise max_nodes"
        )
    build = _Builder(graph, depth, target, check_size("width", width), check_size("in_dim", in_dim))
    return TensorNetwork(graph, depth, target, tuple(build.nodes), tuple(build.legs()))


@dataclass(frozen=True, eq=False)
class TensorNetwork:
    """A tree tensor network, made by `build_tensor_network`.

    Attributes:
        target: Vertex t, None for graph prediction.
        nodes: The nodes, level by level from the leaves up.
        legs: The legs; their ends are positions in `nodes`.
    """

    graph: TypedGraph
    depth: int
    target: int | None
    nodes: tuple[Node, ...]
    legs: tuple[Leg, ...]

    @cached_property
    def legs_of(self) -> list[list[int]]:
        """For each node its legs in the order of their modes, as positions in `legs`."""
        found: list[dict[int, int]] = [{} for _ in self.nodes]
        for position, leg in enumerate(self.legs):
            for node, mode in leg.ends:
                found[node][mode] = position
        return [[legs[mode] for mode in sorted(legs)] for legs in found]

    def contract(self, gnn: ProductGNN, x: Tensor, *, output: int = 0) -> Tensor:
        """Contract the network, with the weights of a product network and features on the leaves.

        Args:
            gnn: The product network, of the same depth.
            x: Float tensor of shape [n, in_dim].
            output: Row of W^(o).

        Returns:
            A scalar tensor: the output of `gnn`, up to rounding (Proposition 10).

        Raises:
            GraphFormatError: `gnn` or `x` does not fit the network.
            OptionError: `output` is out of range.
            MissingDependencyError: opt_einsum is not installed.

        References:
            Proposition 10; Lemma 61 for contraction with a delta-tensor.
        """
        try:
            import opt_einsum
        except ImportError:
            raise MissingDependencyError.of(
                "contracting a tensor network needs opt_einsum", "theory"
            ) from None
        self._check(gnn, x, output)
        index = self._merged_legs()
        operands: list[Any] = []
        for node, legs in zip(self.nodes, self.legs_of, strict=True):
            if node.kind not in ("delta", "delta_out"):
                array = self._array(node, gnn, x, output)
                operands += [array, tuple(index[leg] for leg in legs)]
        result: Tensor = opt_einsum.contract(*operands, (), optimize="greedy")
        return result

    def to_networkx(self) -> Any:
        """The network as a networkx graph.

        Returns:
            An undirected `networkx.Graph` whose nodes are positions in `nodes`, with the fields of
            `Node` that are not None as attributes; its edges have ``weight`` and ``modes``, a text
            with the mode of the leg at each end, such as ``4:1 9:2``.
        """
        import networkx as nx

        network = nx.Graph(depth=self.depth)
        for position, node in enumerate(self.nodes):
            known = {name: value for name, value in vars(node).items() if value is not None}
            network.add_node(position, **known)
        for leg in self.legs:
            (one, mode), (other, other_mode) = leg.ends
            modes = f"{one}:{mode} {other}:{other_mode}"
            network.add_edge(one, other, weight=leg.weight, modes=modes)
        return network

    def write_graphml(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the graph of `to_networkx` as a GraphML file, atomically.

        Raises:
            OutputExistsError: The file exists and `force` is false.
            GraphFileError: The file cannot be written.
        """
        import networkx as nx

        from wis.base.atomic import atomic_write

        with atomic_write(path, force=force) as file:
            nx.write_graphml(self.to_networkx(), file)
        return Path(path)

    def _check(self, gnn: ProductGNN, x: Tensor, output: int) -> None:
        expected = (self.graph.num_nodes, gnn.in_dim)
        if x.shape != expected:
            raise GraphFormatError(f"x has shape {list(x.shape)}; expected {list(expected)}")
        in_dim, width = self.legs[0].weight, self.legs[-1].weight  # at a leaf, at W^(o)
        if (gnn.depth, gnn.in_dim, gnn.width) != (self.depth, in_dim, width):
            raise GraphFormatError(
                f"the tensor network has depth {self.depth}, in_dim {in_dim}, width {width}; the "
                f"product network has depth {gnn.depth}, in_dim {gnn.in_dim}, width {gnn.width}"
            )
        if not 0 <= output < gnn.output.size(0):
            raise OptionError(
                f"output is {output}; expected one of the product network's {gnn.output.size(0)}, "
                f"counted from 0"
            )
        if self.graph.num_types > gnn.num_types:
            raise GraphFormatError(
                f"the graph has {self.graph.num_types} edge types; the product network was made "
                f"for {gnn.num_types}"
            )

    def _merged_legs(self) -> list[int]:
        """For each leg the contraction index that its delta-tensors share."""
        index = list(range(len(self.legs)))
        # From the root down, each delta-tensor gives the index of its upper leg to its lower legs.
        for position in reversed(range(len(self.nodes))):
            if self.nodes[position].kind in ("delta", "delta_out"):
                *below, above = self.legs_of[position]
                for leg in below:
                    index[leg] = index[above]
        return index

    def _array(self, node: Node, gnn: ProductGNN, x: Tensor, output: int) -> Tensor:
        if node.kind == "x":
            return x[node.vertex]
        if node.layer is None:  # W^(o)
            return gnn.output[output]
        weight: Tensor = gnn.weights[node.layer - 1][node.edge_type]
        return weight


class _Builder:
    """Nodes and legs of Equations (D.6) and (D.7)."""

    def __init__(
        self, graph: TypedGraph, depth: int, target: int | None, width: int, in_dim: int
    ) -> None:
        self.graph, self.depth, self.target = graph, depth, target
        self.width, self.in_dim = width, in_dim
        self.num_copies = list(graph.walks_up_to(depth, target))
        self.nodes: list[Node] = []
        self.position: dict[tuple[Kind, int, int, int], int] = {}
        # The type of W^(l, j, gamma) is that of the arc to the delta-tensor above it.
        types = {(layer, j, copy): kind for layer, _, _, j, copy, _, kind in self._below_deltas()}
        self._add_level("x", 0, depth, {})
        for layer in range(1, depth + 1):
            self._add_level("W", layer, depth - layer + 1, types)
            self._add_level("delta", layer, depth - layer, {})
        if target is None:
            self.nodes.append(Node("delta_out"))
        self.nodes.append(Node("W_out"))

    def _copies(self, length: int) -> Iterator[tuple[int, int]]:
        """Vertex and number of each copy: one copy for each walk of that length from the vertex."""
        for vertex, number in enumerate(self.num_copies[length]):
            yield from ((vertex, copy) for copy in range(1, number + 1))

    def _add_level(
        self, kind: Kind, layer: int, length: int, types: dict[tuple[int, int, int], int]
    ) -> None:
        for vertex, copy in self._copies(length):
            self.position[kind, layer, vertex, copy] = len(self.nodes)
            edge_type = types.get((layer, vertex, copy), 0)
            self.nodes.append(Node(kind, layer or None, vertex, copy, edge_type))

    def _below_deltas(self) -> Iterator[tuple[int, int, int, int, int, int, int]]:
        """(l, i, gamma, N(i)_j, phi_{l,i,j}(gamma), j, type) of each leg from delta to W."""
        tails, heads = self.graph.arcs.tolist()
        types, first = self.graph.types.tolist(), self.graph.first_arc.tolist()
        for layer in range(1, self.depth + 1):
            copies = self.num_copies[self.depth - layer]
            taken = [0] * self.graph.num_nodes
            for arc, (tail, head) in enumerate(zip(tails, heads, strict=True)):
                mode = arc - first[head] + 1
                for copy in range(1, copies[head] + 1):
                    # phi is gamma plus the copies of W below delta-tensors of smaller vertices
                    yield layer, head, copy, tail, taken[tail] + copy, mode, types[arc]
                taken[tail] += copies[head]

    def legs(self) -> Iterator[Leg]:
        at = self.position
        above = (np.diff(self.graph.first_arc) + 1).tolist()  # last mode of each delta-tensor
        for vertex, copy in self._copies(self.depth):
            ends = (at["x", 0, vertex, copy], 1), (at["W", 1, vertex, copy], 2)
            yield Leg(ends, self.in_dim)
        for layer, i, copy, j, phi, mode, _ in self._below_deltas():
            ends = (at["delta", layer, i, copy], mode), (at["W", layer, j, phi], 1)
            yield Leg(ends, self.width)
        for layer in range(1, self.depth):
            for vertex, copy in self._copies(self.depth - layer):
                below = at["delta", layer, vertex, copy], above[vertex]
                yield Leg((below, (at["W", layer + 1, vertex, copy], 2)), self.width)
        top, last = len(self.nodes) - 1, self.depth
        if self.target is not None:
            below = at["delta", last, self.target, 1], above[self.target]
            yield Leg((below, (top, 2)), self.width)
            return
        for vertex, mode in enumerate(above):
            yield Leg(((top - 1, vertex + 1), (at["delta", last, vertex, 1], mode)), self.width)
        yield Leg(((top - 1, self.graph.num_nodes + 1), (top, 2)), self.width)
