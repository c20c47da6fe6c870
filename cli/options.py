"""The options that choose a method, that protect edges, and that set an engine for folders."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from wis.errors import GraphFormatError, echo

from .framework import grouped, option, plugin_option
from .output import STANDARD

if TYPE_CHECKING:
    from wis.advice import Advice
    from wis.graph import CanonicalGraph
    from wis.io import GraphFile
    from wis.methods import Method
    from wis.order import Provenance
    from wis.order.cut import Ranked

DEFAULT_METHOD = "wis"
NAMED = ("walk_length", "partitions", "batch_size", "engine", "epsilon", "scores")


def given_flags(options: object) -> list[str]:
    """The flags that were typed, of the options in a dataclass: all but None, False and ()."""
    given = (name for name, value in vars(options).items() if value not in (None, ()))
    return [f"--{name.replace('_', '-')}" for name in given if vars(options)[name] is not False]


@dataclass(frozen=True)
class MethodChoice:
    """The `method_options` as they were typed; None where they were not."""

    method: str | None
    walk_length: int | None
    partitions: str | None
    batch_size: int | None
    engine: str | None
    epsilon: float | None
    scores: str | None
    option: tuple[str, ...]
    seed: int | None
    device: str | None

    def checked(self) -> tuple[Method, dict[str, Any]]:
        """The method and the options given for it."""
        from wis.methods import get_method
        from wis.methods.registry import method_named

        method = get_method(method_named(self.method, self.scores))
        given = {name: getattr(self, name) for name in NAMED if getattr(self, name) is not None}
        for name in given:
            self._refuse_unknown(method, name, f"--{name.replace('_', '-')}")
        for item in self.option:
            name, value = self._parse_option(item)
            self._refuse_unknown(method, name, f"--option {name}")
            if name in given:
                raise click.UsageError(f"{name} is given twice.")
            given[name] = parse_value(value, method.options[name])
        return method, given

    def taking(self, advice: Advice) -> MethodChoice:
        """This choice with the method and options of an advice, in place of those typed."""
        none: dict[str, Any] = dict.fromkeys(NAMED)
        others = tuple(f"{name}={value}" for name, value in advice.options.items())
        return dataclasses.replace(self, **none, method=advice.method, option=others)

    def _parse_option(self, item: str) -> tuple[str, str]:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--option is {echo(item)!r}; expected KEY=VALUE.")
        return name.strip().replace("-", "_"), value.strip()

    def _refuse_unknown(self, method: Method, name: str, flag: str) -> None:
        if name not in method.options:
            from wis.methods.registry import refuse_weights

            refuse_weights(method, name)
            known = ", ".join(method.options) or "none"
            raise click.UsageError(
                f"{flag} does not apply to the method {method.name!r}; its options: {known}."
            )

    def made(
        self,
        graph: CanonicalGraph,
        file: GraphFile,
        *,
        count: int | None,
        protections: Mapping[str, Any],
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> tuple[Ranked, Provenance]:
        """Compute the removal order of a graph, or its first `count` edges; and how it was made.

        Methods that keep the order so far in a file get `checkpoint`; with `resume` the method must
        be one of them.
        """
        from wis.graph.stores import is_hetero
        from wis.methods.registry import OF_EDGES
        from wis.order.ranking import Ranking

        method, options = self.checked()
        if checkpoint is not None and options.get("checkpoint") is None:
            options |= self._kept_in(checkpoint, method, options, graph, resume=resume)
        data = file.data if method.reads_data else None
        if data is not None:
            from wis.graph.parts import check_lengths

            check_lengths(data)
        if data is not None and file.vertex_names is not None and not is_hetero(data):
            data = copy.copy(data)  # so that errors call vertices as the file does
            data.name = list(file.vertex_names)
        named = {name: options[name] for name in OF_EDGES if isinstance(options.get(name), str)}
        for name, column in named.items():
            from wis.io.columns import attribute_of

            options[name] = attribute_of(file, column)
        ranking = Ranking(
            method.name, options, graph.directed, self.seed, self.device, **protections
        )
        with _named_as_typed({options[name]: column for name, column in named.items()}):
            return ranking.made(graph, data, count=count)

    def _kept_in(
        self,
        path: Path,
        method: Method,
        options: dict[str, Any],
        graph: CanonicalGraph,
        *,
        resume: bool,
    ) -> dict[str, Any]:
        """The option ``checkpoint``, if an order with these options keeps one."""
        given = {"checkpoint": path} if "checkpoint" in method.options else {}
        if given and "checkpoint" in method.resolved_options(graph, options | given):
            return given
        if resume:
            kind = "1-WIS" if method.name == "wis" else f"the method {method.name!r}"
            raise click.UsageError(f"{kind} keeps no checkpoints; leave --resume out.")
        return {}


@contextlib.contextmanager
def _named_as_typed(columns: Mapping[str, str]) -> Iterator[None]:
    """Errors about an attribute name the column from which it was read, as the user typed it."""
    try:
        yield
    except GraphFormatError as error:
        attribute, _, rest = str(error).partition(" ")
        if columns.get(attribute, attribute) == attribute:
            raise
        raise GraphFormatError(f"{echo(columns[attribute])} {rest}") from None


def parse_value(text: str, default: Any) -> Any:
    """The value of a text: a string if the default is one, else what the text spells."""
    from wis.methods.registry import value_of

    return text if isinstance(default, str) else value_of(text)


def describe_options(options: Mapping[str, Any]) -> str:
    """Options on one line, such as ``walk_length=1, engine=auto``."""
    return ", ".join(f"{echo(name)}={echo(str(value))}" for name, value in options.items())


def complete_method(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete the name of a method."""
    from wis.methods.registry import METHODS

    return sorted(name for name in METHODS.names() if name.startswith(incomplete))


