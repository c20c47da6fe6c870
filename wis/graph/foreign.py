"""Errors for objects that wis does not take as graphs; each tells how to convert the object."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wis.errors import GraphFormatError, echo

EXPECTED = (
    "expected a PyG Data or HeteroData, an edge_index of shape [2, num_arcs], a graph of networkx, "
    "a square matrix or a table of edges"
)

_BY_PACKAGE: Mapping[str, str] = {
    "networkit": "convert it with torch_geometric.utils.from_networkit(graph)",
    "dgl": "convert it with torch_geometric.utils.from_dgl(graph)",
    "igraph": "take torch.tensor(graph.get_edgelist()).T and num_nodes=graph.vcount()",
    "numpy": "arcs are integers of shape [2, num_arcs], and an adjacency matrix is square; one of "
    "shape [2, 2] only as scipy.sparse.coo_array(array)",
}
_BY_TYPE: Mapping[str, str] = {
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
        sizes = getattr(graph, "_num_nodes", None)
        if isinstance(sizes, list) and "Batch" not in kinds:
            raise GraphFormatError(
                f"this {kinds[0]} holds the {len(sizes)} graphs of a dataset, and the vertices of "
                f"each count from 0; pass the dataset, or Batch.from_data_list(list(dataset))"
            )
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
    if "Subset" in kinds:
        return "index the dataset itself, dataset[indices], to get a dataset of PyG"
    if "Dataset" in kinds:
        return "take a graph of it, dataset[0]; wis.sparsify cuts each graph of a dataset of PyG"
    if "DataLoader" in kinds:
        return "cut what it loads: dataset.transform = wis.transforms.Sparsify(...)"
    for kind in type(graph).__mro__:
        hint = _BY_PACKAGE.get(kind.__module__.partition(".")[0])
        if hint is not None:
            return hint
    if not isinstance(graph, (list, tuple)):
        return ""
    if len(graph) and hasattr(graph[0], "edge_stores"):
        return "take one graph of it; wis.sparsify cuts each graph of a list"
    return "take torch.tensor(pairs).T for a list of pairs of vertex ids"
