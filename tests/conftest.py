"""What all tests share; the graphs that hypothesis draws are in `strategies`."""

from __future__ import annotations

import compileall
import gc
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

with warnings.catch_warnings():  # its import uses what torch calls deprecated
    warnings.simplefilter("ignore")
    import torch_geometric  # noqa: F401

import wis
import wis_cli

# Hundreds of programs that the tests start import wis, and would compile it each time where
# $PYTHONDONTWRITEBYTECODE is set.
for package in (wis, wis_cli):
    compileall.compile_dir(Path(package.__file__).parent, quiet=2)

# The graphs of the tests are tiny. Threads that wait for each other by spinning make them several
# times slower where other programs run beside them.
torch.set_num_threads(1)

settings.register_profile(
    "wis",
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("wis")


@given(st.none())
def hypothesis_makes_its_generator(_: None) -> None:
    """The first example makes it, and warns unless the collector sees the object that refers to it.

    On Python 3.14 that object would be among those that `pytest_collection_finish` hides.
    """


def pytest_collection_finish() -> None:
    """Keep collections, the last one too, from what the imports made: more than a million objects.

    A visit to all of them takes about a second.
    """
    hypothesis_makes_its_generator()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def interrupts_arrive() -> Iterator[None]:
    """A shell starts what runs in its background with SIGINT ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True, scope="session")
def no_downloads_and_a_cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reaches for the network, nor leaves anything in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WIS_OFFLINE", "1")
        patch.setenv("WIS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def epochs_are_timed_shortly() -> Iterator[None]:
    """An advice and a forecast time epochs for seconds; the tests look at no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wis.advice.savings.MEASURE_S", 0.02)
        patch.setattr("wis.experiments.forecast.EPOCHS_S", 0.02)
        yield
