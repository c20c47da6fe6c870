"""`wis order` ranks the edges of a graph and saves the order; `wis verify` checks a saved order."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from wis.errors import GraphFileError, NotGreedyError, OutputExistsError, counted

from .framework import Command, json_option, option, plugin_option, with_options
from .graphs import GraphSource, directed_option, graph_argument, graph_of
from .options import (
    MethodChoice,
    ProtectionChoice,
    describe_options,
    describe_protections,
    method_options,
    partitions_option,
    protection_options,
    provenance_record,
)
from .output import emit_json, force_option, order_target, say


@click.command(
    cls=Command,
    examples=[
        "wis order karate -o karate.order.npz",
        "wis sparsify karate --order karate.order.npz --remove 80%",
        "wis order friends.csv --directed -o friends-arcs.order.npz",
        "wis order karate --walk-length 2 -o karate-2.order.npz --resume",
    ],
)
@option("--count N>=0 = (all)", "Rank only the first N edges, which takes less time.")
@directed_option
@method_options
@protection_options
@with_options(
    {
        "-o, --output FILE": (
            "File to write; the ending .npz is added if it is missing.",
            {"required": True},
        ),
        "--resume": "Go on from the checkpoint of an order that was interrupted, if there is one.",
    }
)
@graph_argument
@force_option
@json_option
def order(
    source: GraphSource,
    choice: MethodChoice,
    protection: ProtectionChoice,
    count: int | None,
    output: Path,
    directed: bool,
    resume: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Rank the edges of GRAPH and save the order.

    The order lists all edges, or all that can be removed; the edge to remove first stands first.
    Ranking takes the time, and cutting is quick: `wis sparsify GRAPH --order FILE --remove 50%`
    cuts the saved order at any level, and the results are nested. With --directed the order lists
    arcs.

    Orders by longer walks, gwis and ugs can take hours. Every minute (ugs: after each round) the
    edges ranked so far are written to OUTPUT.checkpoint, which is deleted once the order is saved.
    After an interruption the same command with --resume goes on from there, to the same order.
    """
    source.check()
    target = order_target(output, force=force) or output
    checkpoint = _checkpoint_of(target, resume=resume, force=force)
    choice.checked()
    protection.check(source.name)
    file = source.open()
    protections = protection.arguments(file, directed=directed)
    from wis.order import RemovalOrder

    start = time.perf_counter()
    graph = graph_of(file, directed=directed)
    with _telling_how_to_go_on(checkpoint):
        made = choice.made(
            graph, file, count=count, protections=protections, checkpoint=checkpoint, resume=resume
        )
        ranked = RemovalOrder.of(*made)
        seconds = time.perf_counter() - start
        written = ranked.save(target, force=force)
    checkpoint.unlink(missing_ok=True)
    provenance = ranked.provenance
    say(
        f"{source.name}: ranked {len(ranked)} of {counted(ranked.num_edges, ranked.noun)} "
        f"by {provenance.method}{describe_protections(provenance)} in {seconds:.2f} s -> {written}"
    )
    if as_json:
        emit_json(
            {
                "input": source.name,
                "output": str(written),
                "num_nodes": ranked.num_nodes,
                "num_edges": ranked.num_edges,
                "num_ranked": len(ranked),
                **provenance_record(provenance),
                "seconds": round(seconds, 6),
            }
        )


def _checkpoint_of(target: Path, *, resume: bool, force: bool) -> Path:
    """The checkpoint beside an order; `OutputExistsError` if one is there and nothing says why."""
    path = target.with_name(f"{target.name}.checkpoint")
    if resume:
        say(f"{path}: {'goes on from there' if path.exists() else 'none yet, starts afresh'}")
    elif force:
        path.unlink(missing_ok=True)
    elif path.exists():
        raise OutputExistsError(
            f"{path} is of an order that was interrupted: pass --resume to go on from there, or "
            f"--force to start afresh"
        )
    return path


@contextlib.contextmanager
def _telling_how_to_go_on(checkpoint: Path) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GraphFileError):
        if checkpoint.exists():
            say(f"{checkpoint}: the same command with --resume goes on from there")
        raise


@click.command(
    cls=Command,
    examples=["wis order karate -o karate.order.npz", "wis verify karate karate.order.npz"],
)
@graph_argument
@click.argument("order_file", metavar="ORDER", type=click.Path(path_type=Path))
@plugin_option
@partitions_option
@option("--all-steps", "Check every step, however long that takes.")
@option("--sample N>=1 = (32)", "Check N steps of a long order, drawn at random.")
@option("--seed S>=0 = 0", "Seed of the sample of steps.")
@json_option
def verify(
    source: GraphSource,
    order_file: Path,
    partitions: str | None,
    all_steps: bool,
    sample: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Check that a saved order is a greedy one.

    At every step the order must take an edge that its method ranks first among the edges that
    remain; ties may be broken in any way. For 1-WIS all steps are checked. For longer walks, for
    arcs and for gwis a long order is checked at a sample of its steps: N of them with --sample N,
    all with --all-steps.

    In an order made in batches, an edge is compared by the graph at the beginning of its batch.
    With an epsilon each step must obey the relaxed rule, and the order must be the one of its seed.
    An order with protections is checked among the edges that may go at each step; that of a method
    without a rule is computed again and must be the same. The result names the steps that were
    checked and what the check does not cover.

    The exit code is 0 if the order is right, and 1 if it is not; then the message names the first
    wrong step. The order file states whether it lists edges or arcs.
    """
    if all_steps and sample is not None:
        raise click.UsageError("--all-steps and --sample exclude each other; give one of them.")
    source.check()
    from wis.order import RemovalOrder
    from wis.order.verify import Verified, verify_order

    order = RemovalOrder.load(order_file)
    data = source.open().data
    start = time.perf_counter()
    failure: NotGreedyError | None = None
    verified: Verified | None = None
    try:
        options: dict[str, Any] = {} if partitions is None else {"partitions": partitions}
        verified = verify_order(
            data, order, all_steps=all_steps, sample=sample, seed=seed, **options
        )
    except NotGreedyError as error:
        failure = error
    seconds = time.perf_counter() - start
    if as_json:
        emit_json(
            {
                "greedy": failure is None,
                "check": verified and verified.check,
                "rule": verified and verified.rule,
                "num_steps": len(order),
                "num_checked": verified and verified.num_checked,
                "sample_seed": verified and verified.seed,
                "not_covered": verified and list(verified.not_covered),
                "certifies_nothing": verified and (verified.certifies_nothing or None),
                "num_edges": order.num_edges,
                "method": order.provenance.method,
                "options": dict(order.provenance.options),
                "first_bad_step": failure and failure.step,
                "directed": order.provenance.directed,
                "first_bad_edge": failure and failure.edge,
                "seconds": round(seconds, 6),
            }
        )
    if failure is not None:
        raise failure
    method = order.provenance.method
    if order.provenance.options:
        method += f" ({describe_options(order.provenance.options)})"
    if verified is not None and order.provenance.protections:
        method += f" with {order.provenance.protections.describe(order.noun)}"
    if order.provenance.directed:
        method += " of arcs"
    line = f"{order_file}: {verified} for {method}; {seconds:.2f} s"
    say(f"{line}. {verified.limits}" if verified is not None and verified.limits else line)
