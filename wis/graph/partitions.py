"""Partitions of the vertices, across which General WIS preserves interaction.

A partition is a subset I of the vertices against the rest. Its walk index counts the walks from its
boundary to anywhere, for graph prediction, or to one target t, for vertex prediction (Definition
11). Partitions are given

- as a list of subsets and of pairs (subset, target),
- by the name of a choice, with parameters if needed: ``singletons``, ``balls:k=2``,
  ``communities:number=10``, ``attribute:y``, ``cuts:number=8``,
- or as a file, see `wis.graph.partition_files`.

In a directed graph the choices ignore the directions of arcs; boundaries and walks follow them.

A partition that no edge crosses always has walk index 0. With it, the smallest walk index would
always be 0 and the ARGMAX ``min`` would have nothing to compare, so the choices leave such
partitions out. Only ``singletons`` keeps them, as Algorithm 1 does.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.base.checks import user_path
from wis.errors import OptionError, UnknownNameError, echo
from wis.graph import CanonicalGraph
from wis.graph.partition_files import Ints, Item, VertexIds, listed_items, read_partitions
from wis.graph.walks import adjacency

FILE_ENDINGS = (".json", ".csv")
GIVEN = "given"


@dataclass(frozen=True, eq=False)
class Partitions:
    """Subsets of the vertices, each with or without a target.

    Attributes:
        choice: Origin of the partitions: the name of a choice with its parameters, the path of a
            file, or ``given`` for a list.
        subsets: int64 arrays of distinct vertex ids, ascending.
        targets: For each subset a vertex t, for the walk index WI_{L-1, t}, or None, for WI_{L-1}.
    """

    choice: str
    subsets: tuple[Ints, ...]
    targets: tuple[int | None, ...]

    @classmethod
    def of(cls, choice: str, items: Iterable[Item]) -> Partitions:
        """From pairs of a subset and its target."""
        pairs = list(items)
        return cls(choice, tuple(subset for subset, _ in pairs), tuple(t for _, t in pairs))

    def __len__(self) -> int:
        return len(self.subsets)

    def __repr__(self) -> str:
        return f"Partitions({len(self)}, choice={self.choice!r})"

    @cached_property
    def digest(self) -> str:
        """Hexadecimal digest of the subsets and targets in their order, equal on all machines."""
        text = hashlib.sha256(b"wis-partitions-1")
        for subset, target in zip(self.subsets, self.targets, strict=True):
            text.update(f" {subset.size} {target} ".encode())
            text.update(np.ascontiguousarray(subset, dtype="<i8").data)
        return text.hexdigest()[:16]

    def membership(self, num_nodes: int) -> NDArray[np.bool_]:
        """Membership of vertices in subsets: bool array of shape [n, number of partitions]."""
        inside = np.zeros((num_nodes, len(self)), dtype=bool)
        for column, subset in enumerate(self.subsets):
            inside[subset, column] = True
        return inside

    def check_made_for(self, graph: CanonicalGraph) -> None:
        """Raise `OptionError` if a vertex is not in the graph."""
        targets = np.array([t for t in self.targets if t is not None], dtype=np.int64)
        ids = np.concatenate([targets, *self.subsets])
        if ids.size and not 0 <= ids.min() <= ids.max() < graph.num_nodes:
            raise OptionError(
                f"the partitions hold vertices {ids.min()} to {ids.max()}; ids of this graph run "
                f"from 0 to {graph.num_nodes - 1}"
            )


def resolve_partitions(
    partitions: Any, graph: CanonicalGraph, *, data: Any = None, seed: int = 0
) -> Partitions:
    """Read partitions from a list, the name of a choice, or a file.

    Args:
        partitions: A list of subsets and of pairs (subset, target), where a subset is a list, a set
            or a one-dimensional integer tensor of vertex ids, or of vertex names if `data` has an
            attribute ``name``; the name of a choice; the path of a `.json` or `.csv` file; or
            `Partitions`, which are returned unchanged.
        graph: The graph.
        data: The PyG `Data` of the graph, for attributes and names of vertices.
        seed: Seed of random choices.

    Raises:
        OptionError: A subset or target is malformed, or no edge crosses any partition of a choice.
        UnknownNameError: The choice or the attribute is unknown.
        GraphFileError: The file cannot be read.
        GraphFormatError: The file is malformed.

    >>> from wis.graph import UndirectedGraph
    >>> path = UndirectedGraph.from_any(torch.tensor([[0, 1, 2], [1, 2, 3]]))
    >>> resolve_partitions([[0, 1], ([2], 3)], path)
    Partitions(2, choice='given')
    >>> [subset.tolist() for subset in resolve_partitions("balls:k=1", path).subsets]
    [[0, 1], [0, 1, 2], [1, 2, 3], [2, 3]]
    """
    check_partitions(partitions)
    if isinstance(partitions, Partitions):
        partitions.check_made_for(graph)
        return partitions
    if isinstance(partitions, (str, Path)):
        if is_file(partitions):
            items = read_partitions(user_path(partitions), VertexIds.of(graph, data))
            return Partitions.of(str(partitions), items)
        return _choose(str(partitions), graph, data, seed)
    return Partitions.of(GIVEN, listed_items(partitions, VertexIds.of(graph, data)))


def check_partitions(partitions: Any) -> None:
    """Check partitions as far as possible without a graph.

    Raises:
        OptionError: The list is empty, the type is wrong, or a parameter is unknown or malformed.
        UnknownNameError: The choice is unknown.
    """
    if isinstance(partitions, (str, Path)):
        if not is_file(partitions):
            _parse(str(partitions))
    elif isinstance(partitions, (list, tuple)):
        if not partitions:
            raise OptionError("partitions is empty; give subsets, or (subset, target) pairs")
    elif not isinstance(partitions, Partitions):
        raise OptionError(
            f"partitions is a {type(partitions).__name__}; expected a list of subsets and of "
            f"(subset, target) pairs, the name of a choice ({', '.join(CHOICES)}), or a file"
        )


def is_file(partitions: str | Path) -> bool:
    """Whether a text or path names a file of partitions."""
    return isinstance(partitions, Path) or partitions.lower().endswith(FILE_ENDINGS)


def canonical_choice(partitions: str) -> str:
    """A choice with all its parameters, such as ``balls:k=1`` for ``balls``."""
    name, parameters = _parse(partitions)
    if name == "attribute":
        return f"attribute:{parameters['name']}"
    given = ",".join(f"{key}={value}" for key, value in parameters.items())
    return f"{name}:{given}" if given else name


def singletons(graph: CanonicalGraph, data: Any, seed: int) -> Iterator[Item]:
    """({t}, t) for every vertex t; with this choice General WIS is (L-1)-WIS (Algorithm 1)."""
    return ((np.array([t]), t) for t in range(graph.num_nodes))


def balls(graph: CanonicalGraph, data: Any, seed: int, *, k: int = 1) -> Iterator[Item]:
    """(B, t) for every vertex t, where B holds the vertices at most `k` steps from t."""
    from scipy.sparse import eye_array

    n = graph.num_nodes
    step = adjacency(graph.edges.cpu().numpy(), n).astype(bool)
    reached = eye_array(n, dtype=bool, format="csr")
    for _ in range(min(k, n)):
        reached = reached @ step
    reached.sort_indices()
    rows = np.split(reached.indices.astype(np.int64), reached.indptr[1:-1])
    return zip(rows[:n], range(n), strict=True)


def communities(
    graph: CanonicalGraph, data: Any, seed: int, *, number: int = 0, resolution: float = 1.0
) -> Iterator[Item]:
    """The `number` largest communities of Louvain's method, largest first; all if `number` is 0."""
    import networkx as nx

    network = nx.empty_graph(graph.num_nodes)
    network.add_edges_from(graph.edges.T.tolist())
    found = nx.community.louvain_communities(network, resolution=resolution, seed=seed % 2**32)
    subsets = sorted((sorted(part) for part in found), key=lambda part: (-len(part), part))
    return ((np.array(part), None) for part in subsets[: number or None])


