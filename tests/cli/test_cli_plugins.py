"""The example package of docs/examples: its method and its model work everywhere by name."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import forked
import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "wis_example_plugin"
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
METHOD, MODEL = "closest-first", "mean-layers"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that the example package is installed in, as pip would, without the network."""
    work = tmp_path_factory.mktemp("example")
    source, target = work / "source", work / "site"
    shutil.copytree(EXAMPLE, source)
    subprocess.run(
        [sys.executable, "-c", BUILD, str(work)], cwd=source, check=True, capture_output=True
    )
    (wheel,) = work.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder, and no plugin."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WIS_PLUGINS", raising=False)
    return tmp_path


def python(code, *args, path=None, **variables):
    """A process of its own, which finds the modules in a folder if one is given."""
    found = {} if path is None else {"PYTHONPATH": str(path)}
    return forked.python(code, *args, **found, **variables)


def wis(*args, **given):
    return python("import sys; from wis_cli.main import run; sys.exit(run())", *args, **given)


def test_the_installed_method_works_in_python_and_in_a_transform(site, here):
    code = (
        "import wis; data = wis.datasets.load('karate');"
        f"print(wis.removal_order(data, {METHOD!r}, power=2.0).edges[:, 0].tolist());"
        f"print(wis.transforms.Sparsify('50%', method={METHOD!r})(data).num_edges);"
        f"print('MeanLayers' in repr(wis.models.build_model({MODEL!r}, 4, 2)))"
    )
    done = python(code, path=site)
    assert done.stdout.splitlines() == ["[0, 1]", "78", "True"], done.stderr


def test_the_installed_method_works_on_the_command_line(site, here):
    args = ["sparsify", "karate", "--remove", "50%", "--method", METHOD, "--json"]
    done = wis(*args, "--option", "power=3", path=site)
    record = json.loads(done.stdout)
    assert (record["method"], record["options"]) == (METHOD, {"power": 3})
    assert METHOD in wis("methods", path=site).stdout


def test_installed_names_are_completed(site, here):
    variables = {"_WIS_COMPLETE": "bash_complete", "COMP_CWORD": "4"}
    done = wis(path=site, COMP_WORDS="wis sparsify karate --method clo", **variables)
    assert done.stdout.splitlines() == [f"plain,{METHOD}"]


def test_a_method_of_a_module_in_the_current_folder_works_with_plugin(here):
    shutil.copy(EXAMPLE / "wis_example_plugin" / "closest_first.py", "mine.py")
    args = ["sparsify", "karate", "--remove", "50%", "--method", METHOD, "--force"]
    without = wis(*args)
    assert without.returncode == 2
    assert f"unknown method '{METHOD}'" in without.stderr
    assert wis(*args, "--plugin", "mine").returncode == 0
    assert wis("--plugin", "mine", *args).returncode == 0
    assert wis(*args, WIS_PLUGINS="mine").returncode == 0
    order = ["order", "karate", "-o", "order.npz", "--method", METHOD, "--plugin", "mine"]
    assert wis(*order).returncode == 0
    assert METHOD in wis("methods", "--plugin", "mine").stdout


def test_a_name_of_a_plugin_is_completed(here):
    shutil.copy(EXAMPLE / "wis_example_plugin" / "closest_first.py", "mine.py")
    words = "wis sparsify karate --plugin mine --method clo"
    done = wis(_WIS_COMPLETE="bash_complete", COMP_CWORD="6", COMP_WORDS=words)
    assert done.stdout.splitlines() == [f"plain,{METHOD}"]


PLUGIN = """
import torch
from wis.methods import register

@register("by-id", summary="edges in the order of their ids")
def by_id(graph, *, count, seed, progress):
    return torch.arange(graph.num_edges)[:count]
"""
NET = """
import torch
from torch_geometric.nn import SAGEConv

class Net(torch.nn.Module):
    def __init__(self, in_dim, out_dim, *, depth, width):
        super().__init__()
        self.first, self.last = SAGEConv(in_dim, width), SAGEConv(width, out_dim)

    def forward(self, x, edge_index):
        return self.last(self.first(x, edge_index).relu(), edge_index)
"""


def test_a_sweep_in_two_processes_knows_what_is_installed_and_what_is_named(site, here):
    """Each of the two starts a process of its own for each run."""
    Path("mine.py").write_text(PLUGIN)
    Path("their_nets.py").write_text(NET)
    names = ["--models", f"{MODEL},their_nets:Net", "--methods", f"{METHOD},by-id"]
    sizes = ["--remove", "50%", "--epochs", "2", "--seeds", "2", "--jobs", "2"]
    args = ["bench", "run", "--dataset", "karate", "--split-seed", "0", *names, *sizes]
    done = wis(*args, "--plugin", "mine", "--results", "rows.jsonl", path=site)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    rows = [line for line in lines if line["type"] == "run"]
    assert all(row["test_accuracy"] >= 0 and row["peak_memory_bytes"] > 0 for row in rows)
    assert {(row["config"]["model"], row["method"]) for row in rows} == {
        (model, method) for model in (MODEL, "their_nets:Net") for method in (METHOD, "by-id")
    }


def test_a_plugin_that_does_not_exist_is_bad_usage(here):
    done = wis("sparsify", "karate", "--remove", "50%", "--plugin", "nowhere")
    assert done.returncode == 2
    assert done.stderr == (
        "Error: plugin 'nowhere': no module of that name is installed or lies in the current "
        "folder\n"
    )


def test_a_plugin_that_fails_is_one_line(here):
    Path("broken.py").write_text("1 / 0")
    done = wis("methods", "--plugin", "broken")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: plugin 'broken' cannot be imported: ZeroDivisionError: division by zero\n"
    )


def test_an_installed_plugin_that_fails_is_reported_and_the_rest_works(site, here, tmp_path):
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    (copy / "wis_example_plugin" / "closest_first.py").write_text("import not_there_at_all")
    done = wis("methods", path=copy)
    assert done.returncode == 0
    assert done.stderr == (
        "plugin example (wis_example_plugin.closest_first) of the group wis.methods cannot be "
        "used: ModuleNotFoundError: No module named 'not_there_at_all'\n"
    )
    assert wis("sparsify", "karate", "--remove", "50%", path=copy).returncode == 0
