"""The street of `wis`: what may import what, and that nothing goes in circles.

The imports are read from the source, those inside functions included. Imports for type checkers
alone are left out, since they import nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]

STREET: list[set[str]] = [
    {"errors"},
    {"base"},
    {"graph"},
    {"datasets", "models"},
    {"training"},
    {"methods"},
    {"order"},
    {"io", "measure"},
    {"advice"},
    {"api"},
    {"scale", "transforms", "testing"},
    {"experiments"},
    {"theory"},
    {"show"},
]
"""Rooms of `wis`, from the ground up: each may import from those below it and from itself."""

DOORS = {("wis.order.order", "wis.measure")}
"""Imports inside one function that go up the street: `RemovalOrder.compare`."""

MAX_ROOMS = 22


def modules_of(root: Path) -> dict[str, Path]:
    """The name of each module below ``root/wis``, and its file."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in root.glob("wis/**/*.py")
    }


def imports_of(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Names of the modules of wis that a syntax tree imports, those for type checkers left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "wis":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "wis")
        yield from imports_of(node, known)


def arrows_of(root: Path) -> set[tuple[str, str]]:
    """Which module of wis imports which."""
    modules = modules_of(root)
    return {
        (module, target)
        for module, path in modules.items()
        for target in imports_of(ast.parse(path.read_text(encoding="utf-8")), set(modules))
    }


def room_of(module: str) -> str:
    """The folder or file one level below `wis`; empty for `wis` itself."""
    return f"{module}..".split(".")[1]


def arrows_up(arrows: set[tuple[str, str]]) -> list[str]:
    """The imports that go up the street, or along it from one room to its neighbour.

    `wis` itself may be imported everywhere: its menu imports nothing before it is asked.
    """
    height = {room: level for level, rooms in enumerate(STREET) for room in rooms}
    return sorted(
        f"{module} imports {target}"
        for module, target in arrows - DOORS
        if (here := room_of(module))
        and (there := room_of(target)) not in ("", here)
        and height[there] >= height[here]
    )


def circles(arrows: set[tuple[str, str]]) -> list[list[str]]:
    """Groups of modules that import each other; a package's menu and its modules do not count."""
    outward = [(a, b) for a, b in arrows - DOORS if a != b and not a.startswith(f"{b}.")]
    groups = nx.strongly_connected_components(nx.DiGraph(outward))
    return [sorted(group) for group in groups if len(group) > 1]


def test_each_room_imports_only_from_those_below_it_on_the_street() -> None:
    assert arrows_up(arrows_of(ROOT)) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(arrows_of(ROOT)) == []


def test_every_room_has_its_place_and_there_are_few() -> None:
    rooms = {room_of(module) for module in modules_of(ROOT)} - {""}
    assert rooms == set().union(*STREET)
    assert len(rooms) <= MAX_ROOMS


@pytest.mark.parametrize(
    "line",
    [
        "from wis.experiments.sweep import run_sweep",
        "import wis.show.plot",
        "def late():\n    from wis import theory",
        "try:\n    from wis.api import sparsify\nexcept ImportError:\n    pass",
    ],
)
def test_an_import_up_the_street_is_found_wherever_it_stands(tmp_path: Path, line: str) -> None:
    (tmp_path / "wis" / "graph").mkdir(parents=True)
    for name in ("experiments/sweep", "show/plot", "theory/__init__", "api"):
        path = tmp_path / "wis" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (tmp_path / "wis" / "graph" / "walks.py").write_text(line)
    assert len(arrows_up(arrows_of(tmp_path))) == 1


def test_a_circle_is_found_even_through_an_import_inside_a_function(tmp_path: Path) -> None:
    (tmp_path / "wis" / "base").mkdir(parents=True)
    (tmp_path / "wis" / "base" / "a.py").write_text("from wis.base.b import x")
    (tmp_path / "wis" / "base" / "b.py").write_text("def f():\n    from wis.base import a")
    assert circles(arrows_of(tmp_path)) == [["wis.base.a", "wis.base.b"]]


def test_nothing_in_the_library_imports_the_command_line() -> None:
    for path in modules_of(ROOT).values():
        text = path.read_text(encoding="utf-8")
        assert "import click" not in text, path
        assert "wis_cli" not in text, path
