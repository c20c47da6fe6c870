"""Turn the nodes of a pickle into values: plain containers here, other classes by tables of makers.

A maker is our own function for one class. It checks each node that it uses, and raises for unknown
parts. So no class gets an unchecked value. The memory of each value is charged to a budget. A part
that occurs several times is charged each time, since later code may copy it. So a file of a
kilobyte cannot become a list of a billion texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

import numpy as np

from wis.base.limits import remedy, shown_size
from wis.base.unpickle.archive import Archive
from wis.base.unpickle.nodes import MAX_DEPTH, Made, Members, Name, Pairs, Stored, damaged
from wis.errors import GraphFormatError

_SCALARS = frozenset({type(None), bool, int, float})
_TEXTS = frozenset({str, bytes, bytearray})
_BYTES_OF_AN_ITEM = 8
_BYTES_OF_AN_OBJECT = 64
_GROWTH = 32  # largest ratio of memory to file size; an expanded tensor repeats one element
_ALWAYS = 256 << 20  # memory that any file may use


class Budget:
    """The bytes of memory that the values of a file of `num_bytes` bytes may use."""

    def __init__(self, num_bytes: int, limit: int) -> None:
        self.total = min(limit, _ALWAYS + _GROWTH * num_bytes)
        self.limit, self.used = limit, 0

    def charge(self, num_bytes: int) -> None:
        """Charge a value before it is made; raises if the budget does not suffice."""
        self.used += num_bytes
        if self.used <= self.total:
            return
        if self.total == self.limit:
            raise GraphFormatError(
                f"its content needs {shown_size(self.used)} of memory or more, and reading may "
                f"take {shown_size(self.limit)}; {remedy(self.used)}"
            )
        raise damaged(
            f"it becomes {shown_size(self.used)} or more in memory, over {_GROWTH} times its size"
        )


Maker = Callable[["Builder", Made], Any]


class Builder:
    """Turns nodes into values; each node is turned once.

    `makers` has our own function for each name that may be called, `constants` the value of each
    name of a constant.
    """

    def __init__(
        self,
        archive: Archive,
        makers: Mapping[tuple[str, str], Maker],
        constants: Mapping[tuple[str, str], Any],
        budget: Budget,
    ) -> None:
        self.archive, self.makers, self.constants = archive, makers, constants
        self.budget, self.depth = budget, 0
        self.finished: dict[int, tuple[Any, Any, int]] = {}  # holding the node keeps its id unique
        self.open: set[int] = set()

    def value(self, node: Any) -> Any:
        """The value of a node.

        Raises:
            GraphFormatError: The node contains itself, is nested too deeply, or is malformed.
        """
        kind = type(node)
        if kind in _SCALARS:
            return node
        if kind in _TEXTS:
            self.budget.charge(len(node))
            return node
        if kind is Name:
            return self._constant(node)
        key = id(node)
        if key in self.finished:
            _, made, cost = self.finished[key]
            self.budget.charge(cost)
            return made
        return self._first_value(node, key)

    def _first_value(self, node: Any, key: int) -> Any:
        if key in self.open:
            raise damaged("it holds a list or an object that contains itself")
        if self.depth == MAX_DEPTH:
            raise damaged(f"it holds lists or objects nested more than {MAX_DEPTH} deep")
        before = self.budget.used
        self.budget.charge(_BYTES_OF_AN_OBJECT)
        self.depth += 1
        self.open.add(key)
        made = self._container(node)
        self.open.discard(key)
        self.depth -= 1
        self.finished[key] = node, made, self.budget.used - before
        return made

    def _container(self, node: Any) -> Any:
        if isinstance(node, (list, tuple)):
            self.budget.charge(_BYTES_OF_AN_ITEM * len(node))
            items = map(self.value, node)
            return list(items) if isinstance(node, list) else tuple(items)
        if isinstance(node, Pairs):
            return dict(self.items(node.pairs))
        if isinstance(node, Members):
            members = map(self.key, node.members or [])
            return frozenset(members) if node.frozen else set(members)
        if isinstance(node, Made):
            return self._made(node)
        assert isinstance(node, Stored)
        raise damaged("it holds the storage of a tensor without the tensor")

    def _constant(self, name: Name) -> Any:
        if name.pair not in self.constants:
            raise GraphFormatError(f"holds the class {name} itself; expected objects")
        return self.constants[name.pair]

    def _made(self, node: Made) -> Any:
        if isinstance(node.maker, Name) and node.maker.pair in self.makers:
            return self.makers[node.maker.pair](self, node)
        if isinstance(node.maker, Made) and node.maker.is_of("DynamicInheritanceGetter"):
            assert node.maker.name is not None
            return self.makers[node.maker.name.pair](self, node)
        raise damaged(f"it calls {node.maker if isinstance(node.maker, Name) else 'a result'}")

    def items(self, pairs: Iterable[tuple[Any, Any]] | None) -> Iterable[tuple[Any, Any]]:
        """Yield the keys and values of a dictionary."""
        for key, value in pairs or ():
            self.budget.charge(2 * _BYTES_OF_AN_ITEM)
            yield self.key(key), self.value(value)

    def key(self, node: Any, depth: int = 0) -> Any:
        """A key of a dictionary or a member of a set; only types with safe hashes are allowed."""
        if isinstance(node, tuple) and depth < 3 and len(node) <= 16:
            return tuple(self.key(item, depth + 1) for item in node)
        value = self.value(node) if not isinstance(node, (list, tuple, Pairs, Members)) else node
        if type(value) in _SCALARS or isinstance(value, (str, bytes, Enum, np.generic)):
            return value
        raise damaged(f"it has a key of the type {type(value).__name__}")

    def texts(self, pairs: Iterable[tuple[Any, Any]] | None) -> dict[str, Any]:
        """The nodes of a state, by name."""
        state: dict[str, Any] = {}
        for key, node in pairs or ():
            if not isinstance(key, str):
                raise damaged("the state of an object has a key that is not a text")
            self.budget.charge(2 * _BYTES_OF_AN_ITEM + len(key))
            state[key] = node
        return state


def plain(node: Made, *, state: bool = False) -> tuple[Any, ...]:
    """The arguments of a call; raises if it has entries, or a state unless `state` is true."""
    if node.pairs is not None or node.members is not None or (node.has_state and not state):
        raise damaged(f"{node.maker} has unexpected entries or an unexpected state")
    return node.arguments
