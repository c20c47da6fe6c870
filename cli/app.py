"""The group of all commands, which turns an error into one line and an exit code.

An error of the user is one line on stderr. Any other exception is a bug and keeps its traceback.
Commands import the library inside their bodies, so that help and usage errors appear at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator

import click
from click.shell_completion import shell_complete

from wis.errors import LONGEST_ECHO, OptionError, WisError, echo

from .framework import COMPLETE_VARIABLE, PROGRAM, Commands, Group, plugin_option
from .output import discard_stdout, say, settle_stdout

LONGEST_NAME = 255  # characters of a path that a message repeats in full: no file name is longer
SETTINGS = {
    "help_option_names": ["-h", "--help"],
    "show_default": True,
    "max_content_width": 100,
}

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
@click.version_option(
    package_name="wis-sparsify", prog_name=PROGRAM, message="%(prog)s %(version)s"
)
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
