"""Compute the numbers of tables and figures from rows: means, deviations, areas, differences.

A panel is one data set, model and training. It holds the accuracies in percent of each method,
percentage and seed. Their mean and standard deviation (with n - 1) over the seeds are the markers
and bars of the thesis' figures. The area under the curve of a method, divided by the range of
percentages, is its mean accuracy over all percentages.

Accuracies (for links: areas under the ROC curve) are those of the test data (the default, as in
the thesis) or of the validation data, both at the epoch of the best validation accuracy. To choose
a method or an amount by a table, use ``metric="val"``, so that test accuracies decide nothing.

Methods are compared seed by seed, since a seed has the same split and initial parameters with all
methods. A comparison gives the mean difference to a baseline, with its confidence interval by
Student's t. The baseline is another method with as many edges removed, or the whole graph (`FULL`).
"""

from __future__ import annotations

import importlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from wis.errors import MissingDependencyError, ResultsError, UnknownNameError, echo
from wis.experiments.recipe import content_hash
from wis.experiments.results import (
    ACCURACY,
    DONE,
    FACTORIZATION,
    SERVE,
    TABLE5_1,
    Row,
    check_fields,
    field_of,
    kind_of_row,
    name_of_recipe,
    number_in,
    rows_of_recipe,
)

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = 0.95
LONGEST_PATH = 40
FULL = "full"
"""The name of the whole graph as a baseline, unless a method has this label."""

METRICS = {
    "test": "test accuracy",
    "val": "validation accuracy",
    **{name: f"test {name}" for name in ("mrr", "hits@10", "hits@50")},
}
"""What a table can show; the last three are for links (see `wis.training.problem`)."""
Unit = int | tuple[int, int]
"""What two methods are paired by: the seed, and the split if the graph comes with several."""

FIELDS = {
    "dataset": "text",
    "data_digest": "text",
    "label": "text",
    "method": "text",
    "options": "object",
    "percent_removed": "number",
    "model": "text",
    "seed": "integer",
    "config": "object",
}


@dataclass(frozen=True)
class Cell:
    """A summary of some numbers."""

    num: int  # the number of values
    mean: float  # their mean
    std: float  # their standard deviation, with n - 1; nan for one number
    low: float  # lower end of the confidence interval of the mean; nan for one number
    high: float  # its upper end

    @classmethod
    def of(cls, values: Iterable[float]) -> Cell | None:
        """Summarise numbers, NaNs left out; return None if there are none.

        >>> Cell.of([1.0, 3.0]).mean
        2.0
        """
        numbers = np.array([value for value in values if not math.isnan(value)])
        num = numbers.size
        if num == 0:
            return None
        mean = math.fsum(numbers) / num
        if num == 1:
            return cls(1, mean, math.nan, math.nan, math.nan)
        from scipy.stats import t

        std = float(numbers.std(ddof=1))
        half = float(t.ppf((1 + CONFIDENCE) / 2, num - 1)) * std / math.sqrt(num)
        return cls(num, mean, std, mean - half, mean + half)


