"""The options that protect edges, whatever the method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .framework import grouped
from .graphs import STANDARD

if TYPE_CHECKING:
    from wis.io import GraphFile
    from wis.order import Provenance


@dataclass(frozen=True)
class ProtectionChoice:
    """The options that protect edges, as they were typed.

    Attributes:
        keep_connected: Whether components stay connected.
        min_degree: The degree below which no vertex falls, None if not given.
        protect: A file with the edges that stay, None if not given.
    """

    keep_connected: bool
    min_degree: int | None
    protect: Path | None

    def given_flags(self) -> list[str]:
        """The flags that were typed."""
        given = {
            "--keep-connected": self.keep_connected,
            "--min-degree": self.min_degree is not None,
            "--protect": self.protect is not None,
        }
        return [flag for flag, is_given in given.items() if is_given]

    def check(self, graph_name: str) -> None:
        """Raise if two files are to be read from standard input."""
        if graph_name == STANDARD and str(self.protect) == STANDARD:
            raise click.UsageError("GRAPH and --protect cannot both be standard input.")

    def arguments(self, file: GraphFile, *, directed: bool) -> dict[str, Any]:
        """The fields of a `Ranking` for these options.

        Raises:
            WisError: The file of protected edges does not fit the graph.
        """
        from wis.io import read_pairs

        pairs = self.protect
        return {
            "keep_connected": self.keep_connected,
            "min_degree": self.min_degree or 0,
            "protect": None if pairs is None else read_pairs(pairs, file, directed=directed),
        }


def describe_protections(provenance: Provenance) -> str:
    """A phrase such as `` with keep_connected (45 can go)``, empty without protections."""
    if not provenance.protections:
        return ""
    described = provenance.protections.describe("arc" if provenance.directed else "edge")
    return f" with {described} ({provenance.num_removable} can go)"


def protections_record(provenance: Provenance) -> dict[str, Any] | None:
    """The protections for programs, None without any."""
    protections = provenance.protections
    if not protections:
        return None
    return {
        "keep_connected": protections.keep_connected,
        "min_degree": protections.min_degree,
        "num_protected": len(protections.edge_ids),
        "num_removable": provenance.num_removable,
    }


protection_options = grouped(
    "protection",
    ProtectionChoice,
    click.option(
        "--keep-connected",
        is_flag=True,
        help="Remove no edge whose loss would disconnect its component (directions aside).",
    ),
    click.option(
        "--min-degree",
        type=click.IntRange(min=0),
        metavar="D",
        show_default="no limit",
        help="Let no vertex fall below D neighbours (incoming ones with --directed).",
    ),
    click.option(
        "--protect",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Keep the edges (or arcs) that this edge list holds, ids or names as in GRAPH.",
    ),
)
"""Adds the options; the command gets them as `protection`."""
