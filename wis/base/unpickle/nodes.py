"""The content of a pickle before objects are made: plain values and inert nodes.

Numbers, texts, bytes, lists and tuples are plain values. Dictionaries and sets are nodes, since
filling one would hash and compare values that the file chose. Objects with a class are nodes too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from wis.errors import GraphFormatError, UnsafePickleError, echo

MAX_DEPTH = 50
"""Deepest nesting of lists: far deeper than in any graph, far below the limit of Python's stack."""


@dataclass(slots=True, eq=False)
class Name:
    """A class, function or constant that the file names; it is never imported by this name."""

    module: str
    name: str

    @property
    def pair(self) -> tuple[str, str]:
        """The key in our own tables."""
        return self.module, self.name

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Made:
    """An object that the file describes: its maker, arguments, state and entries."""

    maker: Name | Made
    arguments: tuple[Any, ...]
    state: Any = None
    has_state: bool = False
    pairs: list[tuple[Any, Any]] | None = None
    members: list[Any] | None = None

    @property
    def name(self) -> Name | None:
        """The name of the maker; None if the maker is itself an object of the file."""
        return self.maker if isinstance(self.maker, Name) else None

    def is_of(self, *names: str) -> bool:
        """Whether the maker has one of these names, in any module."""
        return isinstance(self.maker, Name) and self.maker.name in names


@dataclass(slots=True, eq=False)
class Pairs:
    """A dictionary as a list of keys and values."""

    pairs: list[tuple[Any, Any]] | None


@dataclass(slots=True, eq=False)
class Members:
    """A set as a list."""

    members: list[Any] | None
    frozen: bool


@dataclass(slots=True, eq=False)
class Stored:
    """The key of the bytes of a tensor in the archive."""

    storage_type: Name
    key: str
    num_elements: int

    def num_bytes(self, dtype: torch.dtype) -> int:
        """Length of the storage with elements of a type; an untyped storage counts bytes."""
        untyped = self.storage_type.name == "UntypedStorage"
        return self.num_elements * (1 if untyped else dtype.itemsize)


def damaged(reason: str) -> GraphFormatError:
    """The error for bytes that `torch.save` did not write."""
    return GraphFormatError(f"damaged, or not a file of torch.save: {reason}")


def refused(wanted: object) -> UnsafePickleError:
    """The error for a name that is not in our tables."""
    return UnsafePickleError(
        f"needs {echo(str(wanted))}, which is neither a tensor nor a storage class of PyG and "
        "could run code; pass --trust-pickle (trust_pickle=True) if you trust where the file "
        "came from"
    )
