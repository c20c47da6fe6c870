"""Errors for objects that wis does not take as graphs; each tells how to convert the object."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wis.errors import GraphFormatError, echo

EXPECTED = "expected a PyG Data or HeteroData, or an edge_index tensor of shape [2, num_arcs]"

_BY_PACKAGE: Mapping[str, str] = {
    "networkx": "convert it with torch_geometric.utils.from_networkx(graph)",
    "networkit": "convert it with torch_geometric.utils.from_networkit(graph)",
    "dgl": "convert it with torch_geometric.utils.from_dgl(graph)",
    "igraph": "take torch.tensor(graph.get_edgelist()).T and num_nodes=graph.vcount()",
    "scipy": "take torch_geometric.utils.from_scipy_sparse_matrix(matrix)[0] and "
    "num_nodes=matrix.shape[0]",
    "torch_sparse": "take torch.stack(matrix.coo()[:2]) and num_nodes=matrix.size(0)",
    "numpy": "take torch.from_numpy(array), of integers and shape [2, num_arcs]",
    "pandas": "take torch.tensor(frame[['source', 'target']].to_numpy().T), or save it as .csv and "
    "read that with wis.io.read_graph",
    "polars": "save it as .csv or .parquet and read that with wis.io.read_graph",
    "pyarrow": "save it as .parquet and read that with wis.io.read_graph",
}
_BY_TYPE: Mapping[str, str] = {
    "TemporalData": "take Data(edge_index=torch.stack([data.src, data.dst]), t=data.t, "
    "msg=data.msg, num_nodes=data.num_nodes)",
    "HyperGraphData": "its edge_index joins vertices to hyperedges, which are no edges; expand it "
    "to pairs first",
    "GraphFile": "pass its data: file.data",
    "RemovalOrder": "an order is applied to a graph: order.apply(data, remove=...)",
}


def check_is_graph(graph: Any) -> None:
    """Raise unless an object is a PyG `Data` or `HeteroData`.

    Raises:
        GraphFormatError: The object is something else; the message tells how to convert it.
    """
    kinds = [kind.__name__ for kind in type(graph).__mro__]
    known = next((kind for kind in kinds if kind in _BY_TYPE), None)
    if known is None and hasattr(graph, "edge_stores"):
        return
    hint = _BY_TYPE[known] if known is not None else _hint(graph, kinds)
    ending = f"; {hint}" if hint else ""
    raise GraphFormatError(f"got a {type(graph).__name__}; {EXPECTED}{ending}")


def _hint(graph: Any, kinds: list[str]) -> str:
    if isinstance(graph, (str, Path)):
        return (
            f"load it first: wis.datasets.load({echo(str(graph), 40)!r}) for a named graph, "
            f"wis.io.read_graph(path).data for a file"
        )
    if "Dataset" in kinds:
        return (
            "take a graph of it, dataset[0], or cut each of them with "
            "transform=wis.transforms.Sparsify(...)"
        )
    if "DataLoader" in kinds:
        return "cut what it loads: dataset.transform = wis.transforms.Sparsify(...)"
    if _is_adjacency(graph):
        return (
            "of an adjacency matrix take torch_geometric.utils.dense_to_sparse("
            "torch.as_tensor(array))[0] and num_nodes=len(array)"
        )
    for kind in type(graph).__mro__:
        hint = _BY_PACKAGE.get(kind.__module__.partition(".")[0])
        if hint is not None:
            return hint
    if isinstance(graph, (list, tuple)):
        return _hint_for_list(graph)
    return ""


def _is_adjacency(graph: Any) -> bool:
    """Whether an object is a square array; one of two rows may also be an integer edge_index."""
    is_array = type(graph).__module__.partition(".")[0] == "numpy"
    shape: tuple[int, ...] = getattr(graph, "shape", ())
    is_square = is_array and len(shape) == 2 and shape[0] == shape[1]
    return is_square and (shape[0] != 2 or graph.dtype.kind not in "iu")


def _hint_for_list(graphs: Any) -> str:
    if len(graphs) and hasattr(graphs[0], "edge_stores"):
        return "cut each graph by itself: wis.transforms.Sparsify(...) takes a list of graphs"
    return "take torch.tensor(pairs).T for a list of pairs of vertex ids"
