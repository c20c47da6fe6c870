"""Reading and writing a large graph: wis against the library a user would reach for.

    python benchmarks/bench_io.py [--arcs 1000000] [--repeats 5] [--folder /tmp]
    python benchmarks/bench_io.py cut [--scale 20] [--arcs 5400000]      from csv to half of it

The peers do what a user would do by hand. For csv that is pandas: `read_csv` to an `edge_index`,
and `to_csv`; string ids go through `pandas.factorize`. For npz it is `numpy.load` and `numpy.savez`
of the same arrays, for parquet pandas again. wis also checks every id, keeps the text of a csv so
that a cut list can be written back word for word, and writes to a temporary file that is synced
to the disk and renamed; the rows marked "safe" let the peer do the latter too. All files are in the
page cache.

`cut` compares `wis sparsify in.csv --remove 50% --epsilon 0.1` with pandas' reading and writing
around the same order: CPU seconds of both processes, one thread, their imports left out; and the
peak of memory above that after the imports, in bytes and as a multiple of the id columns.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from common import timed
from torch_geometric.data import Data

import wis
from wis.io import read_graph, write_graph

Action = Callable[[], object]


def graph(num_arcs: int) -> Data:
    """Random arcs with a float weight and an integer attribute."""
    rng = np.random.default_rng(0)
    n = num_arcs // 8
    return Data(
        edge_index=torch.from_numpy(rng.integers(0, n, (2, num_arcs))),
        edge_weight=torch.from_numpy(rng.random(num_arcs)),
        edge_time=torch.from_numpy(rng.integers(0, 2**31, num_arcs)),
        num_nodes=n,
    )


def frame(data: Data, names: np.ndarray | None = None) -> pd.DataFrame:
    """The same arcs as a table."""
    source, target = data.edge_index.numpy()
    if names is not None:
        source, target = names[source], names[target]
    return pd.DataFrame(
        {
            "source": source,
            "target": target,
            "weight": data.edge_weight.numpy(),
            "time": data.edge_time.numpy(),
        }
    )


def from_frame(table: pd.DataFrame) -> Data:
    """What a user does with a table of integer ids."""
    return Data(
        edge_index=torch.from_numpy(table[["source", "target"]].to_numpy().T.copy()),
        edge_weight=torch.from_numpy(table["weight"].to_numpy(copy=True)),
        edge_time=torch.from_numpy(table["time"].to_numpy(copy=True)),
    )


def from_named_frame(table: pd.DataFrame) -> Data:
    """What a user does with a table of string ids."""
    ids, _ = pd.factorize(pd.concat([table["source"], table["target"]]))
    data = from_frame(table.assign(source=0, target=0))
    data.edge_index = torch.from_numpy(ids.reshape(2, -1))
    return data


def from_npz(path: Path) -> Data:
    """What a user does with an archive."""
    with np.load(path) as archive:
        return Data(**{key: torch.from_numpy(archive[key]) for key in archive.files})


def actions(data: Data, folder: Path) -> dict[str, tuple[Action, Action]]:
    """For each row of the table what wis and what the peer does."""
    arrays = {key: data[key].numpy() for key in ("edge_index", "edge_weight", "edge_time")}
    table = frame(data)
    rng = np.random.default_rng(1)
    names = np.array([f"person-{i:x}" for i in rng.permutation(data.num_nodes * 4)], dtype=object)
    named_table = frame(data, names)
    plain = table[["source", "target"]]
    plain_data = Data(edge_index=data.edge_index, num_nodes=data.num_nodes)
    table.to_csv(folder / "in.csv", index=False)
    plain.to_csv(folder / "plain.csv", index=False)
    named_table.to_csv(folder / "named.csv", index=False)
    table.to_csv(folder / "in.csv.gz", index=False)
    table.to_parquet(folder / "in.parquet", index=False)
    np.savez(folder / "in.npz", **arrays)
    named = read_graph(folder / "named.csv")

    def write(name: str, what: object = data) -> Action:
        return lambda: write_graph(what, folder / name, force=True, dropped=[])

    def safely(save: Callable[[Path], object], name: str) -> Action:
        def action() -> None:
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                save(Path(file.name))
                os.fsync(file.fileno())
            os.replace(file.name, folder / name)

        return action

    def savez(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, **arrays)

    return {
        "read csv": (
            lambda: read_graph(folder / "plain.csv"),
            lambda: torch.from_numpy(pd.read_csv(folder / "plain.csv").to_numpy().T.copy()),
        ),
        "write csv": (
            write("out-plain.csv", plain_data),
            lambda: plain.to_csv(folder / "peer.csv", index=False),
        ),
        "read csv, attributes": (
            lambda: read_graph(folder / "in.csv"),
            lambda: from_frame(pd.read_csv(folder / "in.csv")),
        ),
        "write csv, attributes": (
            write("out.csv"),
            lambda: table.to_csv(folder / "peer.csv", index=False),
        ),
        "read csv, string ids": (
            lambda: read_graph(folder / "named.csv"),
            lambda: from_named_frame(pd.read_csv(folder / "named.csv")),
        ),
        "write csv, string ids": (
            write("out-named.csv", named.with_data(named.data)),
            lambda: named_table.to_csv(folder / "peer.csv", index=False),
        ),
        "read csv.gz": (
            lambda: read_graph(folder / "in.csv.gz"),
            lambda: from_frame(pd.read_csv(folder / "in.csv.gz")),
        ),
        "write csv.gz": (
            write("out.csv.gz"),
            lambda: table.to_csv(folder / "peer.csv.gz", index=False),
        ),
        "read npz": (lambda: read_graph(folder / "in.npz"), lambda: from_npz(folder / "in.npz")),
        "write npz": (write("out.npz"), lambda: np.savez(folder / "peer.npz", **arrays)),
        "write npz, safe": (write("out.npz"), safely(savez, "peer.npz")),
        "read parquet": (
            lambda: read_graph(folder / "in.parquet"),
            lambda: from_frame(pd.read_parquet(folder / "in.parquet")),
        ),
        "write parquet": (
            write("out.parquet"),
            lambda: table.to_parquet(folder / "peer.parquet", index=False),
        ),
        "write parquet, safe": (
            write("out.parquet"),
            safely(lambda path: table.to_parquet(path, index=False), "peer.parquet"),
        ),
    }


WIS = """
import sys
import wis.io.edge_list, wis.methods.one_wis.relaxed, wis.order, pyarrow.csv
from wis_cli.sparsify import sparsify
def act():
    sparsify(["{source}", "-o", "{target}", "--remove", "50%", "--epsilon", "0.1", "--force"],
             standalone_mode=False)
