"""Check every engine on a GPU against the CPU, and time it: one run of at most 8 minutes.

    python benchmarks/bench_gpu.py
    python benchmarks/bench_gpu.py --device cpu -o small.json
    python benchmarks/bench_gpu.py --sections dense,rounds --data-root DATA

It needs torch, PyTorch Geometric, numpy, scipy and networkx, and neither a network nor an
installed `wis`: the package comes from the working tree. Without `--data-root` (or
`WIS_DATA_ROOT`) a graph of Cora's size takes Cora's place.

Each section has its share of the time and catches its own faults; the JSON file is written after
each. A section has *checks* (the same result as on the CPU), *counts* (launches and waits, by
`launches.py`; on a CPU those of a pretended device) and *times*: medians by CUDA events, the same
on this machine's CPU, and two floors, bytes over the measured bandwidth and operations over the
measured peak. ``--device cpu`` runs all of it on small graphs, which says nothing about speed.
Exit code 1 if a check failed or a section broke off.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
try:
    import torch
    from gpu_rows import CORA_SMALL, TOLERANCE, Bench, OutOfTimeError, at_most, machine, table
    from launches import pretend
    from torch import Tensor

    from wis import UndirectedGraph, datasets
    from wis.base.arrays import single_threaded
    from wis.base.progress import silent
    from wis.measure.latency import Server
    from wis.methods import get_method
    from wis.methods.k_wis import dense_walks
    from wis.models import available_models, build_model
    from wis.training import TrainConfig, split_vertices
    from wis.training.engine import make_engine
    from wis.training.problem import make_problem
except ModuleNotFoundError as error:
    raise SystemExit(
        f"bench_gpu.py needs torch, torch_geometric, numpy, scipy and networkx; {error}"
    ) from None

SHARES = {
    "probe": 15, "rounds": 100, "relaxed": 100, "dense": 90, "training": 90, "spectral": 20,
    "serve": 30,
}  # fmt: skip
"""Most seconds of each section; 445 in all."""
CHECKED = (CORA_SMALL, "rmat:scale=8,edges=1500,seed=1")
AT_A_TIME = 6000
NO_DROPOUT = {"resgcn": {"dropout": 0.0}}
"""Options of networks that draw random numbers, which are others on each device."""
LARGE = {
    "rounds": ("rmat-14", "rmat-17", "rmat-20"),
    "relaxed": ("rmat-17", "rmat-18", "rmat-22"),
}
SMALL = {"rounds": CHECKED[1:], "relaxed": CHECKED[1:]}


def probe(bench: Bench) -> None:
    """Bandwidth by a copy, peak by a product of float64 matrices, and the cost of a launch."""
    size = 1 << (20 if bench.is_small else 27)
    source = torch.ones(size, dtype=torch.float64, device=bench.device)
    target = torch.empty_like(source)
    copy_s = bench.seconds(lambda: target.copy_(source), 9)["median_s"]
    side = 256 if bench.is_small else 8192
    square = torch.ones(side, side, dtype=torch.float64, device=bench.device)
    product_s = bench.seconds(lambda: square @ square, 5)["median_s"]
    tiny = source[:1]
    many_s = bench.seconds(lambda: [tiny.add_(1) for _ in range(1000)], 5)["median_s"]
    waits_s = bench.seconds(lambda: [tiny.item() for _ in range(100)], 5)["median_s"]
    bench.speed.update(
        bytes_per_s=16 * size / copy_s,
        operations_per_s=2 * side**3 / product_s,
        launch_s=many_s / 1000,
        wait_s=waits_s / 100,
    )
    bench.found["speed"] = bench.speed


def order(graph: UndirectedGraph, steps: list[int] | None = None, **given: Any) -> Tensor:
    """An order of ``wis``, whole unless a `count` is given."""
    method = get_method("wis")
    count = given.pop("count", graph.num_edges)
    seen = [] if steps is None else steps
    options = method.resolved_options(graph, given)
    return method.order(graph, count=count, seed=0, progress=seen.append, **options)


def order_checks(bench: Bench, cases: dict[str, dict[str, Any]]) -> None:
    """Check orders of small graphs for the CPU's, and count what each asks of the device."""
    for spec in CHECKED:
        graph = bench.graph(spec)
        for name, given in cases.items():
            expected = order(graph, **given)
            found = order(graph.to(bench.device), **given)
            bench.check(f"{name} on {spec}", torch.equal(found.cpu(), expected))
    for name, given in cases.items():
        there = UndirectedGraph(graph.num_nodes, pretend(graph.edges))
        there = there if bench.is_small else graph.to(bench.device)

        def steps(there: UndirectedGraph = there, given: dict[str, Any] = given) -> int:
            done: list[int] = []
            order(there, done, **given)
            return len(done)

        bench.count(name, steps, "step")


