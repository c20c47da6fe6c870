"""Attention of a GAT over one structure shared by many graphs, with a hand-written gradient.

The weight of a neighbour j of i is exp(LeakyReLU(s_j + d_i)) over the sum of these. Let a be the
slope of LeakyReLU below zero. LeakyReLU is the larger of two linear functions and exp is
increasing, so the exponential for a pair is the larger of exp(s_j) exp(d_i) and exp(a s_j) exp(a
d_i). Exponentials are thus computed for vertices, not for pairs. Scores are shifted so that all
factors are at most 1 and the heaviest neighbour of every vertex has weight 1, so nothing overflows,
and no sum is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


@dataclass(frozen=True, eq=False)
class TwinBlock:
    """Some classes of twins with the same number of members and of neighbours.

    Attributes:
        members: int64 [c, k], the k vertices of each of c classes.
        neighbors: int64 [c, q], the q vertices that send to the members of each class.
    """

    members: Tensor
    neighbors: Tensor

    def to(self, device: torch.device) -> TwinBlock:
        """The block on another device."""
        return TwinBlock(self.members.to(device), self.neighbors.to(device))


def attend(
    at_source: Tensor, at_end: Tensor, values: Tensor, blocks: Sequence[TwinBlock], slope: float
) -> Tensor:
    """Average the neighbours' values, weighted by the softmax of LeakyReLU(s_j + d_i).

    Args:
        at_source: The scores s, float [G, heads, n].
        at_end: The scores d, float [G, heads, n].
        values: Float [G, heads, n, size].
        blocks: Blocks in which each vertex is a member once.
        slope: Slope of LeakyReLU below zero, in (0, 1).

    Returns:
        Float [G, heads, n, size]. Costs O(G · heads · size · num_arcs).
    """
    with_ones = torch.cat([values, torch.ones_like(values[..., :1])], dim=3)
    mixed = [_attend_block(at_source, at_end, with_ones, block, slope) for block in blocks]
    members = torch.cat([block.members.reshape(-1) for block in blocks])
    return torch.cat(mixed, dim=2).index_select(2, members.argsort())


def _attend_block(
    at_source: Tensor, at_end: Tensor, with_ones: Tensor, block: TwinBlock, slope: float
) -> Tensor:
    classes, size = block.members.shape
    sources = _take(at_source, block.neighbors)  # [G, heads, c, q]
    ends = _take(at_end, block.members)  # [G, heads, c, k]
    chosen = _take(with_ones, block.neighbors)  # [G, heads, c, q, size + 1]
    mixed: Tensor = _Attention.apply(sources, ends, chosen, slope)  # type: ignore[no-untyped-call]
    return mixed.reshape(*at_end.shape[:2], classes * size, -1)


def _take(tensor: Tensor, index: Tensor) -> Tensor:
    """Index dimension 2 by [c, k], which replaces it by two dimensions."""
    chosen = tensor.index_select(2, index.reshape(-1))
    return chosen.view(*tensor.shape[:2], *index.shape, *tensor.shape[3:])


def _weights(sources: Tensor, ends: Tensor, slope: float) -> tuple[Tensor, Tensor]:
    """exp(LeakyReLU(s_j + d_i)), up to a factor for each i, and its derivative; [..., k, q]."""
    # shift by the larger exponent of the highest s_j, so that no factor exceeds 1
    highest = sources.amax(dim=-1, keepdim=True)
    top = ends + highest
    shift = torch.maximum(top, slope * top)
    below = sources - highest
    # The two products, with one exponential for each vertex.
    linear = (top - shift).exp().unsqueeze(-1) * below.exp().unsqueeze(-2)
    sloped = (slope * top - shift).exp().unsqueeze(-1) * (slope * below).exp().unsqueeze(-2)
    positive = sources.unsqueeze(-2) > -ends.unsqueeze(-1)  # s_j + d_i > 0, without rounding
    weights = torch.maximum(linear, sloped)
    return weights, torch.where(positive, linear, sloped.mul_(slope))


class _Attention(Function):
    """The last column of the values is ones, so one product also gives the sum of weights."""

    @staticmethod
    def forward(ctx: Any, sources: Tensor, ends: Tensor, values: Tensor, slope: float) -> Tensor:
        weights, derivative = _weights(sources, ends, slope)
        sums = weights @ values
        totals = sums[..., -1:]
        out = sums[..., :-1] / totals
        ctx.save_for_backward(weights, derivative, values, out, totals)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        weights, derivative, values, out, totals = ctx.saved_tensors
        # Gradient of the sums, from out = sums / totals; the totals are their last column.
        of_sums = torch.empty_like(values[..., :1, :]).expand(*out.shape[:-1], -1).contiguous()
        torch.div(gradient, totals, out=of_sums[..., :-1])
        of_sums[..., -1] = -(of_sums[..., :-1] * out).sum(dim=-1)
        # Gradients of values and scores, from sums = weights · values.
        of_values = weights.transpose(-1, -2) @ of_sums
        of_scores = (of_sums @ values.transpose(-1, -2)).mul_(derivative)
        return of_scores.sum(dim=-2), of_scores.sum(dim=-1), of_values, None