"""
PEER = """
import numpy, pandas, torch
from wis.base.progress import silent
from wis.graph import UndirectedGraph
from wis.methods import get_method
import wis.methods.one_wis.relaxed
def act():
    table = pandas.read_csv("{source}")
    graph = UndirectedGraph.from_any(torch.from_numpy(table.to_numpy().T.copy()))
    method = get_method("wis")
    options = method.resolved_options(graph, dict(epsilon=0.1))
    ids = method.order(graph, count=graph.num_edges // 2, seed=0, progress=silent, **options)
    stays = numpy.ones(graph.num_edges, bool)
    stays[ids.numpy()] = False
    table[stays[graph.arc_to_edge[0].numpy()]].to_csv("{target}", index=False)
"""
COST = """
import time, torch
from common import PeakMemory
torch.set_num_threads(1)
with PeakMemory() as peak:
    start = time.process_time()
    act()
    cpu_s = time.process_time() - start
print(cpu_s, peak.bytes)
"""


def cut(scale: int, num_arcs: int, repeats: int, folder: Path) -> None:
    """From a csv of an R-MAT graph to a csv of half of its edges, in processes of their own."""
    edges = wis.datasets.load(f"rmat:scale={scale},edges={num_arcs},seed=0")
    edges = wis.UndirectedGraph.from_any(edges).edges
    source, ids = folder / "in.csv", edges.numpy().nbytes
    pd.DataFrame(edges.T.numpy(), columns=["source", "target"]).to_csv(source, index=False)
    found: dict[str, list[tuple[float, int]]] = {"wis": [], "peer": []}
    for _ in range(repeats):
        for name, program in (("wis", WIS), ("peer", PEER)):
            text = program.format(source=source, target=folder / f"{name}.csv") + COST
            run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True,
                                 check=True, cwd=Path(__file__).parent)  # fmt: skip
            seconds, peak = run.stdout.split()
            found[name].append((float(seconds), int(peak)))
    assert pd.read_csv(folder / "wis.csv").equals(pd.read_csv(folder / "peer.csv"))
    ours, peer = (sorted(found[name])[repeats // 2][0] for name in ("wis", "peer"))
    peak = max(peak for _, peak in found["wis"])
    print(f"{edges.size(1)} edges, csv of {source.stat().st_size / 1e6:.0f} MB")
    print(f"wis {ours:.2f} CPU s, peer {peer:.2f}, ratio {ours / peer:.2f}")
    print(f"peak of wis {peak / 1e6:.0f} MB, {peak / ids:.1f} x the ids")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", nargs="?", default="formats", choices=["formats", "cut"])
    parser.add_argument("--arcs", type=int, help="1,000,000; for cut 5,400,000")
    parser.add_argument("--scale", type=int, default=20, help="cut: logarithm of the vertices")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", help="where to put the files; a temporary folder by default")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        if args.what == "cut":
            cut(args.scale, args.arcs or 5_400_000, args.repeats, Path(folder))
            return
        num_arcs = args.arcs or 1_000_000
        rows = actions(graph(num_arcs), Path(folder))
        print(f"{num_arcs} arcs")
        print(f"{'':22} {'wis, s (range)':>22} {'peer, s (range)':>22} {'ratio':>6}")
        for label, (ours, peer) in rows.items():
            mine, theirs = timed(ours, args.repeats), timed(peer, args.repeats)
            ratio = mine.median_s / theirs.median_s
            print(f"{label:22} {mine!s:>22} {theirs!s:>22} {ratio:6.2f}", flush=True)


if __name__ == "__main__":
    main()
