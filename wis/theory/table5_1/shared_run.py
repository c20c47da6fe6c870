"""Training for graph prediction over one shared structure, by the rule of Appendix D.6.2.1.

Adam on the binary cross-entropy, every step on all training graphs, until the *training* accuracy
has not improved for a number of epochs; an improvement is defined as in `wis.training.stopping`.
Each epoch counts the correct predictions of the forward pass of its step, so no pass is spent on
it. As in the program published with the paper, the reported training accuracy is that of the last
epoch, in the mode of training, and the test accuracy is that of the network at the end, in its mode
of evaluation. With batch normalisation the two modes can differ by a lot while the parameters still
move fast, so the record holds the training accuracy at the end in the mode of evaluation as well.
It also holds the accuracies at the epoch of the highest training accuracy, since single steps of
Adam on a whole data set can throw a network back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from wis.base.progress import progress_bar
from wis.errors import DivergedError, GraphFormatError, UnknownNameError
from wis.models import GraphNetwork
from wis.theory.table5_1.shared_structure import (
    SHARED,
    SharedStructure,
    Twins,
    check_shareable,
    in_parts,
)
from wis.training.config import DTYPES, TrainConfig
from wis.training.engine import adam, build
from wis.training.problem import checked_device
from wis.training.stopping import EarlyStopping


@dataclass(frozen=True, eq=False)
class GraphSet:
    """Features of graphs of one structure, and a yes or no for each.

    Attributes:
        x: Float [G, n, in_dim].
        y: Float [G], 0 or 1.
    """

    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class SharedRecord:
    """Result of a run; accuracies are fractions in [0, 1].

    Attributes:
        train_accuracy: In the forward pass of the last epoch, in the mode of training.
        test_accuracy: Of the network at the end.
        train_accuracy_evaluated: Of the network at the end, in the mode of evaluation.
        best_train_accuracy: The highest training accuracy in the forward pass of an epoch.
        test_accuracy_at_best: Test accuracy at that epoch, before its step.
        best_epoch: That epoch, counted from 1.
        num_epochs: Number of epochs of the run.
        stopped_by: ``"patience"`` or ``"max_epochs"``.
        last_loss: Mean binary cross-entropy before the last step.
        seconds: Wall time of the epochs.
        cpu_seconds: Time that the processors spent on them, all threads together.
    """

    train_accuracy: float
    test_accuracy: float
    train_accuracy_evaluated: float
    best_train_accuracy: float
    test_accuracy_at_best: float
    best_epoch: int
    num_epochs: int
    stopped_by: Literal["patience", "max_epochs"]
    last_loss: float
    seconds: float
    cpu_seconds: float


class SharedTrainer:
    """A network, its optimiser, and the training graphs in parts.

    Args:
        network: The network.
        structure: The structure of all graphs.
        train: The training graphs, on the network's device and of its dtype.
        config: Model, learning rate and weight decay.

    Raises:
        OptionError: The network cannot be computed over a shared structure.
    """

    def __init__(
        self,
        network: GraphNetwork,
        structure: SharedStructure,
        train: GraphSet,
        config: TrainConfig,
    ) -> None:
        check_shareable(network)
        self.network = network
        self.parts = in_parts(structure, train.x, SHARED[config.model])
        self.labels = torch.split(train.y.unsqueeze(1), [len(part.features) for part in self.parts])
        self.num_graphs = len(train.y)
        self.optimizer = adam(list(network.parameters()), config)

    def forward_backward(self) -> tuple[float, int]:
        """Gradients of the mean loss; returns it and the number of correct predictions."""
        self.network.train()
        losses, correct = [], []
        for part, y in zip(self.parts, self.labels, strict=True):
            logits = self.network.over(part.features, part)
            loss = binary_cross_entropy_with_logits(logits, y, reduction="sum") / self.num_graphs
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
            correct.append(((logits.detach() > 0) == (y > 0)).sum())
        return float(torch.stack(losses).sum()), int(torch.stack(correct).sum())

    def step(self) -> None:
        """Move along the gradients."""
        self.optimizer.step()
        self.optimizer.zero_grad()


def train_shared(
    structure: SharedStructure,
    train: GraphSet,
    test: GraphSet,
    config: TrainConfig,
    *,
    progress: bool | None = None,
) -> SharedRecord:
    """One run.

    The same call gives the same record, but for its times, on a CPU with as many threads.

    Args:
        structure: The structure of all graphs.
        train: The training graphs.
        test: The test graphs.
        config: The run, with ``task="graph"``; model, sizes, learning rate, stopping rule, seed.
        progress: Show a bar on stderr (true), never (false), or once it takes long (None).

    Raises:
        UnknownNameError: The model cannot be computed over a shared structure.
        GraphFormatError: Shapes do not fit.
        OptionError: The device does not exist.
        DivergedError: The loss is no longer finite.

    References:
        Appendix D.6.2.1.
    """
    if config.model not in SHARED:
        raise UnknownNameError.among("model over a shared structure", config.model, SHARED)
    train, test = (_on_device(part, structure, config) for part in (train, test))
    network = build(train.x.size(2), 1, config).to(train.x.device)
    trainer = SharedTrainer(network, structure, train, config)
    test_parts = in_parts(structure, test.x, SHARED[config.model])
    rule = EarlyStopping(len(train.y), config.patience, config.min_delta)
    at_best, loss, correct, stopped = 0.0, 0.0, 0, False
    start, start_cpu = time.perf_counter(), time.process_time()
    title = f"{config.model}, seed {config.seed}"
    with progress_bar(title, config.max_epochs, show=progress) as report:
        while rule.epoch < config.max_epochs and not stopped:
            loss, correct = trainer.forward_backward()
            if not abs(loss) < float("inf"):
                raise DivergedError(
                    f"seed {config.seed}, epoch {rule.epoch + 1}: the loss is not finite. Check "
                    f"the features, or lower learning_rate (now {config.learning_rate:g})"
                )
            stopped = rule.update(correct)
            if rule.is_best:
                at_best = accuracy(network, test_parts, test.y)
            trainer.step()
            report(rule.epoch)
    return SharedRecord(
        train_accuracy=correct / len(train.y),
        test_accuracy=accuracy(network, test_parts, test.y),
        train_accuracy_evaluated=accuracy(network, trainer.parts, train.y),
        best_train_accuracy=rule.best / len(train.y),
        test_accuracy_at_best=at_best,
        best_epoch=rule.best_epoch,
        num_epochs=rule.epoch,
        stopped_by="patience" if stopped else "max_epochs",
        last_loss=loss,
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - start_cpu,
    )


@torch.no_grad()
def accuracy(network: GraphNetwork, parts: list[Twins], y: Tensor) -> float:
    """Share of graphs predicted correctly in the mode of evaluation; the mode is put back."""
    was_training = network.training
    network.eval()
    logits = torch.cat([network.over(part.features, part) for part in parts]).squeeze(1)
    network.train(was_training)
    return int(((logits > 0) == (y > 0)).sum()) / len(y)


def _on_device(graphs: GraphSet, structure: SharedStructure, config: TrainConfig) -> GraphSet:
    x, y = graphs.x, graphs.y
    if x.dim() != 3 or x.size(1) != structure.num_nodes or y.shape != x.shape[:1] or not len(y):
        raise GraphFormatError(
            f"x has shape {list(x.shape)} and y {list(y.shape)}; expected "
            f"[G, {structure.num_nodes}, in_dim] and [G] with at least one graph"
        )
    device = checked_device(config)
    dtype = DTYPES[config.dtype]
    return GraphSet(x.to(device, dtype), y.to(device, dtype))
