"""Factorizations of matrices and tensors, trained from near zero: Chapters 1 to 3 of the thesis.

`model` and `hierarchical` define the factorizations, `draws` the ground truths, and `tasks` the
observations and losses. `initialization` and `optimization` run gradient descent on batches.
`measures` computes norms and ranks. `theorems`, `dynamics` and `rank_one` check the theorems along
a run. `experiments` repeats the experiments of the thesis, and `locality` regularizes convolutional
networks against their locality.
"""

from wis.theory.factorization.hierarchical import (
    HierarchicalFactorization,
    ModeTree,
    perfect_tree,
    shallow_tree,
)
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.model import MatrixFactorization, TensorFactorization, end_tensor
from wis.theory.factorization.optimization import AdaptiveRate, FixedRate, Run, Stop, train
from wis.theory.factorization.tasks import Completion, Loss, Sensing

__all__ = [
    "AdaptiveRate",
    "Completion",
    "FixedRate",
    "HierarchicalFactorization",
    "Loss",
    "MatrixFactorization",
    "ModeTree",
    "Run",
    "Sensing",
    "Stop",
    "TensorFactorization",
    "end_tensor",
    "gaussian_weights",
    "perfect_tree",
    "shallow_tree",
    "train",
]
