"""Remove edges from a PyG object and update the attributes that depend on them.

`wis.graph.parts` classifies the attributes before `edge_index` is replaced, since many rules
compare lengths. An attribute with an entry for each arc keeps those of the remaining arcs, in their
old order. Matrices lose the entries of removed edges. Counters and pointers are recomputed. PyG's
metadata (the sort order and symmetry of an `EdgeIndex`, the slices of a `Batch`) are updated. An
attribute that cannot be updated is refused.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import TensorWeakRef, WeakTensorKeyDictionary

from wis.base.checks import checked_names, usual_defaults
from wis.errors import GraphFormatError, OptionError
from wis.graph import CanonicalGraph
from wis.graph.arc_values import select_arcs, split_arcs
from wis.graph.canonical import kept_arcs
from wis.graph.holders import is_held, opened
from wis.graph.matrices import Range, cut_matrix
from wis.graph.part_names import (
    MATRIX_NAMES,
    SAMPLED,
    VERTEX_KEYS,
    StoreSizes,
    is_nested,
    shape_of,
)
from wis.graph.parts import Part, described, parallel_dim, parts_of, stale
from wis.graph.stores import edge_stores, node_ranges, num_nodes_of_store


@usual_defaults()
def drop_edges(
    data: Any, graph: CanonicalGraph, removed: Tensor, *, edge_attrs: Iterable[str] = ()
) -> Any:
    """Remove edges with all their arcs; self-loops stay.

    Args:
        data: The `Data`, `HeteroData` or `edge_index` that `graph` was made from, or another kind
            of object (`wis.graph.holders`); not changed.
        graph: The canonical form of `data`.
        removed: bool tensor of shape [m], true for each edge to remove.
        edge_attrs: Names of attributes that are edge-level whatever their length.

    Returns:
        A shallow copy of `data` whose edge stores hold the remaining arcs in their old order.

    Raises:
        OptionError: A name in `edge_attrs` is not an attribute with one entry for each arc.
        GraphFormatError: The length of an attribute does not fit its name, or it cannot be cut.

    >>> import torch
    >>> from wis.graph import UndirectedGraph
    >>> path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])  # edges 0-1 and 1-2
    >>> graph = UndirectedGraph.from_any(path)
    >>> drop_edges(path, graph, torch.tensor([True, False])).tolist()
    [[1, 2], [2, 1]]
    """
    data = opened(data)
    explicit = frozenset(checked_names(edge_attrs))
    if explicit and (isinstance(data, (Tensor, CanonicalGraph)) or is_held(data)):
        raise OptionError(
            "edge_attrs names attributes of a PyG object, and this graph has none: pass a Data"
        )
    kept = [kept_arcs(removed, ids) for ids in graph.arc_to_edge]
    if is_held(data):
        return data.with_arcs(kept[0])
    if isinstance(data, Tensor):
        return select_arcs(data, kept[0], 1)
    if isinstance(data, CanonicalGraph):
        arcs = tuple(part[:, mask] for part, mask in zip(data.arcs, kept, strict=True))
        if type(data) is type(graph):
            return type(data)(data.num_nodes, data.edges[:, ~removed], arcs)
        return type(data).from_arcs(arcs, data.num_nodes)
    for name in explicit:
        if not any(name in store for store in edge_stores(data)):
            raise OptionError(f"{name!r} is named as edge-level; no edge type has it")
    ranges = node_ranges(data)
    cuts = [
        _Cut(store, _ends(store, ranges), graph, removed, mask, explicit)
        for store, mask in zip(edge_stores(data), kept, strict=True)
    ]
    changes = [cut.changes() for cut in cuts]
    for cut, changed in zip(cuts, changes, strict=True):
        remember_cut(cut.store["edge_index"], changed["edge_index"], cut.kept)
    result = copy.copy(data)
    for store, changed in zip(edge_stores(result), changes, strict=True):
        for name, value in changed.items():
            store[name] = value
        store.__dict__.pop("_cached_attr", None)  # PyG's cache of edge-level names
    _keep_num_nodes(result, graph)
    _recount_batch(result, cuts)
    return result


_cuts_of: Any = WeakTensorKeyDictionary()
"""For each result of a cut: the `edge_index` before the cut and the first one before a row of cuts,
each with the mask of its kept columns. An entry lives as long as its tensors."""


def remember_cut(before: Tensor, after: Tensor, kept: Tensor) -> None:
    """Record the arcs that a cut kept, as long as its result exists."""
    if type(before) is not Tensor or type(after) is not Tensor:
        return
    cuts = [(TensorWeakRef(before), kept)]
    earlier = [cut for cut in _cuts_of.get(before, ()) if cut[0]() is not None]
    for origin, mask in earlier[-1:]:
        left = mask.clone()
        left[mask] = kept
        cuts.append((origin, left))
    _cuts_of[after] = cuts


def arcs_left(before: Tensor, after: Tensor) -> Tensor | None:
    """Mark the columns of an `edge_index` that one or several calls of `drop_edges` kept.

    Args:
        before: The `edge_index` of a graph.
        after: The `edge_index` of the graph after the cuts.

    Returns:
        bool tensor of shape [num_arcs]; None if `drop_edges` did not make the object `after` from
        the object `before`, even if the values agree.
    """
    if before is after:
        return torch.ones(before.size(1), dtype=torch.bool, device=before.device)
    masks = [mask for origin, mask in _cuts_of.get(after, ()) if origin() is before]
    return masks[0] if masks else None


def edge_attribute_names(store: Any) -> list[str]:
    """Names of a store's attributes that hold one entry for each arc, `edge_index` among them."""
    return [name for name, part in parts_of(store).items() if part is Part.ARCS]


