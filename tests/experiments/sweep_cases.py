"""Small sweeps: a graph that trains in milliseconds, and what the tests say about rows."""

from __future__ import annotations

import torch
from torch_geometric.data import Data

from wis.datasets import load
from wis.experiments.recipe import recipe_of
from wis.training import split_vertices

COSTS = (
    "cpu_seconds",
    "finished_at",
    "git_revision",
    "job_seconds",
    "order_cpu_seconds",
    "order_peak_memory_bytes",
    "order_seconds",
    "peak_memory_bytes",
    "seconds",
    "written",
)
"""What may differ between two runs of the same recipe."""


def toy_graph(seed: int = 0) -> Data:
    """Two communities, features that tell them apart only in part, and masks."""
    graph = load(f"sbm:n=40,p_in=0.3,seed={seed}")
    generator = torch.Generator().manual_seed(seed)
    y = (torch.arange(40) >= 20).long()
    x = torch.randn(40, 6, generator=generator) + y.unsqueeze(1) * 0.7
    return split_vertices(Data(x=x, y=y, edge_index=graph.edge_index, num_nodes=40), seed=seed)


def toy_recipe(path, **changes):
    """Two methods, three percentages, two seeds, a few epochs."""
    settings = {
        "models": "gcn",
        "methods": "wis,random",
        "remove": "0%,50%,100%",
        "seeds": "2",
        "max_epochs": 4,
        "width": 8,
        **changes,
    }
    return recipe_of(str(path), **settings)


def same_rows(rows):
    """Rows by key, without what a run costs."""
    return {
        row["key"]: {name: value for name, value in row.items() if name not in COSTS}
        for row in rows
    }
