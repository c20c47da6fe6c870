"""The least modified multiplicative cut weight of the tensor network of a product network.

A cut puts the leaves of the vertices in I on one side of the tree tensor network and the other
leaves on the other side. The least weight of a cut bounds the separation rank (Lemma 51). The
weight of a cut is the product of the dimensions of its cut legs; several cut legs of one
delta-tensor count once (Definition 19).

The network unrolls the computation, so its size is exponential in the depth. But all copies of a
subtree are equal, so a table over (layer, vertex) replaces the tree and takes O(depth · (n + m))
operations. For the node of W^(l) at vertex j, the table holds the least weight of its subtree if
the node is on either side:

- W^(1): no cut leg on the side of its leaf, one cut leg of dimension D_x on the other side;
- delta^(l,i): either all its children are on the side of its parent W^(l+1), or one leg of
  dimension D_h is cut and each child takes its better side.

In the output layer for graph prediction, legs join two delta-tensors. Definition 19 does not say to
which of the two such a leg belongs. Every assignment that counts each cut leg gives a bound; this
module uses the assignment with the fewest legs. Contracting these delta-tensors with each other
gives an equivalent network with one delta-tensor in that layer. `merge_output` uses that network,
whose least cut is lower still.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.errors import OptionError
from wis.theory.partitioned_network import PartitionedNetwork
from wis.theory.typed_graph import TypedGraph

Legs = NDArray[Any]
"""Python integers of shape [..., 2]: cut legs of dimension D_x, and of dimension D_h."""

MOST_LEGS = 10**300
"""Above this many legs float64 cannot compare weights."""


@dataclass(frozen=True)
class CutWeight:
    """A modified multiplicative cut weight D_x^a · D_h^b.

    Attributes:
        log_weight: Its natural logarithm.
        num_feature_legs: a, cut legs of dimension D_x.
        num_hidden_legs: b, cut legs of dimension D_h.
    """

    log_weight: float
    num_feature_legs: int
    num_hidden_legs: int


def min_cut(network: PartitionedNetwork, *, merge_output: bool = False) -> CutWeight:
    """Least modified multiplicative cut weight that separates the leaves of a subset of vertices.

    Its logarithm is an upper bound of log sep(f; I) for all weights of the product network.

    >>> import torch
    >>> path = TypedGraph.from_any(torch.tensor([[0, 1], [1, 2]]))
    >>> min_cut(PartitionedNetwork(path, [0], depth=2, width=3, target=2)).num_feature_legs
    1

    With `merge_output` the delta-tensors of the output layer count as one.

    Returns:
        The weight. Numbers of legs are exact; weights are compared by their logarithms in float64.

    Raises:
        OptionError: There are more than 10^300 legs.

    Cost: O(depth · (n + m)) additions of Python integers.

    References:
        Definition 19; Lemma 51, Equations (D.8) and (D.9); Appendix D.7.4 for directed graphs.
    """
    graph, target = network.graph, network.target
    best = _Best((math.log(network.in_dim), math.log(network.width)))
    children = _leaves(network.inside)
    for _ in range(network.depth - 1):
        pure, mixed = _delta(graph, children, best)
        children = best.of(pure, mixed[:, None])
    if target is None and merge_output:
        total = _merged_output(graph, children, best)
    else:
        pure, mixed = _delta(graph, children, best)
        if target is None:
            total = _output(pure, mixed, best)
        else:
            total = best.of(best.of(pure[target, 0], pure[target, 1]), mixed[target])
    return CutWeight(float(best.weight(total)), int(total[0]), int(total[1]))


class _Best:
    """Compares cuts, given as numbers of legs, by the logarithms of their weights."""

    def __init__(self, logs: tuple[float, float]) -> None:
        self.logs = logs

    def weight(self, legs: Legs) -> NDArray[np.float64]:
        """Logarithm of D_x^a · D_h^b, of the shape of `legs` without the last dimension."""
        parts = [
            _as_float(legs[..., kind]) * log if log else np.zeros(legs.shape[:-1])
            for kind, log in enumerate(self.logs)
        ]
        return np.asarray(parts[0] + parts[1])

    def of(self, one: Legs, other: Legs) -> Legs:
        """The lighter of two cuts, entry by entry; the first in a tie."""
        return np.where((self.weight(other) < self.weight(one))[..., None], other, one)


def _as_float(counts: Legs) -> NDArray[np.float64]:
    if counts.size and counts.max() > MOST_LEGS:
        raise OptionError(
            "the tensor network has more legs than 10^300, too many to weigh; take a smaller depth"
        )
    return counts.astype(np.float64)


def _leaves(inside: NDArray[np.bool_]) -> Legs:
    """Numbers of legs for W^(1): [n, 2, 2], vertex by side (0 is the side of I) by kind of leg."""
    legs = np.zeros((len(inside), 2, 2), dtype=object)
    legs[np.arange(len(inside)), inside.astype(np.int64), 0] = 1
    return legs


def _delta(graph: TypedGraph, children: Legs, best: _Best) -> tuple[Legs, Legs]:
    """delta^(l,i): all children on one side, [n, 2, 2], and with its own leg cut, [n, 2]."""
    pure = graph.sum_over_in_neighbours(children)
    mixed = graph.sum_over_in_neighbours(best.of(children[:, 0], children[:, 1]))
    mixed[:, 1] += 1
    return pure, mixed


def _output(pure: Legs, mixed: Legs, best: _Best) -> Legs:
    """Output layer of Equation (D.6): delta-tensors of layer L joined by another."""
    # Case 1: every layer-L delta-tensor is on the output's side, or has a cut leg of its own.
    on_one_side = [best.of(pure[:, side], mixed).sum(axis=0) for side in (0, 1)]
    # Case 2: some are on the other side, so a leg into the output delta-tensor is cut. A layer-L
    # delta-tensor with a cut leg of its own also accounts for that leg. Such a delta-tensor exists
    # in a least cut, because cutting its own leg costs no more than cutting the leg between the
    # two.
    free = best.of(best.of(pure[:, 0], pure[:, 1]), mixed)
    extra = best.weight(mixed) - best.weight(free)
    cut = int(np.argmin(extra))
    on_both = free.sum(axis=0) - free[cut] + mixed[cut]
    return best.of(best.of(on_one_side[0], on_one_side[1]), on_both)


def _merged_output(graph: TypedGraph, children: Legs, best: _Best) -> Legs:
    """The output layer as one delta-tensor, of order 1 + the number of arcs, loops included."""
    times = np.bincount(graph.arcs[0].numpy(), minlength=graph.num_nodes).astype(object)
    pure = (children * times[:, None, None]).sum(axis=0)
    mixed = (best.of(children[:, 0], children[:, 1]) * times[:, None]).sum(axis=0)
    mixed[1] += 1
    return best.of(best.of(pure[0], pure[1]), mixed)
