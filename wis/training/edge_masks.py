"""Train edge masks together with a network: the step of UGS between two removals.

The mask holds a number for each undirected edge. Its absolute value multiplies both arcs of the
edge in the adjacency matrix before any normalisation, because degrees and softmaxes need
nonnegative weights. It starts at 1 ± 10^-5, as in both published programs. One Adam trains the mask
and the weights on

    cross-entropy on the training vertices + l1 · Σ_e |mask_e|

Weight decay acts on the mask and on the weights, as in the published programs. Training ends after
a number of epochs, or when the validation accuracy has not risen for some of them. The mask of the
last epoch counts, or that of the first epoch with the highest validation accuracy.

The gradient of the l1 term is often larger than that of the cross-entropy. Then all entries sink by
nearly the learning rate in each step of Adam until they reach zero, around which they swing by a
few steps. `indistinct` measures how much of a removal such swings decide.

Source: Algorithm 1 of Chen, Sui, Chen, Zhang, Wang, *A Unified Lottery Ticket Hypothesis for Graph
Neural Networks*, ICML 2021, arXiv:2102.06790, without masks of weights (Appendix D.6.2.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from wis.datasets.splits import split_of_seed, take_split
from wis.errors import DivergedError, GraphFormatError, OptionError
from wis.graph import UndirectedGraph
from wis.models import GraphNetwork
from wis.training.problem import arrays_of, as_features, as_labels
from wis.training.sparse import Arcs, Features, SparseProducts, as_operand
from wis.training.stopping import EarlyStopping

NEEDS = {
    "x": "a number for each vertex and feature, [num_nodes, num_features]",
    "y": "an integer class for each vertex, [num_nodes]",
    "train_mask": "a boolean for each vertex; wis.training.split_vertices makes one",
    "val_mask": "a boolean for each vertex; wis.training.split_vertices makes one",
}
"""Attributes of the data that training needs."""

MASKS = ("train_mask", "val_mask")

NOISE = 1e-5
"""Masks start at 1, give or take this much."""

MIN_DELTA = 0.0001
"""Smallest improvement of the validation accuracy, as in `wis.training.stopping`."""


@dataclass(frozen=True)
class MaskTraining:
    """Hyperparameters of the training of masks.

    Attributes:
        epochs: Largest number of steps, at least 1.
        learning_rate: Learning rate of Adam for the weights, above 0.
        mask_learning_rate: Learning rate of Adam for the mask, above 0.
        weight_decay: L2 penalty of Adam, at least 0.
        l1: Coefficient of the sum of the mask's absolute values, at least 0.
        patience: Epochs without a better validation accuracy after which training ends; 0 for no
            such end.
        keep: ``"last"`` or ``"best"``: the epoch whose mask counts.
    """

    epochs: int
    learning_rate: float
    mask_learning_rate: float
    weight_decay: float
    l1: float
    patience: int = 0
    keep: str = "last"


@dataclass(frozen=True, eq=False)
class LabelledVertices:
    """Features, labels, training and validation vertices, without the graph.

    Attributes:
        x: float32 [n, in_dim], dense or in compressed rows, whichever is faster.
        y: int64 [n]; negative for vertices without a label.
        train_mask: Boolean [n].
        val_mask: Boolean [n].
    """

    x: Tensor
    y: Tensor
    train_mask: Tensor
    val_mask: Tensor

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
                `y` [n]; boolean `train_mask` and `val_mask` [n], or [n, k] of k splits.
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
        masks = (_checked_mask(name, data[name], y, graph.num_edges > 0) for name in MASKS)
        return cls(_checked_features(data.x, n), y, *masks).to(graph.device)

    def to(self, device: torch.device) -> LabelledVertices:
        """A copy on another device."""
        return LabelledVertices(*(part.to(device) for part in vars(self).values()))

    @property
    def digest(self) -> str:
        """Hexadecimal digest of all tensors, the same on any machine."""
        hashed = hashlib.sha256(f"wis-labelled-2 {tuple(self.x.shape)}".encode())
        *places, values = arrays_of(self.x)
        places = [place.to(torch.int32) for place in places]  # saved orders hold this digest
        for part in (*places, values, self.y, self.train_mask, self.val_mask):
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


def _checked_mask(name: str, mask: Tensor, y: Tensor, need_some: bool) -> Tensor:
    if mask.dtype != torch.bool or mask.shape != y.shape:
        raise GraphFormatError(
            f"{name} is {mask.dtype} of shape {list(mask.shape)}; expected torch.bool of "
            f"shape [{y.numel()}]; wis.training.split_vertices makes one"
        )
    if need_some and not bool(mask.any()):
        raise GraphFormatError(f"{name} is false everywhere; there is nothing to learn from")
    if bool((mask & (y.to(mask.device) < 0)).any()):
        raise GraphFormatError(
            f"a vertex of {name} has a negative label in y; set {name} to False there"
        )
    return mask


def train_edge_masks(
    network: GraphNetwork,
    initial: Mapping[str, Tensor],
    vertices: LabelledVertices,
    edges: Tensor,
    config: MaskTraining,
    report: Callable[[int], None],
    seed: Sequence[int] = (0,),
) -> Tensor:
    """Train a mask, and a network from its initial state; the network is changed.

    Args:
        network: The network, for vertex prediction, on the device of the edges.
        initial: Its initial parameters and buffers.
        vertices: Features, labels, training and validation vertices.
        edges: int64 tensor of shape [2, k], u < v, no repeats.
        config: Hyperparameters.
        report: Called with the number of epochs done.
        seed: Numbers that give the noise of the first mask, and dropout.

    Returns:
        float32 tensor of shape [k], the masks, of either sign.

    Raises:
        DivergedError: The loss or the masks are no longer finite.
        OptionError: The network takes no weights of arcs.

    Cost: a forward and a backward pass for each epoch; see `wis.training.sparse`. Networks with
    dropout or batch normalisation need one more forward pass to be validated.
    """
    network.load_state_dict(dict(initial))
    arcs = Arcs(torch.cat([edges, edges.flip(0)], dim=1), vertices.y.numel())
    x = as_operand(vertices.x) if network.uses_operators else vertices.x
    noise = np.random.default_rng([*seed, 0]).uniform(-NOISE, NOISE, edges.size(1))
    mask = torch.from_numpy((1 + noise).astype(np.float32)).to(edges.device).requires_grad_()
    groups: list[dict[str, Any]] = [
        {"params": list(network.parameters())},
        {"params": [mask], "lr": config.mask_learning_rate},
    ]
    optimizer = torch.optim.Adam(
        groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    rows, held_out = (part.nonzero().view(-1) for part in (vertices.train_mask, vertices.val_mask))
    labels, expected = vertices.y[rows], vertices.y[held_out]
    validates = config.patience > 0 or config.keep == "best"
    rule = EarlyStopping(len(held_out), config.patience or config.epochs, MIN_DELTA)
    kept, logits = mask.detach(), None
    for epoch in range(1, config.epochs + 1):
        if logits is None:
            logits = masked_logits(network.train(), arcs, x, mask)
        loss = cross_entropy(logits.index_select(0, rows), labels) + config.l1 * mask.abs().sum()
        _check_finite(loss, epoch, config)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        logits = None
        report(epoch)
        if not validates:
            continue
        if network.same_in_evaluation:  # the next step uses these logits too
            logits = after = masked_logits(network, arcs, x, mask)
        else:
            with torch.no_grad():
                after = masked_logits(network.eval(), arcs, x, mask)
        found = after.detach().index_select(0, held_out).argmax(dim=1)
        exhausted = rule.update(int((found == expected).sum()))
        if config.keep == "best" and rule.is_best:
            kept = mask.detach().clone()
        if exhausted:
            break
    _check_finite(kept.sum(), epoch, config)
    return kept


def masked_logits(network: GraphNetwork, arcs: Arcs, x: Features, mask: Tensor) -> Tensor:
    """Logits of each vertex, with gradients in the mask of each edge.

    Args:
        network: The network, for vertex prediction.
        arcs: All edges as arcs u → v, then all as arcs v → u.
        x: Features: a result of `as_operand`, or a tensor for a module of another author.
        mask: Float tensor of shape [k], one entry for each edge; its absolute values count.

    Raises:
        OptionError: The network takes no weights of arcs.
    """
    weights = mask.abs().repeat(2)
    if network.uses_operators:
        return network.over(x, SparseProducts(arcs, weights))
    logits: Tensor = network(x, arcs.edge_index, weights)
    return logits


def indistinct(magnitudes: Tensor, number: int, step: float) -> float:
    """Share of the edges whose magnitude is within one step of Adam of the last one removed.

    Adam moves an entry by about its learning rate in each step. So among these edges the epoch at
    which training happened to end decides which ones are removed, not what the network has learned.

    Args:
        magnitudes: Float tensor of shape [k], absolute values of masks.
        number: Number of edges to remove, 1 to k; the smallest magnitudes go.
        step: The learning rate of the masks.

    >>> indistinct(torch.tensor([0.1, 0.5, 0.504, 0.9]), number=2, step=0.01)
    0.5
    """
    threshold = magnitudes.kthvalue(number).values
    return float(((magnitudes - threshold).abs() <= step).double().mean())


def _check_finite(value: Tensor, epoch: int, config: MaskTraining) -> None:
    if not abs(float(value.detach())) < float("inf"):
        raise DivergedError(
            f"the loss or the masks of epoch {epoch} are not finite; expected numbers. Check the "
            f"features x for huge values, or lower learning_rate (now {config.learning_rate:g}) "
            f"and mask_learning_rate (now {config.mask_learning_rate:g})"
        )
