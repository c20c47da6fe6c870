"""Find the vertices on which WIS loses to its rivals, and try remedies.

A GCN of depth 3 is trained on the whole graph and on graphs cut by several methods, with the same
seeds, splits and stopping rule. Test vertices are put in classes by their degree in the whole
graph. For each method: the accuracy of each class; the share of test vertices that keep no
neighbour, and no training neighbour; the share of kept and removed edges that join equal labels.

A method is written as for `wis bench run --methods`, with `min_degree=1` as a further option.
``A + B`` is the order by the sum of both ranks. ``all edges`` and ``no edges`` are the two ends.

    python benchmarks/where_wis_loses.py debian --remove 75% -o benchmarks/figures/where_debian.png
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

import wis
from wis import UndirectedGraph, datasets
from wis.base.checks import num_edges_to_remove
from wis.experiments.recipe import parse_methods
from wis.methods import get_method
from wis.training import TrainConfig, split_vertices, train_network

CLASSES = (1, 2, 4, 8, 32)
"""The largest degree of each class but the last."""
ENDS = ("all edges", "no edges")
METHODS = (
    *("all edges", "wis", "wis:epsilon=0.1", "wis:walk_length=2,batch_size=1000"),
    *("wis:min_degree=1", "wis + jaccard", "wis + k-neighbor", "dspar", "k-neighbor", "random"),
    "no edges",
)
EPOCHS = {"cora": (300, 50), "debian": (100, 20), "wordnet": (80, 20)}
"""The most epochs and the patience of each graph."""


@dataclass(frozen=True)
class Cut:
    """What a method leaves, as means over the seeds.

    Attributes:
        accuracy: Test accuracy in percent, of all vertices and of each class of degrees.
        alone: Percentage of the test vertices without a neighbour.
        untaught: Percentage of the test vertices without a neighbour in the training set.
        kept_equal: Percentage of the kept edges that join equal labels; nan without edges.
        removed_equal: The same for the removed edges.
    """

    accuracy: Tensor
    alone: float
    untaught: float
    kept_equal: float
    removed_equal: float


def ranks_of(data: Data, graph: UndirectedGraph, method: str, seed: int) -> Tensor:
    """The place of each edge in a removal order; edges that it never removes come last."""
    own = method.replace("min_degree=1", "").rstrip(":,")
    (spec,) = parse_methods(own)
    options = dict(spec.options)
    if own != method:
        options["min_degree"] = 1
    if get_method(spec.name).is_seeded(spec.options):
        options["seed"] = seed
    order = wis.removal_order(data, spec.name, progress=False, **options)
    ids = order.ranked(graph).ids
    ranks = torch.full((graph.num_edges,), graph.num_edges)
    ranks[ids] = torch.arange(len(ids))
    return ranks


def is_kept(data: Data, graph: UndirectedGraph, method: str, remove: str, seed: int) -> Tensor:
    """Which edges a method keeps, bool [num_edges]."""
    if method in ENDS:
        return torch.full((graph.num_edges,), method == ENDS[0])
    total = sum(ranks_of(data, graph, part.strip(), seed) for part in method.split("+"))
    removed = torch.as_tensor(total).argsort(stable=True)
    kept = torch.ones(graph.num_edges, dtype=torch.bool)
    kept[removed[: num_edges_to_remove(graph.num_edges, remove=remove)]] = False
    return kept


def class_of(graph: UndirectedGraph) -> Tensor:
    """The class of each vertex by its degree; 0 has no neighbours."""
    degree = torch.bincount(graph.edges.flatten(), minlength=graph.num_nodes)
    return torch.bucketize(degree, torch.tensor((0, *CLASSES)))


def studied(
    data: Data, graph: UndirectedGraph, kept: Tensor, config: TrainConfig, classes: Tensor
) -> Cut:
    """Train on the kept edges, and see who is right."""
    edges = graph.edges[:, kept]
    cut = Data(x=data.x, y=data.y, edge_index=torch.cat([edges, edges.flip(0)], dim=1))
    for name in ("train_mask", "val_mask", "test_mask"):
        cut[name] = data[name]
    _, network = train_network(cut, config, progress=False)
    with torch.no_grad():
        right = (network(cut.x, cut.edge_index).argmax(dim=1) == data.y).double()
    test = data.test_mask
    groups = [test, *(test & (classes == each) for each in range(len(CLASSES) + 2))]
    taught = torch.zeros(data.num_nodes).index_add_(
        0, cut.edge_index[0], data.train_mask[cut.edge_index[1]].float()
    )
    degree = torch.bincount(cut.edge_index[0], minlength=data.num_nodes)
    equal = (data.y[graph.edges[0]] == data.y[graph.edges[1]]).double()
    shares = (degree[test] == 0, taught[test] == 0, equal[kept], equal[~kept])
    return Cut(
        torch.stack([100 * right[group].mean() for group in groups]),
        *(float(100 * share.double().mean()) for share in shares),
    )


def mean_of(cuts: list[Cut]) -> Cut:
    """The mean over the seeds."""
    numbers = zip(
        *((c.alone, c.untaught, c.kept_equal, c.removed_equal) for c in cuts), strict=True
    )
    accuracy = torch.stack([cut.accuracy for cut in cuts]).nanmean(dim=0)
    return Cut(accuracy, *(float(np.mean(values)) for values in numbers))


def study(args: argparse.Namespace) -> tuple[list[str], dict[str, Cut], list[float]]:
    """Names of the groups, the cut of each method, the share of the test vertices in each group."""
    data = datasets.load(args.graph)
    graph = UndirectedGraph.from_any(data)
    classes = class_of(graph)
    epochs, patience = EPOCHS.get(args.graph, EPOCHS["cora"])
    found: dict[str, list[Cut]] = {}
    for seed in range(args.seeds):
        data = split_vertices(data, seed=seed)
        config = TrainConfig(learning_rate=1e-2, max_epochs=epochs, patience=patience, seed=seed)
        for method in args.methods:
            kept = is_kept(data, graph, method, args.remove, seed)
            found.setdefault(method, []).append(studied(data, graph, kept, config, classes))
            told = found[method][-1].accuracy[0]
            print(f"seed {seed}, {method}: {told:.1f} %", flush=True)
    shares = [100.0] + [
        float(100 * (classes == k).double().mean()) for k in range(len(CLASSES) + 2)
    ]
    lows = (0, *(1 + c for c in (0, *CLASSES)))
    names = [str(a) if a == b else f"{a}-{b}" for a, b in zip(lows, (0, *CLASSES), strict=False)]
    return ["all", *names, f"{lows[-1]}+"], {m: mean_of(cuts) for m, cuts in found.items()}, shares


def tables(groups: list[str], cuts: dict[str, Cut], shares: list[float]) -> str:
    """Both tables in Markdown."""
    used = [k for k, share in enumerate(shares) if share > 0]
    lines = ["| | " + " | ".join(f"degree {groups[k]}" if k else "all" for k in used) + " |"]
    lines += ["|---|" + "---|" * len(used)]
    lines += ["| vertices, % | " + " | ".join(f"{shares[k]:.1f}" for k in used) + " |"]
    for method, cut in cuts.items():
        cells = (f"{float(cut.accuracy[k]):.1f}" for k in used)
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| | alone, % | no training neighbour, % | kept edges of equal labels, % | removed, % |",
    ]
    lines += ["|---|---|---|---|---|"]
    for method, cut in cuts.items():
        cells = (cut.alone, cut.untaught, cut.kept_equal, cut.removed_equal)
        shown = ("–" if np.isnan(cell) else f"{cell:.1f}" for cell in cells)
        lines.append(f"| {method} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def draw(
    path: Path, title: str, groups: list[str], cuts: dict[str, Cut], shares: list[float]
) -> None:
    """Accuracy of each class minus that without edges, a line for each method."""
    from matplotlib.figure import Figure

    used = [k for k, share in enumerate(shares) if share > 0 and k]
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    for method, cut in cuts.items():
        if method != ENDS[1]:
            gain = cut.accuracy - cuts[ENDS[1]].accuracy
            axes.plot(range(len(used)), gain[used], marker="o", label=method)
    axes.axhline(0, color="#888", linewidth=0.8)
    axes.set_xticks(range(len(used)), [f"{groups[k]}\n{shares[k]:.0f} %" for k in used])
    axes.set(xlabel="degree in the whole graph, and share of the vertices", title=title)
    axes.set_ylabel("accuracy above that without edges, points")
    axes.legend(fontsize=7)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Print the tables of one graph, and draw them if a file is given."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("graph", help="a name of `wis datasets` with features and labels")
    parser.add_argument("--remove", default="75%")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    groups, cuts, shares = study(args)
    print(tables(groups, cuts, shares))
    if args.output is not None:
        draw(args.output, f"{args.graph}, {args.remove} removed", groups, cuts, shares)


if __name__ == "__main__":
    main()
