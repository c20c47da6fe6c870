"""S networks of one architecture as one: parameters with a leading dimension of S.

Every run has parameters, a graph and a split of its own; features are shared. Embeddings of all
runs lie in one tensor [S, n, width], so that one product with a block-diagonal sparse matrix and
one batched dense product serve all of them. Beyond that, what never changes during a run is
computed once, before it:

- the normalised adjacency matrix (GCN) and the numbers of arcs (GIN, ResGCN), with transposes;
- the product of features and adjacency (GCN), where a first layer is cheaper with it;
- nothing is scaled twice: scale and shift of a layer normalisation go into the weights of the
  linear map that follows.

A subclass splits the forward pass in two. `first` is what training and evaluation share, `rest`
what differs between them; without batch normalisation or dropout nothing does. So an evaluation
after a step and the forward pass of the next one are the same computation, done once.

A network is initialised from `wis.models.build_model` for each seed, so a run starts from the same
parameters however it is trained, and can be given back as such (`state_of`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import layer_norm
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import remove_self_loops

from wis.models import GraphNetwork
from wis.training.operations import (
    Operator,
    batch_norm_relu,
    project,
    propagate,
    propagate_bias_relu,
    softmax_aggregate,
)
from wis.training.problem import Problem
from wis.training.sparse import block_diagonal, csr_matrix, sparse_product

Maker = Callable[[Tensor, Problem], Tensor]


class StackedNetwork(ABC):
    """What the architectures share: parameters by name, in the layout of this module.

    Args:
        modules: One network for each run, of one architecture.
        problem: Features, graphs and splits.

    Attributes:
        parameters: By the names of the modules' state: matrices [S, in, out], vectors [S, 1, k].
        buffers: What is not trained, in the same layout.
    """

    def __init__(self, modules: Sequence[GraphNetwork], problem: Problem) -> None:
        self.problem = problem
        self.depth = len(modules[0].layers)  # type: ignore[arg-type]
        self.shapes = {name: value.shape for name, value in modules[0].state_dict().items()}
        states = [module.state_dict() for module in modules]
        trained = {name for name, _ in modules[0].named_parameters()}
        self.parameters: dict[str, Tensor] = {}
        self.buffers: dict[str, Tensor] = {}
        for name, value in states[0].items():
            if value.is_floating_point():
                stack = torch.stack([_to_stack(state[name]) for state in states])
                stack = stack.to(problem.x.device)
                if name in trained:
                    self.parameters[name] = stack.requires_grad_()
                else:
                    self.buffers[name] = stack
        self.prepare()

    def prepare(self) -> None:
        """Compute what is constant during the run."""
        self.features = _features(self.problem)
        self.operator = Operator.of(_blocks(self.problem, _arc_counts))

    @abstractmethod
    def first(self) -> Tensor:
        """What training and evaluation share."""

    def rest(self, hidden: Tensor, *, training: bool) -> Tensor:
        """Logits [S, n, num_classes] from what `first` gave."""
        return hidden

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with some of the runs only."""
        index = torch.tensor(list(positions), device=self.problem.x.device)
        self.problem = self.problem.select(positions)
        for name, value in self.parameters.items():
            self.parameters[name] = value.detach()[index].requires_grad_()
        for name, value in self.buffers.items():
            self.buffers[name] = value[index]
        self.prepare()

    def state_of(self, position: int) -> dict[str, Tensor]:
        """Parameters and buffers of a run as `GraphNetwork.state_dict` names and shapes them."""
        stacks = {**self.parameters, **self.buffers}
        return {
            name: _from_stack(stack.detach()[position], self.shapes[name]).clone()
            for name, stack in stacks.items()
        }

    def _weights(self, name: str) -> tuple[Tensor, Tensor]:
        return self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"]

    def _normalised_linear(
        self, h: Tensor, norm: str, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        """LayerNorm(h) W + b, with the scale and shift of the normalisation moved into W and b."""
        scale, shift = self._weights(norm)
        offset = torch.bmm(shift, weight) if bias is None else torch.baddbmm(bias, shift, weight)
        return torch.baddbmm(offset, _standardised(h), scale.transpose(1, 2) * weight)


class StackedGCN(StackedNetwork):
    """`wis.models.gcn.GCN`, stacked."""

    def prepare(self) -> None:
        """Normalise the adjacency; multiply the features by it where that is cheaper."""
        problem = self.problem
        made = _each_once(problem, _gcn_matrix)
        self.operator = Operator.of(block_diagonal(made))
        self.first_operator: Operator | None = self.operator
        products = _smoothed_features(problem, made)
        if products is None:
            self.features = _features(problem)
        else:
            self.features, self.first_operator = products, None

    def first(self) -> Tensor:
        """The whole network."""
        p = self.parameters
        h = project(p["layers.0.lin.weight"], self.features)
        h = propagate_bias_relu(h, p["layers.0.bias"], self.first_operator)
        for layer in range(1, self.depth):
            weight = p[f"layers.{layer}.lin.weight"]
            h = self._normalised_linear(h, f"norms.{layer - 1}", weight, None)
            h = propagate_bias_relu(h, p[f"layers.{layer}.bias"], self.operator)
        return self._normalised_linear(h, f"norms.{self.depth - 1}", *self._weights("output"))


class StackedGIN(StackedNetwork):
    """`wis.models.gin.GIN`, stacked."""

    def first(self) -> Tensor:
        """Everything before the first batch normalisation, but for a bias."""
        return self._sum(0, project(self.parameters["layers.0.lin.weight"], self.features))

    def rest(self, hidden: Tensor, *, training: bool) -> Tensor:
        """Everything after it."""
        p = self.parameters
        for layer in range(self.depth):
            if layer > 0:
                weight = p[f"layers.{layer}.lin.weight"]
                hidden = self._normalised_linear(hidden, f"norms.{layer - 1}", weight, None)
                hidden = self._sum(layer, hidden)
            here = f"layers.{layer}.nn"
            hidden = self._batch_norm(hidden, p[f"layers.{layer}.bias"], f"{here}.0", training)
            hidden = torch.bmm(hidden, p[f"{here}.2.weight"])
            hidden = self._batch_norm(hidden, p[f"{here}.2.bias"], f"{here}.3", training)
        return self._normalised_linear(hidden, f"norms.{self.depth - 1}", *self._weights("output"))

    def _sum(self, layer: int, h: Tensor) -> Tensor:
        """(1 + ε) h_i + Σ_j h_j."""
        stacks = {**self.parameters, **self.buffers}
        return torch.addcmul(propagate(h, self.operator), h, 1 + stacks[f"layers.{layer}.eps"])

    def _batch_norm(self, x: Tensor, bias: Tensor, name: str, training: bool) -> Tensor:
        """ReLU(BatchNorm(x + bias)), with torch's momentum of 0.1 for the running statistics."""
        scale, shift = self._weights(name)
        mean, variance = self.buffers[f"{name}.running_mean"], self.buffers[f"{name}.running_var"]
        if not training:
            factor = scale * (variance + 1e-5).rsqrt()
            return torch.addcmul(shift + (bias - mean) * factor, x, factor).relu_()
        out, batch_mean, batch_variance = batch_norm_relu(x, bias, scale, shift)
        if x.size(1) > 1:  # a single vertex says nothing about the variance
            mean.lerp_(batch_mean.detach(), 0.1)
            variance.lerp_(batch_variance * (x.size(1) / (x.size(1) - 1)), 0.1)
        return out


class StackedResGCN(StackedNetwork):
    """`wis.models.resgcn.ResGCN`, stacked."""

    def __init__(self, modules: Sequence[GraphNetwork], problem: Problem) -> None:
        self.temperature = float(modules[0].temperature)  # type: ignore[arg-type]
        super().__init__(modules, problem)

    def first(self) -> Tensor:
        """The whole network."""
        p = self.parameters
        h = self._convolution(0, project(p["encoder.weight"], self.features) + p["encoder.bias"])
        for layer in range(1, self.depth):
            h = h + self._convolution(layer, self._norm_relu(layer, h))
        return torch.baddbmm(p["output.bias"], self._norm_relu(0, h), p["output.weight"])

    def _convolution(self, layer: int, z: Tensor) -> Tensor:
        weight, bias = self._weights(f"layers.{layer}.conv.mlp.0")
        return torch.baddbmm(bias, softmax_aggregate(z, self.operator, self.temperature), weight)

    def _norm_relu(self, layer: int, h: Tensor) -> Tensor:
        scale, shift = self._weights(f"layers.{layer}.norm")
        return torch.addcmul(shift, _standardised(h), scale).relu()


STACKED: dict[str, type[StackedNetwork]] = {
    "gcn": StackedGCN,
    "gin": StackedGIN,
    "resgcn": StackedResGCN,
}
"""Models that can be stacked, by their names in `wis.models`."""


def _standardised(h: Tensor) -> Tensor:
    """Layer normalisation without scale and shift (with both torch's kernel is twice as fast)."""
    width = h.shape[2:]
    return layer_norm(h, width, h.new_ones(width), h.new_zeros(width))


def _to_stack(value: Tensor) -> Tensor:
    return value.t().contiguous() if value.dim() == 2 else value.reshape(1, -1)


def _from_stack(value: Tensor, shape: torch.Size) -> Tensor:
    return value.t() if len(shape) == 2 else value.reshape(shape)


def _each_once(problem: Problem, make: Maker) -> list[Tensor]:
    """A matrix for each run, made once for runs that share a graph."""
    made: dict[int, Tensor] = {}
    for edge_index in problem.graphs:
        if id(edge_index) not in made:
            made[id(edge_index)] = make(edge_index, problem)
    return [made[id(edge_index)] for edge_index in problem.graphs]


def _blocks(problem: Problem, make: Maker) -> Tensor:
    return block_diagonal(_each_once(problem, make))


def _arc_counts(edge_index: Tensor, problem: Problem) -> Tensor:
    """Entry (i, j): how many arcs lead from j to i, no self-loops."""
    sources, ends = remove_self_loops(edge_index)[0]
    ones = torch.ones(ends.numel(), dtype=problem.x.dtype, device=ends.device)
    return csr_matrix(ends, sources, ones, (problem.num_nodes, problem.num_nodes))


def _gcn_matrix(edge_index: Tensor, problem: Problem) -> Tensor:
    """D^(-1/2) (A + I) D^(-1/2), each vertex with exactly one self-loop."""
    arcs, values = gcn_norm(
        remove_self_loops(edge_index)[0], None, problem.num_nodes, dtype=problem.x.dtype
    )
    return csr_matrix(arcs[1], arcs[0], values, (problem.num_nodes, problem.num_nodes))


def _features(problem: Problem) -> Operator | Tensor:
    """The features of all runs as `project` takes them."""
    if problem.x.layout == torch.strided:
        return problem.x
    return Operator.of(block_diagonal([problem.x] * len(problem.graphs)))


def _smoothed_features(problem: Problem, made: list[Tensor]) -> Operator | Tensor | None:
    """Adjacency times features for each run, or None where a first layer costs more with it.

    With dense features it never does, but every graph needs a dense matrix of its own: the runs
    must share theirs. With sparse features the product has to have fewer entries than both factors.
    """
    x = problem.x
    if x.layout == torch.strided:
        return sparse_product(made[0], x) if len({id(matrix) for matrix in made}) == 1 else None
    products: dict[int, Tensor] = {}
    for matrix in made:
        if id(matrix) not in products:
            product = torch.mm(matrix, x)
            if product.values().numel() > x.values().numel() + matrix.values().numel():
                return None
            products[id(matrix)] = product
    return Operator.of(block_diagonal([products[id(matrix)] for matrix in made]))
