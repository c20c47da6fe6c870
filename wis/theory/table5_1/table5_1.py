"""Table 5.1: networks fit a task better if its essential partition has a high walk index.

    run_recipe("table5_1", Table51().as_dict(), RunOptions("table5_1.jsonl"))

There is one row for each model, essential partition and seed. This module defines the kind
``table5_1`` of recipes (`wis.experiments.sweep`), so finished rows are not computed again, and a
failed run becomes a row with the error. All runs use the same pairs of images, drawn with a
separate seed. As in the program published with the paper, the five runs of the thesis differ in
their initialisation only.

All graphs have the same structure, which makes training fast, see `shared_structure`.

Source: Section 5.4.3, Table 5.1, Appendix D.6.2.1.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from wis.base.checks import checked_choice, checked_device
from wis.errors import OptionError, RecipeError, UnknownNameError, echo
from wis.experiments.backends import Job, Outcome
from wis.experiments.recipe import content_hash
from wis.experiments.results import DONE, TABLE5_1, Row
from wis.experiments.settings import check_integers, check_plain, parse_seeds
from wis.experiments.sweep import KINDS, Plan, RunOptions
from wis.theory.table5_1.patch_graphs import (
    NUM_SEGMENTS,
    NUM_TEST,
    NUM_TRAIN,
    PARTITIONS,
    ImagePairs,
    Partition,
    draw_pairs,
    essential_walk_index,
    two_cliques,
)
from wis.theory.table5_1.shared_run import GraphSet, train_shared
from wis.theory.table5_1.shared_structure import SHARED, SharedStructure
from wis.theory.table5_1.table5_1_text import format_table
from wis.training.config import TrainConfig
from wis.training.engine import build

KIND = TABLE5_1
LEARNING_RATES: Mapping[str, float] = MappingProxyType({"gcn": 5e-3, "gat": 5e-3, "gin": 1e-2})
"""Learning rates of Adam. Source: Appendix D.6.2.1, Optimization."""


@dataclass(frozen=True)
class Table51:
    """The runs of the table. The defaults are those of the thesis.

    Attributes:
        images: A name for `wis.datasets.images.load_images`.
        models: Names of `wis.theory.table5_1.shared_structure.SHARED`.
        partitions: Essential partitions: ``"low"``, ``"high"`` or both.
        seeds: Seeds of the initial parameters, one for each run.
        data_seed: Seed of the pairs of images.
        max_epochs: Largest number of epochs: one number for all models, or a number by model name.
        patience: Number of epochs without improvement of the training accuracy before a run stops.
        min_delta: The smallest improvement that counts, a fraction (see `wis.training.stopping`).

    >>> table = Table51(models=("gcn",), seeds=(0, 1))
    >>> [(partition, config.seed) for partition, config in table.runs()]
    [('low', 0), ('high', 0), ('low', 1), ('high', 1)]
    """

    images: str = "fashion-mnist"
    models: tuple[str, ...] = ("gcn", "gat", "gin")
    partitions: tuple[Partition, ...] = PARTITIONS
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    num_train: int = NUM_TRAIN
    num_test: int = NUM_TEST
    data_seed: int = 0
    depth: int = 3
    width: int = 16
    max_epochs: int | Mapping[str, int] = 10_000
    patience: int = 1_000
    min_delta: float = 0.0001
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name in ("models", "partitions", "seeds"):
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, Sequence) or not value:
                raise OptionError(
                    f"{name} is {echo(repr(value))}; expected a list of at least one entry"
                )
            if any(value.count(entry) > 1 for entry in value):
                raise OptionError(f"{name} is {echo(repr(list(value)))}, which repeats an entry")
            object.__setattr__(self, name, tuple(value))
        for model in self.models:
            if not isinstance(model, str) or model not in SHARED:
                raise UnknownNameError.among("model of Table 5.1", str(model), SHARED)
        for partition in self.partitions:
            checked_choice("partitions", partition, PARTITIONS)
        if not isinstance(self.images, str):
            raise OptionError(
                f"images is {echo(repr(self.images))}; expected the name of a set of images"
            )
        self._check_numbers()

    def _check_numbers(self) -> None:
        if isinstance(self.max_epochs, Mapping):
            wrong = set(self.max_epochs).symmetric_difference(self.models)
            if wrong:
                raise OptionError(
                    f"max_epochs has to give a number for each of {', '.join(self.models)} and "
                    f"nothing else; check {', '.join(sorted(map(str, wrong)))}"
                )
        for name, low in (("data_seed", 0), ("num_train", 1), ("num_test", 1)):
            check_integers(name, [getattr(self, name)], low)
        for model, seed in itertools.product(self.models, self.seeds):
            # Building the network checks width and depth.
            build(1, 1, self.train_config(model, seed))

    def train_config(self, model: str, seed: int) -> TrainConfig:
        """The configuration of one run.

        Raises:
            OptionError: A number is invalid.
        """
        limit = self.max_epochs
        return TrainConfig(
            model=model,
            depth=self.depth,
            width=self.width,
            task="graph",
            model_options={"train_eps": False} if model == "gin" else {},
            learning_rate=LEARNING_RATES[model],
            max_epochs=limit[model] if isinstance(limit, Mapping) else limit,
            patience=self.patience,
            min_delta=self.min_delta,
            seed=seed,
            device=self.device,
        )

    def as_dict(self) -> dict[str, Any]:
        """The content of a recipe, including all defaults."""
        content = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        del content["device"]
        if isinstance(self.max_epochs, Mapping):
            content["max_epochs"] = dict(self.max_epochs)
        lists = {name: list(content[name]) for name in ("models", "partitions", "seeds")}
        return {"kind": KIND, **content, **lists}

    @property
    def hash(self) -> str:
        """SHA-256 of all settings but those that only choose rows."""
        chosen = ("seeds", "models", "partitions")
        return content_hash({k: v for k, v in self.as_dict().items() if k not in chosen})

    def runs(self) -> Iterator[tuple[Partition, TrainConfig]]:
        """Yield all runs, sorted by seed, partition and model."""
        for seed, part, model in itertools.product(self.seeds, self.partitions, self.models):
            yield part, self.train_config(model, seed)

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Table51:
        """Make a table from a recipe: ``kind = "table5_1"`` and any of the attributes.

        Raises:
            OptionError: The recipe is of another kind, or a value is invalid.
        """
        given = {key: value for key, value in content.items() if key not in ("title", "source")}
        kind = given.pop("kind", None)
        if kind != KIND:
            raise OptionError(f"kind is {echo(repr(kind))}; expected {KIND!r}")
        known = [entry.name for entry in fields(cls)]
        for name in given:
            if name not in known:
                raise OptionError(f"unknown entry {echo(repr(name))}; known: {', '.join(known)}")
        return cls(**given)


@dataclass(frozen=True)
class PlannedRun:
    """A run of the table: key, settings, partition, and training configuration."""

    key: str
    facts: Mapping[str, Any]
    partition: Partition
    config: TrainConfig


class Table51Plan(Plan):
    """The rows of the table."""

    def __init__(self, table: Table51, name: str, options: RunOptions) -> None:
        planned = [self._planned(table, *run) for run in table.runs()]
        super().__init__(name, table.hash, table.as_dict(), len(planned))
        self.table, self.root, self.planned = table, options.data_root, planned

    @property
    def rows(self) -> list[PlannedRun]:
        """All runs, sorted by seed, partition and model."""
        return self.planned

    def common(self) -> dict[str, Any]:
        """The pairs of images; an error in drawing them stops the sweep."""
        table = self.table
        pairs = functools.partial(
            _pairs, table.images, table.num_train, table.num_test, table.data_seed, self.root
        )
        pairs()
        return {"common": pairs, "prepare": pairs, "common_key": (KIND, self.hash)}

    @staticmethod
    def _planned(table: Table51, partition: Partition, config: TrainConfig) -> PlannedRun:
        run = config.as_dict()
        del run["device"]  # the device does not change the row
        names = ("images", "num_train", "num_test", "data_seed")
        facts = {
            "kind": KIND,
            "model": config.model,
            "partition": partition,
            "seed": config.seed,
            **{name: getattr(table, name) for name in names},
            "config": run,
        }
        return PlannedRun(content_hash(facts), facts, partition, config)

    def rows_of(self, outcomes: Sequence[Outcome]) -> list[Row]:
        """Make the row of a run."""
        (outcome,) = outcomes
        (row,) = (row for row in self.rows if row.key == outcome["key"])
        index = essential_walk_index(row.partition, depth=self.table.depth)
        names = {"recipe": self.name, "recipe_hash": self.hash, "device": self.table.device}
        return [{"type": "run", **row.facts, "walk_index": index, **names, **outcome}]


_OVERRIDES: Mapping[str, Callable[[Any], Any]] = {
    "seeds": parse_seeds,
    "models": lambda text: tuple(name.strip() for name in text.split(",")),
    "max_epochs": int,
    "patience": int,
}


class Table51Kind:
    """The kind of recipe that makes Table 5.1."""

    name = KIND

    def plan(self, name: str, settings: Mapping[str, Any], options: RunOptions) -> Table51Plan:
        """Check a recipe and its overrides: `seeds`, `models`, `max_epochs` and `patience`.

        Raises:
            RecipeError: The recipe is not valid for Table 5.1.
            OptionError: An option does not apply to Table 5.1, or the device does not exist.
        """
        check_plain(settings)
        try:
            table = Table51.from_mapping(settings)
        except OptionError as error:
            raise RecipeError(str(error)) from None
        given = {key: value for key, value in options.overrides.items() if value is not None}
        for key in given:
            if key not in _OVERRIDES:
                flag = key.replace("_", "-")
                raise OptionError(
                    f"--{flag} does not apply to Table 5.1; give --seeds, --models, --epochs or "
                    "--patience"
                )
        if len(options.devices) != 1:
            raise OptionError("Table 5.1 runs on one device; give one to --devices")
        changes = {key: _OVERRIDES[key](value) for key, value in given.items()}
        limits = table.max_epochs
        if "models" in changes and "max_epochs" not in changes and isinstance(limits, Mapping):
            changes["max_epochs"] = {n: limits[n] for n in changes["models"] if n in limits}
        checked_device(options.devices[0])
        table = replace(table, **changes, device=options.devices[0])
        return Table51Plan(table, name, options)

    def run_row(self, job: Job) -> list[Outcome]:
        """Train a network."""
        (row,) = job.runs
        structure = SharedStructure.of(two_cliques(), 2 * NUM_SEGMENTS)
        train, test = (GraphSet(p.features(row.partition), p.same) for p in job.common())
        return [asdict(train_shared(structure, train, test, row.config))]

    def summarise(self, rows: Sequence[Row]) -> str | None:
        """The table with the results of the thesis, if a row is done."""
        return format_table(rows) if any(row["status"] == DONE for row in rows) else None


@functools.lru_cache(maxsize=1)
def _pairs(
    images: str, num_train: int, num_test: int, seed: int, root: str | None
) -> tuple[ImagePairs, ImagePairs]:
    """The training and test pairs, drawn once per process."""
    return draw_pairs(images, num_train=num_train, num_test=num_test, seed=seed, root=root)


KINDS.add(KIND, Table51Kind())
