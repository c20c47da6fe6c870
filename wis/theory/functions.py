"""Networks as functions of the features of their vertices, for `wis.theory.separation_rank`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.separation_rank import Function
from wis.theory.typed_graph import TypedGraph, check_target

if TYPE_CHECKING:
    from wis.models.network import GraphNetwork
    from wis.theory.product_gnn import ProductGNN


def of_product_gnn(gnn: ProductGNN, graph: TypedGraph, *, target: int | None = None) -> Function:
    """A product network on a graph as a function of the vertices' features.

    >>> from wis.theory.product_gnn import ProductGNN
    >>> from wis.theory.separation_rank import random_templates, separation_rank
    >>> edge = TypedGraph.from_any(torch.tensor([[0], [1]]))
    >>> function = of_product_gnn(ProductGNN(2, 2, 1), edge)
    >>> separation_rank(function, [0], random_templates(6, 2), 2).rank
    2

    Returns:
        f^(theta, G), or f^(theta, G, t) for a target t, from [batch, n, in_dim] to [batch]: the
        first output of the network (Equations (5.3) and (5.4)).

    Raises:
        OptionError: The target does not fit the network's task.
    """
    _check_task(gnn.task, target)
    return lambda x: gnn(x, graph, target=target)[..., 0]


def of_network(network: GraphNetwork, graph: TypedGraph, *, target: int | None = None) -> Function:
    """A network of `wis.models` (GCN, GIN, ...) as a function of the vertices' features.

    These networks have ReLU non-linearities, so no theorem gives their separation rank, which may
    be infinite: the measured rank is an empirical estimate. Normalisation layers are in evaluation
    mode.

    Args:
        network: The network; use float64, or rounding hides the spectrum.
        graph: The graph; its edge types are ignored.
        target: Vertex t, for a network with task ``"vertex"``.

    Returns:
        The first output of the network, a function from [batch, n, in_dim] to [batch].

    Raises:
        OptionError: The target does not fit the network's task.
    """
    _check_task(network.task, target)
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
        chosen: Tensor = values[:, 0]
        return chosen

    return function


def _check_task(task: str, target: int | None) -> None:
    if (target is None) != (task == "graph"):
        raise OptionError(
            f"the network has task={task!r} and target is {target!r}; expected a target for "
            f"'vertex' and none for 'graph'"
        )
