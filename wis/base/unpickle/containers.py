"""Containers and small values of Python itself."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from wis.base.unpickle.arrays import encoded
from wis.base.unpickle.nodes import Made, Name, Pairs, damaged
from wis.base.unpickle.values import Builder, Maker, plain

_FACTORIES: dict[str, Callable[[], Any]] = {
    kind.__name__: kind for kind in (dict, list, set, tuple, int, float, bool, str)
}


def _ordered(builder: Builder, node: Made) -> OrderedDict[Any, Any]:
    """An `OrderedDict`; the state of a network also has versions in `_metadata`."""
    made: OrderedDict[Any, Any] = OrderedDict(builder.items(_pairs(node)))
    if node.has_state:
        state = builder.texts(node.state.pairs) if isinstance(node.state, Pairs) else {}
        if state.keys() != {"_metadata"}:
            raise damaged("an OrderedDict has an unknown state")
        made.__dict__["_metadata"] = builder.value(state["_metadata"])
    return made


def _pairs(node: Made) -> list[tuple[Any, Any]]:
    """The entries of a dictionary: those in its arguments, then those added later."""
    rest = node.arguments
    if node.members is not None or len(rest) > 1:
        raise damaged(f"{node.maker} has malformed entries")
    if not rest:
        return node.pairs or []
    if isinstance(rest[0], Pairs):
        return [*(rest[0].pairs or []), *(node.pairs or [])]
    pairs = []
    for pair in rest[0] if isinstance(rest[0], list) else [None]:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise damaged(f"{node.maker} has malformed entries")
        pairs.append((pair[0], pair[1]))
    return [*pairs, *(node.pairs or [])]


def _default(builder: Builder, node: Made) -> defaultdict[Any, Any]:
    if len(node.arguments) > 1 or node.has_state or node.members is not None:
        raise damaged("a defaultdict has unknown parts")
    factory = node.arguments[0] if node.arguments else None
    if isinstance(factory, Name) and factory.module == "builtins" and factory.name in _FACTORIES:
        factory = _FACTORIES[factory.name]
    elif factory is not None:
        raise damaged("a defaultdict has an unknown factory")
    return defaultdict(factory, builder.items(node.pairs))


def _counter(builder: Builder, node: Made) -> Counter[Any]:
    if node.has_state:
        raise damaged("a Counter has a state")
    made: Counter[Any] = Counter()
    for key, value in builder.items(_pairs(node)):
        dict.__setitem__(made, key, value)
    return made


def _queue(builder: Builder, node: Made) -> deque[Any]:
    match node.arguments:
        case () | ([],):
            limit = None
        case ([] | (), None | int() as limit) if limit is None or 0 <= limit < 2**62:
            pass
        case _:
            raise damaged("a deque has unknown parts")
    if node.has_state or node.pairs is not None:
        raise damaged("a deque has unknown parts")
    return deque(builder.value(node.members or []), limit)


def _members(builder: Builder, node: Made) -> list[Any]:
    match plain(node):
        case ():
            return []
        case (list() as members,):
            return list(map(builder.key, members))
    raise damaged("a set is not made of a list")


def _slice(builder: Builder, node: Made) -> slice:
    match plain(node):
        case (None | int() as start, None | int() as stop, None | int() as step):
            return slice(start, stop, step)
    raise damaged("a slice is not made of integers")


def _range(builder: Builder, node: Made) -> range:
    match plain(node):
        case (int() as start, int() as stop, int() as step) if step:
            return range(start, stop, step)
    raise damaged("a range is not made of integers")


def _complex(builder: Builder, node: Made) -> complex:
    match plain(node):
        case (int() | float() as real, int() | float() as imaginary):
            try:
                return complex(real, imaginary)
            except OverflowError:
                pass
    raise damaged("a complex number is not made of two numbers")


def _bytes(builder: Builder, node: Made) -> bytes:
    """Empty bytes, as protocol 2 writes them."""
    if plain(node) != ():
        raise damaged("its pickle holds malformed bytes")
    return b""


def _bytearray(builder: Builder, node: Made) -> bytearray:
    match plain(node):
        case ():
            return bytearray()
        case (bytes() as content,):
            builder.budget.charge(len(content))
            return bytearray(content)
        case (Made(maker=Name(name="encode")) as call,):
            return bytearray(encoded(builder, call))
        case (str() as text, str()):  # Python 2 and protocols below 3 write this
            builder.budget.charge(len(text))
            try:
                return bytearray(text, "latin-1")
            except UnicodeEncodeError:
                pass
    raise damaged("its pickle holds malformed bytes")


MAKERS: dict[tuple[str, str], Maker] = {
    ("collections", "OrderedDict"): _ordered,
    ("collections", "defaultdict"): _default,
    ("collections", "Counter"): _counter,
    ("collections", "deque"): _queue,
    ("builtins", "set"): lambda builder, node: set(_members(builder, node)),
    ("builtins", "frozenset"): lambda builder, node: frozenset(_members(builder, node)),
    ("builtins", "slice"): _slice,
    ("builtins", "range"): _range,
    ("builtins", "complex"): _complex,
    ("builtins", "bytes"): _bytes,
    ("builtins", "bytearray"): _bytearray,
}

ONLY_NAMED = frozenset(
    {("builtins", name) for name in (*_FACTORIES, "object")} | {("copyreg", "_reconstructor")}
)
"""Names that may be arguments, but cannot be called."""
