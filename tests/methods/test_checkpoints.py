"""An order that was interrupted goes on from its checkpoint, and is the same as in one go."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import edge_index_of

import wis
from wis.errors import CheckpointError, GraphFileError
from wis.graph import DirectedGraph, UndirectedGraph
from wis.methods import checkpoints, get_method

ORDERS = [
    ("wis", {"walk_length": 2}),
    ("wis", {"walk_length": 2, "batch_size": 5}),
    ("wis", {"walk_length": 3, "engine": "local"}),
    ("wis", {"walk_length": 3, "engine": "dense"}),
    ("wis", {"walk_length": 2, "engine": "dense", "batch_size": 4}),
    ("gwis", {"walk_length": 2}),
    ("gwis", {"walk_length": 1, "partitions": "balls:k=1", "argmax": "min"}),
    ("gwis", {"walk_length": 2, "partitions": "cuts:number=4", "batch_size": 3}),
    ("gwis", {"walk_length": 2, "partitions": "communities", "argmax": "sum"}),
]


def odd_graph(seed: int, n: int = 16, *, directed: bool = False) -> UndirectedGraph | DirectedGraph:
    """Hubs, twins, a clique, isolated vertices."""
    rng = random.Random(seed)
    arcs = [(rng.randrange(n) // rng.randint(1, 4), rng.randrange(n)) for _ in range(3 * n)]
    arcs += [(u, v) for u in range(n // 3) for v in range(n // 3)]
    arcs += [(n + 3, v) for _, v in arcs[:6]] + [(n + 4, v) for _, v in arcs[:6]]
    return (DirectedGraph if directed else UndirectedGraph).from_any(edge_index_of(arcs), n + 6)


def stopping_at(number: int):
    """A report of progress by which Ctrl-C arrives after so many edges."""

    def report(done: int) -> None:
        if done >= number:
            raise KeyboardInterrupt

    return report


def interrupted(graph, method, options, path, number, **shared):
    """Rank edges until Ctrl-C after about `number` of them."""
    chosen = get_method(method)
    resolved = chosen.resolved_options(graph, {**options, "checkpoint": path})
    arguments, _ = chosen.prepare(graph, graph, resolved, 0)
    with pytest.raises(KeyboardInterrupt):
        chosen.order(
            graph,
            count=graph.num_edges,
            seed=0,
            progress=stopping_at(number),
            **shared,
            **arguments,
        )


@pytest.mark.parametrize(("method", "options"), ORDERS)
@pytest.mark.parametrize("directed", [False, True])
@given(seed=st.integers(0, 10**6), stops=st.lists(st.integers(1, 60), min_size=1, max_size=3))
@settings(max_examples=4)
def test_an_interrupted_order_goes_on_to_the_same_order(method, options, directed, seed, stops):
    graph = odd_graph(seed, directed=directed)
    whole = wis.removal_order(graph, method, **options)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "order.checkpoint")
        for number in sorted(min(stop, graph.num_edges - 1) for stop in stops):
            interrupted(graph, method, options, path, number)
        short = wis.removal_order(graph, method, count=7, checkpoint=path, **options)
        resumed = wis.removal_order(graph, method, checkpoint=path, **options)
        again = wis.removal_order(graph, method, checkpoint=str(path), **options)
    assert torch.equal(short.edges, whole.edges[:, :7])
    assert torch.equal(resumed.edges, whole.edges)
    assert torch.equal(again.edges, whole.edges)
    assert resumed.provenance == whole.provenance


def test_a_checkpoint_may_go_on_with_another_engine(tmp_path):
    graph, path = odd_graph(3), tmp_path / "order.checkpoint"
    interrupted(graph, "wis", {"walk_length": 3, "engine": "dense"}, path, 9)
    resumed = wis.removal_order(graph, walk_length=3, engine="local", checkpoint=path)
    assert torch.equal(resumed.edges, wis.removal_order(graph, walk_length=3).edges)


def test_edges_that_went_before_are_not_ranked_again(tmp_path, monkeypatch):
    graph, path = odd_graph(4), tmp_path / "order.checkpoint"
    interrupted(graph, "wis", {"walk_length": 2}, path, 20)
    done = []
    chosen = get_method("wis")
    options = chosen.resolved_options(graph, {"walk_length": 2, "checkpoint": path})
    chosen.order(graph, count=graph.num_edges, seed=0, progress=done.append, **options)
    assert done == list(range(21, graph.num_edges + 1))


def test_a_short_order_leaves_no_file_and_a_long_one_writes_at_intervals(tmp_path, monkeypatch):
    graph, path = odd_graph(5), tmp_path / "order.checkpoint"
    order = wis.removal_order(graph, walk_length=2, checkpoint=path)
    assert list(tmp_path.iterdir()) == []
    clock = iter(range(0, 10**6, 25))  # each look at the clock takes 25 seconds
    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    sizes = []
    write = checkpoints.Checkpoint.write
    monkeypatch.setattr(
        checkpoints.Checkpoint,
        "write",
        lambda self, ids: (sizes.append(len(ids)), write(self, ids)),
    )
    wis.removal_order(graph, walk_length=2, checkpoint=path)
    assert sizes[:3] == [3, 6, 9]
    assert sizes[-1] == graph.num_edges
    assert [entry.name for entry in tmp_path.iterdir()] == ["order.checkpoint"]
    assert torch.equal(wis.removal_order(graph, walk_length=2, checkpoint=path).edges, order.edges)


def test_exact_1_wis_keeps_none(tmp_path):
    wis.removal_order(odd_graph(6), checkpoint=tmp_path / "missing" / "order.checkpoint")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 8}, "graph is "),
        ({"walk_length": 3}, "walk_length is 2 there and 3 here"),
        ({"batch_size": 2}, "batch_size is 1 there and 2 here"),
        ({"method": "gwis"}, "method is wis there and gwis here"),
        ({"version": "9.9"}, "there and 9.9 here"),
    ],
)
def test_a_checkpoint_of_another_order_is_refused_in_one_line(change, named, tmp_path, monkeypatch):
    path = tmp_path / "order.checkpoint"
    interrupted(odd_graph(7), "wis", {"walk_length": 2}, path, 5)
    content = path.read_bytes()
    if "version" in change:
        monkeypatch.setattr(checkpoints, "VERSION", change["version"])
    options = {"walk_length": 2} | {k: v for k, v in change.items() if k not in ("seed", "version")}
    with pytest.raises(CheckpointError, match="is the checkpoint of another order") as caught:
        wis.removal_order(odd_graph(change.get("seed", 7)), checkpoint=path, **options)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_checkpoint_for_other_partitions_or_argmax_is_refused(tmp_path):
    graph, path = odd_graph(9), tmp_path / "order.checkpoint"
    interrupted(graph, "gwis", {"partitions": "balls:k=1"}, path, 5)
    for change in ({"argmax": "min"}, {"partitions": "cuts:number=3"}):
        given = {"partitions": "balls:k=1", **change}
        with pytest.raises(CheckpointError, match=f"{next(iter(change))} is "):
            wis.removal_order(graph, "gwis", checkpoint=path, **given)


def damage(path: Path, **arrays: np.ndarray) -> None:
    """Replace arrays of a checkpoint."""
    with np.load(path) as file:
        content = dict(file)
    with path.open("wb") as file:
        np.savez(file, **{**content, **arrays})


@pytest.mark.parametrize(
    "removed",
    [[0, 0], [-1], [10**6], [0.5], [[1], [2]]],
    ids=["twice", "low", "high", "half", "2d"],
)
def test_a_checkpoint_whose_edges_are_none_is_refused(removed, tmp_path):
    graph, path = odd_graph(10), tmp_path / "order.checkpoint"
    interrupted(graph, "wis", {"walk_length": 2}, path, 5)
    damage(path, removed=np.array(removed))
    with pytest.raises(CheckpointError, match="damaged; delete it to start afresh"):
        wis.removal_order(graph, walk_length=2, checkpoint=path)


@pytest.mark.parametrize("header", [b"", b"{", b"[]", b'{"format": "other"}', b"\xff"])
def test_a_checkpoint_with_a_damaged_header_is_refused(header, tmp_path):
    graph, path = odd_graph(10), tmp_path / "order.checkpoint"
    interrupted(graph, "wis", {"walk_length": 2}, path, 5)
    damage(path, header=np.frombuffer(header, np.uint8))
    with pytest.raises(CheckpointError, match="damaged; delete it to start afresh"):
        wis.removal_order(graph, walk_length=2, checkpoint=path)


@pytest.mark.parametrize("content", [b"", b"PK", b"no checkpoint", None])
def test_a_file_that_is_no_checkpoint_is_refused_and_stays(content, tmp_path):
    graph, path = odd_graph(10), tmp_path / "order.checkpoint"
    interrupted(graph, "wis", {"walk_length": 2}, path, 5)
    content = path.read_bytes()[:-30] if content is None else content
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged; delete it to start afresh"):
        wis.removal_order(graph, walk_length=2, checkpoint=path)
    assert path.read_bytes() == content


def test_a_checkpoint_that_cannot_be_written_is_refused_at_once(tmp_path):
    with pytest.raises(GraphFileError, match="there is no folder"):
        wis.removal_order(odd_graph(1), walk_length=2, checkpoint=tmp_path / "none" / "a")
