"""Factorizations of matrices and tensors, trained from near zero: Chapters 1 to 3 of the thesis.

`model` and `hierarchical` define the factorizations, `networks` the equivalent neural networks, and
`tasks` the ground truths and losses. `initialization` and `optimization` run gradient descent on
batches. `measures` computes norms and ranks. `theorems`, `dynamics` and `rank_one` check the
theorems along a run. `experiments` repeats the experiments of the thesis, and `locality`
regularizes convolutional networks against their locality.
"""

from wis.theory.factorization.dynamics import (
    component_speeds,
    local_component_speeds,
    singular_value_speeds,
)
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
from wis.theory.factorization.networks import (
    DeepConvolutionalNetwork,
    LinearNetwork,
    ShallowConvolutionalNetwork,
    separation_rank_of_network,
    tensor_of_network,
)
from wis.theory.factorization.optimization import AdaptiveRate, FixedRate, Run, Stop, train
from wis.theory.factorization.rank_one import rank_one_distances
from wis.theory.factorization.tasks import Completion, Loss, Sensing
from wis.theory.factorization.theorems import (
    incomparable_problem,
    prune,
    rank_bounds,
    theorem_1_bounds,
    theorem_2_bounds,
)

__all__ = [
    "AdaptiveRate",
    "Completion",
    "DeepConvolutionalNetwork",
    "FixedRate",
    "HierarchicalFactorization",
    "LinearNetwork",
    "Loss",
    "MatrixFactorization",
    "ModeTree",
    "Run",
    "Sensing",
    "ShallowConvolutionalNetwork",
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
    "rank_bounds",
    "rank_one_distances",
    "separation_rank_of_network",
    "shallow_tree",
    "singular_value_speeds",
    "tensor_of_network",
    "theorem_1_bounds",
    "theorem_2_bounds",
    "train",
    "unbalanced_matrices",
]
