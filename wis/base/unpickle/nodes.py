"""What a pickle says, before anything is made of it: plain values and four kinds of inert nodes.

Numbers, texts, bytes, lists and tuples stand for themselves. Dictionaries and sets do not, since
filling one would hash and compare what the file chose; neither does anything that has a class.
"""

from __future__ import annotations

from typing import Any

import torch

from wis.errors import GraphFormatError, UnsafePickleError, echo

MAX_DEPTH = 50
"""Of lists within lists: far more than any graph has, far less than Python's stack holds."""


class Name:
    """A class, function or constant that the file names; it is never looked up by that name."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    @property
    def pair(self) -> tuple[str, str]:
        """The key in our own tables."""
        return self.module, self.name

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Made:
    """What the file wants to have made: by whom, of what, with which state and entries."""

    __slots__ = ("arguments", "has_state", "maker", "members", "pairs", "state")

    def __init__(self, maker: Name | Made, arguments: tuple[Any, ...]) -> None:
        self.maker, self.arguments = maker, arguments
        self.state: Any = None
        self.has_state = False
        self.pairs: list[tuple[Any, Any]] | None = None
        self.members: list[Any] | None = None


class Pairs:
    """A dictionary as a list of keys and values."""

    __slots__ = ("pairs",)

    def __init__(self) -> None:
        self.pairs: list[tuple[Any, Any]] | None = []


class Members:
    """A set as a list."""

    __slots__ = ("frozen", "members")

    def __init__(self, members: list[Any], *, frozen: bool) -> None:
        self.members: list[Any] | None = members
        self.frozen = frozen


class Stored:
    """The bytes of a tensor, by their key in the archive."""

    __slots__ = ("key", "num_elements", "storage_type")

    def __init__(self, storage_type: Name, key: str, num_elements: int) -> None:
        self.storage_type, self.key, self.num_elements = storage_type, key, num_elements

    def num_bytes(self, dtype: torch.dtype) -> int:
        """How long it is if it holds elements of that type; an untyped storage counts bytes."""
        untyped = self.storage_type.name == "UntypedStorage"
        return self.num_elements * (1 if untyped else dtype.itemsize)


def damaged(reason: str) -> GraphFormatError:
    """The error for bytes that `torch.save` did not write."""
    return GraphFormatError(f"damaged, or not a file of torch.save: {reason}")


def refused(wanted: object) -> UnsafePickleError:
    """The error for a name that is in none of our tables."""
    return UnsafePickleError(
        f"needs {echo(str(wanted))}, which is neither a tensor nor a storage class of PyG and "
        "could run code; pass --trust-pickle (trust_pickle=True) if you trust where the file "
        "came from"
    )
