"""Tables of rows by name."""

from __future__ import annotations

import sys

import pytest

from wis.base.registry import Registry
from wis.errors import UnknownNameError


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """A registry whose row ``circle`` lies in a module that is not imported yet."""
    (tmp_path / "round_shapes.py").write_text(
        "import shape_table as c; c.REGISTRY.add('circle', 0)"
    )
    registry = Registry("shape", homes={"circle": "round_shapes"})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "shape_table", type(sys)("shape_table"))
    sys.modules["shape_table"].REGISTRY = registry
    yield registry
    sys.modules.pop("round_shapes", None)


def test_names_are_compared_without_case_blanks_and_underscores(shapes):
    shapes.add(" Half_Circle ", 1)
    assert shapes["half-circle"] == shapes["HALF_CIRCLE"] == 1
    with pytest.raises(ValueError, match="shape 'half-circle' is registered already"):
        shapes.add("half-Circle", 2)


def test_a_module_is_imported_when_its_row_is_looked_up(shapes):
    shapes.add("square", 4)
    assert shapes["square"] == 4
    assert "round_shapes" not in sys.modules
    assert shapes["Circle"] == 0
    assert "round_shapes" in sys.modules


def test_a_row_of_wis_keeps_its_name_before_it_is_used(shapes):
    with pytest.raises(ValueError, match="'circle' is registered already"):
        shapes.add("circle", 7)


def test_names_are_listed_in_the_order_of_the_table(shapes):
    shapes.add("square", 4)
    assert list(shapes) == ["circle", "square"]
    assert shapes.rows() == [0, 4]
    assert len(shapes) == 2


def test_an_unknown_name_is_answered_with_the_known_ones(shapes):
    shapes.add("square", 4)
    with pytest.raises(UnknownNameError, match=r"'sqare'; known: circle, square\. Did you mean"):
        shapes["sqare"]
    assert "sqare" not in shapes
    assert 3 not in shapes
    with pytest.raises(UnknownNameError, match="unknown shape '3'"):
        shapes[3]


def test_rows_that_were_added_for_a_while_go_again(shapes):
    with shapes.restored():
        shapes.add("square", 4)
        assert shapes["circle"] == 0
    assert "square" not in shapes
    assert shapes["circle"] == 0
