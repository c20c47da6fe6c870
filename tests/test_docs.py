"""What the site is made from: gallery, pages, the reference of commands, docstrings as text."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import click
import pytest

from wis.theory.catalogue import last_verdicts
from wis.theory.experiments import available_experiments
from wis_cli.framework import cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GALLERY = sorted((DOCS / "gallery").glob("plot_*.py"))
sys.path.insert(0, str(DOCS / "tools"))

from claim_pages import write_claim_page  # noqa: E402
from command_pages import safe, write_command_pages  # noqa: E402
from docstrings import as_rst  # noqa: E402


def test_the_gallery_has_at_least_fifteen_examples() -> None:
    assert len(GALLERY) >= 15


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_an_example_has_a_title_a_summary_and_explained_blocks(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring is not None
    title, line, _, summary, *_ = docstring.splitlines()
    assert line == "=" * len(title)
    assert summary.strip()
    assert text.count("\n# %%\n") >= 1


def test_links_between_gallery_and_pages_lead_somewhere() -> None:
    names = {path.stem for path in GALLERY}
    for path in [*DOCS.rglob("*.md"), *GALLERY]:
        if {"_generated", "_build", "examples"} & set(path.relative_to(DOCS).parts):
            continue
        found = set(re.findall(r"\bplot_\d\d_\w+", path.read_text(encoding="utf-8")))
        assert found <= names, path


def commands_of(command: click.Command, name: str) -> list[str]:
    names = [name]
    if isinstance(command, click.Group):
        for inner, each in command.commands.items():
            names += commands_of(each, f"{name} {inner}")
    return names


def test_the_command_reference_has_every_command_and_option(tmp_path: Path) -> None:
    page = tmp_path / "commands.md"
    write_command_pages(page)
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (wis .*)$", text, re.M)
    assert headings == commands_of(cli, "wis")[1:]
    for option in ("--remove", "--keep-connected", "--all-steps", "--scheduler-address"):
        assert option in text


def test_the_page_of_claims_has_every_claim_and_every_kept_verdict(tmp_path: Path) -> None:
    page = tmp_path / "claims.md"
    write_claim_page(page)
    text = page.read_text(encoding="utf-8")
    for experiment in available_experiments().values():
        assert all(safe(claim.statement) in text for claim in experiment.claims)
    for record in last_verdicts():
        if record["size"] == "thesis":
            assert all(safe(claim["found"]) in text for claim in record["claims"])


def test_docstrings_become_text_without_accidental_markup() -> None:
    lines = [
        "A *rule* of `a|b` and name_ for x**2, 2 * 3 and ``code over",
        "lines``.",
        "",
        "    file = read(path)",
        "",
        "Args:",
        "    given: What `it` is, any*.",
        "",
        "    >>> 1 + 1",
        "    2",
    ]
    assert as_rst(lines) == [
        r"A *rule* of ``a|b`` and name\_ for x\*\*2, 2 \* 3 and ``code over",
        "lines``.",
        "",
        "::",
        "",
        "    file = read(path)",
        "",
        "Args:",
        r"    given: What ``it`` is, any\*.",
        "",
        "    >>> 1 + 1",
        "    2",
    ]
