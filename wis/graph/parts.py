"""What each part of a PyG object has to do with its arcs, so that a cut leaves nothing stale.

The rules, in this order. "Length" is the length along PyG's `__cat_dim__`; in a `Batch` the lengths
of the parts of each graph count, not only their sum.

1. Names that the caller gives (`edge_attrs`) hold one entry for each arc, or it is an error.
2. PyG's own names. `EDGE_KEYS` hold one entry for each arc, and `VERTEX_KEYS` of a `Data` one for
   each vertex; another length is an error.
3. Lists of their own, which no cut touches whatever their length: `OWN_NAMES`; pairs held out or
   sampled for training, such as ``train_pos_edge_index`` (a word of `SPLIT_WORDS` before
   ``edge_index``); ``edge_label`` and all that begins so where ``edge_label_index`` stands beside
   it, with any prefix; any other ``NAME`` beside an integer ``NAME_index`` of as many pairs, as
   `RandomLinkSplit(key=NAME)` makes them. ``edge_label`` alone holds one entry for each arc.
4. What repeats the edges in another form is cut with them: `MATRIX_NAMES`, and any sparse square
   matrix whose entries are arcs or lie on the diagonal (`wis.graph.matrices`); counters of arcs
   (`COUNTER_NAMES`, ``num_sampled_edges``); pointers into the arcs (``rowptr``, ``edge_attr_ptr``).
5. What follows from the edges in a way that wis cannot make again is refused (`STALE_NAMES`, and
   lists of pairs called ``..edge_index..`` that are none of the above, such as a second hop).
6. For all else PyG's rule: as long as the arcs is edge-level, as long as the vertices is not. Where
   the two are equally many the name decides: edge-level is what has the *word* edge or arc in it
   (``my_edge_kind``, ``edgeKind``, ``edgeweight``; not ``knowledge``). So it does for ``y`` of a
   graph with one arc, and for what has one entry for each graph of a `Batch` of such graphs.
7. What has that word and a length of neither is an error, unless it is one entry only, or its last
   word is one of `DESCRIPTION_WORDS` (``edge_attr_names``).

A name of rule 4 or 5 that holds a plain number for each vertex or arc is a column (the number of
``triangles`` at each vertex), and rule 6 is about it.

Values that were computed from the edges (degrees, encodings, normalised weights) are data to wis
and stay as they are. Dictionaries, and lists of tensors, are looked into; rule 7 is about
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

from wis.errors import GraphFormatError, OptionError, echo
from wis.graph.matrices import is_sparse_matrix
from wis.graph.measures import (
    Measure,
    has_leaf,
    holds_arrays,
    is_nested,
    num_entries,
    shape_of,
)
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
    checked_names,
    has_edge_word,
    words_of,
)
from wis.graph.stores import num_nodes_of_store, num_nodes_of_type, plain_tensor


class Part(Enum):
    """What an attribute of an edge store has to do with the arcs."""

    ARCS = "one entry for each arc"
    MATRIX = "a matrix with an entry for each arc"
    COUNTER = "a number of arcs"
    POINTER = "positions in the list of arcs"
    STALE = "follows from the edges"
    OTHER = "nothing"


def parts_of(store: Any, explicit: frozenset[str] = frozenset()) -> dict[str, Part]:
    """What each attribute of an edge store has to do with its arcs.

    Args:
        store: An edge store of a `Data` or `HeteroData` with an `edge_index`; not changed.
        explicit: Names that are edge-level whatever the rules say.

    Raises:
        GraphFormatError: An attribute has another length than its name says.
        OptionError: One of `explicit` does not hold one entry for each arc.
    """
    measure = Measure.of(store)
    return {
        name: _part(store, name, measure, explicit)
        for name in list(store.keys())
        if store[name] is not None
    }


def check_lengths(data: Any, *, to_be_cut: bool = False, edge_attrs: Iterable[str] = ()) -> None:
    """Raise if an attribute of a PyG object has another length than its name says.

    Args:
        data: The object; anything without edge stores passes.
        to_be_cut: Raise also if a part could not follow a cut.
        edge_attrs: Names of attributes that are edge-level whatever the rules say.

    Raises:
        GraphFormatError: So it is.
        OptionError: One of `edge_attrs` does not hold one entry for each arc.
    """
    explicit = frozenset(checked_names(edge_attrs))
    for store in getattr(data, "edge_stores", ()):
        if not has_arcs(store):
            continue
        for name, part in parts_of(store, explicit & set(store.keys())).items():
            if part is Part.STALE and to_be_cut:
                raise stale(store, name)
    for store in getattr(data, "node_stores", ()):
        if store._key is not None and "num_nodes" in store:
            _check_vertex_keys(store)


def has_arcs(store: Any) -> bool:
    """Whether a store holds an `edge_index` of the shape of one."""
    arcs = store.get("edge_index")
    return isinstance(arcs, Tensor) and not arcs.is_nested and arcs.dim() == 2


def stale(store: Any, name: str) -> GraphFormatError:
    """The error for a part that would no longer fit after a cut."""
    what = STALE_NAMES.get(name, "a list of pairs that may follow from the edges")
    return GraphFormatError(
        f"{described(store, name)} ({what}) would no longer fit the graph after a cut: delete it "
        f"first and make it anew from the sparser graph, or put it back if it does not follow from "
        f"the edges"
    )


def described(store: Any, name: str) -> str:
    """The name of an attribute, and of its edge type if there are several."""
    return name if getattr(store, "_key", None) is None else f"{name} of {store._key}"


def _part(store: Any, name: str, measure: Measure, explicit: frozenset[str]) -> Part:
    value = store[name]
    if name in explicit:
        if num_entries(store, name, value) != measure.num_arcs and not has_leaf(
            store, name, value, measure
        ):
            raise OptionError(
                f"{name!r} is named as edge-level but does not hold one entry for each of the "
                f"{measure.num_arcs} arcs"
            )
        return Part.ARCS
    special = _special_part(store, name, value, measure)
    if special is not None:
        return special
    found = has_leaf(store, name, value, measure)
    if isinstance(value, Mapping) and (found or name not in EDGE_KEYS):
        _check_inner(store, name, value, measure, described(store, name))
    if found:
        return Part.ARCS
    _check_length(store, name, value, measure, described(store, name))
    return Part.OTHER


def _special_part(store: Any, name: str, value: Any, measure: Measure) -> Part | None:
    """The part by its name or kind, None where only its length can tell."""
    if name == "edge_index":
        return Part.ARCS
    if name == "num_nodes" or isinstance(value, (str, bytes)) or is_list_of_its_own(store, name):
        return Part.OTHER
    if name in STALE_NAMES or (name == "e_id" and "sub_edge_index" in store):
        return None if _is_column(store, name, value, measure) else Part.STALE
    if name in MATRIX_NAMES or is_sparse_matrix(value):
        in_order = name in MATRIX_NAMES or not (_is_vertex_key(store, name) or name in EDGE_KEYS)
        return Part.MATRIX if in_order and _is_adjacency(store, value, name) else None
    if name in COUNTER_NAMES or name == SAMPLED:
        return None if _is_column(store, name, value, measure) else Part.COUNTER
    if is_pointer(store, name, value, measure):
        return Part.POINTER
    if _is_list_of_pairs(name, value):
        return Part.ARCS if parallel_dim(store, value) is not None else Part.STALE
    if _is_vertex_key(store, name):
        _check_vertex_key(store, name, value, measure)
        return Part.OTHER
    return None


def _is_column(store: Any, name: str, value: Any, measure: Measure) -> bool:
    """Whether a value is a vector with a plain entry for each arc or each vertex."""
    if isinstance(value, (Tensor, np.ndarray)) and (is_nested(value) or value.ndim != 1):
        return False
    if measure.arcs_of_graph is not None or name == SAMPLED:
        return False
    length = num_entries(store, name, value)
    return length is not None and length > 1 and length in (measure.num_arcs, measure.num_nodes)


def is_list_of_its_own(store: Any, name: str) -> bool:
    """Whether an attribute is none of the arcs' whatever its length (rule 3)."""
    if name in OWN_NAMES:
        return True
    words = words_of(name)
    if words[-2:] == ["edge", "index"] and not SPLIT_WORDS.isdisjoint(words[:-2]):
        return True
    label = re.match(r"(.*edge_label)(_|$)", name)
    if label is not None:
        return f"{label.group(1)}_index" in store
    base = name.removesuffix("_index")
    if base == name:
        pairs = store.get(f"{name}_index") if name != "edge" else None
        if pairs is None or not _is_pairs(pairs):
            return False
        return bool(num_entries(store, name, store[name]) == pairs.shape[1])
    return base != "edge" and base in store and _is_pairs(store[name])