@dataclass(frozen=True, eq=False)
class _Cut:
    """An edge store that is being cut.

    Attributes:
        store: The store, which is not changed.
        ends: The ranges of its source and target vertices among those of all types.
        graph: The canonical graph with the edges of all stores.
        removed: bool tensor of shape [m]: the removed edges.
        kept: bool tensor of shape [num_arcs]: the kept arcs of the store.
        explicit: Names that are edge-level whatever their length.
    """

    store: Any
    ends: tuple[Range, Range]
    graph: CanonicalGraph
    removed: Tensor
    kept: Tensor
    explicit: frozenset[str]

    @functools.cached_property
    def sizes(self) -> StoreSizes:
        return StoreSizes.of(self.store)

    @functools.cached_property
    def begins(self) -> Tensor:
        """int64 tensor of shape [num_arcs + 1]: number of kept arcs before each old position."""
        return torch.cat([self.kept.new_zeros(1, dtype=torch.int64), self.kept.cumsum(0)]).cpu()

    @property
    def num_left(self) -> int:
        return int(self.begins[-1])

    @functools.cached_property
    def parts(self) -> dict[str, Part]:
        return parts_of(self.store, self.explicit)

    @functools.cached_property
    def leaves(self) -> dict[str, list[tuple[Any, ...]]]:
        """The paths to the edge-level values in each edge-level attribute."""
        names = [name for name, part in self.parts.items() if part is Part.ARCS]
        return {name: self.sizes.arc_leaves(name) for name in names}

    def changes(self) -> dict[str, Any]:
        """The new values of the attributes that depend on the edges."""
        for name, part in self.parts.items():
            if part is Part.STALE:
                raise stale(self.store, name)
        return {
            name: self._new_value(name, part)
            for name, part in self.parts.items()
            if part is not Part.OTHER
        }

    def new_slices(self) -> dict[str, Any]:
        """The new first position of each graph of a `Batch` in each attribute."""
        slices = dict(self.sizes.slices)
        for name, paths in self.leaves.items():
            per_graph = self.sizes.is_per_graph(self.store[name])
            for path in [] if name not in slices or per_graph else paths:
                slices[name] = _replaced(slices[name], path, self._moved)
        return slices

    def _moved(self, slices: Any) -> Any:
        if not isinstance(slices, Tensor):
            return slices
        if int(slices[-1]) != len(self.kept):
            raise GraphFormatError(
                f"the slices of the batch count {int(slices[-1])} arcs, but edge_index has "
                f"{len(self.kept)}: the batch was changed after it was made. Change the graphs "
                "before Batch.from_data_list, or del batch._slice_dict if you will not split it"
            )
        return self.begins[slices]

    def _new_value(self, name: str, part: Part) -> Any:
        value = self.store[name]
        if part is Part.MATRIX:
            return self._matrix(name, value)
        if part is Part.COUNTER:
            return self._sampled(name, value) if name == SAMPLED else self._counter(name, value)
        if part is Part.POINTER:
            return _like(value, self.begins[torch.as_tensor(value, device="cpu").long()])
        for path in self.leaves[name]:
            inner = "_".join([name, *(key for key in path if isinstance(key, str))])
            value = _replaced(value, path, functools.partial(self._cut_leaf, inner))
        return value

    def _cut_leaf(self, name: str, value: Any) -> Any:
        arcs = self.sizes.arcs_of_graph
        if self.sizes.is_per_graph(value) and arcs is not None:
            masks = split_arcs(self.kept, arcs)
            dims = [self._dim(name, item) for item in value]
            return [select_arcs(*each) for each in zip(value, masks, dims, strict=True)]
        return select_arcs(value, self.kept, self._dim(name, value), arcs)

    def _dim(self, name: str, value: Any) -> int:
        if isinstance(value, Tensor) and not is_nested(value) and value.layout == torch.strided:
            along = parallel_dim(self.store, value)
            if along is not None:
                return along
        dim = self.store._parent().__cat_dim__(name, value, self.store)
        return dim if isinstance(dim, int) else 0

    def _matrix(self, name: str, value: Any) -> Any:
        return cut_matrix(
            value,
            self.ends,
            self.graph.edge_ids,
            self.removed,
            name=described(self.store, name),
            transposed=name.lower().endswith("_t"),
            must_fit=name in MATRIX_NAMES,
        )

    def _counter(self, name: str, value: Any) -> Any:
        """Recompute a number of arcs or of edges, or the numbers for the graphs of a `Batch`."""
        arcs = self.sizes.arcs_of_graph
        numbers = _numbers(value)
        if numbers is not None and arcs is not None and numbers == list(arcs):
            new = [int(part.sum()) for part in split_arcs(self.kept, arcs)]
        elif numbers == [self.sizes.num_arcs]:
            new = [self.num_left]
        elif numbers == [self.graph.num_edges] and len(self.graph.arcs) == 1:
            new = [self.graph.num_edges - int(self.removed.sum())]
        else:
            raise GraphFormatError(
                f"{described(self.store, name)} is {_shown(value)}, but the graph has "
                f"{self.sizes.num_arcs} arcs: correct it or delete it"
            )
        return _like(value, torch.tensor(new, device="cpu"))

    def _sampled(self, name: str, value: Any) -> Any:
        """Recompute the number of arcs of each hop of a subgraph that PyG's loaders sampled."""
        numbers = _numbers(value)
        if numbers is None or sum(numbers) != self.sizes.num_arcs or min(numbers, default=0) < 0:
            raise GraphFormatError(
                f"{described(self.store, name)} is {_shown(value)}; expected numbers that add up "
                f"to {self.sizes.num_arcs} arcs: correct it or delete it"
            )
        ends = torch.tensor([0, *numbers], dtype=torch.int64, device="cpu").cumsum(0)
        return _like(value, self.begins[ends].diff())


