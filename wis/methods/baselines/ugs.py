"""UGS: remove, round by round, the edges on which a trained mask puts the least weight.

A baseline of Figures 5.3 and D.5. In each round a mask, one number for each edge that is left, is
trained together with a graph neural network (`wis.training.edge_masks`). Then the edges with the
smallest masks in magnitude are removed, the smallest first, ties by the smallest edge id. The
weights of the network are reset to their initial values, and the masks of the other edges to one.

As in Appendix D.6.2.2, only edges are removed, not weights; a round removes 5 % of the *original*
edges, so that 20 rounds remove all; the mask is symmetric. After r rounds exactly
round-half-even(r · 5 % · m) edges are removed, the number that a cut at r · 5 % removes.

The thesis does not say for how many epochs masks are trained. The default is the 200 of the paper's
citation graphs; the programs published with the thesis train each mask until their stopping rule
ends it, at most 10,000 epochs.

The order depends on features, labels and training vertices. Seed s takes split s mod k of k splits
(masks of shape [n, k]). The same call gives the same order on a CPU, with any number of threads.
Another device or build of torch rounds differently, so nearly equal masks may swap.

Source: Algorithms 1 and 2 of Chen, Sui, Chen, Zhang, Wang, ICML 2021, arXiv:2102.06790; Appendix
D.6.2.2 and Table D.2 of the thesis.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from wis.base.arrays import single_threaded
from wis.base.checks import TINY, checked_integer, checked_number
from wis.base.progress import Progress
from wis.errors import OptionError
from wis.graph import UndirectedGraph
from wis.methods.registry import register

if TYPE_CHECKING:
    from wis.training.edge_masks import LabelledVertices

NEEDS = ("x", "y", "train_mask")
NONE = "none"
GENERAL = {"learning_rate": 1e-3, "weight_decay": 1e-4, "l1": 1e-2}
"""The commonest values of Table D.2, for all graphs whose data set is not named."""


def _resolve(graph: UndirectedGraph, options: dict[str, Any]) -> dict[str, Any]:
    """Check the options of `ugs_order`, and replace None by default values."""
    from wis.models import get_model

    options = dict(options)
    architecture = get_model(options["model"])
    options["model"] = architecture.name
    if options["depth"] is None:
        options["depth"] = architecture.depth
    for name in ("depth", "width", "epochs_per_round"):
        checked_integer(name, options[name], 1)
    options.update(_hyperparameters(options))
    if options["mask_learning_rate"] is None:
        options["mask_learning_rate"] = options["learning_rate"]
    for name, least, most, expected in (
        ("learning_rate", TINY, math.inf, "a number above 0"),
        ("mask_learning_rate", TINY, math.inf, "a number above 0"),
        ("weight_decay", 0.0, math.inf, "a number of at least 0"),
        ("l1", 0.0, math.inf, "a number of at least 0"),
        ("round_fraction", TINY, 1.0, "a number above 0, at most 1"),
    ):
        options[name] = float(checked_number(name, options[name], least, most, expected=expected))
    return options


def _hyperparameters(options: dict[str, Any]) -> dict[str, Any]:
    """The given rates; for others, those of the data set in Table D.2 or the general ones."""
    from wis.errors import UnknownNameError
    from wis.training.config import TABLE_D2

    model, dataset = options["model"], str(options["dataset"]).strip().lower()
    values, row = GENERAL, TABLE_D2.get((model, dataset))
    if row is not None:
        rates = (row.learning_rate, row.weight_decay, row.edge_mask_l1)
        values = dict(zip(GENERAL, rates, strict=True))
    elif dataset != NONE:
        known = (f"{row[0]} on {row[1]}" for row in TABLE_D2)
        error = UnknownNameError.among("row of Table D.2", f"{model} on {dataset}", known)
        usual = ", ".join(f"{name}={value:g}" for name, value in GENERAL.items())
        raise UnknownNameError(f"{error} Leave dataset out for {usual}")
    given = {name: options[name] for name in values if options[name] is not None}
    return {**values, **given, "dataset": dataset}


def _prepare(
    graph: UndirectedGraph, data: Any, options: dict[str, Any], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take features, labels and training vertices from the data; record their digest.

    The options of a saved order contain that digest. The checkpoint is not recorded, since the
    order does not depend on it.
    """
    from wis.training.edge_masks import LabelledVertices

    options = dict(options)
    digest = options.pop("data_digest", None)
    options = _resolve(graph, options)
    vertices = LabelledVertices.of(data, graph, "method 'ugs'", seed=seed)
    if digest not in (None, vertices.digest):
        raise OptionError(
            f"features, labels or training vertices are not those that the order was made for: "
            f"digest {vertices.digest[:8]}, not {str(digest)[:8]}"
        )
    record = {name: value for name, value in options.items() if name != "checkpoint"}
    return {**options, "data": vertices}, {**record, "data_digest": vertices.digest}


