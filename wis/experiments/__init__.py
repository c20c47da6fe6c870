"""Sweeps: a recipe gives rows, each row is run once, and rows give tables and figures.

    recipe = read_recipe("benchmarks/recipes/thesis_fig5_3_cora_gcn.toml")
    run_sweep(recipe, RunOptions(results=Path("runs.jsonl"), backend=Backend(jobs=2)))

- `wis.experiments.settings`, `wis.experiments.recipe`: what a recipe holds;
- `wis.experiments.sweep`: the driver for all kinds of recipes, and where recipes lie;
- `wis.experiments.accuracy`: the kind that trains networks on sparser graphs, with its
  `wis.experiments.inputs`, the graph and the removal orders. Other kinds: Table 5.1
  (`wis.theory.table5_1.table5_1`) and factorizations (`wis.theory.factorization.recipe`);
- `wis.experiments.backends`: jobs, and where they run; `wis.experiments.own_process`: a process
  for each job, which measures its memory;
- `wis.experiments.results`: the file of rows; `wis.experiments.summary`: means and intervals.
"""

from __future__ import annotations

from wis.experiments.backends import Backend
from wis.experiments.recipe import MethodSpec, ModelSpec, Recipe, read_recipe
from wis.experiments.results import ResultsFile, read_results
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
