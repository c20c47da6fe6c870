"""Every line of code that the README shows, run as a reader would run it."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

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
import importlib.machinery, json, os, sys, warnings

class Blocked(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        found = importlib.machinery.PathFinder.find_spec
        return None if name.partition(".")[0] in {extras} else found(name, path, target)

sys.meta_path = [
    Blocked if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path
]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch_geometric  # seconds of each program

for code, folder in json.loads(sys.argv[1]):
    if (child := os.fork()) == 0:
        os.chdir(folder)
        for number, name in ((1, "stdout"), (2, "stderr")):
            path = "../" + name + os.path.basename(folder)
            os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY), number)
        exec(code, {{"__name__": "__main__", "sys": sys}})
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def modules_of_the_extras():
    """The modules that `pip install .` alone does not bring."""
    text = (README.parent / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    names = {re.match(r"[\w-]+", item)[0] for items in extras.values() for item in items}
    renamed = {"scikit-learn": "sklearn"}
    return {renamed.get(name, name).replace("-", "_") for name in names} - {"psutil"}  # PyG's own


def command(words):
    return f"from wis_cli.main import run; sys.exit(run({words}))"


WITHOUT_EXTRAS = {
    "python": PYTHON[0],
    "command": command(shlex.split(COMMANDS[0], comments=True)[1:]),
    "picture": command(["sparsify", "karate", "--remove", "50%", "--plot", "a.png"]),
}


@pytest.fixture(scope="module")
def without_extras(tmp_path_factory):
    """For each program its folder, exit code and outputs, in forks of one process."""
    place = tmp_path_factory.mktemp("extras")
    folders = {name: place / name for name in WITHOUT_EXTRAS}
    for folder in folders.values():
        folder.mkdir()
    programs = [(code, str(folders[name])) for name, code in WITHOUT_EXTRAS.items()]
    script = BLOCKED.format(extras=modules_of_the_extras())
    words = [sys.executable, "-c", script, json.dumps(programs)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    codes = map(int, done.stdout.split())
    return {
        name: SimpleNamespace(
            folder=folders[name],
            returncode=code,
            stdout=(place / f"stdout{name}").read_text(),
            stderr=(place / f"stderr{name}").read_text(),
        )
        for name, code in zip(WITHOUT_EXTRAS, codes, strict=True)
    }


def test_first_contact_needs_no_extra(without_extras):
    assert {"pandas", "matplotlib", "sklearn", "ogb", "dask"} <= modules_of_the_extras()
    done = without_extras["python"]
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    done = without_extras["command"]
    assert done.returncode == 0, done.stderr
    assert "karate-sparse.pt" in done.stderr
    assert (done.folder / "karate-sparse.pt").stat().st_size


def test_a_missing_extra_is_one_line_with_a_command_that_works_from_a_checkout(without_extras):
    done = without_extras["picture"]
    assert done.returncode == 1
    line = "Error: a picture needs matplotlib: pip install '.[plot]' in a checkout of wis, or else"
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1
    assert not list(done.folder.iterdir())


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
