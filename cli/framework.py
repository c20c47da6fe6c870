"""The commands' base classes, and the group of all, which turns an error into a line and a code.

An error of the user is one line on stderr. Any other exception is a bug and keeps its traceback.
Commands import the library inside their bodies, so that help and usage errors appear at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import shell_complete

from wis.base.version import VERSION
from wis.errors import LONGEST_ECHO, OptionError, WisError, echo

from .output import discard_stdout, say, settle_stdout

PROGRAM = "wis"
COMPLETE_VARIABLE = "_WIS_COMPLETE"


class SectionOption(click.Option):
    """An option that the help lists under another heading."""

    def __init__(self, *args: Any, section: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


Table = Mapping[str, str | tuple[str, dict[str, Any]]]
"""Options, see `option`, and their help, perhaps with further arguments of `click.option`."""

METAVARS: Mapping[str, Any] = {
    **dict.fromkeys(("N", "K", "L", "B", "S", "D"), int),
    **dict.fromkeys(("X", "E"), float),
    "FILE": click.Path(path_type=Path),
}
"""The type of an option by the metavar of its value; others are texts."""
SPELT = re.compile(
    r"(?P<flags>-.*?)( (?P<metavar>[^- ]\S*?)(>=(?P<least>\d+))?)?"
    r"( = (\((?P<show_default>.*)\)|(?P<default>.*)))?"
)


def option(spelt: str, text: str, *, name: str = "", **settings: Any) -> Callable[[Any], Any]:
    """An option that is written as the help shows it.

    ``--sample N>=1 = 32`` takes integers from 1 on and is 32 by default, ``--engine NAME = (auto)``
    is None by default and says "auto", and ``--json`` is true or false.

    Args:
        spelt: The flags, the metavar of the value (see `METAVARS`) and the default.
        text: The help.
        name: The parameter of the command, if it is not that of the flag.
        settings: Further arguments of `click.option`, and the heading of a `SectionOption`.
    """
    found = SPELT.fullmatch(spelt)
    assert found is not None
    given = {key: found[key] for key in ("metavar", "show_default", "default") if found[key]}
    given |= {"cls": SectionOption} if "section" in settings else {}
    least, kind = found["least"], METAVARS.get(found["metavar"])
    kind = click.IntRange(min=int(least)) if least else kind
    is_flag = not found["metavar"] and "type" not in settings
    given |= {"is_flag": True} if is_flag else {"type": kind}
    names = [*found["flags"].split(", "), *([name] if name else [])]
    return click.option(*names, help=text, **{**given, **settings})


def with_options(*options: Table | Callable[[Any], Any], **common: Any) -> Callable[[Any], Any]:
    """A decorator that adds tables of options, with `common` arguments, and other decorators."""

    def add(command: Any) -> Any:
        for each in reversed(options):
            if callable(each):
                command = each(command)
                continue
            for spelt, given in reversed(each.items()):
                text, settings = (given, {}) if isinstance(given, str) else given
                command = option(spelt, text, **common, **settings)(command)
        return command

    return add


class Command(click.Command):
    """A command whose help ends with examples; some options stand under other headings."""

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


def grouped(
    name: str, kind: type, *options: Table | Callable[[Any], Any], **common: Any
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator that adds options, see `with_options`.

    The command gets their values as one object: `kind`, a dataclass with a field for each option.
    """
    names = [field.name for field in dataclasses.fields(kind)]

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_object(*args: Any, **kwargs: Any) -> Any:
            values = {key: kwargs.pop(key) for key in names}
            return command(*args, **{name: kind(**values)}, **kwargs)

        decorated: Callable[..., Any] = with_options(*options, **common)(with_object)
        return decorated

    return add


json_option = option("--json", "Print one JSON object.", name="as_json")


def _load_plugins(
    context: click.Context, parameter: click.Parameter, modules: tuple[str, ...]
) -> None:
    if modules:
        from wis.base.registry import load_plugins

        load_plugins(modules)


plugin_option = option(
    "--plugin MODULE",
    "Import this module, which registers further methods or models; repeatable. The module may be "
    "in the current folder.",
    multiple=True, is_eager=True, expose_value=False, callback=_load_plugins,
)  # fmt: skip
"""The option ``--plugin``; plugins are imported before the other options are parsed."""


