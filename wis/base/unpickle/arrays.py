"""numpy arrays and scalars, made of a checked type, shape and bytes.

numpy itself makes an empty array and trusts the state in the file: for a type of Python objects it
would use bytes of the file as addresses. So only plain numbers and texts are allowed, and the file
cannot change the type of an array.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wis.base.unpickle.nodes import Made, Name, damaged
from wis.base.unpickle.values import Builder, plain
from wis.errors import GraphFormatError, UnsafePickleError

_NUMBERS = frozenset(
    {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"}
)
_MAX_DIM = 32
_LARGEST_CODE_POINT = 0x10FFFF


def bytes_of(builder: Builder, node: Any) -> bytes | bytearray:
    """The bytes of a node; older protocols write them as a text to be encoded."""
    if isinstance(node, Made) and node.is_of("encode", "bytes"):
        node = builder.value(node)
    if not isinstance(node, (bytes, bytearray)):
        raise damaged("the content of an array is not bytes")
    return node


def encoded(builder: Builder, node: Made) -> bytes:
    """Replaces `codecs.encode(text, "latin1")`."""
    match plain(node):
        case (str() as text, str() as code) if code.replace("-", "") in ("latin1", "iso88591"):
            builder.budget.charge(len(text))
            try:
                return text.encode("latin-1")
            except UnicodeEncodeError:
                pass
    raise damaged("its pickle holds malformed bytes")


def dtype(builder: Builder, node: Any) -> np.dtype[Any]:
    """Replaces `numpy.dtype(code, False, True)` with its state."""
    if not isinstance(node, Made) or not node.is_of("dtype"):
        raise damaged("an array has no type")
    match plain(node, state=True):
        case (str() as code, bool() | int(), bool() | int()):
            return _dtype(code, node)
    raise damaged("an array has no type")


def _dtype(code: str, node: Made) -> np.dtype[Any]:
    is_text = code[:1] == "U" and code[1:].isdecimal() and code.isascii() and len(code) < 9
    if code not in _NUMBERS and not is_text:
        raise UnsafePickleError(
            f"holds a numpy array of the type {code[:20]!r}; expected numbers or texts. Pass "
            "--trust-pickle (trust_pickle=True) if you trust where the file came from"
        )
    if not node.has_state:
        return np.dtype(code)
    numbers = (4 * int(code[1:]), 4, 8) if is_text else (-1, -1, 0)  # width, alignment, flags
    match node.state:
        case (3, "<" | ">" | "|" | "=" as order, None, None, None, *found):
            if tuple(found) == numbers and set(map(type, found)) == {int}:
                return np.dtype(f"{order}{code}")
    raise damaged("the type of an array has an unknown state")


def array(builder: Builder, node: Made) -> np.ndarray:
    """Replaces `_reconstruct(ndarray, (0,), b"b")` with its state."""
    match plain(node, state=True):
        case (Name(name="ndarray"), (0,), first) if bytes_of(builder, first) == b"b":
            pass
        case _:
            raise damaged("a numpy array has unknown arguments")
    match node.state:
        case (1, tuple() as shape, kind, bool() as by_columns, content):
            made = _array(builder, kind, shape, content, "F" if by_columns else "C")
            return made.astype(made.dtype.newbyteorder("="), copy=False)  # as numpy does here
    raise damaged("an array has no known state")


def array_of_buffer(builder: Builder, node: Made) -> np.ndarray:
    """Replaces `_frombuffer(bytes, dtype, shape, order)` of protocol 5."""
    match plain(node):
        case (content, kind, tuple() as shape, "C" | "F" as order):
            return _array(builder, kind, shape, content, order)
    raise damaged("a numpy array has unknown arguments")


def scalar(builder: Builder, node: Made) -> Any:
    """Replaces `scalar(dtype, bytes)`."""
    match plain(node):
        case (kind, content):
            return _array(builder, kind, (), content, "C")[()]
    raise damaged("a numpy scalar has the wrong number of parts")


def _array(
    builder: Builder, kind: Any, shape: tuple[Any, ...], content: Any, order: Any
) -> np.ndarray:
    type_ = dtype(builder, kind)
    if len(shape) > _MAX_DIM or any(type(n) is not int or not 0 <= n < 2**62 for n in shape):
        raise damaged("the shape of an array is invalid")
    if not type_.itemsize and shape != () and math.prod(shape):
        raise damaged("an array holds texts of length 0")
    raw = bytes_of(builder, content)
    if len(raw) != math.prod(shape) * type_.itemsize:
        raise damaged("the number of bytes of an array does not fit its shape")
    builder.budget.charge(len(raw))
    if not raw:
        return np.zeros(shape, type_, order)
    made = np.frombuffer(bytearray(raw), type_).reshape(shape, order=order)
    _check_items(made)
    return made


def _check_items(made: np.ndarray) -> None:
    if made.dtype.kind == "b" and made.view(np.uint8).max(initial=0) > 1:
        raise damaged("a boolean array holds other values than 0 and 1")
    if made.dtype.kind != "U":
        return
    flat = made.reshape(-1, order="A")
    points = flat.view(np.dtype(np.uint32).newbyteorder(made.dtype.byteorder))
    if points.max() > _LARGEST_CODE_POINT or ((points >= 0xD800) & (points < 0xE000)).any():
        raise GraphFormatError("holds a text that is not Unicode")


_PLACES = ("numpy._core", "numpy.core")

MAKERS = {
    ("_codecs", "encode"): encoded,
    ("numpy", "dtype"): dtype,
    **{(f"{place}.multiarray", "_reconstruct"): array for place in _PLACES},
    **{(f"{place}.multiarray", "scalar"): scalar for place in _PLACES},
    **{(f"{place}.numeric", "_frombuffer"): array_of_buffer for place in _PLACES},
}

ONLY_NAMED = frozenset({("numpy", "ndarray")})
"""Names that may be arguments, but cannot be called."""
