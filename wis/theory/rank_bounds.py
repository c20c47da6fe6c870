"""An interval that holds the separation rank of almost all product networks, from the graph alone.

The bounds of Theorems 7 and 8 are tight up to factors in the logarithm. Both proofs treat copies of
a vector as if they were different vectors. This module counts copies once.

Notation: n_k is the number of walks of length L - 1 from vertex k (to the target, if there is one),
S_k and T_k are the incoming neighbours of k inside and outside I, and Sym(d, n) = C(d + n - 1, n)
is the number of monomials of degree n in d variables.

Upper bounds, for all weights. The output is a polynomial of degree n_k in the embedding h^(1,k) =
p_k ⊙ q_k, where p_k depends on the features of S_k and q_k on those of T_k. Then

1. columns: the output is a combination of the monomials of all q_k with coefficients that depend
   on I only. The separation rank is at most the product of Sym(D_h, n_T) over the different T,
   where n_T sums n_k over the vertices with T_k = T. Vertices with the same outgoing arcs enter
   through the Hadamard product of their embeddings only, which gives another such count.
2. rows: the same with I and its complement exchanged.
3. boundary: vertices of the boundary count the other side's vectors, so that h^(1,k) belongs to the
   side of k, and the network has one layer less. One layer of graph prediction has at most D_h.

Lower bound, for almost all weights. Set the features outside of I' ⊂ I and J' ⊂ I^c to ones. With
the weights of Appendix D.7.3.1 the output is the product of (sum over i <= D of p_k,i q_k,i)^n_k
over all k, times functions of one side (Lemmas 54, 55 and 60). Its expansion has positive
coefficients. The exponents of a monomial of the rows are R α and those of the columns C α, where α
holds the exponents of each k, and R and C are the incidence matrices of S_k and T_k. What both R α
and C α determine splits the matrix of coefficients into diagonal blocks. None of them is zero, so
their number is a lower bound. For C = {k} with one neighbour in I' and in J' it is at least the
multiset coefficient of Theorem 8.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import attrgetter

from wis.theory.bounds import SeparationBounds, log_multiset
from wis.theory.typed_graph import TypedGraph

MAX_LOG = 20_000.0
"""Larger numbers are not computed exactly; they would have more than 8,685 digits."""
MAX_CLASSES = 60
"""Classes of vertices for which exact linear algebra takes about a second."""

SIDES = "monomials of the rows", "monomials of the columns"

Powers = Sequence[tuple[int, int]]
"""Pairs (d, n), which stand for the product of Sym(d, n)."""


@dataclass(frozen=True)
class RankBound:
    """A bound of the separation rank itself.

    Attributes:
        log: Natural logarithm.
        count: The exact integer; of a lower bound above e^20000 a smaller one, of an upper bound
            None.
        source: The argument that gives it, in a few words.
    """

    log: float
    count: int | None
    source: str

    @classmethod
    def of(cls, powers: Powers, source: str) -> RankBound:
        """The bound that is the product of Sym(d, n)."""
        log = _log_size(powers)
        if log > MAX_LOG:
            return cls(log, None, source)
        return cls(log, math.prod(math.comb(d + n - 1, min(n, d - 1)) for d, n in powers), source)

    def times(self, other: RankBound) -> RankBound:
        """The product of two bounds."""
        log = self.log + other.log
        both = None if self.count is None or other.count is None else self.count * other.count
        return RankBound(log, both if log <= MAX_LOG else None, self.source)


def rank_interval(bounds: SeparationBounds) -> tuple[RankBound, RankBound]:
    """Lower bound for almost all weights, and upper bound for all weights.

    >>> import torch
    >>> clique = TypedGraph.from_any(torch.combinations(torch.arange(4)).T)
    >>> [bound.count for bound in rank_interval(SeparationBounds(clique, [0, 1], 2, 3))]
    [153, 153]

    Cost: O(depth · m) operations on sets, and exact linear algebra for at most 60 classes of
    vertices.

    References:
        Theorem 8; Lemmas 51, 54, 55 and 60; the module's docstring.
    """
    arcs = _Arcs(bounds.graph, set(bounds.subset))
    cut, in_dim, width = bounds.merged_cut, bounds.in_dim, bounds.width
    cut_powers = Counter({in_dim: cut.num_feature_legs}) + Counter({width: cut.num_hidden_legs})
    uppers = [_upper(arcs, bounds.depth, width, in_dim, bounds.target)]
    if cut.log_weight <= MAX_LOG:
        count = math.prod(dim**legs for dim, legs in cut_powers.items())
        uppers.append(RankBound(cut.log_weight, count, "least cut (Lemma 51)"))
    return max(_lowers(arcs, bounds), key=_log), min(uppers, key=_log)


_log = attrgetter("log")


def _log_size(powers: Powers) -> float:
    return math.fsum(log_multiset(dim, power) for dim, power in powers)


class _Arcs:
    """The arcs of a graph, by their heads and by their tails, and the two sides of a partition."""

    def __init__(self, graph: TypedGraph, inside: set[int]) -> None:
        self.graph = graph
        self.sides = inside, set(range(graph.num_nodes)) - inside
        self.into: list[list[tuple[int, int]]] = [[] for _ in range(graph.num_nodes)]
        self.out: list[list[tuple[int, int]]] = [[] for _ in range(graph.num_nodes)]
        for (tail, head), kind in zip(graph.arcs.t().tolist(), graph.types.tolist(), strict=True):
            self.into[head].append((tail, kind))
            self.out[tail].append((head, kind))

    def tails(self, head: int, members: set[int]) -> frozenset[tuple[int, int]]:
        """The incoming neighbours of a vertex among some vertices, with the types of the arcs."""
        return frozenset(arc for arc in self.into[head] if arc[0] in members)


def _upper(arcs: _Arcs, depth: int, width: int, in_dim: int, target: int | None) -> RankBound:
    """The least of the upper bounds, for networks of 1, 2, ..., depth layers."""
    heads = range(arcs.graph.num_nodes) if target is None else [target]
    mixed = all(any(arcs.tails(head, side) for head in heads) for side in arcs.sides)
    best = RankBound.of([(width, 1)] if mixed else [], "the width, in one layer")
    for layer, walks in enumerate(arcs.graph.walks_up_to(depth - 1, target), start=1):
        leaf = in_dim if layer == depth else width
        found = [best] if layer == 1 else [_boundary(arcs, walks, leaf, width).times(best)]
        for side, name in zip(arcs.sides, SIDES, strict=True):
            heads = range(arcs.graph.num_nodes)
            found.append(RankBound.of(_of_heads(arcs, heads, side, walks, leaf, width), name))
            found.append(RankBound.of(_of_tails(arcs, side, walks, leaf, width), name))
        best = min(found, key=_log)
    return best


def _boundary(arcs: _Arcs, walks: Sequence[int], leaf: int, width: int) -> RankBound:
    """Monomials of the other side's vectors, over the vertices of each side."""
    inside, outside = arcs.sides
    powers = [
        *_of_heads(arcs, inside, outside, walks, leaf, width),
        *_of_heads(arcs, outside, inside, walks, leaf, width),
    ]
    return RankBound.of(powers, "monomials of the boundary")


