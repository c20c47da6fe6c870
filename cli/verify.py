"""`wis verify`: is a saved order one that the greedy rule could have made?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from wis.errors import NotGreedyError

from .framework import Command, json_option, plugin_option
from .graphs import GraphSource, graph_argument
from .options import describe_options, partitions_option
from .output import emit_json, say


@click.command(
    cls=Command,
    examples=["wis order karate -o karate.order.npz", "wis verify karate karate.order.npz"],
)
@graph_argument
@click.argument("order_file", metavar="ORDER", type=click.Path(path_type=Path))
@plugin_option
@partitions_option
@click.option("--all-steps", is_flag=True, help="Check every step, however long that takes.")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Check N steps of a long order, drawn at random.  [default: 32]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    metavar="S",
    show_default=True,
    help="Seed of the sample of steps.",
)
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

    At every step it must take an edge that its method ranks first among those that remain; any way
    to break ties is right. All steps of 1-WIS are checked. For longer walks, arcs and gwis a long
    order is checked at a sample of its steps; --all-steps checks every one, --sample N so many.

    In batches an edge is compared by the graph at the beginning of its batch. With an epsilon each
    step must keep to the relaxed rule, and the order must be the one of its seed. An order with
    protections is computed again instead and must be the same. The line says what was checked and
    what is not covered.

    Exit code 0 if the order is right; 1 if it is not, with the first step that is wrong. Whether it
    is an order of edges or of arcs it says itself.
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
    if verified is not None and verified.recomputed:
        method += f" with {order.provenance.protections.describe(order.noun)}"
    if order.provenance.directed:
        method += " of arcs"
    line = f"{order_file}: {verified} for {method}; {seconds:.2f} s"
    say(f"{line}. {verified.limits}" if verified is not None and verified.limits else line)
