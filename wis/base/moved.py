"""Earlier paths of public modules, which still work and give the same module.

0.2.0 moved modules out of the top level of `wis`. ``from wis.resistance import
effective_resistances`` goes on to work: a finder in `sys.meta_path` answers for the names of
`MOVED`, and for no other.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_SAME_NAME = {
    "wis.base": ("progress",),
    "wis.datasets": ("generators", "splits"),
    "wis.graph": ("cut", "edge_types", "edge_weights", "laplacian", "partitions", "resistance",
                  "triangles", "walks"),
    "wis.measure": ("facts",),
    "wis.order": ("protections", "verify"),
    "wis.show": ("plot",),
}  # fmt: skip
MOVED = {
    **{f"wis.{name}": f"{home}.{name}" for home, names in _SAME_NAME.items() for name in names},
    **dict.fromkeys(("wis.amount", "wis.base.amount", "wis.base.defaults"), "wis.base.checks"),
    "wis.base.ids": "wis.base.tables",
    "wis.base.plugins": "wis.base.registry",
    "wis.base.table_options": "wis.base.tables",
    "wis.compare": "wis.measure",
    "wis.datasets.registry": "wis.datasets.table",
    "wis.datasets.roots": "wis.datasets.table",
    "wis.experiments.overrides": "wis.experiments.recipe",
    "wis.experiments.patch_graphs": "wis.theory.table5_1.patch_graphs",
    "wis.experiments.table5_1": "wis.theory.table5_1.table5_1",
    "wis.io.edge_attributes": "wis.io.columns",
    "wis.io.numbering": "wis.io.columns",
    "wis.io.text_layout": "wis.io.dialects",
    "wis.io.text_scan": "wis.io.text_columns",
    "wis.show.rival_tables": "wis.show.sweep_tables",
    "wis.theory.factorization.cp_rank": "wis.theory.factorization.measures",
    "wis.theory.factorization.experiments.outcome": "wis.theory.experiments.experiment",
    "wis.theory.factorization.experiments.registry": "wis.theory.experiments.registry",
    "wis.theory.factorization.experiments.rank_one": "wis.theory.factorization.rank_one",
    "wis.theory.factorization.ground_truth": "wis.theory.factorization.tasks",
    "wis.theory.factorization.locality.networks": "wis.theory.factorization.locality.fitting",
    "wis.theory.factorization.locality.pathfinder": "wis.theory.factorization.locality.tasks",
    "wis.theory.factorization.locality.same_class": "wis.theory.factorization.locality.tasks",
    "wis.theory.factorization.matrix": "wis.theory.factorization.model",
    "wis.theory.factorization.mode_tree": "wis.theory.factorization.hierarchical",
    "wis.theory.factorization.networks": "wis.theory.factorization.hierarchical",
    "wis.theory.factorization.propositions": "wis.theory.factorization.theorems",
    "wis.theory.factorization.tensor": "wis.theory.factorization.model",
    "wis.theory.factorization.trajectory": "wis.theory.factorization.optimization",
    "wis.theory.functions": "wis.theory.separation_rank",
    "wis.theory.table5_1.claims": "wis.theory.table5_1.table5_1_text",
    "wis.training.shared_structure": "wis.theory.table5_1.shared_structure",
    "wis.training.splits": "wis.datasets.splits",
}
"""The earlier name of each public module that moved, and the name it has now."""


class _MovedModules:
    """Finds a module of `MOVED` under its earlier name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loader: Any = self
        return ModuleSpec(fullname, loader) if _current(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_current(spec.name) or spec.name)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back, which the import system has just replaced.

        From the first use of an earlier path on, the finder stands first: in the folder of a
        package that moved, Python's own finder would find each module a second time.
        """
        spec = module.__spec__
        module.__spec__ = spec and spec.loader_state
        sys.meta_path.remove(self)
        sys.meta_path.insert(0, self)


def _current(name: str) -> str | None:
    """The present name of a module that moved, or that lies in a package that moved."""
    package, _, module = name.rpartition(".")
    return MOVED.get(name) or (f"{MOVED[package]}.{module}" if package in MOVED else None)


def keep_earlier_paths() -> None:
    """Make the earlier paths of `MOVED` importable, once per process."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(_MovedModules())
