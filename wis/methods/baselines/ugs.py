"""UGS: remove, round by round, the edges on which a trained mask puts the least weight.

A baseline of Figures 5.3 and D.5. In each round a mask, one number for each edge that is left, is
trained together with a graph neural network (`wis.training.edge_masks`); then the edges with the
smallest mask magnitudes go, the smallest first, ties to the smallest edge id. The weights of the
network are rewound to their initial values and the masks of the remaining edges to one, as in
Algorithms 1 and 2 of the paper, where a removal sets the mask to 0 at the edges that go and to 1 at
all others.

The adaptations of Appendix D.6.2.2 are followed: only edges are removed, not weights; a round takes
5 % of the *original* edges, so that 20 rounds take all; the mask is symmetric. After r rounds
exactly round-half-even(r · 5 % · m) edges are gone, which is where a cut at that percentage falls.

The thesis does not say for how many epochs masks are trained. The default is the 200 of the paper's
citation graphs; the programs published with the thesis train each mask until their stopping rule
ends it, at most 10,000 epochs. Learning rate, weight decay and l1 are those of a row of Table D.2
where the option `dataset` names it.

What a network learns depends on features, labels and training vertices, and so does the order; of
several splits (masks of shape [n, k]) seed s takes split s mod k. It is a matter of floats: the
same call gives the same order on a CPU, with any number of threads; another device or build of
torch rounds otherwise, and nearly equal masks may change places.

Source: Chen, Sui, Chen, Zhang, Wang, ICML 2021, arXiv:2102.06790; Appendix D.6.2.2 of the thesis.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    """Check the options of `ugs_order`, and put values in the place of None."""
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
    """Those of Table D.2 for the data set that is named, where none are given."""
    from wis.errors import UnknownNameError
    from wis.training.config import TABLE_D2

    model, dataset = options["model"], str(options["dataset"]).strip().lower()
    values = GENERAL
    if dataset != NONE:
        if (model, dataset) not in TABLE_D2:
            known = (f"{row[0]} on {row[1]}" for row in TABLE_D2)
            error = UnknownNameError.among("row of Table D.2", f"{model} on {dataset}", known)
            usual = ", ".join(f"{name}={value:g}" for name, value in GENERAL.items())
            raise UnknownNameError(f"{error} Leave dataset out for {usual}")
        row = TABLE_D2[model, dataset]
        values = {
            "learning_rate": row.learning_rate,
            "weight_decay": row.weight_decay,
            "l1": row.edge_mask_l1,
        }
    given = {name: options[name] for name in values if options[name] is not None}
    return {**values, **given, "dataset": dataset}


def _prepare(
    graph: UndirectedGraph, data: Any, options: dict[str, Any], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take features, labels and training vertices from the data; their digest is recorded.

    The options of a saved order come with that digest. Where the checkpoint lies is not recorded,
    since the order is the same with it and without.
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
        graph: The graph; repeats of arcs and self-loops mean nothing to the network.
        count: Length of the order; a shorter one is the beginning of the whole one and takes only
            as many rounds as it needs.
        seed: Seed of the initial weights.
        progress: Told the number of edges removed; within a round it rises with the epochs.
        data: Features, labels and training vertices.
        model: ``"gcn"``, ``"gin"``, ``"resgcn"`` or ``"gat"``.
        depth: Number of layers; the thesis' if not given (10 for ResGCN, else 3).
        width: Size of the hidden embeddings.
        epochs_per_round: Steps of Adam before each removal.
        round_fraction: Fraction of the original edges that a round removes, above 0, at most 1; the
            last round takes what is left.
        learning_rate: Of Adam for the weights, above 0.
        mask_learning_rate: Of Adam for the masks; `learning_rate` if not given.
        weight_decay: Of Adam, for weights and masks, at least 0.
        l1: Coefficient of the sum of the masks' absolute values, at least 0.
        dataset: The data set whose row of Table D.2 gives learning rate, weight decay and l1 where
            these are not given, such as ``"cora"``. Without it they are 0.001, 0.0001 and 0.01;
            no graph is recognised by its size.
        checkpoint: A file that keeps the rounds that are done. If it exists, the order goes on from
            there and ends as if it had never been interrupted. It stays when the order is done;
            delete it when the order is safe.

    Returns:
        int64 tensor of shape [count] on the graph's device, where the work is done.

    Raises:
        OptionError: An option is impossible, or the data cannot have what is needed.
        GraphFormatError: The data lacks `x`, `y` or `train_mask`, or they do not fit.
        DivergedError: The loss or the masks are no longer finite.
        CheckpointError: The checkpoint is damaged, or of another graph, data, options or seed.

    Cost: 1 / round_fraction times `epochs_per_round` forward and backward passes over what is left
    of the graph, on one core.

    References:
        Algorithms 1 and 2 of Chen et al., ICML 2021; Appendix D.6.2.2 and Table D.2 of the thesis.
    """
    from wis.training.edge_masks import MaskTraining
    from wis.training.edge_rounds import Pruning, prune

    if data is None:
        raise OptionError("method 'ugs' needs features and labels; call it by wis.removal_order")
    given = {
        "model": model,
        "depth": depth,
        "width": width,
        "epochs_per_round": epochs_per_round,
        "round_fraction": round_fraction,
        "learning_rate": learning_rate,
        "mask_learning_rate": mask_learning_rate,
        "weight_decay": weight_decay,
        "l1": l1,
        "dataset": dataset,
    }
    options = _resolve(graph, given)
    names = ("learning_rate", "mask_learning_rate", "weight_decay", "l1")
    masks = MaskTraining(options["epochs_per_round"], **{name: options[name] for name in names})
    names = ("model", "depth", "width", "round_fraction")
    config = Pruning(seed=seed, masks=masks, **{name: options[name] for name in names})
    path = None if checkpoint is None else Path(checkpoint)
    with single_threaded():
        ids = prune(graph, data, config, count=count, checkpoint=path, progress=progress)
    return ids[:count].to(graph.device)
