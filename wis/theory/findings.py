"""Findings: the claims of the thesis, judged from files of results.

Rows of one experiment and size, of all seeds, give one `Findings`. Experiments of `wis.theory` have
their claims in the registry. `wis bench table --claims`, `wis bench report` and `wis theory list`
show findings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wis.errors import echo
from wis.experiments.results import (
    ACCURACY,
    DONE,
    FACTORIZATION,
    INFLUENCE,
    TABLE5_1,
    Row,
    check_fields,
    kind_of_row,
    number_in,
)
from wis.experiments.summary import FIELDS, panels_of, training_of
from wis.theory.experiments.claims import Claim, Judgement, State, Verdict, judge
from wis.theory.experiments.registry import get_experiment
from wis.theory.figure5_3 import claims_of as figure_claims
from wis.theory.figure5_3 import figure_of
from wis.theory.influence import CLAIM as INFLUENCE_CLAIM
from wis.theory.table5_1.patch_graphs import NUM_TRAIN
from wis.theory.table5_1.table5_1_text import claims_of as table5_1_claims
from wis.theory.table5_1.table5_1_text import format_table


@dataclass(frozen=True)
class Findings:
    """Judged claims of one experiment.

    Attributes:
        name: Name of the experiment in `wis theory list`.
        title: What was run, such as ``"figB_2"``.
        source: Its number in the thesis.
        size: ``"thesis"``, ``"quick"`` or ``"own"``.
        seeds: The seeds of the rows, ascending.
        cpu_seconds: CPU time of all runs; None if a row does not say.
        date: Date of the last run; None if no row says.
        verdicts: The judged claims.
        summaries: A paragraph for each seed with the numbers of its rows, if there is one.
    """

    name: str
    title: str
    source: str
    size: str
    seeds: tuple[int, ...]
    cpu_seconds: float | None
    date: str | None
    verdicts: tuple[Verdict, ...]
    summaries: Mapping[int, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The findings for JSON, with the `claims` in place of verdicts."""
        left_out = ("verdicts", "summaries")
        facts = {name: value for name, value in vars(self).items() if name not in left_out}
        claims = [verdict.record() for verdict in self.verdicts]
        return {**facts, "seeds": list(self.seeds), "claims": claims}

    @property
    def heading(self) -> str:
        """What was run, in a line."""
        source = "" if self.source in self.title else f" ({self.source})"
        return f"{self.title}{source}, {self.size_word} size, {seeds_text(self.seeds)}"

    @property
    def size_word(self) -> str:
        """The size in a word for people, see `size_word`."""
        return size_word(self.name, self.size)

    @property
    def text(self) -> str:
        """A line for each claim, and the summary of each seed."""
        names = len(self.summaries) > 1
        summaries = (f"seed {s}: {t}" if names else t for s, t in self.summaries.items())
        return "\n".join([*map(str, self.verdicts), *summaries])


