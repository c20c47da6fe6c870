"""What was measured on the way, thinned logarithmically."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor


def is_recorded(step: int, per_decade: int) -> bool:
    """Whether a step is one of about `per_decade` in every power of ten; 0 always is.

    All steps are recorded up to where the spacing first exceeds one.
    """
    if step == 0:
        return True
    return step < per_decade / math.log(10) or (
        int(math.log10(step + 0.5) * per_decade) != int(math.log10(step - 0.5) * per_decade)
    )


@dataclass
class Trajectory:
    """Measurements of a batch, step by step; finished elements are left out.

    Attributes:
        steps: When, ascending.
        ids: Which elements of the batch, int64, one tensor for each step.
        values: Of each quantity, one tensor [number of ids, ...] for each step.
    """

    steps: list[int] = field(default_factory=list)
    ids: list[Tensor] = field(default_factory=list)
    values: dict[str, list[Tensor]] = field(default_factory=dict)

    def append(self, step: int, ids: Tensor, values: dict[str, Tensor]) -> None:
        """Add what was measured at a step."""
        self.steps.append(step)
        self.ids.append(ids.clone())
        for name, value in values.items():
            self.values.setdefault(name, []).append(value.detach().clone())

    def of(self, element: int) -> dict[str, np.ndarray]:
        """The curve of one element: ``"step"`` and every quantity, each with time in front."""
        at = [
            (step, int(position))
            for step, ids in enumerate(self.ids)
            for position in torch.nonzero(ids == element).flatten().tolist()
        ]
        curve = {"step": np.array([self.steps[step] for step, _ in at])}
        for name, values in self.values.items():
            curve[name] = np.stack([values[step][position].numpy() for step, position in at])
        return curve

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"steps": self.steps, "ids": self.ids, "values": self.values}