def _is_pairs(value: Any) -> bool:
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_nested:
        return False
    integer = not (value.is_floating_point() or value.is_complex() or value.dtype == torch.bool)
    return bool(integer and value.dim() == 2 and value.shape[0] == 2)


def _is_list_of_pairs(name: str, value: Any) -> bool:
    """Whether something named after edges lists pairs, as columns or, like ``edges``, as rows."""
    if not has_edge_word(name) or name in EDGE_KEYS:
        return False
    return _is_pairs(value) and ("index" in words_of(name) or words_of(name)[-1] in EDGE_WORDS)


def parallel_dim(store: Any, value: Tensor) -> int | None:
    """The dimension along which a list of pairs repeats the arcs, turned round or not, or None."""
    arcs = store["edge_index"]
    if value.shape != arcs.shape or value.device != arcs.device or not _is_pairs(value):
        return None
    plain, arcs = plain_tensor(value).long(), plain_tensor(arcs).long()
    return 1 if torch.equal(plain, arcs) or torch.equal(plain.flip(0), arcs) else None


def is_pointer(store: Any, name: str, value: Any, measure: Measure) -> bool:
    """Whether an array holds positions in the list of arcs, from 0 to their number.

    Raises:
        GraphFormatError: It is called a pointer into the arcs and does not end at their number.
    """
    if not name.endswith("ptr") or name == "ptr":
        return False
    base = name.removesuffix("ptr").removesuffix("_")
    by_name = name in ARC_POINTERS or has_edge_word(base)
    numbers = _integers(value)
    fits = (
        numbers is not None
        and numbers.size > 0
        and int(numbers[0]) == 0
        and int(numbers[-1]) == measure.num_arcs
        and bool((np.diff(numbers) >= 0).all())
    )
    if by_name and not fits and _is_column(store, name, value, measure):
        return False
    if by_name and not fits:
        raise GraphFormatError(
            f"{described(store, name)} is no list of positions that rises from 0 to the number of "
            f"arcs, {measure.num_arcs}: mend it or delete it"
        )
    if by_name or not fits:
        return fits
    per_arc = base in store and has_leaf(store, base, store[base], measure)
    return per_arc or measure.num_arcs != measure.num_nodes


