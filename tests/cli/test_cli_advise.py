"""`wis advise` and `--remove auto`: streams, pictures, exit codes, interruption."""

from __future__ import annotations

import json
import os
import shlex
import signal
import time

import pytest

from wis.advice.advising import Adviser
from wis.datasets import load
from wis.io import read_graph, write_graph
from wis_cli.main import run

QUICK = ("--epochs", "20", "--patience", "10", "--depth", "2", "--width", "8")
NOISE = "csbm:n=120,graph_signal=0,feature_signal=9"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_text_has_the_advice_its_losses_its_savings_and_the_lines_that_do_it(capsys):
    assert run(["advise", NOISE, "--budget", "12runs", "--methods", "wis,random", *QUICK]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"Remove all edges of {NOISE}")
    assert "loss of the validation score" in out
    assert "loss of the test score" in out
    assert "95 %" in out
    assert "seconds of an epoch (measured)" in out
    assert "\nwis sparsify csbm" in out
    assert "\nwis.sparsify(data, remove='100%'" in out
    assert "remove all edges" in err


def test_json_is_one_object_with_the_picture_and_all_runs(capsys):
    options = ["--budget", "8runs", "--methods", "wis", "--json", "-o", "advice.png", *QUICK]
    assert run(["advise", "csbm:n=120", *options]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["output"] == "advice.png"
    assert record["input"] == "csbm:n=120"
    assert 1 <= len(record["trials"]) <= 8
    assert record["command"].startswith("wis sparsify csbm:n=120 --remove")
    assert record["config"]["max_epochs"] == 20
    with open("advice.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"


def test_a_graph_without_labels_is_advised_by_structure_and_this_is_said(capsys):
    edges = load("karate").edge_index.T.tolist()
    with open("friends.csv", "w") as file:
        file.write("source,target\n" + "\n".join(f"{u},{v}" for u, v in edges if u < v))
    assert run(["advise", "friends.csv", "--methods", "wis,k-neighbor"]) == 0
    out = capsys.readouterr().out
    assert "advice by structure: no network was trained" in out
    assert "% of the walk indices" in out


def test_the_printed_command_reads_the_file_as_it_was_read(capsys, folder):
    edges = load("karate").edge_index.T.tolist()
    text = "".join(f"{u + 7};{v + 7};{n}\n" for n, (u, v) in enumerate(edges) if u < v)
    (folder / "f.txt").write_text(text)
    (folder / "p.csv").write_text("7;8\n")
    reading = ["--relabel", "--no-header", "--delimiter", ";", "--source", "2", "--target", "1"]
    command = ["advise", "f.txt", *reading, "--methods", "wis", "--protect", "p.csv", "--json"]
    assert run(command) == 0
    record = json.loads(capsys.readouterr().out)
    words = shlex.split(record["command"])
    assert run([*words[1:], "-o", "cut.csv"]) == 0
    assert "--protect" in words
    share = len((folder / "cut.csv").read_text().splitlines()) / 78
    assert share == pytest.approx(1 - record["percent"] / 100, abs=0.02)


def test_remove_auto_says_what_was_chosen_and_why(capsys):
    write_graph(load(NOISE), "noise.pt")
    command = ["sparsify", "noise.pt", "--remove", "auto:8runs", "--method", "wis"]
    assert run([*command, "-o", "cut.pt", "--json"]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert record["num_edges_after"] == 0
    assert record["advice"]["remove"] == "100%"
    assert record["advice"]["command"].startswith("wis sparsify noise.pt --remove 100%")
    assert "remove all edges: loses" in err
    assert read_graph("cut.pt").data.num_edges == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sparsify", "karate", "--remove", "auto", "--order", "o.npz"], "--order"),
        (["sparsify", "karate", "--remove", "auto", "--engine", "stream"], "--engine stream"),
        (["sparsify", "karate", "--remove", "auto", "--keep", "50%"], "contradict"),
        (["sparsify", "karate", "--keep", "auto"], "only remove of"),
        (["sparsify", "karate", "--remove", "auto:soon"], "budget is 'soon'"),
        (["advise", "karate", "--budget", "soon"], "budget is 'soon'"),
        (["advise", "karate", "--goal", "beauty"], "serving"),
        (["advise", "karate", "--max-loss", "200%"], "max_loss is '200%'"),
        (["advise", "karate", "--methods", "wis,wis"], "different methods"),
        (["advise", "karate", "--task", "structure", "-o", "a.doc"], ".png"),
        (["advise", "karate", "--model", "nothing"], "gcn"),
    ],
)
def test_a_bad_option_is_one_line_and_exit_code_2_or_1(words, expected, capsys):
    assert run(words) in (1, 2)
    out, err = capsys.readouterr()
    assert expected in err
    assert err.count("\n") == 1
    assert not out


@pytest.mark.parametrize("number", [0, 1, 3])
def test_control_c_prints_the_best_advice_so_far_and_exits_with_130(
    number, folder, monkeypatch, capsys
):
    """It comes during the first run, or after so many."""
    trial, done = Adviser._trial, []

    def interrupted(self, *given):
        if len(done) == number:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        done.append(given)
        return trial(self, *given)

    monkeypatch.setattr(Adviser, "_trial", interrupted)
    command = ["advise", "csbm:n=120", "--budget", "20runs", "-o", "advice.png", *QUICK]
    assert run(command) == 130
    out, err = capsys.readouterr()
    if number:
        assert "interrupted: the best so far" in out
        assert (folder / "advice.png").exists()
    else:
        assert err.strip() == "interrupted"
        assert not out
        assert not (folder / "advice.png").exists()
