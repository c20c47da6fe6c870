"""Fixtures of the command line's tests."""

from __future__ import annotations

import pytest

from wis.experiments import backends


@pytest.fixture(autouse=True)
def sweeps_work_in_this_process(monkeypatch):
    """A process for each run is tried in `test_own_process` and, by a command, `test_cli_plugins`.

    Each graph needs a server for it, which takes seconds to start.
    """
    monkeypatch.setattr(backends, "can_be_forked", lambda modules: False)
