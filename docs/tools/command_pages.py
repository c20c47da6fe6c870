"""The command line reference, written from the commands themselves."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from wis_cli.framework import cli

HEAD = """# Command line

Every command, its options with their defaults, and examples that work as they stand. This page is
written from the program, so it says what `wis COMMAND --help` says.

Exit codes: 0 done, 1 bad data, 2 bad usage, 130 interrupted (Ctrl-C), 143 terminated. Data go to
standard output, everything else to standard error.

"""


def write_command_pages(path: Path) -> None:
    """Write the page, unless it is there already word for word."""
    text = HEAD + "\n".join(_command(cli, None, "wis", 0))
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _command(
    command: click.Command, parent: click.Context | None, name: str, level: int
) -> Iterator[str]:
    settings = command.context_settings if parent is None else {}
    context = click.Context(command, info_name=name.split()[-1], parent=parent, **settings)
    if level:
        yield f"{'#' * (level + 1)} {name}\n"
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```\n"
    yield from _paragraphs(command.help or "")
    yield from _options(command, context)
    examples = getattr(command, "examples", ())
    if examples:
        yield "```bash\n" + "\n".join(examples) + "\n```\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from _command(found, context, f"{name} {inner}", level + 1)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", textwrap.dedent(text).strip()):
        if paragraph.startswith("\b"):
            yield f"```text\n{paragraph.lstrip(chr(8)).strip(chr(10))}\n```\n"
        else:
            yield safe(" ".join(paragraph.split())) + "\n"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
    for title, records in sections.items():
        yield f"**{title}**\n"
        for names, text in records:
            yield f"`{names}`\n: {safe(' '.join(text.split())) or 'No more to say.'}\n"


def safe(text: str) -> str:
    """Text without what Markdown would take for markup, code in backticks left alone."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        p if p.startswith("`") else re.sub(r"([*_<>\[\]#|\\])", r"\\\1", p) for p in parts
    )
