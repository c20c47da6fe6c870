"""Draw figures of the theory again from rows of results, without running anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wis.errors import OptionError, ResultsError, echo
from wis.experiments.results import DONE, FACTORIZATION, INFLUENCE, Row, check_fields, kind_of_row
from wis.show.factorization_pictures import draw_experiment
from wis.show.theory_pictures import draw_influence
from wis.theory.experiments import Outcome
from wis.theory.findings import seeds_of, seeds_text
from wis.theory.influence import InfluenceRow, agreement, kept

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = (FACTORIZATION, INFLUENCE)
"""The kinds of rows that can be drawn here."""


def groups_of(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The finished rows of each figure, by what it shows."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        kind = kind_of_row(row)
        if row["status"] != DONE or kind not in KINDS:
            continue
        if kind == FACTORIZATION:
            needed = {"experiment": "text", "recipe_hash": "text", "found": "object"}
            check_fields(row, {**needed, "seed": "integer"})
        name = f"{row.get('experiment')} {row.get('recipe_hash')}"
        groups.setdefault(name if kind == FACTORIZATION else kind, []).append(row)
    return groups


def redrawn(rows: Sequence[Row], *, seed: int | None = None) -> Figure:
    """Draw the figure of finished rows of one experiment, or of measured influence.

    Curves come from the first row of each run, which holds at most 200 records of each. Of
    experiments the run of a `seed` is drawn, by default of the first one.
    """
    groups = groups_of(rows)
    if len(groups) != 1:
        known = ", ".join(sorted(echo(name[: len(name.split()[0]) + 9]) for name in groups))
        raise ResultsError(
            "a figure shows one experiment of one size; choose one by --recipe, with its name or "
            f"the beginning of its hash: {known or 'none is finished'}"
        )
    ((kind, own),) = groups.items()
    if kind == INFLUENCE:
        found = [InfluenceRow.of(row) for row in own]
        return draw_influence(kept(found), agreement(found))
    seeds = seeds_of(own)
    chosen = seeds[0] if seed is None else seed
    if chosen not in seeds:
        raise OptionError(f"seed is {seed}; there are rows of {seeds_text(seeds)}")
    return _experiment([row for row in own if row["seed"] == chosen])


def _experiment(rows: Sequence[Row]) -> Figure:
    stored: Mapping[str, Any] = next((row["curves"] for row in rows if "curves" in row), {})
    curves = {name: np.array(values, dtype=float) for name, values in stored.items()}
    found = [{**row["found"], "experiment": row["experiment"], "seed": row["seed"]} for row in rows]
    try:
        return draw_experiment(Outcome(found, "", curves))
    except KeyError as error:
        raise ResultsError(
            f"rows of {echo(rows[0]['experiment'])} have no {echo(str(error))}, which the figure "
            "shows; another version of wis wrote them, so run the experiment again"
        ) from None
