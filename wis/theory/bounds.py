"""Bounds of the separation rank of product networks, from the graph alone.

Upper bounds hold for all weights. Theorem 7 uses the walk index. Theorem 10, for directed graphs,
uses the number of walks of all lengths below the depth. Lemma 51 uses the least cut of the tensor
network, which is at least as tight as both. Lower bounds hold for almost all weights: Theorems 8
and 11 count walks from an admissible subset of the boundary. Edge types change none of them
(Appendix D.2).

For every subset I of the vertices

    lower <= multiset <= log sep(f; I) <= merged cut <= cut <= log(D_h) · summed walks <= upper

where `summed walks` is the exponent of Theorem 10, which the proof of Theorem 7 reaches before its
last step. Logarithms are natural; exponents and numbers of walks are exact integers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from wis.theory.admissible import AdmissibleSubset, Method, admissible_subset
from wis.theory.min_cut import CutWeight, min_cut
from wis.theory.partitioned_network import PartitionedNetwork
from wis.theory.typed_graph import TypedGraph

MAX_EXACT_FLOAT = 1 << 1000
MAX_LOG_TERMS = 10_000


@dataclass(frozen=True)
class UpperBound:
    """The upper bound log sep(f; I) <= log(D_h) · exponent.

    Attributes:
        log: The bound.
        exponent: The exponent, an exact integer.
    """

    log: float
    exponent: int


@dataclass(frozen=True)
class LowerBound:
    """A lower bound of log sep(f; I) for almost all weights.

    Attributes:
        log: The bound of the theorem.
        multiset_log: The logarithm of a multiset coefficient, which the proof estimates from below
            in its last step; at least as high as `log`.
        num_walks: rho_{L-1}(C, V) or rho_{L-1}(C, {t}).
        admissible: The admissible subset C.
    """

    log: float
    multiset_log: float
    num_walks: int
    admissible: AdmissibleSubset


class SeparationBounds(PartitionedNetwork):
    """All bounds of the separation rank of a product network, each computed on first use.

    >>> from wis.datasets import load
    >>> found = SeparationBounds(TypedGraph.from_any(load("karate")), [0, 1, 2], 2, 2, target=8)
    >>> found.walk_index, round(found.lower.log, 2), round(found.upper.log, 2)
    (5, 0.89, 13.86)

    The arguments and errors are those of `PartitionedNetwork`; edge types do not matter. `method`
    is that of `admissible_subset`, for the lower bound.

    Cost: `lower` that of `admissible_subset`, each other bound O(depth · m) additions of Python
    integers.

    References:
        Theorems 7, 8, 10 and 11; Lemma 51.
    """

    def __init__(
        self,
        graph: TypedGraph,
        subset: Iterable[int] | Tensor,
        depth: int,
        width: int,
        *,
        in_dim: int | None = None,
        target: int | None = None,
        method: Method = "auto",
    ) -> None:
        super().__init__(graph, subset, depth, width, in_dim=in_dim, target=target)
        self.method: Method = method

    @property
    def upper(self) -> UpperBound:
        """Upper bound for all weights, of Theorem 7; for directed graphs `summed`.

        The exponent is 4 · WI + 1 for graph prediction and 4 · WI for vertex prediction (Equations
        (5.6) and (5.7)), for the walk index WI.
        """
        return self.summed if self.graph.directed else self._upper(4 * self.walk_index)

    @cached_property
    def summed(self) -> UpperBound:
        """Upper bound of Theorem 10, at least as tight as Theorem 7 in undirected graphs.

        The exponent sums over the walks of lengths 0 ... L - 1 (Equations (D.2) and (D.3)).
        """
        lengths = self.graph.walks_up_to(self.depth - 1, self.target)
        return self._upper(sum(counts[start] for counts in lengths for start in self.boundary))

    def _upper(self, exponent: int) -> UpperBound:
        exponent += self.target is None
        return UpperBound(_times(exponent, math.log(self.width)), exponent)

    @cached_property
    def cut(self) -> CutWeight:
        """The least cut of the tensor network (Lemma 51)."""
        return min_cut(self)

    @cached_property
    def merged_cut(self) -> CutWeight:
        """The least cut with one delta-tensor in the output layer."""
        return min_cut(self, merge_output=True)

    @cached_property
    def lower(self) -> LowerBound:
        """Lower bound for almost all weights, of Theorem 8, for directed graphs of Theorem 11.

        Every admissible subset gives a bound, and the heaviest one gives the highest. It is 0 if no
        walk leads from an admissible subset to the target.

        References:
            Equations (5.8), (5.9), (D.4) and (D.5); for the multiset coefficient Appendices
            D.7.3.1 and D.7.3.2, before Lemma 58.
        """
        dim = min(self.width, self.in_dim)
        best = admissible_subset(self.graph, self.subset, self.walks, self.method)
        walks = sum(self.walks[vertex] for vertex in best.vertices)
        if not walks:
            return LowerBound(0.0, 0.0, 0, best)
        if self.depth == 1:
            return LowerBound(math.log(dim), math.log(dim), walks, best)
        return LowerBound(_log_alpha(dim, walks), log_multiset(dim, walks), walks, best)

    @property
    def sources(self) -> dict[str, str]:
        """For each bound its theorem or lemma, with the number of the equation."""
        directed, summed = self.graph.directed, ("Theorem 10", "D.2", "D.3")
        # Of two equations the first is for graph prediction.
        places = {
            "lower": ("Theorem 11", "D.4", "D.5") if directed else ("Theorem 8", "5.8", "5.9"),
            "multiset": ("Lemma 54 or 55 and Lemma 57",),
            "merged_cut": ("Lemma 51, one output delta-tensor",),
            "cut": ("Lemma 51", "D.8", "D.9"),
            "summed": summed,
            "upper": summed if directed else ("Theorem 7", "5.6", "5.7"),
        }
        at = 1 + (self.target is not None)
        return {
            name: place[0] + (f", Equation ({place[at]})" if place[1:] else "")
            for name, place in places.items()
        }

    def as_record(self) -> dict[str, Any]:
        """The walk index, all bounds and their sources, for JSON."""
        facts = {"walk_index": self.walk_index, "num_boundary": len(self.boundary)}
        bounds = ("upper", "summed", "cut", "merged_cut", "lower")
        found = {name: asdict(getattr(self, name)) for name in bounds}
        return {**facts, **found, "sources": self.sources}


def log_multiset(dim: int, power: int) -> float:
    """Logarithm of the multiset coefficient C(D + P - 1, P), the rank of Appendix D.7.3.1."""
    fewer, more = sorted((dim - 1, power))
    if fewer <= MAX_LOG_TERMS:
        return math.fsum(math.log(more + k) - math.log(k) for k in range(1, fewer + 1))
    if more >= MAX_EXACT_FLOAT:  # (more + k) / more is 1 for every k, to rounding
        return fewer * math.log(more) - math.lgamma(fewer + 1)
    from scipy.special import betaln

    return -math.log(fewer + more + 1) - float(betaln(fewer + 1, more + 1))


def _log_alpha(dim: int, walks: int) -> float:
    """log(alpha_C) · rho for L >= 2: rho · log((D - 1) / rho + 1), which tends to D - 1."""
    if walks > MAX_EXACT_FLOAT:
        return float(dim - 1)
    return walks * math.log1p((dim - 1) / walks)


def _times(exponent: int, log: float) -> float:
    if not log:
        return 0.0
    return exponent * log if exponent < MAX_EXACT_FLOAT else math.inf