def findings_of(rows: Iterable[Row]) -> list[Findings]:
    """Judge the claims that rows of results stand for.

    Args:
        rows: Rows of `wis.experiments.read_results`, of any kinds. Failed rows are left out.

    Returns:
        Findings for each experiment and size, in the order of the rows.

    Raises:
        ResultsError: A row lacks a field.
        UnknownNameError: A row is of an unknown experiment.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        kind = kind_of_row(row)
        if row["status"] == DONE and kind in JUDGES and (place := JUDGES[kind][0](row)):
            groups.setdefault((kind, place), []).append(row)
    return [JUDGES[kind][1](own) for (kind, _), own in groups.items()]


def size_word(name: str, size: str) -> str:
    """The word that is shown for a size: ``"full"`` where the thesis states no size.

    >>> size_word("fig1_1", "thesis"), size_word("more_edges", "thesis")
    ('thesis', 'full')
    """
    stated = name.startswith(("fig", "table")) and name != "fig5_2"
    return size if stated or size != "thesis" else "full"


def judged(claims: Iterable[Claim], rows: Sequence[Row]) -> tuple[Verdict, ...]:
    """Judge claims; one whose rule needs a column that the rows lack cannot be told."""
    found = []
    for claim in claims:
        try:
            found += judge([claim], rows)
        except KeyError as error:
            text = f"the rows have no {echo(str(error))}; another version of wis wrote them"
            cannot = Judgement(State.CANNOT_TELL, text)
            found.append(Verdict(claim, cannot, seeds_of(rows)))
    return tuple(found)


def seeds_of(rows: Iterable[Row]) -> tuple[int, ...]:
    """The seeds of rows, ascending."""
    return tuple(sorted({row["seed"] for row in rows}))


def seeds_text(seeds: Sequence[int]) -> str:
    """Name seeds in a few words.

    >>> seeds_text([0, 1, 2, 3]), seeds_text([4]), seeds_text([2, 5])
    ('seeds 0 to 3', 'seed 4', 'seeds 2, 5')
    """
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seed{'s' * (len(seeds) != 1)} {', '.join(map(str, seeds))}"


def facts_of(rows: Sequence[Row]) -> dict[str, Any]:
    """Seeds, time and date of rows of results; rows of one run count once."""
    runs = {row.get("run_key") or (row["seed"], row.get("partition"), row.get("model")): row
            for row in rows}  # fmt: skip
    seconds = [number_in(row, "cpu_seconds") for row in runs.values()]
    # The built-in `sum` rounds otherwise since Python 3.12, and kept verdicts hold all digits.
    cpu_seconds = None if None in seconds else math.fsum(filter(None, seconds))
    dates = [row["finished_at"][:10] for row in rows if isinstance(row.get("finished_at"), str)]
    return {
        "seeds": seeds_of(rows),
        "cpu_seconds": cpu_seconds,
        "date": max(dates, default=None),
    }


def _of_experiment(rows: Sequence[Row]) -> Findings:
    """Findings from rows of an experiment of `wis.theory` with one size and settings."""
    for row in rows:
        check_fields(row, {"found": "object", "verdict": "text"})
    experiment = get_experiment(rows[0]["experiment"])
    found = [{**row["found"], "seed": row["seed"]} for row in rows]
    summaries: dict[int, str] = {
        row["seed"]: str(row.get("summary", row["verdict"])) for row in rows
    }
    return Findings(
        experiment.name,
        experiment.name,
        experiment.source,
        found[0].get("size", "own"),
        verdicts=judged(experiment.claims, found),
        summaries=dict(sorted(summaries.items())),
        **facts_of(rows),
    )


def _of_table5_1(rows: Sequence[Row]) -> Findings:
    format_table(rows)  # checks the rows
    row = rows[0]
    models = list(dict.fromkeys(row["model"] for row in rows))
    size = size_of(row["config"]) if row["num_train"] == NUM_TRAIN else "own"
    found = judged(table5_1_claims(models), rows)
    return Findings("table5_1", "Table 5.1", "Table 5.1", size, verdicts=found, **facts_of(rows))


def _of_figure(rows: Sequence[Row]) -> Findings:
    (panel,) = panels_of(rows)
    figure, size = str(figure_of(rows[0])), size_of(rows[0]["config"])
    name = figure.replace("Figure ", "figure").replace(".", "_")
    found = judged(figure_claims(panel, figure), rows)
    title = f"{figure}: {panel.title}"
    return Findings(name, title, figure, size, verdicts=found, **facts_of(rows))


def _of_influence(rows: Sequence[Row]) -> Findings:
    graphs = ", ".join(dict.fromkeys(echo(row["graph"]) for row in rows))
    found = judged([INFLUENCE_CLAIM], rows)
    title, source = f"influence on {graphs}", INFLUENCE_CLAIM.source
    return Findings("influence", title, source, "own", verdicts=found, **facts_of(rows))


def size_of(config: Mapping[str, Any]) -> str:
    """``"thesis"`` if a training of Chapter 5 goes on as long as there, or else ``"own"``."""
    found = *map(config.get, ("max_epochs", "patience")), config.get("min_delta", TRAINING[2])
    return "thesis" if found == TRAINING else "own"


def _experiment_of(row: Row) -> str:
    check_fields(row, {"experiment": "text", "recipe_hash": "text", "seed": "integer"})
    return f"{row['experiment']} {row['recipe_hash']}"


def _figure_of(row: Row) -> str | None:
    if (figure := figure_of(row)) is None:
        return None
    check_fields(row, FIELDS)
    return f"{figure} {training_of(row)}"


def _settings_of(row: Row) -> str:
    check_fields(row, {"settings": "object", "graph": "text", "seed": "integer"})
    return str(row["settings"])


TRAINING = (10_000, 1_000, 0.0001)
"""The most epochs and the patience of Chapter 5 (Appendix D.6.2)."""

Place = Callable[[Row], str | None]
JUDGES: Mapping[str, tuple[Place, Callable[[Sequence[Row]], Findings]]] = {
    FACTORIZATION: (_experiment_of, _of_experiment),
    TABLE5_1: (lambda row: str(row.get("recipe_hash")), _of_table5_1),
    ACCURACY: (_figure_of, _of_figure),
    INFLUENCE: (_settings_of, _of_influence),
}
"""For each kind of rows, a text that rows judged together share, and the function that judges them.
Rows with None have no claims."""
