"""A cost model of relaxed 1-WIS on a cluster, fitted to measured runs.

    python benchmarks/bench_cluster.py run --folder /tmp/wis-scale --results cluster.jsonl
    python benchmarks/bench_cluster.py fit --results cluster.jsonl

*run*: for each graph and number of workers half of the edges go at epsilon 0.1, from Parquet files
to Parquet files, on processes of this machine (`--engine dask` or `spark`); `block` is a sixteenth
of the edges, so that the largest phases are settled in rounds, as they would be on a larger graph.
Each run is appended to the results with what it did: phases, rounds, tasks, arcs gone through,
bytes; and with the CPU seconds of its driver and its workers, which other programs on the machine
change little.

*fit*: CPU seconds of the driver and of the workers as combinations, with coefficients that are not
negative, of what they did (`driver_terms`, `worker_terms`), by least squares of the relative error.
Then seconds of graphs that do not fit here: the CPU time of the driver, that of the workers shared
by the processes, and bytes over the network, which was not measured.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import psutil
from bench_scale import write_folder
from common import PeakMemory
from scipy.optimize import nnls

GRAPHS = "rmat-17,rmat:scale=20;edges=12000000;seed=0,rmat:scale=21;edges=12000000;seed=0"
BLOCKS = 16
DRIVER = ("vertex and phase", "task")
WORKER = ("edge", "arc and pass", "vertex, process and phase")
IN_DRIVER, IN_ROUNDS = "phases in the driver", "phases in rounds"


def driver_terms(row: dict[str, Any]) -> list[float]:
    """What the driver does: passes over all vertices, and tasks that it hands out."""
    return [row["num_nodes"] * row["phases"], row["tasks"]]


def worker_terms(row: dict[str, Any]) -> list[float]:
    """What all workers do: edges from files to files, arcs in phases and rounds, cuts."""
    states = row["num_nodes"] * row["processes"] * row["phases"]
    return [row["num_edges"], row["arc_passes"], states]


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count tasks, rounds, arcs gone through, and bytes that tasks return and workers read."""
    from wis.scale import cluster, rounds

    counts: Counter[str] = Counter()
    run_on_cluster, save = cluster.run_on_cluster, cluster.Phase.save
    left = [0]

    class Counting:
        def __init__(self, engine: Any) -> None:
            self.engine, self.num_tasks = engine, engine.num_tasks

        def map(self, task: Any, items: Any, *arguments: Any, stay: bool = False) -> Any:
            results = self.engine.map(task, items, *arguments, stay=stay)
            counts["maps"] += 1
            counts["tasks"] += len(items)
            if task is cluster.merge_pieces:
                left[0] = sum(results)
            if task is rounds.advance:
                counts["rounds"] += 1
                counts["arc_passes"] += 2 * sum(live for _, live in results)
                counts["cut_bytes"] += sum(cuts.nbytes for cuts, _ in results)
            if task is rounds.rest:
                counts["rest_bytes"] += sum(part.nbytes for found in results for part in found)
                counts[IN_ROUNDS if arguments[2] else "windows"] += 1
            return results

    def saved(self: Any, folder: str) -> None:
        save(self, folder)
        if not folder.endswith(cluster.CANDIDATE):  # workers go through the arcs that are left
            counts["arc_passes"] += 2 * left[0]
            left[0] -= self.num_removed - counts["removed"]
            counts["removed"] = self.num_removed
            counts["phase_bytes"] += 18 * self.vertices.size

    def run_counting(job: Any, engine: Any) -> Any:
        return run_on_cluster(job, Counting(engine))

    with (
        mock.patch.object(cluster, "run_on_cluster", run_counting),
        mock.patch.object(cluster.Phase, "save", saved),
    ):
        yield counts


def measure(source: Path, folder: Path, engine: str, workers: int, block: int) -> dict[str, Any]:
    """One run on a cluster of this machine."""
    from wis.scale import sparsify_files

    with open_cluster(engine, workers) as (options, used):
        before, started = _driver_cpu_s(), time.perf_counter()
        with PeakMemory() as driver, counted() as counts:
            result = sparsify_files(
                source,
                folder / "output",
                remove="50%",
                epsilon=0.1,
                engine="spark" if engine == "spark" else "dask",
                block=block,
                progress=False,
                **options,
            )
        seconds, driver_cpu_s = time.perf_counter() - started, _driver_cpu_s() - before
        cpu_s, peak = used()
        driver_cpu_s -= cpu_s if engine == "here" else 0
    shutil.rmtree(folder / "output")
    return {
        "engine": engine,
        "num_nodes": result.num_nodes,
        "num_edges": result.num_edges,
        "workers": workers,
        "processes": 1 if engine == "here" else workers,
        "block": block,
        "phases": result.num_phases,
        **counts,
        "seconds": seconds,
        "driver_cpu_s": driver_cpu_s,
        "worker_cpu_s": cpu_s,
        "driver_peak_bytes": driver.bytes,
        "worker_peak_bytes": peak,
    }


