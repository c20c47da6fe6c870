"""From rows to the numbers of a table or a figure: means, spreads, areas, differences.

A panel is one data set, model and training. For each method and percentage it has the accuracies of
some seeds, in percent. Their mean and standard deviation (with n - 1) are the markers and bars of
the thesis' figures. One number for a whole method is the area under its curve, divided by the range
of percentages: the mean accuracy over all percentages.

The accuracies are those of the test vertices (the default, as in the thesis) or of the validation
vertices, both at the epoch of the best validation accuracy. Nothing is chosen by test accuracies:
use ``metric="val"`` to choose a method or an amount by such a table.

Methods are compared seed by seed, since a seed has the same split and initial parameters with all
of them: the mean difference to a baseline and its confidence interval by Student's t. The baseline
is another method with as many edges removed, or the whole graph (`FULL`).
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
    TABLE5_1,
    Row,
    check_fields,
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
"""The baseline that is the whole graph, with no edge removed, unless a method has this label."""

METRICS = {"test": "test accuracy", "val": "validation accuracy"}
Unit = int | tuple[int, int]
"""The unit of pairs: a seed, or a seed and a split where a graph comes with several splits."""

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
    """A summary of some numbers.

    Attributes:
        num: How many there are.
        mean: Their mean.
        std: Their standard deviation, with n - 1; nan for one number.
        low: Lower end of the confidence interval of the mean; nan for one number.
        high: Its upper end.
    """

    num: int
    mean: float
    std: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Cell | None:
        """Summarise numbers; None if there are none. NaNs are left out.

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
    """One data set, model and training.

    Attributes:
        title: Data set and model.
        rows: Finished rows, by method, percentage and seed.
        num_failed: How many of its rows failed.
        metric: A name of `METRICS`.
    """

    title: str
    rows: Mapping[str, Mapping[float, Mapping[Unit, Row]]]
    num_failed: int
    metric: str = "test"

    @property
    def labels(self) -> list[str]:
        """Methods, in the order of their first rows."""
        return list(self.rows)

    @property
    def percentages(self) -> list[float]:
        """All percentages of any method, ascending."""
        return sorted({percentage for cells in self.rows.values() for percentage in cells})

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Accuracies in percent: a line for each seed, a column for each method and percentage.

        It is nan where there is no row.
        """
        pd = imported_pandas()
        units = [u for cells in self.rows.values() for rows in cells.values() for u in rows]
        index = pd.Index(list(dict.fromkeys(units)), dtype=object, tupleize_cols=False)
        columns = pd.MultiIndex.from_product([self.labels, self.percentages])
        table = pd.DataFrame(math.nan, index=index, columns=columns)
        for label, cells in self.rows.items():
            for percentage, rows in cells.items():
                found = {unit: row[f"{self.metric}_accuracy"] for unit, row in rows.items()}
                table[label, percentage] = [100 * found.get(unit, math.nan) for unit in index]
        return table

    def accuracies(self, label: str, percentage: float) -> dict[Unit, float]:
        """Accuracy in percent of each seed."""
        found = self.curves[label][percentage].dropna()
        return dict(zip(found.index, found.tolist(), strict=True))

    @cached_property
    def whole(self) -> pd.Series:
        """Accuracy of each seed on the whole graph, which is the same for all methods."""
        at_zero = self.curves.reindex(columns=[0.0], level=1)
        return at_zero.bfill(axis=1).iloc[:, 0] if at_zero.size else at_zero.sum(axis=1) * math.nan

    def compares_with(self, baseline: str) -> bool:
        """Whether there are rows of a baseline."""
        return baseline in self.rows or (baseline == FULL and bool(self.whole.notna().any()))

    def areas(self, label: str) -> pd.Series:
        """Mean height of each seed's curve; nan for a seed that lacks a percentage."""
        curves, percentages = self.curves[label], self.percentages
        width = percentages[-1] - percentages[0] or math.nan
        return curves.agg(lambda curve: np.trapezoid(curve, percentages) / width, axis=1)

    def accuracy(self, label: str, percentage: float) -> Cell | None:
        """Summary of the accuracies; None where there are none."""
        return Cell.of(self.curves[label][percentage])

    def area(self, label: str) -> Cell | None:
        """Summary of the areas."""
        return Cell.of(self.areas(label))

    def difference(self, label: str, baseline: str, percentage: float) -> Cell | None:
        """Accuracy minus that of the baseline, seed by seed; None where no seed has both."""
        curves, has_rows = self.curves, baseline in self.rows
        return Cell.of(
            curves[label][percentage] - (curves[baseline][percentage] if has_rows else self.whole)
        )

    def area_difference(self, label: str, baseline: str) -> Cell | None:
        """Area minus that of the baseline, seed by seed."""
        theirs = self.areas(baseline) if baseline in self.rows else self.whole
        return Cell.of(self.areas(label) - theirs)

    def costs(self, label: str, name: str) -> dict[float, list[float]]:
        """The numbers in a field by percentage, of the rows that have it."""
        found: dict[float, list[float]] = {}
        for percentage, rows in sorted(self.rows[label].items()):
            values = [v for row in rows.values() if (v := number_in(row, name)) is not None]
            if values:
                found[percentage] = values
        return found


