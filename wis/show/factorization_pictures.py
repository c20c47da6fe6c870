"""The figures of the factorization experiments, in the form of the thesis.

`write_outcome` writes all files of an experiment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.base.figures import check_can_plot, save_figure
from wis.show import figures_norms, figures_ranks
from wis.show.figures_images import (
    accuracies_against_range,
    errors_against_rank,
    errors_of_linear_predictors,
)
from wis.show.figures_separation import (
    growth_of_walk_indices,
    ranks_of_added_edges,
    tightness_of_bounds,
)
from wis.show.figures_statements import PANELS, Curves, draw_statement
from wis.theory.experiments import Outcome, get_experiment
from wis.theory.experiments.claims import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULT_FILES = ("rows.jsonl", "verdict.txt", "curves.npz", "figure.png")


def write_outcome(outcome: Outcome, folder: Path, *, force: bool = False) -> list[Path]:
    """Write rows.jsonl, verdict.txt, curves.npz and figure.png; returns their paths.

    Raises:
        OutputExistsError: A file exists and `force` is false.
        MissingDependencyError: matplotlib is not installed; the other files are already written.
    """
    written = outcome.write(folder, force=force)
    check_can_plot("figure.png")
    figure = draw_experiment(outcome)
    return [*written, save_figure(figure, folder / RESULT_FILES[-1], force=force, dpi=110)]


def draw_experiment(outcome: Outcome) -> Figure:
    """Draw the figure of an outcome of `run_experiment`; its title says which seed it shows."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    row = outcome.rows[0]
    FORMS[row["experiment"]](figure, outcome.rows, outcome.curves)
    figure.suptitle(f"{get_experiment(row['experiment']).source}, seed {row['seed']}", fontsize=10)
    return figure


FORMS: dict[str, Callable[[Any, Sequence[Row], Curves], None]] = {
    **figures_norms.FORMS,
    **figures_ranks.FORMS,
    "fig2_3": errors_against_rank,
    "tableB_1": errors_of_linear_predictors,
    **dict.fromkeys(("fig3_6", "figC_5", "figC_6", "figC_7"), accuracies_against_range),
    "fig5_2": growth_of_walk_indices,
    "appendixD_1": tightness_of_bounds,
    "more_edges": ranks_of_added_edges,
    **dict.fromkeys(PANELS, draw_statement),
}
"""The function that draws the figure of each experiment."""
