"""`wis sparsify`: rank the edges of a graph and remove the first ones."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wis.base.checks import auto_budget, num_edges_to_remove
from wis.base.progress import step
from wis.errors import OptionError, counted, echo

from .framework import Command, grouped, json_option, with_options
from .graphs import GraphSource, directed_option, graph_argument, graph_of
from .options import (
    ENGINES,
    FolderOptions,
    MethodChoice,
    ProtectionChoice,
    describe_options,
    describe_protections,
    folder_options,
    given_flags,
    method_options,
    protection_options,
    provenance_record,
)
from .output import (
    STANDARD,
    check_different,
    check_graph_target,
    check_plot_target,
    emit_json,
    force_option,
    order_target,
    say,
    write_with_notes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wis.advice import Advice
    from wis.io import GraphFile
    from wis.order import Provenance
    from wis.order.cut import Ranked


@dataclass(frozen=True)
class Amount:
    """How much to remove: one of the two options, as it was typed."""

    remove: str | None
    keep: str | None

    def check(self) -> None:
        """Raise if both or neither are given, or if no graph allows this amount."""
        if self.remove is None and self.keep is None:
            raise click.UsageError("say how much goes, as in --remove 50%, or stays: --keep 50%.")
        if self.remove is not None and self.keep is not None:
            raise click.UsageError("--remove and --keep contradict each other; give one of them.")
        if not self.is_auto:
            num_edges_to_remove(sys.maxsize, remove=self.remove, keep=self.keep)

    @property
    def is_auto(self) -> bool:
        """Whether `wis advise` is to choose it."""
        return auto_budget(self.remove) is not None


@dataclass(frozen=True)
class CutChoice:
    """Which edges are cut alike, and how: the options as they were typed."""

    directed: bool
    per_type: bool
    type_column: str | None
    reweight: bool
    edge_attr: tuple[str, ...]


amount_options = grouped(
    "amount",
    Amount,
    {
        "--remove AMOUNT": "Edges to remove: a percentage (50%), a fraction (0.5) or a number "
        "(120); or auto for the advice of `wis advise`, auto:40runs for that with another budget.",
        "--keep AMOUNT": "Edges to keep, in the same forms; in place of --remove.",
    },
)
cut_options = grouped(
    "cutting",
    CutChoice,
    directed_option,
    {
        "--per-type": "Remove the same fraction of the edges of each type. The types are those of "
        "a graph with several edge types, or the integers or texts in a column `type` (attribute "
        "edge_type).",
        "--type-column NAME": "Like --per-type, but read the types from this column or edge "
        "attribute.",
        "--reweight": "Write edge weights that make up for the removed edges: the mean of the "
        "Laplacian is that of the whole graph. For the methods that draw edges: spectral, goku, "
        "and dspar with --option sample=true.",
        "--edge-attr NAME": (
            "Treat this attribute as one with an entry for each arc, where its length does not "
            "decide that; repeatable.",
            {"multiple": True},
        ),
    },
)


@click.command(
    cls=Command,
    examples=[
        "wis sparsify karate --remove 50%",
        "wis sparsify cora.pt --keep 0.3 -o cora-30.pt --plot cora-30.png",
        "wis sparsify friends.csv --remove 2 --method random --seed 1 -o -",
        "wis sparsify les-miserables --remove 50% --keep-connected --min-degree 2",
        "wis sparsify karate --remove auto:12runs --method wis -o karate-auto.pt",
        "wis sparsify friends.csv --directed --remove 3 -o friends-arcs.csv",
        "wis sparsify knowledge.pt --per-type --remove 30%",
        "wis sparsify cora --method spectral --remove 50% --reweight",
        "wis sparsify edges/ --engine stream --epsilon 0.1 --remove 50% -o edges-sparse/",
    ],
)
@amount_options
@cut_options
@method_options
@folder_options
@protection_options
@with_options(
    {
        "-o, --output FILE = (STEM-sparse.EXT beside GRAPH)": "File to write; its ending names the "
        "format. - writes an edge list to stdout.",
        "--order FILE": ("Cut this saved order; compute none.", {"name": "order_file"}),
        "--save-order FILE": "Save the order of all edges to this .npz file, for --order.",
        "--plot FILE": "Draw the graph before and after to this file (.png, .svg, .pdf). For a "
        "large graph, draw its degrees.",
    }
)
@graph_argument
@force_option
@json_option
def sparsify(
    source: GraphSource,
    choice: MethodChoice,
    folders: FolderOptions,
    protection: ProtectionChoice,
    amount: Amount,
    cutting: CutChoice,
    output: Path | None,
    order_file: Path | None,
    save_order: Path | None,
    plot: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Remove the edges of GRAPH that matter least.

    The method wis first removes the edges whose loss least reduces the ability of a graph neural
    network to model how vertices interact. Other methods use other rules. An edge is a pair of
    vertices and is removed with all its arcs. With --directed every arc is an edge of its own, and
    AMOUNT counts arcs. Vertices, attributes, self-loops and the order of the remaining arcs stay.

    With --engine stream, dask or spark, GRAPH is a folder of .parquet files or edge lists of any
    size. The output is a folder of .parquet files, GRAPH-sparse by default; epsilon is 0.1.
    All files in the folder are read; a file of another kind is an error. If the command is killed,
    or stops because the disk is full or the cluster is lost, the same command continues the work.
    While it runs, a second run with the same output is refused.
    """
    amount.check()
    if amount.is_auto and (order_file is not None or choice.engine in ENGINES):
        clash = "--order" if order_file is not None else f"--engine {choice.engine}"
        raise click.UsageError(
            f"--remove {amount.remove} does not go with {clash}; give an amount."
        )
    if choice.engine in ENGINES:
        from .edge_folders import sparsify_folder

        refused: dict[str, Any] = dict.fromkeys(given_flags(protection), True)
        refused |= {"--order": order_file, "--save-order": save_order, "--plot": plot}
        refused |= {f"--{k.replace('_', '-')}": value for k, value in vars(cutting).items()}
        sparsify_folder(
            source, choice, folders, **vars(amount),
            output=output, refused=refused, force=force, as_json=as_json,
        )  # fmt: skip
        return
    folders.refuse()
    source.refuse_folder()
    output = output or source.default_output()
    if order_file is not None:
        typed = ["--directed"] * cutting.directed + given_flags(choice) + given_flags(protection)
        _refuse_beside_order(typed + ["--save-order"] * (save_order is not None))
    protection.check(source.name)
    if as_json and str(output) == STANDARD:
        raise click.UsageError(
            "--json and the graph cannot both go to standard output; give -o FILE."
        )
    source.check()
    save_order = order_target(save_order, force=force)
    check_different(output, save_order, plot)
    check_graph_target(output, force=force)
    check_plot_target(plot, force=force)
    job = _Job(source, choice, protection, amount, cutting, order_file, save_order is not None)
    result = job.run()
    result.write(source.name, output, save_order, plot, force=force)
    say(result.account(source.name, output))
    if as_json:
        emit_json(result.record(source, protection, output))


