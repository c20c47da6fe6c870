"""Relaxed 1-WIS: how fast, how large, and what the relaxation costs.

    python benchmarks/bench_scale.py memory
    python benchmarks/bench_scale.py memory --graphs rmat-22 --epsilons 0.1 --amounts 50% --once
    python benchmarks/bench_scale.py stream --graph rmat-22 --folder /tmp/wis-scale
    python benchmarks/bench_scale.py accuracy -o benchmarks/figures/relaxed.png
    python benchmarks/bench_scale.py training

CPU seconds (of all threads and processes) stand beside those of the clock, since other programs may
share the machine; memory is the peak of resident memory, its files mapped into memory included.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from common import PeakMemory, load_graph

import wis
from wis.base.checks import num_edges_to_remove
from wis.base.progress import silent
from wis.methods import get_method

ACCURACY = "cora,chameleon,squirrel,tolokers,rmat-14,rmat-17"
EPSILONS = "0,0.05,0.1,0.25,0.5,1"
LEVELS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Cost:
    """What a call took."""

    seconds: float
    cpu_s: float
    peak_bytes: int

    def __str__(self) -> str:
        peak_gib = self.peak_bytes / 2**30
        return f"{self.seconds:8.2f} s  {self.cpu_s:8.2f} CPU s  peak {peak_gib:6.2f} GiB"


def cost_of(action: Callable[[], object]) -> Cost:
    """Time and memory of a call in this process and its children."""
    before, start = _cpu_s(), time.perf_counter()
    with PeakMemory() as peak:
        action()
    return Cost(time.perf_counter() - start, _cpu_s() - before, peak.bytes)


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def order_of(graph: wis.UndirectedGraph, count: int, **options: object) -> torch.Tensor:
    """Edge ids by the method itself, degrees included."""
    method = get_method("wis")
    graph.__dict__.pop("degree", None)
    resolved = method.resolved_options(graph, options)
    return method.order(graph, count=count, seed=0, progress=silent, **resolved)


def memory(args: argparse.Namespace) -> None:
    """Orders in memory, relaxed and exact, in turn; the median of CPU seconds and their ratio."""
    for name in args.graphs.split(","):
        graph = load_graph(name, args.data_root)
        print(f"{name}: {graph.num_nodes} vertices, {graph.num_edges} edges", flush=True)
        for amount in args.amounts.split(","):
            count = num_edges_to_remove(graph.num_edges, remove=amount)
            epsilons = [float(text) for text in args.epsilons.split(",")]
            costs: dict[float, list[Cost]] = {epsilon: [] for epsilon in epsilons}
            for _ in range(1 if args.once else args.repeats):
                for epsilon in epsilons:
                    costs[epsilon].append(
                        cost_of(lambda: order_of(graph, count, epsilon=epsilon))  # noqa: B023
                    )
            for epsilon, found in costs.items():
                middle = sorted(found, key=lambda cost: cost.cpu_s)[len(found) // 2]
                ratio = ""
                if 0.0 in costs and epsilon:
                    exact = sorted(cost.cpu_s for cost in costs[0.0])[len(found) // 2]
                    ratio = f"  exact / relaxed {exact / middle.cpu_s:.2f}"
                print(f"  {amount:>5} epsilon {epsilon:<5} {middle}{ratio}", flush=True)


def write_folder(name: str, folder: Path, data_root: str | None, num_files: int = 16) -> Path:
    """A graph as a folder of Parquet files, a row for each edge, the larger end first now and then.

    Rows are in the order of their smaller end, as exports of databases are; a column rides along.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = folder / f"{name.replace(':', '-')}"
    if target.exists():
        return target
    graph = load_graph(name, data_root)
    target.mkdir(parents=True)
    parts = np.array_split(np.arange(graph.num_edges), num_files)
    for number, part in enumerate(parts):
        u, v = graph.edges[:, part[0] : part[-1] + 1].numpy()
        turned = part % 3 == 0
        table = pa.table(
            {
                "source": np.where(turned, v, u).astype(np.uint32),
                "target": np.where(turned, u, v).astype(np.uint32),
                "weight": (part % 97).astype(np.float32),
            }
        )
        pq.write_table(table, target / f"part-{number:03d}.parquet")
    (target / "_graph.json").write_text(json.dumps([graph.num_nodes, graph.num_edges]))
    return target


def stream(args: argparse.Namespace) -> None:
    """A folder streamed from disk."""
    from wis.scale import sparsify_files

    source = Path(args.source or write_folder(args.graph, args.folder, args.data_root))
    if args.only_write:
        return
    output = args.folder / "output"
    results = []
    cost = cost_of(
        lambda: results.append(
            sparsify_files(
                source, output, remove="50%", epsilon=0.1, block=args.block, progress=args.bar
            )
        )
    )
    print(f"{source}: {results[0]}\n  {cost}", flush=True)
    shutil.rmtree(output)