class CommandGroup(Group, Command):
    """A command that has commands of its own, and examples."""


LONGEST_NAME = 255  # characters of a path that a message repeats in full: no file name is longer
SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100}

COMMANDS = Commands(
    sparsify="sparsify:sparsify",
    advise="advise:advise",
    order="order:order",
    inspect="listings:inspect",
    walk_index="walk_index:walk_index",
    verify="order:verify",
    compare="compare:compare",
    methods="listings:methods",
    datasets="listings:datasets",
    bench="bench:bench",
    theory="theory:theory",
    completion="listings:completion",
)


@click.group(cls=Group, commands=COMMANDS, context_settings=SETTINGS, invoke_without_command=True)
@plugin_option
@click.version_option(VERSION, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Remove most edges of a graph and keep what a graph neural network needs.

    GRAPH is a file (.pt, .npz, .csv, .tsv, .txt, .edgelist, .edges, .parquet, .mtx, .graphml, .gml,
    .gexf, .net, .json, .graph; text files also compressed as .gz, .bz2 or .xz), "-" for an edge
    list on standard input, or the name of a graph that `wis datasets` lists. For a file with
    another ending, --format names the format. Results go to files or to standard output, everything
    else to standard error.

    Methods and models of other packages are available once the package is installed, or with
    --plugin MODULE before the command or among its options.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run_command(arguments: list[str]) -> int:
    """Run a command line without the name of the program; returns the exit code."""
    arguments = [_at_home(argument) for argument in arguments]
    try:
        with _library_notices():
            return _dispatch(arguments)
    except click.ClickException as error:
        say(_usage_line(error, arguments))
        return error.exit_code
    except BrokenPipeError:
        discard_stdout()
        return 1
    except WisError as error:
        settle_stdout()
        say(f"Error: {_one_line(_shortened(str(error), arguments, LONGEST_NAME))}")
        return error.exit_code
    except (MemoryError, RuntimeError) as error:
        if not _is_lack_of_memory(error):
            raise
        settle_stdout()
        say("Error: there is not enough memory for this; take a smaller graph or smaller numbers")
        return OptionError.exit_code


def _at_home(argument: str) -> str:
    """The argument with the home folder in place of a leading ``~/``, as in ``--plot=~/FILE``.

    A shell leaves such a tilde as it is in quotes, after ``=`` and after ``@``.
    """
    before, tilde, after = argument.partition("~/")
    is_path = tilde and (before in ("", "@") or re.fullmatch("--[a-z-]+=@?", before))
    return before + os.path.expanduser(tilde + after) if is_path else argument


def _is_lack_of_memory(error: BaseException) -> bool:
    """Whether Python, numpy or torch (which raises a `RuntimeError`) could not get memory."""
    text = str(error)
    return isinstance(error, MemoryError) or "allocate memory" in text or "out of memory" in text


class _Notice(logging.Handler):
    """Shows the messages that the library logs, such as the memory that an engine will use."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


@contextlib.contextmanager
def _library_notices() -> Iterator[None]:
    logger, handler = logging.getLogger("wis"), _Notice()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _dispatch(arguments: list[str]) -> int:
    instruction = os.environ.get(COMPLETE_VARIABLE)
    if instruction:
        return shell_complete(cli, {}, PROGRAM, COMPLETE_VARIABLE, instruction)
    try:
        with cli.make_context(PROGRAM, arguments) as context:
            cli.invoke(context)
    except click.exceptions.Exit as exit_request:
        return exit_request.exit_code
    return 0


def _usage_line(error: click.ClickException, arguments: list[str]) -> str:
    line = f"Error: {_one_line(_shortened(error.format_message(), arguments, LONGEST_ECHO))}"
    context = getattr(error, "ctx", None)
    if context is None:
        return line
    return f"{line} Try '{context.command_path} --help'."


def _shortened(message: str, arguments: list[str], longest: int) -> str:
    """The message, with each long argument that it repeats cut to its beginning."""
    tokens = {part for given in arguments for part in (given, given.partition("=")[2])}
    for token in sorted(tokens, key=len, reverse=True):
        if len(token) > longest:
            message = message.replace(repr(token), repr(echo(token))).replace(token, echo(token))
    return message


def _one_line(message: str) -> str:
    """The message on one line, with control characters of terminals escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(message.split()))
