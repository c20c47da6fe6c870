"""Uniformly random removal: the baseline of Figures 5.3 and D.5 (Section 5.5.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from wis.base.progress import Progress
from wis.graph import CanonicalGraph
from wis.methods.registry import register


@register(
    "random",
    summary="edges in uniformly random order (the baseline)",
    uses_seed=True,
    supports_directed=True,
)
def random_order(graph: CanonicalGraph, *, count: int, seed: int, progress: Progress) -> Tensor:
    """A uniformly random permutation of the edges, for a seed the same on every device. O(m)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(graph.num_edges, generator=generator, device="cpu")[:count].to(
        graph.device
    )
