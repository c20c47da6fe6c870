"""Tables of everything that has a name: methods, models, data sets, experiments.

A registry holds rows by name. Case, blanks at the ends and underscores of a name do not matter. The
rows of wis lie in modules that are imported when one of their names is first looked up; other
packages add rows of their own (see `wis.base.plugins`).

    >>> from wis.base.registry import Registry
    >>> shapes: Registry[int] = Registry("shape", homes={})
    >>> shapes.add("Half_Circle", 180)
    180
    >>> shapes["half-circle"], "square" in shapes
    (180, False)
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

from wis.base.plugins import load_entry_points, note_plugin
from wis.errors import UnknownNameError

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
                can import it (see `wis.base.plugins.loaded_plugins`).

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
