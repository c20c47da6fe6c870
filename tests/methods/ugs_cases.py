"""Small graphs for UGS, and a look at what its rounds begin and end with."""

from __future__ import annotations

import torch
from torch_geometric.data import Data

import wis
from wis.graph import UndirectedGraph
from wis.training import edge_masks, edge_rounds

FAST = {"epochs_per_round": 3, "width": 8, "depth": 2, "round_fraction": 0.2}


def planted(seed: int = 0) -> tuple[Data, torch.Tensor]:
    """Vertices that say their class, and vertices that say nothing and have to ask.

    Each of the second half is joined to four of the first half with its own class, and to one with
    another class: that edge is noise, and misleads.

    Returns the graph and for each edge whether it is noise.
    """
    generator = torch.Generator().manual_seed(seed)
    half, num_classes = 80, 4
    y = torch.arange(2 * half) % num_classes
    x = 0.3 * torch.randn(2 * half, num_classes, generator=generator)
    x[:half] += torch.nn.functional.one_hot(y[:half], num_classes)
    pairs = []
    for vertex in range(half, 2 * half):
        is_same = y[:half] == y[vertex]
        for pool, number in ((is_same.nonzero().view(-1), 4), ((~is_same).nonzero().view(-1), 1)):
            chosen = pool[torch.randperm(len(pool), generator=generator)[:number]]
            pairs += [(known, vertex) for known in chosen.tolist()]
    edges = torch.tensor(pairs).T
    data = Data(x=x, y=y, edge_index=torch.cat([edges, edges.flip(0)], dim=1))
    data.train_mask = torch.rand(2 * half, generator=generator) < 0.8
    data.val_mask = ~data.train_mask
    u, v = UndirectedGraph.from_any(data).edges
    return data, y[u] != y[v]


def order_of(data, **options) -> wis.RemovalOrder:
    return wis.removal_order(data, "ugs", progress=False, **options)


def small(**changes) -> Data:
    """A ring of ten vertices with a chord."""
    ring = torch.arange(10)
    edges = torch.stack([ring, (ring + 1) % 10])
    edges = torch.cat([edges, torch.tensor([[0], [5]])], dim=1)
    data = Data(
        edge_index=torch.cat([edges, edges.flip(0)], dim=1),
        x=torch.eye(10),
        y=ring % 2,
        train_mask=ring < 8,
        val_mask=ring >= 8,
        num_nodes=10,
    )
    for name, value in changes.items():
        data[name] = value
    return data


def recorded_rounds(monkeypatch) -> list[dict]:
    """Note what each round begins and ends with."""
    rounds = []
    train, logits_of = edge_rounds.train_edge_masks, edge_masks.masked_logits

    def train_and_note(network, initial, vertices, edges, *given):
        rounds.append({"edges": edges, "first": None})
        mask = train(network, initial, vertices, edges, *given)
        rounds[-1]["mask"] = mask
        rounds[-1]["last"] = state_of(network)
        return mask

    def logits_and_note(network, graph, features, mask):
        if rounds[-1]["first"] is None:
            rounds[-1]["first"] = state_of(network)
            rounds[-1]["first_mask"] = mask.detach().clone()
        return logits_of(network, graph, features, mask)

    monkeypatch.setattr(edge_rounds, "train_edge_masks", train_and_note)
    monkeypatch.setattr(edge_masks, "masked_logits", logits_and_note)
    return rounds


def state_of(network) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}
