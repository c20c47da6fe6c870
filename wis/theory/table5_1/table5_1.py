"""Table 5.1: networks fit a task better if the partition that it is about has a high walk index.

    rows = list(run_table(Table51(), results="table5_1.jsonl"))
    print(format_table(rows))  # of wis.theory.table5_1.table5_1_text

One row for each model, essential partition and seed, appended to the results file (see
`wis.experiments.results`) as soon as it is there; rows that the file holds already, made from the
same configuration, are not computed again. A run that fails becomes a row that says why.
The pairs of images are drawn once, from a seed of their own, and are the same for all runs, as in
the program published with the paper: the five runs of the thesis differ in their initialisation.

All graphs have one structure, which `wis.theory.table5_1.shared_structure` makes the most of.

Source: Section 5.4.3, Table 5.1, Appendix D.6.2.1.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from wis.errors import OptionError, RecipeError, UnknownNameError, echo
from wis.experiments.amounts import check_integers
from wis.experiments.jobs import told, torch_threads
from wis.experiments.measure import PeakMemory, environment
from wis.experiments.own_process import ProcessDied, call, can_be_forked
from wis.experiments.recipe import content_hash
from wis.experiments.recipe_file import read_settings
from wis.experiments.results import DONE, FAILED, TABLE5_1, ResultsFile, Row
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
from wis.theory.table5_1.shared_run import GraphSet, build_module, train_shared
from wis.theory.table5_1.shared_structure import SHARED, SharedStructure
from wis.training.config import TrainConfig
from wis.training.problem import checked_device

KIND = TABLE5_1
LEARNING_RATES: Mapping[str, float] = MappingProxyType({"gcn": 5e-3, "gat": 5e-3, "gin": 1e-2})
"""Appendix D.6.2.1, Optimization."""


@dataclass(frozen=True)
class Table51:
    """What to run. The defaults are the thesis'.

    Attributes:
        images: A name for `wis.datasets.images.load_images`.
        models: Names of `wis.theory.table5_1.shared_structure.SHARED`.
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
                raise OptionError(
                    f"{name} is {echo(repr(value))}; expected a list of at least one entry"
                )
            if any(value.count(entry) > 1 for entry in value):
                raise OptionError(
                    f"{name} is {echo(repr(list(value)))}, where one entry stands twice"
                )
            object.__setattr__(self, name, tuple(value))
        for model in self.models:
            if not isinstance(model, str) or model not in SHARED:
                raise UnknownNameError.among("model of Table 5.1", str(model), SHARED)
        for partition in self.partitions:
            if partition not in PARTITIONS:
                raise OptionError(
                    f"partitions holds {echo(repr(partition))}; expected 'low' or 'high'"
                )
        if not isinstance(self.images, str):
            raise OptionError(
                f"images is {echo(repr(self.images))}; expected the name of a set of images"
            )
        self._check_max_epochs()
        for name, low in (("data_seed", 0), ("num_train", 1), ("num_test", 1)):
            check_integers(name, [getattr(self, name)], low)
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

    def as_dict(self) -> dict[str, Any]:
        """As in a recipe, with everything spelled out."""
        content = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        del content["device"]
        if isinstance(self.max_epochs, Mapping):
            content["max_epochs"] = dict(self.max_epochs)
        lists = {name: list(content[name]) for name in ("models", "partitions", "seeds")}
        return {"kind": KIND, **content, **lists}

    @property
    def hash(self) -> str:
        """SHA-256 of all that decides the rows but of the seeds, of which there may be more."""
        return content_hash({k: v for k, v in self.as_dict().items() if k != "seeds"})

    def missing(self, store: ResultsFile, *, retry_failed: bool = False) -> list[str]:
        """Keys of the rows that `run_table` would compute.

        Args:
            store: The results, read.
            retry_failed: Whether it is to run again what failed.
        """
        keys = [_describe(self, *run)["key"] for run in self.runs()]
        return [key for key in keys if _known(store, key, retry_failed) is None]

    def runs(self) -> Iterator[tuple[Partition, TrainConfig]]:
        """All runs, in the order seed, partition, model."""
        for seed in self.seeds:
            for partition in self.partitions:
                for model in self.models:
                    yield partition, self.train_config(model, seed)

    @classmethod
    def from_recipe(cls, path: str | Path) -> Table51:
        """Read a recipe: a TOML file with ``kind = "table5_1"`` and any of the attributes.

        Raises:
            GraphFileError: It cannot be read.
            OptionError: It is no such recipe, or a value is impossible.
        """
        try:
            content = read_settings(Path(path))
        except RecipeError as error:
            raise OptionError(str(error)) from None
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
            raise OptionError(f"kind is {echo(repr(kind))}; expected {KIND!r}")
        known = [entry.name for entry in fields(cls)]
        for name in given:
            if name not in known:
                raise OptionError(f"unknown entry {echo(repr(name))}; known: {', '.join(known)}")
        return cls(**given)


