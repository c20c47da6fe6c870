"""The graph, subset, target and network sizes that the theory commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from wis.errors import OptionError

from .framework import Table, with_options
from .graphs import GraphSource, check_has_directions, graph_beside_target
from .output import STANDARD, check_plot_target, force_option, say
from .vertices import FROM_FILE, Given, VertexFinder, given_vertices, subset_option

if TYPE_CHECKING:
    from wis.io import GraphFile
    from wis.theory.bounds import SeparationBounds
    from wis.theory.forecasts import Forecast
    from wis.theory.typed_graph import TypedGraph

LONGEST = 24
SHORT_S = 5.0
"""Computations that take longer are announced."""

depth_text = "Number of layers of the network."
width_text = "Size of the hidden embeddings."
IN_DIM: Table = {"--in-dim D>=1 = (the width)": "Number of features of a vertex."}
MAX_SIDE: Table = {
    "--max-side K>=1 = 512": "Largest number of rows, and of columns, of the matrix."
}
DIRECTED: Table = {"--directed": "Send messages along the directions of the arcs only."}
SEED: Table = {"--seed N>=0 = 0": "Seed of all random numbers."}
FORCE_SIZE: Table = {"--force-size": "Start what is forecast to take longer than an hour."}
PLOT: Table = {"--plot FILE": "Draw a picture: .png, .svg or .pdf."}


@dataclass(frozen=True)
class Problem:
    """A graph with a subset of its vertices, the sizes of a network, and a file for a picture.

    Attributes:
        name: The argument GRAPH.
        subset: Ids of the vertices on one side, None if not given.
        target: Id of the vertex for vertex prediction, None for graph prediction.
        plot: File of the picture, None for no picture.
        force: Whether existing files may be replaced.
    """

    name: str
    graph: TypedGraph
    subset: list[int] | None
    target: int | None
    target_name: str | None
    depth: int
    width: int
    in_dim: int
    plot: Path | None
    force: bool

    @property
    def task(self) -> str:
        """Description of the task of the network."""
        return "graph prediction" if self.target is None else f"prediction over {self.target_name}"

    @property
    def kind(self) -> Literal["graph", "vertex"]:
        """The task of the network, for the library."""
        return "graph" if self.target is None else "vertex"

    @property
    def title(self) -> str:
        """Title of a picture."""
        size = len(self.subset or ())
        vertices = "1 vertex" if size == 1 else f"{size} vertices"
        return (
            f"{self.name}, {vertices} against the rest, {self.task}, depth "
            f"{self.depth}, width {self.width}"
        )

    def arguments(self, *names: str) -> dict[str, Any]:
        """Keyword arguments for the library."""
        return {name: getattr(self, name) for name in names}

    def bounds(self, **options: Any) -> SeparationBounds:
        """The bounds of the separation rank; the subset is given."""
        from wis.theory.bounds import SeparationBounds

        names = ("graph", "subset", "depth", "width", "in_dim", "target")
        return SeparationBounds(**self.arguments(*names), **options)

    def as_record(self) -> dict[str, Any]:
        """The problem, for JSON."""
        return {
            "input": self.name,
            "num_nodes": self.graph.num_nodes,
            "num_arcs": self.graph.edge_index.size(1),
            "directed": self.graph.directed,
            "edge_types": list(self.graph.type_names),
            **self.arguments("subset", "target", "depth", "width", "in_dim"),
        }

    def save(self, figure: Any) -> None:
        """Write the picture of --plot."""
        from wis.base.figures import save_figure

        assert self.plot is not None
        save_figure(figure, self.plot, force=self.force)


def network_options(*, needs_subset: bool) -> Callable[[Any], Any]:
    """Add GRAPH, --subset, --target, the sizes, --plot and --force, as a `Problem`."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @graph_beside_target
        @subset_option(required=needs_subset)
        @with_options(
            {
                "--depth L>=1": (depth_text, {"required": True}),
                "--width D>=1 = 4": width_text,
                **IN_DIM,
                "--target ID = (none: graph prediction)": "Id or name of the vertex whose "
                "prediction is analysed.",
                **DIRECTED,
                **PLOT,
            }
        )
        @force_option
        @functools.wraps(command)
        def with_problem(
            *args: Any,
            source: GraphSource,
            subset: str | None,
            depth: int,
            width: int,
            in_dim: int | None,
            target: str | None,
            directed: bool,
            plot: Path | None,
            force: bool,
            **kwargs: Any,
        ) -> Any:
            source.check()
            if source.name == STANDARD and subset == FROM_FILE + STANDARD:
                raise click.UsageError("GRAPH and --subset cannot both be standard input.")
            given = None if subset is None else given_vertices(subset)
            check_plot_target(plot, force=force)
            file = source.open()
            graph = typed_graph(file, directed=directed)
            find = VertexFinder(file, graph.num_nodes)
            members = None if given is None else sorted(find.distinct(given))
            end = None if target is None else find(Given(target.strip(), "--target", OptionError))
            sizes = depth, width, width if in_dim is None else in_dim
            problem = Problem(source.name, graph, members, end, target, *sizes, plot, force)
            return command(*args, problem=problem, **kwargs)

        return with_problem

    return add


def typed_graph(file: GraphFile, *, directed: bool) -> TypedGraph:
    """The graph of a file; raises an error if `directed` is true and the file has no directions."""
    from wis.theory.typed_graph import TypedGraph

    if directed:
        check_has_directions(file)
    return TypedGraph.from_any(file.data, directed=directed)


def announce(forecasts: list[Forecast], *, force_size: bool) -> dict[str, Any]:
    """Say the cost of computations that take more than a few seconds; refuse more than an hour."""
    from wis.theory.forecasts import Forecast

    total = Forecast(
        tuple(map(sum, zip(*(each.operations for each in forecasts), strict=True))),
        max(each.bytes for each in forecasts),
        sum(each.seconds for each in forecasts),
    )
    if not force_size:
        total.check()
    if total.seconds > SHORT_S:
        say(f"Forecast: {total}")
    return asdict(total)


def shown(value: Any, form: str = "") -> str:
    """A value in a table; integers of more than `LONGEST` digits are rounded."""
    if isinstance(value, int) and value >= 10**LONGEST:
        return f"~{Decimal(value):.3e}"
    return format(value, form) if form else str(value)
