"""Gradient descent on a batch of factorizations, each with its own learning rate and end.

The elements of a batch are independent. Each has its own learning rate (fixed, the adaptive rate of
Appendix A.2.2.2, or steps of gradient flow), and leaves the batch when it meets the stopping rule.
An interrupted run continues from its checkpoint to the same result.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wis.base.progress import Progress, silent
from wis.errors import DivergedError, OptionError
from wis.theory.factorization.curves import Trajectory, is_recorded
from wis.theory.factorization.flow import GradientFlow, flow_step, fresh_state
from wis.theory.factorization.model import Factorization, Weights
from wis.theory.factorization.resumable import run_to_end
from wis.theory.factorization.tasks import Task

TELL_EVERY = 256
"""Number of steps between checks for Ctrl-C and reports of progress: far less than a second. Steps
of gradient flow have many gradients, so each one reports."""

CHUNK = 2**17
"""Most numbers in weights and end tensors of the elements that are computed together. More take
several times longer, because their products leave the processor's cache."""

SETTLED_FROM = 2000
"""Steps before which no error counts as settled."""

Measure = Callable[[Weights, Tensor], dict[str, Tensor]]
"""Maps weights and end tensors to quantities with a leading batch dimension."""


@dataclass(frozen=True)
class FixedRate:
    """One learning rate for each element, or one for all."""

    rates: tuple[float, ...]


@dataclass(frozen=True)
class AdaptiveRate:
    """The base rate divided by the root of a moving average of squared gradient norms.

    It changes the length of a step but not its direction (Appendix A.2.2.2). Steps of nearly
    constant length keep swinging about a minimum. So the base rate of an element can be halved
    whenever its loss found no new minimum for `patience` steps. None never halves, as in the
    thesis.
    """

    base: float = 1e-2
    decay: float = 0.99
    floor: float = 1e-6
    patience: int | None = None


Rate = FixedRate | AdaptiveRate | GradientFlow


@dataclass(frozen=True)
class Stop:
    """The stopping rule of an element.

    Args:
        loss: An element converges when its loss stays below this value for `patience` steps.
        settled: An element also ends when the measured ``"error"`` varied by no more than this
            share of it, or a tenth of this number, in the second half of its steps, from
            `SETTLED_FROM` steps on, and its loss fell tenfold (from small weights, both are
            constant at first); None for never.
    """

    loss: float
    max_steps: int
    patience: int = 1
    settled: float | None = None


@dataclass(frozen=True)
class Run:
    """The result of a batch.

    Attributes:
        weights: float64 [B, *weight shape] each.
        end: float64 [B, *shape].
        loss: float64 [B].
        steps: int64 [B], gradient steps taken.
        converged: bool [B], whether the loss reached its goal within the steps.
        trajectory: The measurements, among them ``"loss"``.
        seconds: Wall time, including the time before an interruption.
    """

    weights: Weights
    end: Tensor
    loss: Tensor
    steps: Tensor
    converged: Tensor
    trajectory: Trajectory
    seconds: float


