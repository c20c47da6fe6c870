"""Networks as functions of the features of their vertices, for `wis.theory.separation_rank`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.separation_rank import Function
from wis.theory.typed_graph import TypedGraph, check_target

if TYPE_CHECKING:
    from wis.models.network import GraphNetwork
    from wis.theory.product_gnn import ProductGNN


def of_product_gnn(
    gnn: ProductGNN, graph: TypedGraph, *, target: int | None = None, output: int = 0
) -> Function:
    """A product network on a graph as a function of the vertices' features.

    Args:
        gnn: The network.
        graph: The graph.
        target: Vertex t, for vertex prediction.
        output: Which output.

    Returns:
        f^(theta, G) or f^(theta, G, t), from [batch, n, in_dim] to [batch].

    Raises:
        OptionError: The target does not fit the network's task.

    References:
        Equations (5.3) and (5.4).
    """
    if (target is None) != (gnn.task == "graph"):
        raise OptionError(
            f"the network has task={gnn.task!r} and target is {target!r}; expected a target for "
            f"'vertex' and none for 'graph'"
        )
    return lambda x: gnn(x, graph, target=target)[..., output]


def of_network(
    network: GraphNetwork, graph: TypedGraph, *, target: int | None = None, output: int = 0
) -> Function:
    """A network of `wis.models` (GCN, GIN, ...) as a function of the vertices' features.

    These networks have ReLU non-linearities, so no theorem gives their separation rank, which may
    be infinite: what is measured is an empirical estimate. Normalisation layers are used as in
    evaluation.

    Args:
        network: The network, of dtype float64 for a spectrum that is worth looking at.
        graph: The graph; its edge types play no part.
        target: Vertex t, for a network with task ``"vertex"``.
        output: Which output.

    Returns:
        A function from [batch, n, in_dim] to [batch]: the graphs of a batch are put side by side.

    Raises:
        OptionError: The target does not fit the network's task.
    """
    if (target is None) != (network.task == "graph"):
        raise OptionError(
            f"the network has task={network.task!r} and target is {target!r}; expected a target "
            f"for 'vertex' and none for 'graph'"
        )
    check_target(target, graph.num_nodes)
    n = graph.num_nodes

    def function(x: Tensor) -> Tensor:
        size = x.size(0)
        shift = torch.arange(size, device="cpu")[:, None, None] * n
        arcs = (graph.edge_index + shift).transpose(0, 1).reshape(2, -1)
        batch = torch.arange(size, device="cpu").repeat_interleave(n)
        dtype = network.output.weight.dtype
        network.eval()
        values = network(x.reshape(size * n, -1).to(dtype), arcs, batch=batch, num_graphs=size)
        if target is not None:
            values = values.reshape(size, n, -1)[:, target]
        chosen: Tensor = values[:, output]
        return chosen

    return function


def num_templates_for_exact_rank(
    graph: TypedGraph, depth: int, in_dim: int, *, target: int | None = None
) -> int:
    """Templates with which the whole grid gives the separation rank of a product network.

    The output is a homogeneous polynomial in the features of each vertex i, of degree the number of
    walks of length L from i. Such polynomials in D_x variables of degree p form a space of
    dimension C(D_x + p - 1, p), and so many vectors in general position determine one. On a grid of
    them the rank is the separation rank, in exact arithmetic.

    Args:
        graph: The graph.
        depth: Number L of layers.
        in_dim: Number D_x of features.
        target: Vertex t for vertex prediction.

    Returns:
        The largest of these dimensions over all vertices.

    References:
        Equation (D.10): f is a contraction with rho_L({i}, V) copies of x^(i).
    """
    degree = max(graph.walks_to(depth, target), default=0)
    return math.comb(in_dim + degree - 1, degree)