@dataclass(frozen=True)
class Panel:
    """One data set, model and training."""

    title: str  # data set and model
    # Finished rows, by method, percentage and seed
    rows: Mapping[str, Mapping[float, Mapping[Unit, Row]]]
    num_failed: int  # the number of its rows that failed
    metric: str = "test"

    @property
    def first(self) -> Row:
        """The first row."""
        return next(
            row for cells in self.rows.values() for rows in cells.values() for row in rows.values()
        )

    @property
    def shown(self) -> str:
        """What the numbers are, such as "test accuracy"."""
        is_auc = self.first.get("metric") == "auc"
        return METRICS[self.metric].replace("accuracy", "AUC") if is_auc else METRICS[self.metric]

    @property
    def labels(self) -> list[str]:
        """Methods, in the order of their first rows."""
        return list(self.rows)

    @property
    def percentages(self) -> list[float]:
        """The percentages of all methods, ascending."""
        return sorted({percentage for cells in self.rows.values() for percentage in cells})

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Accuracies in percent, [seeds, (method, percentage)]; nan for a missing row."""
        pd = imported_pandas()
        units = [u for cells in self.rows.values() for rows in cells.values() for u in rows]
        index = pd.Index(list(dict.fromkeys(units)), dtype=object, tupleize_cols=False)
        columns = pd.MultiIndex.from_product([self.labels, self.percentages])
        table = pd.DataFrame(math.nan, index=index, columns=columns)
        for label, cells in self.rows.items():
            for percentage, rows in cells.items():
                found = {u: field_of(row, _field(row, self.metric)) for u, row in rows.items()}
                table[label, percentage] = [100 * found.get(unit, math.nan) for unit in index]
        return table

    @cached_property
    def whole(self) -> pd.Series:
        """Accuracy of each seed on the whole graph, which is the same for all methods."""
        at_zero = self.curves.reindex(columns=[0.0], level=1)
        return at_zero.bfill(axis=1).iloc[:, 0] if at_zero.size else at_zero.sum(axis=1) * math.nan

    def compares_with(self, baseline: str) -> bool:
        """Return whether there are rows of a baseline."""
        return baseline in self.rows or (baseline == FULL and bool(self.whole.notna().any()))

    def areas(self, label: str) -> pd.Series:
        """Compute the mean height of each seed's curve; nan if the seed lacks a percentage."""
        curves, percentages = self.curves[label], self.percentages
        width = percentages[-1] - percentages[0] or math.nan
        return curves.agg(lambda curve: np.trapezoid(curve, percentages) / width, axis=1)

    def accuracy(self, label: str, percentage: float) -> Cell | None:
        """Summarise the accuracies; return None if there are none."""
        return Cell.of(self.curves[label][percentage])

    def area(self, label: str) -> Cell | None:
        """Summarise the areas under the curves."""
        return Cell.of(self.areas(label))

    def difference(self, label: str, baseline: str, percentage: float) -> Cell | None:
        """Summarise differences in accuracy to a baseline; return None if no seed has both."""
        curves, has_rows = self.curves, baseline in self.rows
        return Cell.of(
            curves[label][percentage] - (curves[baseline][percentage] if has_rows else self.whole)
        )

    def area_difference(self, label: str, baseline: str) -> Cell | None:
        """Summarise the differences in area to a baseline."""
        theirs = self.areas(baseline) if baseline in self.rows else self.whole
        return Cell.of(self.areas(label) - theirs)

    def costs(self, label: str, name: str) -> list[float]:
        """Return the values of a numeric field, of the rows that have it."""
        rows = (row for _, cell in sorted(self.rows[label].items()) for row in cell.values())
        return [value for row in rows if (value := number_in(row, name)) is not None]


def panels_of(
    rows: Iterable[Row], *, recipe: str | None = None, metric: str = "test"
) -> list[Panel]:
    """Sort rows into panels.

    Args:
        rows: Rows of results.
        recipe: Take only rows of the recipe with this name, or whose hash begins with this text.
        metric: A name of `METRICS`: the scores on test or validation data, or a metric of links.

    Raises:
        UnknownNameError: The recipe or the metric is unknown.
        ResultsError: No row is finished, a row lacks a field or is of another kind of experiment,
            or two rows have the same method, amount and seed.
    """
    if metric not in METRICS:
        raise UnknownNameError.among("metric", metric, METRICS)
    rows = rows_of_recipe(rows, recipe)
    _check_kind(rows)
    groups: dict[str, list[Row]] = defaultdict(list)
    failures: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        if row["status"] == DONE:
            _check(row, metric)
            groups[training_of(row)].append(row)
        else:
            failures[_failed_place(row)] += 1
    if not groups:
        raise ResultsError(f"none of {len(rows)} rows is finished; their `error` says why")
    titles = _titles(list(groups.values()))
    return [
        Panel(title, _by_place(group), failures[_failed_place(group[0])], metric)
        for title, group in zip(titles, groups.values(), strict=True)
    ]


