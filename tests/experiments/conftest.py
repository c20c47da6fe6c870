"""Fixtures of the sweeps' tests."""

from __future__ import annotations

import pytest
import torch
from sweep_cases import toy_graph


@pytest.fixture(scope="session")
def toy_file(tmp_path_factory):
    """A user's own graph in a file."""
    path = tmp_path_factory.mktemp("toy") / "toy.pt"
    torch.save(toy_graph(), path)
    return path