def _refuse_beside_order(flags: list[str]) -> None:
    """Raise `click.UsageError` if any of the flags that make an order was typed beside --order."""
    if flags:
        raise click.UsageError(
            f"--order cuts an order that was computed already; {flags[0]} does not go with it."
        )


@dataclass(frozen=True)
class _Job:
    """A call of `wis sparsify` with its options."""

    source: GraphSource
    choice: MethodChoice
    protection: ProtectionChoice
    amount: Amount
    cutting: CutChoice
    order_file: Path | None
    whole_order: bool

    def run(self) -> _Result:
        """Read, order and cut.

        An edge list that is only cut is not made into a PyG object: importing PyG takes a second.
        """
        from wis.order import RemovalOrder
        from wis.order.cut import Cut, no_weights

        cutting, directed = self.cutting, self.cutting.directed
        saved = None if self.order_file is None else RemovalOrder.load(self.order_file)
        method, given = (None, {}) if saved is not None else self.choice.checked()
        protected = given_flags(self.protection)
        if cutting.reweight and method is not None and (protected or not method.draws_with(given)):
            raise no_weights(protected, method.name)
        file = self.source.open()
        protections = self.protection.arguments(file, directed=directed)
        start = time.perf_counter()
        per_type = self.types(file)
        amount, choice, advice = self.amount, self.choice, None
        if amount.is_auto:
            advice = self.advice(file, per_type, protections)
            amount, choice = Amount(advice.remove, None), choice.taking(advice)
            method = choice.checked()[0]
        cut = Cut(amount.remove, amount.keep, per_type, cutting.edge_attr, cutting.reweight)
        reads = not cut.is_plain or (method is not None and method.reads_data)
        data = file.data if reads or file.table is None else None
        if data is not None:
            check_edge_attrs(data, cutting.edge_attr)
        graph = graph_of(file, directed=saved.provenance.directed if saved else directed)
        if data is None:  # the file keeps them in half the memory
            graph = replace(graph, arcs=())
        count = cut.length_needed(graph, data)
        if saved is None:
            wanted = None if self.whole_order else count
            ranked, provenance = choice.made(graph, file, count=wanted, protections=protections)
        else:
            saved.check_made_for(graph)
            ranked, provenance = saved.ranked(graph), saved.provenance
        with step(f"cut {self.source}"):
            removed = cut.removed(ranked, data)
            if file.table is not None:
                sparse = file.keep(graph.arcs_kept(removed, file.table.arcs))
            else:
                sparse = file.with_data(cut.apply(ranked, data))
        seconds = time.perf_counter() - start
        gone = int(removed.sum())
        return _Result(file, sparse, ranked, provenance, gone, bool(per_type), seconds, advice)

    def advice(
        self, file: GraphFile, per_type: bool | str, protections: Mapping[str, Any]
    ) -> Advice:
        """The advice that --remove auto takes, for the method if one is named."""
        from wis.advice.advising import automatic

        choice, budget = self.choice, auto_budget(self.amount.remove)
        method, options = choice.checked()
        named = method.name if choice.method is not None or options else None
        assert budget is not None
        more = {"per_type": per_type, "edge_attrs": self.cutting.edge_attr, **protections}
        more |= {"directed": self.cutting.directed, "device": choice.device or "cpu"}
        return automatic(file.data, budget, named, options, seed=choice.seed or 0, **more)

    def types(self, file: GraphFile) -> bool | str:
        """The `per_type` of the cut: false, true, or the attribute that holds the types."""
        if self.cutting.type_column is None:
            return self.cutting.per_type
        from wis.io.columns import attribute_of

        return attribute_of(file, self.cutting.type_column)