def imported_pandas() -> Any:
    """Import pandas; raise `MissingDependencyError` if it is not installed."""
    try:
        return importlib.import_module("pandas")
    except ImportError:
        raise MissingDependencyError.of("summaries of results need pandas", "bench") from None


def _check_kind(rows: Iterable[Row]) -> None:
    others = {kind_of_row(row) for row in rows} - {ACCURACY, SERVE}
    if others:
        what = {TABLE5_1: "Table 5.1", FACTORIZATION: "a factorization experiment"}
        raise ResultsError(
            f"there are rows of {what.get(min(others), echo(min(others)))}, in which no edges are "
            "removed: `wis bench table FILE` prints them as text, `wis bench export` gives them as "
            "csv or parquet"
        )


def _field(row: Row, metric: str) -> str:
    """The name of the field of a metric."""
    is_score = metric in ("test", "val")
    return f"{metric}_{row.get('metric', 'accuracy')}" if is_score else f"metrics.{metric}"


def _check(row: Row, metric: str) -> None:
    score = _field(row, metric)
    check_fields(row, {**FIELDS, score: "number"})
    for name, most in (("percent_removed", 100), (score, 1)):
        value = field_of(row, name)
        if not 0 <= value <= most:
            raise ResultsError(
                f"the row with key {echo(row['key'], 60)} has {value!r} for {name}; expected "
                f"a number in [0, {most}]. Choose other rows by --recipe, or delete that line"
            )


def _failed_place(row: Row) -> tuple[str, str]:
    return str(row.get("dataset")), str(row.get("model"))


def training_of(row: Row) -> str:
    """Return a hash of the graph and the training of a row, without seed and device."""
    config = {k: v for k, v in row["config"].items() if k not in ("seed", "device", "keep_curve")}
    return content_hash([row["dataset"], row["data_digest"], config])


def _titles(groups: Sequence[Sequence[Row]]) -> list[str]:
    """Name data set and model of each panel; add recipe and epochs if two titles are equal."""
    titles, longer = [], []
    for row, *_ in groups:
        graph = row["dataset"]
        if len(graph) > LONGEST_PATH:  # a path is shortened to its file name
            graph = PurePath(graph).name
        titles.append(f"{echo(graph)}, {echo(row['model'])}")
        epochs = echo(str(row["config"].get("max_epochs", "unknown")))
        longer.append(f"{titles[-1]} ({name_of_recipe(row)}, at most {epochs} epochs)")
    pairs = zip(titles, longer, strict=True)
    return [long if titles.count(title) > 1 else title for title, long in pairs]


def _by_place(rows: Sequence[Row]) -> dict[str, dict[float, dict[Unit, Row]]]:
    """Sort rows by label, percentage and seed; a method has the label of its first row."""
    labels: dict[str, str] = {}
    placed: dict[str, dict[float, dict[Unit, Row]]] = {}
    for row in rows:
        method = content_hash([row["method"], row["options"]])
        label = labels.setdefault(method, echo(row["label"]) or "unnamed")
        cell = placed.setdefault(label, {}).setdefault(float(row["percent_removed"]), {})
        split = row.get("split")
        unit = (row["seed"], split) if isinstance(split, int) else row["seed"]
        if not _is_same_run(row, cell.setdefault(unit, row)):
            raise ResultsError(
                f"two rows are {label!r} at {row['percent_removed']:g} % with seed {row['seed']} "
                f"on {echo(row['dataset'])}, with different options; choose by --recipe, or give "
                "the methods different labels"
            )
    return placed


def _is_same_run(row: Row, other: Row) -> bool:
    """Return whether two rows are one cut, given once in percent and once in edges."""
    same = ("run_key", "method", "options")
    is_known = row.get("run_key") is not None
    return row is other or (is_known and all(row.get(n) == other.get(n) for n in same))
