"""The rows of Table 5.1 as text, beside the thesis'.

Source: Table 5.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev
from types import MappingProxyType
from typing import Any

from wis.errors import OptionError, ResultsError, echo
from wis.experiments.results import DONE, TABLE5_1, check_fields, name_of_recipe
from wis.theory.table5_1.patch_graphs import PARTITIONS

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

FIELDS = {
    "model": "text",
    "partition": "text",
    "seed": "integer",
    "images": "text",
    "num_train": "integer",
    "num_test": "integer",
    "data_seed": "integer",
    "config": "object",
    "config.depth": "integer",
    "walk_index": "integer",
    "num_epochs": "integer",
    "train_accuracy": "number",
    "test_accuracy": "number",
    "best_train_accuracy": "number",
    "test_accuracy_at_best": "number",
}


def format_table(rows: Iterable[Mapping[str, Any]], *, best: bool = False) -> str:
    """The rows as Table 5.1, each figure above that of the thesis.

    Args:
        rows: What `wis.theory.table5_1.table5_1.run_table` yields; all of one configuration but for
            model, partition and seed. Of runs that failed only the number is given.
        best: Give the accuracies at the epoch of the highest training accuracy, not at the end.

    Returns:
        Text of several lines. Means and standard deviations (of a sample, n - 1) over the seeds, in
        percent; a single seed has no deviation.

    Raises:
        OptionError: No row is done, or they are of different experiments.
        ResultsError: A row lacks a field, or has a value that Table 5.1 cannot have.
    """
    all_rows = [dict(row) for row in rows]
    given = [row for row in all_rows if row["status"] == DONE]
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
    if len(given) < len(all_rows):
        lines.append(["", "failed", str(len(all_rows) - len(given)), *[""] * (len(found) - 1)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    return "\n".join(text)


def _check_alike(rows: Sequence[dict[str, Any]]) -> None:
    """All of one experiment, and none twice."""
    if not rows:
        raise OptionError("there are no finished rows of Table 5.1; run it first")
    varying = ("model", "learning_rate", "model_options", "max_epochs", "seed")
    kinds, places = set(), set()
    for row in rows:
        if row.get("kind") != TABLE5_1:
            raise OptionError(f"a row is of kind {row.get('kind')!r}; expected {TABLE5_1!r}")
        check_fields(row, FIELDS)
        if (row["model"], row["partition"]) not in THESIS:
            raise ResultsError(
                f"the row with key {echo(row['key'], 60)} is of {echo(row['model'])}, "
                f"{echo(row['partition'])}, which Table 5.1 has not; delete that line"
            )
        config = {name: value for name, value in row["config"].items() if name not in varying}
        said = [row[name] for name in ("images", "num_train", "num_test", "data_seed")]
        kinds.add(json.dumps([said, config], sort_keys=True))
        places.add((row["model"], row["partition"], row["seed"]))
    if len(kinds) > 1 or len(places) < len(rows):
        told = {f"{name_of_recipe(row)} ({str(row.get('recipe_hash'))[:8]})" for row in rows}
        recipes = ", ".join(sorted(told))
        raise OptionError(
            "the rows are of different experiments; select those of one by --recipe, with the name "
            f"or how the hash begins: {recipes}"
        )


def _index_line(rows: Sequence[Mapping[str, Any]], partition: str) -> str:
    indices = sorted({row["walk_index"] for row in rows if row["partition"] == partition})
    (depth,) = {row["config"]["depth"] for row in rows}
    return f"WI_{depth - 1} = {' or '.join(f'{index:,}' for index in indices)}"


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
