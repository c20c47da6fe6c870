"""The rows of Table 5.1 as text, with the results of the thesis, and its claims.

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
from wis.theory.experiments.claims import Claim, Row, each_seed, grouped, where
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
"""Train and test accuracy in percent of each (model, partition), as Table 5.1 prints them."""

FIELDS = {
    **dict.fromkeys(("model", "partition", "images"), "text"),
    **dict.fromkeys(("seed", "num_train", "num_test", "data_seed"), "integer"),
    "config": "object",
    **dict.fromkeys(("config.depth", "walk_index", "num_epochs"), "integer"),
    **dict.fromkeys(("train_accuracy", "test_accuracy"), "number"),
    **dict.fromkeys(("best_train_accuracy", "test_accuracy_at_best"), "number"),
}


def format_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Format rows as Table 5.1, with the results of the thesis below.

    Args:
        rows: Rows of Table 5.1 that differ only in model, partition, seed, and the length of
            training. Failed runs are only counted.

    Returns:
        Text of several lines: means and standard deviations (with n - 1) over the seeds, in
        percent. A single seed has no deviation.

    Raises:
        OptionError: No row is done, or the rows are of different experiments.
        ResultsError: A row lacks a field, or has an invalid value.
    """
    all_rows = [dict(row) for row in rows]
    done = [row for row in all_rows if row["status"] == DONE]
    _check_alike(done)
    cells = grouped(done, "model", "partition")
    models = list(dict.fromkeys(model for model, _ in cells))
    parts = [part for part in PARTITIONS if any(part == other for _, other in cells)]
    lines = [
        ["", "", *(f"{part} walk index" for part in parts)],
        ["", "", *(_walk_indices(done, part) for part in parts)],
    ]
    for model in models:
        for place, label in enumerate(("train", "test")):
            ours = [_mean_std(cells.get((model, part), []), f"{label}_accuracy") for part in parts]
            lines.append([model.upper() if place == 0 else "", f"{label} acc. (%)", *ours])
            lines.append(["", "  thesis", *(THESIS[model, part][place] for part in parts)])
    lines.append(["", "epochs", *(_epochs(cells, models, part) for part in parts)])
    if len(done) < len(all_rows):
        lines.append(["", "failed", str(len(all_rows) - len(done)), *[""] * (len(parts) - 1)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "\n".join(line.rstrip() for line in aligned)


def _check_alike(rows: Sequence[dict[str, Any]]) -> None:
    """Check that all rows are of one experiment, without repetition."""
    if not rows:
        raise OptionError("there are no finished rows of Table 5.1; run it first")
    varying = ("model", "learning_rate", "model_options", "max_epochs", "patience", "seed")
    kinds, places = set(), set()
    for row in rows:
        if row.get("kind") != TABLE5_1:
            raise OptionError(f"a row is of kind {row.get('kind')!r}; expected {TABLE5_1!r}")
        check_fields(row, FIELDS)
        if (row["model"], row["partition"]) not in THESIS:
            raise ResultsError(
                f"the row with key {echo(row['key'], 60)} is of {echo(row['model'])}, "
                f"{echo(row['partition'])}, which Table 5.1 does not have; delete that line"
            )
        config = {name: value for name, value in row["config"].items() if name not in varying}
        data = [row[name] for name in ("images", "num_train", "num_test", "data_seed")]
        kinds.add(json.dumps([data, config], sort_keys=True))
        places.add((row["model"], row["partition"], row["seed"]))
    if len(kinds) > 1 or len(places) < len(rows):
        names = {f"{name_of_recipe(row)} ({str(row.get('recipe_hash'))[:8]})" for row in rows}
        raise OptionError(
            "the rows are of different experiments; select those of one by --recipe, with its name "
            f"or the beginning of its hash: {', '.join(sorted(names))}"
        )


def _walk_indices(rows: Sequence[Row], partition: str) -> str:
    indices = sorted({row["walk_index"] for row in where(rows, partition=partition)})
    depth = rows[0]["config"]["depth"]
    return f"WI_{depth - 1} = {' or '.join(f'{index:,}' for index in indices)}"


def _mean_std(rows: Sequence[Row], name: str) -> str:
    values = [100 * row[name] for row in rows]
    if not values:
        return "-"
    deviation = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{deviation}"


def _epochs(cells: Mapping[Any, Sequence[Row]], models: Sequence[str], partition: str) -> str:
    """Format the range of the number of epochs over the seeds, for each model."""
    texts = []
    for model in models:
        numbers = [row["num_epochs"] for row in cells.get((model, partition), [])]
        if numbers:
            low, high = min(numbers), max(numbers)
            texts.append(f"{model} {low}" if low == high else f"{model} {low}-{high}")
    return ", ".join(texts)


WHAT = {
    "train": "fits the training pairs better",
    "test": "is more accurate on test pairs",
}


def claims_of(models: Sequence[str]) -> list[Claim]:
    """The claims on training and on test accuracy of some networks.

    >>> [claim.name for claim in claims_of(["gcn"])]
    ['gcn-train', 'gcn-test']
    """
    return [_claim(model, part) for model in models for part in WHAT]


def _claim(model: str, part: str) -> Claim:
    low, high = (THESIS[model, partition][list(WHAT).index(part)] for partition in ("low", "high"))

    def gain(own: Sequence[Row]) -> float | None:
        found = {row["partition"]: 100 * row[f"{part}_accuracy"] for row in own}
        return found["high"] - found["low"] if len(found) == 2 else None

    rule = each_seed(gain, f"{model.upper()}, high minus low, in points", above=0)
    return Claim(
        f"{model}-{part}",
        "Table 5.1",
        f"A {model.upper()} {WHAT[part]} where the essential partition has a high walk index "
        f"({high} against {low} % over five runs).",
        f"The 95 % interval of the difference in {part} accuracy, paired by seed, lies above 0.",
        lambda rows: rule(where(rows, model=model)),
    )
