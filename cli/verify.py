"""`wis verify`: is a saved order one that the greedy rule could have made?"""

from __future__ import annotations

import time
from pathlib import Path

import click

from wis.errors import NotGreedyError

from .framework import Command
from .graphs import GraphSource, graph_argument
from .listings import json_option
from .options import describe_options
from .output import emit_json, say


@click.command(
    cls=Command,
    examples=["wis order karate -o karate.order.npz", "wis verify karate karate.order.npz"],
)
@graph_argument
@click.argument("order_file", metavar="ORDER", type=click.Path(path_type=Path))
@json_option
def verify(source: GraphSource, order_file: Path, as_json: bool) -> None:
    """Check that a saved order is a greedy one.

    At every step it must take an edge that its method ranks first among those that remain. An order
    with protections is computed again instead and must be the same. Exit code 0 if it is; 1 if it
    is not, with the first step that differs.
    """
    source.check()
    from wis.order import RemovalOrder
    from wis.verify import verify_order

    order = RemovalOrder.load(order_file)
    data = source.open().data
    start = time.perf_counter()
    failure: NotGreedyError | None = None
    try:
        check: str | None = verify_order(data, order)
    except NotGreedyError as error:
        failure, check = error, None
    seconds = time.perf_counter() - start
    if as_json:
        emit_json(
            {
                "greedy": failure is None,
                "check": check,
                "num_steps": len(order),
                "num_edges": order.num_edges,
                "method": order.provenance.method,
                "options": dict(order.provenance.options),
                "first_bad_step": failure and failure.step,
                "first_bad_edge": failure and failure.edge,
                "seconds": round(seconds, 6),
            }
        )
    if failure is not None:
        raise failure
    method = f"{order.provenance.method} ({describe_options(order.provenance.options)})"
    verdict = f"greedy for {method}"
    if check == "recomputation":
        protected = order.provenance.protections.describe()
        verdict = f"those of {method} with {protected}, computed again"
    say(f"{order_file}: all {len(order)} steps are {verdict}; {seconds:.2f} s")
