"""Tensors of plain numbers, within the checked bounds of their storages.

Source: `torch._utils._rebuild_tensor_v2` and its siblings, which trust sizes and strides.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import Tensor

from wis.base.unpickle import graphs
from wis.base.unpickle.nodes import Made, Name, Pairs, Stored, damaged
from wis.base.unpickle.values import Builder, Maker, plain

_MAX_DIM = 64

DTYPES = {
    ("torch", name): getattr(torch, name)
    for name in (
        *("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
        *("float16", "bfloat16", "float32", "float64", "complex32", "complex64", "complex128"),
        *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
    )
    if hasattr(torch, name)
}
"""Types of elements of a tensor; quantised types and bits do not occur in graphs."""

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexDoubleStorage": torch.complex128,
    "ComplexFloatStorage": torch.complex64,
}

STORAGE_TYPES = {
    (module, name): dtype for module in ("torch", "torch.cuda") for name, dtype in _STORAGES.items()
} | {("torch.storage", "UntypedStorage"): torch.uint8}

_LAYOUTS: dict[str, torch.layout] = {
    f"torch.{name}": getattr(torch, name)
    for name in ("strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
}
_DEVICE_TYPES = frozenset({"cpu", "cuda", "mps", "xpu", "hpu", "xla", "meta"})


def _sizes(node: Any, what: str) -> tuple[int, ...]:
    """A tuple of lengths from a tuple or a `torch.Size`."""
    if isinstance(node, Made) and node.is_of("Size"):
        node = node.arguments[0] if len(plain(node)) == 1 else None
    if not isinstance(node, tuple) or len(node) > _MAX_DIM or set(map(type, node)) - {int}:
        raise damaged(f"the {what} of a tensor are not a short tuple of integers")
    if any(not 0 <= number < 2**62 for number in node):
        raise damaged(f"the {what} of a tensor are negative or too large")
    return node


def _tensor(builder: Builder, node: Made) -> Tensor:
    """Replaces `_rebuild_tensor_v2(storage, offset, size, stride, grad, hooks, metadata)`."""
    parts = plain(node)
    if len(parts) not in (4, 6, 7):
        raise damaged("a tensor has the wrong number of parts")
    if not isinstance(parts[0], Stored):
        raise damaged("a tensor has no storage")
    dtype = STORAGE_TYPES.get(parts[0].storage_type.pair)
    if dtype is None:
        raise damaged(f"a tensor has a storage of the type {parts[0].storage_type}")
    # `_rebuild_tensor`, the first version, has no flags
    return _with_flags(_strided(builder, dtype, *parts[:4]), *(parts[4:] or (False, None)))


def _tensor_of_new_type(builder: Builder, node: Made) -> Tensor:
    """Replaces `_rebuild_tensor_v3`, which has an untyped storage and names the type."""
    if len(plain(node)) not in (7, 8) or not isinstance(node.arguments[0], Stored):
        raise damaged("a tensor has the wrong number of parts")
    *place, grad, hooks, name, metadata = (*node.arguments, None)[:8]
    dtype = DTYPES.get(name.pair) if isinstance(name, Name) else None
    if dtype is None or place[0].storage_type.name != "UntypedStorage":
        raise damaged("the type of the elements of a tensor is unknown")
    return _with_flags(_strided(builder, dtype, *place), grad, hooks, metadata)


def _strided(
    builder: Builder, dtype: torch.dtype, stored: Stored, offset: Any, size: Any, stride: Any
) -> Tensor:
    size, stride = _sizes(size, "sizes"), _sizes(stride, "strides")
    if type(offset) is not int or not 0 <= offset < 2**62 or len(size) != len(stride):
        raise damaged("a tensor's offset, sizes and strides do not fit together")
    storage = builder.archive.storage(stored, dtype)
    count = math.prod(size)
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if count and last >= storage.nbytes() // dtype.itemsize:
        raise damaged("a tensor reaches beyond its storage")
    if not count and math.prod(length for length in size if length) >= 2**62:
        raise damaged("the sizes of a tensor are negative or too large")
    builder.budget.charge(count * dtype.itemsize)
    offset = offset if count else 0
    with torch.no_grad():
        made = torch.empty(0, dtype=dtype, device="cpu").set_(storage, offset, size, stride)
    # Code that sums bytes to count True values would count a byte of 2 twice.
    if dtype == torch.bool and count and int(made.view(torch.uint8).max()) > 1:
        raise damaged("a boolean tensor holds other values than 0 and 1")
    return made


def _with_flags(tensor: Tensor, grad: Any, hooks: Any, metadata: Any = None) -> Tensor:
    flags = {} if metadata is None else _flags(metadata)
    if hooks is not None and not _is_empty_ordered_dict(hooks):
        raise damaged("a tensor has hooks")
    _check_gradient(tensor, grad)
    if flags.get("conj"):
        if not tensor.is_complex():
            raise damaged("a tensor that is not complex is conjugated")
        tensor = tensor.conj()
    if flags.get("neg"):
        tensor = tensor.neg()
    return tensor.requires_grad_() if grad else tensor


def _check_gradient(tensor: Tensor, grad: Any) -> None:
    if type(grad) is not bool or (grad and not (tensor.is_floating_point() or tensor.is_complex())):
        raise damaged("a tensor of integers requires a gradient")


def _flags(metadata: Any) -> dict[Any, Any]:
    pairs = metadata.pairs if isinstance(metadata, Pairs) else [(None, None)]
    for key, value in pairs or ():
        if not isinstance(key, str) or key not in ("conj", "neg") or type(value) is not bool:
            raise damaged("a tensor has unknown flags")
    return dict(pairs or ())


def _is_empty_ordered_dict(node: Any) -> bool:
    is_one = isinstance(node, Made) and str(node.maker) == "collections.OrderedDict"
    return is_one and node.arguments in ((), ([],)) and not node.pairs


def _parameter(builder: Builder, node: Made) -> Tensor:
    if len(plain(node)) != 3:
        raise damaged("a parameter has the wrong number of parts")
    data, grad, hooks = builder.value(node.arguments[0]), *node.arguments[1:]
    if type(data) is not Tensor or not _is_empty_ordered_dict(hooks):
        raise damaged("a parameter is not made of a tensor, or has hooks")
    _check_gradient(data, grad)
    return torch.nn.Parameter(data.detach(), grad)


def _layout(builder: Builder, node: Made) -> torch.layout:
    match plain(node):
        case (str() as name,) if name in _LAYOUTS:
            return _LAYOUTS[name]
    raise damaged("it names an unknown layout of a tensor")


def _device(builder: Builder, node: Made) -> torch.device:
    match plain(node):
        case (str() as kind,) if kind in _DEVICE_TYPES:
            return torch.device(kind)
        case (str() as kind, int() as index) if kind in _DEVICE_TYPES and 0 <= index < 128:
            return torch.device(kind, index)
    raise damaged("it names an unknown device")


def _size(builder: Builder, node: Made) -> torch.Size:
    return torch.Size(_sizes(node, "sizes"))


def _sparse(builder: Builder, node: Made) -> Tensor:
    """Replaces `_rebuild_sparse_tensor(layout, data)`, which checks nothing."""
    if len(plain(node)) != 2 or not isinstance(node.arguments[1], tuple):
        raise damaged("a sparse tensor has the wrong number of parts")
    layout, parts = builder.value(node.arguments[0]), node.arguments[1]
    is_list = layout is torch.sparse_coo
    count = 2 if is_list else 3
    if layout is torch.strided or not count + 1 <= len(parts) <= (4 if is_list else count + 1):
        raise damaged("a sparse tensor has the wrong number of parts")
    tensors = [builder.value(part) for part in parts[:count]]
    if any(type(part) is not Tensor or part.layout != torch.strided for part in tensors):
        raise damaged("a sparse tensor is not made of tensors")
    size, sorted_ = _sizes(parts[count], "sizes"), (*parts, None)[count + 1]
    if sorted_ not in (None, True, False) or math.prod(size) >= 2**62:
        raise damaged("a sparse tensor is too large, or its order is invalid")
    options = {"is_coalesced": sorted_} if is_list else {"layout": layout}
    make: Any = torch.sparse_coo_tensor if is_list else torch.sparse_compressed_tensor
    with warnings.catch_warnings():  # torch calls some layouts a beta
        warnings.simplefilter("ignore")
        try:
            made: Tensor = make(*tensors, size, device="cpu", check_invariants=True, **options)
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:100]
            raise damaged(f"a sparse tensor is inconsistent: {reason}") from None
    return made


def _typed(builder: Builder, node: Made) -> Tensor:
    """Replaces `_rebuild_from_type_v2(function, type, arguments, state)`."""
    match plain(node):
        case (Name() as maker, Name() as kind, tuple() as arguments, state):
            if kind.pair in graphs.SUBCLASSES and isinstance(state, Pairs):
                return graphs.SUBCLASSES[kind.pair](builder, builder.texts(state.pairs))
            if kind.pair in _PLAIN_TYPES and maker.pair in MAKERS:
                tensor = builder.value(Made(maker, arguments))
                return _with_attributes(builder, tensor, state)
    raise damaged("the type of a tensor is unknown")


def _with_attributes(builder: Builder, tensor: Any, state: Any) -> Tensor:
    """Set attributes on a tensor; none may hide an attribute of all tensors."""
    if not isinstance(tensor, Tensor) or not (state is None or isinstance(state, Pairs)):
        raise damaged("a tensor has an unknown state")
    for key, value in builder.texts(state.pairs if state else ()).items():
        if hasattr(Tensor, key) or key.startswith("__") or not key.isidentifier():
            raise damaged(f"a tensor has the forbidden attribute {key[:40]!r}")
        setattr(tensor, key, builder.value(value))
    return tensor


_PLAIN_TYPES = frozenset(
    {("torch", "Tensor"), ("torch.nn.parameter", "Parameter"), ("torch.nn", "Parameter")}
)

MAKERS: dict[tuple[str, str], Maker] = {
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_of_new_type,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_sparse_tensor"): _sparse,
    ("torch._tensor", "_rebuild_from_type_v2"): _typed,
    ("torch.serialization", "_get_layout"): _layout,
    ("torch", "device"): _device,
    ("torch", "Size"): _size,
}

ONLY_NAMED = _PLAIN_TYPES | {("torch._utils", "_rebuild_wrapper_subclass")}
"""Names that may be arguments, but cannot be called."""
