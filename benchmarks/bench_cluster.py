"""A cost model of relaxed 1-WIS on a Dask cluster, fitted to measured runs.

    python benchmarks/bench_cluster.py run --folder /tmp/wis-scale --results cluster.jsonl
    python benchmarks/bench_cluster.py fit --results cluster.jsonl

*run*: for each graph and number of workers half of the edges go at epsilon 0.1, from Parquet files
to Parquet files, on processes of this machine; `block` is a sixteenth of the edges, so that the
largest phases are settled in rounds by the workers, as they would be on a larger graph. Each run is
appended to the results with what it sent and what its processes held. *fit*: seconds as a
combination, with coefficients that are not negative, of what a run has to do (see `terms`), by
least squares of the relative error; then what it predicts for graphs that do not fit here, to which
is added what a network of a given speed takes for the sums of rounds, which was not measured.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from bench_scale import write_folder
from common import PeakMemory
from scipy.optimize import nnls

from wis.scale.cluster import FAN_IN

GRAPHS = "rmat-17,rmat:scale=21;edges=12000000;seed=0,rmat-22"
BLOCKS = 16
NAMES = ("edge", "vertex and sum", "task")
BYTES = {"count_degrees": (4, 0), "count_classes": (0, 1), "tally": (12, 25), "live_edges": (0, 1)}
"""For each task, bytes for each vertex that a shard sends, and that it reads of what it is sent."""


@dataclass(frozen=True)
class Work:
    """What a run has to do.

    Attributes:
        num_nodes: Number n of vertices.
        num_edges: Number m of edges.
        shards: Partitions of the edges.
        at_once: Processes that compute at the same time.
        sums: Sums over all edges, of degrees, classes or a round.
    """

    num_nodes: int
    num_edges: int
    shards: int
    at_once: int
    sums: int

    def terms(self) -> np.ndarray:
        """What each coefficient of the model is a price of, in the order of `NAMES`.

        Edges go from files to files, shared by the processes. The vertices of a sum are gone
        through once by each shard and some four times by the driver. Tasks are handed out one
        after the other. (A price for each edge left and sum came out as 0.)
        """
        return np.array(
            [
                self.num_edges / self.at_once,
                self.sums * self.num_nodes * (self.shards / self.at_once + 4),
                self.sums * self.shards,
            ]
        )


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the tasks of each kind that the driver hands out."""
    from wis.scale.cluster import _Peeling

    calls: Counter[str] = Counter()
    inner = _Peeling._map

    def outer(self: Any, task: Any, *arguments: Any) -> Any:
        calls[task.__name__] += 1
        calls["shards"] = len(self.shards)
        return inner(self, task, *arguments)

    with mock.patch.object(_Peeling, "_map", outer):
        yield calls


def measure(source: Path, folder: Path, workers: int, block: int) -> dict[str, Any]:
    """One run on a cluster of this machine."""
    from distributed import Client, LocalCluster

    from wis.scale import sparsify_files

    began = time.perf_counter()
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(workers)
        client.run(__import__, "wis.scale.cluster")
        started = time.perf_counter()
        with PeakMemory() as driver, counted() as calls:
            result = sparsify_files(
                source,
                folder / "output",
                remove="50%",
                epsilon=0.1,
                engine="dask",
                block=block,
                scheduler_address=cluster.scheduler_address,
                progress=False,
            )
        seconds = time.perf_counter() - started
        used = client.run(_used)
    shutil.rmtree(folder / "output")
    shards = calls.pop("shards")
    return {
        "num_nodes": result.num_nodes,
        "num_edges": result.num_edges,
        "workers": workers,
        "cores": os.cpu_count(),
        "block": block,
        "shards": shards,
        "phases": result.num_phases,
        "tasks": dict(calls),
        "seconds": seconds,
        "seconds_to_start": started - began,
        "cpu_s": sum(cpu for cpu, _ in used.values()),
        "driver_peak_bytes": driver.bytes,
        "worker_peak_bytes": max(peak for _, peak in used.values()),
    }


