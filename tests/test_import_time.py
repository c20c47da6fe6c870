"""`import wis` stays light: what is heavy is imported where it is first needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ["torch", "torch_geometric", "networkx", "pandas", "matplotlib", "click", "numpy", "rich"]


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_import_wis_imports_nothing_heavy():
    assert modules_after("import wis").isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "name", ["removal_order", "sparsify", "verify_order", "available_methods", "walk_index"]
)
def test_core_functions_do_not_import_pyg_nor_what_draws(name):
    light = {"torch_geometric", "networkx", "pandas", "matplotlib", "click", "sklearn"}
    assert modules_after(f"import wis; wis.{name}").isdisjoint(light)


def test_menu_is_listed_before_it_is_loaded():
    listed = modules_after("import wis; assert {'sparsify', 'RemovalOrder'} <= set(dir(wis))")
    assert "torch" not in listed
