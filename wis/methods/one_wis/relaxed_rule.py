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

from wis.base.arrays import (
    AT_ONCE,
    parts,
    select,
    sort_in_place,
    sort_with_places,
    stable_argsort,
    where,
)

BITS = 32
MASK = (1 << BITS) - 1
FIRST_FACTOR, SECOND_FACTOR = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
GOLDEN = 0x9E3779B97F4A7C15
MOST_BITS = 63
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
    x = torch.empty_like(u)
    for part in parts(u, AT_ONCE):
        x[part] = _hash(u[part], v[part], seed)
    return x


def _hash(u: Tensor, v: Tensor, seed: int) -> Tensor:
    x = (u << BITS).bitwise_or_(v)
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
    bits = max(size - 1, 0).bit_length()
    low = (1 << bits) - 1
    keys = sort_with_places(hashes & ~low, bits)
    same = torch.empty(max(size - 1, 0), dtype=torch.bool, device=hashes.device)
    for part in parts(same, AT_ONCE):
        same[part] = (keys[1:][part] ^ keys[:-1][part]).bitwise_and_(~low) == 0
    order = keys.bitwise_and_(low)
    if bool(same.any()):
        tied = torch.zeros(size, dtype=torch.bool, device=hashes.device)
        tied[1:] = same
        tied[:-1] |= same
        places = where(tied)
        among = order[places]
        order[places] = among[torch.argsort(hashes[among])]
    return order


def degree_class(degree: Tensor) -> Tensor:
    """Number of binary digits of each degree: integers [n] -> uint8 [n]."""
    return torch.frexp(degree.double()).exponent.to(torch.uint8)


def edge_class(kind: Tensor, ends: Tensor) -> Tensor:
    """The class of each edge, the larger one of its ends': uint8 [n], [k, 2] -> uint8 [k]."""
    kinds = kind.index_select(0, ends.view(-1)).view(-1, 2)
    return torch.maximum(kinds[:, 0], kinds[:, 1])


def match(ends: Tensor, budget: Tensor, kinds: Tensor | None = None) -> Tensor:
    """Visit edges by priority and take each unless the budget of an end is spent.

    Args:
        ends: int32 or int64 tensor of shape [k, 2], contiguous: the two vertices of each edge.
        budget: Integer tensor of shape [n], how many edges each vertex may lose, 0 or more; edges
            that are taken are subtracted in place.
        kinds: uint8 tensor of shape [k], the class of each edge. Edges of a higher class go first,
            those of one class as they stand. None if all are of one class.

    Returns:
        bool tensor of shape [k], true for the edges taken.

    Cost: about log k rounds, each of which sorts the ends that have more edges than budget. Edges
    that a round settles are left out of the next.
    """
    if kinds is not None and _key_bits(ends, budget, kinds) > MOST_BITS:
        taken = torch.zeros_like(kinds, dtype=torch.bool)
        order = stable_argsort(int(kinds.max()) - kinds.long())
        taken[order] = match(ends[order], budget)
        return taken
    if budget.numel() and int(budget.min()) > 0:  # no edge is kept out yet
        taken = _unbeaten(ends, budget, kinds)
    else:
        taken = torch.zeros(ends.size(0), dtype=torch.bool, device=ends.device)
    live: Tensor | None = None
    go = taken
    while True:  # drop the edges whose ends are spent, then take those that no other can keep out
        rest = where(both(budget > 0, ends).bitwise_and_(~go))
        if not rest.numel():
            return taken
        live = rest if live is None else live.index_select(0, rest)
        ends = ends.index_select(0, rest)
        kinds = None if kinds is None else kinds.index_select(0, rest)
        if SMALL * live.numel() < budget.numel():
            taken[live[_match_renumbered(ends, budget, kinds)]] = True
            return taken
        go = _unbeaten(ends, budget, kinds)
        taken[select(live, go)] = True


def _match_renumbered(ends: Tensor, budget: Tensor, kinds: Tensor | None) -> Tensor:
    """`match` with only the vertices that occur."""
    occurs = torch.zeros_like(budget, dtype=torch.bool)
    occurs[ends.view(-1)] = True
    vertices = where(occurs)
    number = torch.empty(budget.numel(), dtype=ends.dtype, device=ends.device)
    number[vertices] = torch.arange(vertices.numel(), dtype=ends.dtype, device=ends.device)
    own = budget[vertices]
    taken = match(number[ends], own, kinds)
    budget[vertices] = own
    return taken


def both(marked: Tensor, ends: Tensor) -> Tensor:
    """Which edges have two marked ends: bool [n], [k, 2] -> bool [k]."""
    found = marked.index_select(0, ends.view(-1)).view(-1, 2)
    return found[:, 0] & found[:, 1]


def _key_bits(ends: Tensor, budget: Tensor, kinds: Tensor) -> int:
    """Bits of a number that holds a vertex, a class, and the place of an end."""
    classes = int(kinds.max()) - int(kinds.min()) if kinds.numel() else 0
    return sum(int(size).bit_length() for size in (budget.numel(), classes, ends.numel()))


def _unbeaten(ends: Tensor, budget: Tensor, kinds: Tensor | None) -> Tensor:
    """Edges with fewer edges before them than budget at both ends, as bool; budgets are charged."""
    n, flat = budget.numel(), ends.view(-1)
    # only ends with more edges than budget can keep an edge out
    count = torch.bincount(flat, minlength=n)
    tight = count > budget
    beaten = tight.index_select(0, flat)
    if not bool(beaten.any()):
        budget -= count
        return torch.ones(ends.size(0), dtype=torch.bool, device=ends.device)
    # the edges of each such vertex by priority: those within its budget are not beaten there
    bits = flat.numel().bit_length()
    keys = _keys(flat, beaten, kinds, bits)
    vertices = where(tight)
    count, first = count[vertices], budget[vertices].long()
    begin = count.cumsum(0).sub_(count)
    for of in parts(vertices, AT_ONCE >> 4):  # their edges are many more
        skipped = begin[of] - first[of].cumsum(0).sub_(first[of])
        row = skipped.repeat_interleave(first[of])
        row += torch.arange(row.numel(), device=ends.device)
        beaten[keys[row].bitwise_and_((1 << bits) - 1)] = False
    del keys
    go = beaten.view(torch.int16).eq(0)
    budget -= torch.bincount(ends[go].view(-1), minlength=n)
    return go


def _keys(flat: Tensor, beaten: Tensor, kinds: Tensor | None, bits: int) -> Tensor:
    """For each marked end its vertex, the rank of its class, its place, as one number; sorted."""
    highest, lowest = (0, 0) if kinds is None else (int(kinds.max()), int(kinds.min()))
    keys = torch.empty(int(beaten.sum()), dtype=torch.int64, device=flat.device)
    done = 0
    for part in parts(flat, AT_ONCE):
        places = where(beaten[part]).add_(part.start)
        key = flat.index_select(0, places).long()
        if kinds is not None:
            key <<= (highest - lowest).bit_length()
            key |= highest - kinds.index_select(0, places >> 1)
        key <<= bits
        keys[done : done + key.numel()] = key.bitwise_or_(places)
        done += key.numel()
    return sort_in_place(keys)
