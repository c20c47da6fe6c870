"""Every line of code that the README shows, run as a reader would run it."""

import re
import shlex
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
PYTHON = [code for language, code in BLOCKS if language == "python"]
COMMANDS = [
    line
    for language, code in BLOCKS
    if language == "bash"
    for line in code.splitlines()
    if line.startswith("wis ")
]


def test_the_readme_shows_code():
    assert len(PYTHON) == 6
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_python_of_the_readme_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_commands_of_the_readme_run_one_after_the_other(tmp_path, monkeypatch):
    from wis_cli.main import run

    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        assert run(shlex.split(command)[1:]) == 0, command
    written = {path.name for path in tmp_path.iterdir()}
    assert {"karate-sparse.pt", "karate.png", "lesmis.order.npz", "lesmis-sparse.csv"} <= written


def test_python_and_command_line_agree(tmp_path, monkeypatch):
    import torch

    import wis
    from wis import datasets
    from wis.io import read_graph
    from wis_cli.main import run

    monkeypatch.chdir(tmp_path)
    assert run(["sparsify", "karate", "--remove", "40%", "-o", "cut.pt"]) == 0
    by_hand = wis.sparsify(datasets.load("karate"), remove=0.4)
    assert torch.equal(read_graph("cut.pt").data.edge_index, by_hand.edge_index)
