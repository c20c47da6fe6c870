"""Early stopping, and the choice of the best epoch: the rule of Appendix D.6.2.2.

The thesis stops when the validation accuracy has not improved by at least 0.01 over 1000
consecutive epochs, or after 10,000 epochs, and reports the test accuracy of the epoch with the
highest validation accuracy.

The improvement of 0.01 is taken as percentage points, so `min_delta` is 0.0001 as a fraction. The
configurations published with the paper do the same (`early_stop_min_delta` of 0.0001, for
accuracies in [0, 1]; github.com/noamrazin/gnn_interactions). Except on OGBN-ArXiv, this is less
than one vertex of the validation sets of Table D.1, so any new record counts.

The reference is the accuracy at the last improvement. An epoch improves if its accuracy is at least
the reference plus `min_delta`; it is then the new reference. So slow progress adds up until it
counts. The best epoch is the first one with the highest validation accuracy, whatever the reference
is. Accuracies are compared as numbers of vertices, so rounding has no effect.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

TOLERANCE = 1e-9


@dataclass
class EarlyStopping:
    """The state of the rule in a run; `update` takes the validation accuracy of each epoch.

    Attributes:
        num_samples: Size of the validation set.
        patience: Consecutive epochs without improvement after which to stop.
        min_delta: Least improvement, a fraction of `num_samples`.
        epoch: Number of epochs seen.
        reference: Number of correct predictions at the last improvement, -1 at the beginning.
        waited: Epochs since the last improvement.
        best: Highest number of correct predictions.
        best_epoch: The first epoch with that number, counted from 1.
    """

    num_samples: int
    patience: int
    min_delta: float
    epoch: int = 0
    reference: int = -1
    waited: int = 0
    best: int = -1
    best_epoch: int = 0

    def update(self, num_correct: int) -> bool:
        """Count an epoch.

        Args:
            num_correct: Validation vertices classified correctly after it.

        Returns:
            Whether to stop now.
        """
        self.epoch += 1
        if num_correct > self.best:
            self.best, self.best_epoch = num_correct, self.epoch
        if self._improves(num_correct):
            self.reference, self.waited = num_correct, 0
        else:
            self.waited += 1
        return self.waited >= self.patience

    def _improves(self, num_correct: int) -> bool:
        if self.reference < 0:
            return True
        gain = num_correct - self.reference
        return gain > 0 and gain >= self.min_delta * self.num_samples - TOLERANCE

    @property
    def is_best(self) -> bool:
        """Whether the last epoch is the best so far."""
        return self.epoch == self.best_epoch

    def state(self) -> dict[str, float]:
        """All fields; ``EarlyStopping(**state)`` resumes from them."""
        return asdict(self)
