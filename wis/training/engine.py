"""Engines, which compute the epochs of a run.

`FullBatch` takes a step on all training vertices or graphs. A network of wis computes with
`wis.training.sparse.SparseProducts`. If its forward pass is the same in training and evaluation,
one forward pass serves the evaluation after a step and the next step. A module of another author is
called with dense features.

`MiniBatches` is for graphs whose gradients do not fit into memory at once. It takes a step for each
mini-batch of an epoch; accuracies are measured on the whole graph, without gradients. PyTorch
Geometric forms the mini-batches in one of three ways:

- ``"neighbor"``: `NodeLoader` draws `num_neighbors` neighbours for each vertex and layer around
  `batch_size` training vertices (see `wis.training.neighbors`). The degrees of a GCN are those of
  the drawn arcs;
- ``"random-parts"``: `RandomNodeLoader` divides the vertices at random into `num_parts` parts in
  each epoch and trains on the graphs that they induce; the edges between parts are missing for that
  epoch.
- ``"graphs"``: `DataLoader` draws `batch_size` training graphs of a list.

`Links` predicts edges. Its network gives embeddings, from which a decoder computes scores of pairs
(see `wis.training.problem`). The loss compares the training edges with as many pairs that are no
training edges, drawn anew in each epoch, or with the training pairs of label 0 if there are any.

Dropout and sampling in an epoch depend only on the seed and the number of the epoch, so a resumed
run gives the same result as an uninterrupted one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader, NodeLoader, RandomNodeLoader
from torch_geometric.utils import remove_self_loops, unbatch, unbatch_edge_index

from wis.datasets.splits import NonEdges
from wis.graph import UndirectedGraph
from wis.models import GraphNetwork, build_model
from wis.training.config import DTYPES, TrainConfig
from wis.training.neighbors import NeighborSampler
from wis.training.problem import Problem, decoder_of, link_metrics, ordered_pairs
from wis.training.sparse import Arcs, SparseProducts, as_operand

Counts = tuple[int, int, int]


@dataclass(frozen=True)
class EpochResult:
    """Result of an epoch.

    Attributes:
        loss: Cross-entropy on the training vertices before the step.
        correct: Points after the step (see `Problem.sizes`): training, validation, test.
        finite: Whether all predictions after the step are finite.
        metrics: Further test metrics after the step.
    """

    loss: float
    correct: Counts
    finite: bool
    metrics: dict[str, float] = field(default_factory=dict)


def build(in_dim: int, out_dim: int, config: TrainConfig) -> GraphNetwork:
    """A freshly initialised network for a run, on the CPU."""
    return build_model(
        config.model,
        in_dim,
        out_dim,
        depth=config.depth,
        width=config.width,
        task="graph" if config.task == "graph" else "vertex",
        seed=config.seed,
        dtype=DTYPES[config.dtype],
        **config.model_options,
    )


def adam(parameters: Sequence[Any], config: TrainConfig) -> torch.optim.Adam:
    """Adam with default β₁ and β₂, all parameters in one fused step."""
    return torch.optim.Adam(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )


def make_engine(problem: Problem, config: TrainConfig) -> FullBatch:
    """The engine that a configuration asks for."""
    if config.task == "link":
        return Links(problem, config)
    return FullBatch(problem, config) if config.sampler is None else MiniBatches(problem, config)


class FullBatch:
    """A step on all training vertices in each epoch."""

    def __init__(self, problem: Problem, config: TrainConfig) -> None:
        self.problem, self.config = problem, config
        self.network = self._built().to(problem.x.device)
        self.optimizer = adam(list(self.network.parameters()), config)
        self.masks = problem.masks.to(problem.x.dtype)
        self.rows = problem.masks[0].nonzero().view(-1)
        self.targets = problem.y.index_select(0, self.rows)
        self.next_logits: Tensor | None = None
        self.forward: Callable[[], Tensor]
        self._prepare()

    def _built(self) -> GraphNetwork:
        return build(self.problem.x.size(1), self.problem.num_classes, self.config)

    def _prepare(self) -> None:
        problem = self.problem
        num_graphs = None if problem.batch is None else problem.y.numel()
        batches: dict[str, Any] = {"batch": problem.batch, "num_graphs": num_graphs}
        if self.network.uses_operators:
            x = as_operand(problem.x)
            weight = problem.edge_weight
            if weight is None:
                shape = problem.edge_index.size(1)
                weight = torch.ones(shape, dtype=problem.x.dtype, device=problem.x.device)
            arcs, weight = remove_self_loops(problem.edge_index, weight)
            graph = SparseProducts(Arcs(arcs, len(problem.x)), weight, features=x, **batches)
            self.forward = lambda: self.network.over(x, graph)
        else:
            dense = problem.x if problem.x.layout == torch.strided else problem.x.to_dense()
            batches["edge_weight"] = problem.edge_weight
            self.forward = lambda: self.network(dense, problem.edge_index, **batches)

    @property
    def name(self) -> str:
        """Name of the engine in the record."""
        return "sparse" if self.network.uses_operators else "modules"

    def epoch(self, number: int) -> EpochResult:
        """Train and evaluate in epoch `number`, counted from 1."""
        with self._seeded(number):
            loss = self._train()
        return self._result(loss, self._evaluate())

    @contextmanager
    def _seeded(self, number: int) -> Iterator[None]:
        """Seed torch's global generators (CPU and GPU) for an epoch; restore them afterwards."""
        if not self.network.is_random and self.config.sampler is None:
            yield
            return
        device = self.problem.x.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed((self.config.seed * 1_000_003 + number) % 2**63)
            yield

    def _train(self) -> Tensor:
        """A step; returns the loss before it."""
        logits = self.next_logits
        if logits is None:
            self.network.train()
            logits = self.forward()
        loss = self._loss(logits)
        self._step(loss)
        return loss.detach()

    def _loss(self, logits: Tensor) -> Tensor:
        return cross_entropy(logits.index_select(0, self.rows), self.targets)

    def _step(self, loss: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _evaluate(self) -> Tensor:
        """Logits of all rows; the next step uses them if evaluation equals training."""
        if self.network.same_in_evaluation and self.config.sampler is None:
            self.next_logits = self.forward()
            return self.next_logits.detach()
        self.network.eval()
        with torch.no_grad():
            return self.forward()

    def _result(self, loss: Tensor, logits: Tensor) -> EpochResult:
        """The result of an epoch, in one transfer from the device."""
        hits = (logits.argmax(dim=1) == self.problem.y).to(self.masks.dtype)
        facts = torch.cat([loss.view(1), logits.sum().view(1), torch.mv(self.masks, hits)])
        loss_, total, *correct = facts.tolist()
        train, val, test = (int(count) for count in correct)
        return EpochResult(loss_, (train, val, test), abs(total) < float("inf"))

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Load a result of `state`."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.next_logits = None


class MiniBatches(FullBatch):
    """A step for each mini-batch in each epoch."""

    name = "mini-batch"

    def _prepare(self) -> None:
        super()._prepare()
        config, problem = self.config, self.problem
        x = problem.x if problem.x.layout == torch.strided else problem.x.to_dense()
        data = Data(
            x=x.cpu(),
            y=problem.y.cpu(),
            edge_index=problem.edge_index.cpu(),
            train_mask=problem.masks[0].cpu(),
        )
        if config.sampler == "random-parts":
            self.loader: Iterable[Any] = RandomNodeLoader(data, config.num_parts, shuffle=True)
            return
        if config.sampler == "graphs":
            self.loader = DataLoader(_graphs_of(data, problem), config.batch_size, shuffle=True)
            return
        assert config.depth is not None
        sampler = NeighborSampler(
            data.edge_index, len(x), num_neighbors=config.num_neighbors, depth=config.depth
        )
        self.loader = NodeLoader(
            data, sampler, input_nodes=data.train_mask, batch_size=config.batch_size, shuffle=True
        )

    def _train(self) -> Tensor:
        """A step for each mini-batch; returns the mean of the losses before them."""
        network, device = self.network.train(), self.problem.x.device
        total, count = torch.zeros((), dtype=self.problem.x.dtype, device=device), 0
        of_graphs = self.config.sampler == "graphs"
        for batch in self.loader:
            batch = batch.to(device)
            chosen = torch.arange(len(batch.y), device=device) if of_graphs else trained_rows(batch)
            if chosen.numel() == 0:
                continue
            graphs = {"batch": batch.batch, "num_graphs": len(batch.y)} if of_graphs else {}
            logits = network(batch.x, batch.edge_index, **graphs)[chosen]
            loss = cross_entropy(logits, batch.y[chosen])
            self._step(loss)
            total += loss.detach() * chosen.numel()
            count += chosen.numel()
        return total / count


def _graphs_of(data: Data, problem: Problem) -> list[Data]:
    """The training graphs of a batch, one by one."""
    assert problem.batch is not None
    batch, num_graphs = problem.batch.cpu(), len(problem.y)
    xs = unbatch(data.x, batch, batch_size=num_graphs)
    arcs = unbatch_edge_index(data.edge_index, batch, batch_size=num_graphs)
    rows = data.train_mask.nonzero().view(-1).tolist()
    return [Data(x=xs[row], edge_index=arcs[row], y=data.y[row].view(1)) for row in rows]


def trained_rows(batch: Any) -> Tensor:
    """Rows of a mini-batch whose loss is minimised."""
    if "batch_size" in batch:  # a NodeLoader puts the training vertices first
        return torch.arange(batch.batch_size, device=batch.x.device)
    rows: Tensor = batch.train_mask.nonzero().view(-1)
    return rows


class Links(FullBatch):
    """A step on all training edges, and on pairs without an edge, in each epoch."""

    def __init__(self, problem: Problem, config: TrainConfig) -> None:
        super().__init__(problem, config)
        assert problem.pairs is not None
        self.pairs = problem.pairs
        rows = [
            (problem.masks[part] & (problem.y == label)) for part in range(3) for label in (1, 0)
        ]
        self.parts = [row.nonzero().view(-1) for row in rows]
        known = torch.cat([self.pairs[:, self.parts[0]], problem.edge_index], dim=1)
        self.free = NonEdges(UndirectedGraph.from_any(known.cpu(), len(problem.x)))
        self.negatives = self.pairs[:, self.parts[1]]
        self.draws = self.negatives.size(1) == 0

    def _built(self) -> GraphNetwork:
        config = self.config
        network = build(self.problem.x.size(1), config.width, config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.decoder = decoder_of(config.decoder, config.width).to(DTYPES[config.dtype])
        network.add_module("decoder", self.decoder)  # trained and saved with the network
        return network

    def epoch(self, number: int) -> EpochResult:
        """Draw pairs without an edge, train and evaluate."""
        if self.draws:
            rng = np.random.default_rng([self.config.seed, number])
            self.negatives = self.free.draw(len(self.parts[0]), rng).to(self.pairs.device)
        return super().epoch(number)

    def _scores(self, z: Tensor, pairs: Tensor) -> Tensor:
        products = z.index_select(0, pairs[0]) * z.index_select(0, pairs[1])
        scores: Tensor = self.decoder(products).view(-1)
        return scores

    def _loss(self, z: Tensor) -> Tensor:
        positive = self.pairs.index_select(1, self.parts[0])
        scores = self._scores(z, torch.cat([positive, self.negatives], dim=1))
        labels = (torch.arange(len(scores), device=z.device) < positive.size(1)).to(z.dtype)
        return binary_cross_entropy_with_logits(scores, labels)

    @torch.no_grad()
    def _result(self, loss: Tensor, z: Tensor) -> EpochResult:
        scores = self._scores(z, self.pairs)
        positive, negative = ([scores[row] for row in self.parts[label::2]] for label in (0, 1))
        negative[0] = self._scores(z, self.negatives)
        counts = [ordered_pairs(*both) for both in zip(positive, negative, strict=True)]
        metrics = link_metrics(*counts[2], len(negative[2]))
        del metrics["auc"]  # which is the score
        points = [(lower + not_higher).sum() for lower, not_higher in counts]
        facts = [loss, scores.sum() + negative[0].sum(), *points, *metrics.values()]
        loss_, total, *others = torch.stack([fact.double() for fact in facts]).tolist()
        train, val, test = (int(count) for count in others[:3])
        named = dict(zip(metrics, others[3:], strict=True))
        return EpochResult(loss_, (train, val, test), abs(total) < float("inf"), named)
