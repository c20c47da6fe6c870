"""Train edge masks together with a network: the step of UGS between two removals.

The mask holds a number for each undirected edge, which multiplies both its arcs in the adjacency
matrix before any normalisation. It starts at one. One Adam trains the mask and the weights on

    cross-entropy on the training vertices + l1 · Σ_e |mask_e|

for a fixed number of epochs; the mask of the last epoch counts. Weight decay acts on the mask and
on the weights, as in the programs published with both papers, with which Table D.2 was tuned. After
each step negative entries become zero, because degrees and softmaxes need nonnegative weights. With
the hyperparameters of Table D.2 and 200 epochs no entry comes near zero.

Source: Algorithm 1 of Chen, Sui, Chen, Zhang, Wang, *A Unified Lottery Ticket Hypothesis for Graph
Neural Networks*, ICML 2021, arXiv:2102.06790, without masks of weights (Appendix D.6.2.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from wis.datasets.splits import split_of_seed, take_split
from wis.errors import DivergedError, GraphFormatError, OptionError
from wis.graph import UndirectedGraph
from wis.models import GraphNetwork
from wis.training.problem import arrays_of, as_features, as_labels
from wis.training.sparse import Arcs, Features, SparseProducts, as_operand

NEEDS = {
    "x": "a number for each vertex and feature, [num_nodes, num_features]",
    "y": "an integer class for each vertex, [num_nodes]",
    "train_mask": "a boolean for each vertex; wis.training.split_vertices makes one",
}
"""Attributes of the data that training needs."""


@dataclass(frozen=True)
class MaskTraining:
    """Hyperparameters of the training of masks.

    Attributes:
        epochs: Number of steps, at least 1.
        learning_rate: Learning rate of Adam for the weights, above 0.
        mask_learning_rate: Learning rate of Adam for the mask, above 0.
        weight_decay: L2 penalty of Adam, at least 0.
        l1: Coefficient of the sum of the mask's absolute values, at least 0.
    """

    epochs: int
    learning_rate: float
    mask_learning_rate: float
    weight_decay: float
    l1: float


@dataclass(frozen=True, eq=False)
class LabelledVertices:
    """Features, labels and training vertices, without the graph.

    Attributes:
        x: float32 [n, in_dim], dense or in compressed rows, whichever is faster.
        y: int64 [n]; negative for vertices without a label.
        train_mask: Boolean [n].
    """

    x: Tensor
    y: Tensor
    train_mask: Tensor

    @property
    def num_classes(self) -> int:
        """The largest label + 1; at least 1."""
        return max(int(self.y.max()) + 1, 1) if self.y.numel() else 1

    @classmethod
    def of(
        cls, data: Any, graph: UndirectedGraph, purpose: str, *, seed: int = 0
    ) -> LabelledVertices:
        """Take features, labels and training vertices from a PyG object, and check them.

        Args:
            data: A `Data` with `x` [n, in_dim], a number for each entry, dense or sparse; integer
                `y` [n]; boolean `train_mask` [n], or [n, k] of k splits.
            graph: The graph; the tensors are moved to its device.
            purpose: Name of the caller in error messages.
            seed: Seed s takes split s mod k of k splits, as in training.

        Raises:
            OptionError: `data` is not a PyG `Data` with one type of vertices.
            GraphFormatError: An attribute is missing or has a wrong shape, dtype or value.
        """
        _check_kind(data, purpose)
        for name, form in NEEDS.items():
            value = data.get(name)
            if not isinstance(value, Tensor):
                found = f"a tensor, not a {type(value).__name__}"
                raise GraphFormatError(
                    f"{purpose} trains a network, so it needs data.{name}, "
                    f"{'which is missing' if value is None else found}: {form}"
                )
        data = take_split(data, split_of_seed(data, seed))
        n = graph.num_nodes
        y = as_labels(data.y, n)
        mask = _checked_mask(data.train_mask, y, need_some=graph.num_edges > 0)
        return cls(_checked_features(data.x, n), y, mask).to(graph.device)

    def to(self, device: torch.device) -> LabelledVertices:
        """A copy on another device."""
        return LabelledVertices(*(part.to(device) for part in (self.x, self.y, self.train_mask)))

    @property
    def digest(self) -> str:
        """Hexadecimal digest of all three tensors, the same on any machine."""
        hashed = hashlib.sha256(f"wis-labelled-1 {tuple(self.x.shape)}".encode())
        *places, values = arrays_of(self.x)
        places = [place.to(torch.int32) for place in places]  # saved orders hold this digest
        for part in (*places, values, self.y, self.train_mask):
            hashed.update(part.cpu().contiguous().numpy().tobytes())
        return hashed.hexdigest()[:32]


def _check_kind(data: Any, purpose: str) -> None:
    needed = ", ".join(NEEDS)
    if hasattr(data, "edge_types"):
        raise OptionError(
            f"{purpose} is for graphs with one type of vertices and edges, got a HeteroData; "
            f"convert it with to_homogeneous() and give it {needed}"
        )
    if not hasattr(data, "edge_stores"):
        raise OptionError(
            f"{purpose} trains a network, so it needs a PyG Data with {needed}; got a "
            f"{type(data).__name__}"
        )


def _checked_features(x: Tensor, num_nodes: int) -> Tensor:
    if x.dim() != 2 or x.size(0) != num_nodes or x.size(1) == 0 or x.is_complex():
        raise GraphFormatError(
            f"x is {x.dtype} of shape {list(x.shape)}; expected real numbers of shape "
            f"[{num_nodes}, num_features] with at least one feature"
        )
    made = as_features(x, num_nodes, torch.float32)
    if not bool(torch.isfinite(arrays_of(made)[-1]).all()):
        raise GraphFormatError(
            "x holds NaN, infinite values, or some too large for float32; replace them"
        )
    return made


def _checked_mask(mask: Tensor, y: Tensor, *, need_some: bool) -> Tensor:
    if mask.dtype != torch.bool or mask.shape != y.shape:
        raise GraphFormatError(
            f"train_mask is {mask.dtype} of shape {list(mask.shape)}; expected torch.bool of "
            f"shape [{y.numel()}]; wis.training.split_vertices makes one"
        )
    if need_some and not bool(mask.any()):
        raise GraphFormatError("train_mask is false everywhere; there is nothing to train on")
    if bool((mask & (y.to(mask.device) < 0)).any()):
        raise GraphFormatError(
            "a vertex of train_mask has a negative label in y; set train_mask to False there"
        )
    return mask


def train_edge_masks(
    network: GraphNetwork,
    initial: Mapping[str, Tensor],
    vertices: LabelledVertices,
    edges: Tensor,
    config: MaskTraining,
    report: Callable[[int], None],
) -> Tensor:
    """Train a mask, from ones, and a network, from its initial state; the network is changed.

    Args:
        network: The network, for vertex prediction, on the device of the edges.
        initial: Its initial parameters and buffers.
        vertices: Features, labels, training vertices.
        edges: int64 tensor of shape [2, k], u < v, no repeats.
        config: Hyperparameters.
        report: Called with the number of epochs done.

    Returns:
        float32 tensor of shape [k], the masks after the last epoch, at least 0.

    Raises:
        DivergedError: The loss or the masks are no longer finite.
        OptionError: The network takes no weights of arcs.

    Cost: a forward and a backward pass for each epoch; see `wis.training.sparse`.
    """
    network.load_state_dict(dict(initial))
    network.train()
    arcs = Arcs(torch.cat([edges, edges.flip(0)], dim=1), vertices.y.numel())
    x = as_operand(vertices.x) if network.uses_operators else vertices.x
    mask = torch.ones(edges.size(1), device=edges.device, requires_grad=True)
    groups: list[dict[str, Any]] = [
        {"params": list(network.parameters())},
        {"params": [mask], "lr": config.mask_learning_rate},
    ]
    optimizer = torch.optim.Adam(
        groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    rows = vertices.train_mask.nonzero().view(-1)
    labels = vertices.y[rows]
    for epoch in range(1, config.epochs + 1):
        optimizer.zero_grad()
        logits = masked_logits(network, arcs, x, mask)
        loss = cross_entropy(logits[rows], labels) + config.l1 * mask.abs().sum()
        _check_finite(loss, epoch, config)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            mask.clamp_(min=0)
        report(epoch)
    _check_finite(mask.detach().sum(), config.epochs, config)
    return mask.detach()


def masked_logits(network: GraphNetwork, arcs: Arcs, x: Features, mask: Tensor) -> Tensor:
    """Logits of each vertex, with gradients in the mask of each edge.

    Args:
        network: The network, for vertex prediction.
        arcs: All edges as arcs u → v, then all as arcs v → u.
        x: Features: a result of `as_operand`, or a tensor for a module of another author.
        mask: Float tensor of shape [k], one entry for each edge, at least 0.

    Raises:
        OptionError: The network takes no weights of arcs.
    """
    weights = torch.cat([mask, mask])
    if network.uses_operators:
        return network.over(x, SparseProducts(arcs, weights))
    logits: Tensor = network(x, arcs.edge_index, weights)
    return logits


def _check_finite(value: Tensor, epoch: int, config: MaskTraining) -> None:
    if not abs(float(value.detach())) < float("inf"):
        raise DivergedError(
            f"the loss or the masks of epoch {epoch} are not finite; expected numbers. Check the "
            f"features x for huge values, or lower learning_rate (now {config.learning_rate:g}) "
            f"and mask_learning_rate (now {config.mask_learning_rate:g})"
        )
