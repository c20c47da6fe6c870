"""How long a whole 1-WIS order takes, how much memory, and how both grow.

    python benchmarks/bench_order.py table --native ./native_one_wis
    python benchmarks/bench_order.py scaling --native ./native_one_wis -o scaling.png
    python benchmarks/bench_order.py large --graph rmat-22
    python benchmarks/bench_order.py shapes
    python benchmarks/bench_order.py protect --graphs cora,squirrel,rmat-17 --repeats 3

Ratios are to a sequential native program, run in the same session on the same graph; give its path
with `--native`. Without it the column stays empty. Everything runs in this process on canonical
edges; reading a graph is not part of any figure.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import PeakMemory, Timing, Yardstick, load_graph, timed

import wis
from wis.base.progress import progress_bar, silent
from wis.methods import get_method
from wis.methods.guard import Guard

Shape = tuple[int, tuple[np.ndarray, np.ndarray]]
TABLE = "cora,chameleon,ba-160k,squirrel,rmat-14,tolokers,rmat-17,rmat-18"


PROTECTIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "fifth": {"edge_ids": 5},
    "degree": {"min_degree": 2},
    "connected": {"keep_connected": True},
}


def order(
    graph: wis.UndirectedGraph, engine: str, protections: str = "none"
) -> Callable[[], object]:
    """One whole order by the method itself, degrees included."""
    method = get_method("wis")
    options = method.resolved_options(graph, {"engine": engine})

    def run() -> object:
        graph.__dict__.pop("degree", None)  # computed once for a graph; part of the work here
        given = dict(PROTECTIONS[protections])
        if "edge_ids" in given:
            given["edge_ids"] = range(0, graph.num_edges, given["edge_ids"])
        guard = Guard(graph, **given) if given else None
        return method.order(
            graph, count=graph.num_edges, seed=0, progress=silent, guard=guard, **options
        )

    return run


def protect(args: argparse.Namespace) -> None:
    """Print CPU seconds of orders with protections, and their ratios to those without."""
    for name in args.graphs.split(","):
        graph = load_graph(name, args.data_root)
        seconds: dict[str, list[float]] = {kind: [] for kind in PROTECTIONS}
        for _ in range(args.repeats):
            for kind, times in seconds.items():
                action, start = order(graph, args.engines, kind), time.process_time()
                action()
                times.append(time.process_time() - start)
        plain = np.median(seconds["none"])
        shown = (
            f"{k} {np.median(s):.2f} s ({np.median(s) / plain:.2f})" for k, s in seconds.items()
        )
        print(f"{name:12} {graph.num_edges:9} {'  '.join(shown)}", flush=True)


def table(args: argparse.Namespace) -> None:
    """Print one row for each graph and engine."""
    native = Yardstick(args.native) if args.native else None
    print(
        f"{'graph':12} {'m':>9} {'engine':7} {'seconds (range)':>24} {'native':>8} {'ratio':>6} ",
        end="",
    )
    print(f"{'B/edge':>7} {'verify s':>9}")
    for name in args.graphs.split(","):
        graph = load_graph(name, args.data_root)
        for engine in args.engines.split(","):
            row = measure(name, graph, engine, native, args.repeats)
            show(row)
            if args.json:
                with Path(args.json).open("a") as file:
                    file.write(json.dumps(row) + "\n")


def measure(
    name: str,
    graph: wis.UndirectedGraph,
    engine: str,
    native: Yardstick | None,
    repeats: int,
) -> dict[str, object]:
    """Time, memory and certificate of one engine on one graph."""
    action = order(graph, engine)
    timing = timed(action, repeats)
    with PeakMemory() as peak:
        action()
    whole = wis.removal_order(graph, engine=engine, progress=False)
    start = time.perf_counter()
    wis.verify_order(graph, whole)
    verify_s = time.perf_counter() - start
    native_s = native.seconds(graph) if native else None
    return {
        "graph": name,
        "num_edges": graph.num_edges,
        "engine": engine,
        "median_s": timing.median_s,
        "low_s": timing.low_s,
        "high_s": timing.high_s,
        "native_s": native_s,
        "bytes_per_edge": peak.bytes / graph.num_edges,
        "verify_s": verify_s,
    }


def show(row: dict[str, object]) -> None:
    """Print a row of the table."""
    timing = Timing(row["median_s"], row["low_s"], row["high_s"])  # type: ignore[arg-type]
    native_s = row["native_s"]
    ratio = f"{timing.median_s / native_s:.2f}" if isinstance(native_s, float) else ""
    shown = f"{native_s:.4f}" if isinstance(native_s, float) else ""
    print(
        f"{row['graph']:12} {row['num_edges']:9} {row['engine']:7} {timing!s:>24} {shown:>8} "
        f"{ratio:>6} {row['bytes_per_edge']:7.0f} {row['verify_s']:9.2f}",
        flush=True,
    )


FAMILIES = {
    "R-MAT": [
        (10_000, "rmat:scale=11,edges=12500,seed=0"),
        (30_000, "rmat:scale=12,edges=36000,seed=0"),
        (100_000, "rmat:scale=14,edges=112000,seed=0"),
        (300_000, "rmat:scale=15,edges=340000,seed=0"),
        (1_000_000, "rmat:scale=17,edges=1090000,seed=0"),
        (3_000_000, "rmat:scale=18,edges=3300000,seed=0"),
        (10_000_000, "rmat:scale=20,edges=10600000,seed=0"),
    ],
    "Barabási–Albert": [
        (size, f"barabasi-albert:n={size // 8},degree=8,seed=0")
        for size in (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
    ],
}


def scaling(args: argparse.Namespace) -> None:
    """Time against the number of edges, with fitted exponents, as a table and a picture."""
    native = Yardstick(args.native) if args.native else None
    curves: dict[str, list[tuple[int, float]]] = {}
    for family, graphs in FAMILIES.items():
        for size, spec in graphs:
            if size > args.largest:
                continue
            graph = load_graph(spec, None)
            seconds = timed(order(graph, "auto"), 3 if size < 2_000_000 else 1).median_s
            curves.setdefault(f"{family}, wis", []).append((graph.num_edges, seconds))
            line = f"{family:16} {graph.num_edges:9} {seconds:9.4f} s"
            if native and graph.num_edges < 2**24:
                native_s = native.seconds(graph)
                curves.setdefault(f"{family}, native", []).append((graph.num_edges, native_s))
                line += f"  native {native_s:9.4f} s  ratio {seconds / native_s:5.2f}"
            print(line, flush=True)
    for label, points in curves.items():
        print(f"{label}: time ~ m^{exponent(points):.2f}")
    draw(curves, args.output)


def exponent(points: list[tuple[int, float]]) -> float:
    """Slope of the least-squares line through the logarithms, from 10^5 edges on."""
    large = [point for point in points if point[0] >= 90_000]
    m, seconds = np.log(np.array(large if len(large) > 1 else points)).T
    return float(np.polyfit(m, seconds, 1)[0])


def draw(curves: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """Draw the curves on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for label, points in curves.items():
        m, seconds = np.array(points).T
        family, program = label.split(", ")
        axes.loglog(
            m,
            seconds,
            color="tab:blue" if family == "R-MAT" else "tab:orange",
            linestyle="-" if program == "wis" else "--",
            marker="o" if program == "wis" else "x",
            label=f"{label}: $m^{{{exponent(points):.2f}}}$",
        )
    axes.set(
        xlabel="edges m", ylabel="seconds, whole order", title="Exact 1-WIS: time against size"
    )
    axes.grid(True, which="major", alpha=0.3)
    axes.legend(title="exponents fitted from $10^5$ edges on")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    print(path)


