"""What the theory commands share: the graph with a subset and a target, and the network's sizes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wis.errors import OptionError

from .directions import check_has_directions
from .graphs import STANDARD, GraphSource, graph_beside_target
from .targets import check_plot_target, force_option, path_option
from .vertices import FROM_FILE, Given, VertexFinder, given_vertices, subset_option

if TYPE_CHECKING:
    from wis.io import GraphFile
    from wis.theory.typed_graph import TypedGraph

positive = click.IntRange(min=1)

depth_option = click.option(
    "--depth", type=positive, required=True, metavar="L", help="Layers of the network."
)
width_option = click.option(
    "--width", type=positive, default=4, metavar="D", help="Size of its hidden embeddings."
)
in_dim_option = click.option(
    "--in-dim",
    type=positive,
    metavar="D",
    show_default="the width",
    help="Features of a vertex.",
)
directed_option = click.option(
    "--directed", is_flag=True, help="Messages go along the arcs as they point, not both ways."
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Seed of everything that is drawn.",
)
plot_option = path_option("--plot", help="Draw a picture: .png, .svg or .pdf.")


@dataclass(frozen=True)
class Problem:
    """A graph with a subset of its vertices, and the sizes of a network on it.

    Attributes:
        name: GRAPH as it was typed.
        graph: The graph.
        subset: Ids of the vertices on one side, None if not given.
        target: Id of the vertex to predict over, None for graph prediction.
        target_name: The same as it was typed.
        depth: Number of layers.
        width: Size of the hidden embeddings.
        in_dim: Features of a vertex.
    """

    name: str
    graph: TypedGraph
    subset: list[int] | None
    target: int | None
    target_name: str | None
    depth: int
    width: int
    in_dim: int

    @property
    def task(self) -> str:
        """What the network predicts, for people."""
        return "graph prediction" if self.target is None else f"prediction over {self.target_name}"

    def as_record(self) -> dict[str, Any]:
        """What was asked for, for JSON."""
        return {
            "input": self.name,
            "num_nodes": self.graph.num_nodes,
            "num_arcs": self.graph.edge_index.size(1),
            "directed": self.graph.directed,
            "edge_types": list(self.graph.type_names),
            "subset": self.subset,
            "target": self.target,
            "depth": self.depth,
            "width": self.width,
            "in_dim": self.in_dim,
        }


def network_options(*, needs_subset: bool) -> Callable[[Any], Any]:
    """Add GRAPH, --subset, --target and the sizes; the command gets them as one `problem`.

    It gets `plot` and `force` as well, after a look at whether the picture can be written.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @graph_beside_target
        @subset_option(required=needs_subset)
        @depth_option
        @width_option
        @in_dim_option
        @click.option(
            "--target",
            metavar="ID",
            show_default="none: graph prediction",
            help="Vertex to predict over.",
        )
        @directed_option
        @plot_option
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
            problem = Problem(source.name, graph, members, end, target, *sizes)
            return command(*args, problem=problem, plot=plot, force=force, **kwargs)

        return with_problem

    return add


def typed_graph(file: GraphFile, *, directed: bool) -> TypedGraph:
    """The graph of a file; raises if directions are wanted and it has none."""
    from wis.theory.typed_graph import TypedGraph

    if directed:
        check_has_directions(file)
    return TypedGraph.from_any(file.data, directed=directed)


def number_or_none(value: float) -> float | None:
    """A number for JSON, which has no infinity."""
    return value if math.isfinite(value) else None


def finite(record: Any) -> Any:
    """Nested lists and dictionaries with `number_or_none` of every float."""
    if isinstance(record, float):
        return number_or_none(record)
    if isinstance(record, dict):
        return {key: finite(value) for key, value in record.items()}
    if isinstance(record, (list, tuple)):
        return [finite(value) for value in record]
    return record
