"""Splits of vertices, of graphs and of edges into training, validation and test.

The thesis splits the labels of every data set but ogbn-arxiv at random into 80 % for training, 10 %
for validation and 10 % for testing (Appendix D.6.2.2, "Data"). Here a seed gives the same
permutation on every machine.

Some graphs come with several splits. PyTorch Geometric stores them in masks of shape [n, k], one
column per split (Chameleon, Tolokers). A mask of shape [n] beside them belongs to all splits
(WikiCS).

`split_graphs` splits a list of graphs; `split_links` holds out edges, which a network is to predict
(`NonEdges` draws the pairs to tell them from).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from wis.base.checks import checked_integer, checked_seed
from wis.errors import GraphFormatError, OptionError

if TYPE_CHECKING:
    from torch import Tensor
    from torch_geometric.data import Batch, Data

    from wis.graph import UndirectedGraph

MASKS = ("train_mask", "val_mask", "test_mask")


def random_masks(
    num_nodes: int, *, seed: int, validation: float = 0.1, test: float = 0.1
) -> dict[str, Tensor]:
    """Split vertices by a seeded permutation, 80/10/10 by default.

    Args:
        num_nodes: Number of vertices, which all have labels.
        seed: Seed of the permutation, at least 0.
        validation: Fraction of the vertices for validation.
        test: Fraction of the vertices for testing; the rest is for training.

    Returns:
        Three bool tensors of shape [num_nodes] under the names in `MASKS`; each vertex is in
        exactly one of them. The sizes of the validation and test sets are rounded to the nearest
        integer.

    Raises:
        OptionError: The seed is not an integer of at least 0, or the fractions are out of range.

    References:
        Appendix D.6.2.2, "Data".

    >>> {name: int(mask.sum()) for name, mask in random_masks(20, seed=0).items()}
    {'train_mask': 16, 'val_mask': 2, 'test_mask': 2}
    """
    import torch
    from torch_geometric.utils import index_to_mask

    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise OptionError(f"seed is {seed}; expected an integer, at least 0")
    if not (validation >= 0 and test >= 0 and validation + test <= 1):
        raise OptionError(
            f"validation is {validation} and test {test}; expected fractions of at most 1 in all"
        )
    shuffled = np.random.default_rng(seed).permutation(num_nodes)
    num_validation, num_test = round(validation * num_nodes), round(test * num_nodes)
    parts = np.split(shuffled, [num_validation, num_validation + num_test])
    in_order = zip(MASKS, (parts[2], parts[0], parts[1]), strict=True)
    return {name: index_to_mask(torch.from_numpy(part), num_nodes) for name, part in in_order}


def split_vertices(
    data: Data, *, seed: int = 0, train: float = 0.8, validation: float = 0.1
) -> Data:
    """Give a graph new masks for training, validation and test vertices.

    Args:
        data: A graph with labels `y`; vertices with a negative label are not in any mask.
        seed: Seed of the permutation, at least 0.
        train: Fraction of the labelled vertices for training.
        validation: Fraction for validation; the rest is for testing.

    Returns:
        A shallow copy with boolean `train_mask`, `val_mask` and `test_mask` of shape [num_nodes].
        If every vertex has a label, they equal the masks of `random_masks` for the same seed.

    Raises:
        OptionError: The fractions or the seed are out of range.
        GraphFormatError: The graph has no labels.

    >>> from wis import datasets
    >>> int(split_vertices(datasets.load("karate"), seed=0).train_mask.sum())
    28
    """
    if not (train > 0 and validation > 0 and train + validation < 1):
        raise OptionError(
            f"train is {train!r} and validation {validation!r}; expected positive fractions that "
            "leave some vertices for testing"
        )
    if getattr(data, "y", None) is None or data.y.dim() != 1:
        raise GraphFormatError("the graph has no labels y of shape [num_nodes]")
    from torch_geometric.utils import index_to_mask

    labelled = (data.y >= 0).nonzero().view(-1)
    test = round(1 - train - validation, 12)  # 0.1, not the 0.0999... of the subtraction
    masks = random_masks(len(labelled), seed=seed, validation=validation, test=test)
    result = copy.copy(data)
    for name, part in masks.items():
        result[name] = index_to_mask(labelled[part.to(labelled.device)], data.y.size(0))
    return result


def split_graphs(
    graphs: Iterable[Data], *, seed: int = 0, validation: float = 0.1, test: float = 0.1
) -> Batch:
    """Put graphs into a `Batch` with masks of a random split.

    Args:
        graphs: A list of graphs, or a data set of PyG such as a `TUDataset`.
        seed: Seed of the split, see `random_masks`.
        validation: Fraction of the graphs for validation.
        test: Fraction for testing; the rest is for training.

    Returns:
        The batch with boolean `train_mask`, `val_mask` and `test_mask` of shape [num_graphs].

    Raises:
        OptionError: The fractions or the seed are out of range.
        GraphFormatError: There are no graphs, or they have different attributes.

    >>> from wis import datasets
    >>> karate = datasets.load("karate")
    >>> split_graphs([karate] * 10).test_mask.sum()
    tensor(1)
    """
    from torch_geometric.data import Batch

    listed = list(graphs)
    names = {tuple(sorted(graph.keys())) for graph in listed}
    if len(names) != 1:
        found = " and ".join(", ".join(each) for each in sorted(names)[:2]) or "none"
        raise GraphFormatError(
            f"graphs to classify need the same attributes, x, y and edge_index; found {found}"
        )
    batch = Batch.from_data_list(listed)
    batch.update(random_masks(len(listed), seed=seed, validation=validation, test=test))
    return batch


def split_links(data: Data, *, seed: int = 0, validation: float = 0.1, test: float = 0.1) -> Data:
    """Hold out edges that a network is to predict, by PyG's `RandomLinkSplit`.

    Messages run along the training edges, in testing too. Validation and test edges are compared
    with as many pairs of vertices that have no edge in the whole graph.

    Args:
        data: A graph; its edges are undirected.
        seed: Seed of the split and of the pairs without an edge, at least 0.
        validation: Fraction of the edges for validation.
        test: Fraction of the edges for testing; the rest is for training.

    Returns:
        A shallow copy without the arcs of validation and test edges (and what belongs to them), and
        with lists of pairs, which `wis.sparsify` leaves alone:

        - `edge_label_index`, int64 [2, num_pairs]: first the training edges, u < v;
        - `edge_label`, float32 [num_pairs]: 1 for an edge, 0 for none;
        - `edge_label_split`, int64 [num_pairs]: 0 for training, 1 for validation, 2 for testing.

    Raises:
        OptionError: The seed or a fraction is out of range, or leaves no edges to a part.
        GraphFormatError: Every two vertices have an edge.

    >>> from wis import datasets
    >>> data = split_links(datasets.load("karate"))
    >>> data.num_edges, data.edge_label_split.bincount()  # 78 edges: 62 + 8 + 8
    (124, tensor([62, 16, 16]))
    """
    import torch
    from torch_geometric.data import Data
    from torch_geometric.transforms import RandomLinkSplit

    from wis.graph import UndirectedGraph
    from wis.graph.cut import drop_edges

    seed = checked_seed(seed)
    graph = UndirectedGraph.from_any(data)
    num_val, num_test = (round(share * graph.num_edges) for share in (validation, test))
    if min(num_val, num_test) < 1 or num_val + num_test >= graph.num_edges:
        raise OptionError(
            f"validation is {validation!r} and test {test!r} of {graph.num_edges} edges; expected "
            "fractions that leave some edges to each part"
        )
    split = RandomLinkSplit(
        num_val, num_test, True, add_negative_train_samples=False, neg_sampling_ratio=0
    )
    edges = graph.edges.cpu()
    both = Data(edge_index=torch.cat([edges, edges.flip(0)], dim=1), num_nodes=graph.num_nodes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        present = [part.edge_label_index for part in split(both)]
    absent = NonEdges(graph).draw(num_val + num_test, np.random.default_rng(seed))
    removed = torch.zeros(graph.num_edges, dtype=torch.bool, device=graph.device)
    removed[graph.edge_ids(torch.cat(present[1:], dim=1).to(graph.device))] = True
    pairs = [*present, *torch.split(absent, [num_val, num_test], dim=1)]
    sizes = torch.tensor([part.size(1) for part in pairs], device="cpu")
    of_part = torch.tensor([[1, 1, 1, 0, 0], [0, 1, 2, 1, 2]], device="cpu")
    label, place = of_part.repeat_interleave(sizes, dim=1)
    lists = (torch.cat(pairs, dim=1), label.to(torch.float32), place)
    result: Data = drop_edges(data, graph, removed)
    names = ("edge_label_index", "edge_label", "edge_label_split")
    result.update({name: v.to(graph.device) for name, v in zip(names, lists, strict=True)})
    return result


class NonEdges:
    """Ordered pairs of different vertices without an edge, to be drawn uniformly.

    Raises:
        GraphFormatError: There are no such pairs.

    Cost: a sort of 2·m + n integers; a draw costs O(log(m + n)).

    >>> import torch
    >>> import wis
    >>> path = wis.UndirectedGraph.from_any(torch.tensor([[0, 1], [1, 2]]), 3)
    >>> sorted(set(map(tuple, NonEdges(path).draw(50, np.random.default_rng(0)).T.tolist())))
    [(0, 2), (2, 0)]
    """

    def __init__(self, graph: UndirectedGraph) -> None:
        n, (low, high) = graph.num_nodes, graph.edges.cpu().numpy()
        taken = np.concatenate([low * n + high, high * n + low, np.arange(n) * (n + 1)])
        taken.sort()
        self.num_nodes, self.num_free = n, n * n - taken.size
        self.free_before = taken - np.arange(taken.size)
        if self.num_free == 0:
            raise GraphFormatError(
                "every two vertices have an edge; link prediction needs pairs without one"
            )

    def draw(self, count: int, rng: np.random.Generator) -> Tensor:
        """Pairs, drawn independently, int64 [2, count] on the CPU."""
        import torch

        cells = rng.integers(0, self.num_free, count)
        cells += np.searchsorted(self.free_before, cells, side="right")
        return torch.from_numpy(np.stack(np.divmod(cells, self.num_nodes)))


def num_splits(data: Data) -> int | None:
    """The number of splits that a graph comes with; None if its masks hold one split.

    Raises:
        GraphFormatError: Masks have different numbers of columns, or zero columns.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> num_splits(Data(train_mask=torch.ones(3, 10, dtype=torch.bool), num_nodes=3))
        10
    """
    masks = {name: getattr(data, name, None) for name in MASKS}
    numbers = {
        name: int(mask.size(1))
        for name, mask in masks.items()
        if mask is not None and hasattr(mask, "dim") and mask.dim() == 2
    }
    if not numbers:
        return None
    if len(set(numbers.values())) > 1 or 0 in numbers.values():
        found = ", ".join(f"{name} has {number}" for name, number in numbers.items())
        raise GraphFormatError(f"masks have a column for each split, but {found}")
    return next(iter(numbers.values()))


def take_split(data: Data, split: int | None) -> Data:
    """Take one of the splits that a graph comes with.

    Args:
        data: A graph with masks of shape [num_nodes, k].
        split: Number of the split, 0 to k - 1; None leaves the graph unchanged.

    Returns:
        A shallow copy with masks of shape [num_nodes].

    Raises:
        OptionError: The graph has no such split.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> data = Data(train_mask=torch.eye(3, dtype=torch.bool), num_nodes=3)
        >>> take_split(data, 1).train_mask.tolist()
        [False, True, False]
    """
    if split is None:
        return data
    number = num_splits(data)
    if number is None:
        raise OptionError(
            f"split is {split}, but the masks of the graph hold one split; leave it out"
        )
    expected = f"0 to {number - 1}, a split of the graph"
    checked_integer("split", split, 0, number - 1, expected=expected)
    result = copy.copy(data)
    for name in MASKS:
        mask = getattr(data, name, None)
        if mask is not None and mask.dim() == 2:
            result[name] = mask[:, split].clone()
    return result


def split_of_seed(data: Data, seed: int, split: int | None = None) -> int | None:
    """The number of the split of a run: `split` if it is given, else `seed` mod k of k splits.

    It is None if the graph has at most one split and `split` is not given.
    """
    number = num_splits(data)
    if split is not None or number is None:
        return split
    return seed % number
