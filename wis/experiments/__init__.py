"""Sweeps: a recipe gives rows, each row is run once, and rows give tables and figures.

    recipe = read_recipe("benchmarks/recipes/thesis_fig5_3_cora_gcn.toml")
    run_sweep(recipe, RunOptions(results=Path("runs.jsonl"), backend=Backend(jobs=2)))

- `wis.experiments.recipe`, `.settings`: recipes, from a file or the command line;
- `wis.experiments.sweep`: the driver for all kinds of recipes, and the folders of recipes;
- `wis.experiments.accuracy`: the kind that trains networks on sparser graphs, and its `.inputs`,
  the graph and the removal orders. Other kinds are Table 5.1 (`wis.theory.table5_1.table5_1`) and
  factorizations (`wis.theory.factorization.recipe`);
- `wis.experiments.backends`: jobs, and where they run; `.own_process`: a process for each job;
- `wis.experiments.results`: the file of rows; `.summary`: means and intervals; `.export`: tables.
"""

from __future__ import annotations

from wis.experiments.backends import Backend
from wis.experiments.recipe import Recipe, read_recipe
from wis.experiments.results import ResultsFile, read_results
from wis.experiments.settings import MethodSpec, ModelSpec
from wis.experiments.sweep import RunOptions, Status, run_recipe, run_sweep

__all__ = [
    "Backend",
    "MethodSpec",
    "ModelSpec",
    "Recipe",
    "ResultsFile",
    "RunOptions",
    "Status",
    "read_recipe",
    "read_results",
    "run_recipe",
    "run_sweep",
]