def panels_of(
    rows: Iterable[Row], *, recipe: str | None = None, metric: str = "test"
) -> list[Panel]:
    """Sort rows into panels.

    Args:
        rows: Rows of results.
        recipe: Take only rows of the recipe with this name, or whose hash begins so.
        metric: ``"test"`` or ``"val"``: whose accuracies are shown.

    Raises:
        UnknownNameError: No row is of that recipe, or there is no such metric.
        ResultsError: No row is finished, one lacks a field, two rows have the same place, or there
            are rows of another kind of experiment, where nothing is removed.
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
            groups[_training(row)].append(row)
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
    """pandas, which is imported when a summary is made.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        return importlib.import_module("pandas")
    except ImportError:
        raise MissingDependencyError.of("summaries of results need pandas", "bench") from None


def _check_kind(rows: Iterable[Row]) -> None:
    others = {kind_of_row(row) for row in rows} - {ACCURACY}
    if others:
        what = {TABLE5_1: "Table 5.1", FACTORIZATION: "a factorization experiment"}
        raise ResultsError(
            f"there are rows of {what.get(min(others), echo(min(others)))}, in which no edges are "
            "removed: `wis bench table FILE` prints them as text, `wis bench export` gives them as "
            "csv or parquet"
        )


def _check(row: Row, metric: str) -> None:
    accuracy = f"{metric}_accuracy"
    check_fields(row, {**FIELDS, accuracy: "number"})
    for name, most in (("percent_removed", 100), (accuracy, 1)):
        if not 0 <= row[name] <= most:
            raise ResultsError(
                f"the row with key {echo(row['key'], 60)} has {row[name]!r} for {name}; expected "
                f"a number in [0, {most}]. Choose other rows by --recipe, or delete that line"
            )


def _failed_place(row: Row) -> tuple[str, str]:
    return str(row.get("dataset")), str(row.get("model"))


def _training(row: Row) -> str:
    config = {k: v for k, v in row["config"].items() if k not in ("seed", "device", "keep_curve")}
    return content_hash([row["dataset"], row["data_digest"], config])


def _titles(groups: Sequence[Sequence[Row]]) -> list[str]:
    """Data set and model of each panel; recipe and epochs too where two would be the same."""
    titles, longer = [], []
    for row, *_ in groups:
        graph = row["dataset"]
        if len(graph) > LONGEST_PATH:  # of the path of a file the last part
            graph = PurePath(graph).name
        titles.append(f"{echo(graph)}, {echo(row['model'])}")
        epochs = echo(str(row["config"].get("max_epochs", "unknown")))
        longer.append(f"{titles[-1]} ({name_of_recipe(row)}, at most {epochs} epochs)")
    pairs = zip(titles, longer, strict=True)
    return [long if titles.count(title) > 1 else title for title, long in pairs]


def _by_place(rows: Sequence[Row]) -> dict[str, dict[float, dict[Unit, Row]]]:
    """Rows by label, percentage and seed; a method has the label of its first row."""
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
    """Whether two rows are the same cut, given once in percent and once in edges."""
    same = ("run_key", "method", "options")
    is_known = row.get("run_key") is not None
    return row is other or (is_known and all(row.get(n) == other.get(n) for n in same))
