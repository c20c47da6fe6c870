"""Rounds of UGS: train masks, remove edges, rewind, until enough are gone.

A round begins where every round begins: with the initial weights, buffers included, and with masks
of one on the edges that are left. So all that it depends on is which edges are left, and all that a
checkpoint has to hold are the edges removed so far, in their order.

Source: Algorithm 2 of Chen et al., ICML 2021, arXiv:2102.06790; Appendix D.6.2.2 of the thesis.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wis.base.atomic import check_writable
from wis.base.progress import Progress
from wis.errors import CheckpointError
from wis.graph import UndirectedGraph
from wis.models import build_model
from wis.training.checkpoint import read_checkpoint, write_checkpoint
from wis.training.edge_masks import LabelledVertices, MaskTraining, train_edge_masks


@dataclass(frozen=True)
class Pruning:
    """All that an order depends on beside the graph and its vertices.

    Attributes:
        model: A name of `wis.models.available_models`.
        depth: Number of layers.
        width: Size of the hidden embeddings.
        seed: Seed of the initial weights.
        round_fraction: Fraction of the original edges that a round removes, above 0, at most 1.
        masks: How masks are trained.
    """

    model: str
    depth: int
    width: int
    seed: int
    round_fraction: float
    masks: MaskTraining


def round_levels(num_edges: int, fraction: float) -> list[int]:
    """How many of the original edges are gone after each round: round-half-even(r · fraction · m).

    Args:
        num_edges: Number m of edges.
        fraction: What a round removes of them, above 0, at most 1.

    Returns:
        Rising numbers, the last of them m; rounds that would remove nothing are left out.
    """
    exact = Fraction(repr(float(fraction)))
    levels = [round(number * exact * num_edges) for number in range(1, math.ceil(1 / exact))]
    return sorted({*levels, num_edges} - {0})


def prune(
    graph: UndirectedGraph,
    vertices: LabelledVertices,
    config: Pruning,
    *,
    count: int,
    checkpoint: Path | None,
    progress: Progress,
) -> Tensor:
    """The first `count` edges, or some more, in the order in which UGS removes them.

    Args:
        graph: The graph, on the device where the work is done.
        vertices: Features, labels and training vertices.
        config: How.
        count: How many edges are wanted, 0 to m.
        checkpoint: A file that keeps the rounds that are done, written after each of them.
        progress: Told the number of edges removed; within a round it rises with the epochs.

    Returns:
        int64 edge ids, at least `count` of them.

    Raises:
        DivergedError: The loss or the masks are no longer finite.
        CheckpointError: The checkpoint is damaged, or of another order.
        GraphFileError: It cannot be read or written.
    """
    levels = round_levels(graph.num_edges, config.round_fraction)
    record = _Record.open(checkpoint, identity(graph, vertices, config), graph.num_edges, levels)
    if record.num_removed >= count:
        return record.removed
    vertices = vertices.to(graph.device)
    network = build_model(
        config.model,
        vertices.x.size(1),
        vertices.num_classes,
        depth=config.depth,
        width=config.width,
        seed=config.seed,
    ).to(graph.device)
    initial = {name: value.clone() for name, value in network.state_dict().items()}
    for level in levels:
        done = record.num_removed
        if not done < min(level, count):
            continue

        def report(epoch: int, done: int = done, size: int = level - done) -> None:
            progress(min(count, done + size * epoch // config.masks.epochs))

        left = _left(record.removed, graph.num_edges)
        edges = graph.edges[:, left.to(graph.device)]
        mask = train_edge_masks(network, initial, vertices, edges, config.masks, report)
        by_magnitude = mask.abs().cpu().sort(stable=True).indices  # ties: the smallest edge id
        record.add(left[by_magnitude[: level - done]])
    return record.removed


def _left(removed: Tensor, num_edges: int) -> Tensor:
    """Ids of the edges that are not removed, ascending."""
    stays = torch.ones(num_edges, dtype=torch.bool, device="cpu")
    stays[removed] = False
    return stays.nonzero().view(-1)


def identity(graph: UndirectedGraph, vertices: LabelledVertices, config: Pruning) -> str:
    """Hash of everything that the order depends on, but for versions and devices."""
    text = json.dumps(asdict(config), sort_keys=True)
    parts = f"wis-edge-rounds-1 {graph.fingerprint} {vertices.digest} {text}"
    return hashlib.sha256(parts.encode()).hexdigest()


@dataclass
class _Record:
    """The edges removed so far, on the CPU, and the file that keeps them if there is one."""

    path: Path | None
    identity: str
    removed: Tensor

    @property
    def num_removed(self) -> int:
        return self.removed.numel()

    @classmethod
    def open(cls, path: Path | None, identity: str, num_edges: int, levels: list[int]) -> _Record:
        """A new record, or the one that a file holds."""
        state = None
        if path is not None:
            check_writable(path, force=True)
            state = read_checkpoint(path, identity, "cpu")
        removed: Any = torch.empty(0, dtype=torch.int64, device="cpu")
        if state is not None:
            removed = state.get("removed")
        if state is not None and not _is_plausible(removed, num_edges, levels):
            raise CheckpointError(f"{path}: is damaged; delete it to start afresh")
        return cls(path, identity, removed)

    def add(self, ids: Tensor) -> None:
        """Append the edges of a round."""
        self.removed = torch.cat([self.removed, ids])
        if self.path is not None:
            write_checkpoint(self.path, self.identity, {"removed": self.removed})


def _is_plausible(removed: Any, num_edges: int, levels: list[int]) -> bool:
    """Whether these can be the edges of some rounds."""
    if not isinstance(removed, Tensor) or removed.ndim != 1:
        return False
    if removed.dtype != torch.int64 or removed.numel() not in levels:
        return False
    known = bool(((removed >= 0) & (removed < num_edges)).all())
    return known and len(set(removed.tolist())) == removed.numel()
