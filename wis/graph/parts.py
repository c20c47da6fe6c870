"""Rules that decide which attributes of a PyG object change when edges are removed.

The rules apply in this order. "Length" is the length along PyG's `__cat_dim__`. In a `Batch` the
length of each graph's part counts, not only the sum.

1. Names that the caller gives (`edge_attrs`) must hold one entry for each arc.
2. PyG's own names: `EDGE_KEYS` must hold one entry for each arc, and `VERTEX_KEYS` of a `Data` one
   for each vertex.
3. Separate lists stay unchanged, whatever their length:
   - `OWN_NAMES`;
   - pairs held out or sampled for training, such as ``train_pos_edge_index``: a word of
     `SPLIT_WORDS` before ``edge_index``;
   - ``edge_label`` and longer names that begin with it, with any prefix, if the graph has an
     ``edge_label_index``; without it, ``edge_label`` holds one entry for each arc;
   - any other ``NAME`` if the graph has an integer ``NAME_index`` with as many pairs, as
     `RandomLinkSplit(key=NAME)` makes them.
4. Attributes that repeat the edges in another form are cut too:
   - `MATRIX_NAMES`, and any sparse square matrix whose entries are arcs or lie on the diagonal
     (`wis.graph.matrices`);
   - counters of arcs (`COUNTER_NAMES`, ``num_sampled_edges``);
   - pointers into the arcs (``rowptr``, ``edge_attr_ptr``).
5. Attributes that follow from the edges in a way that wis cannot repeat are refused: `STALE_NAMES`,
   and lists of pairs called ``..edge_index..`` that no rule above covers, such as a second hop.
6. All other attributes follow PyG's rule: an attribute is edge-level if its length is the number of
   arcs. If that is also the number of vertices, the name decides: it must have the *word* edge or
   arc (``my_edge_kind``, ``edgeKind``, ``edgeweight``; not ``knowledge``). The name also decides
   for ``y`` of a graph with one arc, and for an attribute with one entry for each graph of a
   `Batch` of such graphs.
7. A name with the word edge or arc is an error if its length is neither the number of arcs nor that
   of vertices. Exceptions: an attribute with one entry, and names whose last word is one of
   `DESCRIPTION_WORDS` (``edge_attr_names``).

A name of rule 4 or 5 that holds one number for each vertex or arc is a column (such as the number
of ``triangles`` at each vertex), and rule 6 applies to it.

Values that were computed from the edges (degrees, encodings, normalised weights) are data to wis
and stay unchanged. The rules also apply inside dictionaries and lists of tensors; rule 7 applies to
each array in a dictionary.

Source: `torch_geometric.data.storage` for rules 2 and 6; Fey and Lenssen, 2019.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.base.checks import checked_names
from wis.errors import GraphFormatError, OptionError, echo
from wis.graph.holders import is_held
from wis.graph.matrices import is_sparse_matrix
from wis.graph.part_names import (
    ARC_POINTERS,
    COUNTER_NAMES,
    DESCRIPTION_WORDS,
    EDGE_KEYS,
    EDGE_WORDS,
    MATRIX_NAMES,
    OWN_NAMES,
    SAMPLED,
    SIZED_VERTEX_KEYS,
    SPLIT_WORDS,
    STALE_NAMES,
    VERTEX_KEYS,
    StoreSizes,
    has_edge_word,
    holds_arrays,
    is_nested,
    num_entries,
    shape_of,
    words_of,
)
from wis.graph.stores import num_nodes_of_store, num_nodes_of_type, plain_tensor


class Part(Enum):
    """How an attribute of an edge store depends on the arcs."""

    ARCS = "one entry for each arc"
    MATRIX = "a matrix with an entry for each arc"
    COUNTER = "a number of arcs"
    POINTER = "positions in the list of arcs"
    STALE = "follows from the edges"
    OTHER = "nothing"


def parts_of(store: Any, explicit: frozenset[str] = frozenset()) -> dict[str, Part]:
    """Classify how each attribute of an edge store depends on its arcs.

    Args:
        store: An edge store of a `Data` or `HeteroData` with an `edge_index`; not changed.
        explicit: Names that are edge-level in spite of the other rules; names that the store lacks
            are ignored.

    Raises:
        GraphFormatError: The length of an attribute does not fit its name.
        OptionError: One of `explicit` does not hold one entry for each arc.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> pair = torch.tensor([[0, 1], [1, 0]])
    >>> data = Data(edge_index=pair, edge_weight=torch.ones(2), x=torch.ones(2, 1))
    >>> {name: part.name for name, part in parts_of(data._store).items()}
    {'x': 'OTHER', 'edge_index': 'ARCS', 'edge_weight': 'ARCS'}
    """
    sizes = StoreSizes.of(store)
    present = [name for name in list(store.keys()) if store[name] is not None]
    return {name: _part(sizes, name, store[name], explicit) for name in present}


def check_lengths(data: Any, *, to_be_cut: bool = False, edge_attrs: Iterable[str] = ()) -> None:
    """Check that the length of each attribute of a PyG object fits its name.

    Args:
        data: The object; an object without edge stores passes, and so does one of another kind
            (`wis.graph.holders`), whose attributes may have any name.
        to_be_cut: Whether to refuse attributes that cannot be cut (rule 5) as well.
        edge_attrs: Names of attributes that are edge-level in spite of the other rules.

    Raises:
        GraphFormatError: A length does not fit, or an attribute cannot be cut.
        OptionError: One of `edge_attrs` does not hold one entry for each arc.
    """
    explicit = frozenset(checked_names(edge_attrs))
    if is_held(data):
        return
    for store in filter(has_arcs, getattr(data, "edge_stores", ())):
        for name, part in parts_of(store, explicit).items():
            if part is Part.STALE and to_be_cut:
                raise stale(store, name)
    for store in getattr(data, "node_stores", ()):
        if store._key is not None and "num_nodes" in store:
            for name in SIZED_VERTEX_KEYS & set(store.keys()):
                _check_vertex_key(StoreSizes(store, 0, store["num_nodes"], {}), name, store[name])


def has_arcs(store: Any) -> bool:
    """Whether a store has an `edge_index` of two dimensions."""
    arcs = store.get("edge_index")
    return isinstance(arcs, Tensor) and not arcs.is_nested and arcs.dim() == 2


def stale(store: Any, name: str) -> GraphFormatError:
    """The error for an attribute that would be outdated after a cut."""
    what = STALE_NAMES.get(name, "a list of pairs that may follow from the edges")
    return GraphFormatError(
        f"{described(store, name)} ({what}) would no longer fit the graph after a cut: delete it "
        f"first and compute it from the sparser graph, or put it back if it does not follow from "
        f"the edges"
    )


def described(store: Any, name: str) -> str:
    """The name of an attribute, and of its edge type if there are several."""
    return name if getattr(store, "_key", None) is None else f"{name} of {store._key}"


def _part(sizes: StoreSizes, name: str, value: Any, explicit: frozenset[str]) -> Part:
    store = sizes.store
    found = sizes.has_arc_entries
    if name in explicit:  # rule 1
        if num_entries(store, name, value) != sizes.num_arcs and not found(name, value):
            raise OptionError(
                f"{name!r} is named as edge-level but does not hold one entry for each of the "
                f"{sizes.num_arcs} arcs"
            )
        return Part.ARCS
    special = _special_part(sizes, name, value)
    if special is not None:
        return special
    is_per_arc = found(name, value)  # rule 6
    if isinstance(value, Mapping) and (is_per_arc or name not in EDGE_KEYS):
        _check_inner(sizes, name, value, described(store, name))
    if is_per_arc:
        return Part.ARCS
    _check_length(sizes, name, value, described(store, name))  # rules 2 and 7
    return Part.OTHER


def _special_part(sizes: StoreSizes, name: str, value: Any) -> Part | None:
    """The part by its name or type (rules 2 to 5), None if its length must decide."""
    store = sizes.store
    if name == "edge_index":
        return Part.ARCS
    if name == "num_nodes" or isinstance(value, (str, bytes)) or _is_separate_list(store, name):
        return Part.OTHER
    is_vertex_key = name in VERTEX_KEYS and store._key is None
    if name in STALE_NAMES or (name == "e_id" and "sub_edge_index" in store):
        return None if _is_column(sizes, name, value) else Part.STALE
    if name in MATRIX_NAMES or is_sparse_matrix(value):
        may_repeat = name in MATRIX_NAMES or not (is_vertex_key or name in EDGE_KEYS)
        return Part.MATRIX if may_repeat and _is_adjacency(store, value, name) else None
    if name in COUNTER_NAMES or name == SAMPLED:
        return None if _is_column(sizes, name, value) else Part.COUNTER
    if _is_pointer(sizes, name, value):
        return Part.POINTER
    if _is_list_of_pairs(name, value):
        return Part.ARCS if parallel_dim(store, value) is not None else Part.STALE
    if is_vertex_key:
        _check_vertex_key(sizes, name, value)
        return Part.OTHER
    return None


def _is_column(sizes: StoreSizes, name: str, value: Any) -> bool:
    """Whether a value is a vector with one entry for each arc or each vertex."""
    if isinstance(value, (Tensor, np.ndarray)) and (is_nested(value) or value.ndim != 1):
        return False
    if sizes.arcs_of_graph is not None or name == SAMPLED:
        return False
    length = num_entries(sizes.store, name, value)
    return length is not None and length > 1 and length in (sizes.num_arcs, sizes.num_nodes)


def _is_separate_list(store: Any, name: str) -> bool:
    """Whether an attribute does not depend on the arcs, whatever its length (rule 3)."""
    if name in OWN_NAMES:
        return True
    words = words_of(name)
    if words[-2:] == ["edge", "index"] and not SPLIT_WORDS.isdisjoint(words[:-2]):
        return True
    label = re.match(r"(.*edge_label)(_|$)", name)
    if label is not None:
        return f"{label.group(1)}_index" in store
    base = name.removesuffix("_index")
    if base == "edge":
        return False
    if base != name:
        return base in store and _is_pairs(store[name])
    pairs = store.get(f"{name}_index")
    if pairs is None or not _is_pairs(pairs):
        return False
    return bool(num_entries(store, name, store[name]) == pairs.shape[1])


def _is_pairs(value: Any) -> bool:
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_nested:
        return False
    integer = not (value.is_floating_point() or value.is_complex() or value.dtype == torch.bool)
    return bool(integer and value.dim() == 2 and value.shape[0] == 2)


def _is_list_of_pairs(name: str, value: Any) -> bool:
    """Whether a value with edge or arc in its name is a list of pairs."""
    words = words_of(name)
    if name in EDGE_KEYS or EDGE_WORDS.isdisjoint(words):
        return False
    return _is_pairs(value) and ("index" in words or words[-1] in EDGE_WORDS)


def parallel_dim(store: Any, value: Tensor) -> int | None:
    """The dimension of the arcs in a copy of `edge_index` or of its reverse; None for others."""
    arcs = store["edge_index"]
    if value.shape != arcs.shape or value.device != arcs.device or not _is_pairs(value):
        return None
    plain, arcs = plain_tensor(value).long(), plain_tensor(arcs).long()
    return 1 if torch.equal(plain, arcs) or torch.equal(plain.flip(0), arcs) else None


def _is_pointer(sizes: StoreSizes, name: str, value: Any) -> bool:
    """Whether an array holds ascending positions in the list of arcs, from 0 to `num_arcs`.

    Raises `GraphFormatError` if it has the name of a pointer, but other numbers.
    """
    if not name.endswith("ptr") or name == "ptr":
        return False
    base = name.removesuffix("ptr").removesuffix("_")
    numbers = _integers(value)
    fits = (
        numbers is not None
        and numbers.size > 0
        and int(numbers[0]) == 0
        and int(numbers[-1]) == sizes.num_arcs
        and bool((np.diff(numbers) >= 0).all())
    )
    if name in ARC_POINTERS or has_edge_word(base):
        if not fits and not _is_column(sizes, name, value):
            raise GraphFormatError(
                f"{described(sizes.store, name)} is not a list of positions that rises from 0 to "
                f"the number of arcs, {sizes.num_arcs}: correct it or delete it"
            )
        return fits
    if not fits or sizes.num_arcs != sizes.num_nodes:
        return fits
    return base in sizes.store and sizes.has_arc_entries(base, sizes.store[base])


def _integers(value: Any) -> np.ndarray | None:
    """A vector of integers as a numpy array, None for any other value."""
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.is_nested or value.is_meta:
            return None
        value = value.detach().cpu().numpy()
    array = np.asarray(value) if isinstance(value, (np.ndarray, list, tuple)) else None
    return array if array is not None and array.ndim == 1 and array.dtype.kind in "iu" else None


def _check_length(sizes: StoreSizes, name: str, value: Any, shown: str) -> None:
    """Raise if a value lacks the entry for each arc that its name requires (rules 2 and 7)."""
    if not isinstance(value, (Tensor, np.ndarray, list, tuple, Mapping)):
        return
    if name not in EDGE_KEYS:
        if not has_edge_word(name) or words_of(name)[-1] in DESCRIPTION_WORDS:
            return
        if name != "edge_label" and _is_one_entry(sizes, value):
            return
        num_nodes = sizes.num_nodes
        if num_nodes is not None and num_entries(sizes.store, name, value) == num_nodes:
            return
    raise GraphFormatError(
        f"{shown} is {shape_of(value)}; expected one entry for each of the "
        f"{sizes.num_arcs} arcs: correct it, delete it, or rename it if it is not edge-level"
    )


def _check_inner(sizes: StoreSizes, name: str, value: Mapping[Any, Any], shown: str) -> None:
    """Apply `_check_length` to the arrays in a dictionary, except held-out lists."""
    if not DESCRIPTION_WORDS.isdisjoint(words_of(name)[-1:]):
        return
    for key, item in value.items():
        inner, label = f"{name}_{key}", f"{shown}[{echo(key)!r}]"
        if isinstance(item, Mapping):
            _check_inner(sizes, inner, item, label)
        elif (
            isinstance(item, (Tensor, np.ndarray))
            and SPLIT_WORDS.isdisjoint(words_of(inner))
            and not sizes.has_arc_entries(inner, item)
        ):
            _check_length(sizes, inner, item, label)


def _is_one_entry(sizes: StoreSizes, value: Any) -> bool:
    """Whether a value has one entry, or one for each graph of a `Batch`."""
    if isinstance(value, (Mapping, list, tuple)) and not holds_arrays(value):
        return not isinstance(value, (list, tuple)) or len(value) <= 1
    if isinstance(value, (Tensor, np.ndarray)):
        graphs = 1 if sizes.arcs_of_graph is None else len(sizes.arcs_of_graph)
        return value.ndim == 0 or (not is_nested(value) and value.shape[0] in (1, graphs))
    return False


def _check_vertex_key(sizes: StoreSizes, name: str, value: Any) -> None:
    sized = name in SIZED_VERTEX_KEYS and isinstance(value, (Tensor, np.ndarray))
    if not sized or sizes.num_nodes is None or is_nested(value):
        return
    if num_entries(sizes.store, name, value) != sizes.num_nodes:
        raise GraphFormatError(
            f"{described(sizes.store, name)} is {shape_of(value)}; expected one entry for each of "
            f"the {sizes.num_nodes} vertices: correct it, delete it, or correct num_nodes"
        )


def _is_adjacency(store: Any, value: Any, name: str) -> bool:
    """Whether a matrix has the shape of the adjacency; raises if one of `MATRIX_NAMES` has not."""
    known = _adjacency_shape(store)
    shape = tuple(getattr(value, "shape", ()))[:2]
    for turned in (shape, shape[::-1]):
        if len(shape) == 2 and all(a in (None, b) for a, b in zip(known, turned, strict=True)):
            return True
    if name in MATRIX_NAMES:
        raise GraphFormatError(
            f"{described(store, name)} is {shape_of(value)}; expected a matrix of shape "
            f"{list(known)} that repeats the arcs: correct it or delete it"
        )
    return False


def _adjacency_shape(store: Any) -> tuple[int | None, int | None]:
    """Rows and columns of the adjacency of an edge store, None if PyG does not know the number."""
    if store._key is None:
        size = num_nodes_of_store(store)
        return size, size
    parent = store._parent()
    return num_nodes_of_type(parent, store._key[0]), num_nodes_of_type(parent, store._key[2])
