"""From rows to the numbers of a table or a figure: means, spreads, areas, differences.

A panel is one data set, model and training. For each method and percentage there are the test
accuracies of some seeds, in percent: their mean and standard deviation (with n - 1), which are the
markers and bars of the thesis' figures. A method as a whole is summed up by the area under its
curve, divided by the range of percentages: the mean accuracy over all of them.

Methods are compared seed by seed, since a seed has the same split and initial parameters with all
of them: the mean difference to a baseline and its confidence interval by Student's t.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wis.errors import ResultsError
from wis.experiments.recipe import content_hash
from wis.experiments.results import (
    ACCURACY,
    DONE,
    FACTORIZATION,
    TABLE5_1,
    Row,
    kind_of_row,
    rows_of_recipe,
)

CONFIDENCE = 0.95
Values = dict[int, float]


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
    """

    title: str
    rows: Mapping[str, Mapping[float, Mapping[int, Row]]]
    num_failed: int

    @property
    def labels(self) -> list[str]:
        """Methods, in the order of their first rows."""
        return list(self.rows)

    @property
    def percentages(self) -> list[float]:
        """All percentages of any method, ascending."""
        return sorted({percentage for cells in self.rows.values() for percentage in cells})

    def accuracies(self, label: str, percentage: float) -> Values:
        """Test accuracy in percent of each seed."""
        rows = self.rows[label].get(percentage, {})
        return {seed: 100 * row["test_accuracy"] for seed, row in rows.items()}

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
            for seed in sorted(seeds)
        }

    def accuracy(self, label: str, percentage: float) -> Cell | None:
        """Accuracies in short; None where there are none."""
        return _cell(self.accuracies(label, percentage))

    def area(self, label: str) -> Cell | None:
        """Areas in short."""
        return _cell(self.areas(label))

    def difference(self, label: str, baseline: str, percentage: float) -> Cell | None:
        """Accuracy minus that of the baseline, seed by seed; None where no seed has both."""
        mine, theirs = self.accuracies(label, percentage), self.accuracies(baseline, percentage)
        return _paired(mine, theirs)

    def area_difference(self, label: str, baseline: str) -> Cell | None:
        """Area minus that of the baseline, seed by seed."""
        return _paired(self.areas(label), self.areas(baseline))

    def costs(self, label: str, name: str) -> dict[float, list[float]]:
        """Values of a field by percentage, of the rows that have it."""
        found: dict[float, list[float]] = {}
        for percentage, rows in sorted(self.rows[label].items()):
            values = [row[name] for row in rows.values() if row.get(name) is not None]
            if values:
                found[percentage] = values
        return found


def _cell(values: Values) -> Cell | None:
    return Cell.of(list(values.values())) if values else None


def _paired(mine: Values, theirs: Values) -> Cell | None:
    return _cell({seed: mine[seed] - theirs[seed] for seed in mine if seed in theirs})


def panels_of(rows: Iterable[Row], *, recipe: str | None = None) -> list[Panel]:
    """Sort rows into panels.

    Args:
        rows: Rows of results.
        recipe: Take only rows of the recipe with this name, or whose hash begins so.

    Raises:
        UnknownNameError: No row is of that recipe.
        ResultsError: No row is finished, two rows have the same place, or there are rows of another
            kind of experiment, where nothing is removed.
    """
    rows = rows_of_recipe(rows, recipe)
    others = {kind_of_row(row) for row in rows} - {ACCURACY}
    if others:
        what = {TABLE5_1: "Table 5.1", FACTORIZATION: "a factorization experiment"}
        raise ResultsError(
            f"there are rows of {what.get(min(others), min(others))}, in which no edges are "
            "removed: `wis bench table FILE` prints them as text, `wis bench export` gives them as "
            "csv or parquet"
        )
    groups: dict[str, list[Row]] = defaultdict(list)
    failures: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        if row["status"] == DONE:
            groups[_training(row)].append(row)
        else:
            failures[row["dataset"], row["model"]] += 1
    if not groups:
        raise ResultsError(f"none of {len(rows)} rows is finished; their `error` says why")
    titles = _titles(list(groups.values()))
    return [
        Panel(title, _by_place(group), failures[group[0]["dataset"], group[0]["model"]])
        for title, group in zip(titles, groups.values(), strict=True)
    ]


def _training(row: Row) -> str:
    config = {k: v for k, v in row["config"].items() if k not in ("seed", "device", "keep_curve")}
    return content_hash([row["dataset"], row["data_digest"], config])


def _titles(groups: Sequence[Sequence[Row]]) -> list[str]:
    """Data set and model; with recipe and epochs where that does not tell them apart."""
    titles = [f"{group[0]['dataset']}, {group[0]['model']}" for group in groups]
    longer = [
        f"{title} ({group[0]['recipe']}, at most {group[0]['config']['max_epochs']} epochs)"
        for title, group in zip(titles, groups, strict=True)
    ]
    return [
        long if titles.count(title) > 1 else title
        for title, long in zip(titles, longer, strict=True)
    ]


def _by_place(rows: Sequence[Row]) -> dict[str, dict[float, dict[int, Row]]]:
    """By label, percentage and seed; a method has the label of the first row with its options."""
    labels: dict[str, str] = {}
    placed: dict[str, dict[float, dict[int, Row]]] = {}
    for row in rows:
        label = labels.setdefault(content_hash([row["method"], row["options"]]), row["label"])
        cell = placed.setdefault(label, {}).setdefault(row["percent_removed"], {})
        if row["seed"] in cell:
            raise ResultsError(
                f"two rows are {label!r} at {row['percent_removed']:g} % with seed {row['seed']} "
                f"on {row['dataset']}, with different options; choose by --recipe, or give the "
                "methods different labels"
            )
        cell[row["seed"]] = row
    return placed
