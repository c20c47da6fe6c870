"""What is kept of data sets that were read: where, for how long, and by two at once."""

from __future__ import annotations

import contextlib
from pathlib import Path

import forked
import numpy as np
import pytest
import torch
from raw_datasets import MINIATURES, assert_masks, edge_set, write

from wis.datasets import load, real
from wis.datasets.splits import MASKS
from wis.datasets.table import cache_folder, data_root


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WIS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("WIS_DATA_ROOT", raising=False)
    return tmp_path / "cache"


def contents(folder):
    return {
        path.relative_to(folder): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", MINIATURES)
def test_nothing_is_written_below_the_data_root_nor_left_behind_in_the_cache(name, tmp_path, cache):
    root = tmp_path / "data"
    write(name, root)
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    before = contents(root)
    for folder in folders:
        folder.chmod(0o555)
    try:
        load(name, root=root)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert contents(root) == before
    assert [path.name.rpartition("-")[0] for path in (cache / "processed").iterdir()] == [name]


def test_raw_files_are_read_once_and_again_when_they_change(tmp_path, cache, monkeypatch):
    write("dblp", tmp_path)
    first = load("dblp", root=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(real, "_read", lambda *args: pytest.fail("read again"))
        assert torch.equal(load("dblp:seed=3", root=tmp_path).edge_index, first.edge_index)
    path = tmp_path / "CitationFull/dblp/raw/dblp.npz"
    with np.load(path) as archive:
        changed = {**archive, "labels": (archive["labels"] + 1) % 4}
    np.savez(path, **changed)
    assert torch.equal(load("dblp", root=tmp_path).y, (first.y + 1) % 4)
    assert len(list((cache / "processed").iterdir())) == 1, "the old result is replaced"


def test_a_graph_that_is_loaded_twice_can_be_changed_in_between(tmp_path):
    write("tolokers", tmp_path)
    first = load("tolokers:split=public", root=tmp_path)
    expected = [first[mask].clone() for mask in MASKS]
    first.x.zero_()
    first.train_mask.fill_(True)
    second = load("tolokers:split=public", root=tmp_path)
    assert float(second.x.sum()) > 0
    assert_masks(second, expected)


def test_a_damaged_result_in_the_cache_is_made_anew(tmp_path, cache, caplog):
    write("chameleon", tmp_path)
    first = load("chameleon", root=tmp_path)
    (path,) = (cache / "processed").iterdir()
    for damage in (path.read_bytes()[:1000], b""):
        path.write_bytes(damage)
        assert torch.equal(load("chameleon", root=tmp_path).edge_index, first.edge_index)
        assert "is damaged" in caplog.text
        caplog.clear()


def test_a_cache_that_cannot_be_written_to_costs_time_but_not_the_result(
    tmp_path, monkeypatch, caplog
):
    expected = write("computers", tmp_path)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("WIS_CACHE_DIR", str(tmp_path / "file"))
    assert edge_set(load("computers", root=tmp_path)) == expected.edges
    assert "read again each time" in caplog.text


TWO_AT_ONCE = """
import pathlib, sys, time
import torch
from wis.datasets import find
from wis.datasets.processed import processed

root, me = pathlib.Path(sys.argv[1]), sys.argv[2]

def read(folder):
    raw = (folder / "CitationFull/dblp/raw/dblp.npz").read_bytes()
    return {"x": torch.frombuffer(bytearray(raw), dtype=torch.uint8)}

(root / me).touch()
while not all((root / name).exists() for name in "ab"):
    time.sleep(0.002)
for _ in range(10):
    for path in (root / "cache/processed").glob("dblp*"):
        path.unlink(missing_ok=True)
    x = processed("dblp", find("dblp").files, root, read)["x"]
    assert x.numel() > 1000
print(int(x.sum()))
"""


def test_two_processes_at_once_read_the_same_and_leave_one_result(tmp_path, cache):
    write("dblp", tmp_path)
    with contextlib.ExitStack() as stack:
        programs = (forked.Process(TWO_AT_ONCE, str(tmp_path), name) for name in "ab")
        runs = [stack.enter_context(program) for program in programs]
        answers = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], answers
    assert answers[0][0] == answers[1][0] != ""
    assert len(list((cache / "processed").iterdir())) <= 1, "nothing half done stays"


def test_a_data_root_is_the_argument_else_the_variable_else_in_the_cache(
    tmp_path, monkeypatch, cache
):
    assert data_root() == cache / "data"
    monkeypatch.setenv("WIS_DATA_ROOT", str(tmp_path / "variable"))
    assert data_root() == tmp_path / "variable"
    assert data_root(tmp_path) == tmp_path
    assert data_root("~/data") == Path.home() / "data"
    write("dblp", tmp_path / "variable")
    assert load("dblp").num_nodes == 30


@pytest.mark.parametrize(
    ("xdg", "expected"), [("/xdg", "/xdg/wis"), ("relative", "~/.cache/wis"), ("", "~/.cache/wis")]
)
def test_the_cache_is_where_the_xdg_specification_wants_it(xdg, expected, monkeypatch):
    monkeypatch.delenv("WIS_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert cache_folder() == Path(expected).expanduser()
