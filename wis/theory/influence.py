"""Does an order that keeps more walk indices keep more long-range influence of trained networks?

Theorem 8 says that walk indices bound the interaction that a network *can* model. This module
measures what trained networks do. For each method, share of removed edges and seed, a GCN of depth
L is trained on the cut graph, and two numbers are compared with those of the whole graph:

- *Walk index kept*: the mean over the vertices t of the ratio of WI_{L-1,t}({t}), after to before.
- *Long-range influence kept*: the influence of u on v is the L1 norm of the Jacobian of the logits
  of v by the features of u. The influence of all vertices 2 or more hops away, a mean over a sample
  of v, is divided by that of v on itself, which makes it independent of the scale of the logits, as
  in `torch_geometric.utils.total_influence`. The result is divided by that of the network of the
  same seed that was trained on the whole graph.

PyG's function counts hops in the graph that the network sees, in which a lost edge turns a
neighbour into a vertex far away, and takes the induced ball of a vertex, whose degrees differ at
its rim. Here hops are those of the whole graph, and the network sees all of the cut graph.

Both numbers fall with the number of removed edges, so that over all rows they rise and fall
together whatever the methods are. The verdict is therefore taken at equal amounts, see `agreement`.

Source: Definition 11 and Theorem 8, arXiv:2211.16494; J. Liang et al., "Towards Quantifying
Long-Range Interactions in Graph Machine Learning", 2025, arXiv:2503.09008, Section 4.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.utils import remove_self_loops

from wis.api import removal_order
from wis.base.checks import checked_integer
from wis.errors import GraphFileError, OptionError
from wis.experiments.recipe import content_hash
from wis.experiments.results import DONE, INFLUENCE
from wis.experiments.summary import Cell
from wis.graph import UndirectedGraph
from wis.graph.walks import adjacency, num_closed_walks
from wis.models.operators import Messages
from wis.theory.experiments.claims import Claim, Judgement, State
from wis.training import TrainConfig, split_vertices, train_network

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from wis.models import GraphNetwork

METHODS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "1-WIS": ("wis", {}),
    "2-WIS": ("wis", {"walk_length": 2}),
    "random": ("random", {}),
    "spectral": ("spectral", {}),
    "k-neighbor": ("k-neighbor", {}),
    "dspar": ("dspar", {}),
}
"""The methods that are compared, with their options."""
WHOLE = "whole graph"
"""The method of the rows in which no edge is removed."""
FRACTIONS = (0.25, 0.5, 0.75)
LEAST_METHODS = 3
"""Fewer points have a rank correlation of 1 or -1 by chance."""
WEAK = 0.3
"""A rank correlation that is surely below this is too weak to choose a method by."""


@dataclass(frozen=True)
class Settings:
    """The settings of all networks: a GCN of width 64, Adam with a learning rate of 0.001.

    Attributes:
        depth: Number L of layers, 2 or more.
        epochs: Number of epochs; the network of the best validation accuracy among them is taken.
        samples: Most vertices whose influence is measured.
    """

    depth: int = 3
    epochs: int = 100
    samples: int = 32

    def __post_init__(self) -> None:
        """Raise `OptionError` for sizes without meaning."""
        for name, least in (("depth", 2), ("epochs", 1), ("samples", 1)):
            checked_integer(name, getattr(self, name), least)

    def config(self, seed: int) -> TrainConfig:
        """The training with a seed."""
        most = self.epochs
        return TrainConfig("gcn", self.depth, max_epochs=most, patience=most, seed=seed)


@dataclass(frozen=True)
class InfluenceRow:
    """One trained network.

    Attributes:
        method: Name of the method, or `WHOLE`.
        seed: Seed of the order, the split and the parameters.
        walk_index: Mean ratio of the walk indices of single vertices, after to before.
        by_hops: Influence of all vertices 0, 1, ..., L hops away, mean over the sampled vertices.
        test_accuracy: Accuracy of the network on test vertices.
    """

    graph: str
    method: str
    fraction: float
    seed: int
    walk_index: float
    by_hops: tuple[float, ...]
    test_accuracy: float
    settings: Settings

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> InfluenceRow:
        """A row from an object of JSON; fields of the file of results are left out.

        Raises:
            KeyError, TypeError, OptionError: A field is missing or impossible.
        """
        own = {each.name: fields[each.name] for each in dataclass_fields(cls)}
        own |= {"by_hops": tuple(own["by_hops"]), "settings": Settings(**own["settings"])}
        return cls(**own)

    @property
    def long_range(self) -> float:
        """Influence from 2 or more hops away, as a multiple of that of a vertex on itself."""
        return sum(self.by_hops[2:]) / self.by_hops[0]

    @property
    def key(self) -> tuple[Any, ...]:
        """The run that the row belongs to."""
        return self.graph, self.method, self.fraction, self.seed, self.settings


@dataclass(frozen=True)
class Agreement:
    """Whether methods that keep more of walk indices keep more long-range influence.

    Attributes:
        num_groups: Number of pairs of a graph and a share of removed edges with a correlation.
        correlation: Mean over these of the rank correlation over the methods.
        low: Lower end of its 95 % interval; `high` the upper end.
        overall: Rank correlation over all cuts, which different amounts alone make high.
        verdict: What the rows say.
    """

    num_groups: int
    correlation: float
    low: float
    high: float
    overall: float
    verdict: State


def measured(
    data: Data,
    name: str,
    settings: Settings,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    fractions: Sequence[float] = FRACTIONS,
    known: Sequence[InfluenceRow] = (),
) -> Iterator[InfluenceRow]:
    """Train a network on each cut of a graph, and measure it.

    Args:
        data: An undirected graph with features and labels.
        name: Name of the graph in the rows.
        settings: The settings of the networks.
        seeds: A network for each of these.
        fractions: Shares of edges to remove, in (0, 1].
        known: Rows that are not measured again.

    Yields:
        A row for each seed, of the whole graph and then of each method and fraction.

    Raises:
        OptionError: No vertex has another one 2 to L hops away.
        GraphFormatError: The graph has no features or labels.

    Cost: a training, and for each sampled vertex and class a backward pass and a product with the
    features; on Cora some 5 and 3 seconds.
    """
    graph = UndirectedGraph.from_any(data)
    vertices, hops = _sample(graph, settings)
    before = num_closed_walks(graph.edges.cpu().numpy(), graph.num_nodes, settings.depth)
    done = {row.key for row in known}
    cuts: list[tuple[str, Sequence[float]]] = [(WHOLE, (0.0,)), *((m, fractions) for m in METHODS)]
    for seed, (method, amounts) in itertools.product(seeds, cuts):
        whole, order = split_vertices(data, seed=seed), None
        for fraction in amounts:
            if (name, method, fraction, seed, settings) in done:
                continue
            if method != WHOLE and order is None:
                base, options = METHODS[method]
                order = removal_order(whole, base, seed=seed, **options)
            cut = whole if order is None else order.apply(whole, remove=fraction)
            edges = UndirectedGraph.from_any(cut).edges.cpu().numpy()
            after = num_closed_walks(edges, graph.num_nodes, settings.depth)
            record, network = train_network(cut, settings.config(seed), progress=False)
            found = influence(network, cut, vertices)
            by_hops = [
                float(found[hops == h].sum()) / len(vertices) for h in range(settings.depth + 1)
            ]
            walks = float((after[before > 0] / before[before > 0]).mean())
            numbers = walks, tuple(by_hops), record.test_accuracy
            yield InfluenceRow(name, method, fraction, seed, *numbers, settings)


def influence(network: GraphNetwork, data: Data, vertices: Sequence[int]) -> Tensor:
    """The influence of each vertex on some vertices.

    Args:
        network: A network in evaluation mode that uses its features in one product alone, as a GCN.
        data: The graph.
        vertices: k vertex ids.

    Returns:
        Float tensor of shape [k, n]: the L1 norm of the Jacobian of the logits of a vertex by the
        features of another.

    >>> from wis import datasets
    >>> karate = split_vertices(datasets.load("karate"), seed=0)
    >>> _, network = train_network(karate, TrainConfig(depth=2, max_epochs=5), progress=False)
    >>> found = influence(network, karate, [16])
    >>> found.shape, bool(found[0, 33] > 0)  # vertex 33 is three hops from 16
    (torch.Size([1, 34]), False)
    """
    arcs, _ = remove_self_loops(data.edge_index)
    graph = _FirstProduct(arcs, torch.ones(arcs.size(1), device=arcs.device), data.num_nodes)
    logits = network.over(data.x, graph)
    found = torch.zeros(len(vertices), data.num_nodes, device=data.x.device)
    for row, vertex in enumerate(vertices):
        for logit in logits[vertex]:
            (by_product,) = torch.autograd.grad(logit, graph.product, retain_graph=True)
            met = by_product.any(dim=1).nonzero()[:, 0]
            # features enter as x Wᵀ, so their gradient is that of the product times W
            found[row, met] += (by_product[met] @ graph.weight).abs().sum(dim=1)
    return found


class _FirstProduct(Messages):
    """`Messages` that remember the product of the features with the weights of the first layer."""

    product: Tensor
    weight: Tensor

    def project(self, x: Tensor, weight: Tensor) -> Tensor:
        result = super().project(x, weight)
        if not hasattr(self, "weight"):
            self.weight = weight.detach()
            self.product = result = result.detach().requires_grad_()
        return result


def agreement(rows: Sequence[InfluenceRow]) -> Agreement:
    """Judge rows at equal amounts.

    In each group, the cuts of one graph at one share of removed edges, the methods are ranked by
    the walk index and by the long-range influence that they keep, both as means over the seeds. The
    mean of the groups' rank correlations (Spearman) has a 95 % interval by the t distribution, for
    which groups count as independent.

    `CLAIM` has the rule of the verdict. It is *cannot tell* also if there are fewer than two groups
    of three methods.
    """
    points = kept(rows)
    groups: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for (graph, _, fraction), (walks, far, _) in points.items():
        groups.setdefault((graph, fraction), []).append((walks, far))
    found = Cell.of(_rank_correlation(group) for group in groups.values())
    overall = _rank_correlation([(walks, far) for walks, far, _ in points.values()])
    if found is None or found.num < 2:
        mean = float("nan") if found is None else found.mean
        nan = float("nan")
        return Agreement(found.num if found else 0, mean, nan, nan, overall, State.CANNOT_TELL)
    verdict = State.DISAGREES if found.high < WEAK else State.CANNOT_TELL
    verdict = State.AGREES if found.low > 0 else verdict
    low, high = max(found.low, -1.0), min(found.high, 1.0)
    return Agreement(found.num, found.mean, low, high, overall, verdict)


Point = tuple[float, float, float]


def kept(rows: Sequence[InfluenceRow]) -> dict[tuple[str, str, float], Point]:
    """Shares kept of the walk index and of long-range influence, and the s.d. of the latter.

    By graph, method and fraction; means over the seeds of which the whole graph has a row as well.
    """
    whole = {(row.graph, row.seed): row.long_range for row in rows if row.method == WHOLE}
    shares: dict[tuple[str, str, float], list[tuple[float, float]]] = {}
    for row in rows:
        base = whole.get((row.graph, row.seed), 0.0)
        if row.method != WHOLE and base > 0:
            key = (row.graph, row.method, row.fraction)
            shares.setdefault(key, []).append((row.walk_index, row.long_range / base))
    found = {}
    for key, values in shares.items():
        walks, far = zip(*values, strict=True)
        found[key] = float(np.mean(walks)), float(np.mean(far)), float(np.std(far))
    return found


def _rank_correlation(points: Sequence[tuple[float, float]]) -> float:
    """Spearman's, NaN for few points and where one of the numbers is the same for all."""
    from scipy.stats import spearmanr

    pairs = np.array(points).reshape(-1, 2)
    if len(pairs) < LEAST_METHODS or not np.ptp(pairs, axis=0).all():
        return float("nan")
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def _sample(graph: UndirectedGraph, settings: Settings) -> tuple[list[int], Tensor]:
    """Vertices with others 2 to L hops away, and hops from them, infinity beyond L; [k, n]."""
    from scipy.sparse.csgraph import dijkstra

    matrix = adjacency(graph.edges.cpu().numpy(), graph.num_nodes)
    drawn = np.random.default_rng(0).permutation(graph.num_nodes)
    chosen: list[int] = []
    hops = []
    for vertex in drawn.tolist():
        if len(chosen) == settings.samples:
            break
        away = dijkstra(matrix, indices=vertex, unweighted=True, limit=settings.depth)
        if ((away >= 2) & np.isfinite(away)).any():
            chosen.append(vertex)
            hops.append(away)
    if not chosen:
        raise OptionError(f"no vertex has another one 2 to {settings.depth} hops away")
    return chosen, torch.from_numpy(np.array(hops))


