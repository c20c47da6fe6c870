"""PyG's objects: PyG makes an empty one, and our code fills it with checked attributes.

Pickles of a `Data` hold the dictionaries of its stores. PyG's caches, such as the list of the
attributes of edges, are ignored: they may be stale or forged, and PyG computes them again.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from wis.base.unpickle.nodes import Made, Name, Pairs, damaged
from wis.base.unpickle.values import Builder, plain
from wis.errors import GraphFormatError

_PLACE = "torch_geometric."
_DATA = (
    "data.data.Data",
    "data.hetero_data.HeteroData",
    "data.temporal.TemporalData",
    "data.hypergraph_data.HyperGraphData",
    "explain.explanation.Explanation",
    "explain.explanation.HeteroExplanation",
    "transforms.rooted_subgraph.RootedSubgraphData",
    "datasets.particle.TrackingData",
    "datasets.snap_dataset.EgoData",
)
_STORES = ("BaseStorage", "GlobalStorage", "NodeStorage", "EdgeStorage")
_ENUMS = (
    "data.storage.AttrType",
    "data.graph_store.EdgeLayout",
    "data.feature_store._FieldStatus",
    "edge_index.SortOrder",
    "explain.config.ExplanationType",
    "explain.config.MaskType",
    "explain.config.ModelMode",
    "explain.config.ModelReturnType",
    "explain.config.ModelTaskLevel",
    "explain.config.ThresholdType",
    "explain.algorithm.captum.MaskLevelType",
    "sampler.base.DataType",
    "sampler.base.NegativeSamplingMode",
    "sampler.base.SubgraphType",
    "distributed.dist_context.DistRole",
    "llm.models.sentence_transformer.PoolingStrategy",
    "llm.utils.backend_utils.RemoteDataType",
)
_ATTRIBUTES = (  # the descriptions of attributes, with their fields
    ("data.feature_store.TensorAttr", ("group_name", "attr_name", "index")),
    ("data.data.DataTensorAttr", ("group_name", "attr_name", "index")),
    ("data.graph_store.EdgeAttr", ("edge_type", "layout", "is_sorted", "size")),
    ("data.data.DataEdgeAttr", ("edge_type", "layout", "is_sorted", "size")),
)
_TUPLES = (("index.CatMetadata", 3), ("edge_index.CatMetadata", 4))
_REMEMBERED = frozenset({"_mapping", "_parent", "_key", "_cached_attr"})


def _pair(path: str) -> tuple[str, str]:
    module, _, name = (_PLACE + path).rpartition(".")
    return module, name


def class_of(pair: tuple[str, str]) -> Any:
    """Import a class of PyG that is in our tables."""
    try:
        return getattr(importlib.import_module(pair[0]), pair[1])
    except (ImportError, AttributeError):
        raise GraphFormatError(
            f"holds a {pair[1]}, which this version of PyG cannot make; expected "
            f"{'.'.join(pair)}. Convert the file where it was written"
        ) from None


def _state(builder: Builder, node: Made) -> dict[str, Any]:
    if not isinstance(node.state, Pairs):
        raise damaged(f"a {node.maker} has no known state")
    return builder.texts(node.state.pairs)


def _data(builder: Builder, node: Made) -> Any:
    if plain(node, state=True) != () or not isinstance(node.maker, Name):
        raise damaged("a graph has unexpected arguments")
    return _filled(builder, class_of(node.maker.pair)(), node)


def _batch(builder: Builder, node: Made) -> Any:
    """Replaces `DynamicInheritanceGetter()(Batch, Data)`, which makes a class of the two."""
    if not isinstance(node.maker, Made):
        raise damaged("it holds an incomplete batch of graphs")
    plain(node.maker)
    match plain(node, state=True):
        case (Name(name="Batch"), Name() as base) if base.pair in DATA:
            return _filled(builder, class_of(_BATCH)(_base_cls=class_of(base.pair)), node)
    raise damaged("a batch is not made of graphs")


def _filled(builder: Builder, data: Any, node: Made) -> Any:
    state = _state(builder, node)
    for key in ("_edge_attr_cls", "_tensor_attr_cls"):  # the same for all data of a class
        state.pop(key, None)
    stores = {"_global_store", "_node_store_dict", "_edge_store_dict"}
    wanted = stores if hasattr(data, "_node_store_dict") else {"_store"}
    if "_store" not in state and "_global_store" not in state:
        raise GraphFormatError(
            "holds a graph of PyG 1.x, which today's PyG cannot read; copy its "
            "attributes into a Data and save that"
        )
    if state.keys() != wanted:
        raise damaged(f"a {type(data).__name__} has unknown parts")
    if "_store" in state:
        _fill(builder, data._store, state["_store"], "GlobalStorage")
        return data
    _fill(builder, data._global_store, state["_global_store"], "BaseStorage")
    _fill_types(builder, data, state)
    return data


def _fill_types(builder: Builder, data: Any, state: dict[str, Any]) -> None:
    from torch_geometric.data.storage import EdgeStorage, NodeStorage

    for key, store in _typed(builder, state["_node_store_dict"]):
        if not isinstance(key, str):
            raise damaged("a vertex type is not a text")
        data._node_store_dict[key] = NodeStorage(_parent=data, _key=key)
        _fill(builder, data._node_store_dict[key], store, "NodeStorage")
    for key, store in _typed(builder, state["_edge_store_dict"]):
        if not isinstance(key, tuple) or list(map(type, key)) != [str, str, str]:
            raise damaged("an edge type is not three texts")
        data._edge_store_dict[key] = EdgeStorage(_parent=data, _key=key)
        _fill(builder, data._edge_store_dict[key], store, "EdgeStorage")


def _typed(builder: Builder, node: Any) -> Iterable[tuple[Any, Any]]:
    if not isinstance(node, Pairs):
        raise damaged("the types of a graph are not a dictionary")
    return ((builder.key(key), store) for key, store in node.pairs or ())


def _fill(builder: Builder, store: Any, node: Any, kind: str) -> None:
    """Fill the dictionary of a store without calling its methods."""
    if not isinstance(node, Made) or str(node.maker) != f"{_PLACE}data.storage.{kind}":
        raise damaged("a graph has another object in place of a store of attributes")
    if plain(node, state=True):
        raise damaged("a store of attributes has unexpected arguments")
    state = _state(builder, node)
    mapping = state.get("_mapping")
    if not isinstance(mapping, Pairs):
        raise damaged("a store has no attributes")
    for key, value in builder.texts(mapping.pairs).items():
        if key.startswith("_"):
            raise damaged(f"an attribute has the forbidden name {key[:40]!r}")
        store._mapping[key] = builder.value(value)
    for key in state.keys() - _REMEMBERED:
        if key[:1] != "_" or key[:2] == "__" or hasattr(type(store), key):
            raise damaged(f"a store has an unknown part {key[:40]!r}")
    for key in state:
        if key not in _REMEMBERED:
            store.__dict__[key] = _private(key, builder.value(state[key]))


def _private(key: str, value: Any) -> Any:
    """Check a private part of a store, since PyG trusts the records of a `Batch`."""
    if key == "_slice_dict" and not (isinstance(value, dict) and _are_slices(value)):
        raise damaged("a batch does not hold the first positions of its graphs")
    if key in ("_inc_dict", "_edge_attrs") and not isinstance(value, dict):
        raise damaged(f"the part {key} of a store is malformed")
    counts = value if key == "_num_nodes" and isinstance(value, list) else [value]
    if key in ("_num_nodes", "_num_graphs") and not all(_is_count(count) for count in counts):
        raise damaged(f"the part {key} of a store is malformed")
    return value


def _is_count(value: Any) -> bool:
    return value is None or (type(value) is int and 0 <= value < 2**62)


def _are_slices(value: Any) -> bool:
    """Whether a value holds positions that rise from 0, or lists or dictionaries of these."""
    if isinstance(value, dict):
        return all(map(_are_slices, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_are_slices, value))
    if type(value) is not Tensor or value.dtype != torch.int64 or value.layout != torch.strided:
        return False
    if value.dim() not in (1, 2) or not value.numel():
        return False
    return not bool(value[0].any()) and not bool((value.diff(dim=0) < 0).any())


def _alone(builder: Builder, node: Made) -> Any:
    raise GraphFormatError("holds the attributes of a graph without the graph; save the graph")


def _enum(builder: Builder, node: Made) -> Any:
    match plain(node):
        case (None | int() | str() as value,) if isinstance(node.maker, Name):
            kind = class_of(node.maker.pair)
            for member in kind:
                if type(member.value) is type(value) and member.value == value:
                    return member
    raise damaged(f"{node.maker} has no such member")


def _attribute(builder: Builder, node: Made) -> Any:
    """Make the description of an attribute without calling its class."""
    if plain(node, state=True) or not isinstance(node.maker, Name):
        raise damaged("a description of an attribute has unexpected arguments")
    fields = dict(_ATTRIBUTES)[".".join(node.maker.pair).removeprefix(_PLACE)]
    state = _state(builder, node)
    if not state.keys() <= set(fields):
        raise damaged(f"a {node.maker} has unknown parts")
    made = object.__new__(class_of(node.maker.pair))
    for key, value in state.items():
        made.__dict__[key] = builder.value(value)
    return made


def _tuple(builder: Builder, node: Made) -> Any:
    assert isinstance(node.maker, Name)
    count = dict(_TUPLES)[".".join(node.maker.pair).removeprefix(_PLACE)]
    if len(plain(node)) != count:
        raise damaged(f"a {node.maker} has the wrong number of parts")
    columns = [builder.value(part) for part in node.arguments]
    if any(type(column) is not list or len(column) != len(columns[0]) for column in columns):
        raise damaged(f"the parts of a {node.maker} are not lists of one length")
    return class_of(node.maker.pair)(*columns)


def edge_index(builder: Builder, parts: dict[str, Any]) -> Tensor:
    """An `EdgeIndex` with checked arcs and metadata."""
    from torch_geometric import EdgeIndex
    from torch_geometric.edge_index import SortOrder

    order, undirected = builder.value(parts.get("_sort_order")), parts.get("_is_undirected", False)
    match builder.value(parts.get("_sparse_size", (None, None))):
        case (None | int(), None | int()) as size if all(n is None or n >= 0 for n in size):
            pass
        case _:
            raise damaged("the size of an EdgeIndex is invalid")
    if type(undirected) is not bool or not (order is None or isinstance(order, SortOrder)):
        raise damaged("the order of an EdgeIndex is invalid")
    facts = {"sparse_size": size, "sort_order": order, "is_undirected": undirected}
    return _index(builder, parts, EdgeIndex, 2, facts)


def index(builder: Builder, parts: dict[str, Any]) -> Tensor:
    """An `Index` with checked numbers and metadata."""
    from torch_geometric import Index

    size, is_sorted = parts.get("_dim_size"), parts.get("_is_sorted", False)
    if type(is_sorted) is not bool or not (size is None or (type(size) is int and size >= 0)):
        raise damaged("the size or the order of an Index is invalid")
    return _index(builder, parts, Index, 1, {"dim_size": size, "is_sorted": is_sorted})


def _index(
    builder: Builder, parts: dict[str, Any], kind: Any, dim: int, facts: dict[str, Any]
) -> Tensor:
    """An index of the class `kind` whose numbers and metadata fit, also those of a batch."""
    data, node = builder.value(parts.get("_data")), parts.get("_cat_metadata")
    if type(data) is not Tensor or data.layout != torch.strided or data.dim() != dim:
        raise damaged("an index is not a tensor of ids")
    if data.dtype not in (torch.int32, torch.int64) or (dim == 2 and data.size(0) != 2):
        raise damaged("an index is not a tensor of ids")
    try:
        made: Any = kind(data, **facts).validate()
    except ValueError as error:
        raise GraphFormatError(f"holds an index that contradicts itself: {error}") from None
    if node is not None:
        if not isinstance(node, Made) or not str(node.maker).endswith(".CatMetadata"):
            raise damaged("an index has unknown metadata about its graphs")
        made._cat_metadata = builder.value(node)
    joined: Tensor = made
    return joined


def _edge_type(builder: Builder, node: Made) -> Any:
    """An edge type as a text, which PyG uses as a key of modules."""
    match plain(node):
        case ((str(), str(), str()) as parts,) | (str() as parts,):
            try:
                return class_of(_pair("typing.EdgeTypeStr"))(parts)
            except ValueError:  # PyG does not write such a text
                pass
    raise damaged("an edge type is not three texts")


_BATCH = _pair("data.batch.Batch")
DATA = frozenset(map(_pair, _DATA))
"""The classes of graphs that may be made."""

MAKERS = {
    **dict.fromkeys(DATA, _data),
    **{_pair(f"data.storage.{name}"): _alone for name in _STORES},
    **{_pair(path): _enum for path in _ENUMS},
    **{_pair(path): _attribute for path, _ in _ATTRIBUTES},
    **{_pair(path): _tuple for path, _ in _TUPLES},
    _pair("data.batch.DynamicInheritanceGetter"): _batch,
    _pair("typing.EdgeTypeStr"): _edge_type,
}
"""The maker of each class of PyG that may be made."""

ONLY_NAMED = frozenset({_BATCH, _pair("edge_index.EdgeIndex"), _pair("index.Index")})
"""Names that may be arguments, but cannot be called."""

SUBCLASSES = {_pair("edge_index.EdgeIndex"): edge_index, _pair("index.Index"): index}
"""The maker of each subclass of tensors with a state."""
