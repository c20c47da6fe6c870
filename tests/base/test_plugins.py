"""Methods and models of other packages: entry points, ``WIS_PLUGINS``, named modules."""

from __future__ import annotations

import forked
import pytest

PLUGIN = """
import torch
from wis.methods import register

@register("by-id", summary="edges in the order of their ids")
def by_id(graph, *, count, seed, progress):
    return torch.arange(graph.num_edges)[:count]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "my_methods.py").write_text(PLUGIN)
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "lacking.py").write_text("import not_there_at_all")
    return tmp_path


def install(folder, *points):
    info = folder / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(points))


def python(folder, code, *, on_path=True, plugins=None):
    path = {"PYTHONPATH": str(folder)} if on_path else {}
    named = {} if plugins is None else {"WIS_PLUGINS": plugins}
    run = forked.python(code, folder=folder, **path, **named)
    return run.returncode, run.stdout.strip(), run.stderr.strip()


def test_an_entry_point_is_known_by_name(folder):
    install(folder, "[wis.methods]", "mine = my_methods")
    code = "import wis; print(len(wis.removal_order(wis.datasets.load('karate'), 'by_id')))"
    assert python(folder, code) == (0, "78", "")
    assert python(folder, "import wis; print('by-id' in wis.available_methods())")[1] == "True"


def test_entry_points_are_loaded_only_when_they_are_needed(folder):
    install(folder, "[wis.methods]", "mine = my_methods")
    code = (
        "import sys, wis; data = wis.datasets.load('karate'); wis.sparsify(data, remove='50%');"
        "print('my_methods' in sys.modules, 'importlib.metadata' in sys.modules)"
    )
    assert python(folder, code)[1].split()[0] == "False"


def test_a_broken_entry_point_is_one_line_and_the_others_work(folder):
    install(folder, "[wis.methods]", "bad = broken", "mine = my_methods")
    code, out, err = python(folder, "import wis; print('by-id' in wis.available_methods())")
    assert (code, out) == (0, "True")
    assert err == (
        "plugin bad (broken) of the group wis.methods cannot be used: ZeroDivisionError: "
        "division by zero"
    )


def test_the_environment_names_plugins_in_the_current_folder(folder):
    listed = "import wis; print('by-id' in wis.available_methods())"
    assert python(folder, listed, on_path=False, plugins="my_methods") == (0, "True", "")
    assert python(folder, listed, on_path=False) == (0, "False", "")


def test_child_processes_inherit_named_plugins(folder):
    inner = "import wis; print('by-id' in wis.available_methods())"
    code = (
        "import subprocess, sys; from wis.base.registry import load_plugins, loaded_plugins;"
        f"load_plugins(['my_methods']); print(loaded_plugins(), flush=True);"
        f"subprocess.run([sys.executable, '-c', {inner!r}])"
    )
    assert python(folder, code, on_path=False) == (0, "['my_methods']\nTrue", "")


def test_a_module_whose_function_was_registered_is_handed_to_workers(folder):
    code = (
        "import my_methods; from wis.methods import register;"
        "register('other', summary='')(lambda graph, *, count, seed, progress: None);"
        "from wis.base.registry import loaded_plugins; print(loaded_plugins())"
    )
    assert python(folder, code)[1] == "['my_methods']"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("not_there", "UnknownNameError: plugin 'not_there': no module of that name is installed"),
        ("my_methods.inner", "UnknownNameError: plugin 'my_methods.inner': no module of that name"),
        ("broken", "PluginError: plugin 'broken' cannot be imported: ZeroDivisionError: division"),
        ("lacking", "PluginError: plugin 'lacking' cannot be imported: No module named 'not_there"),
    ],
)
def test_a_named_module_that_cannot_be_imported_is_an_error(folder, name, error):
    code = f"from wis.base.registry import load_plugins; load_plugins([{name!r}])"
    exit_code, _, err = python(folder, code, on_path=False)
    assert exit_code == 1
    assert f"wis.errors.{error}" in err.splitlines()[-1]