@register(
    "ugs",
    summary="edges with the least trained mask, round by round (Chen et al. 2021); needs x, y and "
    "train_mask",
    uses_seed=True,
    resolve=_resolve,
    prepare=_prepare,
    needs=NEEDS,
)
def ugs_order(
    graph: UndirectedGraph,
    *,
    count: int,
    seed: int,
    progress: Progress,
    data: LabelledVertices | None = None,
    model: str = "gcn",
    depth: int | None = None,
    width: int = 64,
    epochs_per_round: int = 200,
    round_fraction: float = 0.05,
    learning_rate: float | None = None,
    mask_learning_rate: float | None = None,
    weight_decay: float | None = None,
    l1: float | None = None,
    dataset: str = NONE,
    checkpoint: str | Path | None = None,
) -> Tensor:
    """The removal order of UGS.

    Args:
        graph: The graph; the network ignores repeats of arcs and self-loops.
        count: Length of the order; a shorter order is a prefix of a longer one and needs fewer
            rounds.
        seed: Seed of the initial weights.
        progress: Called with the number of edges removed; within a round it rises with the epochs.
        data: Features, labels and training vertices.
        model: A name of `wis.models.available_models`, or ``"module:Class"`` (see `wis.models`).
        depth: Number of layers; by default as in the thesis (10 for ResGCN, else 3).
        width: Size of the hidden embeddings.
        epochs_per_round: Steps of Adam before each removal.
        round_fraction: Fraction of the original edges that a round removes, above 0, at most 1; the
            last round removes the rest.
        learning_rate: Learning rate of Adam for the weights, above 0.
        mask_learning_rate: Learning rate of Adam for the masks; by default `learning_rate`.
        weight_decay: L2 penalty of Adam for weights and masks, at least 0.
        l1: Coefficient of the sum of the masks' absolute values, at least 0.
        dataset: Name of a data set, such as ``"cora"``; its row of Table D.2 gives the defaults of
            learning rate, weight decay and l1. Without it they are 0.001, 0.0001 and 0.01.
        checkpoint: A file of the finished rounds. If it exists, the work resumes from it, with the
            result of an uninterrupted call. The file stays; delete it when the order is safe.

    Returns:
        int64 tensor of shape [count] on the graph's device, where the work is done.

    Raises:
        OptionError: An option is impossible, or the data has several types of vertices.
        GraphFormatError: `x`, `y` or `train_mask` is missing or has a wrong shape, dtype or value.
        DivergedError: The loss or the masks are not finite.
        CheckpointError: The checkpoint is damaged, or of another graph, data, options or seed.

    Cost: 1 / round_fraction times `epochs_per_round` forward and backward passes over the remaining
    graph, on one core.
    """
    from wis.training.edge_masks import MaskTraining
    from wis.training.edge_rounds import Pruning, prune

    rates = (learning_rate, mask_learning_rate, weight_decay, l1)
    if data is None or depth is None or None in rates:
        raise OptionError("method 'ugs' needs features and labels; call it by wis.removal_order")
    masks = MaskTraining(epochs_per_round, *cast("tuple[float, ...]", rates))
    config = Pruning(model, depth, width, seed, round_fraction, masks)
    path = None if checkpoint is None else Path(checkpoint)
    with single_threaded():
        ids = prune(graph, data, config, count=count, checkpoint=path, progress=progress)
    return ids[:count].to(graph.device)