def rounds(bench: Bench) -> None:
    """Exact 1-WIS: bit sets on the CPU for the dense core, then rounds on the device."""
    order_checks(bench, {engine: {"engine": engine} for engine in ("rounds", "bitset")})
    for name in (SMALL if bench.is_small else LARGE)["rounds"]:
        graph = bench.graph(name)
        there = graph.to(bench.device)
        orders: dict[str, Tensor] = {}

        def act(graph: UndirectedGraph, orders: dict[str, Tensor] = orders) -> None:
            orders[graph.device.type] = order(graph)

        bench.time(
            f"exact, {name}, {graph.num_edges} edges",
            partial(act, there),
            partial(act, graph),
            repeats=1 if name == "rmat-20" else 3,
            target="faster than the CPU on rmat-17" if name == "rmat-17" else "",
        )
        first, *others = (each.cpu() for each in orders.values())
        bench.check(f"exact on {name}", all(torch.equal(first, other) for other in others))
        if name == "rmat-14":
            alone = partial(order, there, engine="rounds")
            bench.time(f"exact by rounds alone, {name}", alone, None, repeats=1)


def relaxed(bench: Bench) -> None:
    """Relaxed 1-WIS: half the edges."""
    order_checks(bench, {f"relaxed {e}": {"epsilon": e} for e in (0.1, 0.5)})
    for name in (SMALL if bench.is_small else LARGE)["relaxed"]:
        graph = bench.graph(name)
        there, half = graph.to(bench.device), graph.num_edges // 2
        largest = name == "rmat-22"
        bench.time(
            f"relaxed 0.1, half of {name}, {graph.num_edges} edges",
            lambda there=there, half=half: order(there, epsilon=0.1, count=half),
            None
            if largest
            else lambda graph=graph, half=half: order(graph, epsilon=0.1, count=half),
            repeats=3,
            target="3 s" if largest else "",
        )


def dense(bench: Bench) -> None:
    """Longer walks by matrices: small whole orders, then one round over all edges of Cora."""
    cases = {
        f"dense L={length + 1} B={batch}": {
            "walk_length": length, "engine": "dense", "batch_size": batch,
            "count": min(60, 5 * batch) if bench.is_small else 60,
        }
        for length, batch in ((2, 1), (2, 50), (3, 50), (5, 50))
    }  # fmt: skip
    order_checks(bench, cases)
    graph = bench.graph(CHECKED[0])
    exact_below, dense_walks.FLOAT_EXACT = dense_walks.FLOAT_EXACT, 0.0
    given = cases["dense L=4 B=50"]
    try:
        found = order(graph.to(bench.device), **given)
    finally:
        dense_walks.FLOAT_EXACT = exact_below
    bench.check("dense L=4 B=50 in int64", torch.equal(found.cpu(), order(graph, **given)))
    graph = bench.graph("cora")
    for length in (2,) if bench.is_small else (2, 3, 4):

        def one_round(state: dense_walks.DenseWalks, edges: Tensor) -> int:
            best = [state.changes(part).first(100) for part in torch.split(edges, AT_A_TIME)]
            while len(best) > 1:
                best = [best[0].joined(best.pop()).first(100), *best[1:]]
            return 1

        sides = {}
        for where in (bench.device, torch.device("cpu")):
            state = dense_walks.DenseWalks(graph.to(where), length + 1)
            edges = torch.arange(graph.num_edges, device=where)
            sides[where.type] = (state, edges)
        there = sides[bench.device.type]
        name = f"a round of {length}-WIS over {graph.num_edges} edges"
        counted = bench.count(name, lambda there=there: one_round(*there), "round")
        bench.time(
            name,
            lambda there=there: one_round(*there),
            lambda sides=sides: single(lambda: one_round(*sides["cpu"])),
            counted,
            target="50 times one core for L = 3" if length == 2 else "",
        )


def single(action: Callable[[], Any]) -> Any:
    """Run on one core."""
    with single_threaded():
        return action()


