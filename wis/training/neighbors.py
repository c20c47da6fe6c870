"""Neighbour sampling for PyTorch Geometric's `NodeLoader` in plain torch.

PyG's own `NeighborLoader` needs compiled code: ``pyg-lib`` (no wheel for current torch on the
package index) or ``torch-sparse`` (must be compiled). This sampler replaces it, so that runs give
the same result on every machine.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.sampler import BaseSampler, NodeSamplerInput, SamplerOutput


class NeighborSampler(BaseSampler):  # type: ignore[misc]
    """Draw neighbours without replacement, layer by layer, around some vertices.

    For each vertex that a layer reaches for the first time, torch's global generator draws
    `num_neighbors` of the arcs that end there, or takes all if there are fewer.

    Args:
        edge_index: int64 tensor of shape [2, num_arcs] on the CPU.
        num_nodes: Number of vertices n.
        num_neighbors: Number of arcs to draw for each vertex, -1 for all.
        depth: Number of layers.

    A draw sorts all arcs that end at the reached vertices; of n it needs nothing but one array,
    which all draws share. In the sample, arcs are sorted by their ends.
    """

    def __init__(
        self, edge_index: Tensor, num_nodes: int, *, num_neighbors: int, depth: int
    ) -> None:
        self.num_nodes, self.num_neighbors, self.depth = num_nodes, num_neighbors, depth
        order = torch.argsort(edge_index[1], stable=True)
        self.sources = edge_index[0, order]
        self.starts = torch.zeros(num_nodes + 1, dtype=torch.int64, device="cpu")
        self.starts[1:] = torch.bincount(edge_index[1], minlength=num_nodes).cumsum(0)
        self.place = torch.full((num_nodes,), -1, dtype=torch.int64, device="cpu")

    def sample_from_nodes(self, index: NodeSamplerInput, **_: Any) -> SamplerOutput:
        """The given vertices, then the vertices reached from them, and the drawn arcs."""
        try:
            return self._sample(index)
        except BaseException:  # the next draw needs a clean array
            self.place.fill_(-1)
            raise

    def _sample(self, index: NodeSamplerInput) -> SamplerOutput:
        place, parts, rows, columns = self.place, [index.node], [], []
        place[index.node] = torch.arange(index.node.numel(), device="cpu")
        reached = index.node.numel()
        for _layer in range(self.depth):
            ends, sources = self._draw(parts[-1])
            new = torch.unique(sources[place[sources] < 0])
            place[new] = torch.arange(reached, reached + new.numel(), device="cpu")
            reached += new.numel()
            parts.append(new)
            rows.append(place[sources])
            columns.append(place[ends])
        nodes = torch.cat(parts)
        place[nodes] = -1
        return SamplerOutput(
            node=nodes,
            row=torch.cat(rows),
            col=torch.cat(columns),
            edge=None,
            metadata=(index.input_id, index.time),
        )

    def sample_from_edges(self, index: Any, neg_sampling: Any = None) -> SamplerOutput:
        """Not supported."""
        raise TypeError("NeighborSampler samples around vertices, not around edges")

    def _draw(self, vertices: Tensor) -> tuple[Tensor, Tensor]:
        """Ends and sources of the drawn arcs that end at some vertices."""
        degrees = self.starts[vertices + 1] - self.starts[vertices]
        group = torch.repeat_interleave(torch.arange(vertices.numel(), device="cpu"), degrees)
        offsets = degrees.cumsum(0) - degrees
        within = torch.arange(group.numel(), device="cpu") - offsets[group]
        arcs = self.starts[vertices][group] + within
        if self.num_neighbors >= 0:
            keys = group + torch.rand(group.numel(), dtype=torch.float64, device="cpu")
            chosen = torch.argsort(keys)[
                within < self.num_neighbors
            ]  # `within` ranks the sorted keys
            group, arcs = group[chosen], arcs[chosen]
        return vertices[group], self.sources[arcs]

    @property
    def edge_permutation(self) -> None:
        """None: the sample does not name the drawn arcs."""
        return None