def _of_heads(
    arcs: _Arcs, heads: Iterable[int], side: set[int], walks: Sequence[int], leaf: int, width: int
) -> Powers:
    """Monomials of the products of the mapped features of a side, as some vertices receive them."""
    degrees: Counter[frozenset[tuple[int, int]]] = Counter()
    for head in heads:
        degrees[arcs.tails(head, side)] += walks[head]
    powers: list[tuple[int, int]] = []
    for tails, degree in degrees.items():
        if tails and degree:
            powers += _fewer([(width, degree)], [(leaf, degree)] * len(tails))
    return powers


def _of_tails(arcs: _Arcs, side: set[int], walks: Sequence[int], leaf: int, width: int) -> Powers:
    """Monomials of the features of a side; vertices with the same outgoing arcs count once."""
    groups = Counter(frozenset(arcs.out[tail]) for tail in side)
    powers: list[tuple[int, int]] = []
    for out, size in groups.items():
        degrees: Counter[int] = Counter()
        for head, kind in out:
            degrees[kind] += walks[head]
        mapped = [(width, degree) for degree in degrees.values()]
        powers += _fewer(mapped, [(leaf, degrees.total())] * size)
    return powers


def _fewer(one: Powers, other: Powers) -> Powers:
    return min(one, other, key=_log_size)


