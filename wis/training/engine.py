"""Ways to compute epochs: one interface, the stacked networks, and what works for every model."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from wis.models import GraphNetwork, build_model
from wis.training.config import DTYPES, TrainConfig
from wis.training.problem import Problem
from wis.training.stacked import STACKED

Counts = tuple[int, int, int]


@dataclass(frozen=True)
class EpochResult:
    """What an epoch gave, for each run.

    Attributes:
        losses: Cross-entropy on the training vertices before the step.
        correct: Correct predictions after it: training, validation, test.
        finite: Whether all predictions after it are finite.
    """

    losses: list[float]
    correct: list[Counts]
    finite: list[bool]


class Engine(Protocol):
    """Trains S runs side by side."""

    name: str

    def epoch(self, number: int) -> EpochResult:
        """Do epoch `number`, counted from 1, and evaluate."""
        ...

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with some of the runs only."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        ...


def build(problem: Problem, config: TrainConfig) -> GraphNetwork:
    """A freshly initialised network for a run, on the CPU."""
    return build_model(
        config.model,
        problem.in_dim,
        problem.num_classes,
        depth=config.depth,
        width=config.width,
        task=config.task,
        seed=config.seed,
        dtype=DTYPES[config.dtype],
        **config.model_options,
    )


def adam(parameters: Sequence[Tensor], config: TrainConfig) -> torch.optim.Adam:
    """Adam with default β₁ and β₂, all parameters in one fused step."""
    return torch.optim.Adam(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )


class Measure:
    """Losses and numbers of correct predictions from logits [S, num_rows, num_classes]."""

    def __init__(self, problem: Problem) -> None:
        dtype = problem.x.dtype
        num_runs = problem.masks.size(0)
        self.masks = problem.masks.to(dtype)
        training = self.masks[:, 0]
        self.shares = training / training.sum(dim=1, keepdim=True)
        self.y = problem.y.clamp(min=0)
        self.repeated = self.y.repeat(num_runs)

    def losses(self, logits: Tensor) -> Tensor:
        """Mean cross-entropy over the training rows, [S]."""
        each = cross_entropy(logits.flatten(0, 1), self.repeated, reduction="none")
        return (each.view_as(self.shares) * self.shares).sum(dim=1)

    def result(self, losses: Tensor, logits: Tensor) -> EpochResult:
        """Everything that is reported, in one transfer from the device."""
        hits = (logits.argmax(dim=2) == self.y).to(self.masks.dtype)
        counts = torch.bmm(self.masks, hits.unsqueeze(2)).squeeze(2)
        sums = logits.sum(dim=(1, 2))
        rows = torch.cat([losses.detach().unsqueeze(1), sums.unsqueeze(1), counts], dim=1).tolist()
        return EpochResult(
            losses=[row[0] for row in rows],
            correct=[(int(row[2]), int(row[3]), int(row[4])) for row in rows],
            finite=[abs(row[1]) < float("inf") for row in rows],
        )


class StackedEngine:
    """All runs as one stacked network; an evaluation is the beginning of the next step."""

    name = "stacked"

    def __init__(self, problem: Problem, configs: Sequence[TrainConfig]) -> None:
        self.config = configs[0]
        self.problem = problem
        modules = [build(problem, config) for config in configs]
        self.network = STACKED[self.config.model](modules, problem)
        self.optimizer = adam(list(self.network.parameters.values()), self.config)
        self.measure = Measure(problem)
        self.hidden: Tensor | None = None

    def epoch(self, number: int) -> EpochResult:
        """One step on all training vertices of all runs."""
        hidden = self.network.first() if self.hidden is None else self.hidden
        losses = self.measure.losses(self.network.rest(hidden, training=True))
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.hidden = self.network.first()
        with torch.no_grad():
            logits = self.network.rest(self.hidden.detach(), training=False)
        return self.measure.result(losses, logits)

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with some of the runs only."""
        moments = self._moments()
        self.network.keep(positions)
        self.problem = self.network.problem
        self.measure = Measure(self.problem)
        self.optimizer = adam(list(self.network.parameters.values()), self.config)
        index = torch.tensor(list(positions), device=self.problem.x.device)
        self._set_moments(
            {
                name: {k: v if v.dim() == 0 else v[index] for k, v in state.items()}
                for name, state in moments.items()
            }
        )
        self.hidden = None

    def state(self) -> dict[str, Any]:
        """Parameters, buffers and moments."""
        detached = {name: value.detach() for name, value in self.network.parameters.items()}
        return {
            "parameters": detached,
            "buffers": dict(self.network.buffers),
            "moments": self._moments(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        with torch.no_grad():
            for kind in ("parameters", "buffers"):
                for name, value in getattr(self.network, kind).items():
                    value.copy_(state[kind][name])
        self._set_moments(state["moments"])
        self.hidden = None

    def _moments(self) -> dict[str, dict[str, Tensor]]:
        return {
            name: dict(self.optimizer.state[value])
            for name, value in self.network.parameters.items()
        }

    def _set_moments(self, moments: dict[str, dict[str, Tensor]]) -> None:
        for name, value in self.network.parameters.items():
            device = value.device
            self.optimizer.state[value] = {
                key: tensor.to(device, copy=True) for key, tensor in moments[name].items()
            }


class ModuleEngine:
    """Runs one after the other within an epoch, each a PyTorch Geometric module.

    Randomness inside an epoch, such as dropout of a model that was registered from outside, depends
    on the seed and the number of the epoch alone, so that a resumed run goes on as it would have.
    """

    name = "modules"

    def __init__(self, problem: Problem, configs: Sequence[TrainConfig]) -> None:
        self.configs = list(configs)
        self.problem = problem
        self.modules = [build(problem, config).to(problem.x.device) for config in configs]
        self.optimizers = [
            adam(list(module.parameters()), config)
            for module, config in zip(self.modules, configs, strict=True)
        ]
        self.measure = Measure(problem)

    def epoch(self, number: int) -> EpochResult:
        """One step of each run on all its training vertices."""
        losses, logits = [], []
        for position, config in enumerate(self.configs):
            with self._generators():
                torch.manual_seed((config.seed * 1_000_003 + number) % 2**63)
                losses.append(self._train(position))
            logits.append(self._evaluate(position))
        return self.measure.result(torch.stack(losses), torch.stack(logits))

    def _generators(self) -> AbstractContextManager[None]:
        """Put the global generators back afterwards, that of a GPU too."""
        device = self.problem.x.device
        return torch.random.fork_rng([device] if device.type == "cuda" else [])

    def _train(self, position: int) -> Tensor:
        """A step; returns the loss before it."""
        logits = self._logits(self.modules[position].train(), position)
        each = cross_entropy(logits, self.measure.y, reduction="none")
        loss: Tensor = (each * self.measure.shares[position]).sum()
        self._step(position, loss)
        return loss.detach()

    def _step(self, position: int, loss: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers[position].step()
        self.optimizers[position].zero_grad()

    @torch.no_grad()
    def _evaluate(self, position: int) -> Tensor:
        """Logits of all rows."""
        return self._logits(self.modules[position].eval(), position)

    def _logits(self, module: GraphNetwork, position: int) -> Tensor:
        problem = self.problem
        num_graphs = None if problem.batch is None else problem.y.numel()
        logits: Tensor = module(
            problem.x, problem.graphs[position], batch=problem.batch, num_graphs=num_graphs
        )
        return logits

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with some of the runs only."""
        for kind in ("configs", "modules", "optimizers"):
            setattr(self, kind, [getattr(self, kind)[position] for position in positions])
        self.problem = self.problem.select(positions)
        self.measure = Measure(self.problem)

    def state(self) -> dict[str, Any]:
        """Parameters, buffers and moments."""
        return {
            "modules": [module.state_dict() for module in self.modules],
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for module, saved in zip(self.modules, state["modules"], strict=True):
            module.load_state_dict(saved)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(copy.deepcopy(saved))
