"""Methods and models of other packages in a sweep: in this process and in every kind of worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PLUGIN = """
import torch
from wis.methods import register
from wis.models import register as register_model
from wis.models.layered import GIN

@register("by-id", summary="edges in the order of their ids")
def by_id(graph, *, count, seed, progress):
    return torch.arange(graph.num_edges)[:count]

@register_model("my-gin", summary="a network of somebody else")
class MyNet(GIN):
    pass
"""

SWEEP = """
import sys
from pathlib import Path
from wis.base.registry import load_plugins
from wis.experiments import Backend, RunOptions, run_sweep
sys.path.insert(0, {tests!r})
from sweep_cases import toy_recipe
load_plugins(["their_wis"])
recipe = toy_recipe({graph!r}, methods="by-id,random", models="gcn,my-gin", max_epochs=2)
backend = Backend(jobs={jobs}, own_process={own_process})
options = RunOptions(Path("runs.jsonl"), backend, orders=Path("orders"))
status = run_sweep(recipe, options)
print(status.done, status.failed, *status.failures)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "their_wis.py").write_text(PLUGIN)
    return tmp_path


def printed(code, folder):
    """What a new process in a folder prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("jobs", "own_process"), [(1, True), (2, False), (2, True)])
def test_a_method_and_a_model_of_a_plugin_run_in_this_process_and_in_workers(
    jobs, own_process, folder, toy_file
):
    code = SWEEP.format(
        tests=os.path.dirname(__file__), graph=str(toy_file), jobs=jobs, own_process=own_process
    )
    assert printed(code, folder) == "24 0"


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


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_network_of_a_module_in_the_current_folder_is_swept_by_its_name(jobs, folder, toy_file):
    (folder / "their_nets.py").write_text(NET)
    code = (
        "from wis_cli.main import run\n"
        f"print(run(['bench', 'run', '--dataset', {str(toy_file)!r}, '--epochs', '2', '--models', "
        f"'their_nets:Net', '--remove', '50%', '--jobs', '{jobs}', '--orders', 'orders']))"
    )
    assert printed(code, folder) == "0"
    rows = [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]
    found = {(row["model"], row["label"], row["status"]) for row in rows if "model" in row}
    assert found == {("their_nets:Net", label, "done") for label in ("1-WIS", "random")}


JOB = """
import pickle, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from wis.base.registry import load_plugins
from wis.experiments import Backend, RunOptions, sweep
from sweep_cases import toy_recipe
load_plugins(["their_wis"])
jobs = []
sweep.Backend.stream = lambda self, given: iter(jobs.extend(given) or ())
recipe = toy_recipe({graph!r}, methods="by-id,random", models="gcn,my-gin", max_epochs=2)
options = RunOptions(Path("runs.jsonl"), Backend(own_process=False), orders=Path("orders"))
sweep.run_sweep(recipe, options)
Path("jobs.pickle").write_bytes(pickle.dumps(jobs))
"""
WORKER = """
import pickle, sys
from pathlib import Path
from wis.experiments.backends import do_job
for job in pickle.loads(Path(sys.argv[1]).read_bytes()):
    print(*(outcome["error"] for outcome in do_job(job)))
"""


def test_a_job_brings_the_plugin_to_a_machine_that_inherits_nothing(folder, toy_file):
    printed(JOB.format(tests=os.path.dirname(__file__), graph=str(toy_file)), folder)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    code = WORKER.replace("sys.argv[1]", repr(str(folder / "jobs.pickle")))
    errors = printed(code, elsewhere).split()
    assert set(errors) == {"None"}
    (folder / "their_wis.py").unlink()
    assert "plugin 'their_wis': no module of that name" in printed(code, elsewhere)
