"""The options that say what a table of edges holds, in place of a guess."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from .framework import SectionOption

SECTION = "Options for edge lists and tables"


@dataclass(frozen=True)
class TableChoice:
    """The options as they were typed; None where they were not.

    Attributes:
        source: The column of the first endpoint.
        target: That of the second one.
        weight: That of the weights.
        header: Whether the first line names the columns.
        delimiter: What stands between columns.
        bipartite: Whether the endpoints are of two kinds.
        format: What the file holds.
    """

    source: str | None = None
    target: str | None = None
    weight: str | None = None
    header: bool | None = None
    delimiter: str | None = None
    bipartite: bool | None = None
    format: str | None = None

    def given_flags(self) -> list[str]:
        """The flags that were typed."""
        flags = []
        for name, value in vars(self).items():
            if value is not None:
                flags.append(f"--no-{name}" if value is False else f"--{name}")
        return flags


NOTHING_SAID = TableChoice()


def table_options(command: Callable[..., Any], *, has_target: bool) -> Callable[..., Any]:
    """Add the options; the command gets them one by one, as `TableChoice` names them.

    Args:
        command: The command.
        has_target: Whether it has a `--target` of its own, so that the column of the second
            endpoint is only called `--target-column`.
    """
    target = ["--target-column"] if has_target else ["--target", "--target-column"]
    options = (
        _option(
            "--source", "--source-column", "source_column", metavar="COLUMN",
            show_default="found by its name, else the first",
            help="Column of the first endpoint: its name, or its number counted from 1.",
        ),
        _option(
            *target, "target_column", metavar="COLUMN",
            show_default="found by its name, else the second",
            help="Column of the second endpoint.",
        ),
        _option(
            "--weight", metavar="COLUMN", show_default="one that is called weight",
            help="Column of the edge weights.",
        ),
        _option(
            "--header/--no-header", default=None,
            help="Whether the first line names the columns.",
        ),
        _option(
            "--delimiter", metavar="MARK",
            help="What stands between columns: , ; | tab or space (any blanks and tabs).",
        ),
        _option(
            "--bipartite/--no-bipartite", default=None,
            help="Whether the endpoints are of two kinds with ids of their own, as users and items "
            "are; then the graph has two types of vertices.",
        ),
        _option(
            "--format", "file_format", metavar="NAME", show_default="the ending of the file",
            help="What GRAPH holds, such as csv, txt, mtx or graphml, also on standard input.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    return click.option(*names, cls=SectionOption, section=SECTION, **settings)


def table_choice(settings: dict[str, Any]) -> TableChoice:
    """Take what was typed for these options out of the arguments of a command."""
    return TableChoice(
        source=settings.pop("source_column"),
        target=settings.pop("target_column"),
        weight=settings.pop("weight"),
        header=settings.pop("header"),
        delimiter=settings.pop("delimiter"),
        bipartite=settings.pop("bipartite"),
        format=settings.pop("file_format"),
    )