def _judge(rows: Sequence[Mapping[str, Any]]) -> Judgement:
    found = agreement([InfluenceRow.of(row) for row in rows])
    text = (
        f"rank correlation at equal amounts: {found.correlation:.2f}, 95 % interval "
        f"[{found.low:.2f}, {found.high:.2f}] over {found.num_groups} graphs and amounts; over all "
        f"cuts {found.overall:.2f}"
    )
    return Judgement(found.verdict, text, (found.low, found.high))


CLAIM = Claim(
    "influence-follows",
    "Section 5.5.1; Theorem 8",
    "A removal order that keeps more of the walk indices keeps more of the long-range influence "
    "that trained networks have.",
    "Agrees if the 95 % interval of the mean rank correlation over the methods, over graphs and "
    f"amounts, lies above 0; else disagrees if it lies below {WEAK}.",
    _judge,
)
"""The claim that rows of influence stand for."""


def read_rows(path: Path) -> list[InfluenceRow]:
    """The rows of a file with a JSON object in each line; none if there is no such file."""
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(InfluenceRow.of(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            raise GraphFileError(
                f"{path} line {number} is no row of `wis theory influence`; delete the line, or "
                f"name another file"
            ) from None
    return rows


def as_result(row: InfluenceRow) -> dict[str, Any]:
    """The row for a file of results."""
    fields = asdict(row)
    key = content_hash((*row.key[:4], fields["settings"]))
    common = {"type": "run", "kind": INFLUENCE, "recipe": INFLUENCE, "key": key, "status": DONE}
    return {**common, **fields}


def append_row(path: Path, row: InfluenceRow) -> None:
    """Write a row at the end of a file, which is a file of results for `wis bench` too."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(as_result(row)) + "\n")
