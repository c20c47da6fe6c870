"""Methods and models of other packages in a sweep: in this process and in every kind of worker."""

from __future__ import annotations

import os

import forked
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
options = RunOptions(Path("runs.jsonl"), Backend(), orders=Path("orders"))
status = run_sweep(recipe, options)
print(status.done, status.failed, *status.failures)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "their_wis.py").write_text(PLUGIN)
    return tmp_path


def printed(code, folder):
    """What a new process in a folder prints."""
    done = forked.python(code, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_method_and_a_model_of_a_plugin_run_in_a_process_of_their_own(folder, toy_file):
    code = SWEEP.format(tests=os.path.dirname(__file__), graph=str(toy_file))
    assert printed(code, folder) == "24 0"


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