def _integers(value: Any) -> np.ndarray | None:
    """A vector of integers as numpy has it, None for anything else."""
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.is_nested or value.is_meta:
            return None
        value = value.detach().cpu().numpy()
    array = np.asarray(value) if isinstance(value, (np.ndarray, list, tuple)) else None
    return array if array is not None and array.ndim == 1 and array.dtype.kind in "iu" else None


def _check_length(store: Any, name: str, value: Any, measure: Measure, shown: str) -> None:
    """Raise if the name says that there is an entry for each arc, and there is not."""
    if not isinstance(value, (Tensor, np.ndarray, list, tuple, Mapping)):
        return
    if name not in EDGE_KEYS:
        if not has_edge_word(name) or words_of(name)[-1] in DESCRIPTION_WORDS:
            return
        if name != "edge_label" and _is_one_entry(value, measure):
            return
        if measure.num_nodes is not None and num_entries(store, name, value) == measure.num_nodes:
            return
    raise GraphFormatError(
        f"{shown} is {shape_of(value)}; expected one entry for each of the "
        f"{measure.num_arcs} arcs: mend it, delete it, or rename it if it is no attribute of arcs"
    )


def _check_inner(
    store: Any, name: str, value: Mapping[Any, Any], measure: Measure, shown: str
) -> None:
    """`_check_length` for the arrays in a dictionary; held-out lists of its own are left alone."""
    if not DESCRIPTION_WORDS.isdisjoint(words_of(name)[-1:]):
        return
    for key, item in value.items():
        inner, label = f"{name}_{key}", f"{shown}[{echo(key)!r}]"
        if isinstance(item, Mapping):
            _check_inner(store, inner, item, measure, label)
        elif (
            isinstance(item, (Tensor, np.ndarray))
            and SPLIT_WORDS.isdisjoint(words_of(inner))
            and not has_leaf(store, inner, item, measure)
        ):
            _check_length(store, inner, item, measure, label)


