"""A removal order: the edges of a graph in the order of their removal, and how it was made.

Computing an order takes the time; cutting it is quick. Two cuts of one order give nested graphs. So
a study over many fractions computes the order once, saves it, and cuts it many times.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from wis.base.checks import Amount, num_edges_to_remove
from wis.errors import OrderMismatchError, counted, echo
from wis.graph import CanonicalGraph, DirectedGraph, UndirectedGraph
from wis.graph.holders import opened
from wis.order.cut import Cut, GraphT, Ranked, check_covers
from wis.order.protections import Protections
from wis.order.ranking import Provenance

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData

    from wis.measure import Comparison, Settings
    from wis.methods.draws import Draws


@dataclass(frozen=True, eq=False)
class RemovalOrder:
    """Edges in the order of their removal.

    Attributes:
        edges: int64 tensor of shape [2, k], u < v in each column, first removed first; k is the
            number of edges unless the order was stopped early or some edges are protected.
        num_nodes: Number of vertices of the graph that the order was made for.
        num_edges: Number m of edges of that graph.
        provenance: How the order was made.
        draws: The draws that it comes from, for weights of kept edges; None if there are none.

    >>> import wis
    >>> order = wis.removal_order(wis.datasets.load("karate"))
    >>> len(order), order.edges[:, 0].tolist(), order.provenance.method
    (78, [32, 33], 'wis')
    """

    edges: Tensor
    num_nodes: int
    num_edges: int
    provenance: Provenance
    draws: Draws | None = None

    @classmethod
    def of(cls, ranked: Ranked, provenance: Provenance) -> RemovalOrder:
        """The order of the edge ids that `Ranking.made` returned."""
        graph, edges = ranked.graph, ranked.graph.edges[:, ranked.ids].cpu()
        return cls(edges, graph.num_nodes, graph.num_edges, provenance, ranked.draws)

    def __len__(self) -> int:
        return self.edges.size(1)

    def __repr__(self) -> str:
        protections = self.provenance.protections
        protected = f", protections={protections.describe(self.noun)!r}" if protections else ""
        return (
            f"RemovalOrder({len(self)} of {counted(self.num_edges, self.noun)}, "
            f"{counted(self.num_nodes, 'vertex')}, method={self.provenance.method!r}, "
            f"options={dict(self.provenance.options)}{protected})"
        )

    @property
    def noun(self) -> str:
        """The word for an edge of the order: ``"edge"``, or ``"arc"`` for a directed graph."""
        return DirectedGraph.noun if self.provenance.directed else UndirectedGraph.noun

    def num_removed(self, *, remove: Amount | None = None, keep: Amount | None = None) -> int:
        """Number of edges that a cut removes.

        >>> import wis
        >>> wis.removal_order(wis.datasets.load("karate")).num_removed(keep="75%")
        20

        Raises:
            OptionError: The amount is impossible, or more than this order covers.
            ProtectionError: The amount is more than the order's protections allow.
        """
        count = num_edges_to_remove(self.num_edges, remove=remove, keep=keep, noun=self.noun)
        made = self.provenance
        check_covers(
            count, len(self), self.num_edges, self.noun, made.protections, made.num_removable
        )
        return count

    def apply(
        self,
        data: GraphT,
        *,
        remove: Amount | None = None,
        keep: Amount | None = None,
        num_nodes: int | None = None,
        edge_attrs: Iterable[str] = (),
        per_type: bool | str = False,
        reweight: bool = False,
    ) -> GraphT:
        """Cut the graph: remove the first edges of this order, with all their arcs.

        An order that was made with ``directed=True`` removes arcs, each without its reverse.

        >>> import wis
        >>> data = wis.datasets.load("karate")
        >>> wis.removal_order(data).apply(data, remove="50%").num_edges  # 39 edges, two arcs each
        78

        Args:
            data: The graph that the order was made for; it is not changed.
            remove: The amount to remove (see `wis.base.checks`), in place of `keep`.
            keep: The amount to keep.
            num_nodes: Number of vertices, for a bare `edge_index` only.
            edge_attrs: Attributes that are edge-level whatever their length suggests (see
                `wis.graph.cut`).
            per_type: Take the same fraction of the edges of each type (see `wis.graph.edge_types`);
                the name of an attribute of the arcs takes the types from that.
            reweight: Write `edge_weight`, as in `wis.sparsify`.

        Returns:
            An object of the same type. Vertex data, edge attributes of the surviving arcs, their
            order, dtypes and devices are kept. A bare `edge_index` gives an `edge_index`.

        Raises:
            OrderMismatchError: `data` is another graph.
            OptionError: The amount is impossible, or more than this order covers; or `per_type` is
                given for a graph without edge types, or `reweight` for an order without draws.
            ProtectionError: The amount is more than the order's protections allow.
        """
        held = opened(data, num_nodes, usual=self.num_nodes)
        graph = self.graph_of(held, num_nodes)
        self.check_made_for(graph)
        cut = Cut(remove, keep, per_type, edge_attrs, reweight)
        sparse: GraphT = cut.apply(self.ranked(graph), held)
        return sparse

    def ranked(self, graph: CanonicalGraph) -> Ranked:
        """The order as edge ids of `graph`, for which it must have been made.

        >>> import wis
        >>> order = wis.removal_order(data := wis.datasets.load("karate"))
        >>> order.ranked(order.graph_of(data)).ids[:3].tolist()
        [77, 1, 0]
        """
        ids = graph.edge_ids(self.edges.to(graph.device))
        made = self.provenance
        weight = made.options.get("edge_weight") or "edge_weight"
        return Ranked(graph, ids, made.protections, made.num_removable, self.draws, weight)

    def compare(
        self,
        data: Data | HeteroData | Tensor,
        removes: Sequence[Amount],
        *,
        settings: Settings | None = None,
    ) -> list[Comparison]:
        """Compare the structure of the graph before and after cuts (see `wis.measure`).

        >>> import wis
        >>> data = wis.datasets.load("karate")
        >>> cuts = wis.removal_order(data).compare(data, ["50%", "90%"])
        >>> [int(cut.degrees[1].sum()) // 2 for cut in cuts]  # edges after each cut
        [39, 8]

        Args:
            data: The graph that the order was made for.
            removes: The amounts to remove (see `wis.base.checks`), each from the whole graph.
            settings: How to measure (`wis.measure.Settings`).

        Returns:
            A comparison for each amount, in their order.

        Raises:
            WisError: As for `apply` and `wis.measure.compare`.
        """
        from wis.measure import compare_cuts

        return compare_cuts(self, data, removes, settings=settings)

    def graph_of(self, data: Any, num_nodes: int | None = None) -> CanonicalGraph:
        """The canonical form of a graph, directed if the order is one of arcs.

        >>> import wis
        >>> data = wis.datasets.load("karate")
        >>> wis.removal_order(data, directed=True).graph_of(data).num_edges
        156
        """
        held = opened(data, num_nodes, usual=self.num_nodes)
        if isinstance(held, Tensor) and num_nodes is None:
            num_nodes = self.num_nodes
        kind = DirectedGraph if self.provenance.directed else UndirectedGraph
        return kind.from_any(held, num_nodes)

    def check_made_for(self, graph: CanonicalGraph) -> None:
        """Raise `OrderMismatchError` unless this order was made for `graph`.

        >>> import wis
        >>> order = wis.removal_order(wis.datasets.load("karate"))
        >>> order.check_made_for(wis.UndirectedGraph.from_any(wis.datasets.load("karate")))
        """
        if self.provenance.directed != graph.directed:
            kinds = ("a directed", "an undirected")
            raise OrderMismatchError(
                f"the order was made for {kinds[graph.directed]} graph and this is "
                f"{kinds[not graph.directed]} one: compute a new order"
            )
        if (self.num_nodes, self.num_edges) != (graph.num_nodes, graph.num_edges):
            raise OrderMismatchError(
                f"the order was made for a graph of {counted(self.num_nodes, 'vertex')} and "
                f"{counted(self.num_edges, self.noun)}; this one has {graph.num_nodes} and "
                f"{graph.num_edges}: compute a new order"
            )
        if self.provenance.fingerprint != graph.fingerprint:
            raise OrderMismatchError(
                "the order was made for another graph with as many vertices and edges "
                f"(fingerprint {self.provenance.fingerprint[:8]}, not {graph.fingerprint[:8]}): "
                "compute a new order"
            )

    def save(self, path: str | Path, *, force: bool = True) -> Path:
        """Write the order as `.npz`: a JSON header and the edges, without pickle.

        The file is written as a whole or not at all.

        >>> import tempfile, wis
        >>> order = wis.removal_order(wis.datasets.load("karate"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     order.save(f"{folder}/karate").name
        'karate.npz'

        Args:
            path: The file; the ending ``.npz`` is added if it is missing.
            force: Replace an existing file.

        Returns:
            The path that was written.

        Raises:
            OutputExistsError: The file exists and `force` is false.
            GraphFileError: The file cannot be written.
        """
        from wis.base.atomic import atomic_write, check_writable
        from wis.base.checks import user_path
        from wis.order import order_file

        path = user_path(path)
        if path.name in ("", ".."):
            check_writable(path, force=force)
        if path.suffix != ".npz":
            path = path.with_name(path.name + ".npz")
        header = {
            "format": order_file.FORMAT,
            "version": order_file.FORMAT_VERSION,
            "num_nodes": self.num_nodes,
            "num_edges": self.num_edges,
            "provenance": as_header(self.provenance),
        }
        small = self.num_nodes <= np.iinfo(np.int32).max
        edges = self.edges.cpu().numpy().astype(np.int32 if small else np.int64)
        text = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
        drawn = {} if self.draws is None else {n: getattr(self.draws, n) for n in order_file.DRAWN}
        with atomic_write(path, force=force) as file:
            np.savez(file, header=text, edges=edges, **drawn)
        return path

    @classmethod
    def load(cls, path: str | Path, *, max_memory: int | str | None = None) -> RemovalOrder:
        """Read an order that `save` wrote.

        >>> import tempfile, wis
        >>> order = wis.removal_order(wis.datasets.load("karate"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = wis.RemovalOrder.load(order.save(f"{folder}/karate"))
        >>> again.edges.equal(order.edges)
        True

        Args:
            path: The file.
            max_memory: Most memory that reading may use, see `wis.io.read_graph`.

        Raises:
            GraphFileError: The file cannot be read.
            GraphFormatError: The file is not an order file, is damaged, or needs more memory than
                `max_memory`.
        """
        from wis.base.checks import user_path
        from wis.order.order_file import draws_of, order_file

        with order_file(user_path(path), max_memory) as (header, arrays):
            edges = arrays["edges"]
            provenance = _from_header(header["provenance"], header["num_edges"])
            n, m = header["num_nodes"], header["num_edges"]
            _check_edges(edges, n, m, directed=provenance.directed)
            draws = draws_of(arrays, m, provenance.seed)
        return cls(torch.from_numpy(edges.astype(np.int64)), n, m, provenance, draws)

    def __deepcopy__(self, memo: dict[int, Any]) -> RemovalOrder:
        return RemovalOrder(
            self.edges.clone(),
            self.num_nodes,
            self.num_edges,
            copy.deepcopy(self.provenance, memo),
            copy.deepcopy(self.draws, memo),
        )


def _check_edges(edges: np.ndarray, num_nodes: int, num_edges: int, *, directed: bool) -> None:
    if edges.ndim != 2 or edges.shape[0] != 2 or edges.dtype.kind != "i":
        raise ValueError(f"edges have shape {edges.shape} and dtype {echo(str(edges.dtype))}")
    if edges.shape[1] > num_edges:
        raise ValueError(f"{edges.shape[1]} edges in the order, {num_edges} in the graph")
    unlike = edges[0] == edges[1] if directed else edges[0] >= edges[1]
    if edges.size and (edges.min() < 0 or edges.max() >= num_nodes or unlike.any()):
        pairs = "arcs between different ids" if directed else "pairs u < v of ids"
        raise ValueError(f"edges must be {pairs} from 0 to {num_nodes - 1}")
    keys = np.sort(edges[0].astype(np.int64) * num_nodes + edges[1])
    if (keys[1:] == keys[:-1]).any():
        raise ValueError("an edge occurs twice")


def as_header(provenance: Provenance) -> dict[str, Any]:
    """The provenance in an order file; protections and directions only if there are any."""
    header = asdict(provenance)
    if not provenance.directed:
        del header["directed"]
    if not provenance.guarded:
        del header["guarded"]
    if provenance.num_removable is None:
        del header["protections"], header["num_removable"]
    return header


def _from_header(header: Mapping[str, Any], num_edges: int) -> Provenance:
    """Read what `as_header` wrote; `ValueError` if it contradicts the number of edges."""
    if "protections" not in header:
        return Provenance(**header)
    protections = Protections.from_header(header["protections"], num_edges)
    made = Provenance(**{**header, "protections": protections})
    number = made.num_removable
    if type(number) is not int or not 0 <= number <= num_edges:
        raise ValueError(f"{echo(number)} of {num_edges} edges can go")
    return made
