"""Relaxed 1-WIS: its rule, and the kernel that all its engines use.

The rule, for ``epsilon`` >= 0: with k the largest smaller degree of the endpoints of an edge that
is left, an edge may go if both its endpoints have degree k / (1 + epsilon) or more. Many edges may
go at once, so the order is made in *phases*:

1. k is the largest smaller degree now, and the *threshold* is t = ceil(k / (1 + epsilon)).
2. A vertex of degree d >= t may lose d - t + 1 edges, its *budget*. In whatever order they go, the
   vertex has degree t or more each time. Since k only falls, every step keeps to the rule.
3. The edges between such vertices are visited by *priority*, and each goes unless the budget of an
   end is spent. Those that went, by priority, are the next part of the order.
4. No edge with both degrees at t or more is left then: k is t - 1 or less.

Priority: first the *class* of the larger degree when the phase begins, the number of its binary
digits, the highest first; then a hash of the seed and the two vertex ids. The class is a coarse
form of the second key of the exact rule. It keeps nearly all walk indices that the exact rule
keeps; the hash alone would not. So the order depends on the graph and the seed, not on how the
edges are divided or how many are visited together. The rule is sequential and has one outcome. It
is computed in three ways:

- `match` finds it for edges in memory in few rounds: an edge goes as soon as fewer edges of higher
  priority than the budget allows are left at both its ends;
- edges that come in blocks by falling priority are matched block by block (`wis.scale.stream`);
- sums over vertices of edges below chosen priorities settle most edges of many partitions at once,
  and the few that are left are matched in memory (`wis.scale.rounds`).
"""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from torch import Tensor

from wis.base.arrays import sort_values

BITS = 32
MASK = (1 << BITS) - 1
FIRST_FACTOR, SECOND_FACTOR = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
GOLDEN = 0x9E3779B97F4A7C15
SMALL = 8
"""Vertices are renumbered once a match has fewer than n / 8 edges: arrays get small, but that takes
a sort."""


def threshold(k: int, factor: Fraction) -> int:
    """The least degree that is enough, ceil(k / (1 + epsilon)); at least 1 for k >= 1."""
    return math.ceil(k / factor)


