"""Small graphs that networkx and scikit-learn contain; they need no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wis.datasets.generators import undirected_data
from wis.datasets.splits import random_masks
from wis.datasets.table import register
from wis.errors import MissingDependencyError, OptionError

if TYPE_CHECKING:
    from torch_geometric.data import Data


@register(
    "karate",
    summary="friendships in a karate club that split in two",
    source="networkx",
    num_nodes=34,
    num_edges=78,
)
def karate() -> Data:
    """Zachary's karate club: `y` is the faction, `edge_weight` the strength, `x` is one-hot."""
    import networkx as nx
    import torch

    graph = nx.karate_club_graph()
    data = _from_networkx(graph)
    clubs = [graph.nodes[vertex]["club"] for vertex in graph]
    data.y = torch.tensor([int(club == "Officer") for club in clubs], device="cpu")
    data.x = torch.eye(len(clubs), device="cpu")
    return data


@register(
    "les-miserables",
    summary="characters of the novel who meet in a chapter",
    source="networkx",
    num_nodes=77,
    num_edges=254,
)
def les_miserables() -> Data:
    """Knuth's Les Misérables: `name` lists the characters, `edge_weight` counts common chapters."""
    import networkx as nx

    graph = nx.les_miserables_graph()
    data = _from_networkx(graph)
    data.name = list(graph)
    return data


def _from_networkx(graph: Any) -> Data:
    """A `Data` with both arcs of every edge and its weight, sorted by (source, target)."""
    import networkx as nx
    import torch
    from torch_geometric.data import Data

    arcs = nx.to_scipy_sparse_array(graph, dtype=np.float32, format="csr").sorted_indices().tocoo()
    return Data(
        edge_index=torch.from_numpy(np.stack([arcs.row, arcs.col]).astype(np.int64)),
        edge_weight=torch.from_numpy(arcs.data),
        num_nodes=len(graph),
    )


@register(
    "digits",
    summary="handwritten digits joined to their nearest neighbours",
    source="scikit-learn",
    num_nodes=1_797,
    num_edges=9_929,
)
def digits(*, neighbors: int = 8, seed: int = 0) -> Data:
    """Scikit-learn's digits, each joined to the `neighbors` others with the most similar pixels.

    Args:
        neighbors: Number of neighbours that each image chooses. Two images are joined if at least
            one of them chooses the other.
        seed: Seed of the split into 80 % training, 10 % validation and 10 % test vertices.

    Returns:
        A graph with the pixels in [0, 1] as `x`, the digit as `y`, and three masks.

    Raises:
        OptionError: A parameter is out of range.
        MissingDependencyError: Scikit-learn is not installed.
    """
    import torch

    pixels, labels = digit_images()
    if not 1 <= neighbors < len(pixels):
        raise OptionError(f"neighbors is {neighbors}; expected 1 to {len(pixels) - 1}")
    chosen = _nearest(pixels, neighbors)
    sources = np.repeat(np.arange(len(pixels)), neighbors)
    data = undirected_data(sources, chosen.reshape(-1), len(pixels))
    data.x = torch.from_numpy(pixels).to(torch.float32) / 16
    data.y = torch.from_numpy(labels).to(torch.int64)
    data.update(random_masks(len(pixels), seed=seed))
    return data


def digit_images() -> tuple[np.ndarray, np.ndarray]:
    """Pixels, int64 [1797, 64] from 0 to 16, and digits, int64 [1797]."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingDependencyError.of("the graph 'digits' needs scikit-learn", "digits") from None
    pixels, labels = load_digits(return_X_y=True)
    return pixels.astype(np.int64), labels


def _nearest(points: np.ndarray, count: int) -> np.ndarray:
    """Ids of the nearest other points by exact integer distances; ties go to the smaller id."""
    points = points.astype(np.float64)  # float products are fast, and exact below 2^53
    squares = (points**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * points @ points.T
    np.fill_diagonal(distances, distances.max() + 1)
    keys = distances * len(points) + np.arange(len(points))
    nearest: np.ndarray = np.argpartition(keys, count - 1, axis=1)[:, :count]
    return nearest