def _ends(store: Any, ranges: Mapping[str | None, Range]) -> tuple[Range, Range]:
    source, _, target = store._key or (None, None, None)
    return ranges[source], ranges[target]


def _numbers(value: Any) -> list[int] | None:
    """A scalar or a vector of integers as a list, None for any other value."""
    if isinstance(value, (Tensor, np.ndarray)):
        value = value.reshape(-1).tolist()
    items = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(item, bool) or not isinstance(item, (int, np.integer)) for item in items):
        return None
    return [int(item) for item in items]


def _like(value: Any, numbers: Tensor) -> Any:
    """Convert integers to the type, dtype and shape of another value."""
    if isinstance(value, Tensor):
        return numbers.to(value.device, value.dtype).view(value.shape)
    if isinstance(value, np.ndarray):
        return numbers.numpy().astype(value.dtype).reshape(value.shape)
    found = numbers.tolist()
    if isinstance(value, (list, tuple)):
        return type(value)(found)
    return type(value)(found[0])


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, (int, float, list, tuple)) else shape_of(value)


def _keep_num_nodes(result: Any, graph: CanonicalGraph) -> None:
    """State the number of vertices if PyG would infer a smaller number from the kept arcs."""
    if not hasattr(result, "edge_types") and num_nodes_of_store(result) != graph.num_nodes:
        result.num_nodes = graph.num_nodes


def _recount_batch(result: Any, cuts: list[_Cut]) -> None:
    """Update the first positions of the arcs of each graph in a PyG `Batch`."""
    if not any(cut.sizes.slices for cut in cuts):
        return
    slices = dict(result._slice_dict)
    for cut in cuts:
        if cut.store._key is None:
            slices.update(cut.new_slices())
        else:
            slices[cut.store._key] = cut.new_slices()
    result._slice_dict = slices
    if not hasattr(result, "edge_types"):
        _keep_nodes_of_graphs(result._store, cuts[0].sizes)


def _keep_nodes_of_graphs(store: Any, sizes: StoreSizes) -> None:
    """State the number of vertices of each graph if PyG would infer a smaller one."""
    sized = VERTEX_KEYS - {"batch"}  # a graph taken from a PyG batch lacks `batch`
    stated = "_num_nodes" in store.__dict__ or not sized.isdisjoint(store.keys())
    if sizes.nodes_of_graph is not None and not stated:
        store._num_nodes = list(sizes.nodes_of_graph)


def _replaced(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Change the value at the end of a path; the containers on the path are copied."""
    if not path:
        return change(value)
    if isinstance(value, Mapping):
        changed: Any = copy.copy(value)
        changed[path[0]] = _replaced(value[path[0]], path[1:], change)
        return changed
    items = list(value)
    items[path[0]] = _replaced(items[path[0]], path[1:], change)
    return items if isinstance(value, list) else tuple(items)
