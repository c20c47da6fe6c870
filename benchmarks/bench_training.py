"""Epochs per second of wis' training runs, as a ratio to a plain PyTorch Geometric loop.

    python benchmarks/bench_training.py speed
    python benchmarks/bench_training.py speed --models resgcn,resgcn:layer-norm --threads 2
    python benchmarks/bench_training.py speed --models gcn --compile
    python benchmarks/bench_training.py accuracy --models gcn,gin --seeds 0,1,2
    python benchmarks/bench_training.py mini-batch

*speed*: an epoch is a training step and an evaluation of the validation vertices. The peer is the
loop that one writes after PyTorch Geometric's examples: its layers, dense features, Adam, a second
forward pass for the evaluation. Both start from the same parameters, and their loss curves are
compared; with dropout, which ResGCN has, they draw different numbers. They take turns, block by
block, so that other programs on the machine disturb both. The
output is the median over blocks of the CPU time of an epoch, its range, and the median of the
ratios of neighbouring blocks. *accuracy*: test accuracies with all edges and
with none, at Table D.2's hyperparameters. *mini-batch*: seconds per epoch of the samplers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import DeepGCNLayer, GCNConv, GENConv, GINConv, SAGEConv

import wis
from wis import datasets
from wis.training import TrainConfig, split_vertices, thesis_config, train, train_many
from wis.training.engine import build, make_engine
from wis.training.problem import make_problem


class PlainNetwork(nn.Module):
    """PyG's own layers as an example would stack them: layer, ReLU, layer normalisation."""

    def __init__(self, model: str, in_dim: int, out_dim: int, depth: int, width: int) -> None:
        super().__init__()
        sizes = [in_dim] + [width] * (depth - 1)
        layer = {"gcn": GCNConv, "gin": self.gin, "sage": SAGEConv}[model]
        self.layers = nn.ModuleList(layer(size, width) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes)
        self.output = nn.Linear(width, out_dim)

    @staticmethod
    def gin(in_dim: int, width: int) -> GINConv:
        """A GIN layer with trainable epsilon and a two-layer perceptron."""
        parts = [nn.Linear(in_dim, width), nn.BatchNorm1d(width), nn.ReLU()]
        parts += [nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()]
        return GINConv(nn.Sequential(*parts), train_eps=True)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Logits."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(layer(x, edge_index).relu())
        return self.output(x)


class PlainResGCN(nn.Module):
    """PyG's example of DeeperGCN, with one linear layer in each convolution."""

    def __init__(
        self, in_dim: int, out_dim: int, depth: int, width: int, variant: str = "deepergcn"
    ) -> None:
        super().__init__()
        self.has_batch_norm = variant == "deepergcn"
        norm, t = (nn.BatchNorm1d, 0.1) if self.has_batch_norm else (nn.LayerNorm, 1.0)
        aggregation = "softmax_sg" if self.has_batch_norm else "softmax"
        self.encoder = nn.Linear(in_dim, width)
        self.layers = nn.ModuleList(
            DeepGCNLayer(
                GENConv(width, width, aggr=aggregation, t=t, num_layers=1, bias=True),
                norm(width),
                nn.ReLU(),
                dropout=0.5 * self.has_batch_norm,
            )
            for _ in range(depth)
        )
        self.output = nn.Linear(width, out_dim)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Logits."""
        x = self.layers[0].conv(self.encoder(x), edge_index)
        for layer in self.layers[1:]:
            x = layer(x, edge_index)
        x = self.layers[0].act(self.layers[0].norm(x))
        return self.output(nn.functional.dropout(x, self.layers[0].dropout, self.training))


# wis names the first linear map of a GIN layer, and its bias, on their own
RENAMED = {".lin.weight": ".nn.0.weight", ".bias": ".nn.0.bias"}
RENAMED |= {f".nn.{k}.": f".nn.{k + 1}." for k in (0, 2, 3)}


def plain_network(data: Data, config: TrainConfig) -> nn.Module:
    """The peer with the initial parameters of wis' run."""
    in_dim, out_dim = data.x.size(1), int(data.y.max()) + 1
    start = build(in_dim, out_dim, config).state_dict()
    if config.model == "resgcn":
        network: nn.Module = PlainResGCN(
            in_dim, out_dim, config.depth, config.width, config.model_options["variant"]
        )
    else:
        network = PlainNetwork(config.model, in_dim, out_dim, config.depth, config.width)
    if config.model == "gin":
        start = {gin_name(name): value for name, value in start.items()}
    network.load_state_dict(start)
    return network.to(data.x.dtype)


def gin_name(name: str) -> str:
    """The name of a parameter of wis' GIN in PyG's."""
    if not name.startswith("layers."):
        return name
    head, rest = name.split(".", 2)[:2], "." + name.split(".", 2)[2]
    for old, new in RENAMED.items():
        if rest == old or (old.endswith(".") and rest.startswith(old)):
            rest = new + rest[len(old) :]
            break
    return ".".join(head) + rest


def plain_epochs(data: Data, config: TrainConfig, compiled: bool) -> Iterator[float]:
    """The peer: yields the loss of each epoch after its training step and its evaluation."""
    network: Any = plain_network(data, config)
    if compiled:
        network = torch.compile(network, dynamic=False)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    while True:
        network.train()
        optimizer.zero_grad()
        logits = network(data.x, data.edge_index)
        loss = nn.functional.cross_entropy(logits[data.train_mask], data.y[data.train_mask])
        loss.backward()
        optimizer.step()
        network.eval()
        with torch.no_grad():
            predicted = network(data.x, data.edge_index).argmax(dim=1)
        for mask in (data.val_mask, data.test_mask):
            int((predicted[mask] == data.y[mask]).sum())
        yield float(loss.detach())


