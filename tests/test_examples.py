"""Every example in a docstring runs and prints what it says, and so does the code of the site."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import wis

ROOT = Path(__file__).parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = ["wis", *sorted(m.name for m in pkgutil.walk_packages(wis.__path__, "wis."))]
PAGES = sorted(
    path
    for path in (ROOT / "docs").rglob("*.md")
    if not {"_generated", "_build"} & set(path.relative_to(ROOT).parts)
)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


def examples_of(name: str) -> Iterator[doctest.DocTest]:
    """The docstrings of a module that have examples."""
    for test in doctest.DocTestFinder().find(importlib.import_module(name)):
        if test.examples:
            yield test


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_print_what_they_say(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    report: list[str] = []
    for test in examples_of(name):
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


def blocks_of_the_site() -> list[tuple[str, str]]:
    """Each block of Python on a page of the site, with the name of the page."""
    return [
        (str(path.relative_to(ROOT)), code)
        for path in PAGES
        for code in BLOCK.findall(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("page", "code"), blocks_of_the_site())
def test_python_on_the_pages_of_the_site_runs(
    page: str,
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, page, "exec"), {"__name__": "page"})
    assert capsys.readouterr().out.strip(), f"an example of {page} prints nothing"
