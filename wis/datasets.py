"""Graphs by name: small embedded ones, and seeded generators of any size.

A spec is a name, or a name with parameters: ``karate``, ``rmat:scale=17,edges=1200000,seed=0``.
Nothing here touches the network. A loader is a function with keyword-only parameters that have
defaults; registering it is all it takes to reach it from Python and from the command line. Sources,
licences and sizes are listed in ``datasets/README.md``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wis.errors import MissingDependencyError, OptionError, UnknownNameError
from wis.generators import barabasi_albert, rmat, stochastic_block_model, undirected_data

if TYPE_CHECKING:
    from torch_geometric.data import Data

    Loader = Callable[..., Data]

Parameter = int | float


@dataclass(frozen=True)
class Dataset:
    """A row of the table.

    Attributes:
        name: Its name, in lower case with hyphens.
        summary: One line: what the graph is and how large.
        load: The function that makes it.
        parameters: What can follow the name in a spec, with the defaults.
    """

    name: str
    summary: str
    load: Loader
    parameters: Mapping[str, Parameter]

    @property
    def spec(self) -> str:
        """The name with all its parameters, as it can be typed."""
        if not self.parameters:
            return self.name
        pairs = (f"{key}={value}" for key, value in self.parameters.items())
        return f"{self.name}:{','.join(pairs)}"


_DATASETS: dict[str, Dataset] = {}


def register(name: str, *, summary: str) -> Callable[[Loader], Loader]:
    """Decorator that puts a loader into the table.

    Raises:
        ValueError: The name is taken.
    """

    def add(load: Loader) -> Loader:
        if name in _DATASETS:
            raise ValueError(f"data set {name!r} is registered already")
        signature = inspect.signature(load)
        parameters = {key: value.default for key, value in signature.parameters.items()}
        _DATASETS[name] = Dataset(name, summary, load, parameters)
        return load

    return add


def available_datasets() -> list[Dataset]:
    """All rows of the table, in the order of their registration."""
    return list(_DATASETS.values())


def is_known(spec: str) -> bool:
    """Whether `spec` begins with a name of the table."""
    return _split(spec)[0] in _DATASETS


def load(spec: str) -> Data:
    """Make the graph that a spec names.

    Args:
        spec: A name of the table, perhaps followed by ``:key=value,key=value``.

    Returns:
        A `Data` that holds each edge in both directions.

    Raises:
        UnknownNameError: There is no such name, or it has no such parameter.
        OptionError: A parameter is malformed or out of range.
        MissingDependencyError: The graph needs an optional package.
    """
    name, text = _split(spec)
    if name not in _DATASETS:
        raise UnknownNameError.among("graph", name, _DATASETS)
    dataset = _DATASETS[name]
    parameters = _parse_parameters(dataset, text)
    try:
        return dataset.load(**parameters)
    except OptionError as error:
        raise OptionError(f"{spec}: {error}") from None


def _split(spec: str) -> tuple[str, str]:
    name, _, parameters = spec.partition(":")
    return name.strip().lower().replace("_", "-"), parameters


def _parse_parameters(dataset: Dataset, text: str) -> dict[str, Parameter]:
    parsed: dict[str, Parameter] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals:
            raise OptionError(
                f"{dataset.name}: {item!r} is not of the form key=value, as in {dataset.spec}"
            )
        if key not in dataset.parameters:
            raise UnknownNameError.among(f"parameter of {dataset.name}", key, dataset.parameters)
        if key in parsed:
            raise OptionError(f"{dataset.name}: {key} is given twice")
        parsed[key] = _parse_number(dataset, key, value)
    return parsed


def _parse_number(dataset: Dataset, key: str, value: str) -> Parameter:
    kind = type(dataset.parameters[key])
    try:
        number: Parameter = kind(value)
    except ValueError:
        expected = "an integer" if kind is int else "a number"
        raise OptionError(f"{dataset.name}: {key} is {value!r}; expected {expected}") from None
    return number


@register(
    "karate", summary="friendships in a karate club that split in two (34 vertices, 78 edges)"
)
def karate() -> Data:
    """Zachary's karate club: `y` is the faction, `edge_weight` the tie's strength, `x` one-hot."""
    import networkx as nx
    import torch

    graph = nx.karate_club_graph()
    data = _from_networkx(graph)
    clubs = [graph.nodes[vertex]["club"] for vertex in graph]
    data.y = torch.tensor([int(club == "Officer") for club in clubs])
    data.x = torch.eye(len(clubs))
    return data


@register(
    "les-miserables",
    summary="characters of the novel who meet in a chapter (77 vertices, 254 edges)",
)
def les_miserables() -> Data:
    """Knuth's Les Misérables: `name` lists the characters, `edge_weight` counts common chapters."""
    import networkx as nx

    graph = nx.les_miserables_graph()
    data = _from_networkx(graph)
    data.name = list(graph)
    return data


