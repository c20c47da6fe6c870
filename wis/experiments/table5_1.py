"""Table 5.1: networks fit a task better if the partition that it is about has a high walk index.

    for row in run_table(Table51(), results="table5_1.jsonl"):
        print(row["model"], row["partition"], row["seed"], row["train_accuracy"])
    print(format_table(read_rows("table5_1.jsonl")))

One row for each model, essential partition and seed, appended to the results file as soon as it is
there; rows that the file holds already, made from the same configuration, are not computed again.
The pairs of images are drawn once, from a seed of their own, and are the same for all runs, as in
the program published with the paper: the five runs of the thesis differ in their initialisation.

All graphs have one structure, which `wis.training.shared_structure` makes the most of.

Source: Section 5.4.3, Table 5.1, Appendix D.6.2.1.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import mean, stdev
from types import MappingProxyType
from typing import Any

from wis.errors import GraphFileError, OptionError, UnknownNameError
from wis.experiments.patch_graphs import (
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
from wis.experiments.row_file import append_row, read_rows
from wis.training.config import TrainConfig
from wis.training.record import record_versions
from wis.training.shared_run import GraphSet, build_module, train_shared
from wis.training.shared_structure import SHARED, SharedStructure

KIND = "table5_1"
LEARNING_RATES: Mapping[str, float] = MappingProxyType({"gcn": 5e-3, "gat": 5e-3, "gin": 1e-2})
"""Appendix D.6.2.1, Optimization."""

THESIS: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType(
    {
        ("gcn", "low"): ("70.4 ± 1.7", "52.7 ± 1.9"),
        ("gcn", "high"): ("81.4 ± 2.0", "66.2 ± 1.1"),
        ("gat", "low"): ("82.8 ± 2.6", "69.6 ± 0.6"),
        ("gat", "high"): ("88.5 ± 1.1", "72.1 ± 1.2"),
        ("gin", "low"): ("83.2 ± 0.8", "53.7 ± 1.8"),
        ("gin", "high"): ("94.2 ± 0.8", "64.8 ± 1.4"),
    }
)
"""Table 5.1: (model, partition) → train and test accuracy in percent, as printed."""


@dataclass(frozen=True)
class Table51:
    """What to run. The defaults are the thesis'.

    Attributes:
        images: A name for `wis.datasets.images.load_images`.
        models: Names of `wis.training.shared_structure.SHARED`.
        partitions: Essential partitions, of ``"low"`` and ``"high"``.
        seeds: Seeds of the initial parameters; a run for each.
        num_train: Number of training graphs.
        num_test: Number of test graphs.
        data_seed: Seed of the pairs of images.
        depth: Number of layers.
        width: Size of the hidden embeddings.
        max_epochs: The most epochs: a number for all models, or one for each by its name.
        patience: Epochs without improvement of the training accuracy after which to stop.
        min_delta: What counts as one, a fraction (see `wis.training.stopping`).
        device: Where to train.
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
                raise OptionError(f"{name} is {value!r}; expected a list of at least one entry")
            if len(set(value)) != len(value):
                raise OptionError(f"{name} is {list(value)!r}, where one entry stands twice")
            object.__setattr__(self, name, tuple(value))
        for model in self.models:
            if model not in SHARED:
                raise UnknownNameError.among("model of Table 5.1", str(model), SHARED)
        for partition in self.partitions:
            if partition not in PARTITIONS:
                raise OptionError(f"partitions holds {partition!r}; expected 'low' or 'high'")
        if not isinstance(self.data_seed, int) or self.data_seed < 0:
            raise OptionError(f"data_seed is {self.data_seed!r}; expected an integer from 0 on")
        self._check_max_epochs()
        for name in ("num_train", "num_test"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise OptionError(f"{name} is {value!r}; expected an integer of at least 1")
        for model in self.models:
            for seed in self.seeds:
                config = self.train_config(model, seed)
                build_module(1, config)  # it knows which widths and depths there can be

    def _check_max_epochs(self) -> None:
        if not isinstance(self.max_epochs, Mapping):
            return
        wrong = set(self.max_epochs).symmetric_difference(self.models)
        if wrong:
            raise OptionError(
                f"max_epochs has to give a number for each of {', '.join(self.models)} and nothing "
                f"else; check {', '.join(sorted(map(str, wrong)))}"
            )

    def train_config(self, model: str, seed: int) -> TrainConfig:
        """One run.

        Raises:
            OptionError: A number is impossible.
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

    @classmethod
    def from_recipe(cls, path: str | Path) -> Table51:
        """Read a recipe: a TOML file with ``kind = "table5_1"`` and any of the attributes.

        Raises:
            GraphFileError: It cannot be read.
            OptionError: It is no such recipe, or a value is impossible.
        """
        try:
            content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise GraphFileError(f"{path}: cannot be read: {error.strerror}") from None
        except ValueError as error:  # bad TOML, or bad UTF-8
            raise OptionError(f"{path}: is not TOML: {error}") from None
        try:
            return cls.from_mapping(content)
        except OptionError as error:
            raise OptionError(f"{path}: {error}") from None

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Table51:
        """What `from_recipe` does with a recipe's content; ``title`` and ``source`` are for people.

        Raises:
            OptionError: See `from_recipe`.
        """
        given = dict(content)
        kind = given.pop("kind", None)
        for note in ("title", "source"):
            given.pop(note, None)
        if kind != KIND:
            raise OptionError(f"kind is {kind!r}; expected {KIND!r}")
        known = [entry.name for entry in fields(cls)]
        for name in given:
            if name not in known:
                raise OptionError(f"unknown entry {name!r}; known: {', '.join(known)}")
        return cls(**given)


def run_table(
    table: Table51,
    *,
    results: str | Path | None = None,
    root: str | Path | None = None,
    progress: bool | None = None,
) -> Iterator[dict[str, Any]]:
    """Train what is missing and yield all rows, in the order seed, partition, model.

    Args:
        table: What to run.
        results: File of rows (JSON lines): finished ones are taken from it, new ones appended at
            once. Without it nothing is kept.
        root: The data root.
        progress: As for `wis.training.shared_run.train_shared`.

    Yields:
        For each run a dictionary: the configuration, ``walk_index`` of the essential partition, and
        the attributes of `wis.training.shared_run.SharedRecord`.

    Raises:
        WisError: As for `draw_pairs` and `train_shared`; or the file cannot be read or written.

    References:
        Table 5.1; Appendix D.6.2.1.
    """
    finished = {} if results is None else {row.get("key"): row for row in read_rows(results)}
    structure = SharedStructure.of(two_cliques(), 2 * NUM_SEGMENTS)
    pairs: tuple[ImagePairs, ImagePairs] | None = None
    for seed in table.seeds:
        for partition in table.partitions:
            for model in table.models:
                config = table.train_config(model, seed)
                described = _describe(table, partition, config)
                row = finished.get(described["key"])
                if row is None:
                    pairs = pairs or _pairs(table, root)
                    train, test = (GraphSet(part.features(partition), part.same) for part in pairs)
                    record = train_shared(structure, train, test, config, progress=progress)
                    row = {**described, **asdict(record), "versions": record_versions()}
                    if results is not None:
                        append_row(results, row)
                yield row


def _pairs(table: Table51, root: str | Path | None) -> tuple[ImagePairs, ImagePairs]:
    return draw_pairs(
        table.images,
        num_train=table.num_train,
        num_test=table.num_test,
        seed=table.data_seed,
        root=root,
    )


def _describe(table: Table51, partition: Partition, config: TrainConfig) -> dict[str, Any]:
    """Everything that a row depends on, and a key made of it."""
    run = config.as_dict()
    del run["device"]  # where a run was made does not make it another run
    said = {
        "kind": KIND,
        "model": config.model,
        "partition": partition,
        "seed": config.seed,
        "images": table.images,
        "num_train": table.num_train,
        "num_test": table.num_test,
        "data_seed": table.data_seed,
        "config": run,
    }
    key = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
    index = essential_walk_index(partition, depth=table.depth)
    return {"key": key, **said, "walk_index": index}


def format_table(rows: Iterable[Mapping[str, Any]], *, best: bool = False) -> str:
    """The rows as Table 5.1, each figure above that of the thesis.

    Args:
        rows: What `run_table` yields; all of one configuration but for model, partition and seed.
        best: Give the accuracies at the epoch of the highest training accuracy, not at the end.

    Returns:
        Text of several lines. Means and standard deviations (of a sample, n - 1) over the seeds, in
        percent; a single seed has no deviation.

    Raises:
        OptionError: There are no rows, or they are of different experiments.
    """
    given = list(rows)
    _check_alike(given)
    found = [part for part in PARTITIONS if any(row["partition"] == part for row in given)]
    models = list(dict.fromkeys(row["model"] for row in given))
    header = ["", "", *(f"{part} walk index" for part in found)]
    lines = [header, ["", "", *(_index_line(given, part) for part in found)]]
    names = ("best_train_accuracy", "test_accuracy_at_best")
    for model in models:
        for position, label in enumerate(("train", "test")):
            name = names[position] if best else f"{label}_accuracy"
            ours = [_mean_std(_values(given, model, part, name)) for part in found]
            lines.append([model.upper() if not position else "", f"{label} acc. (%)", *ours])
            thesis = [THESIS[model, part][position] for part in found]
            lines.append(["", "  thesis", *thesis])
    lines.append(["", "epochs", *(_epochs(given, part) for part in found)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    return "\n".join(text)


def _check_alike(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        raise OptionError("there are no rows of Table 5.1; run it first")
    varying = ("model", "learning_rate", "model_options", "max_epochs", "seed")
    kinds = set()
    for row in rows:
        if row.get("kind") != KIND:
            raise OptionError(f"a row is of kind {row.get('kind')!r}; expected {KIND!r}")
        config = {name: value for name, value in row["config"].items() if name not in varying}
        said = [row[name] for name in ("images", "num_train", "num_test", "data_seed")]
        kinds.add(json.dumps([said, config], sort_keys=True))
    if len(kinds) > 1:
        raise OptionError("the rows are of different experiments; select those of one")


def _index_line(rows: Sequence[Mapping[str, Any]], partition: str) -> str:
    (index,) = {row["walk_index"] for row in rows if row["partition"] == partition}
    (depth,) = {row["config"]["depth"] for row in rows}
    return f"WI_{depth - 1} = {index:,}"


def _values(
    rows: Sequence[Mapping[str, Any]], model: str, partition: str, name: str
) -> list[float]:
    chosen = (row for row in rows if (row["model"], row["partition"]) == (model, partition))
    return [100 * row[name] for row in chosen]


def _mean_std(values: Sequence[float]) -> str:
    if not values:
        return "-"
    deviation = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{deviation}"


def _epochs(rows: Sequence[Mapping[str, Any]], partition: str) -> str:
    """Epochs that were run: for each model, the range over its seeds."""
    parts = []
    for model in dict.fromkeys(row["model"] for row in rows):
        numbers = [
            row["num_epochs"]
            for row in rows
            if (row["model"], row["partition"]) == (model, partition)
        ]
        if numbers:
            low, high = min(numbers), max(numbers)
            parts.append(f"{model} {low}" if low == high else f"{model} {low}-{high}")
    return ", ".join(parts)