def _lowers(arcs: _Arcs, bounds: SeparationBounds) -> list[RankBound]:
    """The multiset coefficient of Theorem 8, and numbers of diagonal blocks."""
    lower, dim = bounds.lower, min(bounds.width, bounds.in_dim)
    power = (1 if bounds.depth == 1 else lower.num_walks) if lower.num_walks else 0
    found = [RankBound.of([(dim, power)], "Theorem 8 (multiset coefficient)")]
    if bounds.depth > 1:
        chosen = set(lower.admissible.inner), set(lower.admissible.outer)
        for sides in (arcs.sides, chosen):
            powers = _blocks(arcs, sides, bounds.walks, dim)
            found.append(RankBound.of(powers, "diagonal blocks"))
    for at, bound in enumerate(found):
        if bound.count is None:
            found[at] = RankBound(bound.log, 10 ** int(MAX_LOG / math.log(10)), bound.source)
    return found


def _blocks(
    arcs: _Arcs, sides: tuple[set[int], set[int]], walks: Sequence[int], dim: int
) -> Powers:
    """A number of values of what the exponents of rows and of columns determine alike."""
    degrees: Counter[tuple[frozenset[int], ...]] = Counter()
    for head, degree in enumerate(walks):
        tails = {tail for tail, _ in arcs.into[head]}
        degrees[tuple(frozenset(tails & side) for side in sides)] += degree
    classes = [key for key, degree in degrees.items() if all(key) and degree]
    if len(classes) > MAX_CLASSES:
        return []
    kernels: list[list[Fraction]] = []
    for number in (0, 1):
        tails = set().union(*(key[number] for key in classes))
        rows = {tuple(int(tail in key[number]) for key in classes) for tail in tails}
        kernels += _null_space(sorted(rows), len(classes))
    shared = list(zip(*_null_space(kernels, len(classes)), strict=True))  # a column for each class
    merged: Counter[tuple[Fraction, ...]] = Counter()
    for column, key in zip(shared, classes, strict=False):
        merged[column] += degrees[key]
    # Independent columns: exponents of the others stay at one corner, so values are different.
    ranked = sorted((column for column in merged if any(column)), key=lambda c: (-merged[c], c))
    _, pivots = _reduced([list(row) for row in zip(*ranked, strict=True)])
    return [(dim, merged[ranked[pivot]]) for pivot in pivots]


def _reduced(rows: Sequence[Sequence[int | Fraction]]) -> tuple[list[list[Fraction]], list[int]]:
    """Reduced row echelon form without zero rows, exactly, and its pivots."""
    left = [[Fraction(value) for value in row] for row in rows]
    done: list[list[Fraction]] = []
    pivots: list[int] = []
    for column in range(len(left[0]) if left else 0):
        pivot = next((row for row in left if row[column]), None)
        if pivot is None:
            continue
        left.remove(pivot)
        pivot = [value / pivot[column] for value in pivot]
        left, done = (
            [[a - row[column] * b for a, b in zip(row, pivot, strict=True)] for row in part]
            for part in (left, done)
        )
        done.append(pivot)
        pivots.append(column)
    return done, pivots


def _null_space(rows: Sequence[Sequence[int | Fraction]], size: int) -> list[list[Fraction]]:
    """A basis of the vectors of a size that are orthogonal to all rows."""
    reduced, pivots = _reduced(rows)
    basis = []
    for free in sorted(set(range(size)) - set(pivots)):
        vector = [Fraction(int(at == free)) for at in range(size)]
        for row, pivot in zip(reduced, pivots, strict=True):
            vector[pivot] = -row[free]
        basis.append(vector)
    return basis