def training(bench: Bench) -> None:
    """Five epochs of every model, in both precisions, and the time of an epoch."""
    nodes, width = (60, 16) if bench.is_small else (20_000, 64)
    data = datasets.load(f"barabasi-albert:n={nodes},degree=4,seed=0")
    rng = torch.Generator().manual_seed(0)
    data.x = torch.randn(nodes, 64, generator=rng)
    data.y = torch.randint(0, 5, (nodes,), generator=rng)
    data = split_vertices(data)
    for model in available_models():
        plain = TrainConfig(model=model, width=width)

        def engines(config: TrainConfig) -> list[Any]:
            there = replace(config, device=str(bench.device))
            return [make_engine(make_problem(data, c), c) for c in (there, config)]

        for dtype in TOLERANCE:
            config = replace(plain, dtype=dtype, model_options=NO_DROPOUT.get(model, {}))
            losses = [[e.epoch(i).loss for i in range(1, 6)] for e in engines(config)]
            found = [torch.tensor(each, dtype=torch.float64) for each in losses]
            bench.check_close(f"{model} {dtype}", *found, dtype)
        ours, theirs = engines(plain)
        for engine in (ours, theirs):
            engine.epoch(1)
        counted = bench.count(f"an epoch of {model}", lambda e=ours: e.epoch(6) and 1, "epoch")
        bench.time(
            f"an epoch of {model} float32, {data.num_edges} arcs",
            lambda e=ours: e.epoch(7),
            lambda e=theirs: e.epoch(7),
            counted,
            repeats=3 if bench.is_small else 9,
        )


def spectral(bench: Bench) -> None:
    """The scores come from scipy on every device; the order must not depend on it."""
    method = get_method("spectral")
    for spec in CHECKED:
        graph = bench.graph(spec)
        expected, found = (
            method.ranked(
                g, count=graph.num_edges, seed=0, progress=silent, **method.resolved_options(g, {})
            )[0]
            for g in (graph, graph.to(bench.device))
        )
        bench.check(f"spectral on {spec}", torch.equal(found.cpu(), expected))


def serve(bench: Bench) -> None:
    """Predictions of every model: the same logits, and the time of a pass and of a batch."""
    nodes = 60 if bench.is_small else 50_000
    data = datasets.load(f"barabasi-albert:n={nodes},degree=8,seed=0")
    data.x = torch.randn(nodes, 64, generator=torch.Generator().manual_seed(0))
    some = torch.arange(min(nodes, 32))
    for model in available_models():
        servers = [
            Server(build_model(model, 64, 5, depth=3, seed=0).eval(), data, depth=3, device=where)
            for where in (str(bench.device), "cpu")
        ]
        batch = f"batch of {len(some)}"
        for name, act in (("all", Server.predict_all), (batch, lambda s: s.predict(some))):
            ours, theirs = map(act, servers)
            bench.check_close(f"{model}, {name}", ours, theirs, "float32")
            there, here = ((lambda s=s, act=act: act(s)) for s in servers)
            bench.time(f"serve {model}, {name} of {nodes} vertices", there, here, repeats=5)


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "probe": probe, "rounds": rounds, "relaxed": relaxed, "dense": dense, "training": training,
    "spectral": spectral, "serve": serve,
}  # fmt: skip


def run_section(bench: Bench, name: str, share: float) -> dict[str, Any]:
    """One section: its findings, and whether it passed, failed or ran out of time."""
    bench.found = found = {"status": "passed", "notes": [], "checks": [], "counts": {}, "times": []}
    print(f"{name}, at most {share:.0f} s", file=sys.stderr, flush=True)
    start = time.perf_counter()
    try:
        with at_most(share):
            SECTIONS[name](bench)
    except OutOfTimeError as error:
        bench.note(str(error))
        found["status"] = "out of time"
    except Exception as error:
        bench.note(f"FAILED: {type(error).__name__}: {str(error).splitlines()[:1]}")
        found |= {"status": "failed", "traceback": traceback.format_exc()}
    if not all(check["passed"] for check in found["checks"]):
        found["status"] = "failed"
    found["seconds"] = time.perf_counter() - start
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the sections; 1 if one failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sections", default=",".join(SECTIONS))
    parser.add_argument("--seconds", type=float, default=sum(SHARES.values()), help="of all")
    parser.add_argument("--data-root", default=os.environ.get("WIS_DATA_ROOT"))
    parser.add_argument("-o", "--output", default="bench_gpu.json")
    args = parser.parse_args(arguments)
    unknown = set(args.sections.split(",")) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    try:
        device = torch.device(args.device)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        parser.error(f"device {args.device!r} cannot be used here: {str(error).splitlines()[0]}")
    bench = Bench(device, args.data_root)
    result: dict[str, Any] = {"machine": machine(device), "sections": {}}
    for name in SECTIONS:
        if name in args.sections.split(","):
            share = SHARES[name] * args.seconds / sum(SHARES.values())
            result["sections"][name] = run_section(bench, name, share)
            Path(args.output).write_text(json.dumps(result, indent=1))
    print(table(result["sections"]))
    statuses = {name: found["status"] for name, found in result["sections"].items()}
    print(f"{statuses}; everything is in {args.output}", file=sys.stderr)
    return int("failed" in statuses.values())


if __name__ == "__main__":
    sys.exit(main())