def run_table(
    table: Table51,
    *,
    results: str | Path | None = None,
    root: str | Path | None = None,
    name: str = KIND,
    retry_failed: bool = False,
    progress: bool | None = None,
    own_process: bool = True,
) -> Iterator[Row]:
    """Train what is missing and yield all rows, in the order seed, partition, model.

    Args:
        table: What to run.
        results: File of results: finished rows are taken from it, new ones appended at once.
            Without it nothing is kept.
        root: The data root.
        name: What the recipe is called.
        retry_failed: Run again what failed.
        progress: As for `wis.theory.table5_1.shared_run.train_shared`.
        own_process: Train on a CPU in a process of its own for each run, which measures its memory;
            without it that is not known.

    Yields:
        For each run a dictionary: its `status`, ``done`` or ``failed``, and `error`; the
        configuration; ``walk_index`` of the essential partition; the machine and program; and, if
        it is done, the attributes of `wis.theory.table5_1.shared_run.SharedRecord`.

    Raises:
        ResultsError: The file is damaged, or has rows of another kind of experiment.
        OptionError: The device does not exist.
        WisError: As for `draw_pairs`; or the file cannot be read or written.

    References:
        Table 5.1; Appendix D.6.2.1.
    """
    checked_device(TrainConfig(device=table.device))
    store = None if results is None else ResultsFile(results)
    if store is not None:
        store.refresh()
        store.check_kind(KIND)
        store.append_recipe(table.hash, name, table.as_dict())
    apart = own_process and table.device == "cpu" and can_be_forked([])
    train = _trained_apart if apart else _trained
    pairs: tuple[ImagePairs, ImagePairs] | None = None
    for partition, config in table.runs():
        described = _describe(table, partition, config)
        row = _known(store, described["key"], retry_failed)
        if row is None:
            pairs = pairs or _pairs(table, root)
            row = {
                **described,
                "recipe": name,
                "recipe_hash": table.hash,
                "device": config.device,
                **train((pairs, partition, config, progress, torch.get_num_threads())),
                "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                **environment(),
            }
            if store is not None:
                store.append([row])
                row = store.rows[row["key"]]  # that of another process, if it was first
        yield row


def _known(store: ResultsFile | None, key: str, retry_failed: bool) -> Row | None:
    if store is None:
        return None
    store.refresh()  # others may be at work on the same file
    row = store.rows.get(key)
    return None if row is not None and row["status"] == FAILED and retry_failed else row


_Run = tuple[tuple[ImagePairs, ImagePairs], Partition, TrainConfig, bool | None, int]
"""Pairs, partition, configuration, progress and threads of a run."""


def _trained_apart(run: _Run) -> dict[str, Any]:
    """What a run found in a process of its own, or why it failed."""
    try:
        found: dict[str, Any] = call(_trained, run, threads=run[-1], key=KIND)
    except ProcessDied as error:
        return {"status": FAILED, "error": str(error)}
    return found


def _trained(run: _Run) -> dict[str, Any]:
    """What a run found, or why it failed."""
    pairs, partition, config, progress, threads = run
    structure = SharedStructure.of(two_cliques(), 2 * NUM_SEGMENTS)
    train, test = (GraphSet(part.features(partition), part.same) for part in pairs)
    try:
        with torch_threads(threads), PeakMemory(config.device) as memory:
            record = train_shared(structure, train, test, config, progress=progress)
    except Exception as error:
        return {"status": FAILED, "error": told(error)}
    facts = {"peak_memory_bytes": memory.bytes, "threads": threads}
    return {"status": DONE, "error": None, **asdict(record), **facts}


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
    index = essential_walk_index(partition, depth=table.depth)
    return {"type": "run", "key": content_hash(said), **said, "walk_index": index}