def _from_networkx(graph: Any) -> Data:
    """Both directions of every edge with its weight, sorted by (source, target)."""
    import torch
    from torch_geometric.data import Data

    position = {vertex: index for index, vertex in enumerate(graph)}
    arcs = sorted(
        (position[u], position[v], float(weight))
        for a, b, weight in graph.edges(data="weight")
        for u, v in ((a, b), (b, a))
    )
    heads, tails, weights = zip(*arcs, strict=True)
    return Data(
        edge_index=torch.tensor([heads, tails]),
        edge_weight=torch.tensor(weights),
        num_nodes=len(position),
    )


@register("digits", summary="handwritten digits joined to their nearest neighbours (1797 vertices)")
def digits(*, neighbors: int = 8, seed: int = 0) -> Data:
    """Scikit-learn's digits, each joined to the `neighbors` others with the most similar pixels.

    Args:
        neighbors: Neighbours that each image chooses; an edge needs one of the two to choose the
            other.
        seed: Seed of the split into 80 % training, 10 % validation and 10 % test vertices.

    Returns:
        A graph with the pixels in [0, 1] as `x`, the digit as `y`, and three masks.

    Raises:
        OptionError: A parameter is out of range.
        MissingDependencyError: Scikit-learn is not installed.
    """
    import torch

    pixels, labels = _digit_images()
    if not 1 <= neighbors < len(pixels):
        raise OptionError(f"neighbors is {neighbors}; expected 1 to {len(pixels) - 1}")
    chosen = _nearest(pixels, neighbors)
    sources = np.repeat(np.arange(len(pixels)), neighbors)
    data = undirected_data(sources, chosen.reshape(-1), len(pixels))
    data.x = torch.from_numpy(pixels).to(torch.float32) / 16
    data.y = torch.from_numpy(labels).to(torch.int64)
    _split_masks(data, seed)
    return data


def _digit_images() -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingDependencyError(
            "the graph 'digits' needs scikit-learn: pip install 'wis-sparsify[digits]'"
        ) from None
    pixels, labels = load_digits(return_X_y=True)
    return pixels.astype(np.int64), labels


def _nearest(points: np.ndarray, count: int) -> np.ndarray:
    """Ids of the nearest other points, exactly: integer distances, ties to the smaller id."""
    points = points.astype(np.float64)  # a fast product; all values stay far below 2^53
    squares = (points**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * points @ points.T
    np.fill_diagonal(distances, distances.max() + 1)
    keys = distances * len(points) + np.arange(len(points))
    nearest: np.ndarray = np.argpartition(keys, count - 1, axis=1)[:, :count]
    return nearest


def _split_masks(data: Data, seed: int) -> None:
    import torch

    if seed < 0:
        raise OptionError(f"seed is {seed}; expected at least 0")
    num_nodes = data.x.size(0)
    shuffled = np.random.default_rng(seed).permutation(num_nodes)
    tenth = round(num_nodes / 10)
    parts = {"val_mask": shuffled[:tenth], "test_mask": shuffled[tenth : 2 * tenth]}
    data.train_mask = torch.ones(num_nodes, dtype=torch.bool)
    for name, part in parts.items():
        mask = torch.zeros(num_nodes, dtype=torch.bool)
        mask[part] = True
        data[name] = mask
        data.train_mask &= ~mask


register("rmat", summary="R-MAT: heavy-tailed degrees; 2^scale vertices, `edges` arcs drawn")(rmat)
register("barabasi-albert", summary="preferential attachment; (n - degree) · degree edges")(
    barabasi_albert
)
register("sbm", summary="stochastic block model: planted communities, labels y")(
    stochastic_block_model
)
