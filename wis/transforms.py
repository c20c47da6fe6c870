"""PyG transforms: `wis.sparsify` as a step of a data pipeline.

`Sparsify` takes any method; `WalkIndexSparsification` is the method of the thesis. Place them after
`RandomLinkSplit`, whose held-out edges they do not change, and before `ToSparseTensor`. As
`pre_transform` of a dataset they run once for each graph. Each graph of a list is cut separately. A
`Batch` is cut as one disconnected graph, whose edges compete with each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data.datapipes import functional_transform
from torch_geometric.transforms import BaseTransform

from wis.base.checks import Amount, usual_defaults
from wis.errors import OptionError
from wis.methods import get_method
from wis.methods.registry import check_keywords, method_named, named_options
from wis.order.cut import Cut
from wis.order.protections import Pairs
from wis.order.ranking import Ranking
from wis.order.small import cut_any, cut_small

MAX_PAIRS_SHOWN = 8


@functional_transform("sparsify")
class Sparsify(BaseTransform):  # type: ignore[misc]
    """Remove the edges of a graph that a method ranks first (functional name: ``sparsify``).

    >>> import wis
    >>> from wis.transforms import Sparsify
    >>> Sparsify("50%", method="random")(wis.datasets.load("karate"))
    Data(edge_index=[2, 78], edge_weight=[78], num_nodes=34, y=[34], x=[34, 34])

    Args:
        remove: Edges to remove: a number (`int`), a fraction in [0, 1] (`float`), or a text such as
            ``"50%"``.
        keep: Edges to keep, in the same forms, in place of `remove`.
        method: A name of `wis.available_methods`; ``"wis"`` if neither this nor `scores` is given.
        walk_length: Length of the walks that ``"wis"`` and ``"gwis"`` count: L - 1 for a network of
            depth L; 1 if not given.
        epsilon: How far below the best an edge may be (see `wis.sparsify`).
        batch_size: Number of edges to remove before the others are ranked again.
        engine: The engine of ``"wis"``.
        scores: For the method ``"scores"``: the name of an attribute of the arcs, or a function of
            the graph that returns numbers. Low scores go first (see `wis.sparsify`).
        directed: Treat each distinct arc as an edge of its own (see `wis.removal_order`).
        per_type: Remove the same fraction of the edges of each type; a name takes the types from
            that attribute of the arcs (see `wis.graph.edge_types`).
        seed: Seed of the method's randomness; 0 if not given. Every graph is cut with the same one.
        device: Device to compute on; that of the graph if not given. It does not change the result.
        edge_attrs: Attributes with an entry for each arc (see `wis.sparsify`).
        keep_connected: Remove no edge whose loss would disconnect its component.
        min_degree: Leave every vertex at least so many neighbours (incoming ones if directed).
        protect: Pairs of vertices whose edges stay in every graph (see `wis.sparsify`).
        reweight: Write `edge_weight` (see `wis.sparsify`).
        **options: Further options of the method, as `wis methods` lists them.

    Raises:
        UnknownNameError: There is no such method.
        OptionError: The amount or an option is impossible for every graph.

    A transform takes what `wis.sparsify` takes, such as a `Data`, a `HeteroData` or a list of them,
    and does not change it. It raises the errors of `wis.sparsify`.
    """

    def __init__(
        self,
        remove: Amount | None = None,
        *,
        keep: Amount | None = None,
        method: str | None = None,
        walk_length: int | None = None,
        epsilon: float | None = None,
        batch_size: int | None = None,
        engine: str | None = None,
        scores: str | Callable[[Any], Any] | None = None,
        directed: bool = False,
        per_type: bool | str = False,
        seed: int | None = None,
        device: torch.device | str | None = None,
        edge_attrs: Iterable[str] = (),
        keep_connected: bool = False,
        min_degree: int = 0,
        protect: Pairs | None = None,
        reweight: bool = False,
        **options: Any,
    ) -> None:
        options |= named_options(
            walk_length=walk_length,
            epsilon=epsilon,
            batch_size=batch_size,
            engine=engine,
            scores=scores,
        )
        method = method_named(method, scores)
        if scores is not None and not (isinstance(scores, str) or callable(scores)):
            raise OptionError(
                f"scores is a {type(scores).__name__}; a transform is for many graphs: name an "
                f"attribute of their arcs, or give a function of the graph"
            )
        fixed = () if type(self) is Sparsify else ("method",)
        name, caller = type(self).__name__, Sparsify.__init__
        check_keywords(caller, get_method(method), options, name=name, without=fixed)
        self.cut = Cut(remove, keep, per_type, edge_attrs, reweight)
        self.ranking = Ranking(
            method, options, directed, seed, device, keep_connected, min_degree, protect
        )  # fmt: skip
        self.ranking.check()
        self.ranking.check_weights(self.cut)

    @property
    def method(self) -> str:
        """The name of the method."""
        return self.ranking.method

    def forward(self, data: Any) -> Any:
        """The sparser graph, or a list of them for a list."""
        small = cut_small(data, self.ranking, self.cut)
        return self._forward(data) if small is None else small

    @usual_defaults()
    def _forward(self, data: Any) -> Any:
        return cut_any(data, self.ranking, self.cut, progress=False)

    def __repr__(self) -> str:
        """The arguments that differ from the defaults; PyG compares transforms by this text."""
        shown = {**self._amount(), "method": self.ranking.method, **self._extras()}
        return f"{type(self).__name__}({_arguments(shown)})"

    def _amount(self) -> dict[str, Any]:
        cut = self.cut
        return {"keep": cut.keep} if cut.remove is None else {"remove": cut.remove}

    def _extras(self) -> dict[str, Any]:
        ranking, cut = self.ranking, self.cut
        protect, defaults = ranking.protect, ranking.chosen.options
        options = ranking.options.items()
        extras = {
            "directed": bool(ranking.directed) or None,
            "per_type": cut.per_type or None,
            "seed": ranking.seed,
            "device": None if ranking.device is None else str(ranking.device),
            "edge_attrs": cut.edge_attrs or None,
            "keep_connected": bool(ranking.keep_connected) or None,
            "min_degree": ranking.min_degree or None,
            "reweight": cut.reweight or None,
            "protect": protect if isinstance(protect, Tensor) and protect.numel() else None,
        }
        given = {name: value for name, value in extras.items() if value is not None}
        return given | {name: value for name, value in options if value != defaults[name]}


@functional_transform("walk_index_sparsification")
class WalkIndexSparsification(Sparsify):
    """Walk Index Sparsification (functional name: ``walk_index_sparsification``).

    `Sparsify` with the method ``"wis"``: Algorithms 1 and 2 of the thesis.

    >>> import wis
    >>> from wis.transforms import WalkIndexSparsification
    >>> transform = WalkIndexSparsification(keep=0.25, walk_length=2)
    >>> transform
    WalkIndexSparsification(keep=0.25, walk_length=2)
    >>> transform(wis.datasets.load("karate")).num_edges  # both arcs of each of 20 edges
    40

    Args:
        remove: Edges to remove (see `Sparsify`).
        keep: Edges to keep.
        walk_length: L - 1 for a GNN of depth L.
        epsilon: How far below the best an edge may be; 0, the exact rule, if not given.
        batch_size: Number of edges to remove before the others are ranked again; 1 if not given.
        engine: The engine that computes the order; ``"auto"`` if not given.
        directed: Treat each distinct arc as an edge of its own.
        per_type: Remove the same fraction of the edges of each type.
        seed: Seed of the order with `epsilon`.
        device: Device to compute on; that of the graph if not given.
        edge_attrs: Attributes with an entry for each arc.
        keep_connected: Remove no edge whose loss would disconnect its component.
        min_degree: Leave every vertex at least so many neighbours.
        protect: Pairs of vertices whose edges stay in every graph.
        **options: Further options of the method ``"wis"``.

    Raises:
        OptionError: The amount or an option is impossible for every graph.
    """

    def __init__(
        self,
        remove: Amount | None = None,
        *,
        keep: Amount | None = None,
        walk_length: int = 1,
        epsilon: float | None = None,
        batch_size: int | None = None,
        engine: str | None = None,
        directed: bool = False,
        per_type: bool | str = False,
        seed: int | None = None,
        device: torch.device | str | None = None,
        edge_attrs: Iterable[str] = (),
        keep_connected: bool = False,
        min_degree: int = 0,
        protect: Pairs | None = None,
        **options: Any,
    ) -> None:
        other = options.pop("method", "wis")
        if get_method(other).name != "wis":
            raise OptionError(
                f"WalkIndexSparsification is the method 'wis'; for another one take "
                f"Sparsify(..., method={other!r})"
            )
        super().__init__(
            remove,
            keep=keep,
            method="wis",
            walk_length=walk_length,
            epsilon=epsilon,
            batch_size=batch_size,
            engine=engine,
            directed=directed,
            per_type=per_type,
            seed=seed,
            device=device,
            edge_attrs=edge_attrs,
            keep_connected=keep_connected,
            min_degree=min_degree,
            protect=protect,
            **options,
        )

    def __repr__(self) -> str:
        """The walk length, and the other arguments that differ from the defaults."""
        walk_length = self.ranking.options["walk_length"]
        shown = {**self._amount(), "walk_length": walk_length, **self._extras()}
        return f"{type(self).__name__}({_arguments(shown)})"


def _arguments(shown: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in shown.items())


def _shown(value: Any) -> str:
    """The value; for many pairs, their number and a digest that distinguishes them."""
    if callable(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    if not isinstance(value, Tensor):
        return repr(value)
    pairs = [tuple(pair) for pair in value.T.tolist()]
    if len(pairs) <= MAX_PAIRS_SHOWN:
        return repr(pairs)
    digest = hashlib.sha256(repr(pairs).encode()).hexdigest()
    return f"<{len(pairs)} pairs, {digest[:8]}>"
