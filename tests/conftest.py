"""What all tests share; the graphs that hypothesis draws are in `strategies`."""

from __future__ import annotations

import warnings

from hypothesis import HealthCheck, settings

with (
    warnings.catch_warnings()
):  # its import uses what torch calls deprecated, which would fail tests
    warnings.simplefilter("ignore")
    import torch_geometric  # noqa: F401

settings.register_profile(
    "wis",
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("wis")
