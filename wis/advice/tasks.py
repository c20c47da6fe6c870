"""Tasks: what a cut graph is good for, measured by a network or by the structure.

| task | graphs | score |
|---|---|---|
| ``"vertex"`` | one with labels `y` of vertices | accuracy |
| ``"graph"`` | a list, each with a label `y` | accuracy |
| ``"link"`` | one; some of its edges are held out | area under the ROC curve |
| ``"structure"`` | one or a list, without labels | walk indices that are kept |

The test set is the same for all seeds. The first seed takes the training and validation sets that
the graph comes with. Every other seed draws them anew from their union, of the same sizes and with
the same number of each class: a mean over seeds is then over most of the labels, and the choice
does not hang on one small validation set. With ``redraw=False`` all seeds take the given sets.

For links each seed holds out other edges, for testing too.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from wis.datasets.splits import (
    MASKS,
    num_splits,
    random_masks,
    split_links,
    split_vertices,
    take_split,
)
from wis.errors import DivergedError, GraphFormatError, OptionError
from wis.graph import CanonicalGraph, UndirectedGraph, canonical_graph
from wis.measure.walk_indices import walk_index_measure
from wis.training import TrainConfig, train

TaskName = Literal["vertex", "graph", "link", "structure"]
Score = tuple[float, float, float]
"""Validation score, test score, and seconds of the epochs."""

MOST_ONE_HOT = 20_000
"""The most vertices of a graph without features that get a feature each."""
MOST_DEGREES = 64
"""Number of degrees that are told apart in graphs without features."""


class Task:
    """A task on some graphs.

    The seed of the configuration is the first seed; with `redraw` later seeds draw training and
    validation sets anew. `metric` is the name of the score, and `notes` say what was assumed.
    """

    metric: ClassVar[str] = "accuracy"
    trains: ClassVar[bool] = True
    inputs_vary: ClassVar[bool] = False
    """Whether the arcs of `inputs` depend on the seed."""

    def __init__(self, graphs: Sequence[Any], config: TrainConfig, *, redraw: bool) -> None:
        self.config, self.redraw = config, redraw
        self.notes: list[str] = []
        self.graphs = tuple(graphs)

    @property
    def num_validated(self) -> int | None:
        """Number of vertices or graphs that the validation score counts; None for other scores."""
        return None

    def inputs(self, seed: int) -> tuple[Any, ...]:
        """The graphs to be cut in the run of a seed, the first of which is 0."""
        return self.graphs

    def prepared(self, graphs: Sequence[Any], seed: int) -> Any:
        """The argument of `train` for the cut graphs."""
        return graphs[0]

    def score(self, graphs: Sequence[Any], seed: int) -> Score:
        """Train on the cut graphs; nan if the run diverges."""
        config = self.config.with_seed(self.config.seed + seed)
        try:
            record = train(self.prepared(graphs, seed), config, progress=False)
        except DivergedError:
            if all(cut is graph for cut, graph in zip(graphs, self.inputs(seed), strict=True)):
                raise
            return np.nan, np.nan, 0.0
        return record.val_score, record.test_score, record.seconds


class VertexTask(Task):
    """Classify vertices."""

    def __init__(self, graphs: Sequence[Any], config: TrainConfig, *, redraw: bool) -> None:
        super().__init__(graphs, config, redraw=redraw)
        (data,) = _with_features(self.graphs, self.notes)
        if num_splits(data):
            data = take_split(data, config.seed % (num_splits(data) or 1))
        elif lacking := [name for name in MASKS if getattr(data, name, None) is None]:
            data = split_vertices(data, seed=config.seed)
            found = "masks" if len(lacking) == len(MASKS) else " and ".join(lacking)
            self.notes.append(
                f"the graph has no {found}: its vertices are split 80/10/10 with seed {config.seed}"
            )
        self.graphs = (data,)

    @property
    def num_validated(self) -> int:
        """Number of validation vertices."""
        return int(self.graphs[0].val_mask.sum())

    @functools.lru_cache(maxsize=4)  # noqa: B019  (a task lives as long as its search)
    def inputs(self, seed: int) -> tuple[Any, ...]:
        """The graph with the masks of a seed."""
        data = copy.copy(self.graphs[0])
        masks = {name: data[name] for name in MASKS}
        data.update(_drawn(data.y, masks, self.config.seed, seed) if self.redraw else masks)
        return (data,)


class GraphTask(Task):
    """Classify graphs."""

    def __init__(self, graphs: Sequence[Any], config: TrainConfig, *, redraw: bool) -> None:
        super().__init__(graphs, config, redraw=redraw)
        self.graphs = _with_features(self.graphs, self.notes)
        self.y = torch.cat([_labels(graph) for graph in self.graphs])
        if len(self.y) != len(self.graphs):
            raise GraphFormatError("to classify graphs, each of them needs one label y")
        self.masks = random_masks(len(self.graphs), seed=config.seed)
        self.notes.append(f"the graphs are split 80/10/10 with seed {config.seed}")

    @property
    def num_validated(self) -> int:
        """Number of validation graphs."""
        return int(self.masks["val_mask"].sum())

    def prepared(self, graphs: Sequence[Any], seed: int) -> Any:
        """One batch, with masks of graphs."""
        batch = Batch.from_data_list([_plain(graph) for graph in graphs])
        own = _drawn(self.y, self.masks, self.config.seed, seed) if self.redraw else self.masks
        batch.update(own)
        return batch


class LinkTask(Task):
    """Predict edges. Each seed has its own split, and only edges along which messages run go."""

    metric = "AUC"
    inputs_vary = True

    def __init__(self, graphs: Sequence[Any], config: TrainConfig, *, redraw: bool) -> None:
        super().__init__(graphs, config, redraw=redraw)
        self.graphs = _with_features(self.graphs, self.notes)
        self.notes.append(
            "each seed holds out 10 % of the edges for validation and 10 % for testing; amounts "
            "are shares of the others"
        )

    @functools.lru_cache(maxsize=16)  # noqa: B019  (a task lives as long as its search)
    def inputs(self, seed: int) -> tuple[Any, ...]:
        """The graph without the edges that are held out; the first split for all if not redrawn."""
        (data,) = self.graphs
        return (split_links(data, seed=self.config.seed + (seed if self.redraw else 0)),)


class StructureTask(Task):
    """Keep walk indices: the score is the share of Σ log WI of single vertices that is kept.

    Walks have length L - 1 for a network of depth L (see `wis.measure.walk_indices`).
    """

    metric = "walk indices kept"
    trains = False

    def score(self, graphs: Sequence[Any], seed: int) -> Score:
        """The share that is kept of the walk indices of all graphs together."""
        kept = self._sum(graphs) / self.total if self.total else 1.0
        return kept, kept, 0.0

    @functools.cached_property
    def total(self) -> float:
        """The sum for the whole graphs."""
        return self._sum(self.graphs)

    def _sum(self, graphs: Iterable[Any]) -> float:
        length = max(1, (self.config.depth or 2) - 1)
        canonical: list[CanonicalGraph] = [canonical_graph(graph, None) for graph in graphs]
        measures = (walk_index_measure(graph, length, None, 0, 1_000) for graph in canonical)
        return float(sum(measure.value or 0 for measure in measures))


TASKS: dict[str, type[Task]] = {
    "vertex": VertexTask,
    "graph": GraphTask,
    "link": LinkTask,
    "structure": StructureTask,
}


def task_of(graphs: Sequence[Any], *, is_list: bool) -> TaskName:
    """The task that the data suggests: by labels, of graphs for a list and of vertices else."""
    if not graphs or any(getattr(graph, "y", None) is None for graph in graphs):
        return "structure"
    if hasattr(graphs[0], "edge_types"):
        return "structure"
    return "graph" if is_list else "vertex"


def checked_task(name: str) -> type[Task]:
    """The class of a task."""
    if name not in TASKS:
        raise OptionError(f"task is {name!r}; expected one of {', '.join(TASKS)}")
    return TASKS[name]


def _labels(graph: Data) -> Tensor:
    """The labels of a graph, [k]; a plain number becomes a tensor beside its arcs."""
    return torch.as_tensor(graph.y, device=graph.edge_index.device).reshape(-1)


def _plain(graph: Any) -> Data:
    """Features, label and arcs alone: the other attributes of graphs need not fit together."""
    return Data(
        x=graph.x, y=_labels(graph), edge_index=graph.edge_index,
        num_nodes=graph.num_nodes,
    )  # fmt: skip


def _with_features(graphs: Sequence[Any], notes: list[str]) -> tuple[Any, ...]:
    """The graphs, with features made of ids or degrees if they have none."""
    if all(getattr(graph, "x", None) is not None for graph in graphs):
        return tuple(graphs)
    made = [copy.copy(graph) for graph in graphs]
    if len(made) == 1 and made[0].num_nodes > MOST_ONE_HOT:
        raise GraphFormatError(
            f"the graph has labels y but no features x, and {made[0].num_nodes:,} vertices are too "
            "many for a feature each; add x, or take task='structure'"
        )
    for graph in made:
        if len(made) == 1:
            ids = torch.arange(graph.num_nodes, device="cpu")
            ones = torch.ones(graph.num_nodes, device="cpu", dtype=torch.float32)
            graph.x = torch.sparse_coo_tensor(
                torch.stack([ids, ids]),
                ones,
                device="cpu",
                check_invariants=True,
                is_coalesced=True,
            )
        else:
            degree = (
                UndirectedGraph.from_any(graph)
                .edges.reshape(-1)
                .bincount(minlength=graph.num_nodes)
            )
            graph.x = torch.eye(MOST_DEGREES, device="cpu")[degree.clamp(max=MOST_DEGREES - 1)]
    kind = "its number" if len(made) == 1 else "its degree before the cut"
    notes.append(f"there are no features x: each vertex gets a one-hot vector of {kind}")
    return tuple(made)


def _drawn(y: Tensor, masks: dict[str, Tensor], first_seed: int, seed: int) -> dict[str, Tensor]:
    """Training and validation masks drawn anew from their union, as many of each class."""
    train_mask, val_mask, test_mask = (masks[name] for name in MASKS)
    if seed == 0 or bool((train_mask & val_mask).any()):
        return masks
    rng = np.random.default_rng([first_seed, seed])
    drawn = torch.zeros_like(train_mask)
    for label in sorted(set(y.view(-1)[train_mask].tolist())):
        of_class = y.view(-1) == label
        pool = ((train_mask | val_mask) & of_class).nonzero().view(-1)
        chosen = rng.permutation(len(pool))[: int((train_mask & of_class).sum())]
        drawn[pool[torch.from_numpy(chosen).to(pool.device)]] = True
    return {"train_mask": drawn, "val_mask": (train_mask | val_mask) & ~drawn, MASKS[2]: test_mask}
