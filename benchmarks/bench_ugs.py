"""Seconds that UGS takes: an epoch of training masks against plain message passing, whole orders.

    python benchmarks/bench_ugs.py epoch
    python benchmarks/bench_ugs.py order --models gcn,gin

*epoch*: a forward pass, a backward pass and a step of Adam for weights and masks, on one core, on
the whole graph. The peer is the same loop with the model's own message passing, dense features and
a mask gathered for each arc. Both take turns, block by block, so that other programs on the machine
disturb both; what is printed is the median over blocks of the CPU time of an epoch, its range, and
the median of the ratios of neighbouring blocks. *order*: CPU seconds of the whole order with the
options that the method takes by itself for the data set, once, and how many of the first tenth of
the edges, and of all, join vertices of different classes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import cross_entropy

import wis
from wis import datasets
from wis.base.arrays import single_threaded
from wis.models import build_model
from wis.training.edge_masks import LabelledVertices, MaskTraining, train_edge_masks

CONFIG = MaskTraining(
    epochs=10, learning_rate=5e-4, mask_learning_rate=5e-4, weight_decay=1e-3, l1=1e-2
)


def plain_masks(network: Any, data: Any, vertices: Any, edges: torch.Tensor) -> torch.Tensor:
    """The peer of `train_edge_masks`: message passing."""
    arcs = torch.cat([edges, edges.flip(0)], dim=1)
    mask = torch.ones(edges.size(1), requires_grad=True)
    optimizer = torch.optim.Adam(
        [*network.parameters(), mask], lr=CONFIG.learning_rate, weight_decay=CONFIG.weight_decay
    )
    chosen = vertices.train_mask
    for _ in range(CONFIG.epochs):
        optimizer.zero_grad()
        logits = network(data.x, arcs, torch.cat([mask, mask]))
        loss = cross_entropy(logits[chosen], vertices.y[chosen]) + CONFIG.l1 * mask.abs().sum()
        loss.backward()
        optimizer.step()
    return mask.detach()


def cpu_ms(work: Callable[[], Any]) -> float:
    """CPU milliseconds of an epoch."""
    start = time.process_time()
    work()
    return (time.process_time() - start) / CONFIG.epochs * 1000


def bench_epoch(data: Any, model: str, blocks: int) -> None:
    """Print a line about a model."""
    graph = wis.UndirectedGraph.from_any(data)
    vertices = LabelledVertices.of(data, graph, "the benchmark")
    network = build_model(model, data.x.size(1), vertices.num_classes, seed=0)
    initial = {name: value.clone() for name, value in network.state_dict().items()}

    def ours() -> torch.Tensor:
        return train_edge_masks(network, initial, vertices, graph.edges, CONFIG, lambda epoch: None)

    def peer() -> torch.Tensor:
        network.load_state_dict(initial)
        return plain_masks(network, data, vertices, graph.edges)

    with single_threaded():
        differ = float((ours() - peer()).abs().max())  # and a warm-up
        pairs = [(cpu_ms(ours), cpu_ms(peer)) for _ in range(blocks)]
    fast, slow = ([pair[side] for pair in pairs] for side in (0, 1))
    ratio = statistics.median(b / a for a, b in pairs)
    print(
        f"{model:8} wis {statistics.median(fast):6.1f} ms ({min(fast):.1f} to {max(fast):.1f})   "
        f"messages {statistics.median(slow):6.1f} ms ({min(slow):.1f} to {max(slow):.1f})   "
        f"ratio {ratio:.1f}   masks after {CONFIG.epochs} epochs differ by {differ:.0e}",
        flush=True,
    )


def bench_order(data: Any, model: str) -> None:
    """Print a line about a model."""
    start, wall = time.process_time(), time.perf_counter()
    order = wis.removal_order(data, "ugs", model=model, progress=False)
    cpu, wall = time.process_time() - start, time.perf_counter() - wall
    u, v = order.edges
    differs = (data.y[u] != data.y[v]).float()
    tenth = float(differs[: len(order) // 10].mean())
    print(
        f"{model:8} {len(order)} edges in {cpu:.0f} CPU s ({wall:.0f} s by the clock); different "
        f"classes: {tenth:.0%} of the first tenth, {float(differs.mean()):.0%} of all",
        flush=True,
    )


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["epoch", "order"])
    parser.add_argument("--models", default="gcn,gin,resgcn,gat")
    parser.add_argument("--graph", default="cora")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--data-root", default=os.environ.get("WIS_DATA_ROOT"))
    arguments = parser.parse_args()
    data = datasets.load(arguments.graph, root=arguments.data_root)
    for model in arguments.models.split(","):
        if arguments.what == "epoch":
            bench_epoch(data, model, arguments.blocks)
        else:
            bench_order(data, model)


if __name__ == "__main__":
    main()
