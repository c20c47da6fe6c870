"""The base classes of the commands: groups in a fixed order, and commands with examples."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

import click

from wis.base.plugins import load_plugins

PROGRAM = "wis"
COMPLETE_VARIABLE = "_WIS_COMPLETE"


class SectionOption(click.Option):
    """An option that the help lists under another heading.

    Attributes:
        section: The heading.
    """

    def __init__(self, *args: Any, section: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


class Command(click.Command):
    """A command whose help ends with examples; some options stand under other headings.

    Attributes:
        examples: Command lines that run as they are, if the files that they name exist.
    """

    def __init__(self, *args: Any, examples: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of sections after the others."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(param, "section", "Options"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


class Group(click.Group):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        return list(self.commands)


class Commands(MutableMapping[str, click.Command]):
    """Commands by name; the module of each is imported when the command is first used.

    Args:
        addresses: For each name ``module:attribute`` in this package.
    """

    def __init__(self, **addresses: str) -> None:
        self._known: dict[str, str | click.Command] = {
            name.replace("_", "-"): address for name, address in addresses.items()
        }

    def __getitem__(self, name: str) -> click.Command:
        found = self._known[name]
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            found = getattr(importlib.import_module(f".{module}", __package__), attribute)
            self._known[name] = found
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def grouped(name: str, kind: type, *options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator that adds options; the command gets their values as one object.

    Args:
        name: The parameter of the command that gets the object.
        kind: A dataclass with a field for each option.
        options: Decorators that add one option each.
    """
    names = [field.name for field in dataclasses.fields(kind)]

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_object(*args: Any, **kwargs: Any) -> Any:
            values = {key: kwargs.pop(key) for key in names}
            return command(*args, **{name: kind(**values)}, **kwargs)

        decorated: Callable[..., Any] = with_object
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return add


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def _load_plugins(
    context: click.Context, parameter: click.Parameter, modules: tuple[str, ...]
) -> None:
    if modules:
        load_plugins(modules)


plugin_option = click.option(
    "--plugin",
    multiple=True,
    is_eager=True,
    expose_value=False,
    callback=_load_plugins,
    metavar="MODULE",
    help="Import this module, which registers further methods or models; repeatable. The module "
    "may be in the current folder.",
)
"""The option ``--plugin``; plugins are imported before the other options are parsed."""


class CommandGroup(Group, Command):
    """A command that has commands of its own, and examples."""
