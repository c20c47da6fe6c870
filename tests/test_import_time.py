"""`import wis` stays light: what is heavy is imported where it is first needed."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import forked
import pytest

import wis

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import bench_start

HEAVY = ["torch", "torch_geometric", "networkx", "pandas", "matplotlib", "click", "numpy", "rich"]


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def works(code: str) -> None:
    """Run code in a process that has no module of wis yet."""
    done = forked.python(code)
    assert done.returncode == 0, done.stderr


def test_import_wis_imports_nothing_heavy():
    assert modules_after("import wis").isdisjoint(HEAVY)


def test_core_functions_do_not_import_pyg_nor_what_draws():
    core = ["removal_order", "sparsify", "verify_order", "available_methods", "walk_index"]
    light = {"torch_geometric", "networkx", "pandas", "matplotlib", "click", "sklearn"}
    asked = "; ".join(f"wis.{name}" for name in core)
    assert modules_after(f"import wis; {asked}").isdisjoint(light)


def test_menu_is_listed_before_it_is_loaded():
    listed = modules_after("import wis; assert {'sparsify', 'RemovalOrder'} <= set(dir(wis))")
    assert "torch" not in listed


MODULES = sorted(module.name for module in pkgutil.iter_modules(wis.__path__))


def test_modules_are_listed_before_they_are_loaded():
    assert set(MODULES) <= set(dir(wis))
    assert modules_after("import wis; dir(wis)").isdisjoint(HEAVY)


@pytest.mark.parametrize("module", ["datasets", "io", "order", "transforms"])
def test_module_is_loaded_when_it_is_first_asked_for(module):
    asked = f"wis.{module}; assert 'wis.{module}' in sys.modules"
    works(f"import sys, wis; assert 'wis.{module}' not in sys.modules; {asked}")


def test_every_module_is_an_attribute_without_an_import_of_its_own():
    asked = "; ".join(f"assert wis.{module}.__name__ == 'wis.{module}'" for module in MODULES)
    works(f"import wis; {asked}")


def test_first_lines_of_a_newcomer_work():
    works("import wis; graph = wis.datasets.load('karate'); wis.transforms.Sparsify('50%')(graph)")


@pytest.mark.parametrize(("command", "most"), [("SPARSIFY", 28), ("SWEEP", 30)])
def test_a_command_runs_few_modules(command, most, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bench_start.write_ring(tmp_path / "in.csv")
    names, ran = bench_start.imported(getattr(bench_start, command))
    assert len(ran) <= most, sorted(ran)
    assert command == "SWEEP" or "torch_geometric" not in names
