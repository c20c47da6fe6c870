"""Which steps of a run are recorded, and the measurements at them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor


def is_recorded(step: int, per_decade: int) -> bool:
    """Whether a step is recorded: step 0, and about `per_decade` steps in every power of ten."""
    if step == 0:
        return True
    return step < per_decade / math.log(10) or (
        int(math.log10(step + 0.5) * per_decade) != int(math.log10(step - 0.5) * per_decade)
    )


@dataclass
class Trajectory:
    """Measurements of a batch at the recorded steps; finished elements are left out.

    Attributes:
        steps: The recorded steps, ascending.
        ids: For each step the measured elements of the batch, int64.
        values: For each quantity and step a tensor [number of ids, ...].
    """

    steps: list[int] = field(default_factory=list)
    ids: list[Tensor] = field(default_factory=list)
    values: dict[str, list[Tensor]] = field(default_factory=dict)

    def append(self, step: int, ids: Tensor, values: dict[str, Tensor]) -> None:
        """Add the measurements of a step."""
        self.steps.append(step)
        self.ids.append(ids.clone())
        for name, value in values.items():
            self.values.setdefault(name, []).append(value.detach().clone())

    def of(self, element: int) -> dict[str, np.ndarray]:
        """The curves of one element: ``"step"`` and every quantity, time first."""
        at = [
            (step, int(position))
            for step, ids in enumerate(self.ids)
            for position in torch.nonzero(ids == element).flatten().tolist()
        ]
        curve = {"step": np.array([self.steps[step] for step, _ in at])}
        for name, values in self.values.items():
            curve[name] = np.stack([values[step][position].numpy() for step, position in at])
        return curve