def attribute(graph: CanonicalGraph, data: Any, seed: int, *, name: str) -> Iterator[Item]:
    """For each value of an integer vertex attribute, such as the labels ``y``, its vertices."""
    values = _attribute(graph, data, name)
    return ((np.flatnonzero(values == value), None) for value in np.unique(values))


def cuts(graph: CanonicalGraph, data: Any, seed: int, *, number: int = 8) -> Iterator[Item]:
    """`number` uniformly random halves of the vertices, rounded down."""
    rng, n = np.random.default_rng(seed), graph.num_nodes
    return ((np.sort(rng.permutation(n)[: n // 2]), None) for _ in range(number))


Choice = Callable[..., Iterator[Item]]
CHOICES: dict[str, Choice] = {
    choice.__name__: choice for choice in (singletons, communities, balls, attribute, cuts)
}
LEAST = {"k": 0, "number": 0, "resolution": 0.0}


def _choose(spec: str, graph: CanonicalGraph, data: Any, seed: int) -> Partitions:
    name, parameters = _parse(spec)
    items: Iterable[Item] = CHOICES[name](graph, data, seed, **parameters)
    if name != "singletons":
        items = list(items)
        crossed = _crossed(graph, Partitions.of(name, items))
        items = [item for item, kept in zip(items, crossed, strict=True) if kept]
        if graph.num_edges and not items:
            raise OptionError(
                f"partitions {echo(spec)!r}: no edge crosses any of them; choose others"
            )
    return Partitions.of(canonical_choice(spec), items)


def _crossed(graph: CanonicalGraph, partitions: Partitions) -> list[bool]:
    """For each partition whether an edge crosses it."""
    u, v = graph.edges.cpu().numpy()
    inside, found = np.zeros(graph.num_nodes, dtype=bool), []
    for subset in partitions.subsets:
        inside[subset] = True
        found.append(bool((inside[u] != inside[v]).any()))
        inside[subset] = False
    return found


def _parse(spec: str) -> tuple[str, dict[str, Any]]:
    """The name of a choice and all its parameters."""
    name, _, text = (part.strip() for part in spec.partition(":"))
    name = name.lower()
    if name not in CHOICES:
        error = UnknownNameError.among("choice of partitions", name, CHOICES)
        raise UnknownNameError(f"{error} Or give a file of them, ending in .json or .csv.")
    if name == "attribute":
        if not text:
            raise OptionError("partitions 'attribute' needs a name, as in attribute:y")
        return name, {"name": text}
    signature = inspect.signature(CHOICES[name]).parameters.values()
    parameters = {p.name: p.default for p in signature if p.kind is p.KEYWORD_ONLY}
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (part.strip() for part in item.partition("="))
        if key not in parameters or not equals:
            known = ", ".join(f"{key}={default}" for key, default in parameters.items()) or "none"
            raise OptionError(
                f"partitions {echo(spec)!r}: {echo(item)!r} is not a parameter; known: {known}"
            )
        parameters[key] = _number(spec, key, value, type(parameters[key]))
    return name, parameters


def _number(spec: str, key: str, text: str, kind: type[int] | type[float]) -> int | float:
    try:
        number = kind(text)
    except ValueError:
        number = -1
    if not LEAST[key] <= number < 2**31:
        expected = "an integer" if kind is int else "a number"
        raise OptionError(
            f"partitions {echo(spec)!r}: {key} is {echo(text)}; expected {expected} from "
            f"{LEAST[key]} on"
        )
    return number


def _attribute(graph: CanonicalGraph, data: Any, name: str) -> Ints:
    """A vertex attribute as an array of integers, [n]."""
    n = graph.num_nodes
    if data is None or isinstance(data, (Tensor, CanonicalGraph)):
        raise OptionError(f"partitions 'attribute:{name}' need a PyG Data, which has attributes")
    if hasattr(data, "edge_types"):
        raise OptionError(f"partitions 'attribute:{name}' need a Data with one type of vertices")
    if name not in data:
        raise UnknownNameError.among("vertex attribute", name, data.keys())
    values, found = data[name], f"a {type(data[name]).__name__}"
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        values = torch.as_tensor(values, device="cpu")
    if isinstance(values, Tensor):
        found = f"{data[name].dtype} of shape {list(values.shape)}"
        is_exact = not (values.is_floating_point() or values.is_complex())
        if is_exact and values.shape in ((n,), (n, 1)):
            return values.cpu().to(torch.int64).reshape(n).numpy()
    raise OptionError(
        f"partitions 'attribute:{name}': expected {n} integers, one for each vertex; got {found}"
    )