def edge_hash(u: Tensor, v: Tensor, seed: int) -> Tensor:
    """A pseudo-random int64 for each edge, different for different edges.

    Args:
        u: int64 tensor of shape [k], the smaller vertex id of each edge, below 2^32.
        v: int64 tensor of shape [k], the larger one.
        seed: Any integer from 0 to 2^63 - 1.

    Returns:
        int64 tensor of shape [k]. A smaller hash, as a signed number, goes first. The map is a
        bijection of the 64 bits of (u, v), the finalizer of SplitMix64.

    References: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    x = (u << BITS) | v
    x ^= _signed(_mixed((seed + 1) * GOLDEN % 2**64))
    x ^= _shifted(x, 30)
    x *= _signed(FIRST_FACTOR)
    x ^= _shifted(x, 27)
    x *= _signed(SECOND_FACTOR)
    x ^= _shifted(x, 31)
    return x


def _shifted(x: Tensor, bits: int) -> Tensor:
    """Logical shift to the right."""
    return (x >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def _mixed(x: int) -> int:
    x = (x ^ (x >> 30)) * FIRST_FACTOR % 2**64
    x = (x ^ (x >> 27)) * SECOND_FACTOR % 2**64
    return x ^ (x >> 31)


def _signed(x: int) -> int:
    return x - 2**64 if x >= 2**63 else x


def hash_order(hashes: Tensor) -> Tensor:
    """Positions of distinct int64 `hashes` of shape [m] by rising hash.

    Most bits of a hash and the position are packed into one number, since sorting values is several
    times faster than sorting positions. The few that agree in these bits are sorted afterwards.
    """
    size = hashes.numel()
    if size < 2:
        return torch.arange(size, device=hashes.device)
    low = (1 << (size - 1).bit_length()) - 1
    keys = hashes & ~low
    keys |= torch.arange(size, device=hashes.device)
    keys = sort_values(keys)
    order = keys & low
    keys &= ~low
    same = keys[1:] == keys[:-1]
    if bool(same.any()):
        tied = torch.zeros(size, dtype=torch.bool, device=hashes.device)
        tied[1:] = same
        tied[:-1] |= same
        places = tied.nonzero().view(-1)
        among = order[places]
        order[places] = among[torch.argsort(hashes[among])]
    return order


def degree_class(degree: Tensor) -> Tensor:
    """Number of binary digits of each degree: int64 [n] -> int64 [n]."""
    return torch.frexp(degree.double()).exponent.to(torch.int64)


def match(a: Tensor, b: Tensor, budget: Tensor) -> Tensor:
    """Visit edges by priority and take each unless the budget of an end is spent.

    Args:
        a: int64 tensor of shape [k], one end of each edge, the edges by falling priority.
        b: int64 tensor of shape [k], the other end.
        budget: int64 tensor of shape [n], how many edges each vertex may lose, 0 or more; edges
            that are taken are subtracted in place.

    Returns:
        bool tensor of shape [k], true for the edges taken.

    Cost: about log k rounds, each of which sorts the ends that have more edges than budget. Edges
    that a round settles are left out of the next.
    """
    taken = torch.zeros(a.numel(), dtype=torch.bool, device=a.device)
    open_ = (budget.index_select(0, a) > 0) & (budget.index_select(0, b) > 0)
    live = open_.nonzero().view(-1)
    a, b = a.index_select(0, live), b.index_select(0, live)
    while live.numel():
        if SMALL * live.numel() < budget.numel():
            taken[live[_match_renumbered(a, b, budget)]] = True
            break
        # take the edges that no other edge can keep out, then drop those whose ends are spent
        go = _unbeaten(a, b, budget)
        taken[live[go]] = True
        rest = (~go & (budget.index_select(0, a) > 0) & (budget.index_select(0, b) > 0)).nonzero()
        rest = rest.view(-1)
        live, a, b = (part.index_select(0, rest) for part in (live, a, b))
    return taken


def _match_renumbered(a: Tensor, b: Tensor, budget: Tensor) -> Tensor:
    """`match` with only the vertices that occur."""
    vertices, ends = torch.unique(torch.stack([a, b]), return_inverse=True)
    own = budget[vertices]
    taken = match(ends[0], ends[1], own)
    budget[vertices] = own
    return taken


def _unbeaten(a: Tensor, b: Tensor, budget: Tensor) -> Tensor:
    """Edges with fewer edges before them than budget at both ends, as bool; budgets are charged."""
    size, n = a.numel(), budget.numel()
    # only ends with more edges than budget can keep an edge out
    count = torch.bincount(a, minlength=n).add_(torch.bincount(b, minlength=n))
    tight = count > budget
    at_a = tight.index_select(0, a).nonzero().view(-1)
    at_b = tight.index_select(0, b).nonzero().view(-1)
    go = torch.ones(size, dtype=torch.bool, device=a.device)
    if at_a.numel() + at_b.numel() == 0:
        budget -= count
        return go
    ends = torch.cat([a.index_select(0, at_a), b.index_select(0, at_b)])
    # the edges of each such end by priority: those after its budget are late
    keys = sort_values((ends << BITS) | torch.cat([at_a, at_b]))
    count *= tight
    end_of_budget = count.cumsum(0).sub_(count).add_(budget)  # in the rows of the sorted keys
    place = torch.arange(keys.numel(), device=a.device)
    late = place >= end_of_budget.index_select(0, keys >> BITS)
    go[(keys & MASK)[late]] = False
    budget -= torch.bincount(a[go], minlength=n).add_(torch.bincount(b[go], minlength=n))
    return go
