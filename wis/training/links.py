"""Link prediction: the decoders, and the metrics of `link_metrics`.

An edge is ranked among pairs without an edge by their scores. All metrics follow from these ranks:

- ``auc``: the share of (edge, pair) with the higher score at the edge, ties half: the area under
  the ROC curve (`sklearn.metrics.roc_auc_score`);
- ``mrr``: the mean of 1 / rank, where a pair with the same score counts half;
- ``hits@k``: the share of edges with fewer than k pairs whose score is not lower.

The definitions of the last two are those of the evaluators of the Open Graph Benchmark (Hu et al.,
NeurIPS 2020, arXiv:2005.00687), with the same pairs for all edges. They are computed here since the
stopping rule needs the exact number of ordered pairs in every epoch, on the device of the run.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

HITS = (10, 50)


def ordered_pairs(positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """Count, for each score of an edge, the lower and the not higher scores of other pairs.

    Args:
        positive: Scores of edges, [k].
        negative: Scores of pairs without an edge, [l].

    Returns:
        Two int64 tensors of shape [k]. Their sum is twice the number of pairs below the edge, ties
        half.
    """
    ranked = negative.sort().values
    return torch.searchsorted(ranked, positive), torch.searchsorted(ranked, positive, right=True)


def link_metrics(lower: Tensor, not_higher: Tensor, num_negative: int) -> dict[str, Tensor]:
    """Metrics from the counts of `ordered_pairs`, as scalars in [0, 1].

    >>> counts = ordered_pairs(torch.tensor([3.0, 1.0]), torch.tensor([2.0, 0.0]))
    >>> {name: round(float(value), 2) for name, value in link_metrics(*counts, 2).items()}
    {'auc': 0.75, 'mrr': 0.75, 'hits@10': 1.0, 'hits@50': 1.0}
    """
    below = (lower + not_higher).double() / 2
    return {
        "auc": below.mean() / num_negative,
        "mrr": (1 / (num_negative - below + 1)).mean(),
        **{f"hits@{k}": (num_negative - lower < k).double().mean() for k in HITS},
    }


class InnerProduct(nn.Module):
    """The decoder ``"dot"``: sums up the entrywise products of embeddings."""

    def forward(self, products: Tensor) -> Tensor:
        """[num_pairs, width] to [num_pairs, 1]."""
        return products.sum(dim=1, keepdim=True)


def decoder_of(name: str, width: int) -> nn.Module:
    """A module from the entrywise products of embeddings to scores (see `TrainConfig.decoder`)."""
    if name == "dot":
        return InnerProduct()
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
