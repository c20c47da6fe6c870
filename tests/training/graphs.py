"""Small planted tasks for the tests of training."""

from __future__ import annotations

import torch
from torch_geometric.data import Data

from wis.training import TrainConfig, split_vertices


def planted(*, num_nodes: int = 120, dim: int = 12, seed: int = 0, sparse: bool = False) -> Data:
    """Three communities; features say little about them, neighbours say more."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(num_nodes) % 3
    same = y[:, None] == y[None, :]
    chance = torch.where(same, 0.12, 0.01).triu(1)
    edges = (torch.rand(num_nodes, num_nodes, generator=generator) < chance).nonzero().T
    noise = torch.randn(num_nodes, dim, generator=generator)
    x = torch.nn.functional.one_hot(y, dim) + noise
    if sparse:
        x = x * (torch.rand(num_nodes, dim, generator=generator) < 0.1)
    data = Data(x=x.float(), y=y, edge_index=torch.cat([edges, edges.flip(0)], dim=1))
    return split_vertices(data, seed=seed, train=0.6, validation=0.2)


def quick(model: str = "gcn", **changes) -> TrainConfig:
    """A short run in float64 with all epochs recorded."""
    settings = {
        "depth": 3,
        "width": 8,
        "learning_rate": 0.01,
        "weight_decay": 1e-3,
        "max_epochs": 12,
        "dtype": "float64",
        "keep_curve": True,
        **changes,
    }
    return TrainConfig(model=model, **settings)
