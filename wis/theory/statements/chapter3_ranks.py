"""Chapter 3: ranks of hierarchical tensor factorizations, and their networks.

Lemma 2 and Propositions 5, 6, 8 and 9 on drawn factorizations. Source: Sections 3.3 to 3.5,
Appendices C.1 and C.3.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.theory.experiments.claims import Claim, Row, each_row
from wis.theory.experiments.experiment import Experiment, Outcome, Request, number, share
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.experiments.incremental_ranks import modes_text
from wis.theory.factorization.hierarchical import (
    DeepConvolutionalNetwork,
    HierarchicalFactorization,
    ModeTree,
    perfect_tree,
    shallow_tree,
)
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.measures import hierarchical_rank, matricization, matrix_rank
from wis.theory.factorization.model import Weights, end_tensor
from wis.theory.factorization.theorems import incomparable_problem, prune

ROUNDING = 1e-13
"""Singular values of Proposition 9 below this share of the largest are zero: of 3,000 matrices some
have one of 5e-11 that counts, and those of rounding stay below 1e-16."""


@dataclass(frozen=True)
class DrawSize:
    """Draws of hierarchical factorizations.

    Attributes:
        draws: Number of draws for each tree.
        num_local: Number of local components at each node.
    """

    draws: int
    dimension: int = 3
    num_local: int = 3


def _drawn(
    size: DrawSize, seed: int
) -> list[tuple[str, HierarchicalFactorization, Weights, torch.Generator]]:
    """Gaussian factorizations over a shallow, a binary and an uneven tree."""
    uneven = ModeTree({(0, 1): ((0,), (1,)), (0, 1, 2, 3): ((0, 1), (2,), (3,))})
    trees = {"shallow": shallow_tree(4), "binary": perfect_tree(4), "uneven": uneven}
    found = []
    for (name, tree), draw in itertools.product(trees.items(), range(size.draws)):
        model = HierarchicalFactorization((size.dimension,) * 4, tree, size.num_local)
        number_ = seed * size.draws + draw
        weights = gaussian_weights(model, [0.7], [number_])
        found.append((name, model, weights, torch.Generator().manual_seed(number_)))
    return found


def proposition_5(size: DrawSize, request: Request) -> Outcome:
    """Lemma 2 and Proposition 5: pruned local components, and the rank that is left."""
    rows: list[Row] = []
    for name, model, weights, _ in _drawn(size, request.seed):
        # Components of very different norms, as small initializations leave them.
        faded = [weight * _fading(weight, model, node) for node, weight in
                 model.by_node(weights).items()]  # fmt: skip
        for kept in range(1, size.num_local + 1):
            pruned = prune(model, faded, dict.fromkeys(model.tree.interior, kept))
            rows.append(
                {
                    "tree": name,
                    "kept": kept,
                    "distance": pruned.distance,
                    "bound": pruned.bound,
                    "largest_rank": max(pruned.ranks.values()),
                    "within_allowed_ranks": all(
                        rank <= pruned.allowed[node] for node, rank in pruned.ranks.items()
                    ),
                }
            )
    within = share(list(map(_is_within, rows)))
    return Outcome(rows, f"The distance was within the bound in {within} prunings.")


def _is_within(row: Row) -> bool:
    return bool(row["distance"] <= row["bound"] * (1 + 1e-9) + 1e-12)


def _fading(weight: Tensor, model: HierarchicalFactorization, node: tuple[int, ...]) -> Tensor:
    """Factors 1, 1/4, 1/16, ... of the rows of an interior node."""
    if node not in model.tree.children:
        return torch.ones(1, dtype=torch.float64, device="cpu")
    return 0.25 ** torch.arange(weight.shape[1], dtype=torch.float64, device="cpu")[:, None]


@dataclass(frozen=True)
class OrderSize:
    """Problems with solutions of incomparable rank (Proposition 6).

    Attributes:
        orders: Orders of the tensors; 4 has a binary tree besides the shallow one.
        completions: Number of random completions among which a smaller rank is sought.
    """

    orders: tuple[int, ...]
    completions: int


def proposition_6(size: OrderSize, request: Request) -> Outcome:
    """Two solutions of incomparable hierarchical rank, and a search for a smaller one."""
    rows: list[Row] = []
    generator = torch.Generator().manual_seed(request.seed)
    for order in size.orders:
        task, *solutions = incomparable_problem((2,) * order)
        trees = {"shallow": shallow_tree(order)}
        if order == 4:
            trees["binary"] = perfect_tree(order)
        free = torch.nonzero(~task.observed[0])
        for name, tree in trees.items():
            ranks = [list(hierarchical_rank(each, tree).values()) for each in solutions]
            below = 0
            for _ in range(size.completions):
                other = solutions[0].clone()
                values = torch.randint(-1, 2, (len(free),), generator=generator, device="cpu")
                other[tuple(free.T)] = values.double()
                found = list(hierarchical_rank(other, tree).values())
                below += any(_less(found, rank) for rank in ranks)
            rows.append(
                {
                    "order": order,
                    "tree": name,
                    "nodes": [modes_text(node) for node in tree.nodes[:-1]],
                    "ranks": ranks[0],
                    "other_ranks": ranks[1],
                    "losses": [float(task.loss_and_gradient(each[None])[0]) for each in solutions],
                    "incomparable": not (_at_most(*ranks) or _at_most(*ranks[::-1])),
                    "completions": size.completions,
                    "smaller_found": below,
                }
            )
    kinds = share([row["incomparable"] for row in rows])
    return Outcome(rows, f"The ranks of the two solutions were incomparable for {kinds} trees.")


def _at_most(ranks: Sequence[int], other: Sequence[int]) -> bool:
    return all(one <= two for one, two in zip(ranks, other, strict=True))


def _less(ranks: Sequence[int], other: Sequence[int]) -> bool:
    return _at_most(ranks, other) and list(ranks) != list(other)


def proposition_8(size: DrawSize, request: Request) -> Outcome:
    """Outputs of networks, and inner products of their inputs with the end tensor."""
    rows: list[Row] = []
    outputs, products = [], []
    for name, model, weights, generator in _drawn(size, request.seed):
        inputs = [_normal(generator, 5, dimension) for dimension in model.shape]
        network = DeepConvolutionalNetwork(model, [weight[0] for weight in weights])
        with torch.no_grad():
            output = network(inputs)
        product = torch.einsum("ijkl,ni,nj,nk,nl->n", end_tensor(model, weights)[0], *inputs)
        difference = float((output - product).abs().max() / product.abs().max())
        rows.append({"tree": name, "difference": difference})
        outputs.append(output.numpy())
        products.append(product.numpy())
    worst = number(max(row["difference"] for row in rows))
    curves = {"output": np.concatenate(outputs), "product": np.concatenate(products)}
    return Outcome(rows, f"Largest relative difference: {worst}.", curves)


def proposition_9(size: DrawSize, request: Request) -> Outcome:
    """Ranks of outputs on grids of random inputs, and of matricizations of the end tensor."""
    rows: list[Row] = []
    for name, model, weights, generator in _drawn(size, request.seed):
        network = DeepConvolutionalNetwork(model, [weight[0] for weight in weights])
        end = end_tensor(model, weights)[0]
        order = len(model.shape)
        for count in range(1, order // 2 + 1):
            for subset in itertools.combinations(range(order), count):
                points = size.dimension**2 + 1
                grid = _grid(network, model.shape, subset, points, generator)
                rows.append(
                    {
                        "tree": name,
                        "subset": modes_text(subset),
                        "grid_rank": int(matrix_rank(grid, ROUNDING)),
                        "matricization_rank": int(
                            matrix_rank(matricization(end, subset), ROUNDING)
                        ),
                    }
                )
    equal = share(list(map(_is_equal, rows)))
    return Outcome(rows, f"The two ranks were equal in {equal} cases.")


def _is_equal(row: Row) -> bool:
    return bool(row["grid_rank"] == row["matricization_rank"])


def _grid(
    network: torch.nn.Module,
    shape: Sequence[int],
    subset: Sequence[int],
    points: int,
    generator: torch.Generator,
) -> Tensor:
    """Outputs for all pairs of random inputs of the subset and of the others, [points, points]."""
    own, other = torch.meshgrid(
        torch.arange(points, device="cpu"), torch.arange(points, device="cpu"), indexing="ij"
    )
    inputs = [
        _normal(generator, points, dimension)[(own if mode in subset else other).flatten()]
        for mode, dimension in enumerate(shape)
    ]
    with torch.no_grad():
        outputs: Tensor = network(inputs)
    return outputs.reshape(points, points)


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=generator, device="cpu")


add_experiments(
    Experiment(
        "proposition5",
        "small local components mean low hierarchical rank nearby",
        proposition_5,
        DrawSize(4),
        DrawSize(50),
        (
            Claim(
                "distance",
                "Proposition 5",
                "Without its small local components a factorization has low hierarchical rank and "
                "is as close as their norms say.",
                "The distance is at most the bound, in every pruning.",
                each_row(_is_within, "prunings within the bound"),
            ),
            Claim(
                "rank",
                "Lemma 2",
                "The number of local components at a node bounds the ranks of the matricizations "
                "for its children.",
                "Every rank is at most the number of local components of the parent, in every "
                "pruning.",
                each_row(lambda row: row["within_allowed_ranks"], "prunings with allowed ranks"),
            ),
        ),
        source="Proposition 5, Lemma 2",
    ),
    Experiment(
        "proposition6",
        "solutions of incomparable minimal hierarchical rank",
        proposition_6,
        OrderSize((3, 4), 100),
        OrderSize((3, 4, 5), 5_000),
        (
            Claim(
                "incomparable",
                "Proposition 6",
                "Two solutions of one completion problem have hierarchical ranks of which neither "
                "is at most the other.",
                "Neither list of ranks is at most the other, for every tree.",
                each_row(lambda row: row["incomparable"], "trees with incomparable ranks"),
            ),
            Claim(
                "minimal",
                "Proposition 6",
                "No solution has a hierarchical rank below one of the two.",
                "No random completion with entries -1, 0 and 1 has a smaller rank, for any tree; "
                "the search can refute the claim, but not prove it.",
                each_row(
                    lambda row: row["smaller_found"] == 0,
                    "trees without a smaller rank among the random completions",
                ),
            ),
        ),
    ),
    Experiment(
        "proposition8",
        "a convolutional network realizes the end tensor",
        proposition_8,
        DrawSize(4),
        DrawSize(50),
        (
            Claim(
                "same",
                "Proposition 8",
                "The output of the convolutional network is the inner product of its inputs' outer "
                "product with the end tensor.",
                "The relative difference is below 1e-10, for every draw.",
                each_row(
                    lambda row: row["difference"] < 1e-10,
                    "draws whose outputs are the inner products",
                ),
            ),
        ),
    ),
    Experiment(
        "proposition9",
        "separation rank of the network is the rank of a matricization",
        proposition_9,
        DrawSize(2),
        DrawSize(20),
        (
            Claim(
                "equal",
                "Proposition 9",
                "The separation rank of the network's function with respect to some inputs is the "
                "rank of the end tensor's matricization for them.",
                "The rank of the outputs on a grid of random inputs, which is the separation rank "
                "of a multilinear function, equals that of the matricization, in every case.",
                each_row(_is_equal, "cases with equal ranks"),
            ),
        ),
    ),
)
