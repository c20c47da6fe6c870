"""Checkpoints: what is written comes back, and a full disk is one line."""

import os
import sys
from collections import OrderedDict

import forked
import pytest
import torch

from wis import datasets
from wis.errors import CheckpointError
from wis.training import TrainConfig, split_vertices, train
from wis.training.checkpoint import FORMAT, read_checkpoint, write_checkpoint
from wis.training.run import Run

WRITE_TOO_MUCH = """
import resource, sys
from pathlib import Path
import torch
from wis.errors import GraphFileError
from wis.training.checkpoint import write_checkpoint
path = Path(sys.argv[1])
write_checkpoint(path, "x", {"a": torch.ones(2)})
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_checkpoint(path, "x", {"a": torch.ones(1_000_000)})
except GraphFileError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_disk_that_is_full_while_a_checkpoint_is_written_is_one_line(tmp_path):
    path = tmp_path / "run.checkpoint"
    ended = forked.python(WRITE_TOO_MUCH, str(path))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"{path}: cannot be written: File too large\n"
    assert read_checkpoint(path, "x", "cpu")["a"].tolist() == [1.0, 1.0]
    assert os.listdir(tmp_path) == ["run.checkpoint"]


def test_a_state_comes_back(tmp_path):
    network = torch.nn.BatchNorm1d(2)
    optimizer = torch.optim.Adam(network.parameters())
    state = {
        "epoch": 3,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": torch.Generator().manual_seed(1).get_state(),
        "nested": [(torch.arange(2), None), {"a": 1.5, 2: "b"}],
    }
    write_checkpoint(tmp_path / "a", "x", state)
    read = read_checkpoint(tmp_path / "a", "x", "cpu")
    assert isinstance(read["network"], OrderedDict)
    assert read["network"]._metadata == state["network"]._metadata
    network.load_state_dict(read["network"])
    optimizer.load_state_dict(read["optimizer"])
    torch.Generator().set_state(read["generator"])
    assert read["epoch"] == 3
    assert read["nested"][0][0].tolist() == [0, 1]
    assert read["nested"][1] == {"a": 1.5, 2: "b"}
    moved = read_checkpoint(tmp_path / "a", "x", "meta")
    assert moved["nested"][0][0].device.type == moved["network"]["weight"].device.type == "meta"
    assert read_checkpoint(tmp_path / "b", "x", "cpu") is None


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"format": FORMAT, "identity": "x"},
        {"format": FORMAT, "identity": "x", "state": [1]},
        {"format": FORMAT, "identity": 3, "state": {}},
        torch.ones(2),
    ],
    ids=str,
)
def test_what_is_no_checkpoint_is_told(content, tmp_path):
    torch.save(content, tmp_path / "a")
    with pytest.raises(CheckpointError, match="is no checkpoint of a training run, or damaged"):
        read_checkpoint(tmp_path / "a", "x", "cpu")


def test_a_checkpoint_of_another_run_is_told(tmp_path):
    write_checkpoint(tmp_path / "a", "x", {})
    with pytest.raises(CheckpointError, match="of a run with another configuration"):
        read_checkpoint(tmp_path / "a", "y", "cpu")


def spoilt(state):
    """What is left of a run's state after each of many changes."""
    for key in state:
        yield {name: value for name, value in state.items() if name != key}
        for odd in (None, "x", -1, 10**6, [], [7], {}, [None], torch.ones(2)):
            yield {**state, key: odd}
    track = state["track"]
    for key in track:
        yield {**state, "track": {name: part for name, part in track.items() if name != key}}
        for odd in ("x", (), [7], {"epoch": "x"}, torch.ones(2)):
            yield {**state, "track": {**track, key: odd}}
    for epoch in (-1, 10**6, "x", None):
        yield {**state, "track": {**track, "stopping": {**track["stopping"], "epoch": epoch}}}
    for key in (name for name, part in state["engine"].items() if part):
        for odd in (None, {}, [], "x", {"a": 1}):
            yield {**state, "engine": {**state["engine"], key: odd}}


@pytest.mark.parametrize("sampler", [None, "neighbor"])
def test_a_checkpoint_of_this_run_with_an_odd_content_is_one_line(sampler, tmp_path):
    """The identity can be copied, so whatever the content is must be told as damage."""
    config = TrainConfig(model="gcn", max_epochs=3, width=4, sampler=sampler)
    data = split_vertices(datasets.load("karate"), seed=0)
    path = tmp_path / "a.checkpoint"

    def stop(epoch):
        if epoch == 2:
            raise KeyboardInterrupt

    run = Run(data, config)
    run.keep_in(path, 0.0)
    with pytest.raises(KeyboardInterrupt):
        run.loop(run.start(), stop)
    content = torch.load(path, weights_only=True)
    num_told = 0
    for state in spoilt(content["state"]):
        torch.save({**content, "state": state}, path)
        with pytest.raises(CheckpointError) as told:
            train(data, config, checkpoint=path, progress=False)
        assert "\n" not in str(told.value)
        assert str(path) in str(told.value)
        num_told += 1
    assert num_told > 75
    torch.save(content, path)
    assert train(data, config, checkpoint=path, progress=False).num_epochs == 3
