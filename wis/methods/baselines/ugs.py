"""UGS: remove, round by round, the edges on which a trained mask puts the least weight.

A baseline of Figures 5.3 and D.5. In each round a mask, one number for each edge that is left, is
trained together with a graph neural network (`wis.training.edge_masks`). Then the edges with the
smallest masks in magnitude are removed, the smallest first, ties at random. The weights of the
network are reset to their initial values, and the masks of the other edges to 1 ± 10^-5.

As in Appendix D.6.2.2, only edges are removed, not weights; a round removes 5 % of the *original*
edges, so that 20 rounds remove all; the mask is symmetric. After r rounds exactly
round-half-even(r · 5 % · m) edges are removed, the number that a cut at r · 5 % removes.

Three protocols say how long masks are trained and with which rates:

- ``"thesis"``, that of the programs published with the thesis: until the validation accuracy has
  not risen for 1,000 epochs, at most 10,000; the masks of the last epoch; Table D.2's rates.
- ``"original"``, that of the programs of UGS' authors: 200 epochs; the masks of the epoch with the
  highest validation accuracy; their rates for Cora, CiteSeer and PubMed.
- ``"quick"``: the thesis' protocol ten times as fast: ten times its learning rates, a patience of
  100 epochs, at most 1,000. Adam's steps are proportional to its rate, so masks come as far.

Masks sink together, at the learning rates of Chameleon to zero, where the l1 term keeps them: see
`wis.training.edge_masks`. A warning then says how many edges the masks do not tell apart.

The order depends on features, labels, training and validation vertices. Seed s takes split s mod k
of k splits (masks of shape [n, k]). The same call gives the same order on a CPU, with any number of
threads. Another device or build of torch rounds differently, so nearly equal masks may swap.

Source: Algorithms 1 and 2 of Chen, Sui, Chen, Zhang, Wang, ICML 2021, arXiv:2102.06790; Appendix
D.6.2.2 and Table D.2 of the thesis; github.com/noamrazin/gnn_interactions;
github.com/VITA-Group/Unified-LTH-GNN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from wis.base.arrays import single_threaded
from wis.base.checks import TINY, checked_choice, checked_integer, checked_number
from wis.base.progress import Progress
from wis.errors import OptionError
from wis.graph import UndirectedGraph
from wis.methods.registry import register

if TYPE_CHECKING:
    from wis.training.edge_masks import LabelledVertices

NEEDS = ("x", "y", "train_mask", "val_mask")
NONE = "none"
RATES = ("learning_rate", "weight_decay", "l1")
GENERAL = (1e-3, 1e-4, 1e-2)
"""The commonest values of Table D.2, for all graphs whose data set is not named."""
ORIGINAL = {
    "cora": (8e-3, 8e-5, 1e-2),
    "citeseer": (1e-2, 5e-4, 1e-2),
    "pubmed": (1e-2, 5e-4, 1e-6),
    NONE: (1e-2, 5e-4, 1e-2),
}
"""Rates of the original programs with GCN; those of CiteSeer for all graphs without a name."""


@dataclass(frozen=True)
class Protocol:
    """How masks are trained; the fields are those of `wis.training.edge_masks.MaskTraining`.

    `speed` multiplies the learning rates of Table D.2.
    """

    epochs_per_round: int
    patience: int
    keep: str
    speed: float = 1.0


PROTOCOLS = {
    "thesis": Protocol(10_000, 1_000, "last"),
    "original": Protocol(200, 0, "best"),
    "quick": Protocol(1_000, 100, "last", speed=10),
}


def _resolve(graph: UndirectedGraph, options: dict[str, Any]) -> dict[str, Any]:
    """Check the options of `ugs_order`, and replace None by default values."""
    from wis.models import get_model

    options = dict(options)
    architecture = get_model(options["model"])
    checked_choice("protocol", options["protocol"], tuple(PROTOCOLS))
    protocol = PROTOCOLS[options["protocol"]]
    options["model"] = architecture.name
    defaults: dict[str, Any] = {
        "depth": architecture.depth,
        **vars(protocol),
        **_rates(options, protocol.speed),
    }
    for name, value in defaults.items():
        if options.get(name, 0) is None:
            options[name] = value
    if options["mask_learning_rate"] is None:
        options["mask_learning_rate"] = options["learning_rate"]
    checked_choice("keep", options["keep"], ("last", "best"))
    for name, low in (("depth", 1), ("width", 1), ("epochs_per_round", 1), ("patience", 0)):
        checked_integer(name, options[name], low)
    for name, least, most, expected in (
        ("learning_rate", TINY, math.inf, "a number above 0"),
        ("mask_learning_rate", TINY, math.inf, "a number above 0"),
        ("weight_decay", 0.0, math.inf, "a number of at least 0"),
        ("l1", 0.0, math.inf, "a number of at least 0"),
        ("round_fraction", TINY, 1.0, "a number above 0, at most 1"),
    ):
        options[name] = float(checked_number(name, options[name], least, most, expected=expected))
    return options


def _rates(options: dict[str, Any], speed: float) -> dict[str, float]:
    """The rates of the protocol: those of the named data set, or its general ones."""
    from wis.errors import UnknownNameError
    from wis.training.config import TABLE_D2

    model, dataset = options["model"], str(options["dataset"]).strip().lower()
    options["dataset"] = dataset
    if options["protocol"] == "original":
        table, usual, title, name = ORIGINAL, ORIGINAL[NONE], "data set of the original", dataset
    else:
        rows = TABLE_D2.items()
        table = {f"{key[0]} on {key[1]}": tuple(vars(row).values()) for key, row in rows}
        usual, title, name = GENERAL, "row of Table D.2", f"{model} on {dataset}"
    if dataset != NONE and name not in table:
        error = UnknownNameError.among(title, name, table)
        values = ", ".join(f"{key}={value:g}" for key, value in zip(RATES, usual, strict=True))
        raise UnknownNameError(f"{error} Leave dataset out for {values}")
    rate, *others = table.get(name, usual)
    return dict(zip(RATES, (rate * speed, *others), strict=True))


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
    summary="edges with the least trained mask, round by round (Chen et al. 2021); needs x, y, "
    "train_mask and val_mask",
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
    protocol: str = "thesis",
    epochs_per_round: int | None = None,
    patience: int | None = None,
    keep: str | None = None,
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
        seed: Seed of the initial weights, the noise of masks, dropout and ties.
        progress: Called with the number of edges removed; within a round it rises with the epochs.
        data: Features, labels, training and validation vertices.
        model: A name of `wis.models.available_models`, or ``"module:Class"`` (see `wis.models`).
        depth: Number of layers; by default as in the thesis (10 for ResGCN, else 3).
        width: Size of the hidden embeddings.
        protocol: ``"thesis"``, ``"original"`` or ``"quick"``: the defaults of all options that
            follow, see above.
        epochs_per_round: Most steps of Adam before each removal.
        patience: Epochs without a better validation accuracy after which a round ends, at least 0;
            0 for no such end.
        keep: The epoch whose masks count, ``"last"`` or ``"best"`` by validation accuracy.
        round_fraction: Fraction of the original edges that a round removes, above 0, at most 1; the
            last round removes the rest.
        learning_rate: Learning rate of Adam for the weights, above 0.
        mask_learning_rate: Learning rate of Adam for the masks; by default `learning_rate`.
        weight_decay: L2 penalty of Adam for weights and masks, at least 0.
        l1: Coefficient of the sum of the masks' absolute values, at least 0.
        dataset: Name of a data set, such as ``"cora"``, whose learning rate, weight decay and l1
            are the defaults; without it they are 0.001, 0.0001 and 0.01 (thesis) or 0.01, 0.0005
            and 0.01 (original).
        checkpoint: A file of the finished rounds. If it exists, the work resumes from it, with the
            result of an uninterrupted call. The file stays; delete it when the order is safe.

    Returns:
        int64 tensor of shape [count] on the graph's device, where the work is done.

    Raises:
        OptionError: An option is impossible, or the data has several types of vertices.
        GraphFormatError: `x`, `y` or a mask is missing or has a wrong shape, dtype or value.
        DivergedError: The loss or the masks are not finite.
        CheckpointError: The checkpoint is damaged, or of another graph, data, options or seed.

    Cost: 1 / round_fraction times at most `epochs_per_round` forward and backward passes over the
    remaining graph, on one core.
    """
    from wis.training.edge_masks import MaskTraining
    from wis.training.edge_rounds import Pruning, prune

    given = (epochs_per_round, learning_rate, mask_learning_rate, weight_decay, l1, patience, keep)
    if data is None or depth is None or None in given:
        raise OptionError("method 'ugs' needs features and labels; call it by wis.removal_order")
    masks = MaskTraining(*cast("tuple[Any, ...]", given))
    config = Pruning(model, depth, width, seed, round_fraction, masks)
    path = None if checkpoint is None else Path(checkpoint)
    with single_threaded():
        ids = prune(graph, data, config, count=count, checkpoint=path, progress=progress)
    return ids[:count].to(graph.device)
