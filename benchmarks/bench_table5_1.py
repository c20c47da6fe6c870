"""How much faster is a shared structure than PyTorch Geometric's loader, on the task of Table 5.1?

    python benchmarks/bench_table5_1.py --graphs 2000 --epochs 3

One epoch is a step of Adam on all graphs: forward, backward, update. Three ways to do it, with the
same networks and the same result (the tests compare logits, gradients and whole runs):

- loader: PyG's `DataLoader` makes a batch of all graphs in every epoch, as the thesis' does;
- batch: PyG's networks on a batch that is made once;
- shared: `wis.theory.table5_1.shared_run.SharedTrainer`.

Processor time, since other programs may run beside; the three take turns in every round, and the
median of the rounds counts, as do ratios within a round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader

from wis.theory.table5_1.patch_graphs import draw_pairs, two_cliques
from wis.theory.table5_1.shared_run import GraphSet, SharedTrainer
from wis.theory.table5_1.shared_structure import SharedStructure
from wis.theory.table5_1.table5_1 import Table51
from wis.training.engine import adam, build


def steps(model: str, graphs: GraphSet) -> dict[str, Callable[[], None]]:
    """An epoch in each of the three ways, each with a network of its own from one seed."""
    config = Table51(models=(model,)).train_config(model, 0)
    items = [
        Data(x=x, edge_index=two_cliques(), y=y.view(1, 1))
        for x, y in zip(graphs.x, graphs.y, strict=True)
    ]
    batch = Batch.from_data_list(items)
    loader = DataLoader(items, batch_size=len(items))
    modules = [build(graphs.x.size(2), 1, config) for _ in range(3)]
    optimizers = [adam(list(module.parameters()), config) for module in modules[:2]]
    structure = SharedStructure.of(two_cliques(), graphs.x.size(1))
    trainer = SharedTrainer(modules[2], structure, graphs, config)

    def pyg(which: int, given: Batch) -> None:
        logits = modules[which](given.x, given.edge_index, batch=given.batch)
        binary_cross_entropy_with_logits(logits, given.y).backward()
        optimizers[which].step()
        optimizers[which].zero_grad()

    def with_loader() -> None:
        for given in loader:
            pyg(0, given)

    def shared() -> None:
        trainer.forward_backward()
        trainer.step()

    return {"loader": with_loader, "batch": lambda: pyg(1, batch), "shared": shared}


def cpu_seconds(action: Callable[[], None]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    action()
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--graphs", type=int, default=10_000, help="number of training graphs")
    parser.add_argument("--epochs", type=int, default=3, help="measured epochs, after one more")
    parser.add_argument(
        "--images", default="fashion-mnist" if os.getenv("WIS_DATA_ROOT") else "digits"
    )
    parser.add_argument("--models", default="gcn,gin,gat")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    pairs, _ = draw_pairs(given.images, num_train=given.graphs, num_test=1)
    graphs = GraphSet(pairs.features("low"), pairs.same)
    print(f"{given.graphs} graphs from {given.images}, {given.threads} thread(s), CPU s an epoch")
    print(f"{'model':6}{'loader':>10}{'batch':>10}{'shared':>10}  loader/shared (spread)")
    for model in given.models.split(","):
        ways = steps(model, graphs)
        for action in ways.values():
            action()
        rounds = [
            {name: cpu_seconds(action) for name, action in ways.items()}
            for _ in range(given.epochs)
        ]
        medians = (statistics.median(row[name] for row in rounds) for name in ways)
        ratios = sorted(row["loader"] / row["shared"] for row in rounds)
        cells = "".join(f"{median:10.3f}" for median in medians)
        spread = f"{statistics.median(ratios):.1f} ({ratios[0]:.1f}-{ratios[-1]:.1f})"
        print(f"{model:6}{cells}  {spread}", flush=True)


if __name__ == "__main__":
    main()
