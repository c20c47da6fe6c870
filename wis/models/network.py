"""`GraphNetwork`, the base of all networks, and `ForeignNetwork`, a module of another author."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch_geometric.utils import remove_self_loops

from wis.errors import GraphFormatError, OptionError
from wis.models.operators import Messages

Task = Literal["vertex", "graph"]


class GraphNetwork(nn.Module, ABC):
    """A stack of graph layers with a linear output layer. A subclass defines `embed`.

    Args:
        in_dim: Number of features of a vertex.
        out_dim: Number of outputs.
        width: Size of the hidden embeddings.
        task: ``"vertex"`` or ``"graph"``.

    Attributes:
        output: The linear output layer.
    """

    uses_operators: ClassVar[bool] = True
    """Whether `over` is available; it gives the result of `forward`."""

    same_in_evaluation: bool = True
    """Whether training and evaluation have the same forward pass: no dropout, no batch norm."""

    is_random: bool = False
    """Whether a forward pass may draw random numbers in training, as dropout does."""

    def __init__(self, in_dim: int, out_dim: int, *, width: int, task: Task) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.task = task
        self.output = nn.Linear(width, out_dim)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        num_graphs: int | None = None,
    ) -> Tensor:
        """Logits of each vertex, or of each graph.

        Args:
            x: Float tensor of shape [num_nodes, in_dim], dense or sparse, of the parameters' dtype.
            edge_index: int64 tensor of shape [2, num_arcs]; messages go from row 0 to row 1.
            edge_weight: Float tensor of shape [num_arcs], at least 0; 1 for each arc if not given.
            batch: int64 tensor of shape [num_nodes], the graph of each vertex, ascending; one graph
                if not given. Only used for ``task="graph"``.
            num_graphs: Number of graphs, if the last ones may have no vertices.

        Returns:
            Float tensor of shape [num_nodes, out_dim] or [num_graphs, out_dim].

        Raises:
            GraphFormatError: A shape does not fit.
        """
        check_shapes(x, edge_index, edge_weight, self.in_dim)
        if edge_weight is None:
            edge_weight = torch.ones(edge_index.size(1), dtype=x.dtype, device=x.device)
        arcs, weights = remove_self_loops(edge_index, edge_weight)
        return self.over(x, Messages(arcs, weights, x.size(0), batch=batch, num_graphs=num_graphs))

    def over(self, x: Any, graph: Messages) -> Tensor:
        """Logits computed with the operations of `graph`; `x` is an argument of its `project`."""
        hidden = self.embed(x, graph)
        logits: Tensor = self.output(graph.pool(hidden) if self.task == "graph" else hidden)
        return logits

    @abstractmethod
    def embed(self, x: Any, graph: Messages) -> Tensor:
        """Hidden embeddings of the last layer, [num_nodes, width]."""


def check_shapes(x: Tensor, edge_index: Tensor, edge_weight: Tensor | None, in_dim: int) -> None:
    """Raise `GraphFormatError` if features, arcs or weights of arcs have impossible shapes."""
    if x.dim() != 2 or x.size(1) != in_dim:
        raise GraphFormatError(f"x has shape {tuple(x.shape)}; expected [num_nodes, {in_dim}]")
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise GraphFormatError(
            f"edge_index has shape {tuple(edge_index.shape)}; expected [2, num_arcs]"
        )
    if edge_weight is not None and edge_weight.shape != edge_index.shape[1:]:
        raise GraphFormatError(
            f"edge_weight has shape {tuple(edge_weight.shape)}; expected one number for each arc, "
            f"[{edge_index.size(1)}]"
        )


class ForeignNetwork(GraphNetwork):
    """A module of another author, called as ``module(x, edge_index[, edge_weight][, batch])``.

    It gets dense features and all arcs, self-loops included.

    Args:
        name: Name of the model, for error messages.
        module: The module.
        in_dim: Number of features of a vertex.
        out_dim: Number of outputs.
        task: ``"vertex"`` or ``"graph"``.

    Raises:
        OptionError: The task is ``"graph"``, and the module takes no `batch`.
    """

    uses_operators = same_in_evaluation = False
    is_random = True

    def __init__(
        self, name: str, module: nn.Module, in_dim: int, out_dim: int, *, task: Task
    ) -> None:
        nn.Module.__init__(self)
        self.name, self.module, self.task = name, module, task
        self.in_dim, self.out_dim = in_dim, out_dim
        self.takes = set(inspect.signature(module.forward).parameters)
        if task == "graph" and "batch" not in self.takes:
            raise OptionError(
                f"the forward pass of model {name!r} takes no batch, so it cannot predict graphs; "
                "add a parameter batch, or leave task out"
            )

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        num_graphs: int | None = None,
    ) -> Tensor:
        """Logits; see `GraphNetwork.forward`.

        Raises:
            OptionError: `edge_weight` is given, and the module does not take it.
            GraphFormatError: The shape of an argument or of the result is wrong.
        """
        check_shapes(x, edge_index, edge_weight, self.in_dim)
        if edge_weight is not None and "edge_weight" not in self.takes:
            raise OptionError(
                f"the forward pass of model {self.name!r} takes no edge_weight, so its edges have "
                "no masks or weights; add a parameter edge_weight, one factor for each arc"
            )
        rows = x.size(0)
        given: dict[str, Any] = {} if edge_weight is None else {"edge_weight": edge_weight}
        if self.task == "graph":
            batch = x.new_zeros(rows, dtype=torch.int64) if batch is None else batch
            rows = int(batch.max()) + 1 if num_graphs is None else num_graphs
            given["batch"] = batch
        logits = self.module(x if x.layout == torch.strided else x.to_dense(), edge_index, **given)
        if not isinstance(logits, Tensor) or logits.shape != (rows, self.out_dim):
            found = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise GraphFormatError(
                f"model {self.name!r} returned {found}; expected logits of shape "
                f"[{rows}, {self.out_dim}]"
            )
        return logits

    def embed(self, x: Any, graph: Messages) -> Tensor:
        """Not available."""
        raise TypeError("a module of another author has no operators")
