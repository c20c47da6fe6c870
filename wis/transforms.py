"""PyG transforms: `wis.sparsify` as a step of a data pipeline.

`Sparsify` takes any method, `WalkIndexSparsification` is the one of the thesis. Place them after
`RandomLinkSplit`, whose held-out edges they leave alone, and before `ToSparseTensor`. As
`pre_transform` of a dataset they run once for each graph; each graph of a list is cut by itself,
whereas a `Batch` is one disconnected graph whose edges compete with each other.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data.datapipes import functional_transform
from torch_geometric.transforms import BaseTransform

from wis.api import sparsify
from wis.base.amount import Amount, num_edges_to_remove, plain_amount
from wis.base.checks import checked_seed
from wis.errors import OptionError
from wis.graph import UndirectedGraph, canonical_graph
from wis.graph.edge_types import checked_per_type
from wis.graph.part_names import checked_names
from wis.methods import get_method
from wis.methods.keywords import check_keywords
from wis.methods.registry import plain_options
from wis.order.protections import Pairs, check_limits, pairs_of

MAX_PAIRS_SHOWN = 8


@functional_transform("sparsify")
class Sparsify(BaseTransform):  # type: ignore[misc]
    """Remove the edges of a graph that a method ranks first (functional name: ``sparsify``).

    Args:
        remove: What to take away: a number of edges (`int`), a fraction in [0, 1] (`float`), or a
            text such as ``"50%"``.
        keep: What to keep instead, in the same forms.
        method: A name of `wis.available_methods`.
        directed: Take each distinct arc as an edge of its own (see `wis.removal_order`).
        per_type: Remove the same fraction of the edges of each type; a name takes the types from
            that attribute of the arcs (see `wis.graph.edge_types`).
        seed: Seed of the method's randomness; 0 if not given. Every graph is cut with the same one.
        device: Where to compute; the graph's own device if not given. It never changes the result.
        edge_attrs: Attributes that are edge-level whatever their length suggests (see
            `wis.sparsify`).
        keep_connected: Remove no edge whose loss would disconnect its component.
        min_degree: Let no vertex fall below so many neighbours (incoming ones if directed).
        protect: Pairs of vertices whose edges stay in every graph (see `wis.sparsify`).
        **options: The method's own, such as `walk_length=1`.

    Raises:
        UnknownNameError: There is no such method.
        OptionError: The amount or an option is impossible for every graph.

    A transform takes a `Data`, a `HeteroData` or a list of them and leaves it as it was; it raises
    what `wis.sparsify` raises.
    """

    def __init__(
        self,
        remove: Amount | None = None,
        *,
        keep: Amount | None = None,
        method: str = "wis",
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
        chosen = get_method(method)
        fixed = () if type(self) is Sparsify else ("method",)
        check_keywords(Sparsify.__init__, chosen, options, name=type(self).__name__, without=fixed)
        num_edges_to_remove(sys.maxsize, remove=remove, keep=keep)
        check_limits(keep_connected, min_degree)
        empty = canonical_graph(UndirectedGraph.empty(), directed=directed)
        chosen.resolved_options(empty, options)
        self.remove = plain_amount(remove)
        self.keep = plain_amount(keep)
        self.method = chosen.name
        self.directed = bool(directed)
        self.per_type = checked_per_type(per_type)
        self.seed = None if seed is None else checked_seed(seed)
        self.device = device
        self.edge_attrs = checked_names(edge_attrs)
        self.keep_connected = keep_connected
        self.min_degree = min_degree
        self.protect = None if protect is None else pairs_of(protect)
        given = plain_options(options)
        self.options = {name: given[name] for name in chosen.options if name in given}

    def forward(self, data: Any) -> Any:
        """The sparser graph, or a list of them for a list."""
        if isinstance(data, (list, tuple)):
            return [self(graph) for graph in data]
        return sparsify(
            data,
            remove=self.remove,
            keep=self.keep,
            method=self.method,
            directed=self.directed,
            per_type=self.per_type,
            seed=self.seed,
            device=self.device,
            progress=False,
            edge_attrs=self.edge_attrs,
            keep_connected=self.keep_connected,
            min_degree=self.min_degree,
            protect=self.protect,
            **self.options,
        )

    def __repr__(self) -> str:
        """What differs from the defaults; the same for equal transforms, since PyG compares it."""
        shown = {**self._amount(), "method": self.method, **self._extras()}
        return f"{type(self).__name__}({_arguments(shown)})"

    def _amount(self) -> dict[str, Any]:
        return {"keep": self.keep} if self.remove is None else {"remove": self.remove}

    def _extras(self) -> dict[str, Any]:
        extras: dict[str, Any] = {}
        if self.directed:
            extras["directed"] = True
        if self.per_type:
            extras["per_type"] = self.per_type
        if self.seed is not None:
            extras["seed"] = self.seed
        if self.device is not None:
            extras["device"] = str(self.device)
        if self.edge_attrs:
            extras["edge_attrs"] = self.edge_attrs
        if self.keep_connected:
            extras["keep_connected"] = True
        if self.min_degree:
            extras["min_degree"] = self.min_degree
        if self.protect is not None and self.protect.numel():
            extras["protect"] = self.protect
        defaults = get_method(self.method).options
        extras.update((o, value) for o, value in self.options.items() if value != defaults[o])
        return extras


@functional_transform("walk_index_sparsification")
class WalkIndexSparsification(Sparsify):
    """Walk Index Sparsification (functional name: ``walk_index_sparsification``).

    `Sparsify` with the method ``"wis"``: Algorithms 1 and 2 of the thesis.

    Args:
        remove: What to take away, as in `Sparsify`.
        keep: What to keep instead.
        walk_length: L - 1 for a GNN of depth L.
        directed: Take each distinct arc as an edge of its own (see `wis.removal_order`).
        per_type: Remove the same fraction of the edges of each type; a name takes the types from
            that attribute of the arcs (see `wis.graph.edge_types`).
        device: Where to compute; the graph's own device if not given. It never changes the result.
        edge_attrs: Attributes that are edge-level whatever their length suggests.
        keep_connected: Remove no edge whose loss would disconnect its component.
        min_degree: Let no vertex fall below so many neighbours (incoming ones if directed).
        protect: Pairs of vertices whose edges stay in every graph.
        **options: Further options of the method ``"wis"``, such as `batch_size`.

    Raises:
        OptionError: The amount or an option is impossible for every graph.
    """

    def __init__(
        self,
        remove: Amount | None = None,
        *,
        keep: Amount | None = None,
        walk_length: int = 1,
        directed: bool = False,
        per_type: bool | str = False,
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
            directed=directed,
            per_type=per_type,
            device=device,
            edge_attrs=edge_attrs,
            keep_connected=keep_connected,
            min_degree=min_degree,
            protect=protect,
            walk_length=walk_length,
            **options,
        )

    def __repr__(self) -> str:
        """What differs from the defaults, and the walk length."""
        walk_length = self.options["walk_length"]
        shown = {**self._amount(), "walk_length": walk_length, **self._extras()}
        return f"{type(self).__name__}({_arguments(shown)})"


def _arguments(shown: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in shown.items())


def _shown(value: Any) -> str:
    """The value itself; for many pairs their number and a digest that tells them from others."""
    if not isinstance(value, Tensor):
        return repr(value)
    pairs = [tuple(pair) for pair in value.T.tolist()]
    if len(pairs) <= MAX_PAIRS_SHOWN:
        return repr(pairs)
    digest = hashlib.sha256(repr(pairs).encode()).hexdigest()
    return f"<{len(pairs)} pairs, {digest[:8]}>"
