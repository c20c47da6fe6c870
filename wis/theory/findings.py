"""Findings: the claims of the thesis, judged from files of results.

Rows of one experiment and size, of all seeds, give one `Findings`. Experiments of `wis.theory` have
their claims in the registry. `wis bench table --claims`, `wis bench report` and `wis theory list`
show findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wis.errors import echo
from wis.experiments.results import DONE, FACTORIZATION, Row, check_fields, kind_of_row, number_in
from wis.theory.experiments.claims import Claim, Judgement, State, Verdict, judge
from wis.theory.experiments.registry import get_experiment


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
        facts = {name: value for name, value in vars(self).items() if name != "verdicts"}
        claims = [verdict.record() for verdict in self.verdicts]
        return {**facts, "seeds": list(self.seeds), "claims": claims}

    @property
    def heading(self) -> str:
        """What was run, in a line."""
        source = "" if self.source in self.title else f" ({self.source})"
        seeds = f"seed{'s' * (len(self.seeds) > 1)} {', '.join(map(str, self.seeds))}"
        return f"{self.title}{source}, {self.size} size, {seeds}"

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
        if row["status"] == DONE and kind in GROUPS:
            groups.setdefault((kind, GROUPS[kind](row)), []).append(row)
    return [found for (kind, _), own in groups.items() for found in JUDGES[kind](own)]


def judged(claims: Iterable[Claim], rows: Sequence[Row]) -> tuple[Verdict, ...]:
    """Judge claims; one whose rule needs a column that the rows lack cannot be told."""
    return tuple(_judged(claim, rows) for claim in claims)


def _judged(claim: Claim, rows: Sequence[Row]) -> Verdict:
    try:
        return judge([claim], rows)[0]
    except KeyError as error:
        text = f"the rows have no {echo(str(error))}; another version of wis wrote them"
        return Verdict(claim, Judgement(State.CANNOT_TELL, text), seeds_of(rows))


def seeds_of(rows: Iterable[Row]) -> tuple[int, ...]:
    """The seeds of rows, ascending."""
    return tuple(sorted({row["seed"] for row in rows}))


def facts_of(rows: Sequence[Row]) -> dict[str, Any]:
    """Seeds, time and date of rows of results; rows of one run count once."""
    runs = {row.get("run_key") or (row["seed"], row.get("partition"), row.get("model")): row
            for row in rows}  # fmt: skip
    seconds = [number_in(row, "cpu_seconds") for row in runs.values()]
    dates = [row["finished_at"][:10] for row in rows if isinstance(row.get("finished_at"), str)]
    return {
        "seeds": seeds_of(rows),
        "cpu_seconds": None if None in seconds else sum(filter(None, seconds)),
        "date": max(dates, default=None),
    }


def _of_experiment(rows: Sequence[Row]) -> list[Findings]:
    """Findings from rows of an experiment of `wis.theory` with one size and settings."""
    for row in rows:
        check_fields(row, {"found": "object", "verdict": "text"})
    experiment = get_experiment(rows[0]["experiment"])
    found = [{**row["found"], "seed": row["seed"]} for row in rows]
    summaries: dict[int, str] = {
        row["seed"]: str(row.get("summary", row["verdict"])) for row in rows
    }
    return [
        Findings(
            experiment.name,
            experiment.name,
            experiment.source,
            found[0].get("size", "own"),
            verdicts=judged(experiment.claims, found),
            summaries=dict(sorted(summaries.items())),
            **facts_of(rows),
        )
    ]


def _experiment_of(row: Row) -> str:
    check_fields(row, {"experiment": "text", "recipe_hash": "text", "seed": "integer"})
    return f"{row['experiment']} {row['recipe_hash']}"


GROUPS: Mapping[str, Callable[[Row], str]] = {FACTORIZATION: _experiment_of}
"""For each kind of rows with claims, a text that rows judged together share."""
JUDGES: Mapping[str, Callable[[Sequence[Row]], list[Findings]]] = {FACTORIZATION: _of_experiment}
"""For each kind of rows, the function that judges a group."""
