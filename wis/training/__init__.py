"""One training run, as in Appendix D.6.2.2 of the thesis, and many of them at once.

    data = split_vertices(data, seed=0)                      # 80 % / 10 % / 10 %
    record = train(data, thesis_config("gcn", "cora", seed=0))
    record.test_accuracy                                     # at the best validation epoch
    records = train_many(data, thesis_config("gcn", "cora"), seeds=range(10))

- `TrainConfig`: a run without its data; `thesis_config`, `TABLE_D2`: the thesis' hyperparameters;
- `train`, `train_many`: run it; `RunRecord`, `Curve`: what came of it;
- `EarlyStopping`: the rule that ends a run; `split_vertices`: random splits.

How it is made fast is told in `wis.training.stacked`, mini-batches in `wis.training.mini_batch`.
Masks of edges, trained beside a network for the method ``ugs``, are in `wis.training.edge_rounds`.
"""

from __future__ import annotations

from wis.training.config import TABLE_D2, Hyperparameters, TrainConfig, thesis_config
from wis.training.record import Curve, RunRecord
from wis.training.run import train, train_many
from wis.training.splits import split_vertices
from wis.training.stopping import EarlyStopping

__all__ = [
    "TABLE_D2",
    "Curve",
    "EarlyStopping",
    "Hyperparameters",
    "RunRecord",
    "TrainConfig",
    "split_vertices",
    "thesis_config",
    "train",
    "train_many",
]
