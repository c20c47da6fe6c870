"""Test accuracy of a network after each method removed the same share of the edges.

    python benchmarks/bench_methods.py [--data cora] [--model gcn] [--remove 50%] [--seeds 0,1,2]

One cell of the thesis' Figures 5.3 and D.5 for each method, with its stopping rule and the
hyperparameters of Table D.2; random methods get a graph of their own for each seed. A method may be
followed by options, as in wis:walk_length=2;batch_size=100.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time

import torch
from torch_geometric.data import Data

import wis
from wis import datasets
from wis.methods import get_method
from wis.training import split_vertices, thesis_config, train_many

METHODS = "wis,wis:walk_length=2,wis:walk_length=2;batch_size=100,random,spectral,ugs"


def sparser(data: Data, method: str, amount: str, seed: int, bar: bool) -> Data:
    """The graph that a method leaves."""
    name, _, text = method.partition(":")
    options = dict(pair.split("=") for pair in text.split(";") if pair)
    chosen = {key: int(value) for key, value in options.items()}
    return wis.sparsify(data, remove=amount, method=name, seed=seed, progress=bar, **chosen)


def main() -> None:
    """Parse the command line, train, print a row for each method."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", default="cora")
    parser.add_argument("--data-root", default=os.environ.get("WIS_DATA_ROOT"))
    parser.add_argument("--model", default="gcn")
    parser.add_argument("--methods", default=METHODS, help="comma-separated; options after a colon")
    parser.add_argument("--remove", default="50%")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--split-seed", type=int, default=0)
    parser.add_argument("--max-epochs", type=int, default=10_000)
    parser.add_argument("--patience", type=int, default=1_000)
    parser.add_argument("--bar", action="store_true", help="show progress")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = split_vertices(datasets.load(args.data, root=args.data_root), seed=args.split_seed)
    seeds = list(map(int, args.seeds.split(",")))
    config = thesis_config(
        args.model, args.data, max_epochs=args.max_epochs, patience=args.patience
    )
    for method in args.methods.split(","):
        start = time.perf_counter()
        drawn = seeds if get_method(method.partition(":")[0]).uses_seed else seeds[:1]
        graphs = [sparser(data, method, args.remove, seed, args.bar) for seed in drawn]
        order_s = (time.perf_counter() - start) / len(graphs)
        graphs = graphs if len(graphs) == len(seeds) else graphs * len(seeds)
        records = train_many(graphs, config, seeds, progress=args.bar)
        tests = [100 * record.test_accuracy for record in records]
        spread = f" ± {statistics.stdev(tests):.1f}" if len(tests) > 1 else ""
        print(
            f"{args.data}, {args.model}, {args.remove} removed, {method:32} "
            f"test {statistics.mean(tests):.1f}{spread} % "
            f"({', '.join(f'{value:.1f}' for value in tests)}), cut {order_s:.1f} s, "
            f"epochs {[record.num_epochs for record in records]}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