def _is_one_entry(value: Any, measure: Measure) -> bool:
    """Whether a value belongs to the graph as a whole, or one to each graph of a `Batch`."""
    if isinstance(value, (Mapping, list, tuple)) and not holds_arrays(value):
        return not isinstance(value, (list, tuple)) or len(value) <= 1
    if isinstance(value, (Tensor, np.ndarray)):
        graphs = 1 if measure.arcs_of_graph is None else len(measure.arcs_of_graph)
        return value.ndim == 0 or (not is_nested(value) and value.shape[0] in (1, graphs))
    return False


def _check_vertex_keys(store: Any) -> None:
    for name in SIZED_VERTEX_KEYS & set(store.keys()):
        _check_vertex_key(store, name, store[name], Measure(0, store["num_nodes"], {}))


def _check_vertex_key(store: Any, name: str, value: Any, measure: Measure) -> None:
    sized = name in SIZED_VERTEX_KEYS and isinstance(value, (Tensor, np.ndarray))
    if not sized or measure.num_nodes is None or is_nested(value):
        return
    if num_entries(store, name, value) != measure.num_nodes:
        raise GraphFormatError(
            f"{described(store, name)} is {shape_of(value)}; expected one entry for each of the "
            f"{measure.num_nodes} vertices: mend it, delete it, or mend num_nodes"
        )


def _is_vertex_key(store: Any, name: str) -> bool:
    return name in VERTEX_KEYS and store._key is None


def _is_adjacency(store: Any, value: Any, name: str) -> bool:
    """Whether a matrix has a row and a column for each vertex; MATRIX_NAMES must have."""
    shape = tuple(getattr(value, "shape", ()))[:2]
    known = adjacency_shape(store)
    if len(shape) == 2 and all(a is None or a == b for a, b in zip(known, shape, strict=True)):
        return True
    if len(shape) == 2 and all(
        a is None or a == b for a, b in zip(known, shape[::-1], strict=True)
    ):
        return True
    if name in MATRIX_NAMES:
        raise GraphFormatError(
            f"{described(store, name)} is {shape_of(value)}; expected a matrix of shape "
            f"{list(known)} that repeats the arcs: mend it or delete it"
        )
    return False


def adjacency_shape(store: Any) -> tuple[int | None, int | None]:
    """Rows and columns of the adjacency of an edge store, None where PyG does not know."""
    if store._key is None:
        size = num_nodes_of_store(store)
        return size, size
    parent = store._parent()
    return num_nodes_of_type(parent, store._key[0]), num_nodes_of_type(parent, store._key[2])