def _used() -> tuple[float, int]:
    """CPU seconds and peak memory of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def run(args: argparse.Namespace) -> None:
    """Measure what is missing from the results."""
    done = {(r["graph"], r["workers"]) for r in _rows(args.results)}
    for name in args.graphs.split(","):
        name = name.replace(";", ",")
        source = write_folder(name, args.folder, args.data_root)
        num_edges = json.loads((source / "_graph.json").read_text())[1]
        for workers in map(int, args.workers.split(",")):
            if (name, workers) in done:
                continue
            row = {"graph": name} | measure(source, args.folder, workers, num_edges // BLOCKS)
            with args.results.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(_line(row), flush=True)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.open()] if path.exists() else []


def _work(row: dict[str, Any]) -> Work:
    at_once = min(row["workers"], row["cores"])
    sums = sum(row["tasks"].values())
    return Work(row["num_nodes"], row["num_edges"], row["shards"], at_once, sums)


def _line(row: dict[str, Any]) -> str:
    gib = 2**30
    sent, read = (
        sum(count * BYTES.get(name, (0, 0))[way] for name, count in row["tasks"].items())
        * row["shards"]
        * row["num_nodes"]
        / gib
        for way in (0, 1)
    )
    return (
        f"{row['graph']}: m = {row['num_edges']:,}, {row['workers']} workers, {row['shards']} "
        f"shards, {row['phases']} phases, {row['tasks'].get('tally', 0)} rounds, "
        f"{sum(row['tasks'].values())} sums; {row['seconds']:.1f} s "
        f"(+ {row['seconds_to_start']:.1f} s to start), {row['cpu_s']:.1f} CPU s of workers; "
        f"peak {row['worker_peak_bytes'] / gib:.2f} GiB a worker, "
        f"{row['driver_peak_bytes'] / gib:.2f} GiB driver; "
        f"{sent:.2f} GiB sent, {read:.2f} GiB read"
    )


def fit(args: argparse.Namespace) -> None:
    """The coefficients, how well they fit, and what they predict."""
    rows = _rows(args.results)
    terms = np.array([_work(row).terms() for row in rows])
    seconds = np.array([row["seconds"] for row in rows])
    prices, _ = nnls(terms / seconds[:, None], np.ones(len(rows)))
    for name, price in zip(NAMES, prices, strict=True):
        print(f"{price * 1e9:12.4g} ns for each {name}")
    for row, predicted in zip(rows, terms @ prices, strict=True):
        print(f"{_line(row)}; the model {predicted:.1f} s, {predicted / row['seconds']:.2f} x")
    for text in args.predict:
        n, m, at_once, shards, sums, tallies = (int(float(part)) for part in text.split(","))
        parts = Work(n, m, shards, at_once, sums).terms() * prices
        levels = math.ceil(math.log(shards, FAN_IN))
        network = tallies * levels * FAN_IN * BYTES["tally"][0] * n / (args.gbit * 1e9 / 8)
        share = ", ".join(f"{part:.0f} s {name}" for name, part in zip(NAMES, parts, strict=True))
        print(
            f"n = {n:,}, m = {m:,}, {at_once} processes, {shards} shards, {sums} sums of which "
            f"{tallies} of rounds: {parts.sum() + network:.0f} s ({share}, {network:.0f} s network)"
        )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["run", "fit"])
    parser.add_argument("--graphs", default=GRAPHS, help="separated by commas, semicolons inside")
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--folder", type=Path, default=Path("wis-scale"))
    parser.add_argument("--results", type=Path, default=Path("cluster.jsonl"))
    parser.add_argument("--data-root", default=os.environ.get("WIS_DATA_ROOT"))
    parser.add_argument(
        "--predict",
        nargs="*",
        metavar="N,M,PROCESSES,SHARDS,SUMS,ROUNDS",
        default=["1.11e8,1.6e9,256,381,110,10", "1e9,1e11,1024,4096,900,800"],
    )
    parser.add_argument("--gbit", type=float, default=10.0, help="of each machine's network, a s")
    args = parser.parse_args()
    {"run": run, "fit": fit}[args.what](args)


if __name__ == "__main__":
    sys.exit(main())