@dataclass(frozen=True)
class _Result:
    """The result of a cut, which it writes and describes."""

    file: GraphFile
    sparse: GraphFile
    ranked: Ranked
    provenance: Provenance
    num_removed: int
    per_type: bool
    seconds: float
    advice: Advice | None = None

    def write(
        self, name: str, output: Path, save_order: Path | None, plot: Path | None, *, force: bool
    ) -> None:
        """Write all outputs, each of them whole or not at all."""
        if save_order is not None:
            from wis.order import RemovalOrder

            RemovalOrder.of(self.ranked, self.provenance).save(save_order, force=force)
        write_with_notes(self.sparse, output, force=force)
        if plot is not None:
            from wis.show.plot import plot_sparsification

            plot_sparsification(
                self.file.data,
                self.sparse.data,
                plot,
                force=force,
                directed=self.ranked.graph.directed,
                title=f"{name} by {self._method()}",
            )

    def _method(self) -> str:
        """The method with its options."""
        options = describe_options(self.provenance.options)
        method = echo(self.provenance.method)  # with --order, a text from a file
        return f"{method} ({options})" if options else method

    def account(self, name: str, output: Path) -> str:
        """The line on standard error."""
        graph = self.ranked.graph
        share = f" ({self.num_removed / graph.num_edges:.1%})" if graph.num_edges else ""
        where = "standard output" if str(output) == STANDARD else output
        return (
            f"{name}: removed {self.num_removed} of {counted(graph.num_edges, graph.noun)}{share}"
            f"{', alike of each type,' if self.per_type else ''} by {self._method()}"
            f"{describe_protections(self.provenance)} in {self.seconds:.2f} s -> {where}"
        )

    def record(
        self, source: GraphSource, protection: ProtectionChoice, output: Path
    ) -> dict[str, Any]:
        """The object that --json prints."""
        provenance, advice = self.provenance, self.advice
        typed = source.typed() + protection.typed()
        return {
            "input": source.name,
            "output": str(output),
            "num_nodes": self.ranked.graph.num_nodes,
            "num_edges_before": self.ranked.graph.num_edges,
            "num_edges_after": self.ranked.graph.num_edges - self.num_removed,
            "num_removed": self.num_removed,
            **provenance_record(provenance),
            "per_type": self.per_type,
            "seconds": round(self.seconds, 6),
            **({} if advice is None else {"advice": advice.as_dict(source.name, typed)}),
        }


def check_edge_attrs(data: Any, names: tuple[str, ...]) -> None:
    """Raise if `data` has no edge attribute of such a name, or if it cannot be cut."""
    from wis.graph import edge_stores
    from wis.graph.parts import check_lengths

    stores = edge_stores(data) if names else []
    check_lengths(data, to_be_cut=True, edge_attrs=names)
    for name in names:
        if not any(name in store for store in stores):
            raise OptionError(f"--edge-attr {name}: the graph has no edge attribute of that name")
