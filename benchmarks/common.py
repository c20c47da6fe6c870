"""What the benchmark scripts share: named graphs, timing, memory, and the native yardstick."""

from __future__ import annotations

import ctypes
import gc
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from wis import UndirectedGraph, datasets

RAW = {
    "cora": "Planetoid/Cora/raw/ind.cora.graph",
    "chameleon": "WikipediaNetwork/chameleon/geom_gcn/raw/out1_graph_edges.txt",
    "squirrel": "WikipediaNetwork/squirrel/geom_gcn/raw/out1_graph_edges.txt",
    "tolokers": "HeterophilousGraphDataset/tolokers/raw/tolokers.npz",
}
NUM_NODES = {"cora": 2708, "chameleon": 2277, "squirrel": 5201, "tolokers": 11758}
SPECS = {
    "ba-160k": "barabasi-albert:n=20000,degree=8,seed=0",
    "rmat-14": "rmat:scale=14,edges=250000,seed=0",
    "rmat-17": "rmat:scale=17,edges=1300000,seed=0",
    "rmat-18": "rmat:scale=18,edges=4500000,seed=0",
    "rmat-20": "rmat:scale=20,edges=12000000,seed=0",
    "rmat-22": "rmat:scale=22,edges=66000000,seed=0",
}


def load_graph(name: str, data_root: str | None) -> UndirectedGraph:
    """A graph of the table by name (real ones from `data_root`), or any generator spec."""
    if name in RAW:
        if data_root is None:
            raise SystemExit(f"{name} needs --data-root or WIS_DATA_ROOT")
        arcs = _read_raw(name, Path(data_root) / RAW[name])
        return UndirectedGraph.from_any(torch.from_numpy(arcs), NUM_NODES[name])
    graph = UndirectedGraph.from_any(datasets.load(SPECS.get(name, name)))
    return UndirectedGraph(graph.num_nodes, graph.edges)


def _read_raw(name: str, path: Path) -> np.ndarray:
    if name == "cora":
        import pickle

        with path.open("rb") as file:
            lists = pickle.load(file, encoding="latin1")
        return np.array([(u, v) for u, around in lists.items() for v in around]).T
    if name == "tolokers":
        return np.load(path)["edges"].T
    return np.loadtxt(path, skiprows=1, dtype=np.int64).T


@dataclass(frozen=True)
class Timing:
    """Median and spread of repeated runs, in seconds."""

    median_s: float
    low_s: float
    high_s: float

    def __str__(self) -> str:
        return f"{self.median_s:.4g} ({self.low_s:.3g}-{self.high_s:.3g})"


def timed(action: Callable[[], object], repeats: int) -> Timing:
    """Run once to warm up, then `repeats` times."""
    action()
    seconds = []
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return Timing(statistics.median(seconds), min(seconds), max(seconds))


class PeakMemory:
    """Context manager: `bytes` is the peak resident memory above that at its beginning (Linux)."""

    bytes = 0

    def __enter__(self) -> PeakMemory:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # reset the high-water mark
        self._before = _status_bytes("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.bytes = _status_bytes("VmHWM") - self._before


def _status_bytes(field: str) -> int:
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", text)
    assert found is not None
    return int(found.group(1)) * 1024


class Yardstick:
    """The sequential native program that the ratios refer to; it is not part of wis."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def seconds(self, graph: UndirectedGraph) -> float:
        """Its own best time for the whole order, reading excluded."""
        with tempfile.NamedTemporaryFile(suffix=".bin") as file:
            np.array([graph.num_nodes, graph.num_edges], dtype=np.int64).tofile(file)
            graph.edges.numpy().astype(np.int32).tofile(file)
            file.flush()
            command = [str(self.program), file.name, "level", "1.0"]
            text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = re.search(r"time ([\d.]+) s", text)
        assert found is not None, text
        return float(found.group(1))