def shapes(args: argparse.Namespace) -> None:
    """CPU time for each edge of graphs of extreme shapes, and its ratio to that of rmat-17."""
    yardstick = 0.0
    for name in ("rmat-17", *SHAPES):
        if name in SHAPES:
            num_nodes, pairs = SHAPES[name]()
            graph = wis.UndirectedGraph.from_any(torch.from_numpy(np.stack(pairs)), num_nodes)
        else:
            graph = load_graph(name, args.data_root)
        start = time.process_time()
        order(graph, "auto")()
        per_edge = (time.process_time() - start) / graph.num_edges
        yardstick = yardstick or per_edge
        print(
            f"{name:30} {graph.num_edges:9} edges {per_edge * 1e6:7.2f} us for each edge, "
            f"{per_edge / yardstick:5.2f} x rmat-17",
            flush=True,
        )


def _grid(side: int) -> Shape:
    place = np.arange(side * side).reshape(side, side)
    right, down = (place[:, :-1], place[:, 1:]), (place[:-1], place[1:])
    u, v = (np.concatenate([a.ravel(), b.ravel()]) for a, b in zip(right, down, strict=True))
    return side * side, (u, v)


def _bipartite(left: int, right: int) -> Shape:
    u, v = np.divmod(np.arange(left * right), right)
    return left + right, (u, left + v)


