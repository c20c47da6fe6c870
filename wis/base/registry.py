"""Tables of everything that has a name: methods, models, data sets, experiments.

A registry holds rows by name. Case, blanks at the ends and underscores of a name do not matter. The
rows of wis lie in modules that are imported when one of their names is first looked up; other
packages add rows of their own.

    >>> from wis.base.registry import Registry
    >>> shapes: Registry[int] = Registry("shape", homes={})
    >>> shapes.add("Half_Circle", 180)
    180
    >>> shapes["half-circle"], "square" in shapes
    (180, False)

A plugin is a module that registers methods or models when it is imported. wis imports

- the modules that installed packages name in the entry-point groups `wis.methods` and `wis.models`,
  when a name is looked up that wis itself does not have, or when all names are listed;
- the modules that ``--plugin MODULE``, `load_plugins` or the environment variable ``WIS_PLUGINS``
  name (separated by commas). Child processes inherit the variable. A module is looked for in the
  current folder too, after the installed ones.

Workers on other machines inherit nothing: call ``load_plugins(loaded_plugins())`` with the names of
the process that started them. An entry point that cannot be imported is reported in one logged
line, and the others still work. A module that was named and cannot be imported is an error.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

from wis.errors import PluginError, UnknownNameError, echo

Row = TypeVar("Row")


def plain_name(name: str) -> str:
    """The form of a name that a registry compares: lower case, hyphens for underscores."""
    return name.strip().lower().replace("_", "-")


class Registry(Generic[Row]):
    """Rows by name.

    Args:
        kind: The word for a row in error messages, such as ``"method"``.
        homes: The module of each row of wis, by name. The registry lists them in this order.
            Importing the module must `add` the row.
        group: The group of entry points in which other packages name modules that add rows. They
            are imported when a name is looked up that is not in the registry, or when all names are
            listed. None for a registry of wis alone.
        normalise: Gives the form of a name that is compared.
    """

    def __init__(
        self,
        kind: str,
        *,
        homes: Mapping[str, str],
        group: str | None = None,
        normalise: Callable[[str], str] = plain_name,
    ) -> None:
        self.kind, self.homes, self.group, self.normalise = kind, homes, group, normalise
        self._rows: dict[str, Row] = {}

    def add(self, name: str, row: Row, made_of: object = None) -> Row:
        """Put a row into the registry and return it.

        Args:
            name: Its name.
            row: The row.
            made_of: The function or class behind it. Its module is noted, so that worker processes
                can import it (see `wis.base.registry.loaded_plugins`).

        Raises:
            ValueError: The name is taken.
        """
        key = self.normalise(name)
        self._import_home(key)  # a row of wis keeps its name even before it is first used
        if key in self._rows:
            raise ValueError(f"{self.kind} {key!r} is registered already")
        note_plugin(made_of)
        self._rows[key] = row
        return row

    def find(self, name: object) -> Row | None:
        """The row of that name; None if there is no such row."""
        if not isinstance(name, str):
            return None
        key = self.normalise(name)
        self._import_home(key)
        if key not in self._rows and self.group is not None:
            load_entry_points(self.group)
        return self._rows.get(key)

    def names(self) -> list[str]:
        """All names: those of wis in the order of `homes`, then the others as they were added."""
        if self.group is not None:
            load_entry_points(self.group)
        return list(dict.fromkeys([*self.homes, *self._rows]))

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Forget at the end of a `with` block which rows were added inside it."""
        before = dict(self._rows)
        try:
            yield
        finally:
            self._rows = {**{k: v for k, v in self._rows.items() if k in self.homes}, **before}

    def _import_home(self, key: str) -> None:
        if key in self.homes and key not in self._rows:
            importlib.import_module(self.homes[key])

    def __getitem__(self, name: str) -> Row:
        """The row of that name.

        Raises:
            UnknownNameError: There is no such row. The message lists the known names and the
                closest one.
        """
        row = self.find(name)
        if row is None:
            raise UnknownNameError.among(self.kind, str(name), self.names())
        return row

    def __contains__(self, name: object) -> bool:
        return self.find(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def rows(self) -> list[Row]:
        """All rows, in the order of `names`."""
        return [self[name] for name in self.names()]


VARIABLE = "WIS_PLUGINS"

_named: dict[str, None] = {}  # modules that were named, an ordered set
_noted: dict[str, None] = {}  # modules whose functions or classes were registered


def load_plugins(modules: Iterable[str] = ()) -> None:
    """Import plugins, and let the child processes of this process import them too.

    Args:
        modules: Names of modules, as in an ``import`` statement; those of ``WIS_PLUGINS`` are
            imported besides. A module that was imported already costs nothing.

    Raises:
        UnknownNameError: There is no module of that name.
        PluginError: A module raises an error when it is imported.

    >>> load_plugins(["no_such_module"])
    Traceback (most recent call last):
        ...
    wis.errors.UnknownNameError: plugin 'no_such_module': no module of that name is installed or \
lies in the current folder
    """
    names = [*os.environ.get(VARIABLE, "").split(","), *modules]
    for name in filter(None, (name.strip() for name in names)):
        _import(name)
        _named[name] = None
    if _named:
        os.environ[VARIABLE] = ",".join(_named)


def loaded_plugins() -> list[str]:
    """Names of the modules outside wis that registered something or were named as plugins.

    Hand them to `load_plugins` in another process, which then knows the same methods and models.
    """
    return list({**_named, **_noted})


@functools.cache
def load_entry_points(group: str) -> None:
    """Import the plugins that installed packages name in a group, and those of ``WIS_PLUGINS``."""
    load_plugins()
    from importlib.metadata import entry_points

    for point in entry_points(group=group):
        try:
            point.load()
        except Exception as error:
            logging.getLogger("wis").warning(
                "plugin %s (%s) of the group %s cannot be used: %s: %s",
                echo(point.name), echo(point.value), group, type(error).__name__, echo(str(error)),
            )  # fmt: skip


def note_plugin(made_of: object) -> None:
    """Record the module of a function or class, so that `loaded_plugins` names it.

    Modules of wis are not recorded. A function that importing its module does not define is not
    recorded either.
    """
    module, path = getattr(made_of, "__module__", ""), getattr(made_of, "__qualname__", "<locals>")
    is_own = module.partition(".")[0] == "wis"
    if not is_own and module not in ("", "__main__") and "<locals>" not in path:
        _noted[module] = None


def _import(name: str) -> None:
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise PluginError(f"plugin {echo(name)!r} cannot be imported: {error}") from error
        raise UnknownNameError(
            f"plugin {echo(name)!r}: no module of that name is installed or lies in the current "
            f"folder"
        ) from None
    except Exception as error:
        raise PluginError(
            f"plugin {echo(name)!r} cannot be imported: {type(error).__name__}: {echo(str(error))}"
        ) from error
