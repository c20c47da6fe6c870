"""Rounds of UGS: train masks, remove edges, rewind, until enough are gone.

Every round begins with the initial weights, buffers included, and with fresh masks on the edges
that are left. So a round depends only on which edges are left, and a checkpoint has to hold only
the edges removed so far, in their order.

Source: Algorithm 2 of Chen et al., ICML 2021, arXiv:2102.06790; Appendix D.6.2.2 of the thesis.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import statistics
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.base.atomic import check_writable
from wis.base.progress import Progress
from wis.errors import CheckpointError
from wis.graph import UndirectedGraph
from wis.models import build_model
from wis.training.checkpoint import read_checkpoint, write_checkpoint
from wis.training.edge_masks import LabelledVertices, MaskTraining, indistinct, train_edge_masks

_log = logging.getLogger(__name__)

MOST = 0.5
"""Share of edges that are not told apart (see `indistinct`) from which a round is reported."""


@dataclass(frozen=True)
class Pruning:
    """The options that an order depends on.

    Attributes:
        model: A name of `wis.models.available_models`, or ``"module:Class"``.
        depth: Number of layers.
        width: Size of the hidden embeddings.
        seed: Seed of the initial weights, of the noise of masks, of dropout, and of ties.
        round_fraction: Fraction of the original edges that a round removes, above 0, at most 1.
        masks: Hyperparameters of the training of masks.
    """

    model: str
    depth: int
    width: int
    seed: int
    round_fraction: float
    masks: MaskTraining


def round_levels(num_edges: int, fraction: float) -> list[int]:
    """Number of edges removed after each round r: round-half-even(r · fraction · m).

    Args:
        num_edges: Number m of edges.
        fraction: The fraction of them that a round removes, above 0, at most 1.

    Returns:
        Strictly increasing numbers that end with m; rounds that remove no edge are left out.

    >>> round_levels(10, 0.3)
    [3, 6, 9, 10]
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
    """At least the first `count` edges in the order in which UGS removes them.

    Args:
        graph: The graph, on the device of the work.
        vertices: Features, labels and training vertices.
        config: The options.
        count: Number of edges, 0 to m; the result ends with a whole round.
        checkpoint: A file of the finished rounds, written after each round.
        progress: Called with the number of edges removed; within a round it rises with the epochs.

    Returns:
        int64 edge ids, at least `count` of them.

    Raises:
        DivergedError: The loss or the masks are no longer finite.
        OptionError: The network takes no weights of arcs.
        CheckpointError: The checkpoint is damaged, or of another order.
        GraphFileError: The checkpoint cannot be read or written.
    """
    m, levels = graph.num_edges, round_levels(graph.num_edges, config.round_fraction)
    key = identity(graph, vertices, config)
    removed = torch.empty(0, dtype=torch.int64, device="cpu")
    if checkpoint is not None:
        check_writable(checkpoint, force=True)
        state = read_checkpoint(checkpoint, key, "cpu")
        if state is not None:
            removed = _checked(state.get("removed"), m, levels, checkpoint)
    if len(removed) >= count:
        return removed
    vertices = vertices.to(graph.device)
    sizes: dict[str, Any] = {"depth": config.depth, "width": config.width, "seed": config.seed}
    network = build_model(config.model, vertices.x.size(1), vertices.num_classes, **sizes)
    network = network.to(graph.device)
    initial = {name: value.clone() for name, value in network.state_dict().items()}
    shares = []
    for level in levels:
        done = len(removed)
        if not done < min(level, count):
            continue

        def report(epoch: int, done: int = done, size: int = level - done) -> None:
            progress(min(count, done + size * epoch // config.masks.epochs))

        # Train masks on the edges that are left, then remove those of smallest magnitude.
        stays = torch.ones(m, dtype=torch.bool, device="cpu")
        stays[removed] = False
        left = stays.nonzero().view(-1)
        edges = graph.edges[:, left.to(graph.device)]
        source = (config.seed, level)
        with torch.random.fork_rng([graph.device] if graph.device.type == "cuda" else []):
            torch.manual_seed((config.seed * 1_000_003 + level) % 2**63)  # of dropout
            mask = train_edge_masks(network, initial, vertices, edges, config.masks, report, source)
        magnitudes = mask.abs().cpu()
        shuffled = np.random.default_rng([*source, 1]).permutation(len(left))  # breaks ties
        by_magnitude = np.lexsort((shuffled, magnitudes.numpy()))[: level - done]
        removed = torch.cat([removed, left[torch.from_numpy(by_magnitude)]])
        shares.append(indistinct(magnitudes, level - done, config.masks.mask_learning_rate))
        if checkpoint is not None:
            write_checkpoint(checkpoint, key, {"removed": removed})
    _warn(shares)
    return removed


def _warn(shares: list[float]) -> None:
    """Say in how many rounds most of the edges were not told apart, and how many edges."""
    unsure = [share for share in shares if share > MOST]
    if unsure:
        _log.warning(
            "ugs: in %d of %d rounds the masks hardly tell edges apart: %.0f %% of them (median) "
            "are within one step of Adam of the last one removed, so the epoch at which training "
            "ended decides which of these go",
            len(unsure),
            len(shares),
            100 * statistics.median(unsure),
        )


def identity(graph: UndirectedGraph, vertices: LabelledVertices, config: Pruning) -> str:
    """Hash of everything that the order depends on, except versions and devices."""
    text = json.dumps(asdict(config), sort_keys=True)
    parts = f"wis-edge-rounds-2 {graph.fingerprint} {vertices.digest} {text}"
    return hashlib.sha256(parts.encode()).hexdigest()


def _checked(removed: Any, num_edges: int, levels: list[int], path: Path) -> Tensor:
    """The edges in a checkpoint; `CheckpointError` unless they can be those of whole rounds."""
    is_plausible = (
        isinstance(removed, Tensor)
        and (removed.ndim, removed.dtype) == (1, torch.int64)
        and removed.numel() in levels
        and bool(((removed >= 0) & (removed < num_edges)).all())
        and len(set(removed.tolist())) == len(removed)
    )
    if not is_plausible:
        raise CheckpointError(f"{path}: is damaged; delete it to start afresh")
    edges: Tensor = removed
    return edges
