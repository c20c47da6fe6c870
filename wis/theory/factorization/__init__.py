"""Factorizations of matrices and tensors, trained from near zero: Chapters 1 to 3 of the thesis.

`model` and `hierarchical` define the factorizations, `networks` the equivalent neural network, and
`tasks` the ground truths and losses. `initialization` and `optimization` run gradient descent on
batches. `measures` computes norms and ranks. `theorems`, `dynamics` and `rank_one` check the
theorems along a run. `experiments` repeats the experiments of the thesis, and `locality`
regularizes convolutional networks against their locality.
"""

from wis.theory.factorization.dynamics import component_speeds, local_component_speeds
from wis.theory.factorization.hierarchical import (
    HierarchicalFactorization,
    ModeTree,
    perfect_tree,
    shallow_tree,
)
from wis.theory.factorization.initialization import (
    balanced_components,
    balanced_matrices,
    gaussian_weights,
    unbalanced_matrices,
)
from wis.theory.factorization.model import MatrixFactorization, TensorFactorization, end_tensor
from wis.theory.factorization.networks import DeepConvolutionalNetwork
from wis.theory.factorization.optimization import AdaptiveRate, FixedRate, Run, Stop, train
from wis.theory.factorization.rank_one import rank_one_distances
from wis.theory.factorization.tasks import Completion, Loss, Sensing
from wis.theory.factorization.theorems import (
    incomparable_problem,
    prune,
    theorem_1_bounds,
    theorem_2_bounds,
)

__all__ = [
    "AdaptiveRate",
    "Completion",
    "DeepConvolutionalNetwork",
    "FixedRate",
    "HierarchicalFactorization",
    "Loss",
    "MatrixFactorization",
    "ModeTree",
    "Run",
    "Sensing",
    "Stop",
    "TensorFactorization",
    "balanced_components",
    "balanced_matrices",
    "component_speeds",
    "end_tensor",
    "gaussian_weights",
    "incomparable_problem",
    "local_component_speeds",
    "perfect_tree",
    "prune",
    "rank_one_distances",
    "shallow_tree",
    "theorem_1_bounds",
    "theorem_2_bounds",
    "train",
    "unbalanced_matrices",
]
