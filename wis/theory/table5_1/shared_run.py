"""Training for graph prediction over one shared structure, by the rule of Appendix D.6.2.1.

Adam minimizes the binary cross-entropy, with all training graphs in every step, until the
*training* accuracy has not improved for a number of epochs (see `wis.training.stopping`). The
accuracy of an epoch comes from the forward pass of its step, so it costs no extra pass. As in the
program published with the paper, the reported training accuracy is that of the last epoch, in
training mode, and the test accuracy is that of the final network, in evaluation mode. With batch
normalisation the two modes can differ a lot while the parameters still move fast, so the record
also holds the final training accuracy in evaluation mode. It also holds the accuracies at the epoch
of the highest training accuracy, because a single step of Adam can make a network much worse.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from wis.base.checks import checked_device
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
from wis.training.stopping import EarlyStopping


@dataclass(frozen=True, eq=False)
class GraphSet:
    """Features of graphs of one structure, with a binary label for each graph.

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
        train_accuracy: Training accuracy in the forward pass of the last epoch, in training mode.
        test_accuracy: Test accuracy of the final network.
        train_accuracy_evaluated: Training accuracy of the final network, in evaluation mode.
        best_train_accuracy: The highest training accuracy in the forward pass of an epoch.
        test_accuracy_at_best: Test accuracy at that epoch, before its step.
        best_epoch: Epoch of `best_train_accuracy`, counted from 1.
        stopped_by: ``"patience"`` or ``"max_epochs"``.
        last_loss: Mean binary cross-entropy before the last step.
        seconds: Wall time of the epochs.
        cpu_seconds: CPU time of the epochs, summed over threads.
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
        train: The training graphs, on the network's device and of its dtype.
        config: Model, learning rate and weight decay.

    Raises:
        OptionError: The network does not support a shared structure.
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
        """Gradients of the mean loss; returns the loss and the number of right predictions."""
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
        """Take a step of the optimiser."""
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
    """Train a network (Appendix D.6.2.1).

    On a CPU, the same call with the same number of threads gives the same record except for times.

    The configuration has ``task="graph"``. There is a progress bar on stderr always (true), never
    (false), or in long runs (None).

    Raises:
        UnknownNameError: The model does not support a shared structure.
        GraphFormatError: Shapes do not match.
        OptionError: The device does not exist.
        DivergedError: The loss is not finite.
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
    """Share of correctly predicted graphs in evaluation mode; restores the mode of the network."""
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
    device = checked_device(config.device)
    dtype = DTYPES[config.dtype]
    return GraphSet(x.to(device, dtype), y.to(device, dtype))
