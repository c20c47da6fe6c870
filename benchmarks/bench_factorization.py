"""Gradient steps of the factorizations, as a ratio to a plain autograd loop.

    python benchmarks/bench_factorization.py
    python benchmarks/bench_factorization.py --cases fig3_1 --steps 20 --compile

*closed form*: wis' `train`, which runs a whole batch with gradients written out. *autograd*: the
loop that one writes first: one factorization after the other, the end tensor by `torch.einsum` or
matrix products, `backward`, an update. Both take the same steps from the same
weights, and the losses after the last one are compared. They take turns, round by round, so that
other programs on the machine disturb both; printed are medians of the CPU time of a step of one
factorization, and the median of the rounds' ratios with its range. *--compile* adds the autograd
loop under `torch.compile`, once it is compiled.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wis.theory.factorization import (
    Completion,
    FixedRate,
    HierarchicalFactorization,
    MatrixFactorization,
    Stop,
    TensorFactorization,
    train,
)
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.model import Factorization
from wis.theory.factorization.tasks import random_entries

RATE = 1e-3


@dataclass(frozen=True)
class Case:
    """A factorization, how many of them, and how many entries are observed."""

    model: Factorization
    batch: int
    observed: int
    deviation: float


def cases() -> dict[str, Case]:
    """The problems of the experiments, at the thesis' sizes."""
    from wis.theory.factorization import perfect_tree

    square = MatrixFactorization.unconstrained
    return {
        "fig1_1 (2x2, depth 3)": Case(square(2, 2, 3), 12, 3, 0.3),
        "fig3_1 (64x64, depth 3)": Case(square(64, 64, 3), 1, 2048, 0.05),
        "fig1_2 (8^3, R=64)": Case(TensorFactorization((8,) * 3, 64), 20, 200, 0.1),
        "figB_2 (10^3, R=100)": Case(TensorFactorization((10,) * 3, 100), 3, 300, 0.05),
        "fig2_2 (10^4, R=1000)": Case(TensorFactorization((10,) * 4, 1000), 3, 2000, 0.05),
        "fig3_1 (8^4 tree, R=512)": Case(
            HierarchicalFactorization((8,) * 4, perfect_tree(4), 512), 1, 2048, 0.05
        ),
    }


def plain_end(model: Factorization, weights: list[Tensor]) -> Tensor:
    """The end tensor of a single factorization, as one would write it for autograd."""
    if isinstance(model, MatrixFactorization):
        product = weights[0]
        for weight in weights[1:]:
            product = weight @ product
        return product
    letters = "abcdefgh"[: len(model.shape)]
    if isinstance(model, TensorFactorization):
        return torch.einsum(",".join(f"{each}r" for each in letters) + f"->{letters}", *weights)
    at = dict(zip(model.nodes, weights, strict=True))
    left = torch.einsum("ar,br,rs->abs", at[(0,)], at[(1,)], at[(0, 1)])
    right = torch.einsum("ar,br,rs->abs", at[(2,)], at[(3,)], at[(2, 3)])
    return torch.einsum("abr,cdr,rs->abcd", left, right, at[(0, 1, 2, 3)])


def autograd_loop(
    case: Case, task: Completion, start: list[Tensor], steps: int, compiled: bool
) -> list[float]:
    """Losses after the last step, one factorization after the other."""
    mask, values = task.observed[0], task.values[0]

    def loss_of(*weights: Tensor) -> Tensor:
        residual = plain_end(case.model, list(weights))[mask] - values[mask]
        return (residual**2).mean()

    objective: Callable[..., Tensor] = torch.compile(loss_of) if compiled else loss_of
    losses = []
    for element in range(case.batch):
        weights = [weight[element].clone().requires_grad_() for weight in start]
        for _ in range(steps):
            gradients = torch.autograd.grad(objective(*weights), weights)
            with torch.no_grad():
                for weight, gradient in zip(weights, gradients, strict=True):
                    weight -= RATE * gradient
        losses.append(float(loss_of(*weights).detach()))
    return losses


def compare(name: str, case: Case, steps: int, rounds: int, compiled: bool) -> None:
    """Print a line."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(case.model.shape, dtype=torch.float64, generator=generator)
    observed = random_entries(case.model.shape, case.observed, generator)
    task = Completion(observed[None], truth[None])
    start = gaussian_weights(case.model, [case.deviation] * case.batch, range(case.batch))

    def ours() -> list[float]:
        run = train(
            case.model, task, start, rate=FixedRate((RATE,)), stop=Stop(0.0, steps), per_decade=1
        )
        return run.loss.tolist()

    loops = {
        "closed form": ours,
        "autograd": lambda: autograd_loop(case, task, start, steps, False),
    }
    if compiled:
        loops["compiled"] = lambda: autograd_loop(case, task, start, steps, True)
    losses = {label: loop() for label, loop in loops.items()}  # warms up, and compiles
    seconds: dict[str, list[float]] = {label: [] for label in loops}
    for _ in range(rounds):
        for label, loop in loops.items():
            before = time.process_time()
            loop()
            seconds[label].append((time.process_time() - before) / (steps * case.batch))
    worst = max(
        abs(a - b) / abs(b)
        for label in loops
        for a, b in zip(losses[label], losses["autograd"], strict=True)
    )
    line = f"{name:26s}"
    for label in loops:
        line += f"  {label} {1e6 * statistics.median(seconds[label]):9.1f} us"
    ratios = [
        slow / fast for slow, fast in zip(seconds["autograd"], seconds["closed form"], strict=True)
    ]
    line += f"  ratio {statistics.median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f})"
    print(line + f"  losses agree to {worst:.0e}", flush=True)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default="", help="only those whose name contains this")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name, case in cases().items():
        if options.cases in name:
            compare(name, case, options.steps, options.rounds, options.compile)


if __name__ == "__main__":
    main()
