"""One training run, as in Appendix D.6.2.2 of the thesis, and many of them.

    data = split_vertices(data, seed=0)                      # 80 % / 10 % / 10 %
    record = train(data, thesis_config("gcn", "cora", seed=0))
    record.test_accuracy                                     # at the best validation epoch
    records = train_many(data, thesis_config("gcn", "cora"), seeds=range(10))

- `TrainConfig`: a run without its data; `thesis_config`, `TABLE_D2`: the thesis' hyperparameters;
- `train`, `train_many`: run it; `train_network` returns the network too;
- `RunRecord`, `Curve`: the result; `EarlyStopping`: the rule that ends a run;
- `split_vertices`, `split_graphs`, `split_links`: random splits for the three tasks, which are to
  classify vertices, to classify graphs (``task="graph"``) and to predict edges (``task="link"``).

`wis.training.engine` describes how epochs are computed, full batches and mini-batches. Masks of
edges, trained beside a network for the method ``ugs``, are in `wis.training.edge_masks`.
"""

from __future__ import annotations

from wis.datasets.splits import split_graphs, split_links, split_vertices
from wis.training.config import TABLE_D2, Hyperparameters, TrainConfig, thesis_config
from wis.training.record import Curve, RunRecord
from wis.training.run import train, train_many, train_network
from wis.training.stopping import EarlyStopping

__all__ = [
    "TABLE_D2",
    "Curve",
    "EarlyStopping",
    "Hyperparameters",
    "RunRecord",
    "TrainConfig",
    "split_graphs",
    "split_links",
    "split_vertices",
    "thesis_config",
    "train",
    "train_many",
    "train_network",
]