def wis_epochs(data: Data, config: TrainConfig) -> Iterator[float]:
    """Epochs as `train` does them."""
    engine = make_engine(make_problem(data, config), config)
    number = 0
    while True:
        number += 1
        yield engine.epoch(number).loss


def block(epochs: Iterator[float], length: int) -> tuple[float, list[float]]:
    """CPU milliseconds of an epoch over some epochs, and their losses."""
    start = time.process_time()
    losses = [next(epochs) for _ in range(length)]
    return (time.process_time() - start) * 1e3 / length, losses


def speed(args: argparse.Namespace) -> None:
    """Print a row for each model."""
    data = split_vertices(datasets.load(args.data, root=args.data_root))
    data.x = data.x.to(getattr(torch, args.dtype))
    threads = torch.get_num_threads()
    print(f"{threads} threads, {args.data}, {args.dtype}; CPU ms of an epoch")
    print("model      plain (range)         wis (range)         ratio (range)    loss differs")
    for name in args.models.split(","):
        model, _, variant = name.partition(":")
        config = TrainConfig(
            model=model,
            model_options={"variant": variant} if variant else {},
            learning_rate=5e-4,
            weight_decay=1e-3,
            dtype=args.dtype,
        )
        sides: list[Callable[[], Iterator[float]]] = [
            lambda config=config: plain_epochs(data, config, args.compile),
            lambda config=config: wis_epochs(data, config),
        ]
        plain, ours, differs = measure(sides, args.blocks, args.block)
        ratios = [a / b for a, b in zip(plain, ours, strict=True)]
        columns = [shown(plain, 1), shown(ours, 2), shown(ratios, 2)]
        print(f"{name:7}  {'  '.join(columns)}   {differs:.1e}", flush=True)


def measure(
    sides: list[Callable[[], Iterator[float]]], num_blocks: int, length: int
) -> tuple[list[float], list[float], float]:
    """Blocks of both sides by turns; the largest difference between their losses."""
    running = [side() for side in sides]
    curves: list[list[float]] = [block(epochs, 3)[1] for epochs in running]
    times: list[list[float]] = [[], []]
    for _ in range(num_blocks):
        for side, epochs in enumerate(running):
            milliseconds, losses = block(epochs, length)
            times[side].append(milliseconds)
            curves[side] += losses
    differs = max(abs(a - b) for a, b in zip(*curves, strict=True))
    return times[0], times[1], differs


def shown(values: list[float], digits: int) -> str:
    """Median and range."""
    low, high = min(values), max(values)
    middle = statistics.median(values)
    return f"{middle:6.{digits}f} ({low:.{digits}f}-{high:.{digits}f})".rjust(20)


def accuracy(args: argparse.Namespace) -> None:
    """Test accuracies with all edges and with none, and their gap."""
    data = split_vertices(datasets.load(args.data, root=args.data_root), seed=args.split_seed)
    bare = data.clone()
    bare.edge_index = data.edge_index[:, :0]
    seeds = list(map(int, args.seeds.split(",")))
    for model in args.models.split(","):
        config = thesis_config(model, args.data, max_epochs=args.max_epochs, patience=args.patience)
        for label, graph in (("all edges", data), ("no edges", bare)):
            records = train_many(graph, config, seeds, checkpoint=args.checkpoint)
            tests = [100 * record.test_accuracy for record in records]
            spread = f" ± {statistics.stdev(tests):.1f}" if len(tests) > 1 else ""
            epochs = [record.num_epochs for record in records]
            seconds = sum(record.seconds for record in records)
            print(
                f"{model:7} {label:10} test {statistics.mean(tests):.1f}{spread} % "
                f"({', '.join(f'{value:.1f}' for value in tests)}), best epochs "
                f"{[record.best_epoch for record in records]} of {epochs}, {seconds:.0f} s",
                flush=True,
            )


def mini_batch(args: argparse.Namespace) -> None:
    """Wall seconds of an epoch, evaluation included, and test accuracy after a few."""
    data = split_vertices(datasets.load(args.data, root=args.data_root))
    for sampler in ("neighbor", "random-parts", None):
        config = TrainConfig(
            sampler=sampler, batch_size=512, num_parts=4, max_epochs=args.max_epochs
        )
        try:
            record = train(data, config)
        except wis.WisError as error:
            print(f"{sampler}: {error}")
            continue
        print(
            f"{sampler or 'full batch'}: {1 / record.epochs_per_second:.3f} s per epoch, "
            f"test {record.test_accuracy:.3f} after {record.num_epochs} epochs",
            flush=True,
        )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "accuracy", "mini-batch"))
    parser.add_argument("--data", default="cora")
    parser.add_argument("--data-root", default=os.environ.get("WIS_DATA_ROOT"))
    parser.add_argument("--models", default="gcn,gin,resgcn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--compile", action="store_true", help="speed: torch.compile the peer")
    parser.add_argument("--blocks", type=int, default=7, help="speed: blocks of each side")
    parser.add_argument("--block", type=int, default=10, help="speed: epochs of a block")
    parser.add_argument("--seeds", default="0,1,2", help="accuracy: seeds")
    parser.add_argument("--split-seed", type=int, default=0)
    parser.add_argument("--max-epochs", type=int, default=10_000)
    parser.add_argument("--patience", type=int, default=1_000)
    parser.add_argument("--checkpoint", help="accuracy: folder, to go on after an interrupt")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    {"speed": speed, "accuracy": accuracy, "mini-batch": mini_batch}[args.what](args)


if __name__ == "__main__":
    sys.exit(main())
