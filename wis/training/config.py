"""`TrainConfig`: one training run apart from its data; the hyperparameters of Table D.2."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import torch

from wis.base.checks import MAX_SEED, checked_choice, checked_integer, is_number, shown
from wis.errors import OptionError, UnknownNameError, echo
from wis.models import get_model

Sampler = Literal["neighbor", "random-parts", "graphs"]
TrainTask = Literal["vertex", "graph", "link"]
SAMPLERS = {
    "vertex": (None, "neighbor", "random-parts"),
    "graph": (None, "graphs"),
    "link": (None,),
}

ADDED = {"decoder": "dot", "edge_weight": False}
"""Fields that older versions lacked. `TrainConfig.as_dict` leaves them out at these defaults, so
that the keys of old rows and checkpoints stay valid."""

ADDED_OPTIONS = {"gin": {"own": 1}}
"""The same for options of models."""

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class TrainConfig:
    """One training run, apart from its data. The defaults are Appendix D.6.2.2's.

    Attributes:
        model: A name of `wis.models.available_models`, or ``"module:Class"`` (see `wis.models`).
        depth: Number of layers; None stands for the model's default (10 for ResGCN, else 3).
        width: Size of the hidden embeddings.
        model_options: The model's own options, such as ``{"heads": 4}``; defaults are filled in.
        task: ``"vertex"``; ``"graph"``, for which the data is a list or batch of graphs; or
            ``"link"``, to predict edges from embeddings of size `width` (see `split_links`).
        learning_rate: Learning rate of Adam, above 0.
        weight_decay: L2 penalty of Adam, at least 0.
        max_epochs: Largest number of epochs, at least 1.
        patience: Number of consecutive epochs without improvement after which training stops.
        min_delta: Smallest improvement of the validation accuracy that counts, a fraction in [0, 1]
            (see `wis.training.stopping`).
        seed: Seed of the initial parameters, of dropout, and of the sampling of mini-batches.
        dtype: ``"float32"`` or ``"float64"``.
        device: Where to train, such as ``"cpu"`` or ``"cuda"``.
        sampler: None for full batches; else how to form mini-batches (see `wis.training.engine`).
        batch_size: Training vertices in a mini-batch of the sampler ``"neighbor"``, or training
            graphs in one of ``"graphs"``.
        num_neighbors: Neighbours that ``"neighbor"`` draws for each vertex and layer; -1 for all.
        num_parts: Parts into which ``"random-parts"`` divides the vertices in each epoch.
        keep_curve: Whether the record holds the loss and the accuracies of all epochs.
        decoder: Score of a pair (u, v) for the task ``"link"``: ``"dot"``, the inner product of the
            embeddings; or ``"mlp"``, a layer of ReLUs of their entrywise product.
        edge_weight: Whether the network gets the `edge_weight` of the data, a factor for each arc
            (see `wis.models`). For full batches.
    """

    model: str = "gcn"
    depth: int | None = None
    width: int = 64
    model_options: Mapping[str, Any] = field(default_factory=dict)
    task: TrainTask = "vertex"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    max_epochs: int = 10_000
    patience: int = 1_000
    min_delta: float = 0.0001
    seed: int = 0
    dtype: str = "float32"
    device: str = "cpu"
    sampler: Sampler | None = None
    batch_size: int = 1024
    num_neighbors: int = 10
    num_parts: int = 10
    keep_curve: bool = False
    decoder: Literal["dot", "mlp"] = "dot"
    edge_weight: bool = False

    def __post_init__(self) -> None:
        architecture = get_model(self.model)
        if not isinstance(self.model_options, Mapping):
            found = echo(repr(self.model_options))
            raise OptionError(f"model_options is {found}; expected a dictionary")
        options = architecture.resolved_options(self.model_options)
        object.__setattr__(self, "model", architecture.name)
        object.__setattr__(self, "model_options", options)
        if self.depth is None:
            object.__setattr__(self, "depth", architecture.depth)
        _check(self)

    def with_seed(self, seed: int) -> TrainConfig:
        """The same run with another seed."""
        return replace(self, seed=seed)

    def as_dict(self) -> dict[str, Any]:
        """All fields but those of `ADDED` that have their defaults, ready for JSON."""
        fields = _without(asdict(self), ADDED)
        options = _without(self.model_options, ADDED_OPTIONS.get(self.model, {}))
        return {**fields, "model_options": options}


def _without(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in values.items() if name not in defaults or v != defaults[name]}


def _check(config: TrainConfig) -> None:
    lows = {"seed": 0, "num_neighbors": -1}
    for name in ("max_epochs", "patience", "batch_size", "width", "depth", "num_parts", *lows):
        _check_integer(config, name, lows.get(name, 1))
    for name in ("learning_rate", "weight_decay", "min_delta"):
        value = getattr(config, name)
        if not is_number(value):
            raise OptionError(f"{name} is {shown(value)}; expected a number")
    for name, fits, expected in (
        ("learning_rate", 0 < config.learning_rate < float("inf"), "above 0"),
        ("weight_decay", 0 <= config.weight_decay < float("inf"), "of at least 0"),
        ("min_delta", 0 <= config.min_delta <= 1, "in [0, 1], a fraction"),
    ):
        if not fits:
            value = getattr(config, name)
            raise OptionError(f"{name} is {value!r}; expected a number {expected}")
    for name, known in (
        ("task", tuple(SAMPLERS)),
        ("dtype", tuple(DTYPES)),
        ("decoder", ("dot", "mlp")),
        ("sampler", tuple(dict.fromkeys(itertools.chain(*SAMPLERS.values())))),
    ):
        checked_choice(name, getattr(config, name), known)
    checked_choice("edge_weight", config.edge_weight, (False, True))
    if config.edge_weight and config.sampler is not None:
        raise OptionError("edge_weight is for full batches; leave sampler out")
    if config.sampler not in SAMPLERS[config.task]:
        expected = " or ".join(map(repr, SAMPLERS[config.task]))
        raise OptionError(
            f"sampler is {config.sampler!r}; the task {config.task!r} takes {expected}"
        )


def _check_integer(config: TrainConfig, name: str, low: int) -> None:
    value = getattr(config, name)
    too_large = isinstance(value, int) and value > MAX_SEED
    expected = "below 2^63" if too_large else f"of at least {low}"
    checked_integer(name, value, low, MAX_SEED, expected=f"an integer {expected}")


@dataclass(frozen=True)
class Hyperparameters:
    """A row of Table D.2.

    Attributes:
        learning_rate: Learning rate of Adam.
        weight_decay: L2 penalty of Adam.
        edge_mask_l1: Coefficient of the ℓ1 regularisation of edge masks in UGS.
    """

    learning_rate: float
    weight_decay: float
    edge_mask_l1: float


TABLE_D2: Mapping[tuple[str, str], Hyperparameters] = MappingProxyType(
    {
        ("gcn", "cora"): Hyperparameters(5e-4, 1e-3, 1e-2),
        ("gcn", "dblp"): Hyperparameters(1e-3, 1e-4, 1e-2),
        ("gcn", "ogbn-arxiv"): Hyperparameters(1e-3, 0.0, 1e-2),
        ("gcn", "chameleon"): Hyperparameters(1e-3, 1e-4, 1e-2),
        ("gcn", "squirrel"): Hyperparameters(5e-4, 0.0, 1e-4),
        ("gcn", "computers"): Hyperparameters(1e-3, 1e-4, 1e-2),
        ("gin", "cora"): Hyperparameters(1e-3, 1e-3, 1e-2),
        ("gin", "dblp"): Hyperparameters(1e-3, 1e-3, 1e-2),
        ("gin", "ogbn-arxiv"): Hyperparameters(1e-4, 0.0, 1e-2),
        ("resgcn", "cora"): Hyperparameters(5e-4, 1e-3, 1e-4),
        ("resgcn", "dblp"): Hyperparameters(5e-4, 1e-4, 1e-4),
        ("resgcn", "ogbn-arxiv"): Hyperparameters(1e-3, 0.0, 1e-2),
    }
)
"""Table D.2: (model, data set) → hyperparameters of Figures 5.3 and D.5."""


def thesis_config(model: str, dataset: str, **changes: Any) -> TrainConfig:
    """The run of Figures 5.3 and D.5 for a model and a data set.

    Args:
        model: ``"gcn"``, ``"gin"`` or ``"resgcn"``.
        dataset: A data set of Table D.1 by its name in wis, such as ``"cora"``.
        **changes: Fields of `TrainConfig` that differ.

    Raises:
        UnknownNameError: Table D.2 has no such row.

    >>> thesis_config("gcn", "cora", seed=3).learning_rate
    0.0005
    """
    key = (model.strip().lower(), dataset.strip().lower())
    if key not in TABLE_D2:
        known = (f"{row[0]} on {row[1]}" for row in TABLE_D2)
        raise UnknownNameError.among("row of Table D.2", f"{model} on {dataset}", known)
    row = TABLE_D2[key]
    given = {"learning_rate": row.learning_rate, "weight_decay": row.weight_decay, **changes}
    return TrainConfig(model=key[0], **given)
