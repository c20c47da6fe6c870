"""Factorizations of matrices and tensors, trained from near zero: Chapters 1 to 3 of the thesis.

Models (`matrix`, `tensor`, `hierarchical`) and the networks that they are (`networks`); tasks and
ground truths; initialization and gradient descent on whole batches; measures; the theorems along a
run (`theorems`, `dynamics`, `rank_one`, `propositions`); and the thesis' experiments
(`experiments`). `locality` counters the locality of convolutional networks.
"""

from wis.theory.factorization.hierarchical import HierarchicalFactorization
from wis.theory.factorization.matrix import MatrixFactorization
from wis.theory.factorization.mode_tree import ModeTree, perfect_tree, shallow_tree
from wis.theory.factorization.model import end_tensor
from wis.theory.factorization.optimization import AdaptiveRate, FixedRate, Run, Stop, train
from wis.theory.factorization.tasks import Completion, Loss, Sensing
from wis.theory.factorization.tensor import TensorFactorization

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
    "perfect_tree",
    "shallow_tree",
    "train",
]