def train(
    model: Factorization,
    task: Task,
    weights: Sequence[Tensor],
    *,
    rate: Rate,
    stop: Stop,
    measure: Measure | None = None,
    per_decade: int = 100,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> Run:
    """Run gradient descent from the given weights.

    >>> from wis.theory.factorization import MatrixFactorization, gaussian_weights
    >>> from wis.theory.factorization.tasks import norm_divergence_problem
    >>> model = MatrixFactorization((2, 2, 2))
    >>> start = gaussian_weights(model, [0.3], [0])
    >>> run = train(model, norm_divergence_problem(), start, rate=FixedRate((0.05,)),
    ...             stop=Stop(loss=1e-2, max_steps=5000))
    >>> run.converged.item(), run.loss.item() < 1e-2
    (True, True)

    Args:
        model: The factorization.
        task: The loss.
        weights: Initial weights, float64 [B, *weight shape] each; not changed.
        rate: Learning rate.
        stop: Stopping rule.
        measure: Quantities to record besides the loss.
        per_decade: Number of records for every power of ten of steps, besides the first and last.
        checkpoint: File to continue from; it is written every minute, on Ctrl-C and at the end. So
            the same call returns the result at once.
        progress: Called with the number of steps done.

    Raises:
        DivergedError: A loss is not finite: the learning rate is too large.
        CheckpointError: The file belongs to another run.
        OptionError: Shapes do not match, or a number is invalid.

    Cost: one `forward` and one `backward` of the model and one loss of the task for each step.
    """
    descent = _Descent(model, task, list(weights), rate, stop, measure, per_decade)
    run_to_end(descent, checkpoint, progress)
    return descent.result()


def _check(
    model: Factorization, task: Task, weights: Weights, rate: Rate, stop: Stop, per_decade: int
) -> None:
    found = [tuple(weight.shape[1:]) for weight in weights]
    if found != model.weight_shapes or len({len(weight) for weight in weights}) != 1:
        raise OptionError(
            f"the weights have the dimensions {[tuple(weight.shape) for weight in weights]}; "
            f"expected one batch dimension and then {model.weight_shapes}"
        )
    if task.shape != model.shape:
        raise OptionError(f"the task is of {task.shape}, the factorization of {model.shape}")
    if stop.max_steps < 0 or stop.patience < 1 or per_decade < 1 or math.isnan(stop.loss):
        raise OptionError(
            f"{stop} with {per_decade} records per decade; expected a number as loss, steps from "
            "0, patience and records from 1"
        )
    if isinstance(rate, FixedRate):
        if len(rate.rates) not in (1, len(weights[0])) or min(rate.rates) <= 0:
            raise OptionError(
                f"learning rates {rate.rates}; expected 1 or {len(weights[0])} positive numbers"
            )
    elif isinstance(rate, GradientFlow):
        if not rate.tolerance > 0 or rate.max_stages < 2:
            raise OptionError(f"{rate}: expected a positive tolerance and 2 or more stages")
    elif not (rate.base > 0 and 0 <= rate.decay < 1 and rate.floor >= 0):
        raise OptionError(f"{rate}: base must be positive, decay in [0, 1), floor not negative")


PER_ELEMENT = ("ids", "calm", "average", "lowest", "waited", "base")


class _Descent:
    """The state of a run and the loop that moves it."""

    def __init__(
        self,
        model: Factorization,
        task: Task,
        weights: Weights,
        rate: Rate,
        stop: Stop,
        measure: Measure | None,
        per_decade: int,
    ) -> None:
        _check(model, task, weights, rate, stop, per_decade)
        self.model, self.whole_task, self.rate, self.stop = model, task, rate, stop
        self.measure, self.per_decade = measure, per_decade
        batch = len(weights[0])
        self.step, self.seconds = 0, 0.0
        self.ids = torch.arange(batch, device="cpu")
        self.weights = [weight.clone() for weight in weights]
        self.calm = torch.zeros(batch, dtype=torch.int64, device="cpu")
        self.average = torch.zeros(batch, dtype=torch.float64, device="cpu")
        self.lowest = torch.full_like(self.average, math.inf)
        self.waited = torch.zeros_like(self.calm)
        self.base = torch.full_like(self.average, getattr(rate, "base", 0.0))
        self.flow = fresh_state(weights) if isinstance(rate, GradientFlow) else {}
        self.final_weights = [weight.clone() for weight in weights]
        self.final_loss = torch.full((batch,), torch.nan, dtype=torch.float64, device="cpu")
        self.final_steps = torch.zeros(batch, dtype=torch.int64, device="cpu")
        self.converged = torch.zeros(batch, dtype=torch.bool, device="cpu")
        self.trajectory = Trajectory()
        self._follow_batch()

    def _follow_batch(self) -> None:
        """The task and the rates of the running elements."""
        numbers = sum(weight[:1].numel() for weight in self.weights) + math.prod(self.model.shape)
        chunk = 1 if self.flow else max(1, CHUNK // numbers)
        self.chunks = [slice(at, at + chunk) for at in range(0, len(self.ids), chunk)]
        self.tasks = [self.whole_task.select(self.ids[part]) for part in self.chunks]
        if isinstance(self.rate, FixedRate):
            rates = torch.tensor(self.rate.rates, dtype=torch.float64, device="cpu")
            self.rates = -(rates if len(rates) == 1 else rates[self.ids]).reshape(-1, 1, 1)

    def identity(self) -> str:
        """Hash of everything that determines the result."""
        settings = self.model, self.rate, self.stop, self.per_decade, list(self.flow)
        digest = hashlib.sha256(repr(settings).encode())
        for tensor in (*self.final_weights, *self.whole_task.tensors()):
            digest.update(
                repr(tuple(tensor.shape)).encode() + tensor.contiguous().numpy().tobytes()
            )
        digest.update(repr([getattr(self.whole_task, name) for name in ("loss", "mean")]).encode())
        return digest.hexdigest()

    def advance(self) -> bool:
        """Take steps until the next report; whether elements are left."""
        started = time.monotonic()
        every = 1 if self.flow else TELL_EVERY
        goal = (self.step // every + 1) * every
        while len(self.ids) and self.step < goal:
            end, loss, gradients = self._evaluate()
            self.calm = torch.where(loss < self.stop.loss, self.calm + 1, 0)
            done = self.calm >= self.stop.patience
            last = self.step >= self.stop.max_steps
            if last or bool(done.any()) or is_recorded(self.step, self.per_decade):
                self._record(end, loss)
                gone = torch.ones_like(done) if last else done | self._settled()
                if bool(gone.any()):
                    self._retire(gone, done, loss)
                    continue
            self._move(gradients, loss)
            self.step += 1
        self.seconds += time.monotonic() - started
        return bool(len(self.ids))

    def _evaluate(self) -> tuple[Tensor, Tensor, Weights]:
        """End tensors, losses, and gradients of the weights (none for gradient flow)."""
        found = []
        for part, task in zip(self.chunks, self.tasks, strict=True):
            end, saved = self.model.forward([weight[part] for weight in self.weights])
            loss, gradient = task.loss_and_gradient(end)
            found.append([end, loss, *(() if self.flow else self.model.backward(saved, gradient))])
        end, loss, *gradients = (
            found[0] if len(found) == 1 else map(torch.cat, zip(*found, strict=True))
        )
        return end, loss, gradients

    def _settled(self) -> Tensor:
        """Whether the measured error of each running element has settled, bool [running]."""
        limit, seen = self.stop.settled, self.trajectory
        if limit is None or self.step < SETTLED_FROM:
            return torch.zeros(len(self.ids), dtype=torch.bool, device="cpu")
        errors = torch.stack(
            [
                error[torch.searchsorted(ids, self.ids)]
                for step, ids, error in zip(seen.steps, seen.ids, seen.values["error"], strict=True)
                if 2 * step >= self.step
            ]
        )
        first, *_, last = seen.values["loss"]
        most = errors.amax(dim=0)
        still = most - errors.amin(dim=0) <= limit * most.clamp_min(0.1)
        return still & (10 * last < first[self.ids])

    def _move(self, gradients: Weights, loss: Tensor) -> None:
        if isinstance(self.rate, GradientFlow):
            for part, task in zip(self.chunks, self.tasks, strict=True):
                state = {name: value[part] for name, value in self.flow.items()}
                own = [weight[part] for weight in self.weights]
                flow_step(self.model, task, own, state, self.rate)
            return
        if isinstance(self.rate, AdaptiveRate):
            squares = torch.stack([each.square().sum(dim=(1, 2)) for each in gradients]).sum(dim=0)
            decay = self.rate.decay
            self.average = decay * self.average + (1 - decay) * squares
            root = (self.average / (1 - decay ** (self.step + 1))).sqrt()
            self._halve(loss, self.rate.patience)
            self.rates = (-self.base / (root + self.rate.floor)).reshape(-1, 1, 1)
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.addcmul_(gradient, self.rates)

    def _halve(self, loss: Tensor, patience: int | None) -> None:
        """Halve the base rate of elements whose loss did not fall for `patience` steps."""
        if patience is None:
            return
        self.waited = torch.where(loss < self.lowest, 0, self.waited + 1)
        self.lowest = torch.minimum(self.lowest, loss)
        late = self.waited >= patience
        self.base = torch.where(late, self.base / 2, self.base)
        self.waited[late] = 0

    def _record(self, end: Tensor, loss: Tensor) -> None:
        if not bool(torch.isfinite(loss).all()):
            element = int(self.ids[~torch.isfinite(loss)][0])
            raise DivergedError(
                f"element {element} of the batch diverged before step {self.step}: its loss is not "
                "finite; lower the learning rate"
            )
        values = self.measure(self.weights, end) if self.measure else {}
        values |= {name: self.flow[name] for name in ("time", "gradients") if self.flow}
        self.trajectory.append(self.step, self.ids, {"loss": loss, **values})

    def _retire(self, gone: Tensor, done: Tensor, loss: Tensor) -> None:
        """Remove elements from the batch; those that are also `done` have converged."""
        ids = self.ids[gone]
        for final, weight in zip(self.final_weights, self.weights, strict=True):
            final[ids] = weight[gone]
        self.final_loss[ids] = loss[gone]
        self.final_steps[ids] = self.step
        self.converged[ids] = done[gone]
        self.weights = [weight[~gone] for weight in self.weights]
        for name in PER_ELEMENT:
            setattr(self, name, getattr(self, name)[~gone])
        self.flow = {name: value[~gone] for name, value in self.flow.items()}
        self._follow_batch()

    STATE = (
        *("step", "seconds", "weights", "flow", *PER_ELEMENT),
        *("final_weights", "final_loss", "final_steps", "converged"),
    )

    def state(self) -> dict[str, Any]:
        """The content of a checkpoint."""
        state = {name: getattr(self, name) for name in self.STATE}
        return {**state, "trajectory": dict(vars(self.trajectory))}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        for name in self.STATE:
            setattr(self, name, state[name])
        self.trajectory = Trajectory(**state["trajectory"])
        self._follow_batch()

    def result(self) -> Run:
        """The result, once all elements have finished."""
        end = self.model.forward(self.final_weights)[0]
        facts = self.final_loss, self.final_steps, self.converged, self.trajectory, self.seconds
        return Run(self.final_weights, end, *facts)
