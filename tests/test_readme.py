"""Every line of code that the README shows, run as a reader would run it."""

import re
import shlex
import subprocess
import sys
import tomllib
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


def test_the_readme_fits_on_two_hundred_lines():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200


def test_links_of_the_documents_lead_to_files():
    for name in ("README", "ARCHITECTURE", "CHANGELOG", "CONTRIBUTING", "SECURITY"):
        text = (README.parent / f"{name}.md").read_text(encoding="utf-8")
        for address in re.findall(r"\]\(([^)#]+)", text):
            if "://" not in address:
                assert (README.parent / address).exists(), f"{name}.md links to {address}"


def test_files_that_the_documents_name_exist():
    """A path in backticks below a folder of the repository, such as `tests/oracles.py`."""
    for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "SECURITY"):
        text = (README.parent / f"{name}.md").read_text(encoding="utf-8")
        for path in re.findall(r"`((?:wis|tests|benchmarks|datasets|docs)/[\w/.-]+)`", text):
            if not path.startswith("docs/_build"):
                assert (README.parent / path).exists(), f"{name}.md names {path}"


def test_the_readme_shows_code():
    assert len(PYTHON) == 3
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
        assert run(shlex.split(command, comments=True)[1:]) == 0, command
    written = {path.name for path in tmp_path.iterdir()}
    assert {"karate-sparse.pt", "karate.png", "lesmis.order.npz", "lesmis-sparse.csv"} <= written


BLOCKED = """
import importlib.machinery, sys

class Blocked(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        found = importlib.machinery.PathFinder.find_spec
        return None if name.partition(".")[0] in {extras} else found(name, path, target)

sys.meta_path = [
    Blocked if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path
]
{code}
"""


def modules_of_the_extras():
    """The modules that `pip install .` alone does not bring."""
    text = (README.parent / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    names = {re.match(r"[\w-]+", item)[0] for items in extras.values() for item in items}
    renamed = {"scikit-learn": "sklearn"}
    return {renamed.get(name, name).replace("-", "_") for name in names} - {"psutil"}  # PyG's own


def run_without_extras(code, folder):
    script = BLOCKED.format(extras=modules_of_the_extras(), code=code)
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )


def test_first_contact_needs_no_extra(tmp_path):
    assert {"pandas", "matplotlib", "sklearn", "ogb", "dask"} <= modules_of_the_extras()
    done = run_without_extras(PYTHON[0], tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    first = shlex.split(COMMANDS[0], comments=True)[1:]
    done = run_without_extras(f"from wis_cli.main import run; sys.exit(run({first}))", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "karate-sparse.pt" in done.stderr
    assert (tmp_path / "karate-sparse.pt").stat().st_size


def test_a_missing_extra_is_one_line_with_a_command_that_works_from_a_checkout(tmp_path):
    command = ["sparsify", "karate", "--remove", "50%", "--plot", "a.png"]
    done = run_without_extras(f"from wis_cli.main import run; sys.exit(run({command}))", tmp_path)
    assert done.returncode == 1
    line = "Error: a picture needs matplotlib: pip install '.[plot]' in a checkout of wis, or else"
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


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
