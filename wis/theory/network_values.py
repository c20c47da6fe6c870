"""Outputs of a product network modulo 2^31 - 1 for all pairs of a row and a column of features.

A row gives the features of the vertices in I, a column those of the others. In the first layer a
vertex multiplies a product for the row by a product for the column. From then on, vertices that
receive the same embeddings by arcs of the same types have the same embedding: each layer computes
one for each class of such vertices, and a power where a class sends several. Only vertices with a
walk to the target count.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wis.base.progress import Progress, silent
from wis.theory.residues import Ints, matmul, num_products, power, product
from wis.theory.typed_graph import TypedGraph

BATCH_ENTRIES = 1 << 18
"""Residues of embeddings held at a time: 2 MiB, which stay in the cache."""

Terms = tuple[tuple[tuple[int, int], int], ...]
"""Factors of an embedding: ((class below, type of arc), how often)."""


@dataclass(frozen=True)
class Plan:
    """Classes of vertices with equal embeddings, layer by layer.

    Attributes:
        layers: For each layer, the factors of each class. The classes below the first layer are the
            vertices.
        output: The factors of the output layer; their type is always 0.
    """

    layers: tuple[tuple[Terms, ...], ...]
    output: Terms

    @classmethod
    def of(cls, graph: TypedGraph, depth: int, target: int | None) -> Plan:
        """The classes of a graph.

        >>> import torch
        >>> clique = TypedGraph.from_any(torch.combinations(torch.arange(4)).T)
        >>> Plan.of(clique, 2, None).layers[1]
        ((((0, 0), 4),),)
        """
        needed = [list(range(graph.num_nodes)) if target is None else [target]]
        for _ in range(depth - 1):
            below = set().union(*(graph.in_neighbours[vertex] for vertex in needed[0]))
            needed.insert(0, sorted(below))
        label = list(range(graph.num_nodes))
        types, first = graph.types.tolist(), graph.first_arc.tolist()
        layers = []
        for heads in needed:
            number: dict[Terms, int] = {}
            new = list(label)
            for head in heads:
                tails, kinds = graph.in_neighbours[head], types[first[head] : first[head + 1]]
                pairs = ((label[tail], kind) for tail, kind in zip(tails, kinds, strict=True))
                terms = tuple(sorted(Counter(pairs).items()))
                new[head] = number.setdefault(terms, len(number))
            label = new
            layers.append(tuple(number))
        counts = Counter((label[vertex], 0) for vertex in needed[-1])
        return cls(tuple(layers), tuple(sorted(counts.items())))

    @property
    def num_classes(self) -> int:
        """The most classes of a layer."""
        return max(map(len, self.layers))

    def values(
        self,
        weights: Sequence[Ints],
        output: Ints,
        rows: Ints,
        columns: Ints,
        inside: NDArray[np.bool_],
        *,
        progress: Progress = silent,
    ) -> Ints:
        """Outputs of the network (Equations (5.3), (5.4) and (D.1)).

        Args:
            weights: Residues, for each layer of shape [num_types, width, fan-in].
            output: W^(o), of shape [width].
            rows: Residues of shape [number of rows, n, in_dim].
            columns: Residues of shape [number of columns, n, in_dim].
            inside: Which of the n vertices take their features from the row.
            progress: Is told the number of rows done.

        Returns:
            Residues of shape [number of rows, number of columns].
        """
        left, right = (
            _sides(self.layers[0], weights[0], points, members)
            for points, members in ((rows, inside), (columns, ~inside))
        )
        entries = len(columns) * self.num_classes * len(output)
        at_a_time = max(1, BATCH_ENTRIES // max(1, entries))
        parts = []
        for start in range(0, len(rows), at_a_time):
            progress(start)
            hidden = [
                product(one[start : start + at_a_time, None], other[None])
                for one, other in zip(left, right, strict=True)
            ]
            for terms, weight in zip(self.layers[1:], weights[1:], strict=True):
                hidden = _layer(terms, hidden, weight)
            last = _product(power(hidden[one], count) for (one, _), count in self.output)
            parts.append(matmul(last, output[:, None])[..., 0])
        return np.concatenate(parts)

    def cost(self, side: int, width: int, in_dim: int, inside: NDArray[np.bool_]) -> Ints:
        """Products, multiplications in products of matrices, and entries of their results."""
        num_nodes, (first, *others) = len(inside), self.layers
        factors = [[inside[tail] for (tail, _), _ in terms] for terms in first]
        in_first = sum(max(0, one.count(s) - 1) for one in factors for s in (True, False))
        products = side * width * in_first + side**2 * width * len(first)
        types = {kind for terms in first for (_, kind), _ in terms}
        mapped = 2 * len(types) * side * num_nodes * width
        total = np.array([products, mapped * in_dim, mapped])
        for terms in others:
            entries = side**2 * width
            pairs = {pair for each in terms for pair, _ in each}
            total += [
                entries * sum(map(_num_products, terms)),
                entries * width * len(pairs),
                entries * len(pairs),
            ]
        entries = side**2
        total += [entries * width * _num_products(self.output), entries * width, entries]
        return total


def _num_products(terms: Terms) -> int:
    return sum(num_products(count) for _, count in terms) + len(terms) - 1


def _product(factors: Iterable[Ints]) -> Ints:
    return functools.reduce(product, factors)


def _sides(
    classes: Sequence[Terms], weight: Ints, points: Ints, members: NDArray[np.bool_]
) -> list[Ints]:
    """For each class of the first layer its factor from some vertices, [points, width]."""
    types = sorted({kind for terms in classes for (_, kind), _ in terms})
    mapped = {kind: matmul(points, weight[kind].T) for kind in types}
    ones = np.ones((len(points), weight.shape[1]), dtype=np.int64)
    found = []
    for terms in classes:
        factors = [mapped[kind][:, tail] for (tail, kind), _ in terms if members[tail]]
        found.append(_product(factors) if factors else ones)
    return found


def _layer(classes: Sequence[Terms], hidden: Sequence[Ints], weight: Ints) -> list[Ints]:
    """The embeddings of the classes of a layer from those of the layer below."""
    pairs = sorted({pair for terms in classes for pair, _ in terms})
    mapped = {(one, kind): matmul(hidden[one], weight[kind].T) for one, kind in pairs}
    return [_product(power(mapped[pair], count) for pair, count in terms) for terms in classes]
