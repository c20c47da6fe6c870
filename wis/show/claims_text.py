"""Tables of claims of the thesis: what it says, what was found, and whether that agrees."""

from __future__ import annotations

import json
from collections.abc import Sequence

from wis.errors import ResultsError
from wis.show.sweep_tables import STYLES, Grid, as_csv
from wis.theory.catalogue import counts
from wis.theory.findings import Findings, seeds_text

HEAD = ("state", "source", "claim, in our words", "found here", "rule", "runs")

RULES_ELSEWHERE = "rules: --format json, markdown, latex or wis bench report"
LATEX_COLUMNS = "{ll" + 3 * r"p{0.2\linewidth}" + "l}"


def claims_grids(findings: Sequence[Findings]) -> list[Grid]:
    """A table for each of the findings that have claims."""
    return [
        Grid(f"{each.heading}: {counts([each.record()])}", HEAD, _lines(each))
        for each in findings
        if each.verdicts
    ]


def _lines(findings: Findings) -> list[list[str]]:
    return [
        [
            str(verdict.judgement.state),
            verdict.claim.source,
            verdict.claim.statement,
            verdict.judgement.found,
            verdict.claim.rule,
            f"{findings.size_word} size, {seeds_text(verdict.seeds)}",
        ]
        for verdict in findings.verdicts
    ]


def format_claims(findings: Sequence[Findings], style: str) -> str:
    """Format claims as text, Markdown, LaTeX, csv or JSON; text leaves out the rules."""
    grids = claims_grids(findings)
    if not grids:
        raise ResultsError(
            "no finished row stands for a claim of the thesis; `wis theory run`, and the recipes "
            "thesis_* of `wis bench list` write such rows"
        )
    if style == "json":
        records = [each.record() for each in findings if each.verdicts]
        return json.dumps({"findings": records}, indent=1, ensure_ascii=False)
    if style == "csv":
        lines = ((grid.title, *line) for grid in grids for line in grid.lines)
        return as_csv(("what", *HEAD), lines).rstrip("\n")
    if style == "text":
        parts = ("\n".join([each.heading, *map(str, each.verdicts)]) for each in findings)
        shown = [part for part, each in zip(parts, findings, strict=True) if each.verdicts]
        return "\n\n".join([*shown, RULES_ELSEWHERE])
    tables = (STYLES[style](grid).replace("---:", ":---") for grid in grids)
    return "\n\n".join(table.replace("{rrrrrr}", LATEX_COLUMNS) for table in tables)
