"""Methods and models of other packages: how wis and its worker processes find them.

A plugin is a module that registers methods or models when it is imported. wis imports

- the modules that installed packages name in the entry-point groups `wis.methods` and `wis.models`,
  when a name is looked up that wis itself does not have, or when all names are listed;
- the modules that ``--plugin MODULE``, `load_plugins` or the environment variable ``WIS_PLUGINS``
  name (separated by commas). Child processes inherit the variable. A module is looked for in the
  current folder too, after the installed ones.

Workers on other machines inherit nothing: call ``load_plugins(loaded_plugins())`` with the names of
the process that started them.

An entry point that cannot be imported is reported in one logged line, and the others still work. A
module that was named and cannot be imported is an error.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
from collections.abc import Iterable

from wis.errors import PluginError, UnknownNameError, echo

GROUPS = ("wis.methods", "wis.models")
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
