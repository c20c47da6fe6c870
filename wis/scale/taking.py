"""A phase of relaxed 1-WIS while it goes on, over all vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from wis.methods.one_wis.relaxed_rule import match
from wis.scale.phases import LAST, Phase, classes_of

Ints = NDArray[np.int64]


@dataclass
class Taking:
    """A phase on its way: budgets and cuts of all vertices.

    Attributes:
        degree: int64 [n], degrees when it began.
        vertices: int64 [p], the vertices that take part.
        kind: uint8 [n], classes of their degrees, 0 for the others.
        before: int64 [n], budgets when it began.
        budget: int64 tensor [n], what is left of them.
        cut_kind: uint8 [n], class of the last edge that each vertex lost.
        cut_hash: int64 [n], its hash.
    """

    degree: Ints
    vertices: Ints
    kind: NDArray[np.uint8]
    before: Ints
    budget: torch.Tensor
    cut_kind: NDArray[np.uint8]
    cut_hash: Ints

    @classmethod
    def begin(cls, degree: Ints, t: int) -> Taking:
        """The phase with threshold t, nothing taken yet."""
        vertices = np.flatnonzero(degree >= t)
        kind = np.zeros(degree.size, np.uint8)
        kind[vertices] = classes_of(degree[vertices])
        before = np.maximum(degree - (t - 1), 0)
        budget = torch.from_numpy(before.copy())
        cut_kind, cut_hash = np.zeros(degree.size, np.uint8), np.zeros(degree.size, np.int64)
        return cls(degree, vertices, kind, before, budget, cut_kind, cut_hash)

    def match(self, u: Ints, v: Ints) -> NDArray[np.bool_]:
        """Take what can be taken of edges that come next by priority; they are charged."""
        return match(torch.from_numpy(u), torch.from_numpy(v), self.budget).numpy()

    def note_cuts(self, u: Ints, v: Ints, kinds: NDArray[np.uint8], places: Ints) -> None:
        """Note edges that are taken, by priority: the last one that each vertex lost counts."""
        ends, places = np.stack([u, v], axis=1).reshape(-1), np.repeat(places, 2)
        kinds = np.repeat(kinds, 2)
        later = (kinds != self.cut_kind[ends]) | (places > self.cut_hash[ends])
        self.cut_kind[ends[later]] = kinds[later]  # of equal indices numpy lets the last one win
        self.cut_hash[ends[later]] = places[later]

    def note_reaches(self, kind: int, lost: NDArray[np.bool_], reach: Ints) -> None:
        """Note edges of a class that are taken up to a hash, at the vertices that lost some."""
        self.cut_kind[lost] = kind
        self.cut_hash[lost] = reach[lost]

    def degree_after(self) -> Ints:
        """int64 [n], the degrees now."""
        lost: Ints = self.before - self.budget.numpy()
        return self.degree - lost

    def phase(self, number: int, t: int, removed: int, limit: tuple[int, int] | None) -> Phase:
        """What is to be written down."""
        spent = self.budget.numpy()[self.vertices] == 0
        cut_kind = np.where(spent, self.cut_kind[self.vertices], 0).astype(np.uint8)
        cut_hash = np.where(spent, self.cut_hash[self.vertices], LAST)
        kind = self.kind[self.vertices]
        return Phase(number, t, removed, limit, self.vertices, kind, cut_kind, cut_hash)
