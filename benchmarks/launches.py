"""Count what tensor code asks of a GPU: kernel launches and waits, on a GPU or without one.

`Launches` is a context manager that sees every tensor operation in its block. It counts

- *launches*: operations that run at least one kernel; views and allocations run none;
- *waits*: operations after which the host stands still until the device is done, because it needs
  a number or a size (`item`, `nonzero`, a boolean index, `unique`, `bincount`), or because data go
  from one memory to the other;
- *bytes* and *operations*: what each operation reads and writes once, and how many numbers it
  computes. Divided by the bandwidth and the peak of a device they are two lower bounds of the time.

`pretend(tensor)` puts a tensor on a device that does not exist: the numbers are in host memory, but
`tensor.device` is ``meta``, numpy cannot look into it, and an operation on it and on a tensor in
host memory is refused, as on a GPU. So code that passes on the pretended device takes its GPU
branches and never mixes memories, and its waits are those of a GPU.

    there = UndirectedGraph(graph.num_nodes, pretend(graph.edges))
    with Launches() as counted:
        order = wis.methods.get_method("uniform").order(there, ...)
    counted.summary()
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

PRETENDED = torch.device("meta")
ALLOCATIONS = {"empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided"}
FREE = ALLOCATIONS | {"detach", "alias", "lift_fresh", "_unsafe_view", "resize_", "set_"}
WAITING = {
    "_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "bincount", "histc",
    "_unique", "_unique2", "unique_consecutive", "unique_dim", "isin", "multinomial",
    "_linalg_check_errors", "linalg_eigh", "_linalg_eigh", "_linalg_svd",
}  # fmt: skip
GATHERS = {"index", "index_select", "gather", "take", "embedding", "masked_select"}
SCATTERS = {
    "index_put_",
    "scatter_",
    "scatter_add_",
    "scatter_reduce_",
    "index_add_",
    "index_copy_",
}
MATRIX_PRODUCTS = {"mm": 0, "bmm": 0, "addmm": 1, "addmm_": 1, "baddbmm": 1, "mv": 0}
"""Operations of the products, with the place of their left factor."""


class Pretended(Tensor):
    """A tensor of the pretended device; `held` has its numbers in host memory."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Pretended:  # noqa: D102
        made: Any = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=PRETENDED,
        )
        made.held = held
        return made

    def __repr__(self, **_: Any) -> str:
        """The numbers."""
        return f"pretended {self.held!r}"

    def tolist(self) -> Any:
        """The numbers, as lists: a copy to the host."""
        return self.cpu().tolist()

    def new_tensor(self, data: Any, *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
        """Numbers of the host, copied to the device."""
        return torch.tensor(data, dtype=dtype or self.dtype, device="cpu").to(PRETENDED)

    def numpy(self, **_: Any) -> Any:
        """Refused."""
        raise TypeError("numpy cannot look into the memory of a device; copy to the host first")

    __array__ = numpy

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Operations need a counter, which unwraps the numbers."""
        with Launches():
            return func(*args, **(kwargs or {}))


def pretend(tensor: Tensor) -> Tensor:
    """The tensor on the pretended device, its numbers copied."""
    return Pretended(tensor.detach().clone())


class _CopiesFromHost(TorchFunctionMode):
    """Numbers of the host go to the pretended device by a copy, as to a GPU."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        there = func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None
        if there and torch.device(kwargs["device"]).type == PRETENDED.type:
            return func(*args, **{**kwargs, "device": "cpu"}).to(PRETENDED)
        return func(*args, **kwargs)


class Launches(TorchDispatchMode):
    """Counts while the block runs.

    Attributes:
        launches: Operations that start a kernel.
        waits: Operations that the host waits for.
        bytes: Read and written, each tensor of an operation once.
        operations: Numbers computed; a product of matrices has 2 for each pair that it multiplies.
        by_name: Launches of each operation.
        waits_by_name: Waits of each operation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.launches = self.waits = self.bytes = self.operations = 0
        self.by_name: Counter[str] = Counter()
        self.waits_by_name: Counter[str] = Counter()
        self._copies = _CopiesFromHost()

    def __enter__(self) -> Launches:
        """Count from here on."""
        self._copies.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        """Count no more."""
        super().__exit__(*error)
        self._copies.__exit__(*error)

    def summary(self, **per: int) -> dict[str, Any]:
        """The counts, and launches and waits for each of some units, such as ``level=12``."""
        found: dict[str, Any] = {
            "launches": self.launches,
            "waits": self.waits,
            "bytes": self.bytes,
            "operations": self.operations,
            "waits_by_name": dict(self.waits_by_name.most_common()),
            "launches_by_name": dict(self.by_name.most_common(12)),
        }
        for unit, number in per.items():
            found[f"{unit}s"] = number
            found[f"launches_per_{unit}"] = self.launches / max(number, 1)
            found[f"waits_per_{unit}"] = self.waits / max(number, 1)
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count it."""
        kwargs = dict(kwargs or {})
        name = func.overloadpacket.__name__
        inputs = _tensors((args, kwargs))
        pretended = _on_pretended(name, inputs, kwargs)
        if any(isinstance(tensor, Pretended) for tensor in inputs) or pretended:
            found, outputs = _run_pretended(func, args, kwargs, pretended)
        else:
            found = func(*args, **kwargs)
            outputs = _tensors(found)
        self._count(func, name, inputs, outputs, args, kwargs)
        return found

    def _count(
        self,
        func: Any,
        name: str,
        inputs: list[Tensor],
        outputs: list[Tensor],
        args: Any,
        kwargs: dict[str, Any],
    ) -> None:
        devices = {tensor.device.type for tensor in (*inputs, *outputs) if tensor.dim()}
        devices |= {tensor.device.type for tensor in outputs}
        if len(devices | {tensor.device.type for tensor in inputs}) > 1 and "cpu" in devices:
            self._wait(name)  # from one memory to the other
        elif name in WAITING or _needs_a_size(name, args, kwargs):
            self._wait(name)
        if func.is_view or name in FREE:
            return
        self.launches += 1
        self.by_name[name] += 1
        self.bytes += _bytes(name, inputs, outputs)
        written = sum(tensor.numel() for tensor in outputs)
        self.operations += written
        if name in MATRIX_PRODUCTS:
            left = args[MATRIX_PRODUCTS[name]]
            pairs = written * left.shape[-1]
            if left.layout != torch.strided:  # each entry meets a row of the right factor
                pairs = left._nnz() * max(written // left.shape[0], 1)
            self.operations += max(2 * pairs - written, 0)

    def _wait(self, name: str) -> None:
        self.waits += 1
        self.waits_by_name[name] += 1


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)]