@contextmanager
def open_cluster(engine: str, workers: int) -> Iterator[tuple[dict[str, Any], Any]]:
    """The options of a cluster on this machine, and a function for CPU seconds and peak memory."""
    if engine == "here":
        with one_process(workers) as spent:
            yield {}, lambda: (spent["cpu_s"], 0)
    elif engine == "dask":
        from distributed import Client, LocalCluster

        settings = {"threads_per_worker": 1, "dashboard_address": None}
        with (
            LocalCluster(n_workers=workers, silence_logs=logging.ERROR, **settings) as cluster,
            Client(cluster) as client,
        ):
            client.wait_for_workers(workers)
            client.run(__import__, "wis.scale.cluster")
            before = _workers()[0]
            options = {"scheduler_address": cluster.scheduler_address}
            yield options, lambda: (_workers()[0] - before, _workers()[1])
    else:
        from pyspark.sql import SparkSession

        from wis.scale.spark import HERE, QUIET

        settings = QUIET | HERE | {"spark.authenticate.secret": "here"}
        settings |= {"spark.executor.memory": "1g", "spark.driver.memory": "1g"}
        os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        master = f"local-cluster[{workers},1,1024]"
        session = SparkSession.builder.master(master).config(map=settings).getOrCreate()
        try:
            before = _workers()[0]
            yield {"master": master}, lambda: (_workers()[0] - before, _workers()[1])
        finally:
            session.stop()


@contextmanager
def one_process(workers: int) -> Iterator[Counter[str]]:
    """Tasks for some workers, run one after the other in this process; yield their CPU seconds."""
    from wis.scale import clients

    class Here:
        num_tasks = workers

        def map(self, task: Any, items: Any, *arguments: Any, stay: bool = False) -> Any:
            before = _driver_cpu_s()
            results = [task(item, *arguments) for item in items]
            spent["cpu_s"] += _driver_cpu_s() - before
            return results

    spent: Counter[str] = Counter()
    with mock.patch.object(clients, "dask_engine", return_value=nullcontext(Here())):
        yield spent


def _driver_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _workers() -> tuple[float, int]:
    """CPU seconds of all child processes, and the largest memory of one of Python."""
    cpu_s, largest = 0.0, 0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times = child.cpu_times()
            cpu_s += times.user + times.system
            if "python" in child.name():
                status = Path(f"/proc/{child.pid}/status").read_text()
                largest = max(largest, 1024 * int(status.split("VmHWM:")[1].split()[0]))
    return cpu_s, largest


def run(args: argparse.Namespace) -> None:
    """Measure what is missing from the results."""
    done = {(r["graph"], r["engine"], r["workers"], r["blocks"]) for r in _rows(args.results)}
    for name in args.graphs.split(","):
        name = name.replace(";", ",")
        source = write_folder(name, args.folder, args.data_root)
        num_edges = json.loads((source / "_graph.json").read_text())[1]
        for workers in map(int, args.workers.split(",")):
            key = name, args.engine, workers, args.blocks
            if key in done:
                continue
            found = measure(source, args.folder, args.engine, workers, num_edges // args.blocks)
            row = {"graph": name, "blocks": args.blocks} | found
            with args.results.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(_line(row), flush=True)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.open()] if path.exists() else []