def complete_partitions(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the partitions: a choice, or a file."""
    from wis.graph.partitions import CHOICES

    items = [CompletionItem(name) for name in CHOICES if incomplete and name.startswith(incomplete)]
    return [CompletionItem(incomplete, type="file"), *items]


partitions_option = option(
    "--partitions CHOICE = (singletons for gwis)",
    "Partitions of the vertices whose walk indices gwis keeps high: singletons, communities, "
    "balls:k=2, attribute:y, cuts:number=8, or a .json or .csv file.",
    shell_complete=complete_partitions,
)


method_options = grouped(
    "choice",
    MethodChoice,
    plugin_option,
    {
        f"--method NAME = ({DEFAULT_METHOD})": (
            "Method that ranks the edges; `wis methods` lists all methods.",
            {"shell_complete": complete_method},
        ),
        "--walk-length K = (1)": "Length of the walks that wis and gwis count: K = depth of the "
        "network - 1.",
    },
    partitions_option,
    {
        "--batch-size B = (1, which is exact)": "Number of edges removed at a time, before the "
        "others are ranked again.",
        "--engine NAME = (auto)": "Engine that computes the order; engines differ in speed and in "
        "how they break ties.",
        "--epsilon E = (0, which is exact)": "Let wis remove edges whose ends have at least "
        "1/(1+E) of the degree that the exact rule requires. Many edges then go at once, which is "
        "faster; as many stay, with slightly smaller walk indices. For walk length 1.",
        "--scores COLUMN": "Rank by the numbers in this column or edge attribute (method scores): "
        "low scores go first.",
        "--option KEY=VALUE": (
            "Another option of the method (`wis methods` lists them); repeatable.",
            {"multiple": True},
        ),
        "--seed N = (0)": "Seed of methods that draw random numbers: an integer, 0 or more.",
        "--device NAME = (cpu)": "Device to compute on, such as cpu or cuda:0; it does not change "
        "the result.",
    },
)
"""Adds the options of the methods; the command gets them as one `choice`."""


@dataclass(frozen=True)
class ProtectionChoice:
    """The `protection_options` as they were typed; None where they were not."""

    keep_connected: bool
    min_degree: int | None
    protect: Path | None

    def typed(self) -> list[str]:
        """The file of protected edges, as words of a command line."""
        return [] if self.protect is None else ["--protect", str(self.protect)]

    def check(self, graph_name: str) -> None:
        """Raise if two files are to be read from standard input."""
        if graph_name == STANDARD and str(self.protect) == STANDARD:
            raise click.UsageError("GRAPH and --protect cannot both be standard input.")

    def arguments(self, file: GraphFile, *, directed: bool) -> dict[str, Any]:
        """The fields of `Ranking` for these options."""
        from wis.io import read_pairs

        pairs = self.protect
        return {
            "keep_connected": self.keep_connected,
            "min_degree": self.min_degree or 0,
            "protect": None if pairs is None else read_pairs(pairs, file, directed=directed),
        }


def describe_protections(provenance: Provenance) -> str:
    """A phrase such as `` with keep_connected (45 can go)``, empty without protections."""
    if provenance.num_removable is None:
        return ""
    described = provenance.protections.describe("arc" if provenance.directed else "edge")
    return f" with {described} ({provenance.num_removable} can go)"


def provenance_record(provenance: Provenance) -> dict[str, Any]:
    """How an order was made, for --json."""
    protections = provenance.protections
    protected = {
        "keep_connected": protections.keep_connected,
        "min_degree": protections.min_degree,
        "num_protected": len(protections.edge_ids),
        "num_removable": provenance.num_removable,
    }
    return {
        "method": provenance.method,
        "options": dict(provenance.options),
        "seed": provenance.seed,
        "protections": None if provenance.num_removable is None else protected,
        "directed": provenance.directed,
    }


protection_options = grouped(
    "protection",
    ProtectionChoice,
    {
        "--keep-connected": "Remove no edge whose loss would disconnect its component; directions "
        "are ignored.",
        "--min-degree D>=0 = (no limit)": "Leave every vertex at least D neighbours (incoming ones "
        "with --directed), if it has that many.",
        "--protect FILE": "Keep the edges (or arcs) that this edge list holds, with ids or names "
        "as in GRAPH.",
    },
)
"""Adds the options that protect edges; the command gets them as one `protection`."""


ENGINES = ("stream", "dask", "spark")
CLUSTER_FLAGS = {
    "--scheduler-address": ("dask",),
    "--master": ("spark",),
    "--workers": ("dask", "spark"),
}


@dataclass(frozen=True)
class FolderOptions:
    """The `folder_options` as they were typed; None where they were not."""

    scheduler_address: str | None
    master: str | None
    workers: int | None
    block_edges: int | None
    work_dir: str | None

    def refuse(self, engine: str | None = None) -> None:
        """Raise `click.UsageError` if an option was typed that the engine does not take."""
        for flag in given_flags(self):
            engines = CLUSTER_FLAGS.get(flag, ENGINES)
            if engine not in engines:
                raise click.UsageError(f"{flag} is for --engine {' and --engine '.join(engines)}.")


folder_options = grouped(
    "folders",
    FolderOptions,
    {
        "--block-edges N>=1 = (8388608)": "Number of edges in memory at a time, about 100 bytes "
        "each.",
        "--work-dir DIR = (OUTPUT.wis-work)": "Folder for intermediate results, from which the "
        "same command continues a killed run. It may hold other files.",
        "--scheduler-address ADDRESS = (a cluster on this machine)": "For dask only: the scheduler "
        "of a running cluster, such as tcp://10.0.0.1:8786.",
        "--master URL = (processes on this machine)": "For spark only: Spark's master, such as "
        "spark://host:7077, yarn or local[4].",
        "--workers N>=1 = (one for each core)": "For dask and spark: number of processes of the "
        "cluster on this machine; for dask threads, if the package cryptography is not installed.",
    },
    section="Options for folders of edge files (--engine stream, dask or spark)",
)
"""Adds the options of the engines for folders; the command gets them as one `folders`."""
