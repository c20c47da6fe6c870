"""How long (L-1)-WIS takes for walks of length 2 and more, and how its orders differ.

    python benchmarks/bench_walk_index.py table
    python benchmarks/bench_walk_index.py table --rows squirrel:3:100,tolokers:3:100,squirrel:3:1
    python benchmarks/bench_walk_index.py dense [--device cuda]
    python benchmarks/bench_walk_index.py overlap --graphs cora,chameleon

A row is graph:depth:batch_size[:engine]; depth L means walks of length L - 1. The peer is Algorithm
1 to the letter with a dense matrix power for each edge, timed in the same run on a few edges and
multiplied by the edges that it would look at for the whole order: what it would take, not what it
took. Everything runs on canonical edges in this process.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from itertools import combinations

import numpy as np
import torch
from common import PeakMemory, Timing, load_graph, timed

import wis
from wis.base.progress import progress_bar
from wis.methods import get_method

ROWS = "cora:3:1,cora:3:100,cora:4:1,cora:5:1,chameleon:3:1,chameleon:3:100,ba-160k:3:1,rmat-14:3:1"
REPEAT_BELOW_S = 10.0
LITERAL_BELOW = 6000  # vertices; its matrix power takes minutes beyond


def whole_order(
    graph: wis.UndirectedGraph, depth: int, batch_size: int, engine: str, bar: bool
) -> torch.Tensor:
    """Edge ids of one whole order."""
    method = get_method("wis")
    given = {"walk_length": depth - 1, "batch_size": batch_size, "engine": engine}
    options = method.resolved_options(graph, given)
    with progress_bar("order", graph.num_edges, show=bar) as report:
        return method.order(graph, count=graph.num_edges, seed=0, progress=report, **options)


def table(args: argparse.Namespace) -> None:
    """Print a row for each graph, depth, batch size and engine."""
    print(f"{'graph':12} {'m':>8} {'L':>2} {'B':>4} {'engine':7} {'seconds (range)':>24} ", end="")
    print(f"{'edges/s':>9} {'literal':>12}")
    for row in args.rows.split(","):
        name, depth, batch_size, *engine = row.split(":")
        graph = load_graph(name, args.data_root)
        choice = engine[0] if engine else "local"
        timing = measured(graph, int(depth), int(batch_size), choice, args)
        literal = ""
        if graph.num_nodes <= LITERAL_BELOW:
            literal = f"{literal_hours(graph, int(depth), int(batch_size)):.3g} h"
        print(
            f"{name:12} {graph.num_edges:8} {depth:>2} {batch_size:>4} {choice:7} {timing!s:>24} "
            f"{graph.num_edges / timing.median_s:9.0f} {literal:>12}",
            flush=True,
        )


def measured(
    graph: wis.UndirectedGraph, depth: int, batch_size: int, engine: str, args: argparse.Namespace
) -> Timing:
    """Seconds for the whole order: several times if it is short."""

    def run() -> object:
        graph.__dict__.pop("degree", None)
        return whole_order(graph, depth, batch_size, engine, args.bar)

    start = time.perf_counter()
    run()
    once = time.perf_counter() - start
    return timed(run, args.repeats) if once < REPEAT_BELOW_S else Timing(once, once, once)


def literal_hours(graph: wis.UndirectedGraph, depth: int, batch_size: int) -> float:
    """What Algorithm 1 to the letter would take, from a few of its candidate edges."""
    n, m = graph.num_nodes, graph.num_edges
    matrix = np.eye(n, dtype=np.float64)
    matrix[graph.edges[0], graph.edges[1]] = matrix[graph.edges[1], graph.edges[0]] = 1
    looks, start = 0, time.perf_counter()
    while looks < 2 or time.perf_counter() - start < 1:
        u, v = graph.edges[:, looks % m].tolist()
        matrix[u, v] = matrix[v, u] = 0
        np.sort(np.diag(np.linalg.matrix_power(matrix, depth)))
        matrix[u, v] = matrix[v, u] = 1
        looks += 1
    per_look = (time.perf_counter() - start) / looks
    rounds = -(-m // batch_size)
    return per_look * sum(m - batch_size * k for k in range(rounds)) / 3600


def dense(args: argparse.Namespace) -> None:
    """One round of the dense engine over all edges: seconds and memory for each depth."""
    graph = load_graph(args.graph, args.data_root).to(args.device)
    method = get_method("wis")
    for depth in (3, 4, 5):
        options = method.resolved_options(graph, {"walk_length": depth - 1, "engine": "dense"})

        def run(options: dict[str, object] = options) -> object:
            found = method.order(graph, count=1, seed=0, progress=lambda done: None, **options)
            return found.cpu()

        timing = timed(run, args.repeats)
        if args.device == "cpu":
            with PeakMemory() as peak:
                run()
            used = peak.bytes
        else:
            torch.cuda.reset_peak_memory_stats()
            run()
            used = torch.cuda.max_memory_allocated()
        print(
            f"{args.graph}, L = {depth}, {args.device}: {timing} s, peak {used / 2**30:.2f} GiB",
            flush=True,
        )


def overlap(args: argparse.Namespace) -> None:
    """Share of removed edges that two orders have in common, at several percentages."""
    kinds = {"1-WIS": (2, 1), "2-WIS": (3, 1), "2-WIS, B = 100": (3, 100)}
    for name in args.graphs.split(","):
        graph = load_graph(name, args.data_root)
        orders = {
            kind: whole_order(graph, depth, batch, "auto", args.bar).numpy()
            for kind, (depth, batch) in kinds.items()
        }
        for first, second in combinations(orders, 2):
            shares = []
            for percent in (25, 50, 75):
                count = round(graph.num_edges * percent / 100)
                both = np.intersect1d(orders[first][:count], orders[second][:count]).size
                shares.append(f"{percent} %: {both / count:.3f}")
            print(f"{name}: {first} and {second}: {', '.join(shares)}", flush=True)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("table", "dense", "overlap"))
    parser.add_argument("--rows", default=ROWS, help="table: graph:depth:batch_size[:engine], ...")
    parser.add_argument("--graph", default="cora", help="dense: which graph")
    parser.add_argument("--device", default="cpu", help="dense: where")
    parser.add_argument("--graphs", default="cora,chameleon", help="overlap: which graphs")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data-root", default=os.environ.get("WIS_DATA_ROOT"))
    parser.add_argument("--bar", action="store_true", help="show progress")
    args = parser.parse_args()
    {"table": table, "dense": dense, "overlap": overlap}[args.what](args)


if __name__ == "__main__":
    sys.exit(main())
