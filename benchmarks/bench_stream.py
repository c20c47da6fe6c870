"""Folders of edges that are streamed: an R-MAT graph drawn in shards, cut to half, killed, resumed.

    python benchmarks/bench_stream.py --folder /data/wis-stream                  500 million edges
    python benchmarks/bench_stream.py --scale 22 --rows 66000000 --shards 16 --folder /tmp/wis

One run is killed with SIGKILL after `--kill-after` phases; another one is left alone and counts.
Then the first one goes on, and its output must be that of the other, byte for byte. All seconds are
those of the command, from folder to folder. *Read* are the bytes of files and of arrays mapped into
memory.
Rows hold repeated edges and loops, as R-MAT draws them.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from wis.datasets.generators import _descend

RUN = """
import dataclasses, json, os, re, sys, time
import torch
from pathlib import Path
from wis.scale import sparsify_files
from wis.scale.stream import Stream
torch.set_num_threads(1)
mapped = [0]
live = Stream._live
def counted(self, inside):
    mapped[0] += 10 * self.u.size
    return live(self, inside)
Stream._live = counted
def read():
    return int(re.search(r"rchar: (\\d+)", Path("/proc/self/io").read_text()).group(1))
before = read()
found = sparsify_files(sys.argv[1], sys.argv[2], remove="50%", epsilon=0.1, block=int(sys.argv[3]))
times = os.times()
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))
numbers = {"cpu_s": times.user + times.system, "peak_gib": peak / 2**20}
total = read() - before + mapped[0] + 18 * found.num_edges
numbers["read_per_edge"] = total / max(found.num_edges, 1)
print(json.dumps(dataclasses.asdict(found) | numbers))
"""


def generate(folder: Path, scale: int, num_rows: int, num_shards: int) -> None:
    """Write the rows as Parquet files of two columns; a folder that is there is left alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if folder.exists():
        return
    partial = folder.with_name(f"{folder.name}-partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    relabel = np.random.default_rng(0).permutation(1 << scale).astype(np.uint32)
    for shard in range(num_shards):
        rng = np.random.default_rng([scale, shard])
        size = num_rows * (shard + 1) // num_shards - num_rows * shard // num_shards
        ends = [relabel[end] for end in _descend(rng, scale, size)]
        table = pa.table(ends, names=["source", "target"])
        pq.write_table(table, partial / f"part-{shard:04d}.parquet", use_dictionary=False)
    partial.rename(folder)


def command(source: Path, output: Path, block: int) -> list[str]:
    """The command line of a run."""
    return [sys.executable, "-c", RUN, str(source), str(output), str(block)]


def kill_after(source: Path, output: Path, block: int, num_phases: int) -> None:
    """Start a run and kill it once it has written so many phases."""
    run = subprocess.Popen(command(source, output, block))
    pattern = f"{output.name}.wis-work/*/phase-{num_phases - 1:05d}.npz"
    while run.poll() is None and not list(output.parent.glob(pattern)):
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    if run.wait() != -signal.SIGKILL:
        raise SystemExit(f"the run ended before phase {num_phases}; lower --kill-after")


def digest(folder: Path) -> str:
    """A digest of all files of an output."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.parquet")):
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def main() -> None:
    """Generate, run, kill, resume and compare; one JSON object for each finished run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--scale", type=int, default=25)
    parser.add_argument("--rows", type=int, default=520_000_000)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--block", type=int, default=1 << 24)
    parser.add_argument("--kill-after", type=int, default=12, metavar="PHASES")
    parser.add_argument("--folder", type=Path, default=Path("wis-stream"))
    parser.add_argument("--keep", action="store_true", help="keep the folder of edges")
    args = parser.parse_args()
    source = args.folder / f"rmat-{args.scale}-{args.rows}"
    generate(source, args.scale, args.rows, args.shards)
    outputs = [args.folder / name for name in ("whole", "resumed")]
    kill_after(source, outputs[1], args.block, args.kill_after)
    for output in outputs:
        run = subprocess.run(command(source, output, args.block), stdout=subprocess.PIPE,
                             text=True, check=True)  # fmt: skip
        print(output.name, run.stdout, flush=True)
    if digest(outputs[0]) != digest(outputs[1]):
        raise SystemExit("the resumed run has another result")
    print("the resumed run has the same result")
    for folder in outputs + [source] * (not args.keep):
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
