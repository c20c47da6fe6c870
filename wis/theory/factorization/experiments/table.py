"""The table of experiments: summary, function, quick size and thesis size of each.

The thesis leaves some settings open, and this table chooses them: the depths, values and positions
of Figures A.1 and A.2, and the distances and path lengths of Figures 3.6 and C.5 to C.7 other than
the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wis.theory.factorization.binary_predictors import PredictorConfig
from wis.theory.factorization.experiments.countering_locality import (
    Images,
    LocalitySize,
    Setting,
    countering_locality,
)
from wis.theory.factorization.experiments.image_tensors import ImageSize, linear, tensor_ranks
from wis.theory.factorization.experiments.incremental_ranks import (
    DynamicsSize,
    IncrementalSize,
    Part,
    dynamics,
    incremental,
)
from wis.theory.factorization.experiments.matrix_completion import (
    DepthSize,
    DimensionSize,
    PerturbationSize,
    fig1_1,
    fig_a_1,
    fig_a_2,
)
from wis.theory.factorization.experiments.outcome import Outcome, Request
from wis.theory.factorization.experiments.rank_one import RankOneSize, rank_one
from wis.theory.factorization.experiments.tensor_completion import CompletionSize, completion
from wis.theory.factorization.locality.fitting import FitConfig


@dataclass(frozen=True)
class Experiment:
    """An experiment of the thesis.

    Attributes:
        name: Name of its figure, table or theorem.
        summary: One line.
        runner: Runs it at a size.
        quick: A size that takes under a minute.
        thesis: The thesis' size.
    """

    name: str
    summary: str
    runner: Callable[[Any, Request], Outcome]
    quick: Any
    thesis: Any


# Figures 1.1, A.1 and A.2
WIDE_RATES = (6e-2, 3e-2, 9e-3, 6e-3, 3e-3, 9e-4)
WIDE_SCALES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
QUICK_PROBLEMS = (
    ((1, 1), (1.0, -1.0), (0.0, 0.1, 0.5)),
    ((0, 1), (1.0, 1.0), (0.0, 0.1, 0.5)),
    ((1, 0), (2.0, 0.5), (0.0, 0.1, 0.5)),
)
THESIS_PROBLEMS = tuple(
    (unobserved, adjacent, (0.0, 0.01, 0.05, 0.1, 0.5, 1.0))
    for unobserved, adjacent, _ in (*QUICK_PROBLEMS, ((0, 0), (-3.0, 1.0), ()))
)
QUICK_DEPTHS = (
    (2, WIDE_RATES[:3], WIDE_SCALES[:3]),
    (3, (3e-2, 1.5e-2, 9e-3), WIDE_SCALES[:3]),
    (4, (6e-3, 6e-3, 4.5e-3), (1e-1, 1e-2, 1e-3)),
)
THESIS_DEPTHS = (
    (2, WIDE_RATES, WIDE_SCALES),
    (3, WIDE_RATES, WIDE_SCALES),
    (4, (6e-3, 4.5e-3, 3e-3, 1.5e-3, 1e-3), (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)),
)

# Figures 1.2 and A.3
COUNTS_3 = (50, 100, 150, 200, 250, 300, 350, 400, 450, 511)
COUNTS_4 = (100, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4095)
COMPLETED = (((8,) * 3, COUNTS_3), ((8,) * 4, COUNTS_4))
COMPLETED_RANK_3 = (((8,) * 3, COUNTS_3[2:]), ((8,) * 4, (300, *COUNTS_4[1:])))
DEVIATIONS = (1e-1, 1e-2, 1e-3, 1e-4)

# Figures 2.2 and B.1 to B.3
SHOWN = (0.05, 0.01, 0.005)
QUICK_4 = ((5, 5, 5, 5), 2, 250, SHOWN, 1e-7, 6_000)
THESIS_4 = ((10, 10, 10, 10), 5, 2000, SHOWN, 1e-8, 1_000_000)

# Figure 2.3 and Table B.1. scikit-learn's digits need no files.
QUICK_IMAGES = ImageSize(
    ("digits",), (1, 2, 4, 6), 600, None, PredictorConfig(learning_rate=3e-3, max_steps=400)
)
THESIS_IMAGES = ImageSize(
    ("mnist", "fashion-mnist"), tuple(range(1, 16)), None, None, PredictorConfig()
)

# Figures 3.1 and C.2 to C.4
MATRIX = Part("matrix", (64, 64), 5, 2048, 64, 1e-3)
TENSOR = Part("tensor", (16, 16, 16), 5, 2048, 256, 1e-3)
TREE = Part("hierarchical", (8, 8, 8, 8), 5, 2048, 512, 1e-2)
SENSED = Part("hierarchical", (8, 8, 8, 8), 5, 2048, 512, 1e-2, sensing=True)
ORDER_9 = Part("hierarchical", (3,) * 9, 2, 9840, 100, 1e-1, arity=3)
SMALL_MATRIX = Part("matrix", (16, 16), 2, 160, 16, 1e-2)
SMALL_TENSOR = Part("tensor", (8, 8, 8), 2, 300, 64, 1e-2)
SMALL_TREE = Part("hierarchical", (4, 4, 4, 4), 2, 160, 24, 5e-2, smallest=0.2)
SMALL_SENSED = Part("hierarchical", (4, 4, 4, 4), 2, 160, 24, 5e-2, sensing=True, smallest=0.2)
SMALL_ORDER_9 = Part("hierarchical", (2,) * 9, 2, 400, 12, 0.2, arity=3, smallest=0.1)

# Figures 3.6 and C.5 to C.7
PLAIN = (Setting(0), Setting(0.5), Setting(1))
PLAIN_PATHS = (Setting(0), Setting(0.1), Setting(0.5))
SEEN_ON_TWO_CORES = LocalitySize(
    "small",
    (Images("same class", (0, 24), (Setting(0), Setting(0.1)), (8, 40), 560, 1000),),
    1,
    FitConfig(max_epochs=40, patience=2, learning_rate=0.05),
)
"""Long enough to fit the training pairs, so that differences in test accuracy are meaningful."""


def quick_locality(*settings: Setting) -> LocalitySize:
    """The small network on both tasks for a few epochs."""
    tasks = (
        Images("same class", (0, 16), settings, (8, 32), 480, 480),
        Images("pathfinder", (2, 3), settings, (64, 64), 160, 160, distractors=1),
    )
    return LocalitySize("small", tasks, 1, FitConfig(max_epochs=6, patience=3, learning_rate=0.05))


def thesis_locality(
    network: str, same: tuple[Setting, ...], path: tuple[Setting, ...], lengths: tuple[int, ...]
) -> LocalitySize:
    """The size for a ResNet, with regularization settings for both tasks and the path lengths."""
    distances = (0, 32, 64, 96, 128, 160)
    tasks = (
        Images("same class", distances, same, (224, 224), 5000, 10000, "cifar10", 32),
        Images("pathfinder", lengths, path, (224, 224), 10000, 10000),
    )
    return LocalitySize(network, tasks, 5, FitConfig())


TABLE = (
    Experiment(
        "fig1_1",
        "2-by-2 completion drives all norms to infinity: depths 2 to 4, balanced and not",
        fig1_1,
        DepthSize(QUICK_DEPTHS, 1e-4, 20_000),
        DepthSize(THESIS_DEPTHS, 1e-4, 5_000_000),
    ),
    Experiment(
        "figA_1",
        "the same for matrices of other dimensions, depth 3",
        fig_a_1,
        DimensionSize(((2, 2), (3, 3), (5, 5), (2, 4)), 3e-2, 1e-3, 1e-4, 20_000),
        DimensionSize(
            ((2, 2), (3, 3), (5, 5), (10, 10), (2, 4), (5, 3)), 9e-4, 1e-7, 1e-4, 5_000_000
        ),
    ),
    Experiment(
        "figA_2",
        "the same with perturbed and repositioned observations, depth 3",
        fig_a_2,
        PerturbationSize(QUICK_PROBLEMS, 2e-2, 1e-3, 1e-4, 20_000),
        PerturbationSize(THESIS_PROBLEMS, 9e-4, 1e-7, 1e-4, 5_000_000),
    ),
    Experiment(
        "fig1_2",
        "tensor completion: low reconstruction error and low tensor rank, ground truths of rank 1",
        completion,
        CompletionSize(
            (((5, 5, 5), (50, 75, 100, 124)),), 1, (1e-1, 1e-2, 1e-3), 2, 1e-6, 10_000, 9, 0
        ),
        CompletionSize(COMPLETED, 1, DEVIATIONS, 5, 1e-6, 1_000_000, None, 2),
    ),
    Experiment(
        "figA_3",
        "the same with ground truths of rank 3",
        completion,
        CompletionSize((((6, 6, 6), (100, 150, 215)),), 3, (1e-1, 1e-2), 2, 1e-6, 10_000, 10, 0),
        CompletionSize(COMPLETED_RANK_3, 3, DEVIATIONS, 5, 1e-6, 1_000_000, None, 2),
    ),
    Experiment(
        "theorem4",
        "smaller initializations keep a tensor factorization closer to a rank one trajectory",
        rank_one,
        RankOneSize((0.4, 0.2, 0.1)),
        RankOneSize((0.4, 0.2, 0.1, 0.05, 0.025), step=0.05),
    ),
    Experiment(
        "fig2_2",
        "incremental learning of components: order 4 tensor completion",
        dynamics,
        DynamicsSize(*QUICK_4),
        DynamicsSize(*THESIS_4),
    ),
    Experiment(
        "figB_1",
        "the same with Huber's loss",
        dynamics,
        DynamicsSize((5, 5, 5, 5), 2, 250, (0.05, 0.03, 0.02), 1e-7, 12_000, huber=5e-3),
        DynamicsSize(*THESIS_4, huber=5e-7),
    ),
    Experiment(
        "figB_2",
        "the same for order 3 and rank 3",
        dynamics,
        DynamicsSize((7, 7, 7), 2, 150, SHOWN, 1e-7, 6_000),
        DynamicsSize((10, 10, 10), 3, 300, SHOWN, 1e-8, 1_000_000),
    ),
    Experiment(
        "figB_3",
        "the same for tensor sensing",
        dynamics,
        DynamicsSize(*QUICK_4, sensing=True),
        DynamicsSize(*THESIS_4, sensing=True),
    ),
    Experiment(
        "fig2_3",
        "tensor rank as a measure of complexity: natural and random images (with tableB_1)",
        tensor_ranks,
        QUICK_IMAGES,
        THESIS_IMAGES,
    ),
    Experiment(
        "tableB_1",
        "linear predictors cannot fit these data sets",
        linear,
        QUICK_IMAGES,
        THESIS_IMAGES,
    ),
    Experiment(
        "fig3_1",
        "matrix, tensor and hierarchical tensor ranks are learned incrementally",
        incremental,
        IncrementalSize((SMALL_MATRIX, SMALL_TENSOR, SMALL_TREE), 4_500, loss=2e-4),
        IncrementalSize((MATRIX, TENSOR, TREE), 1_000_000),
    ),
    Experiment(
        "figC_2",
        "hierarchical tensor factorization: matricizations in and outside the mode tree",
        incremental,
        IncrementalSize((SMALL_TREE,), 4_500, loss=2e-4),
        IncrementalSize((TREE,), 1_000_000),
    ),
    Experiment(
        "figC_3",
        "the same for tensor sensing with rank one measurements",
        incremental,
        IncrementalSize((SMALL_SENSED,), 4_500, loss=2e-4),
        IncrementalSize((SENSED,), 1_000_000),
    ),
    Experiment(
        "figC_4",
        "the same for order 9 and a ternary mode tree",
        incremental,
        IncrementalSize((SMALL_ORDER_9,), 12_000, loss=5e-4),
        IncrementalSize((ORDER_9,), 1_000_000),
    ),
    Experiment(
        "fig3_6",
        "a regularizer counters the locality of convolutional networks (ResNet18)",
        countering_locality,
        SEEN_ON_TWO_CORES,
        thesis_locality("resnet18", PLAIN, PLAIN_PATHS, (3, 5, 7, 9)),
    ),
    Experiment(
        "figC_5",
        "the same with ResNet34",
        countering_locality,
        quick_locality(Setting(0), Setting(0.5)),
        thesis_locality("resnet34", PLAIN, PLAIN_PATHS, (3, 5, 7, 9, 11)),
    ),
    Experiment(
        "figC_6",
        "the regularizer, weight decay and dropout (ResNet18)",
        countering_locality,
        quick_locality(Setting(0, 1e-3), Setting(1, 1e-3), Setting(0, 0, 0.3), Setting(1, 0, 0.3)),
        thesis_locality(
            "resnet18",
            (Setting(0, 0.001), Setting(0, 0, 0.6), Setting(1, 0.001), Setting(1, 0, 0.5)),
            (Setting(0, 0.01), Setting(0, 0, 0.5), Setting(0.1, 0.01), Setting(0.1, 0, 0.4)),
            (3, 5, 7, 9),
        ),
    ),
    Experiment(
        "figC_7",
        "the regularizer, weight decay and dropout (ResNet34)",
        countering_locality,
        quick_locality(Setting(0, 1e-2), Setting(1, 1e-4), Setting(0, 0, 0.3), Setting(1, 0, 0.5)),
        thesis_locality(
            "resnet34",
            (Setting(0, 0.01), Setting(0, 0, 0.3), Setting(1, 0.0001), Setting(1, 0, 0.5)),
            (Setting(0, 0.001), Setting(0, 0, 0.2), Setting(0.1, 0.001), Setting(0.5, 0, 0.3)),
            (3, 5, 7, 9, 11),
        ),
    ),
)
"""All experiments, in the order of the thesis."""
