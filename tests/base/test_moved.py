"""Paths that users imported before 0.2.0."""

from __future__ import annotations

import importlib

import forked
import pytest

import wis
from wis.base.moved import MOVED


@pytest.mark.parametrize("earlier", sorted(MOVED))
def test_an_earlier_path_gives_the_very_module_under_its_own_name(earlier: str) -> None:
    module = importlib.import_module(earlier)
    assert module is importlib.import_module(MOVED[earlier])
    assert module.__name__ == module.__spec__.name == MOVED[earlier]  # type: ignore[union-attr]


def test_an_earlier_path_works_in_every_form_of_import() -> None:
    program = (
        "from wis.resistance import effective_resistances as a\n"
        "from wis import resistance\n"
        "import wis.resistance, wis\n"
        "assert wis.resistance.effective_resistances is a is resistance.effective_resistances\n"
        "from wis.compare.comparison import Comparison\n"
        "assert wis.compare.Comparison is Comparison\n"
        "assert wis.plot.plot_sparsification\n"
    )
    done = forked.python(program)
    assert done.returncode == 0, done.stderr


def test_a_path_that_never_was_is_still_an_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("wis.no_such_module")
    with pytest.raises(AttributeError):
        wis.no_such_module  # noqa: B018


def test_no_earlier_path_has_the_name_of_a_function() -> None:
    """Importing the path would put a module in the place of the function."""
    program = (
        "import importlib\n"
        "from wis.base.moved import MOVED\n"
        "for path in MOVED:\n"
        "    home, _, name = path.rpartition('.')\n"
        "    found = getattr(importlib.import_module(home), name, None)\n"
        "    assert not callable(found), path\n"
    )
    done = forked.python(program)
    assert done.returncode == 0, done.stderr
