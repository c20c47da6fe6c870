"""Every example in a docstring runs and prints what it says, and so does the code of the site."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import wis
from wis import datasets, methods, models
from wis.base.registry import Registry

ROOT = Path(__file__).parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = ["wis", *sorted(m.name for m in pkgutil.walk_packages(wis.__path__, "wis."))]
PAGES = sorted(
    path
    for path in (ROOT / "docs").rglob("*.md")
    if not {"_generated", "_build"} & set(path.relative_to(ROOT).parts)
)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    """Methods, models and data sets that an example registers are forgotten after it."""
    with contextlib.ExitStack() as stack:
        for package in (datasets, methods, models):
            for value in vars(sys.modules[package.register.__module__]).values():
                if isinstance(value, Registry):
                    stack.enter_context(value.restored())
        yield


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


def functions_of_the_menus() -> Iterator[str]:
    """The functions that a package lists in `__all__`, by the place where they are written."""
    for name in MODULES:
        module = importlib.import_module(name)
        for each in getattr(module, "__all__", ()) if hasattr(module, "__path__") else ():
            value = getattr(module, each)
            if inspect.isfunction(value) and ">>>" not in (inspect.getdoc(value) or ""):
                yield f"{value.__module__}.{each}"


def test_each_function_of_a_menu_has_an_example() -> None:
    assert sorted(set(functions_of_the_menus())) == []


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
