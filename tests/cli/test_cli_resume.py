"""`wis order --resume`: a killed order goes on, to the same order."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import forked
import pytest
import torch

import wis
from wis.methods import checkpoints
from wis.methods.k_wis import engines
from wis_cli.main import run

KARATE = ["order", "karate", "--walk-length", "2", "-o", "k.npz"]
SAVED = Path("k.npz.checkpoint")
SLOWLY = """
import sys, time
from wis.methods import checkpoints
from wis_cli.main import run
checkpoints.EVERY_S = 0.0
write = checkpoints.Checkpoint.write
def slowly(self, removed):
    write(self, removed)
    time.sleep(0.05)
checkpoints.Checkpoint.write = slowly
sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def names():
    return sorted(path.name for path in Path().iterdir())


def expected(**options):
    return wis.removal_order(wis.datasets.load("karate"), walk_length=2, **options).edges


def interrupted(monkeypatch, after=30, args=KARATE):
    """Run a command until Ctrl-C, after so many edges."""
    steps = engines.local_steps

    def until(*given):
        for number, batch in enumerate(steps(*given)):
            if number == after:
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(engines, "local_steps", until)
        return run(args)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_order_goes_on_to_the_same_order(how):
    with forked.Process(SLOWLY, *KARATE) as process:
        deadline = time.monotonic() + 120
        while not SAVED.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "k.npz" not in names()
    if how is not signal.SIGKILL:
        assert "k.npz.checkpoint: the same command with --resume goes on from there" in err
    assert 0 < len(checkpoint_ids()) < 78
    assert run([*KARATE, "--resume"]) == 0
    assert names() == ["k.npz"]
    assert torch.equal(wis.RemovalOrder.load("k.npz").edges, expected())


def checkpoint_ids():
    graph = wis.UndirectedGraph.from_any(wis.datasets.load("karate"))
    rule = {"method": "wis", "walk_length": 2, "batch_size": 1}
    return checkpoints.Checkpoint(SAVED, graph, **rule).read()


def test_ctrl_c_says_how_to_go_on_and_the_next_command_asks(monkeypatch, capsys):
    assert interrupted(monkeypatch) == 130
    err = capsys.readouterr().err
    assert "k.npz.checkpoint: the same command with --resume goes on from there\n" in err
    assert len(checkpoint_ids()) == 30
    assert run(KARATE) == 1
    assert capsys.readouterr().err == (
        "Error: k.npz.checkpoint is of an order that was interrupted: pass --resume to go on from "
        "there, or --force to start afresh\n"
    )
    assert interrupted(monkeypatch, 20, [*KARATE, "--resume"]) == 130
    assert len(checkpoint_ids()) == 50
    assert "k.npz.checkpoint: goes on from there" in capsys.readouterr().err
    assert run([*KARATE, "--force"]) == 0
    assert names() == ["k.npz"]


def test_resume_without_a_checkpoint_starts_afresh_and_says_so(capsys):
    assert run([*KARATE, "--resume"]) == 0
    assert "k.npz.checkpoint: none yet, starts afresh\n" in capsys.readouterr().err
    assert names() == ["k.npz"]


def test_a_checkpoint_of_other_options_is_refused(monkeypatch, capsys):
    interrupted(monkeypatch)
    capsys.readouterr()
    assert run([*KARATE, "--resume", "--walk-length", "3"]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("Error: k.npz.checkpoint: is the checkpoint of another order: walk_leng")
    assert names() == ["k.npz.checkpoint"]


def test_protections_hold_after_a_resumption(monkeypatch):
    args = [*KARATE, "--keep-connected"]
    interrupted(monkeypatch, args=args)
    assert run([*args, "--resume"]) == 0
    assert torch.equal(wis.RemovalOrder.load("k.npz").edges, expected(keep_connected=True))


@pytest.mark.parametrize(
    ("options", "kind"), [([], "1-WIS"), (["--method", "random"], "the method 'random'")]
)
def test_resume_of_a_method_without_checkpoints_is_wrong_usage(options, kind, capsys):
    assert run(["order", "karate", "-o", "k.npz", "--resume", *options]) == 2
    assert f"{kind} keeps no checkpoints; leave --resume out." in capsys.readouterr().err
    assert names() == []


def test_resume_serves_ugs(capsys):
    quick = ("epochs_per_round=2", "round_fraction=0.5", "width=8", "depth=2")
    args = ["order", "digits:neighbors=3", "--method", "ugs", "-o", "d.npz", "--resume"]
    assert run([*args, *(f"--option={item}" for item in quick)]) == 0
    assert "d.npz.checkpoint: none yet, starts afresh" in capsys.readouterr().err
    assert names() == ["d.npz"]
