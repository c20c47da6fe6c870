"""Predictions from neighbourhoods: the logits of the whole graph, and how they are timed."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import edge_index_of, small_graphs
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv

from wis import datasets, sparsify
from wis.errors import OptionError
from wis.measure.latency import LEAST_CALLS, Load, Server, in_turns, serve
from wis.measure.serving import edges_read
from wis.models import available_models, build_model
from wis.models.network import ForeignNetwork

MODELS = sorted(available_models())
GRAPHS = small_graphs().filter(lambda graph: graph[0] > 0)


def with_features(graph) -> Data:
    """One-way arcs, repeats and loops, as they come; random features."""
    num_nodes, arcs = graph
    generator = torch.Generator().manual_seed(len(arcs))
    x = torch.randn(num_nodes, 4, generator=generator, dtype=torch.float64)
    return Data(x=x, edge_index=edge_index_of(arcs), num_nodes=num_nodes)


def network_of(model: str, depth: int):
    return build_model(model, 4, 3, depth=depth, width=8, seed=1, dtype=torch.float64).eval()


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=15)
@given(graph=GRAPHS, depth=st.integers(1, 3))
def test_full_neighbourhoods_give_the_logits_of_the_whole_graph(model, graph, depth):
    data, network = with_features(graph), network_of(model, depth)
    server = Server(network, data, depth=depth)
    whole = network(data.x, data.edge_index)
    torch.testing.assert_close(server.predict_all(), whole)
    for vertices in (torch.arange(data.num_nodes)[::2], torch.arange(data.num_nodes).flip(0)):
        torch.testing.assert_close(server.predict(vertices), whole[vertices])
    for vertex in range(data.num_nodes):
        one = torch.tensor([vertex])
        server.predict(one)
        assert server.num_arcs == int(edges_read(data, one, depth=depth))


class Foreign(nn.Module):
    """PyG's layers, which compute degrees of the arcs that they get."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = GCNConv(4, 5), GCNConv(5, 3)

    def forward(self, x, edge_index):
        return self.last(self.first(x, edge_index).relu(), edge_index)


@given(graph=GRAPHS)
def test_a_module_that_computes_degrees_itself_gives_the_logits_of_the_whole_graph(graph):
    data = with_features(graph)
    network = ForeignNetwork("mine", Foreign().double(), 4, 3, task="vertex").eval()
    server = Server(network, data, depth=2)
    vertices = torch.arange(data.num_nodes)[:2]
    whole = network(data.x, data.edge_index)
    torch.testing.assert_close(server.predict(vertices), whole[vertices])


def test_drawing_as_many_arcs_as_there_are_gives_the_logits_of_the_whole_graph():
    data = with_features((34, datasets.load("karate").edge_index.t().tolist()))
    network, some = network_of("sage", 2), torch.tensor([0, 5, 33])
    whole = Server(network, data, depth=2).predict(some)
    drawn = Server(network, data, depth=2, num_neighbors=17)
    torch.testing.assert_close(drawn.predict(some), whole)
    few = Server(network, data, depth=2, num_neighbors=2)
    assert few.predict(some).shape == whole.shape
    assert few.num_arcs <= 2 * 3 + 2 * 9 < drawn.num_arcs


def test_a_prediction_after_one_that_failed_is_right():
    data = with_features((4, [(3, 0), (0, 1), (1, 2), (2, 3)]))
    server = Server(network_of("gcn", 3), data, depth=3)
    wanted = server.predict(torch.tensor([1]))
    sources = server.sampler.sources
    server.sampler.sources = sources[:1]
    with pytest.raises(IndexError):  # vertex 3 has a place, and its arc is missing
        server.predict(torch.tensor([3]))
    server.sampler.sources = sources
    assert torch.equal(server.predict(torch.tensor([1])), wanted)


class FakeServer:
    """Each call takes longer than the one before, over all servers."""

    calls: list[tuple[str, object]]

    def __init__(self, name: str, calls: list[tuple[str, object]]) -> None:
        self.name, self.calls, self.num_arcs = name, calls, 0

    def seconds(self, vertices) -> float:
        self.calls.append((self.name, vertices))
        self.num_arcs = len(self.calls)
        return float(len(self.calls))


def test_servers_take_turns_forwards_and_backwards_and_the_first_call_does_not_count():
    calls: list[tuple[str, object]] = []
    a, b = in_turns([FakeServer("a", calls), FakeServer("b", calls)], [1, 2, 3])
    names = [name for name, _ in calls]
    assert names == ["b", "a", "a", "b", "b", "a", "a", "b"]
    assert [vertices for _, vertices in calls] == [1, 1, 1, 1, 2, 2, 3, 3]
    assert a == {"num": 3, "mean_s": 16 / 3, "median_s": 6, "p95_s": pytest.approx(6.9)} | {
        "arcs": 16 / 3
    }
    assert b["median_s"] == 5


def test_serve_measures_each_kind_on_each_graph():
    karate = datasets.load("karate")
    graphs = [karate, sparsify(karate, remove="100%")]
    network = build_model("gin", karate.num_features, 2, depth=2, width=8, seed=0).eval()
    load = Load(batch_sizes=(1, 100), repeats=7, num_neighbors=3)
    state = torch.random.get_rng_state()
    before, after = serve(network, graphs, depth=2, load=load)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert before["edges_read"] == float(
        edges_read(karate, torch.arange(34), depth=2).double().mean()
    )
    assert list(before) == [
        *("edges_read", "multiply_adds", "all", "full_1", "sampled_1", "full_100", "sampled_100")
    ]
    assert (before["full_1"]["num"], before["full_100"]["num"]) == (7, LEAST_CALLS)
    assert before["full_100"]["arcs"] == before["all"]["arcs"] == 156  # a batch of all vertices
    assert before["sampled_100"]["arcs"] < 156
    assert [after[kind]["arcs"] for kind in ("all", "full_1", "sampled_100")] == [0, 0, 0]
    assert after["multiply_adds"] < before["multiply_adds"]
    again = serve(network, graphs, depth=2, load=load)[0]
    assert again["sampled_1"]["arcs"] == before["sampled_1"]["arcs"]


def test_impossible_loads_are_refused():
    for wrong in ({"batch_sizes": (0,)}, {"repeats": 0}, {"num_neighbors": 0}, {"seed": -1}):
        with pytest.raises(OptionError, match=next(iter(wrong))):
            Load(**wrong)
