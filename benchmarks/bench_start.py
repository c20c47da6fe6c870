"""What a person waits for before any work is done: starting, completing an option, small graphs.

    python benchmarks/bench_start.py                 every row
    python benchmarks/bench_start.py modules         the modules that a command and a sweep run
    python benchmarks/bench_start.py profile         the imports of one command that cost most

Times of processes are CPU time, user and system, of the whole process; rows that are compared take
turns in one run. Ratios count: the machine's load changes the figures, and both sides alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

WIS = ["-c", "from wis_cli.main import run; raise SystemExit(run())"]
SPARSIFY = [*WIS, "sparsify", "in.csv", "--remove", "50%", "-o", "out.csv", "--force"]
COMPLETIONS = {
    "--method s": ("sparsify karate --method s", 4),
    "GRAPH k": ("sparsify k", 2),
    "--models g": ("bench run --models g", 4),
}
SWEEP = [*WIS, "bench", "run", "--dataset", "karate", "--methods", "wis", "--remove", "50%"]
SWEEP += ["--epochs", "1", "--results", "rows.jsonl", "--orders", "orders"]
OWN = ("wis", "wis_cli")
NUM_GRAPHS, NUM_NODES = 300, 20


def main() -> None:
    """Print the rows that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", default="all", choices=["all", "modules", "profile"])
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_ring(Path(folder) / "in.csv")
        os.chdir(folder)
        if args.rows == "profile":
            profile()
            return
        modules()
        if args.rows == "all":
            commands(args.repeats)
            completion(args.repeats)
            small_graphs(args.repeats)


def write_ring(path: Path, num_edges: int = 100) -> None:
    """A graph of 100 edges as a list."""
    lines = (f"{u},{(u + 1) % num_edges}" for u in range(num_edges))
    path.write_text("\n".join(["source,target", *lines]) + "\n")


def cpu_s(arguments: list[str], env: Mapping[str, str] | None = None) -> float:
    """CPU time of a Python process, user and system."""
    before = os.times()
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = os.times()
    return after.children_user + after.children_system - before[2] - before[3]


def medians(rows: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """The median of each row; the rows take turns, after one round to warm up."""
    found = [{name: measure() for name, measure in rows.items()} for _ in range(repeats + 1)]
    return {name: statistics.median(each[name] for each in found[1:]) for name in rows}


def commands(repeats: int) -> None:
    """`wis sparsify in.csv -o out.csv` on 100 edges, beside `import torch` and `wis --help`."""
    found = medians(
        {
            "import torch": lambda: cpu_s(["-c", "import torch"]),
            "wis sparsify, csv to csv": lambda: cpu_s(SPARSIFY),
            "wis --help": lambda: cpu_s([*WIS, "--help"]),
        },
        repeats,
    )
    show(found, "import torch", "s of CPU")


def completion(repeats: int) -> None:
    """Completing the value of an option."""
    rows = {}
    for name, (words, position) in COMPLETIONS.items():
        env = {
            "_WIS_COMPLETE": "bash_complete",
            "COMP_WORDS": f"wis {words}",
            "COMP_CWORD": str(position),
        }
        rows[f"completing {name}"] = lambda env=env: cpu_s(WIS, env)
    rows["python -c pass"] = lambda: cpu_s(["-c", "pass"])
    show(medians(rows, repeats), "python -c pass", "s of CPU")


def small_graphs(repeats: int) -> None:
    """A transform on graphs of 20 vertices, beside PyG's `GCNNorm`."""
    import torch
    import torch_geometric.transforms as pyg
    from torch_geometric.data import Data

    from wis.transforms import Sparsify, WalkIndexSparsification

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    graphs = []
    for _ in range(NUM_GRAPHS):
        half = torch.randint(NUM_NODES, (2, 2 * NUM_NODES), generator=generator)
        arcs = torch.cat([half, half.flip(0)], dim=1)
        x = torch.rand(NUM_NODES, 8, generator=generator)
        graphs.append(Data(x=x, edge_index=arcs, num_nodes=NUM_NODES))
    transforms = {
        "GCNNorm": pyg.GCNNorm(),
        "WalkIndexSparsification": WalkIndexSparsification("50%"),
        "Sparsify, random": Sparsify("50%", method="random"),
    }
    rows = {
        name: lambda transform=transform: ms_per_graph(transform, graphs)
        for name, transform in transforms.items()
    }
    show(medians(rows, repeats), "GCNNorm", "ms for each graph")


def ms_per_graph(transform: Callable[..., object], graphs: list) -> float:
    """CPU time of a transform for one of these graphs."""
    start = time.process_time()
    for graph in graphs:
        transform(graph)
    return 1000 * (time.process_time() - start) / len(graphs)


def modules() -> None:
    """The modules of wis that `wis sparsify` and a sweep import and run, and whether PyG is."""
    for what, command in {"wis sparsify, csv to csv": SPARSIFY, "a sweep": SWEEP}.items():
        names, ran = imported(command)
        own = sorted(filter(is_own, names))
        print(
            *(f"    {name}{'' if name in ran else '  (is imported only)'}" for name in own),
            sep="\n",
        )
        pyg = "with" if "torch_geometric" in names else "without"
        print(f"{len(own)} modules of wis are imported for {what}, {pyg} torch_geometric; "
              f"functions of {len(ran)} of them run")  # fmt: skip


def is_own(name: str) -> bool:
    """Whether a module is one of wis."""
    return name.partition(".")[0] in OWN


WATCH = """
import atexit, sys
ran = set()
def is_own(frame):
    return str(frame.f_globals.get("__name__")).partition(".")[0] in ("wis", "wis_cli")
def is_import(frame):
    while frame is not None:
        if frame.f_code.co_name == "<module>" and is_own(frame):
            return True
        frame = frame.f_back
    return False
def watch(frame, event, argument):
    if event == "call" and is_own(frame) and not is_import(frame):
        ran.add(frame.f_globals["__name__"])
atexit.register(lambda: print(*sys.modules))
atexit.register(lambda: print(*map(str, ran)))
from wis_cli.main import run
sys.setprofile(watch)
run()
"""


def imported(arguments: list[str]) -> tuple[set[str], set[str]]:
    """Names of the modules that a command imports; and those of wis that do more than that.

    A module runs if one of its functions is called other than during the import of a module of wis.
    """
    command = [sys.executable, "-c", WATCH, *arguments[2:]]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    ran, names = (set(line.split()) for line in run.stdout.splitlines())
    return names, {name for name in ran if is_own(name)}


def profile() -> None:
    """The imports of `wis sparsify` that cost most, with what they import."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *SPARSIFY], capture_output=True, text=True, check=True
    )
    lines = [line.removeprefix("import time:").split("|") for line in run.stderr.splitlines()]
    rows = [(int(total), own, name) for own, total, name in (x for x in lines if len(x) == 3)
            if total.strip().isdigit()]  # fmt: skip
    for total, own, name in sorted(rows, reverse=True)[:60]:
        print(f"{total:>9} {own.strip():>9} µs  {name.strip()}")


def show(found: Mapping[str, float], peer: str, unit: str) -> None:
    """A row for each figure, and what it is times the peer's."""
    for name, value in found.items():
        print(f"{name:32} {value:8.3f} {unit}  {value / found[peer]:6.2f} x {peer}")


if __name__ == "__main__":
    main()
