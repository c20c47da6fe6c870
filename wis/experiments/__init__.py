"""Sweeps: recipe → one order per method and seed → one training run per cut → rows → figures.

    recipe = read_recipe("benchmarks/recipes/thesis_fig5_3_cora_gcn.toml")
    run_sweep(recipe, RunOptions(results=Path("runs.jsonl"), backend=Backend(jobs=2)))

- `wis.experiments.recipe`: what a sweep is; `wis.experiments.kinds`: kinds of recipes, and where
  recipes lie; `wis.experiments.overrides`: recipes changed on the command line;
- `wis.experiments.plan`: rows, and which runs go together; `wis.experiments.orders`: the cache of
  orders; `wis.experiments.jobs`: what a worker does; `wis.experiments.backends`: where workers are;
- `wis.experiments.own_process`: a process for each job, which measures its memory;
- `wis.experiments.sweep`: the whole of it; `wis.experiments.results`: the file of rows;
- `wis.theory.table5_1.table5_1`: Table 5.1, on the graphs of `wis.theory.table5_1.patch_graphs`.
"""

from __future__ import annotations

from wis.experiments.backends import Backend
from wis.experiments.recipe import MethodSpec, ModelSpec, Recipe, read_recipe
from wis.experiments.results import ResultsFile, read_results
from wis.experiments.sweep import RunOptions, Status, run_sweep

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
    "run_sweep",
]
