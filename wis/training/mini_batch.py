"""Mini-batches, for graphs whose gradients do not fit into memory at once.

Two ways to form them, both PyTorch Geometric's:

- ``"neighbor"``: `NodeLoader` draws `num_neighbors` neighbours for each vertex and layer around
  `batch_size` training vertices (see `wis.training.neighbors`). Degrees, for a GCN, are those of
  what was drawn;
- ``"random-parts"``: `RandomNodeLoader` divides the vertices at random into `num_parts` parts in
  each epoch and trains on the graphs that they induce; the edges between parts are missing for that
  epoch.

An epoch takes a step for each mini-batch. Accuracies are measured on the whole graph with all its
edges, without gradients, so nothing is sampled there. What is sampled in an epoch depends on the
seed and the number of the epoch alone, so that a resumed run goes on as it would have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch_geometric.data import Data
from torch_geometric.loader import NodeLoader, RandomNodeLoader

from wis.training.config import TrainConfig
from wis.training.engine import ModuleEngine
from wis.training.neighbors import NeighborSampler
from wis.training.problem import Problem


class MiniBatchEngine(ModuleEngine):
    """Mini-batches for each run, one run after the other."""

    name = "mini-batch"

    def __init__(self, problem: Problem, configs: Sequence[TrainConfig]) -> None:
        super().__init__(problem, configs)
        x = problem.x
        self.dense = (x if x.layout == torch.strided else x.to_dense()).cpu()
        self.loaders = [self._loader(position) for position in range(len(self.configs))]

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with some of the runs only."""
        super().keep(positions)
        self.loaders = [self.loaders[position] for position in positions]

    def _train(self, position: int) -> Tensor:
        """A step for each mini-batch; returns the mean of the losses before them."""
        module = self.modules[position].train()
        device = self.problem.x.device
        total, count = torch.zeros((), dtype=self.problem.x.dtype, device=device), 0
        for batch in self.loaders[position]:
            batch = batch.to(device)
            chosen = _trained_rows(batch)
            if chosen.numel() == 0:
                continue
            logits = module(batch.x, batch.edge_index)[chosen]
            loss = cross_entropy(logits, batch.y[chosen])
            self._step(position, loss)
            total += loss.detach() * chosen.numel()
            count += chosen.numel()
        return total / count

    def _loader(self, position: int) -> Iterable[Any]:
        config, problem = self.configs[position], self.problem
        mask = problem.masks[position, 0].cpu()
        data = Data(
            x=self.dense,
            y=problem.y.cpu(),
            edge_index=problem.graphs[position].cpu(),
            train_mask=mask,
        )
        if config.sampler == "random-parts":
            loader: Iterable[Any] = RandomNodeLoader(data, config.num_parts, shuffle=True)
            return loader
        assert config.depth is not None
        sampler = NeighborSampler(
            data.edge_index,
            problem.num_nodes,
            num_neighbors=config.num_neighbors,
            depth=config.depth,
        )
        sampled: Iterable[Any] = NodeLoader(
            data, sampler, input_nodes=mask, batch_size=config.batch_size, shuffle=True
        )
        return sampled


def _trained_rows(batch: Any) -> Tensor:
    """Rows of a mini-batch that count for the loss."""
    if "batch_size" in batch:  # a NodeLoader puts the training vertices first
        return torch.arange(batch.batch_size, device=batch.x.device)
    rows: Tensor = batch.train_mask.nonzero().view(-1)
    return rows