def _line(row: dict[str, Any]) -> str:
    gib = 2**30
    sent = row["cut_bytes"] + row["rest_bytes"]
    read = row["workers"] * (row["cut_bytes"] + row["phase_bytes"])
    return (
        f"{row['graph']}: m = {row['num_edges']:,}, {row['engine']}, {row['workers']} workers, "
        f"m / block = {row['blocks']}; {row['phases']} phases, {row[IN_ROUNDS]} in rounds, "
        f"{row['rounds']} rounds, {row['maps']} maps, {row['tasks']} tasks, "
        f"{row['arc_passes'] / row['num_edges']:.0f} arcs and passes per edge; "
        f"{sent / row['num_nodes']:.0f} bytes sent and {read / row['num_nodes']:.0f} read per "
        f"vertex ({sent / gib:.3f}, {read / gib:.3f} GiB); {row['seconds']:.1f} s, "
        f"{row['worker_cpu_s']:.1f} CPU s of workers, {row['driver_cpu_s']:.1f} of the driver; "
        f"peak {row['worker_peak_bytes'] / gib:.2f} GiB a worker, "
        f"{row['driver_peak_bytes'] / gib:.2f} GiB driver"
    )


def _prices(rows: list[dict[str, Any]], terms_of: Any, key: str) -> np.ndarray:
    terms = np.array([terms_of(row) for row in rows], np.float64)
    measured = np.array([row[key] for row in rows])
    return nnls(terms / measured[:, None], np.ones(len(rows)))[0]


def fit(args: argparse.Namespace) -> None:
    """The coefficients, how well they fit, and what they predict."""
    rows = _rows(args.results)
    measured = [row for row in rows if row["engine"] == args.engine]
    parts = {"driver": (DRIVER, driver_terms), "worker": (WORKER, worker_terms)}
    prices = {}
    for part, (names, terms_of) in parts.items():
        prices[part] = _prices(measured, terms_of, f"{part}_cpu_s")
        for name, price in zip(names, prices[part], strict=True):
            print(f"{part}: {price * 1e9:12.4g} ns CPU for each {name}")
    for row in measured:
        given = ", ".join(
            f"{part} {terms_of(row) @ prices[part] / row[f'{part}_cpu_s']:.2f} x"
            for part, (_, terms_of) in parts.items()
        )
        print(f"{_line(row)}; the model {given}")
    for text in args.predict:
        n, m, machines, each, blocks = (int(float(number)) for number in text.split(","))
        like = max(
            (row for row in rows if row["blocks"] == blocks),
            key=lambda row: (row["num_edges"], row["workers"]),
        )
        workers = machines * each
        scaled = like | {
            "num_nodes": n,
            "num_edges": m,
            "workers": workers,
            "processes": workers,
            "tasks": like["maps"] * workers,
            "arc_passes": like["arc_passes"] / like["num_edges"] * m,
        }
        link = args.gbit * 1e9 / 8 / n * like["num_nodes"]  # bytes of the smaller graph a second
        seconds = {}
        for part, (names, terms_of) in parts.items():
            shared = workers if part == "worker" else 1
            for name, term, price in zip(names, terms_of(scaled), prices[part], strict=True):
                seconds[f"{part}, {name}"] = term * price / shared
        seconds["network to the driver"] = (like["cut_bytes"] + like["rest_bytes"]) / link
        seconds["network to workers"] = each * (like["cut_bytes"] + like["phase_bytes"]) / link
        print(
            f"n = {n:,}, m = {m:,} on {machines} machines of {each} cores, m / block = {blocks}, "
            f"{like['phases']} phases, {like['rounds']} rounds, {like['maps']} maps: "
            f"{sum(seconds.values()):,.0f} s = {sum(seconds.values()) / 3600:.2f} h"
        )
        for name, part in seconds.items():
            print(f"    {part:10,.1f} s {name}")


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["run", "fit"])
    parser.add_argument("--graphs", default=GRAPHS, help="separated by commas, semicolons inside")
    parser.add_argument("--engine", choices=["dask", "spark", "here"], default="dask")
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--blocks", type=int, default=BLOCKS, help="edges / block")
    parser.add_argument("--folder", type=Path, default=Path("wis-scale"))
    parser.add_argument("--results", type=Path, default=Path("cluster.jsonl"))
    parser.add_argument("--data-root", default=os.environ.get("WIS_DATA_ROOT"))
    parser.add_argument(
        "--predict",
        nargs="*",
        metavar="N,M,MACHINES,CORES,BLOCKS",
        default=["1.11e8,1.6e9,16,16,93", "1e9,1e11,64,16,93"],
    )
    parser.add_argument("--gbit", type=float, default=10.0, help="of each machine's network, a s")
    args = parser.parse_args()
    {"run": run, "fit": fit}[args.what](args)


if __name__ == "__main__":
    sys.exit(main())