def accuracy(args: argparse.Namespace) -> None:
    """Shares of common removed edges and mean log walk indices, as a table and a picture."""
    rows = []
    epsilons = [float(text) for text in args.epsilons.split(",")]
    for name in args.graphs.split(","):
        graph = load_graph(name, args.data_root)
        exact = order_of(graph, graph.num_edges)
        chance = get_method("random").order(graph, count=graph.num_edges, seed=0, progress=silent)
        for label, order in [
            *((e, order_of(graph, graph.num_edges, epsilon=e)) for e in epsilons),
            ("random", chance),
        ]:
            rows.append((name, label, [_compared(graph, exact, order, f) for f in LEVELS]))
            shares = "  ".join(f"{common:.3f} {kept:.4f}" for common, kept in rows[-1][2])
            print(f"{name:10} {label!s:>6}  {shares}", flush=True)
    draw(rows, args.output)


def _compared(
    graph: wis.UndirectedGraph, exact: torch.Tensor, order: torch.Tensor, fraction: float
) -> tuple[float, float]:
    """Share of common removed edges, and mean over vertices of log(degree + 1) afterwards."""
    count = round(fraction * graph.num_edges)
    gone = torch.zeros(graph.num_edges, dtype=torch.bool)
    gone[exact[:count]] = True
    common = int(gone[order[:count]].sum()) / max(count, 1)
    gone[:] = False
    gone[order[:count]] = True
    degree = torch.bincount(graph.edges[:, ~gone].reshape(-1), minlength=graph.num_nodes)
    return common, float(degree.double().log1p().mean())


def draw(rows: list[tuple[str, object, list[tuple[float, float]]]], path: Path) -> None:
    """What is kept beyond what chance keeps, relative to the exact rule, at half."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in dict.fromkeys(row[0] for row in rows):
        of = {label: values[1] for row_name, label, values in rows if row_name == name}
        epsilons = [label for label in of if label != "random"]
        exact, chance = of[epsilons[0]][1], of["random"][1]
        places = range(len(epsilons))
        left.plot(places, [of[e][0] for e in epsilons], marker="o", label=name)
        right.plot(
            places,
            [100 * (of[e][1] - chance) / (exact - chance) for e in epsilons],
            marker="o",
            label=name,
        )
        for axes in (left, right):
            axes.set_xticks(list(places), [f"{e:g}" for e in epsilons])
    left.set(xlabel="ε", ylabel="share of common removed edges", title="Half removed, as exact")
    right.set(
        xlabel="ε",
        ylabel="% of the exact rule's gain over chance",
        title="Half removed, mean log walk index kept",
    )
    for axes in (left, right):
        axes.grid(True, alpha=0.3)
    right.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    print(path)


def training(args: argparse.Namespace) -> None:
    """Accuracy of GCN on Cora after exact and relaxed sparsification, over seeds."""
    from wis import datasets
    from wis.training import split_vertices, thesis_config, train

    data = datasets.load("cora", root=args.data_root)
    for epsilon in (0.0, 0.1):
        order = wis.removal_order(data, epsilon=epsilon, progress=False)
        for level in LEVELS:
            sparse = order.apply(data, remove=level)
            found = [
                train(
                    split_vertices(sparse, seed=seed),
                    replace(thesis_config("gcn", "cora"), seed=seed),
                    progress=False,
                ).test_accuracy
                for seed in range(args.seeds)
            ]
            mean = sum(found) / len(found)
            spread = math.sqrt(sum((a - mean) ** 2 for a in found) / max(len(found) - 1, 1))
            print(f"epsilon {epsilon}, {level:.0%} removed: {mean:.4f} ± {spread:.4f}", flush=True)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    jobs = {
        "memory": memory,
        "stream": stream,
        "accuracy": accuracy,
        "training": training,
    }
    parser.add_argument("what", choices=jobs)
    parser.add_argument("--graphs", help="names or generator specs, separated by commas")
    parser.add_argument("--graph", default="rmat-22", help="stream: which graph")
    parser.add_argument("--source", help="stream: a folder of edge files instead")
    parser.add_argument("--epsilons", default=None)
    parser.add_argument("--amounts", default="50%,100%")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--block", type=int, default=1 << 23)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("wis-scale"))
    parser.add_argument("--only-write", action="store_true", help="stream: write the folder only")
    parser.add_argument("--bar", action="store_true")
    parser.add_argument("--data-root", default=os.environ.get("WIS_DATA_ROOT"))
    parser.add_argument("-o", "--output", type=Path, default=Path("relaxed.png"))
    args = parser.parse_args()
    if args.graphs is None:
        args.graphs = ACCURACY if args.what == "accuracy" else "rmat-17"
    if args.epsilons is None:
        args.epsilons = EPSILONS if args.what == "accuracy" else "0,0.1,0.5"
    jobs[args.what](args)


if __name__ == "__main__":
    sys.exit(main())
