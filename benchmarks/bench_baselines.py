"""What the baselines by score cost, and how far projected effective resistances are off.

    python benchmarks/bench_baselines.py table
    python benchmarks/bench_baselines.py projection
    python benchmarks/bench_baselines.py solvers

`table`: seconds (wall and CPU time of one whole order, from canonical edges in memory) and peak
memory of each method, and of NetworKit's scores where it has the same and is installed, in the same
run. `projection`: relative error of the resistances, and how much of the first half of the order is
the exact one's, for several numbers of projections. `solvers`: CPU time of one block of Laplacian
systems, with plain conjugate gradients here, with scipy's, column by column, and with PyAMG.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common import PeakMemory, load_graph
from scipy.sparse.linalg import LinearOperator, cg

import wis
from wis.base.progress import silent
from wis.graph.laplacian import Core, Laplacian
from wis.graph.resistance import COLUMNS_AT_A_TIME, Solver, effective_resistances
from wis.methods import get_method
from wis.methods.baselines.ranking import lowest_first, tie_classes

METHODS = (
    "dspar,teddy,forman,local-degree,k-neighbor,jaccard,local-similarity,forest-fire,"
    "edge-betweenness,spectral,spectral-exact"
)


def clocked(action: Callable[[], Any]) -> tuple[Any, float, float]:
    """The result, wall seconds and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = action()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def order(graph: wis.UndirectedGraph, name: str) -> tuple[Any, dict[str, Any]]:
    """A whole order by a method, choice of the solver included, and its options."""
    graph.__dict__.pop("degree", None)  # computed once for a graph; part of the work here
    method = get_method(name)
    options = method.resolved_options(graph, {})
    ids, _ = method.ranked(graph, count=graph.num_edges, seed=0, progress=silent, **options)
    return ids, options


def networkit_peers(graph: wis.UndirectedGraph) -> dict[str, Callable[[], object]]:
    """NetworKit's scores by the name of our method; none if it is not installed."""
    try:
        import networkit
    except ImportError:
        return {}
    u, v = graph.edges.numpy()
    shape = (graph.num_nodes, graph.num_nodes)
    other = networkit.GraphFromCoo((np.ones(u.size), (u, v)), n=shape[0], directed=False)
    other.indexEdges()
    kit = networkit.sparsification
    return {
        "local-degree": lambda: kit.LocalDegreeSparsifier().scores(other),
        "jaccard": lambda: kit.JaccardSimilaritySparsifier().scores(other),
        "local-similarity": lambda: kit.LocalSimilaritySparsifier().scores(other),
        "forest-fire": lambda: kit.ForestFireSparsifier(0.6, 5.0).scores(other),
    }


def table(args: argparse.Namespace) -> None:
    """One row for each graph and method."""
    print(f"{'graph':10} {'m':>8} {'method':17} {'wall s':>8} {'CPU s':>8} {'MiB':>6} ", end="")
    print(f"{'NetworKit, CPU s':>17}  solver")
    for name in args.graphs.split(","):
        graph = load_graph(name, args.data_root)
        peers = networkit_peers(graph) if args.peers else {}
        for method in args.methods.split(","):
            with PeakMemory() as peak:
                (_, options), wall, cpu = clocked(lambda g=graph, m=method: order(g, m))
            peer = f"{clocked(peers[method])[2]:.3g}" if method in peers else ""
            print(
                f"{name:10} {graph.num_edges:8} {method:17} {wall:8.3g} {cpu:8.3g} "
                f"{peak.bytes / 2**20:6.0f} {peer:>17}  {options.get('solver', '')}",
                flush=True,
            )


def projection(args: argparse.Namespace) -> None:
    """Errors by the number of projections."""
    print(f"{'graph':10} {'k':>5} {'CPU s':>7} {'exact':>7} {'rms error':>9} {'worst':>7} ", end="")
    print(f"{'sum off by':>10} {'same half':>9}")
    for name in args.graphs.split(","):
        graph = load_graph(name, args.data_root)
        exact, _, exact_s = clocked(
            lambda g=graph: effective_resistances(g, solver=Solver("exact"))
        )
        half = graph.num_edges // 2
        first = set(lowest_first(tie_classes(exact.resistance), graph, half, 0).tolist())
        for number in (16, 64, 200, 800):
            solver = Solver("projection", num_projections=number)
            found, _, seconds = clocked(
                lambda g=graph, s=solver: effective_resistances(g, solver=s)
            )
            error = np.abs(found.leverage / exact.leverage - 1)
            estimated = lowest_first(tie_classes(found.resistance), graph, half, 0)
            same = len(first & set(estimated.tolist())) / half
            print(
                f"{name:10} {number:5} {seconds:7.2f} {exact_s:7.2f} "
                f"{np.sqrt((error**2).mean()):9.4f} {error.max():7.3f} {found.sum_error:10.1e} "
                f"{same:9.3f}",
                flush=True,
            )


def solvers(args: argparse.Namespace) -> None:
    """One block of right-hand sides of the largest component, by each solver."""
    tolerance = Solver("projection").tolerance
    for name in args.graphs.split(","):
        core = Core.of(load_graph(name, args.data_root))
        edges, ends = core.part(core.sizes.size - 1, core.sizes.size)
        size = int(core.sizes[-1])
        weight = np.ones(edges.stop - edges.start)
        laplacian = Laplacian.of(ends, weight, np.array([0, size]))
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(weight.size, COLUMNS_AT_A_TIME))
        right = np.zeros((size, COLUMNS_AT_A_TIME))
        np.add.at(right, ends[0], signs)
        np.add.at(right, ends[1], -signs)
        ways: dict[str, Callable[[], object]] = {
            "block": lambda a=laplacian, b=right: a.solve(b, a.jacobi, tolerance),
            "scipy": lambda a=laplacian, b=right: by_columns(a, b, tolerance),
        }
        if args.pyamg:
            ways["pyamg"] = lambda a=laplacian, b=right: a.solve(b, a.multigrid(), tolerance)
        for way, action in ways.items():
            print(f"{name:30} {size:8} {way:6} {clocked(action)[2]:8.3f} CPU s", flush=True)


def by_columns(laplacian: Laplacian, right: Any, tolerance: float) -> None:
    """Conjugate gradients of scipy with the same preconditioner."""
    degree = laplacian.degree
    jacobi = LinearOperator(laplacian.matrix.shape, matvec=lambda x: x / degree)
    for column in right.T:
        cg(laplacian.matrix, np.ascontiguousarray(column), rtol=tolerance, M=jacobi)


GRAPHS = {
    "table": "cora,chameleon,squirrel,rmat-17",
    "projection": "cora,chameleon,squirrel",
    "solvers": "cora,squirrel,rmat-17",
}


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=tuple(GRAPHS))
    parser.add_argument("--graphs", help="names or generator specs, comma-separated")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--peers", action="store_true", help="table: time NetworKit too")
    parser.add_argument("--pyamg", action="store_true", help="solvers: PyAMG too")
    parser.add_argument("--data-root", default=os.environ.get("WIS_DATA_ROOT"))
    args = parser.parse_args()
    args.graphs = args.graphs or GRAPHS[args.what]
    {"table": table, "projection": projection, "solvers": solvers}[args.what](args)


if __name__ == "__main__":
    sys.exit(main())
