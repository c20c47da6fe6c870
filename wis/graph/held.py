"""A graph of another library, read as a PyG object that remembers where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch_geometric.data import Data

from wis.errors import OptionError, echo

Without = Callable[[Any, NDArray[np.bool_]], Any]
"""``without(origin, kept)``: the object with the arcs that a bool mask [num_arcs] keeps."""


class Held(Data):  # type: ignore[misc]
    """The arcs and attributes of an object of another kind (see `wis.graph.holders`).

    Args:
        origin: The object, which is not changed.
        without: How to cut it.
        ids: The id of each vertex by its name in the object; None if the names are the ids.
        is_undirected_kind: Whether the object cannot hold an arc without its reverse.
        parts: `edge_index`, `num_nodes`, and attributes.
    """

    def __init__(
        self,
        origin: Any = None,
        without: Without | None = None,
        ids: Mapping[Hashable, int] | None = None,
        is_undirected_kind: bool = False,
        **parts: Any,
    ) -> None:
        super().__init__()
        self.__dict__.update(origin=origin, without=without, ids=ids)
        self.__dict__["is_undirected_kind"] = is_undirected_kind
        for name, value in parts.items():
            self[name] = value

    def as_data(self) -> Data:
        """The same arcs and attributes as an ordinary `Data`."""
        return Data.from_dict(self.to_dict())

    def check_takes(self, *, directed: bool) -> None:
        """Raise `OptionError` if arcs would go without their reverses and the object has none."""
        if directed and self.__dict__["is_undirected_kind"]:
            raise OptionError(
                "an undirected networkx graph has no directions: pass graph.to_directed(), or "
                "leave directed out"
            )

    def with_arcs(self, kept: Any) -> Any:
        """The object of the other kind with the arcs that a bool tensor keeps."""
        return self.__dict__["without"](self.__dict__["origin"], kept.cpu().numpy())

    def id_of(self, name: Any, option: str) -> Any:
        """The id of a vertex by its name; raises `OptionError` if there is no such vertex."""
        ids = self.__dict__["ids"]
        try:
            return name if ids is None else ids[name]
        except (KeyError, TypeError):
            some = ", ".join(repr(key) for key in list(ids)[:3])
            raise OptionError(
                f"{option} holds {echo(repr(name), 60)}, which is no vertex of the graph; expected "
                f"names of its vertices, such as {echo(some, 100)}"
            ) from None
