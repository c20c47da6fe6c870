"""From rows to the numbers of a table or a figure: means, spreads, areas, differences.

A panel is one data set, model and training. For each method and percentage there are the accuracies
of some seeds, in percent: their mean and standard deviation (with n - 1), which are the markers and
bars of the thesis' figures. A method as a whole is summed up by the area under its curve, divided
by the range of percentages: the mean accuracy over all of them.

The accuracies are those of the test vertices (the default, as in the thesis) or of the validation
vertices, both at the epoch of the best validation accuracy; nothing is chosen by test accuracies.
Whoever chooses a method or an amount by such a table does it by ``metric="val"``.

Methods are compared seed by seed, since a seed has the same split and initial parameters with all
of them: the mean difference to a baseline and its confidence interval by Student's t. The baseline
is another method with as many edges removed, or the whole graph (`FULL`).
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from wis.errors import ResultsError, UnknownNameError, echo
from wis.experiments.recipe import content_hash
from wis.experiments.results import ACCURACY, DONE, FACTORIZATION, TABLE5_1, Row, rows_of_recipe
from wis.experiments.rows import check_fields, kind_of_row, name_of_recipe, number_in

CONFIDENCE = 0.95
LONGEST_PATH = 40
FULL = "full"
"""The baseline that is the whole graph, with no edge removed, unless a method is called so."""

METRICS = {"test": "test accuracy", "val": "validation accuracy"}
Unit = int | tuple[int, int]
"""What is paired: a seed, or where a graph comes with several splits a seed and a split."""

Values = dict[Unit, float]
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
    """Some numbers in short.

    Attributes:
        num: How many there are.
        mean: Their mean.
        std: Their standard deviation, with n - 1; nan for one.
        low: Lower end of the confidence interval of the mean; nan for one.
        high: Its upper end.
    """

    num: int
    mean: float
    std: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Cell:
        """Sum numbers up; there is at least one."""
        mean = statistics.fmean(values)
        if len(values) == 1:
            return cls(1, mean, math.nan, math.nan, math.nan)
        from scipy.stats import t

        std = statistics.stdev(values)
        half = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * std / math.sqrt(len(values))
        return cls(len(values), mean, std, mean - half, mean + half)


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

    def accuracies(self, label: str, percentage: float) -> Values:
        """Accuracy in percent of each seed."""
        rows = self.rows[label].get(percentage, {})
        return {unit: 100 * row[f"{self.metric}_accuracy"] for unit, row in rows.items()}

    def whole(self) -> Values:
        """Accuracy of each seed on the whole graph, which is the same for all methods."""
        found: Values = {}
        for label in self.labels:
            found = {**self.accuracies(label, 0.0), **found}
        return found

    def compares_with(self, baseline: str) -> bool:
        """Whether there are rows of a baseline."""
        return baseline in self.rows or (baseline == FULL and bool(self.whole()))

    def areas(self, label: str) -> Values:
        """Area under the curve of each seed that has all percentages, divided by their range."""
        percentages = self.percentages
        if len(percentages) < 2:
            return {}
        columns = [self.accuracies(label, percentage) for percentage in percentages]
        seeds = set.intersection(*map(set, columns))
        width = percentages[-1] - percentages[0]
        return {
            seed: float(np.trapezoid([column[seed] for column in columns], percentages)) / width
            for seed in sorted(seeds, key=repr)
        }

    def accuracy(self, label: str, percentage: float) -> Cell | None:
        """Accuracies in short; None where there are none."""
        return _cell(self.accuracies(label, percentage))

    def area(self, label: str) -> Cell | None:
        """Areas in short."""
        return _cell(self.areas(label))

    def difference(self, label: str, baseline: str, percentage: float) -> Cell | None:
        """Accuracy minus that of the baseline, seed by seed; None where no seed has both."""
        is_full = baseline not in self.rows
        theirs = self.whole() if is_full else self.accuracies(baseline, percentage)
        return _paired(self.accuracies(label, percentage), theirs)

    def area_difference(self, label: str, baseline: str) -> Cell | None:
        """Area minus that of the baseline, seed by seed."""
        theirs = self.areas(baseline) if baseline in self.rows else self.whole()
        return _paired(self.areas(label), theirs)

    def costs(self, label: str, name: str) -> dict[float, list[float]]:
        """Values of a field by percentage, of the rows that have it."""
        found: dict[float, list[float]] = {}
        for percentage, rows in sorted(self.rows[label].items()):
            values = [v for row in rows.values() if (v := number_in(row, name)) is not None]
            if values:
                found[percentage] = values
        return found


def _cell(values: Values) -> Cell | None:
    return Cell.of(list(values.values())) if values else None


def _paired(mine: Values, theirs: Values) -> Cell | None:
    return _cell({seed: mine[seed] - theirs[seed] for seed in mine if seed in theirs})


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
    """Data set and model; with recipe and epochs where that does not tell them apart."""
    titles = [f"{_graph_name(group[0])}, {echo(group[0]['model'])}" for group in groups]
    longer = [
        f"{title} ({name_of_recipe(group[0])}, at most {_epochs(group[0])} epochs)"
        for title, group in zip(titles, groups, strict=True)
    ]
    return [
        long if titles.count(title) > 1 else title
        for title, long in zip(titles, longer, strict=True)
    ]


def _graph_name(row: Row) -> str:
    """The data set; of the path of a file the last part, where it is long."""
    name = row["dataset"]
    return echo(PurePath(name).name if len(name) > LONGEST_PATH else name)


def _epochs(row: Row) -> str:
    return echo(str(row["config"].get("max_epochs", "unknown")))


def _by_place(rows: Sequence[Row]) -> dict[str, dict[float, dict[Unit, Row]]]:
    """By label, percentage and seed; a method has the label of the first row with its options."""
    labels: dict[str, str] = {}
    placed: dict[str, dict[float, dict[Unit, Row]]] = {}
    for row in rows:
        method = content_hash([row["method"], row["options"]])
        label = labels.setdefault(method, echo(row["label"]) or "unnamed")
        cell = placed.setdefault(label, {}).setdefault(float(row["percent_removed"]), {})
        unit = _unit(row)
        if unit in cell and not _is_same_run(row, cell[unit]):
            raise ResultsError(
                f"two rows are {label!r} at {row['percent_removed']:g} % with seed {row['seed']} "
                f"on {echo(row['dataset'])}, with different options; choose by --recipe, or give "
                "the methods different labels"
            )
        cell.setdefault(unit, row)
    return placed


def _unit(row: Row) -> Unit:
    split = row.get("split")
    return (row["seed"], split) if isinstance(split, int) else row["seed"]


def _is_same_run(row: Row, other: Row) -> bool:
    """Whether two rows are one cut, said once in percent and once in edges."""
    same = ("run_key", "method", "options")
    return row.get("run_key") is not None and all(row.get(n) == other.get(n) for n in same)