def _bytes(name: str, inputs: list[Tensor], outputs: list[Tensor]) -> int:
    """Read and written once; of a tensor that is indexed, the entries that are meant."""
    sizes, written = list(map(_held, inputs)), list(map(_held, outputs))
    if name in GATHERS:
        sizes[0] = written[0]
    elif name in SCATTERS:
        most = max(tensor.numel() for tensor in inputs[1:])
        sizes[0] = written[0] = min(sizes[0], most * inputs[0].element_size())
    return sum(sizes) + sum(written)


def _held(tensor: Tensor) -> int:
    """Bytes of a tensor; of a sparse one those of its entries, with a column and a row each."""
    if tensor.layout == torch.strided:
        return tensor.numel() * tensor.element_size()
    return tensor._nnz() * (tensor.element_size() + 2 * 8)


def _needs_a_size(name: str, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether the size of the result depends on numbers of the arguments."""
    if name == "repeat_interleave":
        return kwargs.get("output_size") is None and isinstance(args[-1], Tensor)
    if name not in ("index", "index_put", "index_put_", "_index_put_impl_"):
        return False
    masks = [i for i in args[1] if isinstance(i, Tensor) and i.dtype in (torch.bool, torch.uint8)]
    fills = (
        name != "index" and len(args[1]) == 1 and args[2].dim() == 0
    )  # torch fills masked places
    return bool(masks) and not fills


def _on_pretended(name: str, inputs: list[Tensor], kwargs: dict[str, Any]) -> bool:
    """Whether an operation's result is on the pretended device; refuses a mixture of memories."""
    if kwargs.get("device") is not None:
        return torch.device(kwargs["device"]).type == PRETENDED.type
    there = [isinstance(tensor, Pretended) for tensor in inputs if tensor.dim()]
    if name in ("copy_", "_local_scalar_dense"):
        return isinstance(inputs[0], Pretended) and name == "copy_"
    if any(there) and not all(there):
        raise RuntimeError(
            f"{name}: one tensor is on the pretended device and another in host memory; expected "
            f"all on one device"
        )
    return any(isinstance(tensor, Pretended) for tensor in inputs)


def _run_pretended(func: Any, args: Any, kwargs: Any, pretended: bool) -> tuple[Any, list[Tensor]]:
    def held(leaf: Any) -> Any:
        return leaf.held if isinstance(leaf, Pretended) else leaf

    if kwargs.get("device") is not None:
        kwargs = {**kwargs, "device": torch.device("cpu") if pretended else kwargs["device"]}
    name = func.overloadpacket.__name__
    if name in MATRIX_PRODUCTS and not _tensors(args)[0].is_floating_point():
        raise NotImplementedError(f"{name} of integers: GPUs have none")
    found = func(*tree_map(held, args), **tree_map(held, kwargs))
    # an operation in place returns the tensor that it was given
    given = {id(held(leaf)): leaf for leaf in tree_flatten((args, kwargs))[0]}

    def kept(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or not pretended:
            return leaf
        return (
            given.get(id(leaf)) if isinstance(given.get(id(leaf)), Pretended) else Pretended(leaf)
        )

    found = tree_map(kept, found)
    return found, _tensors(found)
