"""The pages of the API reference: one for each public module, a table and then every name."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType

MODULES = (
    "wis",
    "wis.transforms",
    "wis.io",
    "wis.datasets",
    "wis.methods",
    "wis.models",
    "wis.training",
    "wis.measure",
    "wis.show",
    "wis.order",
    "wis.scale",
    "wis.experiments",
    "wis.theory",
    "wis.errors",
    "wis.testing",
    "wis.graph.walks",
    "wis.graph.resistance",
    "wis.graph.partitions",
)


def write_api_pages(folder: Path) -> None:
    """Write a page for each of `MODULES`; a page that has not changed is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODULES:
        path = folder / f"{name}.rst"
        text = _page(name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.glob("*.rst"):
        if path.stem not in MODULES:
            path.unlink()


def public_names(module: ModuleType) -> list[str]:
    """`__all__`, or the classes and functions that are defined in the module."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]


def _page(name: str) -> str:
    module = importlib.import_module(name)
    names = public_names(module)
    parts = [name, "=" * len(name), "", f".. automodule:: {name}", "   :no-members:", ""]
    parts += [f".. currentmodule:: {name}", "", ".. rubric:: Names", "", ".. autosummary::", ""]
    parts += [f"   {each}" for each in names if _has_docstring(getattr(module, each))] + [""]
    for each in names:
        value = getattr(module, each)
        parts += ["", _directive(value, f"{name}.{each}")]
        if name == "wis" and inspect.isclass(value) and _has_another_page(value):
            parts += ["   :no-index:"]
    return "\n".join(parts) + "\n"


def _has_docstring(value: object) -> bool:
    """Whether a name is a class or a function; others would be summed up by those of their type."""
    return inspect.isclass(value) or inspect.isfunction(value)


def _has_another_page(value: type) -> bool:
    """Whether a class of the menu `wis` is also on the page of its own package."""
    return any(
        other != "wis" and value in vars(importlib.import_module(other)).values()
        for other in MODULES
    )


def _directive(value: object, name: str) -> str:
    if inspect.isclass(value):
        if issubclass(value, BaseException):
            return f".. autoexception:: {name}\n   :no-members:"
        return f".. autoclass:: {name}"
    if callable(value) and hasattr(value, "__name__"):
        return f".. autofunction:: {name}"
    return f".. autodata:: {name}\n   :no-value:"
