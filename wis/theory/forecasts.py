"""Forecasts of time and memory: operations are counted, and a short trial gives their speed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wis.base.limits import available_memory, shown_size
from wis.errors import OptionError

LONGEST_S = 3600.0


@dataclass(frozen=True)
class Forecast:
    """The largest cost of a computation.

    Attributes:
        operations: Numbers of operations, of kinds that the function says which makes it.
        bytes: Memory for arrays.
        seconds: Time on this machine.
    """

    operations: tuple[int, ...]
    bytes: int
    seconds: float

    def __str__(self) -> str:
        units = {"hours": 3600, "minutes": 60, "seconds": 1}
        unit = next((unit for unit, size in units.items() if self.seconds >= 2 * size), "seconds")
        about = f"{math.ceil(self.seconds / units[unit])} {unit}"
        return f"at most about {about} and {shown_size(self.bytes)} of memory"

    def check(self) -> None:
        """Refuse a long computation.

        Raises:
            OptionError: It would take more than an hour, or more memory than there is.
        """
        if self.seconds > LONGEST_S or self.bytes > available_memory():
            raise OptionError(
                f"this would take {self}; take a smaller --max-side, --depth or --width, or pass "
                f"--force-size"
            )


def best_time(call: Callable[[], Any]) -> float:
    """The least time of three calls, in seconds."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