def _path(length: int) -> Shape:
    return length + 1, (np.arange(length), np.arange(1, length + 1))


def _clique(size: int) -> Shape:
    u, v = np.triu_indices(size, k=1)
    return size, (u, v)


SHAPES: dict[str, Callable[[], Shape]] = {
    "grid, 700 x 700": lambda: _grid(700),
    "path": lambda: _path(1_000_000),
    "star": lambda: _bipartite(1, 1_000_000),
    "complete bipartite, 10 x 100k": lambda: _bipartite(10, 100_000),
    "complete bipartite, 1k x 1k": lambda: _bipartite(1_000, 1_000),
    "clique, 3,000": lambda: _clique(3_000),
}


def large(args: argparse.Namespace) -> None:
    """One whole order of a very large graph: seconds, CPU seconds and peak memory."""
    graph = load_graph(args.graph, args.data_root)
    print(f"{args.graph}: {graph.num_nodes} vertices, {graph.num_edges} edges", flush=True)
    method = get_method("wis")
    options = method.resolved_options(graph, {})
    start, cpu = time.perf_counter(), time.process_time()
    with PeakMemory() as peak, progress_bar("order", graph.num_edges, show=args.bar) as report:
        method.order(graph, count=graph.num_edges, seed=0, progress=report, **options)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"{seconds:.0f} s, {cpu:.0f} CPU s; peak {peak.bytes / 2**30:.2f} GiB above the canonical "
        f"edges ({graph.edges.nbytes / 2**30:.2f} GiB), "
        f"{peak.bytes / graph.num_edges:.0f} bytes for each edge"
    )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("table", "scaling", "large", "shapes", "protect"))
    parser.add_argument("--native", type=Path, help="path of the native yardstick program")
    parser.add_argument("--graphs", default=TABLE, help="names or generator specs, comma-separated")
    parser.add_argument("--engines", default="bitset")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data-root", default=os.environ.get("WIS_DATA_ROOT"))
    parser.add_argument("--json", help="append rows to this file")
    parser.add_argument("--largest", type=int, default=10_000_000, help="scaling: most edges")
    parser.add_argument("--graph", default="rmat-22", help="large: which graph")
    parser.add_argument("--bar", action="store_true", help="large: show progress")
    parser.add_argument("-o", "--output", type=Path, default=Path("scaling.png"))
    args = parser.parse_args()
    actions = {"table": table, "scaling": scaling, "large": large, "shapes": shapes}
    {**actions, "protect": protect}[args.what](args)


if __name__ == "__main__":
    sys.exit(main())
